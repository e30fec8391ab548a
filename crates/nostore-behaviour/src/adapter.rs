//! What an adapter's tests provide, and what they are given.

use std::net::SocketAddr;

use nostore_cache::Platform;
use nostore_session::Instance;
use nostore_signin::SignIn;
use nostore_web::{Routes, Sessions};

use crate::identity::sessions;
use crate::own;
use crate::site::Gate;

/// A framework with our middleware, as the suite sees it.
pub trait Adapter {
    /// Tells what the framework does with a handler that panics.
    fn on_panic(&self) -> Panic;

    /// Serves the site on a port of loopback until the process ends, from threads of its own.
    fn serve(&self, site: Site, around: Around) -> SocketAddr;
}

/// What a visitor gets of a handler that panicked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Panic {
    /// A layer inside of ours turned it into a 500.
    Answered,
    /// The connection ends without a response.
    HangsUp,
}

/// What the site is made with.
#[derive(Clone, Debug)]
pub struct Site {
    /// For the middleware.
    pub sessions: Sessions,
    /// Holds streams back until a case lets them go on.
    pub gate: Gate,
    /// For the routes of the site's own sign-in, where it has one.
    pub sign_in: Option<SignIn>,
}

/// What stands around the site.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Around {
    /// The response side alone, for the cookie `id`; `/open/*` is public.
    Cookies,
    /// Nothing.
    Nothing,
    /// The sessions.
    Sessions,
    /// The sessions, twice.
    SessionsTwice,
}

/// How the site is set up.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Setting {
    /// No middleware.
    Bare,
    /// The response side alone.
    Cookies,
    /// A development instance.
    Development,
    /// Every page navigation finds out who is asking.
    Eager,
    /// A live instance, lazy.
    Live,
    /// A development instance on Netlify.
    Netlify,
    /// The site's own sign-in, live.
    OwnSignIn,
    /// Every response is sensitive.
    ProtectAll,
    /// As [`Self::Live`], with the middleware in it twice.
    Twice,
}

impl Setting {
    pub(crate) async fn site(self) -> Site {
        if self == Self::OwnSignIn {
            let sign_in = own::sign_in().await;
            return Site { sessions: sign_in.sessions(), gate: Gate::default(), sign_in: Some(sign_in) };
        }
        let instance = match self {
            Self::Development | Self::Netlify => Instance::Development,
            _ => Instance::Production,
        };
        let builder = sessions(instance)
            .routes(Routes::new().protected("/admin/*").public("/open/*"))
            .platform((self == Self::Netlify).then_some(Platform::Netlify))
            .eager(self == Self::Eager)
            .protect_all(self == Self::ProtectAll);
        let sessions = builder.build().expect("the site's rules are right");
        Site { sessions, gate: Gate::default(), sign_in: None }
    }

    pub(crate) const fn around(self) -> Around {
        match self {
            Self::Bare => Around::Nothing,
            Self::Cookies => Around::Cookies,
            Self::Twice => Around::SessionsTwice,
            _ => Around::Sessions,
        }
    }
}

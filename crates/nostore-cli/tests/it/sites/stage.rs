//! An app and what stands in front of it, each a process of its own.

use std::path::PathBuf;

use nostore_test::Nostore;
use url::Url;

use super::Visitor;
use crate::chromium::ALICE;
use crate::site::{Folder, NOSTORE};

/// What stands between the app and the CDN.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Way {
    /// Nothing.
    Bare,
    /// `nostore guard`.
    Guard,
}

/// Who signs a visitor in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum SignIn {
    /// The app's own form, of Auth.js.
    Form,
    /// The bundled issuer, as the app's OpenID Provider.
    Provider,
}

/// An app of `conformance/sites`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct App {
    pub(crate) folder: &'static str,
    /// What its session is called.
    pub(crate) cookie: &'static str,
    pub(crate) sign_in: SignIn,
    /// Where the sign-in's own routes are.
    pub(crate) auth: &'static str,
    /// A page that shows who is asking and says nothing about caching.
    pub(crate) silent: Option<&'static str>,
    /// Which of its releases runs, where it has two.
    pub(crate) release: &'static str,
}

impl App {
    pub(crate) const AUTH_JS: Self =
        Self { folder: "", cookie: "", sign_in: SignIn::Form, auth: "/api/auth", silent: None, release: "" };
    pub(crate) const AUTH0: Self = Self {
        folder: "auth0",
        cookie: "__session",
        sign_in: SignIn::Provider,
        auth: "/auth",
        silent: None,
        release: "",
    };

    /// Returns where it is, installed and built.
    pub(crate) fn path(&self) -> PathBuf {
        let sites = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conformance/sites");
        let path = sites.join(self.folder);
        let built = self.folder == "express" || path.join(".next/BUILD_ID").exists();
        assert!(
            built && sites.join("node_modules/.package-lock.json").exists(),
            "expected {} to be installed and built, found that it is not: cargo xtask install",
            path.display()
        );
        path
    }

    /// The CDN that `nostore dev` emulates where visitors sign in.
    fn home(&self, cdn: &'static str) -> &'static str {
        match self.sign_in {
            SignIn::Form => cdn,
            // Elsewhere the first step of the sign-in is stored, and the second visitor gets the first one's.
            SignIn::Provider => "amplify",
        }
    }
}

/// A running app and what is in front of it.
pub(crate) struct Stage {
    pub(crate) app: App,
    /// The app, and an emulated CDN in front of it.
    dev: Nostore,
    guard: Option<Nostore>,
    /// Another emulated CDN.
    edge: Option<Nostore>,
    _folder: Folder,
}

impl Stage {
    pub(crate) async fn start(app: &App, cdn: &'static str, way: Way) -> Self {
        let folder = Folder::new();
        let data = folder.0.join("data").display().to_string();
        let release = format!("SITE_AUTH0={}", app.release);
        let kind = if app.sign_in == SignIn::Provider { "cookie" } else { "handshake" };
        let home = app.home(cdn);
        let ports = ["--listen", "127.0.0.1:0", "--issuer-listen", "127.0.0.1:0"];
        let dev = ["dev", "--json", "--cdn", home, "--data", &data, "--sessions", kind];
        let command = ["--", "env", &release, "npm", "start"];
        let dev = Nostore::start(NOSTORE, &[&dev[..], &ports, &command].concat(), &app.path()).await.unwrap();
        let listening = dev.started("/app").to_owned();
        let start = async |arguments: &[&str]| {
            let arguments = [arguments, &["--json", "--listen", "127.0.0.1:0"]].concat();
            Nostore::start(NOSTORE, &arguments, &folder.0).await.unwrap()
        };
        let guard = ["guard", "--origin", &listening, "--session-cookie", app.cookie];
        let guard = [&guard[..], &["--trusted-proxy", "127.0.0.1"]].concat();
        let guard = match way {
            Way::Bare => None,
            Way::Guard => Some(start(&guard).await),
        };
        let origin = guard.as_ref().map_or(listening.as_str(), |guard| guard.started("/site"));
        let edge = match way {
            Way::Bare if cdn == home => None,
            _ => Some(start(&["edge", "--cdn", cdn, "--origin", origin]).await),
        };
        Self { app: *app, dev, guard, edge, _folder: folder }
    }

    /// The emulated CDN that is looked at.
    pub(crate) fn edge(&mut self) -> &mut Nostore {
        self.edge.as_mut().unwrap_or(&mut self.dev)
    }

    /// A place behind that one.
    pub(crate) fn at(&self, path: &str) -> Url {
        place(self.edge.as_ref().unwrap_or(&self.dev), path)
    }

    /// Signs in: at the site's own form, or at the provider, which knows the site by the address that `nostore dev` gave it.
    pub(crate) async fn sign_in(&self, visitor: &mut Visitor) {
        let auth = self.app.auth;
        match self.app.sign_in {
            SignIn::Form => {
                let url = self.at(&format!("{auth}/callback/credentials"));
                self.post(visitor, &url, &[("email", ALICE), ("callbackUrl", "/me")]).await;
            }
            SignIn::Provider => {
                let page = visitor.open(&place(&self.dev, &format!("{auth}/login"))).await.unwrap();
                let asked = ["client_id", "redirect_uri", "response_type", "scope", "state", "nonce"];
                let asked = asked.into_iter().chain(["code_challenge", "code_challenge_method"]);
                let mut form: Vec<(&str, String)> =
                    asked.map(|name| (name, page.form_value(name).unwrap())).collect();
                form.push(("account", ALICE.to_owned()));
                let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, &**value)).collect();
                let url = page.hops.last().unwrap().url.join("/oauth/sign-in").unwrap();
                visitor.submit(&url, &form).await.unwrap();
            }
        }
    }

    pub(crate) async fn sign_out(&self, visitor: &mut Visitor) {
        let auth = self.app.auth;
        match self.app.sign_in {
            SignIn::Form => {
                let url = self.at(&format!("{auth}/signout"));
                self.post(visitor, &url, &[("callbackUrl", "/me")]).await;
            }
            SignIn::Provider => {
                let mut url = place(&self.dev, &format!("{auth}/logout"));
                let back = place(&self.dev, "/auth/sign-out");
                url.query_pairs_mut().append_pair("returnTo", back.as_str());
                visitor.open(&url).await.unwrap();
            }
        }
    }

    /// Submits one of Auth.js's forms.
    async fn post(&self, visitor: &mut Visitor, url: &Url, form: &[(&str, &str)]) {
        let told = visitor.open(&self.at(&format!("{}/csrf", self.app.auth))).await.unwrap();
        let told: serde_json::Value = serde_json::from_str(&told.body).unwrap();
        let token = ("csrfToken", told["csrfToken"].as_str().unwrap_or_else(|| panic!("no token in {told}")));
        visitor.submit(url, &[form, &[token]].concat()).await.unwrap();
    }

    /// Ends everything, the app too.
    pub(crate) async fn stop(self) {
        for mut process in [self.edge, self.guard, Some(self.dev)].into_iter().flatten() {
            assert_eq!(process.interrupt().await, Some(0));
        }
    }
}

/// A place behind an emulated CDN, by the one name that all of them share: cookies know no ports.
fn place(process: &Nostore, path: &str) -> Url {
    let site = process.started("/site").replace("127.0.0.1", "localhost");
    Url::parse(&format!("{site}{path}")).unwrap()
}

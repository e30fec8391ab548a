//! The providers, and all that the flows know of their differences.

use std::path::Path;
use std::process::Command;

use crate::visitor::Gesture;

/// An OpenID Provider that can be started.
pub(crate) struct Product {
    /// What starts it; its options are one more argument.
    pub(crate) command: fn() -> Command,
    /// The site's secret there.
    pub(crate) secret: &'static str,
    /// How long its access tokens live, in seconds.
    pub(crate) access_secs: i64,
    /// Alice's name for machines and for people.
    pub(crate) subject: &'static str,
    pub(crate) name: &'static str,
    /// Whether its ID Tokens tell an address that was asked for; if not, its userinfo endpoint alone does.
    pub(crate) id_token_tells_address: bool,
    /// How Alice signs in: whichever of these a page has room for, page by page.
    pub(crate) sign_in: &'static [Gesture],
    /// How she goes back instead.
    pub(crate) deny: &'static [Gesture],
    /// How she leaves.
    pub(crate) leave: &'static [Gesture],
}

/// npm `oidc-provider`. It asks who signs in and then whether they agree; it keeps everything in memory.
pub(crate) static OIDC_PROVIDER: Product = Product {
    command: oidc_provider,
    secret: "hush: 100%+",
    access_secs: 2,
    subject: "alice",
    name: "alice",
    id_token_tells_address: false,
    sign_in: &[
        Gesture::Submit { control: "name=\"login\"", adds: "login=alice&password=x" },
        Gesture::Submit { control: "value=\"consent\"", adds: "" },
    ],
    deny: &[Gesture::Follow { text: "[ Cancel ]" }],
    leave: &[Gesture::Submit { control: "name=\"xsrf\"", adds: "logout=yes" }],
};

/// `nostore-issuer`. It asks who signs in; a logout with an ID Token asks nothing. Its secrets have no spaces.
pub(crate) static BUNDLED_ISSUER: Product = Product {
    command: bundled_issuer,
    secret: "hush:100%+&=",
    access_secs: nostore_issuer::core::ACCESS_SECS,
    subject: "user_alice",
    name: "Alice",
    id_token_tells_address: true,
    sign_in: &[Gesture::Submit {
        control: "name=\"account\" value=\"alice@example.com\"",
        adds: "account=alice@example.com",
    }],
    deny: &[Gesture::Submit { control: "name=\"cancel\"", adds: "cancel=1" }],
    leave: &[],
};

fn oidc_provider() -> Command {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("provider");
    assert!(
        folder.join("node_modules/oidc-provider/package.json").exists(),
        "expected the OpenID Provider to be installed: run `npm ci` in {}",
        folder.display()
    );
    let mut command = Command::new("node");
    command.arg(folder.join("server.mjs")).env_remove("NODE_OPTIONS");
    command
}

fn bundled_issuer() -> Command {
    Command::new(env!("CARGO_BIN_EXE_issuer"))
}

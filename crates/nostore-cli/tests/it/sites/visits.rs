//! What happens to Alice and to strangers.

use serde_json::Value;

use super::Visitor;
use super::stage::Stage;
use crate::chromium::ALICE;

/// The page for everybody: cacheable by the app's word.
const PUBLIC: &str = "/";
/// The page that says who is asking: no cache may store it.
const PERSONAL: &str = "/me";
pub(crate) const NOBODY: &str = "nobody";

/// What was seen.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Seen {
    /// The public page renews the session of whoever has one.
    renewed: bool,
    /// Who a stranger is, after the public page.
    stranger: String,
    /// The next stranger's public page is a hit.
    hit: bool,
    /// And hands a session out.
    gets_session: bool,
    /// A cookie of whatever kind comes with it.
    gets_cookies: bool,
    /// Who Alice is when strangers have been on the personal page.
    returns: String,
    /// Who Alice is after her sign-out and the public page.
    signed_out: String,
    /// What is warned of on the public page, each once.
    warnings: Vec<String>,
    /// Who a stranger is on the page that says nothing about caching.
    silent: Option<String>,
}

impl Seen {
    /// Everybody is Alice, and she cannot leave.
    pub(crate) fn leak() -> Self {
        Self {
            renewed: true,
            stranger: ALICE.to_owned(),
            hit: true,
            gets_session: true,
            gets_cookies: true,
            returns: ALICE.to_owned(),
            signed_out: ALICE.to_owned(),
            warnings: vec!["stored-set-cookie".to_owned()],
            silent: None,
        }
    }

    /// Everybody stays who they are, and the public page a hit.
    pub(crate) fn safe() -> Self {
        Self {
            renewed: true,
            stranger: NOBODY.to_owned(),
            hit: true,
            gets_session: false,
            gets_cookies: false,
            returns: ALICE.to_owned(),
            signed_out: NOBODY.to_owned(),
            warnings: Vec::new(),
            silent: None,
        }
    }

    /// With another warning, in front of those that there are.
    pub(crate) fn warned(mut self, code: &str) -> Self {
        self.warnings.insert(0, code.to_owned());
        self
    }

    /// With a page that says nothing about caching, on which a stranger is `who`.
    pub(crate) fn on_silence(self, who: &str) -> Self {
        Self { silent: Some(who.to_owned()), ..self }
    }
}

/// Sends Alice and the strangers; returns what was seen, and what the warnings said.
pub(crate) async fn visits(stage: &mut Stage, case: &str) -> (Seen, Vec<String>) {
    let cookie = stage.app.cookie;
    let [mut alice, mut stranger, mut next] = [(); 3].map(|()| Visitor::new());
    stage.sign_in(&mut alice).await;
    assert_eq!(who(stage, &mut alice, PERSONAL).await, ALICE, "{case}: the sign-in itself works");

    let opened = alice.open(&stage.at(PUBLIC)).await.unwrap();
    let renewed = opened.hops[0].set_cookies().any(|line| line.starts_with(cookie));
    stranger.open(&stage.at(PUBLIC)).await.unwrap();
    let stranger_is = who(stage, &mut stranger, PERSONAL).await;
    let opened = next.open(&stage.at(PUBLIC)).await.unwrap();
    let hit = opened.hops[0].cache_says("hit");
    let gets_session = next.has_cookie(&stage.at(PUBLIC), cookie);
    let gets_cookies = opened.hops[0].set_cookies().next().is_some();
    let silent = match stage.app.silent {
        None => None,
        Some(path) => {
            assert_eq!(who(stage, &mut alice, path).await, ALICE, "{case}");
            Some(who(stage, &mut Visitor::new(), path).await)
        }
    };

    let returns = who(stage, &mut alice, PERSONAL).await;
    stage.sign_out(&mut alice).await;
    assert!(!alice.has_cookie(&stage.at(PUBLIC), cookie), "{case}: the sign-out itself works");
    alice.open(&stage.at(PUBLIC)).await.unwrap();
    let signed_out = who(stage, &mut alice, PERSONAL).await;

    let told = warnings(stage).await;
    let mut codes: Vec<String> = told.iter().map(|warning| text(warning, "code")).collect();
    codes.sort();
    codes.dedup();
    let told = told.iter().map(|warning| text(warning, "what")).collect();
    let seen = Seen {
        renewed,
        stranger: stranger_is,
        hit,
        gets_session,
        gets_cookies,
        returns,
        signed_out,
        warnings: codes,
        silent,
    };
    (seen, told)
}

/// Opens a page that says who is asking.
async fn who(stage: &Stage, visitor: &mut Visitor, path: &str) -> String {
    let page = visitor.open(&stage.at(path)).await.unwrap();
    page.who().unwrap_or_else(|| panic!("expected a name at {path}, found {}", page.body)).to_owned()
}

/// Lists the warnings about the public page, once everything so far has been told.
async fn warnings(stage: &mut Stage) -> Vec<Value> {
    let last = "/no-such-page";
    Visitor::new().open(&stage.at(last)).await.unwrap();
    stage.edge().wait_for(0, |event| event["path"] == last).await.unwrap();
    let told = stage.edge().since(0);
    told.into_iter().filter(|event| event["event"] == "warning" && event["path"] == PUBLIC).collect()
}

fn text(event: &Value, name: &str) -> String {
    event[name].as_str().unwrap_or_default().to_owned()
}

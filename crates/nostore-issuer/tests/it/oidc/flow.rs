//! The whole way of a sign-in, and what is on it.

use nostore_issuer::core::Mode;
use nostore_jose::{JwkSet, Jws, verify};
use serde_json::json;

use super::{Stage, code_of, location, text};
use crate::world::{NOW, parameter, pretty, show};

#[test]
fn the_provider_says_what_it_can() {
    let mut stage = Stage::new(Mode::Test);
    let answer = stage.get("/.well-known/openid-configuration");
    insta::assert_snapshot!(pretty(&serde_json::from_str(&answer.body).unwrap()));
}

#[test]
fn a_site_signs_somebody_in() {
    for (mode, name) in [(Mode::Test, "test"), (Mode::Live, "live")] {
        let mut stage = Stage::new(mode);
        let page = stage.authorize(&[]);
        assert!(page.status == 200 && page.body.contains("to continue to <strong>The &lt;Site&gt;</strong>"));
        let answer = stage.sign_in(&[]);
        let mut table = show(&answer);
        let (status, tokens) = stage.redeem(&code_of(&answer), &[]);
        assert_eq!(status, 200, "{tokens}");
        table.push_str(&pretty(&tokens));
        let info = stage.user_info(text(&tokens, "access_token"));
        table.push_str(&format!("\n{}{}", show(&info), info.body));
        insta::assert_snapshot!(format!("flow_{name}"), table);

        let id_token = text(&tokens, "id_token");
        let keys = stage.world.get("/.well-known/jwks.json", &[]).body;
        let keys = JwkSet::parse(keys.as_bytes()).unwrap();
        let jws = Jws::parse(id_token).unwrap();
        assert!(verify(&jws, keys.find(jws.header().kid().unwrap()).unwrap()).is_ok());
    }
}

#[test]
fn a_browser_that_is_signed_in_goes_straight_back() {
    for mode in [Mode::Test, Mode::Live] {
        let mut stage = Stage::new(mode);
        stage.code(&[]);
        stage.world.now = NOW.plus_secs(100);
        let again = stage.authorize(&[("prompt", "none"), ("state", ""), ("nonce", "")]);
        assert_eq!(again.status, 303);
        assert_eq!(parameter(location(&again), "state"), None);
        let (_, tokens) = stage.redeem(&code_of(&again), &[]);
        let said = crate::world::claims(text(&tokens, "id_token"));
        assert_eq!(said["auth_time"], json!(NOW.secs()), "that was then");
        assert_eq!(said.get("nonce"), None);
    }
}

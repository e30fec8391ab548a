//! The one function that adapters call for a response, asked directly.

use nostore_cache::{Intent, Platform, author_intent, netlify_vary};
use nostore_message::{ResponseHead, Sensitivity, apply};
use nostore_session::PublishableKey;
use nostore_web::{Circumstances, Why, protect_response};

use crate::heads::{assert_field_set, response};

const TEST_KEY: &str = "pk_test_Y2xlcmsuZXhhbXBsZS5jb20k";
const LIVE_KEY: &str = "pk_live_Y2xlcmsuY2xlcmsuZGV2JA";

/// Protects a response of the handshake to a site with this key on Netlify, twice.
fn protected(key: &str, head: &ResponseHead<'static>) -> ResponseHead<'static> {
    let key = PublishableKey::parse(key).unwrap();
    let is_development = key.instance() == nostore_session::Instance::Development;
    let vary = netlify_vary(Some(Platform::Netlify), is_development, false, ["__session", "__client_uat"]);
    let circumstances = Circumstances {
        session_cookies: &[],
        level: Some((Sensitivity::AuthFlow, &Why::Gate)),
        credentials: false,
        netlify_vary: vary.as_ref(),
        dev: false,
    };
    let mut head = head.clone();
    apply(&protect_response(&circumstances, &head).edits, &mut head.fields);
    let once = head.clone();
    apply(&protect_response(&circumstances, &head).edits, &mut head.fields);
    assert_eq!(head, once, "setting is idempotent");
    head
}

#[test]
fn r1_8_r1_11_state_headers_location_and_key_are_all_it_needs() {
    let rows: [&[(&str, &str)]; 6] = [
        &[],
        &[("location", "")],
        &[("location", "https://accounts.example/v1/client/handshake?redirect_url=x")],
        &[("location", "/dashboard?__clerk_handshake=x")],
        &[("cache-control", ""), ("vary", ""), ("netlify-vary", "")],
        &[
            ("netlify-vary", "query"),
            ("netlify-vary", "cookie=theme"),
            ("netlify-cdn-cache-control", "s-maxage=60"),
        ],
    ];
    for fields in rows {
        for (key, expected) in [(TEST_KEY, Some("cookie=__client_uat|__session")), (LIVE_KEY, None)] {
            let head = protected(key, &response(307, fields));
            assert_field_set(&head.fields);
            assert_eq!(author_intent(&head), Intent::Uncacheable);
            assert_eq!(head.fields.first("location"), response(307, fields).fields.first("location"));
            let lines: Vec<&str> = head.fields.all("netlify-vary").collect();
            match expected {
                Some(line) => assert_eq!(lines, [line], "{fields:?}"),
                // What the app itself had said stays its own.
                None => {
                    assert_eq!(lines, response(307, fields).fields.all("netlify-vary").collect::<Vec<_>>());
                }
            }
        }
    }
}

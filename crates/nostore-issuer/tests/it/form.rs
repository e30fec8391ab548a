//! Forms: of the service's own pages only.

use nostore_issuer::core::Mode;

use crate::world::World;

#[test]
fn forms_of_other_sites_are_refused() {
    let rows: [(&[(&str, &str)], u16); 12] = [
        (&[], 200),
        (&[("sec-fetch-site", "same-origin")], 200),
        (&[("sec-fetch-site", "none")], 200),
        (&[("sec-fetch-site", "same-origin"), ("origin", "null")], 200),
        (&[("origin", "http://127.0.0.1:8081")], 200),
        (&[("sec-fetch-site", "cross-site")], 403),
        (&[("sec-fetch-site", "same-site")], 403),
        (&[("sec-fetch-site", "cross-site"), ("origin", "http://127.0.0.1:8081")], 403),
        (&[("origin", "http://127.0.0.1:8080")], 403),
        (&[("origin", "http://evil.example")], 403),
        (&[("origin", "null")], 403),
        (&[("origin", "")], 403),
    ];
    for (fields, status) in rows {
        for target in ["/sign-in", "/sign-out"] {
            let mut world = World::new(Mode::Test);
            let answer = world.post(target, fields, "email=alice%40example.com");
            assert_eq!(answer.status, status, "{target} {fields:?}");
            if status == 403 {
                assert!(answer.body.contains("another site"), "{}", answer.body);
                assert_eq!(world.issuer.state().clients().len(), 0);
            }
        }
    }
}

#[test]
fn what_is_no_form_is_said_to_be_none() {
    let rows = [
        ("application/x-www-form-urlencoded", 200),
        ("Application/X-WWW-Form-URLencoded; charset=utf-8", 200),
        ("text/plain", 415),
        ("application/json", 415),
        ("", 415),
    ];
    for (kind, status) in rows {
        let mut world = World::new(Mode::Test);
        let (answer, _) =
            world.send("POST", "/sign-in", &[("content-type", kind)], "email=alice%40example.com");
        assert_eq!(answer.status, status, "{kind}");
    }
}

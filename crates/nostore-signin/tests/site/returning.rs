//! Where a sign-in returns to: this site, whatever a link says.

use crate::world::{ADMIN, Visitor, World};

/// What links say to lead visitors elsewhere after they have signed in here.
const TRICKS: &str = include_str!("open-redirects.txt");

#[tokio::test]
async fn r3_10_no_trick_leads_a_visitor_off_the_site() {
    let world = World::new().await;
    let mut alice = Visitor::new(&world.site);
    alice.sign_in(&world, ADMIN).await;
    let mut tried = 0;
    for trick in TRICKS.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        // `\xHH` stands for an octet that an editor would not show.
        let trick = unescaped(trick);
        let query =
            form_urlencoded::Serializer::new(String::new()).append_pair("callbackUrl", &trick).finish();
        let sent = alice.get(&format!("/auth/sign-in?{query}")).await;
        assert_eq!(sent.status, 303, "{trick:?}");
        // As a browser reads it.
        let base = url::Url::parse("https://www.example.com/auth/sign-in").unwrap();
        let landed = base.join(sent.location()).unwrap();
        assert_eq!(landed.origin(), base.origin(), "{trick:?} leads to {landed}");
        assert!(!sent.location().starts_with("//") && sent.location().starts_with('/'), "{trick:?}");
        assert!(landed.username().is_empty(), "{trick:?} leads to {landed}");
        // Nor back into the sign-in, where it would go round.
        assert!(!landed.path().starts_with("/auth"), "{trick:?} leads to {landed}");
        tried += 1;
    }
    assert!(tried >= 100, "expected a hundred tricks and more, found {tried}");
}

#[tokio::test]
async fn r3_10_a_page_of_this_site_is_returned_to_with_query_and_fragment() {
    let world = World::new().await;
    let mut alice = Visitor::new(&world.site);
    alice.sign_in(&world, ADMIN).await;
    for (wanted, expected) in [
        ("/tree?x=%2F%2Fevil.example#here", "/tree?x=%2F%2Fevil.example#here"),
        ("https://www.example.com/tree", "/tree"),
        ("tree", "/auth/tree"),
        ("", "/"),
    ] {
        let query =
            form_urlencoded::Serializer::new(String::new()).append_pair("callbackUrl", wanted).finish();
        let found = alice.get(&format!("/auth/sign-in?{query}")).await.location().to_owned();
        if wanted == "tree" {
            // Relative to nothing that a link could know.
            assert!(found == "/" || found == "/tree", "{found}");
        } else {
            assert_eq!(found, expected, "{wanted}");
        }
    }
}

fn unescaped(line: &str) -> String {
    let mut text = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("\\x") {
        text.push_str(before);
        match u8::from_str_radix(after.get(..2).unwrap_or_default(), 16) {
            Ok(octet) => {
                text.push(char::from(octet));
                rest = &after[2..];
            }
            Err(_) => {
                text.push_str("\\x");
                rest = after;
            }
        }
    }
    text + rest
}

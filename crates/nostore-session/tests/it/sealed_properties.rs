//! Sealed sessions, whatever a browser sends.

use nostore_message::{Cookies, Intent};
use nostore_session::{Renewal, SealedClaims, SealedFormat};
use proptest::prelude::*;
use serde_json::json;

use crate::claims::any_claims;
use crate::sealed::{NOW, OTHER, SECRET, at, keep, nonce, object, open, sent, signed_in, site};

fn format() -> impl Strategy<Value = SealedFormat> {
    prop::sample::select(vec![SealedFormat::AuthJsV5, SealedFormat::Nostore])
}

/// Names that belong to a session, or nearly.
fn suffix() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        (0..12_usize).prop_map(|at| format!(".{at}")),
        prop::sample::select(vec![".", ".00", ".x", ".1.2", "s", ".999", ".4294967296"])
            .prop_map(str::to_owned),
    ]
}

proptest! {
    #[test]
    fn what_is_sealed_opens(
        format in format(), mut given in any_claims(), fill in prop_oneof![0..200_usize, 2_000..9_000_usize],
        octets in any::<u8>(), later in 0..200_000_i64,
    ) {
        given.insert("fill".to_owned(), json!("y".repeat(fill)));
        for name in ["iat", "exp", "jti", "sid", "nbf", "nostore_start"] {
            given.remove(name);
        }
        let sessions = site(format, &[SECRET]);
        let lines =
            sessions.seal(&SealedClaims::new(given.clone()), &Cookies::default(), at(NOW), nonce(octets)).unwrap();
        prop_assert!(lines.cookies().iter().all(|cookie| cookie.to_string().len() <= 4_096));
        let mut jar = Vec::new();
        keep(&mut jar, &lines);
        let opened = open(&sessions, &jar, NOW + later).unwrap();
        prop_assert!(opened.leftovers().is_empty());
        let mut found = opened.claims().clone();
        for name in ["iat", "exp", "jti", "sid", "nostore_start"] {
            prop_assert!(found.remove(name).is_some());
        }
        // A number of JSON may lose digits on its way; what was read once is what stays.
        let expected = object(serde_json::from_str(&json!(given).to_string()).unwrap());
        prop_assert_eq!(found, expected);
        // With another secret, nothing.
        prop_assert!(open(&site(format, &[OTHER]), &jar, NOW).is_err());
    }

    /// Whatever was left behind: the session that the browser was given last is the one that opens.
    #[test]
    fn leftovers_sign_nobody_out_and_two_sessions_never_mix(
        format in format(), fill in prop_oneof![Just(0_usize), 3_000..9_000_usize],
        stale in prop::collection::vec((0..12_usize, 0..4_usize, any::<prop::sample::Index>()), 0..8),
        first in any::<bool>(),
    ) {
        let sessions = site(format, &[SECRET]);
        let olds = [
            signed_in(&sessions, "older", 0, NOW - 2), signed_in(&sessions, "older", 7_000, NOW - 1),
            signed_in(&site(format, &[OTHER]), "foreign", 9_000, NOW),
            vec![(String::new(), "junk".to_owned())],
        ];
        let jar = signed_in(&sessions, "present", fill, NOW);
        let name = sessions.cookie_names().next().unwrap().to_owned();
        let mut sent = jar.clone();
        for (at, which, piece) in stale {
            let value = piece.get(&olds[which]).1.clone();
            let stale_name = if at == 11 { name.clone() } else { format!("{name}.{at}") };
            // What was written again is not stale any more.
            if jar.iter().all(|(written, _)| *written != stale_name) {
                sent.insert(if first { 0 } else { sent.len() }, (stale_name, value));
            }
        }
        let opened = open(&sessions, &sent, NOW).unwrap();
        prop_assert_eq!(opened.sub(), Some("present"));
        for (left, _) in &sent {
            let written = jar.iter().any(|(name, _)| name == left);
            prop_assert_eq!(opened.leftovers().contains(left), !written, "{}", left);
        }
        // When it is sealed anew, nothing is left over.
        let line = crate::sealed::sent(&sent);
        let cookies = Cookies::parse([line.as_str()]);
        let lines = sessions.seal(&opened.to_claims(), &cookies, at(NOW + 1), nonce(3)).unwrap();
        keep(&mut sent, &lines);
        let again = open(&sessions, &sent, NOW + 1).unwrap();
        prop_assert!(again.leftovers().is_empty(), "{:?}", again.leftovers());
        let line = crate::sealed::sent(&sent);
        keep(&mut sent, &sessions.clear(&Cookies::parse([line.as_str()])));
        prop_assert!(sent.is_empty());
    }

    #[test]
    fn pieces_of_two_sessions_are_one_of_them_or_none(
        format in format(), picks in prop::collection::vec((any::<bool>(), 0..4_usize, 0..4_usize), 0..6), same in any::<bool>(),
    ) {
        let sessions = site(format, &[SECRET]);
        let (one, other) = (signed_in(&sessions, "one", 9_000, NOW), signed_in(&sessions, "other", 8_900, NOW));
        let name = sessions.cookie_names().next().unwrap().to_owned();
        let mut jar = Vec::new();
        for (from_one, at, to) in picks {
            let from = if from_one { &one } else { &other };
            let to = if same { at } else { to };
            jar.push((format!("{name}.{to}"), from[at % from.len()].1.clone()));
        }
        if let Ok(opened) = open(&sessions, &jar, NOW) {
            let expected = if opened.sub() == Some("one") { &one } else { &other };
            for (name, value) in expected {
                prop_assert!(jar.contains(&(name.clone(), value.clone())));
            }
        }
    }

    #[test]
    fn no_cookies_make_it_panic(
        format in format(), line in "\\PC{0,80}", now in any::<i64>(), intent in 0..3_usize,
        pairs in prop::collection::vec((suffix(), prop_oneof![
            "\\PC{0,40}", "[A-Za-z0-9_-]{0,20}(\\.[A-Za-z0-9_-]{0,44}){4}", Just("x".repeat(5_000)), Just("session".to_owned()),
        ]), 0..14),
    ) {
        let sessions = site(format, &[SECRET]);
        let good = signed_in(&sessions, "ada", 0, NOW);
        let (name, token) = &good[0];
        let pairs: Vec<(String, String)> = pairs
            .into_iter()
            .map(|(suffix, value)| {
                (format!("{name}{suffix}"), if value == "session" { token.clone() } else { value })
            })
            .collect();
        let text = sent(&pairs);
        let cookies = Cookies::parse([line.as_str(), text.as_str()]);
        let intent = [Intent::Cacheable, Intent::Silent, Intent::Uncacheable][intent];
        for now in [at(now), at(NOW)] {
            match sessions.open(&cookies, now) {
                Ok(opened) => {
                    prop_assert!(text.contains(token.as_str()));
                    let renewal = sessions.renewal(&opened, now, intent);
                    prop_assert!(intent != Intent::Cacheable || !matches!(renewal, Renewal::Seal(_)));
                    let _ = sessions.seal(&opened.to_claims(), &cookies, now, nonce(1));
                }
                Err(refused) => {
                    prop_assert!(refused.leftovers().iter().all(|left| left.starts_with(name)));
                    let _ = sessions.clear(&cookies);
                }
            }
        }
    }
}

//! Tokens that say nothing to their carrier.

use nostore_token::{
    MAX_TOKEN_BYTES, Message, Rank, ReadOptions, Reading, SessionToken, TokenFault, TokenKey,
};

use crate::world::{START, World, minute};

const NOW: i64 = START * 1_000;

#[test]
fn what_an_opaque_token_may_be_row_by_row() {
    let long = |bytes| "x".repeat(bytes);
    let most = MAX_TOKEN_BYTES;
    let rows = [
        ("", Err(TokenFault::Empty)),
        ("a", Ok(())),
        ("mF_9.B5f-4.1JqM", Ok(())),
        ("abc/+~==", Ok(())),
        ("17|secret!", Ok(())),
        ("a b", Err(TokenFault::Characters)),
        (" a", Err(TokenFault::Characters)),
        ("a\r\nx: y", Err(TokenFault::Characters)),
        ("a\u{7f}", Err(TokenFault::Characters)),
        ("a\0", Err(TokenFault::Characters)),
        ("tökén", Err(TokenFault::Characters)),
        (&long(most - 1), Ok(())),
        (&long(most), Ok(())),
        (&long(most + 1), Err(TokenFault::TooLong { bytes: most + 1 })),
    ];
    for (raw, expected) in rows {
        let found = SessionToken::opaque(raw, NOW, 1_000);
        assert_eq!(found.as_ref().map(|_| ()).map_err(|fault| *fault), expected, "{raw:?}");
        if let Ok(token) = found {
            assert_eq!(token.expose(), raw);
        }
    }
}

#[test]
fn its_times_are_exact_to_the_millisecond_and_never_later() {
    let fault = |lifetime_ms| Err(TokenFault::Lifetime { lifetime_ms });
    let rows = [
        (NOW, i64::MIN, fault(i64::MIN)),
        (NOW, -1, fault(-1)),
        (NOW, 0, fault(0)),
        (NOW, 1, Ok((NOW + 1, 1))),
        (NOW, 999, Ok((NOW + 999, 999))),
        (NOW + 1, 1_000, Ok((NOW + 1_001, 1_000))),
        (NOW + 999, 1_500, Ok((NOW + 2_499, 1_500))),
        (-1, 1, Ok((0, 1))),
        (i64::MAX - 5, 5, Ok((i64::MAX, 5))),
        (i64::MAX - 5, 6, Ok((i64::MAX, 5))),
        (NOW, i64::MAX, Ok((i64::MAX, i64::MAX - NOW))),
    ];
    for (issued_ms, lifetime_ms, expected) in rows {
        let token = SessionToken::opaque("opaque", issued_ms, lifetime_ms);
        let found = token.map(|token| {
            assert_eq!(token.issued_ms(), issued_ms);
            assert_eq!(token.rank(), Rank { origin: None, issued: issued_ms.div_euclid(1_000) });
            (token.expires_ms(), token.lifetime_ms())
        });
        assert_eq!(found, expected, "{issued_ms} {lifetime_ms}");
    }
}

/// The service says how long it lives, whatever it says of itself.
#[test]
fn one_that_looks_like_a_jwt_is_opaque_all_the_same() {
    let token = SessionToken::opaque(&minute(0).raw(), NOW + 250, 500).unwrap();
    assert_eq!((token.issued_ms(), token.expires_ms()), (NOW + 250, NOW + 750));
    assert_eq!((token.session(), token.organization(), token.rank().origin), (None, None, None));
    let key = TokenKey::of_session("sess_1");
    assert!(Message::of(&key, &token, "trace").is_none(), "nobody else could tell whose it is");
    assert!(Message::of(&key, &minute(0).token(), "trace").is_some());
}

#[test]
fn it_is_not_printed() {
    let token = SessionToken::opaque("hush-hush", NOW, 1_000).unwrap();
    assert!(!format!("{token:?}").contains("hush"));
    let fault = SessionToken::opaque("hush hush", NOW, 1_000).unwrap_err();
    assert!(!format!("{fault} {fault:?}").contains("hush"));
}

#[test]
fn it_is_handed_out_up_to_its_last_millisecond() {
    for (after_ms, good) in [(0, true), (1_498, true), (1_499, true), (1_500, false), (2_000, false)] {
        let mut world = World::new();
        let taken = world.slot.received(SessionToken::opaque("opaque", NOW, 1_500).unwrap(), world.now());
        assert!(taken);
        world.wall_ms += after_ms;
        world.steady_ms += u64::try_from(after_ms).unwrap();
        assert_eq!(world.slot.peek(world.now()).is_some(), good, "after {after_ms} ms");
    }
}

/// Nothing tells which of two knows more: the later one is taken.
#[test]
fn a_later_one_takes_the_place_of_an_earlier_one() {
    let mut world = World::new();
    for raw in ["first", "second"] {
        let Reading::Wait(id) =
            world.slot.read(ReadOptions { skip_cache: true, ..ReadOptions::default() }, world.now())
        else {
            panic!("expected a fetch");
        };
        world.slot.fetched(id, Ok(SessionToken::opaque(raw, NOW, 60_000).unwrap()), world.now());
        assert_eq!(world.slot.peek(world.now()).unwrap().expose(), raw);
    }
}

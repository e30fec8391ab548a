//! The names of cookies, and what a sign-out does with them.

use std::fmt::Write as _;

use nostore_message::FieldEdit;
use nostore_session::{Instance, carries_handshake_return, clear_cookies};

use crate::kit::{BOTH, config, page};

#[test]
fn r1_2_every_cookie_that_the_decision_reads_is_named() {
    let mut table = String::new();
    for instance in BOTH {
        let config = config(instance);
        writeln!(table, "{instance}: {}", config.cookie_names().join("|")).unwrap();
        writeln!(table, "{instance}, sessions: {}", config.session_cookie_names().join("|")).unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn a_sign_out_leaves_the_browsers_name() {
    let mut table = String::new();
    for instance in BOTH {
        for edit in clear_cookies(&config(instance)) {
            let FieldEdit::Append { name, value } = edit else { panic!("{edit:?}") };
            writeln!(table, "{instance} {name}: {value}").unwrap();
        }
    }
    assert!(!table.contains("__clerk_db_jwt"));
    insta::assert_snapshot!(table);
}

#[test]
fn the_return_of_a_handshake_is_recognised() {
    let rows = [
        ("/", "x=1", false),
        ("/", "__clerk_handshake=t", true),
        ("/", "__clerk_handshake_nonce=n", true),
        ("/", "__clerk_handshake=", false),
        ("/", "__clerk_handshake_x=t", false),
        ("/?__clerk_handshake=t", "x=1", true),
        ("/?a=b&__clerk_handshake_nonce=n", "x=1", true),
        ("/?__clerk%5Fhandshake=t", "x=1", true),
        ("/?__clerk_handshake=", "x=1", false),
        ("/?__clerk_handshake", "x=1", false),
        ("/?a=__clerk_handshake", "x=1", false),
        ("/__clerk_handshake=t", "x=1", false),
    ];
    for (target, cookies, expected) in rows {
        for instance in BOTH {
            let found = carries_handshake_return(&page(target, cookies), &config(instance));
            assert_eq!(found, expected, "{target} {cookies}");
        }
    }
}

#[test]
fn a_satellite_s_question_counts_as_one_at_the_primary_site_of_a_development_instance_alone() {
    let asked = page("/sign-in?__clerk_redirect_url=https%3A%2F%2Fsatellite.example%2F", "x=1");
    assert!(carries_handshake_return(&asked, &config(Instance::Development)));
    assert!(!carries_handshake_return(&asked, &config(Instance::Production)));
    assert!(!carries_handshake_return(&asked, &config(Instance::Development).satellite(true)));
    assert!(!carries_handshake_return(
        &page("/sign-in?__clerk_redirect_url=", "x=1"),
        &config(Instance::Development)
    ));
}

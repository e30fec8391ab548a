//! List C: the entries of a keeper.

use nostore_browser::Entries;
use nostore_token::{Now, Policy, TokenKey};

fn key(session: &str) -> TokenKey {
    TokenKey::of_session(session)
}

#[test]
fn c65_c66_c69_entries_are_removed_once_and_listed_each() {
    let mut entries = Entries::default();
    assert!(!entries.remove(&key("sess_0")), "nothing is there");
    for number in 0..3 {
        entries.entry(&key(&format!("sess_{number}")), Policy::default(), 1).waiting.clear();
    }
    let listed =
        |entries: &Entries| entries.iter().map(|(key, _)| key.session().to_owned()).collect::<Vec<_>>();
    assert_eq!(listed(&entries), ["sess_0", "sess_1", "sess_2"]);
    assert!(entries.remove(&key("sess_1")));
    assert!(!entries.remove(&key("sess_1")), "it is gone");
    assert!(entries.get(&key("sess_1")).is_none());
    let mut left = listed(&entries);
    left.sort_unstable();
    assert_eq!(left, ["sess_0", "sess_2"], "and the others are not");
    assert_eq!((entries.len(), entries.is_empty()), (2, false));
}

#[test]
fn entries_that_are_of_no_use_make_room() {
    let mut entries = Entries::default();
    let now = Now { wall_ms: 0, steady_ms: 0 };
    for number in 0..31 {
        entries.entry(&key(&format!("sess_{number}")), Policy::default(), 1);
    }
    entries.sweep(now);
    assert_eq!(entries.len(), 31, "there are few");
    let waited = entries.entry(&key("waited"), Policy::default(), 1);
    waited.slot.read(nostore_token::ReadOptions::default(), now);
    entries.sweep(now);
    assert_eq!(entries.iter().map(|(key, _)| key.session()).collect::<Vec<_>>(), ["waited"]);
}

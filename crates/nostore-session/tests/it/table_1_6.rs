//! Table 1.6: which family of cookies counts, seen in what an expired header token's handshake says.

use crate::world::{check, each};

const EXPIRED: &str = "session-token-expired-refresh-non-eligible-no-refresh-cookie";

/// Number, keys, cookies, whether the suffixed family counts.
type Case = (&'static str, &'static str, &'static str, bool);

const CASES: &[Case] = &[
    ("p1_6_n1", "prod", "plain-session=garbage sfx-session=<GOOD> sfx-uat=1", false),
    ("p1_6_n1", "prod", "plain-session=<NOISS> sfx-session=<GOOD> sfx-uat=1", false),
    ("p1_6_n1", "prod", "plain-session=e30.bnVsbA.YQ sfx-session=<GOOD> sfx-uat=1", false),
    ("p1_6_n1", "prod", "plain-session=<ISSEMPTY> sfx-session=<GOOD> sfx-uat=1", false),
    ("p1_6_n1", "prod", "plain-session=<ISSZERO> sfx-session=<GOOD> sfx-uat=1", false),
    ("p1_6_n2", "prod", "plain-session=<FOREIGN>", true),
    ("p1_6_n2", "prod", "plain-session=<ISSLIST>", true),
    ("p1_6_n2", "prod", "plain-session=<ISSSLASH>", true),
    ("p1_6_n2", "prod", "plain-session=<ISSCASE>", false),
    ("p1_6_n2", "dev", "plain-session=<FOREIGN> browser=b", true),
    ("p1_6_n3", "prod", "plain-session=<GOOD> plain-uat=1", false),
    ("p1_6_n3", "prod", "plain-session=<GOOD> plain-uat=1 sfx-session= sfx-uat=", false),
    ("p1_6_n4", "prod", "plain-session=<OLDER> sfx-session=<GOOD> uat=1", true),
    ("p1_6_n4", "prod", "plain-session=<GOOD> sfx-session=<GOOD> uat=1", true),
    ("p1_6_n4", "prod", "plain-session=<NEWER> sfx-session=<GOOD> uat=1", false),
    ("p1_6_n4", "prod", "plain-session=<GOOD> sfx-uat=1", false),
    ("p1_6_n4", "prod", "plain-session=<NEWER> sfx-session=<GOOD> sfx-uat=1 plain-uat=0", true),
    ("p1_6_n5", "prod", "sfx-uat=0 plain-uat=1", false),
    ("p1_6_n5", "prod", "sfx-uat=0", false),
    ("p1_6_n5", "prod", "sfx-uat=0 plain-uat=0", true),
    ("p1_6_n6", "dev", "sfx-uat=1 sfx-session=<EXPIRED> plain-uat=0", false),
    ("p1_6_n6", "prod", "sfx-uat=1 sfx-session=<EXPIRED> plain-uat=0", true),
    ("p1_6_n6", "dev now=59999", "sfx-uat=1 sfx-session=<GOOD> plain-uat=0", true),
    ("p1_6_n6", "dev now=60000", "sfx-uat=1 sfx-session=<GOOD> plain-uat=0", false),
    ("p1_6_n6", "dev now=60001", "sfx-uat=1 sfx-session=<GOOD> plain-uat=0", false),
    ("p1_6_n6", "dev", "sfx-uat=1 sfx-session=garbage plain-uat=0", true),
    ("p1_6_n7", "prod", "sfx-session=<GOOD>", false),
    ("p1_6_n7", "prod", "sfx-session=<GOOD> plain-uat=0", false),
    ("p1_6_n8", "prod", "sfx-session=<GOOD> sfx-uat=1", true),
    ("p1_6_n8", "dev", "sfx-uat=1", true),
];

#[test]
fn which_family_counts_row_by_row() {
    each(CASES, |(id, given, cookies, suffixed)| {
        let request = format!("GET /a {cookies} ; authorization: Bearer <EXPIRED>");
        let outcome = format!("handshake {EXPIRED} | suffixed_cookies={suffixed}");
        check(&[(id, given, &request, &outcome)]);
    });
}

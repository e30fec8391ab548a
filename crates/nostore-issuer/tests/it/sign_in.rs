//! Signing in, switching, signing out.

use std::fmt::Write as _;

use nostore_issuer::core::{Change, Mode, SessionStatus};

use crate::world::{NOW, World, cookies, parameter, show};

const BACK: &str = "redirect_url=http%3A%2F%2Flocalhost%3A8080%2Fdashboard";

fn browser_of(location: &str) -> String {
    parameter(location, "__clerk_db_jwt").unwrap()
}

#[test]
fn r1_12_signing_in_leads_back_through_the_handshake() {
    for (mode, name) in [(Mode::Test, "test"), (Mode::Live, "live")] {
        let mut world = World::new(mode);
        let answer = world.post("/sign-in", &[], &format!("email=+Alice%40Example.COM+&{BACK}"));
        insta::assert_snapshot!(format!("sign_in_{name}"), show(&answer));
    }
}

#[test]
fn a_browser_with_a_session_goes_straight_back() {
    let mut world = World::new(Mode::Test);
    let answer = world.post("/sign-in", &[], &format!("account=bob%40example.com&{BACK}"));
    let browser = browser_of(answer.fields.first("location").unwrap());
    let again = world.get(&format!("/sign-in?{BACK}&__clerk_db_jwt={browser}"), &[]);
    insta::assert_snapshot!(show(&again));
    let asked = world.get(&format!("/sign-in?{BACK}&__clerk_db_jwt={browser}&switch=1"), &[]);
    assert_eq!(asked.status, 200);

    let mut world = World::new(Mode::Live);
    let answer = world.post("/sign-in", &[], &format!("email=bob%40example.com&{BACK}"));
    let cookie = format!("__client={}", cookies(&answer).remove(0).1);
    let again = world.get(&format!("/sign-in?{BACK}"), &[("cookie", &cookie)]);
    assert_eq!(again.status, 307);
    assert_eq!(again.fields.first("location"), answer.fields.first("location"));
}

#[test]
fn looking_at_the_page_changes_nothing() {
    let mut world = World::new(Mode::Test);
    for target in ["/sign-in", "/sign-out", "/", "/health", "/.well-known/jwks.json"] {
        let (answer, changes) = world.send("GET", target, &[], "");
        assert_eq!((answer.status, changes.len()), (200, 0), "{target}");
    }
}

#[test]
fn one_browser_has_one_session_and_somebody_else_replaces_it() {
    let mut world = World::new(Mode::Test);
    let answer = world.post("/sign-in", &[], &format!("email=alice%40example.com&{BACK}"));
    let browser = browser_of(answer.fields.first("location").unwrap());
    let session = |world: &World| world.session_of(&browser);
    let alice = session(&world);
    world.now = NOW.plus_secs(10);
    world.post("/sign-in", &[], &format!("email=alice%40example.com&__clerk_db_jwt={browser}"));
    assert_eq!(session(&world).id, alice.id, "the same person keeps the session");
    world.post("/sign-in", &[], &format!("email=bob%40example.com&__clerk_db_jwt={browser}"));
    let bob = session(&world);
    assert_eq!(bob.user_id, "user_bob");
    assert_ne!(bob.id, alice.id);
    assert_eq!(world.issuer.state().clients().len(), 1);
    assert_eq!(world.issuer.state().session(&alice.id).unwrap().status, SessionStatus::Replaced);
}

#[test]
fn a_live_cookie_that_was_planted_does_not_know_the_session() {
    let mut world = World::new(Mode::Live);
    let first = world.post("/sign-in", &[], &format!("email=alice%40example.com&{BACK}"));
    let planted = cookies(&first).remove(0).1;
    let cookie = format!("__client={planted}");
    let second = world.post("/sign-in", &[("cookie", &cookie)], &format!("email=bob%40example.com&{BACK}"));
    assert_ne!(cookies(&second).remove(0).1, planted);
    assert!(world.issuer.state().client(&planted).is_none());
    assert_eq!(world.issuer.state().clients().len(), 1);
}

#[test]
fn a_name_from_a_url_is_no_live_cookie() {
    let mut test = World::new(Mode::Test);
    let answer = test.post("/sign-in", &[], &format!("email=alice%40example.com&{BACK}"));
    let browser = browser_of(answer.fields.first("location").unwrap());
    let mut live = World::new(Mode::Live);
    let client = test.issuer.state().client(&browser).unwrap().clone();
    live.issuer.apply(&[Change::PutClient(client)]);
    let home = live.get("/", &[("cookie", &format!("__client={browser}"))]);
    assert!(home.body.contains("Nobody is signed in"));
}

#[test]
fn a_new_address_adds_an_account() {
    let mut world = World::new(Mode::Test);
    let answer = world.post("/sign-in", &[], &format!("email=carol%40example.com&{BACK}"));
    assert_eq!(answer.note, "signed in, new account");
    let carol = world.issuer.state().user_by_email("carol@example.com").unwrap();
    assert!(carol.id.starts_with("user_"));
    assert!(world.get(&format!("/sign-in?{BACK}"), &[]).body.contains("value=\"carol@example.com\""));
    let again = world.post("/sign-in", &[], &format!("email=CAROL%40example.com&{BACK}"));
    assert_eq!(again.note, "signed in");
    assert_eq!(world.issuer.state().user_count(), 3);
}

#[test]
fn addresses_row_by_row() {
    let label = "b".repeat(63);
    let local = "a".repeat(64);
    let long = format!("{local}@{label}.{label}.{}", "b".repeat(61));
    let rows = [
        ("", 422),
        ("alice", 422),
        ("@example.com", 422),
        ("alice@", 422),
        ("a@b", 303),
        ("a@b.", 422),
        ("a@.b", 422),
        ("a@-b", 422),
        ("a@b-", 422),
        ("a b@c", 422),
        ("a@b@c", 422),
        ("a@b\u{0}", 422),
        ("\u{e9}@b", 422),
        ("<script>@b", 422),
        ("o'hara+tag@b.example", 303),
        (&format!("{local}@b"), 303),
        (&format!("{local}a@b"), 422),
        (&format!("a@{label}"), 303),
        (&format!("a@{label}b"), 422),
        (&long, 303),
        (&format!("{long}b"), 422),
    ];
    assert_eq!(long.len(), 254);
    let mut table = String::new();
    for (address, status) in rows {
        let mut world = World::new(Mode::Test);
        let text: String = form_urlencoded::byte_serialize(address.as_bytes()).collect();
        let (answer, changes) = {
            let form = format!("email={text}&{BACK}");
            world.send("POST", "/sign-in", &[("content-type", "application/x-www-form-urlencoded")], &form)
        };
        assert_eq!(answer.status, status, "{address}");
        assert_eq!(changes.is_empty(), status == 422, "{address}");
        if let Some(problem) = answer.body.split("role=\"alert\">").nth(1) {
            let _ = writeln!(table, "{address:.24}: {}", problem.split("</p>").next().unwrap());
        }
    }
    insta::assert_snapshot!(table.escape_debug().to_string().replace("\\n", "\n"));
}

#[test]
fn without_an_address_to_return_to_the_page_says_who_is_signed_in() {
    let mut world = World::new(Mode::Live);
    let answer = world.post("/sign-in", &[], "email=alice%40example.com");
    assert_eq!(answer.status, 200);
    assert!(answer.body.contains("You are signed in here as Alice"));
    assert_eq!(cookies(&answer).len(), 3);
}

#[test]
fn accounts_and_browsers_are_bounded() {
    let mut world = World::new(Mode::Test);
    let template = world.issuer.state().users()[0].clone();
    for number in 2..1_000 {
        let (id, email) = (format!("user_{number}"), format!("u{number}@example.com"));
        let user = nostore_issuer::core::User { id, email, ..template.clone() };
        world.issuer.apply(&[Change::PutUser(user)]);
    }
    assert_eq!(world.issuer.state().user_count(), 1_000);
    assert_eq!(world.post("/sign-in", &[], "email=one%40too.many").status, 422);
    world.post("/sign-in", &[], "email=alice%40example.com");
    let client = world.issuer.state().clients().next().unwrap().clone();
    for number in 1..10_000 {
        let token = nostore_message::Secret::new(format!("dvb_{number}"));
        let idle = nostore_issuer::core::Client { token, session_id: None, ..client.clone() };
        world.issuer.apply(&[Change::PutClient(idle)]);
    }
    assert_eq!(world.issuer.state().clients().len(), 10_000);
    world.get(&format!("/v1/client/handshake?{BACK}"), &[]);
    assert_eq!(world.issuer.state().clients().len(), 10_000, "one made room");
    assert!(world.issuer.state().client(client.token.expose()).is_some(), "not the one with a session");
}

#[test]
fn r1_12_signing_out_ends_the_session_and_clears_the_site_through_the_handshake() {
    for (mode, name) in [(Mode::Test, "test"), (Mode::Live, "live")] {
        let mut world = World::new(mode);
        let answer = world.post("/sign-in", &[], &format!("email=alice%40example.com&{BACK}"));
        let location = answer.fields.first("location").unwrap();
        let (form, cookie) = match mode {
            Mode::Test => (format!("{BACK}&__clerk_db_jwt={}", browser_of(location)), String::new()),
            Mode::Live => (BACK.to_owned(), format!("__client={}", cookies(&answer).remove(0).1)),
        };
        let fields = [("cookie", cookie.as_str())];
        let asked = world.get(&format!("/sign-out?{form}"), &fields);
        assert!(asked.body.contains("Sign out?") && asked.body.contains("alice@example.com"));
        let out = world.post("/sign-out", &fields, &form);
        let target = out.fields.first("location").unwrap().replace("&format=nonce", "");
        let handshake = world.get(&target, &fields);
        insta::assert_snapshot!(format!("sign_out_{name}"), format!("{}\n{}", show(&out), show(&handshake)));
        assert!(world.get(&format!("/sign-in?{form}"), &fields).body.contains("<h1>Sign in</h1>"));
        let again = world.post("/sign-out", &fields, &form);
        assert_eq!(again.status, 303, "signing out twice is no error");
    }
}

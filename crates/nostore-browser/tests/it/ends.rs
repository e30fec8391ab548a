//! How a session ends, in every tab, and stays ended.

use nostore_browser::{Answer, Channel, Input, Options, Read};
use serde_json::json;

use crate::world::{Mood, World, claim, focused, mint, options, suffix, unfocused};

fn nobody(world: &mut World, tab: usize) {
    let ticket = world.ask(tab, Read::default());
    assert_eq!(world.settled(tab, ticket), Some(Ok(None)), "nobody is signed in");
    assert_eq!((world.peek(tab), world.tabs[tab].keeper.session()), (None, None));
}

fn ended(world: &World, tab: usize) -> usize {
    world.tabs[tab].events.iter().filter(|event| *event == "ended sess_1").count()
}

#[test]
fn signing_out_in_one_tab_ends_all_and_nobody_elses() {
    let mut world = World::signed_in("sess_1");
    world.sessions.insert("sess_2", String::new());
    let (first, second) = (world.open(focused()), world.open(unfocused()));
    let bobs = world.open_with(Options { session: Some("sess_2".into()), ..options() }, unfocused());
    world.pass(5.0);
    let ticket = world.sign_out(first);
    assert_eq!(world.session_cookies(), [None, None], "the cookie is gone at once");
    nobody(&mut world, first);
    world.pass(0.5);
    assert_eq!(world.settled(first, ticket), Some(Ok(None)));
    for tab in [first, second] {
        nobody(&mut world, tab);
        assert_eq!(ended(&world, tab), 1);
    }
    let asked = world.sent.len();
    world.pass(200.0);
    assert!(
        !world.sent[asked..].iter().any(|sent| sent.target.contains("sess_1")),
        "nobody asks for it any more"
    );
    assert_eq!(claim(&world.ready(bobs), "sid"), "sess_2");
    assert_eq!(claim(world.session_cookies()[0].unwrap(), "sid"), "sess_2", "the other's tab may write now");
}

#[test]
fn f11_f12_what_comes_late_signs_nobody_in() {
    let mut world = World::signed_in("sess_1");
    let (first, second) = (world.open(focused()), world.open(unfocused()));
    world.pass(2.0);
    let late = world.ask(second, Read { skip_cache: true, ..Read::default() });
    let sent = world.intercept();
    world.sign_out(first);
    world.pass(0.5);
    world.reply(&sent, 200, &json!({ "jwt": mint("sess_1", 2).raw() }));
    assert_eq!(world.settled(second, late), Some(Ok(None)), "whoever waited gets nothing");
    let message = json!({ "sessionId": "sess_1", "tokenId": "sess_1", "tokenRaw": mint("sess_1", 2).raw() });
    for tab in [first, second] {
        world.tell(tab, Input::Heard { channel: Channel::Tokens, text: message.to_string().into() });
        // A straggler's cookie is taken away by whoever sees it.
        world.set_session(&mint("sess_1", 2).raw());
        world.looked(tab, focused());
        assert_eq!(world.session_cookies(), [None, None]);
        nobody(&mut world, tab);
    }
    world.pass(100.0);
    assert_eq!(world.session_cookies(), [None, None]);
    assert_eq!((ended(&world, first), ended(&world, second)), (1, 1));
}

#[test]
fn who_hears_of_a_sign_out_makes_sure_and_leaves_the_cookie_alone_meanwhile() {
    let says = || Input::Heard {
        channel: Channel::SignOut,
        text: json!({ "type": "signout", "sessionId": "sess_1" }).to_string().into(),
    };
    let mut world = World::signed_in("sess_1");
    let tab = world.open(focused());
    world.pass(1.0);
    world.tell(tab, says());
    world.cookies.retain(|name, _| !name.starts_with("__session"));
    world.looked(tab, focused());
    assert_eq!(world.session_cookies(), [None, None], "not while it is in doubt");
    world.pass(0.5);
    assert_eq!(ended(&world, tab), 0, "it was not true");
    assert_eq!(Some(world.ready(tab)).as_deref(), world.session_cookies()[0]);
    let asked = |world: &World| world.sent.iter().filter(|sent| sent.target == "/v1/client").count();
    assert_eq!(asked(&world), 1);
    world.tell(
        tab,
        Input::Heard { channel: Channel::SignOut, text: json!({ "sessionId": "sess_2" }).to_string().into() },
    );
    assert_eq!(asked(&world), 1, "another's session is another's");
    // Nobody answers: it is asked again for a while, and then the next fetch tells.
    world.mood = Mood::Gone;
    world.tell(tab, says());
    world.pass(30.0);
    assert_eq!((asked(&world), ended(&world, tab)), (5, 0));
    world.mood = Mood::Well;
    world.sessions.clear();
    world.tell(tab, says());
    world.pass(0.5);
    assert_eq!(ended(&world, tab), 1);
    nobody(&mut world, tab);
}

#[test]
fn the_sites_server_signs_out_and_no_tab_signs_in_again() {
    let mut world = World::signed_in("sess_1");
    let tab = world.open(unfocused());
    world.pass(10.0);
    world.sessions.clear();
    world.cookies.retain(|name, _| !name.starts_with("__session"));
    world.cookies.insert("__client_uat".into(), "0".into());
    world.looked(tab, focused());
    assert_eq!(world.session_cookies(), [None, None]);
    world.pass(0.5);
    nobody(&mut world, tab);
    assert_eq!((world.session_cookies(), ended(&world, tab)), ([None, None], 1));
}

#[test]
fn a_server_that_errs_about_a_session_that_goes_on_is_put_right() {
    let mut world = World::signed_in("sess_1");
    let tab = world.open(unfocused());
    world.cookies.retain(|name, _| !name.starts_with("__session"));
    world.cookies.insert("__client_uat".into(), "0".into());
    world.looked(tab, focused());
    world.pass(0.5);
    assert_eq!(Some(world.ready(tab)).as_deref(), world.session_cookies()[0]);
    world.pass(100.0);
    let asked = world.sent.iter().filter(|sent| sent.target == "/v1/client").count();
    assert_eq!(asked, 1, "and is not asked about again");
}

#[test]
fn f19_a_session_that_the_service_does_not_know_any_more_ends_once() {
    let mut world = World::signed_in("sess_1");
    let (first, second) = (world.open(focused()), world.open(unfocused()));
    world.pass(1.0);
    world.sessions.clear();
    let ticket = world.ask(first, Read { skip_cache: true, ..Read::default() });
    world.pass(1.0);
    assert!(world.settled(first, ticket).is_some());
    nobody(&mut world, first);
    world.pass(60.0);
    nobody(&mut world, second);
    assert_eq!((ended(&world, first), ended(&world, second)), (1, 1));
    assert_eq!(world.session_cookies(), [None, None]);
    let uat = format!("__client_uat_{}", suffix());
    assert_eq!(world.cookies.get(&uat).map(String::as_str), Some("0"), "the site's server is told");
    let asked = world.sent.len();
    world.pass(300.0);
    assert_eq!(world.sent.len(), asked, "nobody asks any more");
}

#[test]
fn a_sign_out_that_the_service_does_not_hear_of_is_an_error_and_signed_out_all_the_same() {
    let mut world = World::signed_in("sess_1");
    let tab = world.open(focused());
    world.mood = Mood::Gone;
    let ticket = world.sign_out(tab);
    world.pass(0.5);
    assert_eq!(world.settled(tab, ticket), Some(Err("token-transient")));
    nobody(&mut world, tab);
    assert_eq!(world.session_cookies(), [None, None]);
    let again = world.sign_out(tab);
    assert_eq!(world.settled(tab, again), Some(Ok(None)), "once is enough");
}

#[test]
fn a_stranger_costs_no_request_and_is_found_when_signed_in() {
    let mut world = World::new("sess_1");
    let tab = world.open(focused());
    nobody(&mut world, tab);
    world.pass(60.0);
    assert_eq!(world.sent.len(), 0);
    world.set_session(&mint("sess_1", 60).raw());
    world.pass(6.0);
    assert_eq!(world.ready(tab), mint("sess_1", 60).raw(), "in another tab");
    let choosing = {
        let mut world = World::new("sess_1");
        let tab = world.open(focused());
        let ticket = world.choose(tab, "org_1");
        world.settled(tab, ticket)
    };
    assert_eq!(choosing, Some(Err("session-nobody")));
}

#[test]
fn who_is_there_is_asked_where_the_cookie_does_not_say() {
    let mut world = World::new("sess_1");
    world.cookies.insert("__client_uat".into(), "5".into());
    let tab = world.open(focused());
    let ticket = world.ask(tab, Read::default());
    world.pass(0.5);
    assert!(matches!(world.settled(tab, ticket), Some(Ok(Some(_)))));
    assert_eq!(world.sent.len(), 1, "one question, and its answer has a token");
    assert_eq!(Some(world.ready(tab)).as_deref(), world.session_cookies()[0]);
    let mut world = World::new("sess_1");
    world.cookies.insert("__client_uat".into(), "5".into());
    world.mood = Mood::Gone;
    let tab = world.open(focused());
    let ticket = world.ask(tab, Read::default());
    world.pass(0.5);
    assert_eq!(world.settled(tab, ticket), Some(Err("token-transient")));
    world.mood = Mood::Well;
    world.pass(6.0);
    world.ready(tab);
}

#[test]
fn f29_no_token_is_printed() {
    let raw = mint("sess_1", 0).raw();
    let secrets = [&*raw, raw.rsplit_once('.').unwrap().0, "dvb_1"];
    let hides = |printed: String| {
        assert!(!secrets.iter().any(|secret| printed.contains(secret)), "{printed}");
    };
    let mut world = World::signed_in("sess_1");
    let tab = world.open(focused());
    let cookies = || format!("__session={raw}; __clerk_db_jwt=dvb_1").into();
    let answer = Answer { status: 200, body: raw.as_str().into(), ..Answer::default() };
    let inputs = [
        Input::Started { cookies: cookies() },
        Input::Cookies(cookies()),
        Input::Admitted { job: 1, cookies: cookies() },
        Input::Looked { page: focused(), cookies: cookies() },
        Input::Heard { channel: Channel::Tokens, text: raw.as_str().into() },
        Input::Answered { job: 1, answer },
        Input::Read { ticket: 900, read: Read { skip_cache: true, ..Read::default() } },
        Input::Read { ticket: 901, read: Read::default() },
        Input::Environment { partitioned: true },
        Input::SignOut { ticket: 902 },
    ];
    for input in inputs {
        hides(format!("{input:?}"));
        let clocks = world.clocks();
        for action in world.tabs[tab].keeper.step(input, clocks) {
            hides(format!("{action:?}"));
        }
        hides(format!("{:?}", world.tabs[tab].keeper));
    }
}

//! What happens: a visitor who is signed in, one who comes back from a handshake, a machine.

use super::draft::Draft;
use super::request::{handshake_token, navigate};
use super::{Change, options, replies, request, tokens};

/// Plays one of the scenes.
pub(crate) fn play(draft: &mut Draft<'_>) {
    let scenes: [(usize, Change); 10] = [
        (24, signed_in),
        (5, signed_out),
        (12, bearer),
        (10, handshake_return),
        (7, nonce_return),
        (10, expired),
        (9, satellite),
        (8, organization),
        (10, machine),
        (5, anything),
    ];
    let scene = *draft.random.weighted(&scenes);
    navigate(draft);
    scene(draft);
}

fn signed_in(draft: &mut Draft<'_>) {
    let token = tokens::session(draft);
    visitor(draft, &token);
    if draft.random.percent(25) {
        request::change_fields(draft);
    }
}

fn signed_out(draft: &mut Draft<'_>) {
    if draft.random.percent(60) {
        let name = family(draft, "__client_uat");
        draft.set_cookie(name, "0");
    }
    browser(draft);
}

fn bearer(draft: &mut Draft<'_>) {
    let token = tokens::session(draft);
    draft.set_header("authorization", format!("Bearer {token}"));
    if draft.random.percent(50) {
        draft.options.accepts_token = None;
        options::accept(draft);
    }
    if draft.random.percent(25) {
        refreshable(draft);
    }
}

fn handshake_return(draft: &mut Draft<'_>) {
    if draft.random.percent(60) {
        let token = tokens::session(draft);
        visitor(draft, &token);
    }
    let token = handshake_token(draft);
    if draft.production == draft.random.percent(85) {
        draft.set_cookie("__clerk_handshake", token);
    } else {
        draft.push_query("__clerk_handshake", &token);
        if draft.random.percent(60) {
            draft.push_query("__clerk_db_jwt", "dvb_url");
        }
    }
}

fn nonce_return(draft: &mut Draft<'_>) {
    if draft.random.percent(60) {
        let token = tokens::session(draft);
        visitor(draft, &token);
    }
    let nonce = replies::nonce(draft);
    if draft.production == draft.random.percent(85) {
        draft.set_cookie("__clerk_handshake_nonce", nonce);
    } else {
        draft.push_query("__clerk_handshake_nonce", &nonce);
    }
}

fn expired(draft: &mut Draft<'_>) {
    let token = tokens::expired(draft);
    visitor(draft, &token);
    let uat = draft.secs() - 5_000;
    for name in ["__client_uat".to_owned(), draft.suffixed("__client_uat")] {
        if draft.cookies.iter().any(|(key, _)| *key == name) {
            draft.set_cookie(name, uat.to_string());
        }
    }
    if draft.random.percent(75) {
        refreshable(draft);
    }
}

fn satellite(draft: &mut Draft<'_>) {
    options::satellite(draft);
    draft.authority = "satellite.example".to_owned();
    draft.set_header("sec-fetch-dest", "document");
    if draft.random.percent(40) {
        let token = tokens::session(draft);
        visitor(draft, &token);
    } else if draft.random.percent(50) {
        browser(draft);
    }
    if draft.random.percent(40) {
        let synced = *draft.random.pick(&["true", "false", "false", ""]);
        draft.push_query("__clerk_synced", synced);
    }
}

fn organization(draft: &mut Draft<'_>) {
    options::organizations(draft);
    draft.path = (*draft.random.pick(request::ORGANIZATION_PATHS)).to_owned();
    if draft.random.percent(85) {
        draft.set_header("sec-fetch-dest", "document");
    }
    let token = if draft.random.percent(80) { tokens::member(draft) } else { tokens::session(draft) };
    visitor(draft, &token);
    if draft.random.percent(10) {
        counter(draft);
    }
}

fn machine(draft: &mut Draft<'_>) {
    let token = if draft.random.percent(55) { replies::opaque(draft) } else { tokens::machine(draft) };
    draft.set_header("authorization", format!("Bearer {token}"));
    if draft.random.percent(90) {
        options::accept(draft);
    }
    if draft.random.percent(25) {
        draft.options.machine_secret_key = Some("ak_machine_main".to_owned());
    }
    if draft.random.percent(10) {
        draft.options.secret_key = None;
        draft.options.publishable_key =
            draft.options.publishable_key.clone().filter(|_| draft.random.percent(50));
    }
}

fn anything(draft: &mut Draft<'_>) {
    for _ in 0..6 {
        change_cookie(draft);
        request::change_fields(draft);
        request::change_url(draft);
    }
    request::change_method(draft);
}

/// Gives the visitor the cookies of a session.
fn visitor(draft: &mut Draft<'_>, token: &str) {
    let uat = (draft.secs() - 100).to_string();
    let (plain, suffixed) = match draft.random.below(10) {
        0..4 => (true, true),
        4..7 => (false, true),
        _ => (true, false),
    };
    if plain {
        draft.set_cookie("__session", token);
        draft.set_cookie("__client_uat", uat.clone());
    }
    if suffixed {
        let (session, client) = (draft.suffixed("__session"), draft.suffixed("__client_uat"));
        draft.set_cookie(session, token);
        draft.set_cookie(client, uat);
    }
    browser(draft);
}

/// Names the browser, as a development instance needs it.
fn browser(draft: &mut Draft<'_>) {
    if draft.production && draft.random.percent(80) {
        return;
    }
    if draft.random.percent(92) {
        draft.set_cookie("__clerk_db_jwt", "dvb_plain");
    }
    if draft.random.percent(85) {
        let name = draft.suffixed("__clerk_db_jwt");
        draft.set_cookie(name, "dvb_suffixed");
    }
}

fn refreshable(draft: &mut Draft<'_>) {
    let (name, token) = (draft.suffixed("__refresh"), replies::refresh_token(draft));
    draft.set_cookie(name, token);
}

fn counter(draft: &mut Draft<'_>) {
    let counts = [
        "0",
        "1",
        "2",
        "3",
        "3",
        "3",
        "4",
        "10",
        "",
        "03",
        "3.0",
        "0x3",
        "-1",
        "abc",
        "\"3\"",
        "1e3",
        " 3",
        "+3",
        "%33",
        "99999999999999999999",
    ];
    let count = *draft.random.pick(&counts);
    draft.set_cookie("__clerk_redirect_count", count);
    if draft.random.percent(30) {
        let again = (*draft.random.pick(&counts)).to_owned();
        draft.cookies.push(("__clerk_redirect_count".to_owned(), again));
    }
}

fn family(draft: &mut Draft<'_>, name: &str) -> String {
    if draft.random.percent(50) { name.to_owned() } else { draft.suffixed(name) }
}

/// Changes a cookie: sets, empties, removes or repeats it.
pub(crate) fn change_cookie(draft: &mut Draft<'_>) {
    match draft.random.below(20) {
        0..5 => session(draft),
        5..8 => client_uat(draft),
        8 => {
            let name = family(draft, "__clerk_db_jwt");
            let value = *draft.random.pick(&["", "dvb_other", "dvb%20x", "dvb%zz"]);
            draft.set_cookie(name, value);
        }
        9 | 10 => refreshable(draft),
        11 | 12 => counter(draft),
        13 => {
            let token = handshake_token(draft);
            draft.set_cookie("__clerk_handshake", token);
        }
        14 => {
            let nonce = if draft.random.percent(75) { replies::nonce(draft) } else { "spent".to_owned() };
            draft.set_cookie("__clerk_handshake_nonce", nonce);
        }
        15 | 16 => remove(draft),
        17 => repeat(draft),
        18 => {
            let names = [
                "other",
                "__Session",
                "__session_AAAAAAAA",
                "__client",
                "__refresh",
                "clerk_active_context",
                "broken;",
                "",
                "a b",
            ];
            let name = *draft.random.pick(&names);
            draft.cookies.push((name.to_owned(), "x=y".to_owned()));
        }
        _ => encode(draft),
    }
}

fn session(draft: &mut Draft<'_>) {
    let name = family(draft, "__session");
    let token = match draft.random.below(10) {
        0 => String::new(),
        1 => "garbage".to_owned(),
        2 => tokens::machine(draft),
        3 => tokens::expired(draft),
        4..7 => tokens::tweaked(draft),
        _ => tokens::session(draft),
    };
    draft.set_cookie(name, token);
}

fn client_uat(draft: &mut Draft<'_>) {
    const TEXTS: &[&str] = &[
        "0",
        "1",
        "",
        "12abc",
        "abc",
        "-5",
        "1e3",
        "0x10",
        "00",
        " 7",
        "%30",
        "1.5",
        "99999999999999999999",
        "0",
    ];
    let name = family(draft, "__client_uat");
    let value = if draft.random.percent(70) {
        (*draft.random.pick(TEXTS)).to_owned()
    } else {
        (draft.secs() + draft.random.pick(&[0, -9, -10, -11, 1_000])).to_string()
    };
    draft.set_cookie(name, value);
}

fn remove(draft: &mut Draft<'_>) {
    if !draft.cookies.is_empty() {
        let place = draft.random.below(draft.cookies.len());
        draft.cookies.remove(place);
    }
}

/// Repeats a cookie, before or behind the one that is there.
fn repeat(draft: &mut Draft<'_>) {
    if draft.cookies.is_empty() {
        return;
    }
    let (name, value) = draft.random.pick(&draft.cookies.clone()).clone();
    let value = match draft.random.below(3) {
        0 => value,
        1 => String::new(),
        _ => tokens::session(draft),
    };
    let place = draft.random.below(draft.cookies.len() + 1);
    draft.cookies.insert(place, (name, value));
}

/// Percent-encodes a letter of a cookie's value.
fn encode(draft: &mut Draft<'_>) {
    if draft.cookies.is_empty() {
        return;
    }
    let place = draft.random.below(draft.cookies.len());
    let value = draft.cookies[place].1.clone();
    let mut letters = value.chars();
    if let Some(first) = letters.next() {
        let mut bytes = [0; 4];
        let encoded: String =
            first.encode_utf8(&mut bytes).bytes().map(|byte| format!("%{byte:02X}")).collect();
        draft.cookies[place].1 = encoded + letters.as_str();
    }
}

/// Changes `Authorization`.
pub(crate) fn change_authorization(draft: &mut Draft<'_>) {
    let token = match draft.random.below(6) {
        0 => tokens::machine(draft),
        1 => replies::opaque(draft),
        2 => tokens::tweaked(draft),
        3 => tokens::expired(draft),
        _ => tokens::session(draft),
    };
    let value = match draft.random.below(14) {
        0 => token,
        1 => format!("bearer {token}"),
        2 => format!("Basic {token}"),
        3 => format!("Bearer  {token}"),
        4 => "Bearer".to_owned(),
        5 => "Bearer ".to_owned(),
        6 => String::new(),
        7 => format!("Bearer {token} more"),
        8 => format!("Bearer\t{token}"),
        9 => "garbage".to_owned(),
        10 => (*draft.random.pick(&["Bearer ak_1", "Bearer mt_1", "Bearer oat_1", "ak_1", "Bearer AK_1"]))
            .to_owned(),
        _ => format!("Bearer {token}"),
    };
    draft.set_header("authorization", value);
}

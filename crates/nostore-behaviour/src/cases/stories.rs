//! Cases of more than one request, or of less than a response.

use std::thread;

use super::STAMP;
use crate::adapter::{Panic, Setting};
use crate::case::{Asks, Case, Expected, Play, fetch, page, status};
use crate::site::LARGE;
use crate::suite::Stage;

type Told = Result<(), String>;
type Story = (&'static str, fn(&Stage) -> Told);

pub(super) fn cases() -> Vec<Case> {
    let stories: [Story; 21] = [
        ("a public stream passes piece by piece", |stage| stream(stage, "/stream", "", &keeps(), "two")),
        ("a stream after a read of Auth passes piece by piece, protected", |stage| {
            stream(stage, "/who/stream", "{alice}", &status(200).never(&[]), "two")
        }),
        ("a first read after the head was sent sees signed out and is counted", |stage| {
            stream(stage, "/exchange/late", "{alice}", &keeps(), "nobody, defects 1")
        }),
        ("a second read after the head was sent is no defect", |stage| {
            let expected = status(200).never(&[]);
            stream(stage, "/exchange/late-again", "{alice}", &expected, "alice@example.com, defects 0")
        }),
        ("raising the level after the head was sent is counted", |stage| {
            stream(stage, "/exchange/late-raise", "{alice}", &keeps(), "defects 1")
        }),
        ("a visitor who leaves a stream leaves the site whole", abandoned),
        ("a handler that panics", |stage| panics(stage, "/panic", &silent(500))),
        ("a handler that panics after a read", |stage| panics(stage, "/who/panic", &status(500).never(&[]))),
        ("an upgrade passes bytes both ways", |stage| {
            upgrade(stage, "/upgrade", "", &status(101).keeps(&[]))
        }),
        ("an upgrade after a read is protected", |stage| {
            upgrade(stage, "/who/upgrade", "{alice}", &status(101).never(&[]))
        }),
        ("an upgrade that is refused is a 401", refused_upgrade),
        ("HEAD tells the length and sends nothing", head),
        ("visitors on one connection do not mix", one_connection),
        ("visitors at the same time do not mix", at_once),
        ("a large posted body arrives whole", large_post),
        ("sign-out clears every session cookie on its redirect", sign_out),
        ("sign-out without a session clears all the same", sign_out_of_nobody),
        ("after a sign-out nothing lingers", after_sign_out),
        ("a body of unknown length is not given one", unknown_length),
        ("a target in absolute form names the site", absolute_form),
        ("a request without cookies after one with them", fresh_connection),
    ];
    stories.map(|(name, story)| Case { name, setting: Setting::Live, play: Play::Story(story) }).into()
}

fn keeps() -> Expected {
    status(200).keeps(&STAMP)
}

/// The app said nothing about caching and asked nobody, but a session came along.
fn silent(code: u16) -> Expected {
    status(code).keeps(&[("cache-control", "private, no-cache")])
}

fn holds(holds: bool, what: impl FnOnce() -> String) -> Told {
    if holds { Ok(()) } else { Err(what()) }
}

fn stream(stage: &Stage, target: &str, cookie: &str, expected: &Expected, last: &str) -> Told {
    let sent = page(target, cookie).last();
    let mut connection = stage.connect()?;
    connection.send(&sent)?;
    let outcome = (|| {
        let head = connection.head()?;
        expected.check_lines(stage, &sent, &head)?;
        // The second piece does not exist yet: whoever waits for it waits in vain.
        let first = connection.chunk()?;
        holds(first.as_deref() == Some(b"one"), || format!("expected the first piece, found {first:?}"))
    })();
    stage.site.gate.open_once();
    outcome?;
    let second = connection.chunk()?.unwrap_or_default();
    holds(second == last.as_bytes(), || {
        format!("expected {last:?}, found {:?}", String::from_utf8_lossy(&second))
    })?;
    let end = connection.chunk()?;
    holds(end.is_none(), || format!("expected the end, found {end:?}"))
}

fn abandoned(stage: &Stage) -> Told {
    let mut connection = stage.connect()?;
    connection.send(&page("/who/stream", "{alice}"))?;
    connection.head()?;
    connection.chunk()?;
    drop(connection);
    stage.site.gate.open_once();
    once(stage, "/who", "{alice}", &status(200).never(&[]).body("alice@example.com"))
}

fn once(stage: &Stage, target: &str, cookie: &str, expected: &Expected) -> Told {
    let sent = page(target, cookie).last();
    let received = stage.connect()?.exchange(&sent)?;
    expected.check(stage, &sent, &received)
}

fn panics(stage: &Stage, target: &str, expected: &Expected) -> Told {
    let sent = page(target, "{alice}").last();
    let outcome = stage.connect()?.exchange(&sent);
    match (stage.on_panic, outcome) {
        (Panic::HangsUp, Err(_)) => {}
        (Panic::HangsUp, Ok(received)) => return Err(format!("expected nothing, found {:?}", received.head)),
        (Panic::Answered, outcome) => expected.check(stage, &sent, &outcome?)?,
    }
    once(stage, "/", "{bob}", &keeps().body("the same for everyone"))
}

fn upgrade(stage: &Stage, target: &str, cookie: &str, expected: &Expected) -> Told {
    let mut connection = stage.connect()?;
    let sent = fetch(target, cookie).field("connection", "upgrade").field("upgrade", "websocket");
    connection.send(&sent)?;
    let head = connection.head()?;
    holds(head.status == 101, || format!("expected 101, found {head:?}"))?;
    holds(head.first("upgrade") == Some("websocket"), || {
        format!("expected the protocol's name, found {head:?}")
    })?;
    expected.check_lines(stage, &sent, &head)?;
    for word in [b"ping", b"pong"] {
        connection.write(word)?;
        let back = connection.exactly(4)?;
        holds(back == word, || format!("expected {word:?}, found {back:?}"))?;
    }
    Ok(())
}

fn refused_upgrade(stage: &Stage) -> Told {
    let sent = fetch("/mine", "").field("connection", "upgrade").field("upgrade", "websocket");
    let received = stage.connect()?.exchange(&sent)?;
    status(401).gate(Asks::Require).check(stage, &sent, &received)
}

fn head(stage: &Stage) -> Told {
    let mut connection = stage.connect()?;
    for (target, length) in [("/", "21"), ("/who", "17"), ("/large", "1048576")] {
        let received = connection.exchange(&page(target, "{alice}").method("HEAD"))?;
        let found = received.head.first("content-length");
        holds(found == Some(length), || format!("{target}: expected {length}, found {found:?}"))?;
        // If bytes of a body had come, this would read them as a head.
        let next = connection.exchange(&page("/who", "{alice}"))?;
        holds(next.body == b"alice@example.com", || format!("{target}: then {:?}", next.body))?;
    }
    Ok(())
}

fn one_connection(stage: &Stage) -> Told {
    let mut connection = stage.connect()?;
    let nobody = || status(200).never_with_state(&[]).body("nobody");
    let named = |name: &str| status(200).never(&[]).body(name);
    for (target, cookie, expected) in [
        ("/who", "{alice}", named("alice@example.com")),
        ("/who", "", nobody()),
        ("/who", "{bob}", named("bob@example.com")),
        ("/", "", keeps().body("the same for everyone")),
        ("/maybe", "{alice}", named("alice@example.com")),
        ("/mine", "", status(307).gate(Asks::Require)),
        ("/who", "{bob}", named("bob@example.com")),
    ] {
        let sent = page(target, cookie);
        expected.check(stage, &sent, &connection.exchange(&sent)?)?;
    }
    Ok(())
}

fn at_once(stage: &Stage) -> Told {
    let address = stage.address;
    let visit = move |cookie: &'static str, expected: &'static str| -> Told {
        let mut connection = crate::wire::Connection::open(address)?;
        for target in ["/who", "/maybe", "/nested/who"].into_iter().cycle().take(30) {
            let received = connection.exchange(&page(target, cookie))?;
            let found = String::from_utf8_lossy(&received.body).into_owned();
            holds(found == expected, || format!("expected {expected}, found {found}"))?;
        }
        Ok(())
    };
    let visitors = [("{alice}", "alice@example.com"), ("{bob}", "bob@example.com"), ("", "nobody")];
    let threads: Vec<_> = visitors
        .into_iter()
        .cycle()
        .take(9)
        .map(|(cookie, expected)| thread::spawn(move || visit(cookie, expected)))
        .collect();
    threads
        .into_iter()
        .try_for_each(|thread| thread.join().map_err(|_| "a visitor's thread panicked".to_owned())?)
}

fn large_post(stage: &Stage) -> Told {
    let body: Vec<u8> = (0..LARGE).map(|index| u8::try_from(index % 251).unwrap_or_default()).collect();
    let sent = fetch("/echo", "{alice}").method("POST").content(body.clone()).last();
    let received = stage.connect()?.exchange(&sent)?;
    holds(received.body == body, || format!("{} bytes came back changed", received.body.len()))
}

fn signed_out(stage: &Stage, cookie: &str, outcome: &str) -> Told {
    let sent = fetch("/exchange/sign-out", cookie).method("POST").last();
    let received = stage.connect()?.exchange(&sent)?;
    let cleared = received.head.all("set-cookie");
    let mut lines = vec![("location", "/"), ("x-outcome", outcome)];
    lines.extend(cleared.iter().map(|line| ("set-cookie", *line)));
    status(303).never(&lines).check(stage, &sent, &received)?;
    for name in ["__session=", "__client_uat="] {
        let found = cleared.iter().filter(|line| line.starts_with(name)).count();
        holds(found >= 1, || format!("expected a line that clears {name}, found {cleared:?}"))?;
    }
    let config = stage.site.sessions.config().expect("handshake sessions");
    let expected = nostore_session::clear_cookies(config).len();
    holds(cleared.len() == expected, || format!("expected {expected} lines, found {cleared:?}"))
}

fn sign_out(stage: &Stage) -> Told {
    signed_out(stage, "{alice}", "Revoked")
}

fn sign_out_of_nobody(stage: &Stage) -> Told {
    signed_out(stage, "", "NoSession")
}

fn after_sign_out(stage: &Stage) -> Told {
    let mut connection = stage.connect()?;
    connection.exchange(&fetch("/exchange/sign-out", "{alice}").method("POST"))?;
    let sent = page("/", "{bob}");
    keeps().check(stage, &sent, &connection.exchange(&sent)?)
}

fn unknown_length(stage: &Stage) -> Told {
    let mut connection = stage.connect()?;
    connection.send(&page("/who/stream", "{alice}").last())?;
    let head = connection.head();
    stage.site.gate.open_once();
    let head = head?;
    holds(head.first("content-length").is_none(), || format!("found {head:?}"))?;
    holds(head.first("transfer-encoding") == Some("chunked"), || format!("found {head:?}"))?;
    while connection.chunk()?.is_some() {}
    Ok(())
}

fn absolute_form(stage: &Stage) -> Told {
    let sent = page("http://shop.example/exchange/return-path", "").last();
    let received = stage.connect()?.exchange(&sent)?;
    keeps().body("/x?y /").check(stage, &sent, &received)
}

fn fresh_connection(stage: &Stage) -> Told {
    once(stage, "/who", "{alice}", &status(200).never(&[]).body("alice@example.com"))?;
    once(stage, "/who", "", &status(200).never_with_state(&[]).body("nobody"))
}

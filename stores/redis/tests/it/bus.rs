//! What the bus carries, keeps and forgets.

use std::time::Duration;

use nostore_message::Secret;
use nostore_outage::{Proxy, RedisServer, Way};
use nostore_redis::RedisLink;
use nostore_token::{Bus as _, Seals};
use tokio::time::sleep;

use crate::world::{Direct, LIFE_SECS, SECRET, builder, built, hear, link, message, session, until, up};

#[tokio::test]
async fn what_one_tells_all_hear_and_find() {
    let server = RedisServer::start().await;
    let (one, other) = (link(&server).await, link(&server).await);
    let (mut own, mut heard) = (one.listen(), other.listen());
    let told = message("sess_1", 1);
    one.send(&told).unwrap();
    assert_eq!(hear(&mut heard).await, told.expose());
    assert_eq!(hear(&mut own).await, told.expose());
    // Those who come later find it, and so do those who were there.
    for link in [&one, &other, &link(&server).await] {
        let kept = link.load(&session("sess_1").to_string()).await.unwrap();
        assert_eq!(&*kept, told.expose().as_bytes());
    }
    assert!(other.load(&session("sess_2").to_string()).await.is_none());
    assert!(one.keeps());
    assert_eq!((one.unopened(), other.unopened()), (0, 0));
}

#[tokio::test]
async fn what_is_kept_is_the_latest_and_goes_when_its_token_expires() {
    let (server, name) = (RedisServer::start().await, session("sess_1").to_string());
    let (link, mut direct) = (link(&server).await, Direct::to(&server).await);
    for number in 1..=3 {
        link.send(&message("sess_1", number)).unwrap();
    }
    assert_eq!(&*link.load(&name).await.unwrap(), message("sess_1", 3).expose().as_bytes());
    let keys = direct.keys().await;
    assert_eq!(keys.len(), 1);
    let left_ms: i64 = direct.ask("PTTL", &[keys[0].as_bytes()]).await;
    let life_ms = LIFE_SECS * 1_000;
    assert!((life_ms - 60_000..=life_ms).contains(&left_ms), "{left_ms} ms");
}

#[tokio::test]
async fn what_is_forgotten_is_not_found() {
    let (server, name) = (RedisServer::start().await, session("sess_1").to_string());
    let (link, mut direct) = (link(&server).await, Direct::to(&server).await);
    link.send(&message("sess_1", 1)).unwrap();
    link.send(&message("sess_2", 1)).unwrap();
    link.forget(&name);
    assert!(link.load(&name).await.is_none());
    assert!(link.load(&session("sess_2").to_string()).await.is_some());
    assert_eq!(direct.keys().await.len(), 1);
}

#[tokio::test]
async fn those_with_another_prefix_are_others() {
    let (server, name) = (RedisServer::start().await, session("sess_1").to_string());
    let one = link(&server).await;
    let other = up(built(builder(&server.url()).prefix("other"))).await;
    let mut heard = other.listen();
    one.send(&message("sess_1", 1)).unwrap();
    assert!(one.load(&name).await.is_some());
    assert!(other.load(&name).await.is_none());
    other.send(&message("sess_1", 2)).unwrap();
    assert_eq!(hear(&mut heard).await, message("sess_1", 2).expose());
}

#[tokio::test]
async fn a_secret_is_replaced_while_everybody_goes_on() {
    let (server, name) = (RedisServer::start().await, session("sess_1").to_string());
    let with = async |secrets: &[&str]| {
        let secrets = secrets.iter().copied().map(Secret::new);
        up(built(RedisLink::builder(&server.url(), secrets).unwrap())).await
    };
    let new = "another secret that all of them share";
    let (old, both, next) = (with(&[SECRET]).await, with(&[SECRET, new]).await, with(&[new, SECRET]).await);
    let mut heard = [both.listen(), next.listen()];
    old.send(&message("sess_1", 1)).unwrap();
    for heard in &mut heard {
        assert_eq!(hear(heard).await, message("sess_1", 1).expose());
    }
    for link in [&both, &next] {
        assert!(link.load(&name).await.is_some());
    }
    next.send(&message("sess_1", 2)).unwrap();
    assert_eq!(hear(&mut heard[0]).await, message("sess_1", 2).expose());
    // Both are kept now, each under its own name; what is forgotten goes under both.
    assert_eq!(Direct::to(&server).await.keys().await.len(), 2);
    both.forget(&name);
    assert!(both.load(&name).await.is_none());
    assert!(next.load(&name).await.is_none());
}

#[tokio::test]
async fn whoever_was_cut_off_hears_what_was_told_meanwhile() {
    let (server, name) = (RedisServer::start().await, session("sess_1").to_string());
    let proxy = Proxy::before(server.port()).await;
    let (one, other) = (link(&server).await, up(built(builder(&proxy.url()))).await);
    // That it was looked for is enough.
    assert!(other.load(&name).await.is_none());
    let mut heard = other.listen();
    proxy.goes(Way::Away);
    until(async || !other.is_up()).await;
    one.send(&message("sess_1", 1)).unwrap();
    one.send(&message("sess_2", 1)).unwrap();
    assert!(one.load(&name).await.is_some());
    proxy.goes(Way::Through);
    assert_eq!(hear(&mut heard).await, message("sess_1", 1).expose());
    until(async || other.is_up()).await;
    // What it never asked for it is not told of, and what it forgot neither.
    other.forget(&name);
    proxy.goes(Way::Away);
    until(async || !other.is_up()).await;
    one.send(&message("sess_1", 2)).unwrap();
    assert!(one.load(&name).await.is_some());
    proxy.goes(Way::Through);
    until(async || other.is_up()).await;
    assert!(other.load(&session("sess_2").to_string()).await.is_some());
    assert!(heard.try_recv().is_err());
}

#[tokio::test]
async fn what_is_no_message_of_ours_is_passed_over() {
    let server = RedisServer::start().await;
    let (link, mut direct) = (link(&server).await, Direct::to(&server).await);
    let names = ["sess_1", "sess_2"].map(|name| session(name).to_string());
    let mut heard = link.listen();
    link.send(&message("sess_1", 1)).unwrap();
    hear(&mut heard).await;
    let one = direct.keys().await.remove(0);
    let sealed: Vec<u8> = direct.ask("GET", &[one.as_bytes()]).await;
    link.send(&message("sess_2", 1)).unwrap();
    hear(&mut heard).await;
    let other = direct.keys().await.into_iter().find(|key| *key != one).unwrap();

    // One entry's token under another's name.
    direct.ask::<()>("SET", &[other.as_bytes(), &sealed]).await;
    assert!(link.load(&names[1]).await.is_none());
    assert_eq!(link.unopened(), 1);
    // The same by somebody who has the secret, or by a mistake.
    let seals = Seals::new([Secret::new(SECRET)]).unwrap();
    let hidden = seals.hide(&names[1]);
    let misplaced = seals.seal(&hidden, message("sess_1", 9).expose().as_bytes()).unwrap();
    direct.ask::<()>("SET", &[other.as_bytes(), &misplaced]).await;
    assert!(link.load(&names[1]).await.is_none());
    let text = seals.seal(&hidden, b"no message").unwrap();
    direct.ask::<()>("SET", &[other.as_bytes(), &text]).await;
    assert!(link.load(&names[1]).await.is_none());
    let right = seals.seal(&hidden, message("sess_2", 9).expose().as_bytes()).unwrap();
    direct.ask::<()>("SET", &[other.as_bytes(), &right]).await;
    assert!(link.load(&names[1]).await.is_some());
    assert_eq!(link.unopened(), 3);
    let mut changed = sealed.clone();
    *changed.last_mut().unwrap() ^= 1;
    let junk = vec![1; 1 << 20];
    for (found, value) in [&b""[..], b"\x01", b"garbage", &changed, &junk].into_iter().enumerate() {
        direct.ask::<()>("SET", &[one.as_bytes(), value]).await;
        assert!(link.load(&names[0]).await.is_none(), "value {found}");
    }
    // And what is no text at all.
    direct.ask::<()>("DEL", &[one.as_bytes()]).await;
    direct.ask::<()>("LPUSH", &[one.as_bytes(), b"x"]).await;
    assert!(link.load(&names[0]).await.is_none());
    // On the channel as well: a name that is none, another's, and none.
    let moved = [hidden.as_bytes(), &sealed].concat();
    let strange = [&[0xff; 43], &*sealed].concat();
    for value in [&b""[..], b"short", &sealed, &moved, &strange, &junk] {
        direct.ask::<i64>("PUBLISH", &[b"nostore:tokens", value]).await;
    }
    link.send(&message("sess_1", 2)).unwrap();
    assert_eq!(hear(&mut heard).await, message("sess_1", 2).expose());
    assert!(link.is_up());
}

#[tokio::test]
async fn the_last_one_does_what_is_left_to_do_and_hangs_up() {
    let server = RedisServer::start().await;
    let (link, mut direct) = (link(&server).await, Direct::to(&server).await);
    let clients =
        async |direct: &mut Direct| direct.ask::<String>("CLIENT", &[b"LIST"]).await.lines().count();
    assert_eq!(clients(&mut direct).await, 2);
    let clone = link.clone();
    drop(link);
    sleep(Duration::from_millis(50)).await;
    clone.send(&message("sess_1", 1)).unwrap();
    drop(clone);
    for _ in 0..1_000 {
        if clients(&mut direct).await == 1 {
            break;
        }
        sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(clients(&mut direct).await, 1);
    assert_eq!(direct.keys().await.len(), 1);
}

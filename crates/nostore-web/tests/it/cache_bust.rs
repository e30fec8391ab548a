//! The older remedy against a replayed redirect: a time stamp in the URL, where it is asked for.

use nostore_cache::Platform;
use nostore_message::RequestHead;
use nostore_session::Instance;
use nostore_web::{Begin, Sessions};

use crate::heads::{PAGE, assert_field_set, head_of, request};
use crate::support::{Identity, NOW, handshake_token};

async fn location(sessions: &Sessions, head: RequestHead<'_>) -> Option<String> {
    let Begin::Answer(answer) = sessions.begin(head).await else { return None };
    let head = head_of(&answer);
    assert_field_set(&head.fields);
    head.fields.first("location").map(str::to_owned)
}

#[tokio::test]
async fn r0_3_r1_9_a_time_stamp_on_the_original_url_alone_and_only_where_it_is_asked_for() {
    let identity = Identity::start().await;
    let returned = format!("/a?x=1&__clerk_handshake={}", handshake_token());
    let clean = "http://localhost:8080/a?x=1";
    let stamped = format!("{clean}&__clerk_netlify_cache_bust={NOW}000");
    let netlify = Some(Platform::Netlify);
    let rows = [
        (Instance::Development, netlify, true, Some(stamped.as_str())),
        (Instance::Development, netlify, false, Some(clean)),
        (Instance::Development, Some(Platform::Amplify), true, Some(clean)),
        (Instance::Development, None, true, Some(clean)),
        // With live keys there is no clean-up.
        (Instance::Production, netlify, true, None),
    ];
    for (instance, platform, on, expected) in rows {
        let row = format!("{instance} {platform:?} {on}");
        let sessions =
            identity.sessions(instance).platform(platform).eager(true).cache_bust(on).build().unwrap();
        let found = location(&sessions, request(&returned, &[PAGE[0]])).await;
        assert_eq!(found.as_deref(), expected, "{row}");
        // The way to the identity service brings a return URL, and neither is stamped.
        let stale = request("/a", &[PAGE[0], ("cookie", "__client_uat=1; __clerk_db_jwt=dvb_1")]);
        let out = location(&sessions, stale).await.unwrap();
        assert!(!out.contains("cache_bust"), "{row}: {out}");
    }
}

#[tokio::test]
async fn r1_10_an_older_time_stamp_is_replaced_where_it_is_asked_for_and_stays_elsewhere() {
    let identity = Identity::start().await;
    let returned = format!("/?__clerk_netlify_cache_bust=17&__clerk_handshake={}&y=2", handshake_token());
    for (on, expected) in [
        (true, format!("?y=2&__clerk_netlify_cache_bust={NOW}000")),
        (false, "?__clerk_netlify_cache_bust=17&y=2".to_owned()),
    ] {
        let builder = identity.sessions(Instance::Development).platform(Some(Platform::Netlify));
        let sessions = builder.cache_bust(on).build().unwrap();
        let found = location(&sessions, request(&returned, &[PAGE[0]])).await;
        assert_eq!(found, Some(format!("http://localhost:8080/{expected}")));
    }
}

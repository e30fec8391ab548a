//! The example of a site's own sign-in: how little of it is ours, and that it answers.

use axum::body::Body;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use nostore_message::UnixTime;
use nostore_signin::SignIn;
use nostore_signin::store::MemoryStore;
use tower::ServiceExt as _;

use crate::support::NOW;

#[path = "../../examples/family-site.rs"]
#[expect(dead_code, reason = "the test has a `main` of its own")]
mod example;

const TEXT: &str = include_str!("../../examples/family-site.rs");
/// What a line of the sign-in names.
const OURS: [&str; 6] = ["nostore", "sign_in", "SignIn", "SessionLayer", "RequireAuth", "Routes"];

#[test]
fn the_sign_in_is_twelve_lines_at_most() {
    let lines = TEXT.lines().filter(|line| !line.starts_with("//"));
    let ours: Vec<&str> = lines.filter(|line| OURS.iter().any(|name| line.contains(name))).collect();
    println!("{}", ours.join("\n"));
    assert!(
        (6..=12).contains(&ours.len()),
        "expected at most twelve lines, found {}:\n{ours:#?}",
        ours.len()
    );
}

#[tokio::test]
async fn the_example_answers() {
    let variables = [
        ("NOSTORE_SECRET", "a secret of the tests that has more than thirty-two octets"),
        ("NOSTORE_ORIGIN", "http://localhost:8080"),
        ("NOSTORE_OIDC_ISSUER", "https://op.example"),
        ("NOSTORE_OIDC_CLIENT_ID", "site"),
        ("NOSTORE_OIDC_CLIENT_SECRET", "hush"),
        ("NOSTORE_ADMIN", "you@example.com"),
    ];
    let find =
        |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_ref());
    let settings = SignIn::from_variables(find).unwrap().store(MemoryStore::default()).quiet(true);
    let app = example::app(settings.platform(None).clock(|| UnixTime::from_secs(NOW))).await.unwrap();
    let never = "no-store, no-cache, must-revalidate, max-age=0, private";
    let rows = [
        ("/", 200, "public, s-maxage=60", "", "Our family"),
        ("/tree", 307, never, "/auth/sign-in?callbackUrl=%2Ftree", ""),
        ("/auth/sign-in?callbackUrl=%2Ftree", 200, never, "", "Continue with"),
        ("/admin/users", 307, never, "/auth/sign-in?callbackUrl=%2Fadmin%2Fusers", ""),
    ];
    for (target, status, caching, location, holds) in rows {
        let request = Request::get(target).header("host", "localhost:8080").header("accept", "text/html");
        let response = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let field =
            |name: &str| response.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
        assert_eq!(response.status(), StatusCode::from_u16(status).unwrap(), "{target}");
        assert_eq!(
            (field("cache-control").as_str(), field("location").as_str()),
            (caching, location),
            "{target}"
        );
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body = String::from_utf8_lossy(&body);
        assert!(body.contains(holds), "{target}: {body}");
    }
}

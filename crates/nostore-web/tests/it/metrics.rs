//! What a site can watch in production: counts and events.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use nostore_session::Instance;
use nostore_web::Routes;
use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber, span};

use crate::heads::{PAGE, answered, finished, passed, request, response};
use crate::service::{Fault, Site, expired};
use crate::support::{Identity, NOW, alice, config, handshake_token};

/// Writes down the events of one target.
#[derive(Clone, Default)]
struct Notebook(Arc<Mutex<Vec<String>>>);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() != "message" {
            write!(self.0, "{}={value:?} ", field.name()).unwrap();
        }
    }
}

impl Subscriber for Notebook {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "nostore::handshake"
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0.trim_end().to_owned());
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

impl Notebook {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// One visit in which everything happens: sent away, back, expired, refreshed, signed out, going round.
#[tokio::test]
async fn r1_16_redirects_are_told_and_counted_by_their_place_in_the_visit() {
    let notebook = Notebook::default();
    let _written = tracing::subscriber::set_default(notebook.clone());
    // With one subscriber, an event that another test's thread meets first is off for good: that thread has none. Of two,
    // all are asked.
    let _another = tracing::Dispatch::new(notebook.clone());
    let mut site = Site::set_up(|sessions| sessions.routes(Routes::new().protected("/dashboard"))).await;
    let uat = format!("__client_uat={NOW}");
    assert!(site.page(&uat).await.location.is_some());
    assert_eq!(
        notebook.take(),
        [r#"kind="begin" reason="client-uat-but-no-session-token" hops=0 path="/orders""#]
    );
    let back = format!("{uat}; __clerk_handshake_nonce=n1; __nostore_hops=2.{NOW}");
    assert!(site.page(&back).await.signed_in);
    assert_eq!(notebook.take(), [r#"kind="return" reason="ok" hops=2 path="/orders""#]);
    // A page that needs none of it is no step.
    assert!(site.page(&alice()).await.signed_in);
    assert_eq!(notebook.take(), Vec::<String>::new());
    assert!(site.page(&expired("r1")).await.signed_in);
    assert_eq!(notebook.take(), [r#"kind="refresh" reason="ok" hops=0 path="/orders""#]);
    site.service.break_down(Fault::Trouble).await;
    assert!(!site.fetch(&expired("r2")).await.signed_in);
    assert_eq!(notebook.take(), [r#"kind="refresh" reason="trouble" hops=0 path="/orders""#]);
    let round = format!("{uat}; __clerk_redirect_count=3; __nostore_hops=4.{NOW}");
    assert!(site.page(&round).await.location.is_none());
    assert_eq!(
        notebook.take(),
        [r#"kind="loop-stopped" reason="client-uat-but-no-session-token" hops=4 path="/orders""#]
    );
    drop(answered(&site.sessions, request("/dashboard?token=secret", &PAGE)).await);
    assert_eq!(notebook.take(), [r#"kind="sign-in" reason="signed-out" hops=0 path="/dashboard""#]);
    let metrics = site.sessions.metrics();
    assert_eq!((metrics.handshakes_begun, metrics.returns_resolved, metrics.loops_stopped), (1, 1, 1));
    assert_eq!((metrics.refreshes, metrics.refreshes_failed), (1, 1));
    assert_eq!(metrics.redirects, [2, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!((metrics.visits, metrics.visit_redirects), ([0, 1, 0, 1, 0, 0, 0, 0], 6));
}

/// In development the way back is one more redirect, to the URL without the result.
#[tokio::test]
async fn r1_16_the_clean_url_is_a_redirect_too() {
    let identity = Identity::start().await;
    let sessions = identity.sessions(Instance::Development).build().unwrap();
    let target = format!("/orders?__clerk_handshake={}", handshake_token());
    let counted = format!("__nostore_hops=2.{NOW}");
    drop(answered(&sessions, request(&target, &[PAGE[0], ("cookie", &counted)])).await);
    let metrics = sessions.metrics();
    assert_eq!((metrics.returns_resolved, metrics.handshakes_begun), (1, 0));
    assert_eq!(metrics.redirects, [0, 0, 1, 0, 0, 0, 0, 0]);
    assert_eq!(metrics.visits, [0; 8]);
}

/// However many handlers ask, it is one redirect; and what is no navigation ends no visit.
#[tokio::test]
async fn r1_16_each_redirect_counts_once() {
    let sessions = nostore_web::Sessions::builder(config(Instance::Production));
    let sessions = sessions.platform(None).dev(false).clock(crate::support::Hand::new()).build().unwrap();
    let cookie = format!("__client_uat={NOW}; __nostore_hops=99.{NOW}");
    let exchange = passed(&sessions, request("/", &[("cookie", &cookie)])).await;
    drop(finished(&sessions, &exchange, &response(200, &[])));
    assert_eq!(sessions.metrics(), nostore_web::Metrics::default());
    let exchange =
        passed(&sessions, request("/", &[PAGE[0], ("cookie", &format!("__client_uat={NOW}"))])).await;
    for _ in 0..3 {
        assert!(exchange.auth(nostore_web::Why::here()).await.is_err());
    }
    assert_eq!(sessions.metrics().redirects, [1, 0, 0, 0, 0, 0, 0, 0]);
    // The app's own answers: a redirect goes on, a page ends the visit, and what everybody gets is neither.
    let cookie = format!("__nostore_hops=99.{NOW}");
    for (reads, status, redirects, visits) in [(false, 200, 0, 0), (true, 302, 1, 0), (true, 200, 1, 1)] {
        let exchange = passed(&sessions, request("/", &[PAGE[0], ("cookie", &cookie)])).await;
        if reads {
            assert!(!exchange.peek(nostore_web::Why::here()).await.is_signed_in());
        }
        for _ in 0..2 {
            drop(finished(&sessions, &exchange, &response(status, &[])));
        }
        let metrics = sessions.metrics();
        assert_eq!((metrics.redirects[7], metrics.visits[7]), (redirects, visits), "{reads} {status}");
        assert_eq!(metrics.visit_redirects, 8 * visits);
    }
}

#[test]
fn r1_16_what_prometheus_reads() {
    let mut metrics = nostore_web::Metrics::default();
    (metrics.handshakes_begun, metrics.returns_resolved, metrics.loops_stopped) = (11, 10, 1);
    (metrics.redirects, metrics.visits) = ([11, 0, 2, 0, 0, 0, 0, 1], [1, 8, 2, 0, 0, 0, 0, 3]);
    metrics.visit_redirects = 60;
    (metrics.refreshes, metrics.refreshes_failed) = (20, 3);
    (metrics.key_fetches, metrics.key_fetches_failed) = (4, 1);
    (metrics.memo_hits, metrics.memo_misses) = (1_000, 50);
    insta::assert_snapshot!(metrics.prometheus());
}

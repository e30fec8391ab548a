//! The suite that every adapter passes, and what it makes of a broken one.

use std::net::SocketAddr;

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::SET_COOKIE;
use actix_web::middleware::{Next, from_fn};
use nostore_actix::SessionMiddleware;
use nostore_behaviour::{Adapter, Around, Panic, Site, cases, run};

use crate::site::{Actix, app, serve};

#[test]
fn r0_5_actix_behaves() {
    let report = run(&Actix, &cases());
    assert!(report.failures.is_empty(), "{report}");
    assert!(report.ran >= 60, "{report}");
}

#[test]
fn a_broken_adapter_turns_the_suite_red() {
    let report = run(&DropsTheSecondSetCookie, &cases());
    let failed = report.failed();
    for name in [
        "a handshake returns: both lines, on the page itself",
        "a handshake returns on a page that sets cookies: four lines",
        "Auth: the page's own cookies keep their order",
        "sign-out clears every session cookie on its redirect",
        "own: a whole sign-in ends signed in on the page that was wanted",
    ] {
        assert!(failed.contains(&name), "{name} saw nothing, but {report}");
    }
    // What has to do with one cookie at most is none of its business.
    assert!(!failed.contains(&"Auth: Alice") && failed.len() < report.ran / 4, "{report}");
}

/// The good one with a mistake around it: one value for each name.
struct DropsTheSecondSetCookie;

impl Adapter for DropsTheSecondSetCookie {
    fn on_panic(&self) -> Panic {
        Panic::HangsUp
    }

    fn serve(&self, site: Site, around: Around) -> SocketAddr {
        if around != Around::Sessions {
            return Actix.serve(site, around);
        }
        let layer = SessionMiddleware::new(site.sessions.clone());
        serve(move || app(&site).wrap(layer.clone()).wrap(from_fn(drop_the_second)))
    }
}

async fn drop_the_second(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let mut response = next.call(request).await?;
    let first = response.headers().get(SET_COOKIE).cloned();
    if let Some(first) = first {
        response.headers_mut().insert(SET_COOKIE, first);
    }
    Ok(response)
}

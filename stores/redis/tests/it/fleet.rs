//! Token clients on a link each, with one session.

use nostore_outage::{Issuer, RedisServer, now_ms};
use nostore_token::SessionTokens;
use tokio::runtime::Handle;

use crate::world::{builder, built, session, until};

#[tokio::test]
async fn clients_that_start_at_once_fetch_once() {
    let (server, issuer) = (RedisServer::start().await, Issuer::start(60).await);
    let (port, start_ms) = (issuer.port(), now_ms());
    let clients = (0..20).map(|who| {
        let link = built(builder(&server.url()));
        let tokens = SessionTokens::builder(move |_| Issuer::ask(port, who)).seed(who as u64);
        tokens.bus(link.clone()).lock(link).build_on(Handle::current())
    });
    let clients: Vec<_> = clients.collect();
    let gets: Vec<_> = clients.iter().map(|tokens| tokens.handle(session("sess_outage")).ask()).collect();
    for get in gets {
        get.await.unwrap();
    }
    assert_eq!(issuer.asked_since(start_ms).len(), 1);
    // Sign-out goes to what is kept as well.
    for tokens in &clients {
        tokens.clear();
    }
    let late = built(builder(&server.url()));
    until(async || nostore_token::Bus::load(&late, &session("sess_outage").to_string()).await.is_none())
        .await;
}

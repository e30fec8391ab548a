//! A guard whose records can be waited for.

use std::net::SocketAddr;
use std::sync::Arc;

use nostore_guard::{Guard, GuardConfig, Record};
use nostore_web::CookieProtection;
use tokio::sync::mpsc;

use crate::wire::{ask, get, listener, within};

/// The session cookie of the apps here.
pub(crate) const SESSION: &str = "authjs.session-token";

/// A running guard.
pub(crate) struct Bench {
    pub(crate) address: SocketAddr,
    records: mpsc::UnboundedReceiver<Record>,
}

/// Starts a guard in front of `origin`, as the command does; `change` changes its configuration.
pub(crate) async fn bench(origin: SocketAddr, change: impl FnOnce(&mut GuardConfig)) -> Bench {
    let protection = CookieProtection::cookies([SESSION]).public("/about").drop_strays(true).spell_out(true);
    let (sender, records) = mpsc::unbounded_channel();
    let mut config = GuardConfig::new(format!("http://{origin}"), protection);
    config.sink = Arc::new(move |record| drop(sender.send(record)));
    change(&mut config);
    let guard = Guard::new(&config).unwrap();
    let (listener, address) = listener().await;
    tokio::spawn(async move { guard.serve(listener, std::future::pending()).await });
    Bench { address, records }
}

impl Bench {
    /// Asks for a target with further field lines, and returns the answer with its record.
    pub(crate) async fn get(&mut self, target: &str, lines: &str) -> (String, Record) {
        self.ask(&get(target, lines)).await
    }

    /// Sends a request, and returns the answer with its record.
    pub(crate) async fn ask(&mut self, request: &str) -> (String, Record) {
        let answer = ask(self.address, request).await;
        (answer, within(self.records.recv()).await.unwrap())
    }
}

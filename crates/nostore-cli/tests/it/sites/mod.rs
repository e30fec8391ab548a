//! Real apps with other people's sign-ins (`conformance/sites`), as their users write them, behind an emulated CDN.
//!
//! One scenario (`visits.rs`), whatever the app and whatever stands between it and the CDN (`stage.rs`): Alice signs in
//! and opens the public page, where her session is renewed; strangers open it behind her; she signs out and comes again.
//! A row says the app, the CDN, the way, and what must have been seen.

mod stage;
mod visits;

use std::process::Command;

use nostore_cli::visitor::Visitor;
use nostore_test::WebDriver;

use stage::{App, Stage, Way};
use visits::{NOBODY, Seen, visits};

use crate::chromium::ALICE;
use crate::site::NOSTORE;

const MIDDLEWARE: App = App { folder: "next", cookie: "authjs.session-token", ..App::AUTH_JS };
/// The same site with what `nostore gen next` writes.
const WRAPPED: App = App { folder: "next-wrapped", ..MIDDLEWARE };
const EXPRESS: App = App {
    folder: "express",
    cookie: "authjs.session-token",
    auth: "/auth",
    silent: Some("/hello"),
    ..App::AUTH_JS
};
/// The release of CVE-2025-48947.
const AUTH0_4_6_0: App = App { release: "vulnerable", ..App::AUTH0 };
/// The release that mends it.
const AUTH0_4_6_1: App = App { release: "mended", ..App::AUTH0 };

/// Runs the scenario and compares; returns the warnings' texts.
async fn holds(app: &App, cdn: &'static str, way: Way, expected: Seen) -> Vec<String> {
    let mut stage = Stage::start(app, cdn, way).await;
    let case = format!("{} {} behind {cdn}, {way:?}", app.folder, app.release);
    let (seen, told) = visits(&mut stage, &case).await;
    stage.stop().await;
    assert_eq!(seen, expected, "{case}: {told:?}");
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn r3_1_r3_2_next_auth_on_amplify_makes_everybody_the_first_visitor() {
    let told = holds(&MIDDLEWARE, "amplify", Way::Bare, Seen::leak()).await;
    for word in ["GET / (200, 365 days)", "`authjs.session-token`", "by its name a session"] {
        assert!(told.iter().any(|what| what.contains(word)), "expected {word} in {told:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn r0_5_r3_3_next_auth_behind_the_guard_stays_with_whom_it_belongs() {
    holds(&MIDDLEWARE, "amplify", Way::Guard, Seen::safe()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r0_5_r3_3_r3_7_next_auth_with_what_gen_writes_needs_nothing_in_front() {
    let arguments = ["gen", "next", "--session-cookie", MIDDLEWARE.cookie];
    let written = Command::new(NOSTORE).args(arguments).output().unwrap().stdout;
    let used = std::fs::read_to_string(WRAPPED.path().join("nostore.js")).unwrap();
    assert_eq!(String::from_utf8(written).unwrap(), used, "nostore {}", arguments.join(" "));
    holds(&WRAPPED, "amplify", Way::Bare, Seen::safe()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r0_5_r3_1_r3_2_r3_3_express_on_cloudfront_bare_and_guarded() {
    let expected = Seen::leak().on_silence(ALICE);
    let told = holds(&EXPRESS, "cloudfront", Way::Bare, expected).await;
    assert!(told.iter().any(|what| what.contains("GET / (200, 60 s)")), "{told:?}");
    let expected = Seen::safe().on_silence(NOBODY);
    holds(&EXPRESS, "cloudfront", Way::Guard, expected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r0_5_r3_1_r3_2_r3_3_r3_15_auth0_before_and_after_its_advisory() {
    holds(&AUTH0_4_6_0, "amplify", Way::Bare, Seen::leak()).await;
    holds(&AUTH0_4_6_1, "amplify", Way::Bare, Seen::safe()).await;
    holds(&AUTH0_4_6_0, "amplify", Way::Guard, Seen::safe()).await;
    // Its mended release says it with `Cache-Control` alone, which Netlify is reported not to hear.
    let expected = Seen::leak().warned("stored-although-forbidden");
    holds(&AUTH0_4_6_1, "netlify", Way::Bare, expected).await;
    // The guard says it in Netlify's own words, of a stranger's personal page too.
    holds(&AUTH0_4_6_1, "netlify", Way::Guard, Seen::safe()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r3_1_r3_2_in_a_browser_the_second_one_becomes_the_first_visitor() {
    let driver = WebDriver::start().await;
    let (alice, second) = (driver.browser().await, driver.browser().await);
    let stage = Stage::start(&MIDDLEWARE, "amplify", Way::Bare).await;
    let at = |path: &str| stage.at(path).to_string();

    alice.open(&at("/api/auth/signin")).await;
    alice.fill("input[name=email]", ALICE).await;
    alice.click("form[action*='/callback/credentials'] button").await;
    alice.wait_for_url(&at("/")).await;
    let mut who = Vec::new();
    for visitor in [&second, &alice] {
        visitor.open(&at("/")).await;
        visitor.open(&at("/me")).await;
        who.push(visitor.wait_for("#who").await);
    }
    alice.open(&at("/api/auth/signout")).await;
    alice.click("form button").await;
    alice.wait_for_url(&at("/")).await;
    alice.open(&at("/me")).await;
    who.push(alice.wait_for("#who").await);
    stage.stop().await;
    assert_eq!(who, [ALICE; 3], "the second browser, the first one, and that one when it has signed out");
    alice.close().await;
    second.close().await;
}

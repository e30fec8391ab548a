//! `nostore demo`: a famous failure step by step, first as the incident had it, then protected.
//!
//! Nothing is staged: each line is an answer that a visitor got from a running site behind the emulated CDN.

use std::io::Write as _;

use anstyle::{AnsiColor, Style};
use nostore_cache::Profile;
use url::Url;

use crate::args::{DemoArgs, Failure, Keys, SessionKind};
use crate::error::Failed;
use crate::sample::Incident;
use crate::stage::{Stage, StageOptions};
use crate::visitor::{Hop, Visit, Visitor};

const ALICE: &str = "alice@example.com";
const BOB: &str = "bob@example.com";
const RED: Style = AnsiColor::Red.on_default().bold();
const GREEN: Style = AnsiColor::Green.on_default().bold();
const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
/// How many answers of a navigation are shown one by one.
const SHOWN_HOPS: usize = 6;

/// Tells the story.
///
/// # Errors
///
/// When a site does not start, or does not behave as told.
pub(crate) async fn run(args: &DemoArgs) -> Result<(), Failed> {
    let story = match args.failure {
        Failure::Loop => Story {
            profile: "netlify",
            keys: Keys::Test,
            platform: "Netlify, as sites reported it; keys of a development instance",
            wrong: "the redirects of the sign-in say nothing about caching",
        },
        Failure::Leak => Story {
            profile: "cloudfront",
            keys: Keys::Live,
            platform: "CloudFront, cookies forwarded but not in the cache key; keys of a production instance",
            wrong: "a framework makes pages cacheable, a middleware writes the session cookie on them",
        },
    };
    say(&format!("{BOLD}{}{BOLD:#}", story.platform));
    story.chapter(1, "Unprotected", story.wrong);
    let stage = story.stage(Incident::of(args.failure, SessionKind::Handshake)).await?;
    match args.failure {
        Failure::Loop => unprotected_loop(&stage).await?,
        Failure::Leak => unprotected_leak(&stage).await?,
    }
    stage.stop().await;
    story.chapter(2, "Protected", "the same site with nostore's SessionLayer around it");
    let stage = story.stage(None).await?;
    protected(&stage).await?;
    stage.stop().await;
    let keys = if story.keys == Keys::Live { " --keys live" } else { "" };
    let name = if args.failure == Failure::Loop { "loop" } else { "leak" };
    say(&format!(
        "\nSee it in your own browser: {BOLD}nostore dev --cdn {}{keys} --unprotected {name}{BOLD:#}",
        story.profile
    ));
    Ok(())
}

struct Story {
    profile: &'static str,
    keys: Keys,
    platform: &'static str,
    wrong: &'static str,
}

impl Story {
    async fn stage(&self, incident: Option<Incident>) -> Result<Stage, Failed> {
        let profile =
            Profile::named(self.profile).map_err(|error| Failed::new("no such profile").because(&error))?;
        Stage::start(StageOptions::sample(profile, self.keys, incident)).await
    }

    fn chapter(&self, number: u8, title: &str, text: &str) {
        say(&format!("\n{BOLD}{number}  {title}{BOLD:#}: {text}"));
    }
}

async fn unprotected_loop(stage: &Stage) -> Result<(), Failed> {
    let mut visitor = Visitor::new();
    let dashboard = stage.url("/dashboard")?;
    step("A visitor opens /dashboard");
    let visit = visitor.open(&dashboard).await.map_err(no_answer)?;
    hops(stage, &visit);
    bad(
        visit.looped,
        &format!(
            "never ends: gave up after {} redirects; the first one is replayed for ever",
            visit.redirects()
        ),
    )?;
    step("Another visitor opens the public page /");
    let visit = Visitor::new().open(&stage.url("/")?).await.map_err(no_answer)?;
    bad(
        visit.looped,
        "the same: this site asks who is there on every page, so its redirect is kept there too",
    )
}

async fn unprotected_leak(stage: &Stage) -> Result<(), Failed> {
    let dashboard = stage.url("/dashboard")?;
    step("Alice opens /dashboard and signs in");
    let mut alice = Visitor::new();
    let visit = sign_in(stage, &mut alice, ALICE).await?;
    bad(
        visit.who() == Some(ALICE) && visit.hops.last().is_some_and(|hop| hop.set_cookies().next().is_some()),
        "she is in, and the cache keeps her page with its Set-Cookie lines",
    )?;
    step("Somebody else, on another device, opens /dashboard without signing in");
    let mut second = Visitor::new();
    for text in
        ["is Alice, with Alice's session cookie", "deletes all cookies, opens it again, and is Alice again"]
    {
        let visit = second.open(&dashboard).await.map_err(no_answer)?;
        hops(stage, &visit);
        bad(visit.who() == Some(ALICE) && second.has_cookie(&dashboard, "__session"), text)?;
        second.delete_cookies();
    }
    step("Alice signs out, then opens /dashboard");
    let visit = alice.submit(&stage.url("/sign-out")?, &[]).await.map_err(no_answer)?;
    hops(stage, &visit);
    let visit = alice.open(&dashboard).await.map_err(no_answer)?;
    hops(stage, &visit);
    bad(visit.who() == Some(ALICE), "sign-out did not stick: the stored page signed her in again")
}

async fn protected(stage: &Stage) -> Result<(), Failed> {
    let (dashboard, home) = (stage.url("/dashboard")?, stage.url("/")?);
    step("Alice opens /dashboard and signs in");
    let mut alice = Visitor::new();
    let visit = sign_in(stage, &mut alice, ALICE).await?;
    good(
        visit.who() == Some(ALICE),
        &format!("at /dashboard as {ALICE}, {} redirects after the form", visit.redirects()),
    )?;
    step("Somebody else, on another device, opens /dashboard");
    let mut bob = Visitor::new();
    let visit = bob.open(&dashboard).await.map_err(no_answer)?;
    good(visit.who().is_none() && visit.path() == "/sign-in", "is asked to sign in")?;
    let visit = bob.sign_in(&visit, BOB).await.map_err(no_answer)?;
    good(visit.who() == Some(BOB), &format!("signs in and is {BOB}"))?;
    step("Both open the public page / twice");
    for visitor in [&mut alice, &mut bob] {
        let first = visitor.open(&home).await.map_err(no_answer)?;
        let second = visitor.open(&home).await.map_err(no_answer)?;
        hops(stage, &second);
        let hit =
            second.hops.last().is_some_and(|hop| hop.cache_says("hit") && hop.set_cookies().next().is_none());
        good(
            hit && first.body == second.body,
            "answered by the cache, byte for byte the same, without Set-Cookie",
        )?;
    }
    step("Alice signs out, then opens /dashboard");
    alice.submit(&stage.url("/sign-out")?, &[]).await.map_err(no_answer)?;
    let visit = alice.open(&dashboard).await.map_err(no_answer)?;
    good(visit.path() == "/sign-in" && visit.who().is_none(), "she stays out")?;
    let visit = bob.open(&dashboard).await.map_err(no_answer)?;
    good(visit.who() == Some(BOB), "and Bob is still Bob")
}

/// Opens the dashboard, signs in, shows the way, and returns the navigation that followed the form.
async fn sign_in(stage: &Stage, visitor: &mut Visitor, email: &str) -> Result<Visit, Failed> {
    let page = visitor.open(&stage.url("/dashboard")?).await.map_err(no_answer)?;
    hops(stage, &page);
    let visit = visitor.sign_in(&page, email).await.map_err(no_answer)?;
    hops(stage, &visit);
    Ok(visit)
}

/// Shows the answers of a navigation, a line each.
fn hops(stage: &Stage, visit: &Visit) {
    for hop in visit.hops.iter().take(SHOWN_HOPS) {
        say(&hop_line(stage, hop));
    }
    if visit.hops.len() > SHOWN_HOPS {
        say(&format!("       {DIM}…    {} more{DIM:#}", visit.hops.len() - SHOWN_HOPS));
    }
}

fn hop_line(stage: &Stage, hop: &Hop) -> String {
    let at_site = is_site(stage, &hop.url);
    let place = if at_site { "site" } else { "identity" };
    let cache = if hop.cache_says("hit") {
        "HIT"
    } else if hop.cache_says("stored") {
        "STORED"
    } else if at_site {
        "MISS"
    } else {
        ""
    };
    let to = hop.location().map(|to| {
        let service = if is_site(stage, &to) { "" } else { "identity service " };
        format!("  {DIM}→ {service}{}{DIM:#}", short(&to))
    });
    let (status, method) = (hop.status.as_u16(), hop.method.as_str());
    format!("       {status} {method:4} {cache:6} {place:8} {}{}", short(&hop.url), to.unwrap_or_default())
}

fn is_site(stage: &Stage, url: &Url) -> bool {
    url.origin().ascii_serialization() == stage.site()
}

/// Path and parameter names, without values: those may be tokens.
fn short(url: &Url) -> String {
    let names: Vec<String> = url.query_pairs().map(|(name, _)| format!("{name}=…")).collect();
    match names.as_slice() {
        [] => url.path().to_owned(),
        [first] => format!("{}?{first}", url.path()),
        [first, ..] => format!("{}?{first}&…", url.path()),
    }
}

fn step(text: &str) {
    say(&format!("\n   {text}"));
}

/// Says what went wrong in the unprotected site, as it should.
fn bad(held: bool, text: &str) -> Result<(), Failed> {
    verdict(held, &format!("     {RED}✗ {text}{RED:#}"), text)
}

/// Says what went right.
fn good(held: bool, text: &str) -> Result<(), Failed> {
    verdict(held, &format!("     {GREEN}✓ {text}{GREEN:#}"), text)
}

fn verdict(held: bool, line: &str, text: &str) -> Result<(), Failed> {
    if held {
        say(line);
        return Ok(());
    }
    Err(Failed::new(format!("expected: {text}; but it was not so"))
        .hint("this is a defect of nostore: please report it with the lines above"))
}

fn say(line: &str) {
    // A reader that went away (`| head`) has seen enough.
    let _ = writeln!(anstream::stdout().lock(), "{line}");
}

#[expect(clippy::needless_pass_by_value, reason = "used with map_err")]
fn no_answer(error: crate::visitor::NoAnswer) -> Failed {
    Failed::new("the demonstration stopped").because(&error)
}

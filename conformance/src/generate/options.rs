//! What the operator has set.

use nostore_session::{Instance, PublishableKey};

use super::draft::Draft;
use crate::case::{OneOrMany, OrganizationSyncOptions};
use crate::token::{PEM_A, PEM_B};

/// Where browsers are to reach the identity service.
const PROXIES: &[&str] = &[
    "https://proxy.example/__clerk",
    "https://proxy.example/clerk//",
    "/__clerk",
    "http://proxy.example",
    "https://app.acme.example/__clerk",
    "",
    "/api/clerk/",
    "proxy.example",
];

/// Domains of satellites.
const DOMAINS: &[&str] = &["satellite.example", "", "clerk.satellite.example"];

/// Where visitors are to sign in.
const SIGN_IN_PAGES: &[&str] = &[
    "https://accounts.acme.example/sign-in",
    "/sign-in",
    "https://app.acme.example/sign-in?a=b",
    "",
    "garbage",
];

/// Changes one option.
pub(crate) fn change(draft: &mut Draft<'_>) {
    match draft.random.below(28) {
        0..6 => accept(draft),
        6 | 7 => parties(draft),
        8 | 9 => audience(draft),
        10 | 11 => {
            draft.options.clock_skew_in_ms =
                Some(*draft.random.pick(&[0.0, 1.0, 500.0, 4_999.0, 5_001.0, 10_000.0, 86_400_000.0]));
        }
        12..15 => draft.options.jwt_key = Some(jwt_key(draft)),
        15..17 => secret(draft),
        17 | 18 => draft.options.proxy_url = Some((*draft.random.pick(PROXIES)).to_owned()),
        19 => draft.options.domain = Some((*draft.random.pick(DOMAINS)).to_owned()),
        20 => draft.options.sign_in_url = Some((*draft.random.pick(SIGN_IN_PAGES)).to_owned()),
        21..23 => satellite(draft),
        23..26 => organizations(draft),
        26 => publishable(draft),
        _ => {
            draft.options.machine_secret_key =
                Some((*draft.random.pick(&["ak_machine_main", "ak_machine_denied", ""])).to_owned());
        }
    }
}

fn parties(draft: &mut Draft<'_>) {
    let lists: [&[&str]; 5] = [
        &["https://app.acme.example"],
        &["https://elsewhere.example"],
        &["https://a.example", "https://app.acme.example"],
        &[],
        &[""],
    ];
    let parties = *draft.random.pick(&lists);
    draft.options.authorized_parties = Some(parties.iter().map(|party| (*party).to_owned()).collect());
}

fn audience(draft: &mut Draft<'_>) {
    let lists: [&[&str]; 5] = [&["api"], &["api", "other"], &["nobody"], &[], &[""]];
    let audience = *draft.random.pick(&lists);
    let audience: Vec<_> = audience.iter().map(|text| (*text).to_owned()).collect();
    let one = audience.first().cloned().filter(|_| draft.random.percent(40));
    draft.options.audience = Some(one.map_or(OneOrMany::Many(audience), OneOrMany::One));
}

/// Makes the site a satellite.
pub(crate) fn satellite(draft: &mut Draft<'_>) {
    let options = &mut draft.options;
    options.is_satellite = Some(draft.random.percent(95));
    options.satellite_auto_sync = *draft.random.pick(&[None, Some(true), Some(true), Some(false)]);
    if draft.random.percent(92) {
        options.sign_in_url = Some(
            (*draft.random.pick(&[
                "https://primary.example/sign-in",
                "https://primary.example/sign-in",
                "https://primary.example/in?x=a+b#f",
                "https://app.acme.example/sign-in",
                "/sign-in",
            ]))
            .to_owned(),
        );
    }
    match draft.random.below(20) {
        0..13 => options.domain = Some("satellite.example".to_owned()),
        13..17 => options.proxy_url = Some("https://satellite.example/__clerk".to_owned()),
        17 => {
            options.domain = Some("satellite.example".to_owned());
            options.proxy_url = Some("https://satellite.example/__clerk".to_owned());
        }
        _ => {}
    }
}

/// Sets which tokens are accepted.
pub(crate) fn accept(draft: &mut Draft<'_>) {
    const KINDS: [&str; 4] = ["session_token", "api_key", "m2m_token", "oauth_token"];
    draft.options.accepts_token = Some(match draft.random.below(10) {
        0..3 => OneOrMany::One("any".to_owned()),
        3..7 => OneOrMany::One((*draft.random.pick(&KINDS)).to_owned()),
        _ => {
            let chosen: Vec<_> =
                KINDS.iter().filter(|_| draft.random.percent(50)).map(|kind| (*kind).to_owned()).collect();
            OneOrMany::Many(chosen)
        }
    });
}

/// Sets which paths belong to which organization.
pub(crate) fn organizations(draft: &mut Draft<'_>) {
    let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let organization = draft
        .random
        .pick(&[
            owned(&["/orgs/:slug", "/orgs/:slug/(.*)"]),
            owned(&["/org-id/:id", "/org-id/:id/(.*)"]),
            owned(&["/orgs/:slug{/*rest}"]),
            owned(&["/both/:id/:slug"]),
            owned(&["/:slug"]),
            owned(&["/orgs/:slug?"]),
            owned(&["/orgs/:slug(\\w+)", "/org-id/:id+"]),
            owned(&["/orgs/:other"]),
            owned(&["/orgs/:slug", "/org-id/:id(.*)"]),
            Vec::new(),
            owned(&["/orgs/:slug/*"]),
            owned(&["/(orgs)/:slug"]),
        ])
        .clone();
    let personal = draft
        .random
        .pick(&[owned(&["/me", "/me/(.*)"]), Vec::new(), owned(&["/me/:any*"]), owned(&["/(.*)"])])
        .clone();
    draft.options.organization_sync_options = Some(OrganizationSyncOptions {
        organization_patterns: Some(organization).filter(|_| draft.random.percent(95)),
        personal_account_patterns: Some(personal).filter(|_| draft.random.percent(60)),
    });
}

fn jwt_key(draft: &mut Draft<'_>) -> String {
    match draft.random.below(10) {
        0..5 => PEM_A.to_owned(),
        5 | 6 => PEM_A.replace('\n', ""),
        7 => PEM_A.lines().filter(|line| !line.starts_with('-')).collect(),
        8 => PEM_B.to_owned(),
        _ => String::new(),
    }
}

fn secret(draft: &mut Draft<'_>) {
    let kind = if draft.random.percent(85) == draft.production { "live" } else { "test" };
    let names = [
        "main", "swapped", "charset", "text", "empty", "bare", "denied", "locked", "broken", "html", "crash",
        "gone", "other",
    ];
    let name = *draft.random.pick(&names);
    draft.options.secret_key = match draft.random.below(30) {
        0 => None,
        1 => Some(String::new()),
        _ => Some(format!("sk_{kind}_{name}")),
    };
}

fn publishable(draft: &mut Draft<'_>) {
    let key = draft.options.publishable_key.clone().unwrap_or_default();
    let host = |host| PublishableKey::encode(Instance::Development, host);
    let keys = [
        None,
        Some(String::new()),
        Some("pk_test_".to_owned()),
        Some("pk_test_!!!".to_owned()),
        Some(format!("{key}_x")),
        Some(host("localhost")),
        Some(host("a$b.example")),
        Some(key.replace("pk_", "sk_")),
        Some(format!("{key}A")),
        Some(format!(" {key}")),
        Some(host("other.example")),
        Some(host("")),
        Some(host("x y.example")),
    ];
    draft.options.publishable_key = draft.random.pick(&keys).clone();
}

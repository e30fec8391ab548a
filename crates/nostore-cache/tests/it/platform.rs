//! Which platform an environment and a folder give away.

use std::ffi::OsStr;

use nostore_cache::{Platform, detect, profile_for_folder};

/// A platform and its signal.
type Found<'a> = (Platform, &'a str);
/// A file and its profile.
type Hinted<'a> = (&'a str, Option<&'a str>);

fn signal(environment: &[(&str, &OsStr)]) -> Option<(Platform, &'static str)> {
    let variable = |name: &str| environment.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
    detect(variable).map(|found| (found.platform, found.signal))
}

#[test]
fn r1_3_each_netlify_signal_alone() {
    let netlify = |signal| Some((Platform::Netlify, signal));
    let rows: [(&str, &str, Option<Found<'_>>); 27] = [
        ("NETLIFY", "true", netlify("NETLIFY")),
        ("NETLIFY", "", None),
        ("NETLIFY_DEV", "true", netlify("NETLIFY_DEV")),
        ("NETLIFY_DEV", "", None),
        ("DEPLOY_PRIME_URL", "https://x--y.netlify.app", netlify("DEPLOY_PRIME_URL")),
        ("DEPLOY_PRIME_URL", "", None),
        ("NETLIFY_FUNCTIONS_TOKEN", "t", netlify("NETLIFY_FUNCTIONS_TOKEN")),
        ("NETLIFY_FUNCTIONS_TOKEN", "", None),
        ("URL", "https://x.netlify.app", netlify("URL")),
        ("URL", "http://x.netlify.app", netlify("URL")),
        ("URL", "https://netlify.app", netlify("URL")),
        ("URL", "HTTPS://X.NETLIFY.APP", netlify("URL")),
        ("URL", "https://x.netlify.app/", netlify("URL")),
        ("URL", "https://x.netlify.app/path?query#fragment", netlify("URL")),
        ("URL", "https://x.netlify.app:443", netlify("URL")),
        ("URL", "x.netlify.app", netlify("URL")),
        ("URL", "", None),
        ("URL", "https://evilnetlify.app", None),
        ("URL", "https://x.evilnetlify.app", None),
        ("URL", "https://x.netlify.app.evil.example", None),
        ("URL", "https://evil.example/x.netlify.app", None),
        ("URL", "https://evil.example?x.netlify.app", None),
        ("URL", "https://evil.example#x.netlify.app", None),
        ("URL", "https://x.netlify.app@evil.example", None),
        ("URL", "https://evil.example\\.netlify.app", None),
        ("URL", "https://shop.example", None),
        ("SITE_NAME", "x", None),
    ];
    for (name, value, expected) in rows {
        assert_eq!(signal(&[(name, OsStr::new(value))]), expected, "{name}={value}");
    }
}

#[cfg(unix)]
#[test]
fn r1_3_a_value_that_is_not_text_is_no_signal() {
    use std::os::unix::ffi::OsStrExt as _;
    for name in ["NETLIFY", "NETLIFY_DEV", "DEPLOY_PRIME_URL", "NETLIFY_FUNCTIONS_TOKEN", "URL", "VERCEL"] {
        for value in [b"\xff".as_slice(), b"https://\xff.netlify.app"] {
            assert_eq!(signal(&[(name, OsStr::from_bytes(value))]), None, "{name}");
        }
    }
}

#[test]
fn r1_4_nothing_is_detected_where_there_is_nothing() {
    assert_eq!(signal(&[]), None);
    assert_eq!(detect(|_| None), None);
    assert_eq!(signal(&[("PATH", OsStr::new("/bin")), ("HOME", OsStr::new("/"))]), None);
}

#[test]
fn the_other_platforms() {
    let rows = [
        ("VERCEL", Platform::Vercel),
        ("VERCEL_ENV", Platform::Vercel),
        ("VERCEL_URL", Platform::Vercel),
        ("NOW_BUILDER", Platform::Vercel),
        ("AWS_APP_ID", Platform::Amplify),
        ("AWS_BRANCH", Platform::Amplify),
        ("CF_PAGES", Platform::Cloudflare),
        ("WORKERS_CI", Platform::Cloudflare),
        ("FIREBASE_APP_HOSTING", Platform::Firebase),
        ("K_SERVICE", Platform::CloudRun),
        ("RENDER", Platform::Render),
        ("RAILWAY_PROJECT_ID", Platform::Railway),
        ("RAILWAY_SERVICE_ID", Platform::Railway),
        ("DENO_DEPLOYMENT_ID", Platform::DenoDeploy),
    ];
    for (name, platform) in rows {
        assert_eq!(signal(&[(name, OsStr::new("1"))]), Some((platform, name)));
        assert_eq!(signal(&[(name, OsStr::new(""))]), None, "{name}");
    }
    let both = [("K_SERVICE", OsStr::new("s")), ("FIREBASE_APP_HOSTING", OsStr::new("1"))];
    assert_eq!(signal(&both), Some((Platform::Firebase, "FIREBASE_APP_HOSTING")));
    assert_eq!(Platform::Amplify.name(), "AWS Amplify Hosting");
}

#[test]
fn what_a_folder_says() {
    let rows: [(&[&str], Option<Hinted<'_>>); 11] = [
        (&[], None),
        (&["src", "Cargo.toml"], None),
        (&["src", "netlify.toml"], Some(("netlify.toml", Some("netlify")))),
        (&["vercel.json"], Some(("vercel.json", Some("vercel")))),
        (&["nginx.conf"], Some(("nginx.conf", Some("nginx")))),
        (&["fastly.toml"], Some(("fastly.toml", None))),
        (&["customHttp.yml"], Some(("customHttp.yml", Some("amplify")))),
        (&["amplify.yml"], Some(("amplify.yml", Some("amplify")))),
        (&["default.vcl"], Some(("default.vcl", Some("varnish")))),
        (&["wrangler.jsonc"], Some(("wrangler.jsonc", Some("cloudflare")))),
        (&["amplify.yml", "netlify.toml"], Some(("netlify.toml", Some("netlify")))),
    ];
    for (names, expected) in rows {
        let found = profile_for_folder(names);
        assert_eq!(found.as_ref().map(|hint| (hint.file.as_str(), hint.profile)), expected, "{names:?}");
    }
}

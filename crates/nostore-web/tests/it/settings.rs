//! Sessions from variables, row by row.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;

use nostore_message::Scheme;
use nostore_session::{Instance, PublishableKey};
use nostore_web::{Routes, SessionsBuilder, SettingsError};

type Variables = BTreeMap<&'static str, OsString>;

fn read(variables: &Variables) -> Result<SessionsBuilder, SettingsError> {
    SessionsBuilder::from_variables(|name| variables.get(name).map(|value| &**value))
}

fn development() -> Variables {
    let key = PublishableKey::encode(Instance::Development, "http://127.0.0.1:8081");
    BTreeMap::from([
        ("NOSTORE_PUBLISHABLE_KEY", key.into()),
        ("NOSTORE_SECRET_KEY", "sk_test_hush".into()),
        ("NOSTORE_PUBLIC_URL", "http://localhost:8080".into()),
        ("NOSTORE_API_URL", "http://127.0.0.1:8081".into()),
    ])
}

#[test]
fn errors_name_the_variable_and_never_the_secret() {
    let live = PublishableKey::encode(Instance::Production, "accounts.nostore.example");
    let rows: [(&str, Option<&OsStr>); 10] = [
        ("NOSTORE_PUBLISHABLE_KEY", None),
        ("NOSTORE_PUBLISHABLE_KEY", Some(OsStr::new(""))),
        ("NOSTORE_PUBLISHABLE_KEY", Some(OsStr::new("pk_hush"))),
        ("NOSTORE_PUBLISHABLE_KEY", Some(OsStr::new(&live))),
        ("NOSTORE_SECRET_KEY", None),
        ("NOSTORE_SECRET_KEY", Some(OsStr::new("sk_live_hush"))),
        ("NOSTORE_PUBLIC_URL", None),
        ("NOSTORE_PUBLIC_URL", Some(OsStr::new("localhost:8080"))),
        ("NOSTORE_API_URL", None),
        ("NOSTORE_API_URL", Some(OsStr::new("127.0.0.1"))),
    ];
    let mut table = String::new();
    for (name, value) in rows {
        let mut variables = development();
        variables.remove(name);
        variables.extend(value.map(|value| (name, value.to_owned())));
        let built = read(&variables).and_then(|builder| Ok(builder.build()?));
        let found = match built {
            Ok(_) => "accepted".to_owned(),
            Err(error) => format!("{}: {error:?}", error.code()),
        };
        writeln!(table, "{name}={}\n    {found}", value.unwrap_or(OsStr::new("(not set)")).to_string_lossy())
            .unwrap();
    }
    let mut variables = development();
    variables.insert("NOSTORE_PUBLISHABLE_KEY", live.into());
    variables.insert("NOSTORE_SECRET_KEY", "sk_live_hush".into());
    variables.remove("NOSTORE_PUBLIC_URL");
    writeln!(table, "live keys, no public URL\n    {:?}", read(&variables).err().unwrap()).unwrap();
    assert!(!table.replace("=sk_live_hush", "").replace("=pk_hush", "").contains("hush"), "{table}");
    insta::assert_snapshot!(table);
}

#[cfg(unix)]
#[test]
fn bytes_that_are_not_text_are_named() {
    use std::os::unix::ffi::OsStrExt as _;

    let mut variables = development();
    variables.insert("NOSTORE_SECRET_KEY", OsStr::from_bytes(b"sk_\xff").to_owned());
    assert_eq!(read(&variables).err().unwrap().code(), "variable-not-text");
}

#[test]
fn what_is_set_is_used() {
    let sessions = read(&development()).unwrap().build().unwrap();
    assert_eq!(sessions.config().unwrap().api_base(), "http://127.0.0.1:8081");
    let mut head = crate::heads::request("/who", &[]);
    head.scheme = Scheme::Https;
    head.authority = "evil.example".into();
    assert_eq!(sessions.safe_return_path(&head, "http://localhost:8080/x"), "/x");
    assert_eq!(sessions.safe_return_path(&head, "https://evil.example/x"), "/");
}

#[test]
fn visitors_sign_in_at_the_identity_service_unless_the_site_has_a_page() {
    let head = crate::heads::request("/who?x=1", &[]);
    let builder = || read(&development()).unwrap();
    let back = "?redirect_url=http%3A%2F%2Flocalhost%3A8080%2Fwho%3Fx%3D1";
    // Everything may be protected: no page of the site has to stay open.
    let elsewhere = builder().routes(Routes::new().protected("/*")).build().unwrap();
    assert_eq!(elsewhere.sign_in_location(&head), format!("http://127.0.0.1:8081/sign-in{back}"));
    let own = builder().sign_in_path("/enter").build().unwrap();
    assert_eq!(own.sign_in_location(&head), format!("/enter{back}"));
    let closed = builder().sign_in_path("/enter").routes(Routes::new().protected("/*")).build();
    assert_eq!(closed.unwrap_err().code(), "route-sign-in-protected");
}

#[test]
fn a_main_that_returns_an_io_error_shows_what_is_missing() {
    let error = read(&Variables::new()).err().unwrap();
    let shown = format!("{:?}", std::io::Error::from(error));
    assert!(shown.contains("expected the variable NOSTORE_PUBLISHABLE_KEY, found nothing"), "{shown}");
}

//! Which rule counts for which path, and which rules are refused.

use std::fmt::Write as _;

use nostore_session::Check;
use nostore_web::{Access, Routes};

fn shop() -> Routes {
    Routes::new()
        .protected("/dashboard")
        .protected("/admin/*")
        .public("/admin/help")
        .public("/admin/assets/*")
        .protected("/admin/assets/private/*")
}

#[test]
fn r3_10_rules_by_path() {
    let rows = [
        "/",
        "/dashboard",
        "/dashboard/",
        "/dashboards",
        "/dashboard/x",
        "//dashboard",
        "/./dashboard",
        "/x/../dashboard",
        "/%64ashboard",
        "/%2e%2e/dashboard",
        "/x%2f..%2fdashboard",
        "/%2564ashboard",
        "/\\dashboard",
        "/DASHBOARD",
        "/admin",
        "/admin/",
        "/admin/users",
        "/administrator",
        "/admin/help",
        "/admin/help/",
        "/admin/assets/logo.svg",
        "/admin/assets/../users",
        "/admin/assets/%2e%2e/users",
        "/admin/assets/private/plan",
        "/%ff",
        "",
        "*",
    ];
    let mut table = String::new();
    for path in rows {
        let rule = shop().rule_for(path).map(|rule| format!("{:?} by {}", rule.access(), rule.pattern()));
        writeln!(table, "{path:30}{}", rule.as_deref().unwrap_or("-")).unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn r3_10_everything_protected_but_the_door() {
    let routes = Routes::new().protected("/*").public("/sign-in").public("/");
    routes.check("/sign-in").unwrap();
    let access = |path: &str| routes.rule_for(path).map(nostore_web::Rule::access);
    assert_eq!(access("/"), Some(Access::Public));
    assert_eq!(access("/sign-in"), Some(Access::Public));
    // A reading of the path that leads elsewhere is not the door.
    assert_eq!(access("/sign-in/../x"), Some(Access::Protected));
    assert_eq!(access("/sign-in/"), Some(Access::Protected));
}

#[test]
fn refused_rules_say_where_and_why() {
    let cases = [
        Routes::new().public("/a").protected("/a"),
        Routes::new().protected("/a/*").public("/b").public("/a/*"),
        Routes::new().requires("/a", Check::role("admin")).protected("/a"),
        Routes::new().uncached("/a").public("/a"),
        Routes::new().protected("/a/b/*").cacheable("/a/*"),
        Routes::new().protected("dashboard"),
        Routes::new().protected(""),
        Routes::new().public("//a"),
        Routes::new().public("/a*"),
        Routes::new().public("/*/a"),
        Routes::new().public("/a?b"),
        Routes::new().public("/a b"),
        Routes::new().public("/\u{e4}"),
        Routes::new().protected("/*"),
        Routes::new().protected("/a").protected("/a"),
    ];
    let mut table = String::new();
    for routes in cases {
        match routes.check("/sign-in") {
            Ok(()) => writeln!(table, "accepted").unwrap(),
            Err(error) => writeln!(table, "{}: {error}", error.code()).unwrap(),
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn protection_holds_for_every_reading_of_a_path_and_openness_for_none_but_its_own() {
    let routes = Routes::new().protected("/admin/*").public("/admin/help").public("/Assets/*");
    let is_protected =
        |path: &str| routes.rule_for(path).is_some_and(|rule| rule.access() == Access::Protected);
    for path in [
        "/admin",
        "/ADMIN",
        "/Admin/users",
        "/admin;x=1/users",
        "/admin;",
        "/x/..;/admin",
        "/x/..%3b/admin",
        "/%41dmin/users",
        "/ADMIN/HELP",
        "/admin/help;/../users",
    ] {
        assert!(is_protected(path), "{path}");
    }
    for path in ["/admin/help", "/administrator", "/", "/x;/admin%", "/administrator;x"] {
        assert!(!is_protected(path), "{path}");
    }
    for (path, public) in [
        ("/Assets/x", true),
        ("/Assets/x;y", true),
        ("/assets/x", false),
        ("/Assets/..;/admin", false),
        ("/Assets/..%3B/admin", false),
    ] {
        assert_eq!(routes.is_public(path), public, "{path}");
    }
}

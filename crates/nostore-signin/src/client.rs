//! What kind of program sends a request: its family and its system, no more.
//!
//! Records name it so that a session that is used from two kinds is seen. It identifies nobody: half of the world is
//! `chrome/windows`.

use nostore_message::RequestHead;

/// Families by a word of their own, in the order in which they are looked for: many say that they are others, too.
const FAMILIES: [(&str, &str); 12] = [
    ("bot", "bot"),
    ("crawl", "bot"),
    ("spider", "bot"),
    ("curl/", "curl"),
    ("edg/", "edge"),
    ("edga/", "edge"),
    ("opr/", "opera"),
    ("samsungbrowser/", "samsung"),
    ("firefox/", "firefox"),
    ("fxios/", "firefox"),
    ("chrome/", "chrome"),
    ("crios/", "chrome"),
];
const SYSTEMS: [(&str, &str); 7] = [
    ("android", "android"),
    ("iphone", "ios"),
    ("ipad", "ios"),
    ("windows", "windows"),
    ("mac os x", "macos"),
    ("cros", "chromeos"),
    ("linux", "linux"),
];

/// Names the kind of program, such as `firefox/linux`.
pub(crate) fn class(request: &RequestHead<'_>) -> String {
    let Some(agent) = request.fields.first("user-agent") else { return "none".to_owned() };
    let agent: String = agent.chars().take(512).collect::<String>().to_ascii_lowercase();
    let found = |list: &[(&str, &'static str)]| {
        list.iter().find(|(word, _)| agent.contains(word)).map(|(_, name)| *name)
    };
    let family = found(&FAMILIES)
        .or_else(|| (agent.contains("safari/") && agent.contains("version/")).then_some("safari"));
    match (family, found(&SYSTEMS)) {
        (Some(family @ ("bot" | "curl")), _) | (Some(family), None) => family.to_owned(),
        (Some(family), Some(system)) => format!("{family}/{system}"),
        (None, Some(system)) => format!("other/{system}"),
        (None, None) => "other".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use nostore_message::{Fields, Scheme};

    use super::*;

    #[test]
    fn programs_have_a_family_and_a_system() {
        let rows = [
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/142.0 Safari/537.36",
                "chrome/linux",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/142.0 Safari/537.36 Edg/142.0",
                "edge/windows",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1 Version/19.0 Mobile Safari/604.1",
                "safari/ios",
            ),
            ("Mozilla/5.0 (Android 16; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0", "firefox/android"),
            ("curl/8.14.1", "curl"),
            ("Mozilla/5.0 (compatible; Googlebot/2.1)", "bot"),
            ("", "other"),
        ];
        for (agent, expected) in rows {
            let fields: Fields<'_> = [("user-agent", agent)].into_iter().collect();
            let (method, target, authority) = ("GET".into(), "/".into(), "a.example".into());
            let head = RequestHead { method, target, authority, scheme: Scheme::Https, fields };
            assert_eq!(class(&head), expected, "{agent}");
        }
    }
}

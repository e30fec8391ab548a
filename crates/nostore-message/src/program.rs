//! What kind of program sends a request: its family and its system, no more.
//!
//! Records and logs name it so that a session that is used from two kinds is seen. It identifies nobody: half of the world is
//! `chrome/windows`.

/// The longest `User-Agent` that is looked at, in characters.
const MOST: usize = 512;
/// Families by a word of their own, in the order in which they are looked for: many say that they are others, too.
const FAMILIES: [(&str, &str); 20] = [
    ("bot", "bot"),
    ("crawl", "bot"),
    ("spider", "bot"),
    ("curl/", "curl"),
    ("wget/", "curl"),
    ("python", "script"),
    ("go-http", "script"),
    ("okhttp", "script"),
    ("edg/", "edge"),
    ("edga/", "edge"),
    ("edgios/", "edge"),
    ("opr/", "opera"),
    ("samsungbrowser/", "samsung"),
    ("firefox/", "firefox"),
    ("fxios/", "firefox"),
    ("fban/", "facebook"),
    ("instagram", "instagram"),
    ("chrome/", "chrome"),
    ("crios/", "chrome"),
    ("version/", "safari"),
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

/// Names the kind of program that a `User-Agent` (RFC 9110 section 10.1.5) stands for, such as `firefox/linux`; `other` where
/// it says nothing that is known.
#[must_use]
pub fn client_class(agent: &str) -> String {
    let agent: String = agent.chars().take(MOST).collect::<String>().to_ascii_lowercase();
    let found = |list: &[(&str, &'static str)]| {
        list.iter().find(|(word, _)| agent.contains(word)).map(|(_, name)| *name)
    };
    match (found(&FAMILIES), found(&SYSTEMS)) {
        (Some(family @ ("bot" | "curl" | "script")), _) | (Some(family), None) => family.to_owned(),
        (Some(family), Some(system)) => format!("{family}/{system}"),
        (None, Some(system)) => format!("other/{system}"),
        (None, None) => "other".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::client_class;

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
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Mobile/15E148 [FBAN/FBIOS]",
                "facebook/ios",
            ),
            ("Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Mobile/15E148", "other/ios"),
            ("Mozilla/5.0 (Android 16; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0", "firefox/android"),
            ("curl/8.14.1", "curl"),
            ("python-requests/2.32", "script"),
            ("Mozilla/5.0 (compatible; Googlebot/2.1)", "bot"),
            ("", "other"),
        ];
        for (agent, expected) in rows {
            assert_eq!(client_class(agent), expected, "{agent}");
        }
    }
}

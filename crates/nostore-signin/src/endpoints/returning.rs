//! Where a sign-in returns to: a path of this site, and not of the sign-in itself, where it would go round.

/// Takes a path of this site, and leads home from one of the sign-in's own.
pub(super) fn beyond(path: String) -> String {
    let bare = path.split(['?', '#']).next().unwrap_or("/");
    if bare == "/auth" || bare.starts_with("/auth/") { "/".to_owned() } else { path }
}

#[cfg(any(test, fuzzing))]
pub use fuzz::returning;

/// Whatever a link says, who follows it stays on this site.
#[cfg(any(test, fuzzing))]
mod fuzz {
    use nostore_message::{Fields, Origin, RequestHead, Scheme};
    use nostore_web::safe_return_path;
    use url::Url;

    /// A longer way back is not taken.
    const MOST_OCTETS: usize = 4_096;

    /// Reads the bytes as what a link says, at a site that knows its origin, and at one that believes the field `Host`.
    /// The first byte chooses what stands before it.
    ///
    /// # Panics
    ///
    /// Where somebody is led elsewhere, or the way back is not the same when it is read again.
    pub fn returning(bytes: &[u8]) {
        let (first, rest) = bytes.split_first().map_or((0, bytes), |(first, rest)| (*first, rest));
        let starts =
            ["", "", "/", "//", "https://www.example.com", "https:", "/\\", "/\t/", "/x/..", "/auth/..", "@"];
        let link = format!("{}{}", starts[usize::from(first) % starts.len()], String::from_utf8_lossy(rest));
        let public = Origin::parse("https://www.example.com").ok();
        let hosts = ["www.example.com", "[::1]:8080", "localhost:8080", "a.example:443", "a.example:80", ""];
        for (public, authority) in
            [(public.as_ref(), ""), (None, hosts[usize::from(first / 16) % hosts.len()])]
        {
            let request = RequestHead {
                method: "GET".into(),
                scheme: if first & 8 == 0 { Scheme::Https } else { Scheme::Http },
                authority: authority.into(),
                target: "/auth/sign-in".into(),
                fields: Fields::new(),
            };
            let back = |link: &str| super::beyond(safe_return_path(&request, public, link));
            let path = back(&link);
            stays(&path, &link);
            assert!(
                path.len() > MOST_OCTETS || back(&path) == path,
                "{link:?} leads to {path}, and then to {}",
                back(&path)
            );
            let origin = public.cloned().or_else(|| request.origin());
            let own = origin.map_or_else(|| link.clone(), |origin| format!("{origin}{link}"));
            let is_path = link.starts_with('/') && !link.starts_with("//") && own.len() <= MOST_OCTETS;
            assert!(
                !is_path || back(&own) == path,
                "{link:?} leads to {path}, and {own:?} to {}",
                back(&own)
            );
        }
    }

    /// By the URL standard, and by what browsers did before there was one.
    fn stays(path: &str, link: &str) {
        let base = Url::parse("https://www.example.com/auth/sign-in").expect("a URL");
        let landed = base.join(path).expect("a URL");
        assert_eq!(landed.origin(), base.origin(), "{link:?} leads to {landed}");
        assert!(landed.username().is_empty() && landed.password().is_none(), "{link:?} leads to {landed}");
        assert!(
            landed.path() != "/auth" && !landed.path().starts_with("/auth/"),
            "{link:?} goes round: {landed}"
        );
        let printed = landed.as_str().strip_prefix("https://www.example.com");
        assert_eq!(printed, Some(path), "{link:?} is not written as it is read");
        let mut octets = path.bytes();
        assert!(octets.all(|octet| octet.is_ascii_graphic() && octet != b'\\'), "{link:?} leads to {path:?}");
        assert!(path.starts_with('/') && !path.starts_with("//"), "{link:?} leads to {path}");
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn r3_10_inputs_that_were_kept_still_lead_nobody_off_the_site() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/returning");
        let inputs: Vec<_> = folder.read_dir().unwrap().collect();
        assert!(inputs.len() > 20, "{} inputs", inputs.len());
        for input in inputs {
            super::returning(&std::fs::read(input.unwrap().path()).unwrap());
        }
    }

    #[test]
    fn r3_10_no_trick_leads_off_the_site_whatever_stands_before_it() {
        for trick in include_str!("../../tests/site/open-redirects.txt").lines() {
            for start in 0..=255 {
                super::returning(&[&[start], trick.as_bytes()].concat());
            }
        }
    }
}

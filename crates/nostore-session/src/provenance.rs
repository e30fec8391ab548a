//! Where a request that changes something comes from: this site's own pages, or elsewhere.
//!
//! A browser says so itself, with `Sec-Fetch-Site` on https and on loopback, and with `Origin` on every request that is
//! not `GET` or `HEAD`. Scripts cannot set either. So a form needs no token of its own to be safe from forgery.
//!
//! # Invariants
//!
//! - Several values, or one that is not known, are elsewhere.
//! - What says nothing is [`Provenance::Unknown`], never this site.
//!
//! Specifications: Fetch Metadata Request Headers, "The Sec-Fetch-Site HTTP Request Header"; the Fetch Standard,
//! "`Origin` header"; RFC 9110 section 9.2.1 (safe methods).

use nostore_message::{Origin, RequestHead};

/// Where a request comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Provenance {
    /// A page of another origin made it, also of a neighbouring host.
    Elsewhere,
    /// A page of this site made it, or the user did by himself.
    OwnSite,
    /// It does not say: no browser of today made it.
    Unknown,
}

/// Tells where a request comes from. Its scheme and authority must be those that visitors use.
#[must_use]
pub fn provenance(request: &RequestHead<'_>) -> Provenance {
    let one = |name: &str| {
        let mut lines = request.fields.all(name);
        let first = lines.next()?;
        Some(if lines.next().is_some() { "" } else { first.trim() })
    };
    match (one("sec-fetch-site"), one("origin")) {
        (Some("same-origin" | "none"), _) => Provenance::OwnSite,
        (Some(_), _) => Provenance::Elsewhere,
        (None, Some(origin)) => {
            let own = request.origin();
            let same = own.is_some() && Origin::parse(origin).ok() == own;
            if same { Provenance::OwnSite } else { Provenance::Elsewhere }
        }
        (None, None) => Provenance::Unknown,
    }
}

/// Tells whether a method may change something (RFC 9110 section 9.2.1).
#[must_use]
pub fn is_unsafe(request: &RequestHead<'_>) -> bool {
    !matches!(&*request.method, "GET" | "HEAD" | "OPTIONS" | "TRACE")
}

#[cfg(test)]
mod tests {
    use nostore_message::{Fields, Scheme};

    use super::*;

    fn told(lines: &[(&str, &str)]) -> Provenance {
        let fields: Fields<'_> = lines.iter().copied().collect();
        provenance(&RequestHead {
            method: "POST".into(),
            target: "/auth/sign-out".into(),
            scheme: Scheme::Https,
            authority: "family.example".into(),
            fields,
        })
    }

    #[test]
    fn only_what_a_browser_says_of_its_own_pages_is_this_site() {
        use Provenance::{Elsewhere, OwnSite, Unknown};
        let own = ("origin", "https://family.example");
        let rows: [(&[(&str, &str)], Provenance); 16] = [
            (&[], Unknown),
            (&[("sec-fetch-site", "same-origin")], OwnSite),
            (&[("sec-fetch-site", "none")], OwnSite),
            (&[("sec-fetch-site", "same-site"), own], Elsewhere),
            (&[("sec-fetch-site", "cross-site"), own], Elsewhere),
            (&[("sec-fetch-site", "Same-Origin")], Elsewhere),
            (&[("sec-fetch-site", "")], Elsewhere),
            (&[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "same-origin")], Elsewhere),
            (&[own], OwnSite),
            (&[("origin", "https://family.example:443")], OwnSite),
            (&[("origin", "http://family.example")], Elsewhere),
            (&[("origin", "https://family.example.evil")], Elsewhere),
            (&[("origin", "https://www.family.example")], Elsewhere),
            (&[("origin", "null")], Elsewhere),
            (&[("origin", "")], Elsewhere),
            (&[own, own], Elsewhere),
        ];
        for (lines, expected) in rows {
            assert_eq!(told(lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn a_cross_site_page_cannot_hide_behind_the_fetch_metadata_of_a_user() {
        // `none` is what a browser says of an address that somebody typed: a page cannot cause it.
        assert_eq!(told(&[("sec-fetch-site", "none"), ("origin", "null")]), Provenance::OwnSite);
    }
}

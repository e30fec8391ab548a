//! Writes the configuration that one platform needs so that none of its caches hands out a session.
//!
//! A site and a target go in; files, and sentences on what they protect and what they do not, come out.
//!
//! # Invariants
//!
//! - Pure: no I/O, no clock, no environment. The same site gives the same bytes.
//! - Nothing of a site's reaches a file unescaped: names of cookies are tokens (RFC 9110 section 5.6.2), paths have a small
//!   alphabet, and [`Site`] refuses the rest.
//! - What a platform does not document is said to be unknown, and no safety rests on it.
//!
//! # Not covered
//!
//! Deploying. Whether a platform does what its documentation says: that is seen on the platform alone.
//!
//! # Example
//!
//! ```
//! use nostore_gen::{Site, Target, generate};
//!
//! let site = Site::new(["sid"])?.auth_paths(["/login", "/oauth/*"])?.public_paths(["/assets/*"])?;
//! let generated = generate(Target::Nginx, &site);
//! assert!(generated.files.iter().any(|file| file.text.contains("proxy_no_cache")));
//! # Ok::<(), nostore_gen::SiteError>(())
//! ```

mod amplify;
mod cloudflare;
mod cloudfront;
mod escape;
mod netlify;
mod next;
mod nginx;
mod site;
mod target;
mod varnish;
mod vercel;

pub use site::{DEFAULT_AUTH_PATH, PRESET_COOKIES, PathPattern, Site, SiteError};
pub use target::{Target, UnknownTarget};

/// What was written for a site.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Generated {
    /// The files.
    pub files: Vec<File>,
    /// What to do with them, in order.
    pub steps: Vec<String>,
    /// What they protect.
    pub protects: Vec<String>,
    /// What they do not protect, and why.
    pub does_not: Vec<String>,
}

/// One file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct File {
    /// Its name, without a folder.
    pub path: &'static str,
    /// Its text.
    pub text: String,
}

/// Writes what `target` needs for `site`.
#[must_use]
pub fn generate(target: Target, site: &Site) -> Generated {
    match target {
        Target::Amplify => amplify::generate(site),
        Target::Cloudflare => cloudflare::generate(site),
        Target::CloudFront => cloudfront::generate(site),
        Target::Netlify => netlify::generate(site),
        Target::Next => next::generate(site),
        Target::Nginx => nginx::generate(site),
        Target::Varnish => varnish::generate(site),
        Target::Vercel => vercel::generate(site),
    }
}

fn sentences<const COUNT: usize>(lines: [&str; COUNT]) -> Vec<String> {
    lines.map(str::to_owned).to_vec()
}

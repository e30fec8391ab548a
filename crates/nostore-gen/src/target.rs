//! The platforms and servers that something can be written for.

use std::fmt;
use std::str::FromStr;

/// What is written for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Target {
    /// AWS Amplify Hosting: `customHttp.yml`.
    Amplify,
    /// Cloudflare: a Cache Rule.
    Cloudflare,
    /// Amazon CloudFront: cache policies and an origin request policy.
    CloudFront,
    /// Netlify: `netlify.toml` and a wrapper for functions.
    Netlify,
    /// Next.js: a wrapper for its middleware.
    Next,
    /// nginx: two files to include.
    Nginx,
    /// Varnish: VCL to include.
    Varnish,
    /// Vercel: `vercel.json`.
    Vercel,
}

impl Target {
    /// Every target, in the order of the alphabet.
    pub const ALL: [Self; 8] = [
        Self::Amplify,
        Self::Cloudflare,
        Self::CloudFront,
        Self::Netlify,
        Self::Next,
        Self::Nginx,
        Self::Varnish,
        Self::Vercel,
    ];

    /// Returns the name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Amplify => "amplify",
            Self::Cloudflare => "cloudflare",
            Self::CloudFront => "cloudfront",
            Self::Netlify => "netlify",
            Self::Next => "next",
            Self::Nginx => "nginx",
            Self::Varnish => "varnish",
            Self::Vercel => "vercel",
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Target {
    type Err = UnknownTarget;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|target| target.name() == text);
        found.ok_or_else(|| UnknownTarget { found: text.to_owned() })
    }
}

/// There is no target of that name.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected amplify, cloudflare, cloudfront, netlify, next, nginx, varnish or vercel, found {found:?}")]
pub struct UnknownTarget {
    /// What was asked for.
    pub found: String,
}

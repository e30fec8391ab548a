//! Which platform we run on, told from an environment that is given as an argument, and which profile a
//! project's files ask for.

use std::ffi::OsStr;

use crate::netlify_vary::NetlifyVary;

/// A hosting platform.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Platform {
    /// AWS Amplify Hosting.
    Amplify,
    /// Google Cloud Run.
    CloudRun,
    /// Cloudflare Pages and Workers.
    Cloudflare,
    /// Deno Deploy.
    DenoDeploy,
    /// Firebase App Hosting.
    Firebase,
    /// Netlify.
    Netlify,
    /// Railway.
    Railway,
    /// Render.
    Render,
    /// Vercel.
    Vercel,
}

impl Platform {
    /// Returns the platform's own name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Amplify => "AWS Amplify Hosting",
            Self::CloudRun => "Google Cloud Run",
            Self::Cloudflare => "Cloudflare",
            Self::DenoDeploy => "Deno Deploy",
            Self::Firebase => "Firebase App Hosting",
            Self::Netlify => "Netlify",
            Self::Railway => "Railway",
            Self::Render => "Render",
            Self::Vercel => "Vercel",
        }
    }
}

/// A platform, and what gave it away.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Detected {
    /// The platform.
    pub platform: Platform,
    /// The environment variable.
    pub signal: &'static str,
}

/// The variables that name a platform by being there, in the order of asking. Firebase App Hosting runs
/// on Cloud Run, so it is asked first.
const SIGNALS: [(&str, Platform); 19] = [
    ("NETLIFY", Platform::Netlify),
    ("NETLIFY_DEV", Platform::Netlify),
    ("DEPLOY_PRIME_URL", Platform::Netlify),
    ("NETLIFY_FUNCTIONS_TOKEN", Platform::Netlify),
    ("URL", Platform::Netlify),
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

/// Detects the platform from environment variables, which `variable` looks up.
///
/// A variable counts when it is text and not empty; `URL` only when its host is `netlify.app` or below it.
/// Nothing where there is no environment at all (browsers): then `variable` finds none.
pub fn detect<'e>(variable: impl Fn(&str) -> Option<&'e OsStr>) -> Option<Detected> {
    SIGNALS.iter().find_map(|(signal, platform)| {
        let value = variable(signal)?.to_str()?;
        let counts = if *signal == "URL" { is_netlify_url(value) } else { !value.is_empty() };
        counts.then_some(Detected { platform: *platform, signal })
    })
}

/// Returns the `Netlify-Vary` that a sensitive response carries: on Netlify alone, and there for
/// development instances, or for all where the site says so (`in_production`).
///
/// `cookies` are the names of every cookie that the decision reads.
#[must_use]
pub fn netlify_vary(
    platform: Option<Platform>,
    is_development: bool,
    in_production: bool,
    cookies: impl IntoIterator<Item = impl AsRef<str>>,
) -> Option<NetlifyVary> {
    let wanted = platform == Some(Platform::Netlify) && (is_development || in_production);
    wanted.then(|| NetlifyVary::cookies(cookies))
}

fn is_netlify_url(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host).to_ascii_lowercase();
    let host = host.strip_suffix('.').unwrap_or(&host);
    host == "netlify.app" || host.ends_with(".netlify.app")
}

/// What a file in a project's folder says about the platform.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FolderHint {
    /// The file.
    pub file: String,
    /// What the file belongs to.
    pub platform: &'static str,
    /// The profile for it; nothing where there is none yet.
    pub profile: Option<&'static str>,
}

/// The files that give a platform away: name (or `.` and an extension), platform, profile.
const FILES: [(&str, &str, Option<&str>); 11] = [
    ("netlify.toml", "Netlify", Some("netlify")),
    ("vercel.json", "Vercel", Some("vercel")),
    ("customHttp.yml", "AWS Amplify Hosting", Some("amplify")),
    ("amplify.yml", "AWS Amplify Hosting", Some("amplify")),
    ("wrangler.toml", "Cloudflare", Some("cloudflare")),
    ("wrangler.json", "Cloudflare", Some("cloudflare")),
    ("wrangler.jsonc", "Cloudflare", Some("cloudflare")),
    ("apphosting.yaml", "Firebase App Hosting", None),
    ("fastly.toml", "Fastly", None),
    (".vcl", "Varnish or Fastly (VCL)", Some("varnish")),
    ("nginx.conf", "nginx", Some("nginx")),
];

/// Finds what the names of a folder's files say: of several the one that is first in our table.
#[must_use]
pub fn profile_for_folder(names: &[&str]) -> Option<FolderHint> {
    FILES.iter().find_map(|(pattern, platform, profile)| {
        let matches =
            |name: &&&str| **name == *pattern || (pattern.starts_with('.') && name.ends_with(pattern));
        let file = names.iter().find(matches)?;
        Some(FolderHint { file: (*file).to_owned(), platform, profile: *profile })
    })
}

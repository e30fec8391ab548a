//! The command line. What `--help` says is written here.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Where the edge listens unless told otherwise.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:8080";
/// Where the identity service listens unless told otherwise.
pub const DEFAULT_ISSUER_LISTEN: &str = "127.0.0.1:8081";
/// Where data is kept unless told otherwise.
pub const DEFAULT_DATA: &str = ".nostore";

/// Session authentication that no shared cache can leak, loop or freeze.
#[derive(Debug, Parser)]
#[command(name = "nostore", version, max_term_width = 100, arg_required_else_help = true)]
pub struct Cli {
    /// The configuration [default: nostore.toml in this folder, if there is one]. Flags win over it.
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a signed-in site behind an emulated CDN, with an offline identity service.
    ///
    /// Serves a sample site, or puts the emulated CDN in front of your own app, and prints one line
    /// per request: who asked, what the cache did, and why. The moment something unsafe is stored it
    /// says what, why on this platform, and how to mend it.
    #[command(after_help = DEV_EXAMPLES)]
    Dev(DevArgs),
    /// Show a famous failure step by step, first unprotected, then protected.
    #[command(after_help = "Examples:\n  nostore demo loop    the redirect that never ends (Netlify)\n  \
                            nostore demo leak    everybody is the same person (CloudFront)")]
    Demo(DemoArgs),
    /// Run the emulated CDN alone, in front of an origin.
    #[command(after_help = "Examples:\n  nostore edge --origin http://127.0.0.1:3000 --cdn cloudfront\n  \
                            nostore edge --origin http://127.0.0.1:3000 --cdn netlify --set default-lifetime=10\n  \
                            nostore edge --origin http://127.0.0.1:3000 --control 127.0.0.1:8089\n  \
                            nostore edge purge --control 127.0.0.1:8089 /dashboard")]
    Edge(EdgeArgs),
    /// Write what must go into the site itself or its CDN.
    ///
    /// Prints configuration for one platform: rules that keep everything out of its caches that may be somebody's own. What
    /// it protects, and what it does not, is said on standard error.
    #[command(after_help = GEN_EXAMPLES)]
    Gen(GenArgs),
    /// Stand between your app and its CDN, and make what touches a session safe for every cache.
    ///
    /// The app keeps its own sign-in and is not changed. A response that sets or was asked for with a session cookie, and
    /// every redirect, leaves with the fields that keep it out of caches of every kind. What the app made cacheable stays
    /// so for everybody else, without the cookies that a cache would give to all.
    #[command(after_help = GUARD_EXAMPLES)]
    Guard(GuardArgs),
    /// Write nostore.toml, which every command reads, from what this folder shows.
    ///
    /// Looks at the files of the site (package.json, Gemfile, netlify.toml, …) for its framework, the cookies of its sessions,
    /// the paths of its sign-in and its platform. What it cannot know is a comment. Never overwrites.
    #[command(after_help = "Examples:\n  nostore init\n  nostore init --print path/to/site")]
    Init(InitArgs),
    /// Run the offline identity service alone.
    #[command(after_help = ISSUER_EXAMPLES)]
    Issuer(IssuerArgs),
    /// Open a sealed session, or seal one by hand.
    #[command(after_help = SESSION_EXAMPLES)]
    Session(SessionArgs),
    /// Find in logs the sessions that are used by clients that never signed in.
    ///
    /// A page that a cache stores with its Set-Cookie signs everybody in as the same person. In a log that looks like one
    /// sign-in and uses by many clients. This finds such sessions, the page that hands them out and sign-outs that did not
    /// stick, and says what to do first. Nothing leaves this machine, and no session id is printed.
    #[command(after_help = LOGS_HELP)]
    Logs(LogsArgs),
    /// Make a secret for a site's own sign-in, or put a new one in front.
    #[command(after_help = SECRET_EXAMPLES)]
    Secret(SecretArgs),
    /// Print a completion script for a shell.
    Completions {
        /// The shell that reads the script.
        shell: clap_complete::Shell,
    },
}

const DEV_EXAMPLES: &str = "Examples:
  nostore dev                                the sample site behind a plain RFC 9111 cache
  nostore dev --cdn netlify                  the same behind Netlify as sites reported it
  nostore dev --cdn netlify --unprotected loop
                                             the redirect loop, as the incident had it
  nostore dev --cdn amplify --keys live --unprotected leak
                                             the leaked page, as the incident had it
  nostore dev --sessions cookie              a site's own sign-in, by OpenID Connect
  nostore dev --cdn cloudfront --sessions cookie --unprotected leak
                                             the shared login, as the incident had it
  nostore dev --cdn cloudfront -- npm start  your app, started on a free port (PORT)
  nostore dev --sessions cookie -- npm start your app, told what its own sign-in needs
  nostore dev --app http://localhost:3000    your app, already running";

const GEN_EXAMPLES: &str = "Targets:
  amplify     customHttp.yml: nothing but public paths is kept
  cloudflare  a Cache Rule: sessions and sign-in go past the cache
  cloudfront  cache policies and an origin request policy: sessions are in the cache key
  netlify     netlify.toml for files, a wrapper for functions
  next        a wrapper around the middleware: sessions and redirects are kept out of caches,
              and stray cookies of sign-in are dropped from everybody's pages
  nginx       two files to include, for http and for every location with proxy_cache
  varnish     VCL to include in front of your own
  vercel      header rules for vercel.json

Examples:
  nostore gen nginx --session-cookie sid --write /etc/nginx/nostore
  nostore gen amplify > customHttp.yml
  nostore gen cloudfront --session-cookie authjs.session-token --auth-path '/api/auth/*' \\
    --auth-path /login --write policies
  nostore gen next --public '/assets/*' --write .

A public path answers the same to everyone, whoever asks. Try what you got before you trust it:
`nostore dev --cdn cloudfront -- npm start` shows what a cache does with your app.";

const GUARD_EXAMPLES: &str = "Examples:
  nostore guard --origin http://127.0.0.1:3000 --session-cookie authjs.session-token --report-only
  nostore guard --origin http://127.0.0.1:3000 --session-cookie authjs.session-token \\
    --session-cookie __Secure-authjs.session-token --public '/assets/*'
  nostore guard --origin http://127.0.0.1:3000 --session-cookie sid --listen 0.0.0.0:8080 \\
    --trusted-proxy 10.0.0.0/8
  nostore guard --sign-in own --protected '/admin/*'      the app and the rest in nostore.toml

With --sign-in own the secrets come from the environment: NOSTORE_SECRET (`nostore secret new`) and
NOSTORE_OIDC_CLIENT_SECRET; the rest from [sign-in] in nostore.toml, or NOSTORE_ORIGIN,
NOSTORE_OIDC_ISSUER, NOSTORE_OIDC_CLIENT_ID, NOSTORE_ADMIN, NOSTORE_STORE. With --sign-in service:
NOSTORE_PUBLISHABLE_KEY, NOSTORE_SECRET_KEY.

A page that shows who somebody is without a session cookie can be told by nobody outside the app:
let the app answer it with `Auth-Sensitive: ?1`.";

const ISSUER_EXAMPLES: &str = "Examples:
  nostore issuer
  nostore issuer --listen 8091 --allow-origin http://localhost:5173
  nostore issuer --seed seed.json --token-lifetime 5
  nostore issuer rotate-key

A seed is a JSON file; every list may be left out, and what is there already is updated:
  {
    \"users\": [{ \"email\": \"carol@example.com\", \"name\": \"Carol\", \"groups\": [\"staff\"] }],
    \"organizations\": [{
      \"slug\": \"acme\", \"name\": \"Acme\", \"plan\": \"pro\", \"features\": [\"invoices\"],
      \"members\": [{ \"user\": \"carol@example.com\", \"role\": \"org:admin\",
                    \"permissions\": [\"org:invoices:read\"] }]
    }],
    \"machines\": [{ \"id\": \"mch_reports\", \"secret_key\": \"ak_reports_0123456789\" }],
    \"api_keys\": [{ \"name\": \"ci\", \"secret\": \"ak_ci_0123456789\", \"subject\": \"carol@example.com\",
                  \"scopes\": [\"read\"] }],
    \"m2m_tokens\": [{ \"name\": \"nightly\", \"token\": \"mt_0123456789\", \"subject\": \"mch_reports\" }],
    \"oauth_tokens\": [{ \"name\": \"app\", \"access_token\": \"oat_0123456789\", \"client_id\": \"app\",
                      \"subject\": \"carol@example.com\" }],
    \"jwt_templates\": [{ \"name\": \"hasura\", \"claims\": { \"aud\": \"hasura\" }, \"lifetime\": 300 }],
    \"relying_parties\": [{ \"client_id\": \"site\", \"client_secret\": \"0123456789\",
                         \"redirect_uris\": [\"http://localhost:8080/auth/callback\"] }],
    \"sessions\": [{ \"id\": \"sess_carol\", \"user\": \"carol@example.com\", \"organization\": \"acme\",
                  \"client\": \"0123456789abcdef\" }]
  }

`client` in a session is the browser's token without its prefix: with test keys, the site's URL with
`?__clerk_db_jwt=dvb_0123456789abcdef` is signed in.";

const SESSION_EXAMPLES: &str = "Examples:
  nostore session open --secret-file keys --cookie-name __Host-nostore.session TOKEN
  AUTH_SECRET=... nostore session open --cookie-name __Secure-authjs.session-token CHUNK_0 CHUNK_1
  echo '{\"sub\":\"user_1\"}' |
    nostore session seal --secret-file keys --format authjs --cookie-name authjs.session-token

Secrets are a list: the first one seals, all open. They come from --secret and --secret-file, else
from NOSTORE_SECRET and AUTH_SECRET with AUTH_SECRET_1 to _3, which Auth.js uses in the order _3,
_2, _1, AUTH_SECRET. Every user of the machine can see what stands on a command line, so prefer a
file or the environment.";

const SECRET_EXAMPLES: &str = "Examples:
  echo \"NOSTORE_SECRET=$(nostore secret new)\" >> .env
  nostore secret rotate --keep-sessions --file .env  a new one seals, the old ones still open
  nostore secret rotate --end-sessions --file .env   everybody signs in again
  NOSTORE_SECRET=... nostore secret rotate --keep-sessions

A site reads NOSTORE_SECRET at its start: rotate, then start every process of it anew. A secret
that others may have seen ends with --end-sessions alone.";

const LOGS_HELP: &str = "Examples:
  nostore logs events.jsonl                      the event file of a site's own sign-in
  nostore logs /var/log/nginx/access.log*        rotated and compressed, in any order
  zcat E123.*.gz | nostore logs --json           CloudFront's, from standard input
  nostore logs --field session=user access.log   the user's name of Combined, for want of better
  nostore logs --field session=3 access.log      the third field behind the user agent
  nostore logs --field session=ctx.sid --field address=ctx.ip app.jsonl
  nostore logs --pattern '^(?<time>\\S+) (?<address>\\S+) (?<session>\\S+) (?<path>\\S+)' app.log

A log must name the session of each request; most do not by default. Run it on yours: it says which
lines to add. Formats are told by the first lines: the event file (events), JSON lines (jsonl,
nginx-json), Common and Combined with any fields behind (combined), CloudFront's standard log
(cloudfront).

Names for --field and --pattern: address, agent, cache, client, cookies, event, given, method, path,
referer, request, session, status, time.

Exit code: 0 nothing found, 1 sessions found, 2 the log or the command line is not as expected.";

/// `nostore logs`.
#[derive(Args, Clone, Debug)]
pub struct LogsArgs {
    /// The logs, plain or compressed with gzip; `*` and `?` stand for any text and any character. `-`, or none: standard
    /// input.
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// How the lines are written. Default: what the first lines say.
    #[arg(long, value_name = "FORMAT", value_parser = log_format, conflicts_with = "pattern")]
    pub format: Option<nostore_logs::Format>,
    /// What a name in the log stands for, such as session=sid. In Combined, session is `user`, a cookie's name or the number
    /// of a field behind the user agent; in CloudFront's log a cookie's name. May be repeated.
    #[arg(long = "field", value_name = "WHAT=NAME", value_parser = log_field)]
    pub fields: Vec<(nostore_logs::Role, String)>,
    /// A regular expression with named groups, for lines of any other shape.
    #[arg(long, value_name = "REGEX")]
    pub pattern: Option<String>,
    /// A path on which sessions begin, besides those that are usual, such as /auth/callback. May be repeated.
    #[arg(long = "sign-in-path", value_name = "PATH")]
    pub sign_in_paths: Vec<String>,
    /// A path on which sessions end, besides those that are usual, such as /auth/sign-out. May be repeated.
    #[arg(long = "sign-out-path", value_name = "PATH")]
    pub sign_out_paths: Vec<String>,
    /// Show sessions that could be innocent, too.
    #[arg(long)]
    pub watch: bool,
    /// How many sessions to show.
    #[arg(long, value_name = "COUNT", default_value = "10")]
    pub most: usize,
    /// Print a JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}

pub(crate) fn log_format(name: &str) -> Result<nostore_logs::Format, String> {
    let named = nostore_logs::Format::NAMED;
    let found = named.iter().find(|(own, _)| *own == name).map(|(_, format)| *format);
    found.ok_or_else(|| format!("expected one of {}", named.map(|(name, _)| name).join(", ")))
}

pub(crate) fn log_field(text: &str) -> Result<(nostore_logs::Role, String), String> {
    let expected = || {
        let names = nostore_logs::Role::NAMES.map(|(name, _)| name).join(", ");
        format!("expected WHAT=NAME, where WHAT is one of {names}")
    };
    let (what, name) = text.split_once('=').filter(|(_, name)| !name.is_empty()).ok_or_else(expected)?;
    Ok((nostore_logs::Role::named(what).ok_or_else(expected)?, name.to_owned()))
}

/// `nostore dev`.
#[derive(Args, Debug)]
pub struct DevArgs {
    /// The shared cache to emulate. Default: what this folder says (netlify.toml, customHttp.yml, …),
    /// else rfc9111. An unknown name lists the known ones.
    #[arg(long, value_name = "PROFILE")]
    pub cdn: Option<String>,
    /// Put the emulated CDN in front of an app that already runs at this URL.
    #[arg(long, value_name = "URL", conflicts_with_all = ["command", "unprotected"])]
    pub app: Option<String>,
    /// Where the emulated CDN listens [default: 127.0.0.1:8080, or the next free port].
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub listen: Option<SocketAddr>,
    /// Where the identity service listens [default: 127.0.0.1:8081, or the next free port].
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub issuer_listen: Option<SocketAddr>,
    /// Who keeps the sessions: `handshake` is the identity service, `cookie` the site itself, in encrypted cookies,
    /// with the identity service as its `OpenID` Provider.
    #[arg(long, value_enum, default_value = "handshake")]
    pub sessions: SessionKind,
    /// Take orders for the emulated CDN at this loopback address: `nostore edge purge` forgets what is stored.
    #[arg(long, value_name = "ADDR", value_parser = loopback)]
    pub control: Option<SocketAddr>,
    /// The kind of instance: `test` puts the identity service on another site (127.0.0.1) as development
    /// instances do, `live` on the same site (localhost) as production instances do.
    #[arg(long, value_enum, default_value = "test")]
    pub keys: Keys,
    /// Where keys and users are kept.
    #[arg(long, value_name = "DIR", default_value = DEFAULT_DATA)]
    pub data: PathBuf,
    /// How long a session token lives, in seconds [default: 60].
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(i64).range(1..=315_360_000))]
    pub token_lifetime: Option<i64>,
    /// Add users, organizations, machines and sessions from this JSON file (`nostore issuer --help` shows
    /// one).
    #[arg(long, value_name = "FILE")]
    pub seed: Option<PathBuf>,
    /// A further site that may ask for sign-ins, such as a satellite. May be repeated.
    #[arg(long = "allow-origin", value_name = "ORIGIN")]
    pub allow_origin: Vec<String>,
    /// Where the module of the sample site's pages is, as `cargo xtask browser` builds it [default: `browser` in a
    /// folder around this command, if it is there].
    #[arg(long, value_name = "DIR", conflicts_with_all = ["app", "command"])]
    pub module: Option<PathBuf>,
    /// Run the sample site the way the incidents did.
    #[arg(long, value_enum, value_name = "FAILURE", conflicts_with = "command")]
    pub unprotected: Option<Failure>,
    /// Print one JSON object per event instead of text.
    #[arg(long)]
    pub json: bool,
    /// A command that starts your app; it gets a free port in PORT.
    #[arg(last = true, value_name = "CMD")]
    pub command: Vec<String>,
}

/// `nostore demo`.
#[derive(Args, Debug)]
pub struct DemoArgs {
    /// Which failure.
    #[arg(value_enum)]
    pub failure: Failure,
}

/// `nostore edge`.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct EdgeArgs {
    /// What to do instead of serving.
    #[command(subcommand)]
    pub command: Option<EdgeCommand>,
    /// The origin server behind the emulated CDN.
    #[arg(long, value_name = "URL")]
    pub origin: Option<String>,
    /// The shared cache to emulate [default: rfc9111]. An unknown name lists the known ones.
    #[arg(long, value_name = "PROFILE")]
    pub cdn: Option<String>,
    /// Change one parameter of the profile; an unknown name lists the known ones. May be repeated.
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub set: Vec<String>,
    /// Where to listen [default: 127.0.0.1:8080, or the next free port].
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub listen: Option<SocketAddr>,
    /// Take orders at this loopback address: POST /purge forgets what is stored, POST /purge?url=URL one URL of it.
    /// Pages of a browser are not obeyed.
    #[arg(long, value_name = "ADDR", value_parser = loopback)]
    pub control: Option<SocketAddr>,
    /// Print one JSON object per event instead of text.
    #[arg(long)]
    pub json: bool,
}

/// `nostore gen`.
#[derive(Args, Debug)]
pub struct GenArgs {
    /// The platform or server to write for.
    #[arg(value_name = "TARGET", value_parser = clap::builder::PossibleValuesParser::new(nostore_gen::Target::ALL.map(nostore_gen::Target::name)))]
    pub target: String,
    /// A cookie of the site's that is a session, such as authjs.session-token; its parts (`NAME.0`) and its forms with
    /// `__Secure-` and `__Host-` are meant with it. May be repeated [default: those of Auth.js 5, NextAuth 4, the
    /// handshake and nostore].
    #[arg(long = "session-cookie", value_name = "NAME")]
    pub session_cookies: Vec<String>,
    /// Where sign-in lives: `/login`, `/oauth/*`. May be repeated [default: /api/auth/*].
    #[arg(long = "auth-path", value_name = "PATTERN")]
    pub auth_paths: Vec<String>,
    /// A path whose answers are the same for everyone: `/about`, `/assets/*`. May be repeated.
    #[arg(long = "public", value_name = "PATTERN")]
    pub public: Vec<String>,
    /// Write the files into this folder instead of printing them.
    #[arg(long, value_name = "DIR")]
    pub write: Option<PathBuf>,
    /// With --write: put a file in the place of one that says something else.
    #[arg(long, requires = "write")]
    pub force: bool,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}

/// `nostore guard`.
#[derive(Args, Debug)]
pub struct GuardArgs {
    /// The app.
    #[arg(long, value_name = "URL")]
    pub origin: Option<String>,
    /// A cookie of the app's that is a session, such as authjs.session-token; its parts (`NAME.0`) are meant with it.
    /// May be repeated.
    #[arg(long = "session-cookie", value_name = "NAME")]
    pub session_cookies: Vec<String>,
    /// A path whose answers are the same for everyone: `/`, `/assets/*`. Session cookies are dropped from those of its
    /// answers that the app made cacheable. May be repeated.
    #[arg(long = "public", value_name = "PATTERN")]
    pub public: Vec<String>,
    /// Keep everything out of caches that is not --public, also for visitors without a session.
    #[arg(long)]
    pub unless_public: bool,
    /// Sign visitors in for the app, and tell it who they are: `own` with an `OpenID` Provider, `service` with an identity
    /// service's sessions.
    #[arg(long, value_enum, value_name = "HOW")]
    pub sign_in: Option<SignInKind>,
    /// With --sign-in: a path that only signed-in visitors see, such as /admin/*. May be repeated.
    #[arg(long = "protected", value_name = "PATTERN")]
    pub protected: Vec<String>,
    /// Whose X-Forwarded-* fields count: an address or a network, such as 10.0.0.0/8, of the CDN or load balancer in
    /// front. May be repeated; nobody's by default.
    #[arg(long = "trusted-proxy", value_name = "NETWORK")]
    pub trusted_proxies: Vec<String>,
    /// Change nothing, and say what would be done.
    #[arg(long)]
    pub report_only: bool,
    /// Where to listen [default: 127.0.0.1:8080, or the next free port]. A socket that the service manager passes on
    /// (LISTEN_FDS) comes first.
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub listen: Option<SocketAddr>,
    /// Answer /healthz, /readyz and /metrics at this address.
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub control: Option<SocketAddr>,
    /// Speak HTTPS with a certificate that nobody vouches for: for trials.
    #[arg(long, value_enum, value_name = "KIND", conflicts_with_all = ["tls_certificate", "tls_key"])]
    pub tls: Option<TlsKind>,
    /// Speak HTTPS (HTTP/2 and HTTP/1.1) with the certificates of this file in PEM, the site's own first. Read again when
    /// it changes.
    #[arg(long, value_name = "FILE")]
    pub tls_certificate: Option<PathBuf>,
    /// The private key of the certificate, in PEM.
    #[arg(long, value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
    /// The most bytes of a request's body [default: any number].
    #[arg(long, value_name = "BYTES")]
    pub max_body: Option<u64>,
    /// How many seconds what is under way may take once the guard is told to end [default: 3].
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(..=86_400))]
    pub grace: Option<u64>,
    /// Tell of nothing but the start, what fails, and configurations.
    #[arg(long)]
    pub quiet: bool,
    /// Print one JSON object per event instead of text.
    #[arg(long)]
    pub json: bool,
}

/// How the guard signs visitors in.
#[derive(Clone, Copy, Debug, Eq, PartialEq, serde::Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum SignInKind {
    /// By itself: pages at /auth/…, an `OpenID` Provider, encrypted cookies.
    Own,
    /// By an identity service, whose handshake tells who is asking.
    Service,
}

/// Where a certificate comes from, if not from files.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum TlsKind {
    /// Made at the start, for localhost and the site.
    SelfSigned,
}

/// `nostore init`.
#[derive(Args, Debug)]
pub struct InitArgs {
    /// Where the site's files are.
    #[arg(value_name = "DIR", default_value = ".")]
    pub folder: PathBuf,
    /// Print the file instead of writing it.
    #[arg(long)]
    pub print: bool,
}

/// What `nostore edge` does besides serving.
#[derive(Debug, Subcommand)]
pub enum EdgeCommand {
    /// Make a running edge, or a running `nostore dev`, forget what it has stored.
    Purge(PurgeArgs),
}

/// `nostore edge purge`.
#[derive(Args, Debug)]
pub struct PurgeArgs {
    /// The address that was given to --control.
    #[arg(long, value_name = "ADDR", value_parser = loopback)]
    pub control: SocketAddr,
    /// Forget this URL only, such as http://localhost:8080/a or, of every site, /a. Default: everything.
    #[arg(value_name = "URL")]
    pub url: Option<String>,
}

/// `nostore issuer`.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct IssuerArgs {
    /// What to do instead of serving.
    #[command(subcommand)]
    pub command: Option<IssuerCommand>,
    /// Where to listen [default: 127.0.0.1:8081, or the next free port].
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub listen: Option<SocketAddr>,
    /// The kind of instance.
    #[arg(long, value_enum, default_value = "test")]
    pub keys: Keys,
    /// Where keys and users are kept.
    #[arg(long, value_name = "DIR", default_value = DEFAULT_DATA)]
    pub data: PathBuf,
    /// A site that may ask for sign-ins, besides localhost and 127.0.0.1 on ports 3000 and 8080.
    /// May be repeated.
    #[arg(long = "allow-origin", value_name = "ORIGIN")]
    pub allow_origin: Vec<String>,
    /// How long a session token lives, in seconds.
    #[arg(long, value_name = "SECONDS", default_value = "60",
          value_parser = clap::value_parser!(i64).range(1..=315_360_000))]
    pub token_lifetime: i64,
    /// Add users, organizations, machines and sessions from this JSON file, at every start.
    #[arg(long, value_name = "FILE")]
    pub seed: Option<PathBuf>,
}

/// What `nostore issuer` does besides serving.
#[derive(Debug, Subcommand)]
pub enum IssuerCommand {
    /// Make a new signing key; the one before stays published for a while.
    ///
    /// The key before stays in the key set, so that sites still recognise the tokens it signed, expired ones
    /// included, and refresh them. This is for a service that does not run. A running one rotates when it is asked
    /// to: curl -X POST -H 'Authorization: Bearer SECRET_KEY' http://127.0.0.1:8081/v1/instance/rotate_key
    RotateKey(RotateKeyArgs),
}

/// `nostore issuer rotate-key`.
#[derive(Args, Debug)]
pub struct RotateKeyArgs {
    /// Where the keys are kept.
    #[arg(long, value_name = "DIR", default_value = DEFAULT_DATA)]
    pub data: PathBuf,
    /// How long the key before stays published, in seconds: 0 if it has leaked [default: 30 days more than its
    /// longest token lives].
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(i64).range(0..=315_360_000))]
    pub keep: Option<i64>,
}

/// `nostore session`.
#[derive(Args, Debug)]
pub struct SessionArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: SessionCommand,
}

/// What `nostore session` does.
#[derive(Debug, Subcommand)]
pub enum SessionCommand {
    /// Print the claims of a sealed session as JSON.
    #[command(after_help = SESSION_EXAMPLES)]
    Open(SessionOpenArgs),
    /// Seal claims, a JSON object on standard input, and print the token.
    ///
    /// The times `iat` and `exp` and the id `jti` are set anew, `sid` where there is none. The start of a session that
    /// goes on (`nostore_start`) is kept.
    #[command(after_help = SESSION_EXAMPLES)]
    Seal(SessionSealArgs),
}

/// What a key follows from, besides the format.
#[derive(Args, Debug)]
pub struct SessionSecretArgs {
    /// A secret. May be repeated: the first one seals, all open.
    #[arg(long, value_name = "SECRET")]
    pub secret: Vec<String>,
    /// A file with one secret a line, used behind those of --secret. May be repeated.
    #[arg(long, value_name = "FILE")]
    pub secret_file: Vec<PathBuf>,
    /// The cookie's name, without the number of a chunk: the key depends on it.
    #[arg(long, value_name = "NAME")]
    pub cookie_name: String,
}

/// `nostore session open`.
#[derive(Args, Debug)]
pub struct SessionOpenArgs {
    /// The secrets and the name.
    #[command(flatten)]
    pub secrets: SessionSecretArgs,
    /// How the session is sealed [default: whatever opens].
    #[arg(long, value_enum)]
    pub format: Option<SealedIn>,
    /// Open it as of this time, in seconds since 1970 [default: now].
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    pub at: Option<i64>,
    /// The cookie's value, or those of its chunks in their order. Without one, it is read from standard input.
    #[arg(value_name = "TOKEN")]
    pub token: Vec<String>,
}

/// `nostore session seal`.
#[derive(Args, Debug)]
pub struct SessionSealArgs {
    /// The secrets and the name.
    #[command(flatten)]
    pub secrets: SessionSecretArgs,
    /// How to seal.
    #[arg(long, value_enum, default_value = "nostore")]
    pub format: SealedIn,
    /// How long the session lives, in seconds.
    #[arg(long, value_name = "SECONDS", default_value = "2592000",
          value_parser = clap::value_parser!(i64).range(1..=315_360_000))]
    pub max_age: i64,
    /// Take a secret of less than 32 octets, which can be found out by trying.
    #[arg(long)]
    pub danger_short_secret: bool,
}

/// `nostore secret`.
#[derive(Args, Debug)]
pub struct SecretArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: SecretCommand,
}

/// What `nostore secret` does.
#[derive(Debug, Subcommand)]
pub enum SecretCommand {
    /// Print a new secret: 48 random octets in base64url.
    New(SecretNewArgs),
    /// Put a new secret in front of those of `NOSTORE_SECRET`, or in their place.
    ///
    /// The secrets come from the environment and the new line is printed, or both are in the file that --file names.
    #[command(after_help = SECRET_EXAMPLES)]
    Rotate(SecretRotateArgs),
}

/// `nostore secret new`.
#[derive(Args, Debug)]
pub struct SecretNewArgs {
    /// Print a JSON object instead of the secret alone.
    #[arg(long)]
    pub json: bool,
}

/// `nostore secret rotate`.
#[derive(Args, Debug)]
pub struct SecretRotateArgs {
    /// Sessions go on: the old secrets stay behind the new one, and open what they have sealed.
    #[arg(long, conflicts_with = "end_sessions")]
    pub keep_sessions: bool,
    /// All sessions end: the old secrets go.
    #[arg(long)]
    pub end_sessions: bool,
    /// The file that holds `NOSTORE_SECRET=…`. It is written in one step and keeps its mode.
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Print a JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}

/// How a session is sealed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum SealedIn {
    /// As Auth.js 5 does it.
    Authjs,
    /// As NextAuth 4 did it; it can be opened only.
    AuthjsV4,
    /// In our own format.
    Nostore,
}

impl SealedIn {
    /// Returns the format as the law knows it.
    #[must_use]
    pub const fn format(self) -> nostore_session::SealedFormat {
        match self {
            Self::Authjs => nostore_session::SealedFormat::AuthJsV5,
            Self::AuthjsV4 => nostore_session::SealedFormat::AuthJsV4,
            Self::Nostore => nostore_session::SealedFormat::Nostore,
        }
    }
}

/// Reads an address that only this machine reaches.
fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address = address(text)?;
    if address.ip().is_loopback() {
        return Ok(address);
    }
    Err(format!("expected a loopback address such as 127.0.0.1:8089, found {}", address.ip()))
}

/// Reads an address to listen on: `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080`, or a port alone.
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    let port = text.strip_prefix("localhost:").unwrap_or(text).parse::<u16>();
    let local = port.map(|port| SocketAddr::from((std::net::Ipv4Addr::LOCALHOST, port)));
    local
        .or_else(|_| text.parse())
        .map_err(|_| "expected an address such as 127.0.0.1:8080, or a port".to_owned())
}

/// The kind of instance that the keys stand for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Keys {
    /// A development instance.
    Test,
    /// A production instance.
    Live,
}

/// Who keeps the sessions of a site.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub enum SessionKind {
    /// The site itself, in encrypted cookies; visitors sign in with an OpenID Provider.
    Cookie,
    /// The identity service; its handshake tells the site.
    #[default]
    Handshake,
}

/// The two famous failures.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Failure {
    /// A stored sign-in redirect is replayed for ever.
    Loop,
    /// A stored page hands its session cookie to everybody.
    Leak,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn addresses_are_read_as_people_write_them() {
        for (text, expected) in
            [("8080", "127.0.0.1:8080"), ("localhost:0", "127.0.0.1:0"), ("[::1]:1", "[::1]:1")]
        {
            assert_eq!(super::address(text).unwrap().to_string(), expected);
        }
        for text in ["", "localhost", "127.0.0.1", "example.com:80", "65536", "-1"] {
            assert!(super::address(text).is_err(), "{text}");
        }
    }

    #[test]
    fn orders_are_taken_on_loopback_only() {
        for text in ["8089", "127.0.0.1:8089", "localhost:8089", "[::1]:8089"] {
            assert!(super::loopback(text).is_ok(), "{text}");
        }
        for text in ["0.0.0.0:8089", "[::]:8089", "192.0.2.1:8089", "x"] {
            assert!(super::loopback(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_seed_in_the_help_is_one() {
        use nostore_issuer::{Server, ServerConfig, core::Mode};
        use nostore_message::{Origin, UnixTime};

        let text = super::ISSUER_EXAMPLES;
        let seed = &text[text.find('{').unwrap()..=text.rfind('}').unwrap()];
        let file = std::env::temp_dir().join(format!("nostore-help-seed-{}.json", std::process::id()));
        std::fs::write(&file, seed).unwrap();
        let origin = Origin::parse("http://127.0.0.1:8081").unwrap();
        let clock = std::sync::Arc::new(|| UnixTime::from_secs(1_700_000_000));
        let mut config = ServerConfig::new(Mode::Test, origin, Vec::new(), clock);
        config.seed = Some(file.clone());
        let opened = Server::open(config);
        std::fs::remove_file(&file).unwrap();
        assert!(opened.is_ok(), "{}", opened.unwrap_err());
        assert!(text.lines().all(|line| line.len() <= 100), "wider than the help is");
    }

    #[test]
    fn examples_fit_the_help() {
        for text in [
            super::DEV_EXAMPLES,
            super::GEN_EXAMPLES,
            super::SESSION_EXAMPLES,
            super::SECRET_EXAMPLES,
            super::LOGS_HELP,
        ] {
            assert!(text.lines().all(|line| line.len() <= 100), "wider than the help is: {text}");
        }
    }

    #[test]
    fn the_command_line_is_sound() {
        super::Cli::command().debug_assert();
    }
}

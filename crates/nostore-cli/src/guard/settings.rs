//! From flags, file and environment to what the guard goes by.

use std::ffi::{OsStr, OsString};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nostore_guard::{GuardConfig, Identity, Sink};
use nostore_message::{Origin, Secret};
use nostore_proxy::Tls;
use nostore_signin::SignIn;
use nostore_web::{CookieProtection, Routes, SessionsBuilder, TrustedProxies};

use crate::args::{GuardArgs, SignInKind, TlsKind};
use crate::config::{Config, or_file};
use crate::error::Failed;

/// What was said, by flags and file together.
pub(crate) struct Settings<'a> {
    args: &'a GuardArgs,
    file: Config,
}

impl<'a> Settings<'a> {
    /// Reads the file anew.
    ///
    /// # Errors
    ///
    /// See [`Config::read`].
    pub(crate) fn read(args: &'a GuardArgs, path: Option<&Path>) -> Result<Self, Failed> {
        Ok(Self { args, file: Config::read(path)? })
    }

    /// Returns the app's origin.
    pub(crate) fn origin(&self) -> Result<&str, Failed> {
        let origin = self.args.origin.as_deref().or(self.file.app.as_deref());
        origin.ok_or_else(|| {
            Failed::usage("expected the app's address, found none")
                .hint("name it with `--origin URL`, or as `app = \"URL\"` in nostore.toml")
        })
    }

    pub(crate) fn listen(&self) -> Result<Option<SocketAddr>, Failed> {
        address("guard.listen", self.args.listen, self.file.guard.listen.as_deref())
    }

    pub(crate) fn control(&self) -> Result<Option<SocketAddr>, Failed> {
        address("guard.control", self.args.control, self.file.guard.control.as_deref())
    }

    pub(crate) fn sign_in(&self) -> Option<SignInKind> {
        self.args.sign_in.or(self.file.guard.sign_in)
    }

    pub(crate) fn session_cookies(&self) -> &[String] {
        or_file(&self.args.session_cookies, &self.file.session_cookies)
    }

    pub(crate) const fn report_only(&self) -> bool {
        self.args.report_only || self.file.guard.report_only
    }

    /// Returns the files of the certificate and its key.
    pub(crate) fn certificate(&self) -> Result<Option<(&Path, &Path)>, Failed> {
        let (args, file) = (self.args, &self.file.guard);
        let certificate = args.tls_certificate.as_deref().or(file.tls_certificate.as_deref());
        let key = args.tls_key.as_deref().or(file.tls_key.as_deref());
        match (certificate, key) {
            (Some(certificate), Some(key)) => Ok(Some((certificate, key))),
            (None, None) => Ok(None),
            (Some(_), None) => {
                Err(Failed::usage("expected a private key beside the certificate, found none")
                    .hint("name its file with `--tls-key FILE`"))
            }
            (None, Some(_)) => {
                Err(Failed::usage("expected a certificate beside the private key, found none")
                    .hint("name its file with `--tls-certificate FILE`"))
            }
        }
    }

    /// Reads the certificate, or makes one.
    pub(crate) fn tls(&self, listen: Option<IpAddr>) -> Result<Option<Tls>, Failed> {
        if let Some((certificate, key)) = self.certificate()? {
            let read = |path: &Path| {
                std::fs::read(path).map_err(|error| {
                    Failed::usage(format!("expected to read {}", path.display())).because(&error)
                })
            };
            let (chain, secret) = (read(certificate)?, read(key)?);
            let tls = Tls::from_pem(&chain, &secret).map_err(|error| {
                let files = format!("{} and {}", certificate.display(), key.display());
                Failed::usage(format!("the certificate of {files} cannot be used")).because(&error)
            })?;
            return Ok(Some(tls));
        }
        if self.args.tls != Some(TlsKind::SelfSigned) {
            return Ok(None);
        }
        let site = self.file.site.as_deref().and_then(|site| Origin::parse(site).ok());
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()].into_iter();
        let names = names.chain(site.map(|site| site.host().to_owned()));
        let names = names.chain(listen.filter(|ip| !ip.is_loopback()).map(|ip| ip.to_string()));
        let made = Tls::self_signed(names);
        made.map(Some).map_err(|error| Failed::new("no certificate could be made").because(&error))
    }

    /// Puts together what the guard goes by. `again`: it runs already.
    ///
    /// # Errors
    ///
    /// When something that was said is not as expected.
    pub(crate) async fn config(&self, sink: Sink, again: bool) -> Result<GuardConfig, Failed> {
        let trusted = TrustedProxies::none()
            .addresses(or_file(&self.args.trusted_proxies, &self.file.trusted_proxies))
            .map_err(|error| Failed::usage("`--trusted-proxy`").because(&error))?;
        let identity = self.identity(&trusted, again).await?;
        let mut config = GuardConfig::new(self.origin()?, self.protection(identity.as_ref())?);
        config.identity = identity;
        config.report_only = self.report_only();
        config.trusted = trusted;
        config.body_bytes = self.args.max_body.or(self.file.guard.max_body);
        if let Some(secs) = self.args.grace {
            config.visitors.grace = Duration::from_secs(secs);
        }
        config.sink = sink;
        config.quiet = self.args.quiet;
        Ok(config)
    }

    fn protection(&self, identity: Option<&Identity>) -> Result<CookieProtection, Failed> {
        let cookies = self.session_cookies();
        let own = identity.map(Identity::cookie_names).unwrap_or_default();
        if cookies.is_empty() && own.is_empty() {
            return Err(Failed::usage("expected the names of the cookies that are a session, found none").hint(
                "name them with `--session-cookie NAME`, or as `session-cookies` in nostore.toml; `nostore init` \
                 knows those of many frameworks",
            ));
        }
        let protection = CookieProtection::cookies(cookies.iter().chain(own).map(String::as_str));
        let public = self.patterns("--public", &self.args.public, &self.file.public)?;
        let protection =
            public.iter().fold(protection, |protection, pattern| protection.public(pattern.clone()));
        let unless_public = self.args.unless_public || self.file.guard.unless_public;
        Ok(protection.drop_strays(true).spell_out(true).unless_public(unless_public))
    }

    fn patterns<'s>(
        &self,
        flag: &str,
        said: &'s [String],
        file: &'s [String],
    ) -> Result<&'s [String], Failed> {
        let said = or_file(said, file);
        let is_pattern = |pattern: &&String| Routes::new().public((*pattern).clone()).check("/").is_ok();
        match said.iter().find(|pattern| !is_pattern(pattern)) {
            None => Ok(said),
            Some(pattern) => {
                let found =
                    format!("expected `{flag}` with a path such as `/` or `/assets/*`, found `{pattern}`");
                Err(Failed::usage(found))
            }
        }
    }

    async fn identity(&self, trusted: &TrustedProxies, again: bool) -> Result<Option<Identity>, Failed> {
        let Some(kind) = self.sign_in() else {
            return if or_file(&self.args.protected, &self.file.protected).is_empty() {
                Ok(None)
            } else {
                Err(Failed::usage(
                    "expected `--sign-in` beside `--protected`: the guard has to know who is asking",
                )
                .hint("choose `--sign-in own` or `--sign-in service`, or let the app protect the path"))
            };
        };
        if self.report_only() {
            return Err(Failed::usage("expected `--sign-in` or `--report-only`, found both")
                .hint("a guard that signs in cannot leave responses as they are"));
        }
        let public = self.patterns("--public", &self.args.public, &self.file.public)?;
        let public = public.iter().fold(Routes::new(), |routes, pattern| routes.public(pattern.clone()));
        let protected = self.patterns("--protected", &self.args.protected, &self.file.protected)?;
        let routes =
            protected.iter().fold(public.clone(), |routes, pattern| routes.protected(pattern.clone()));
        let variables = Variables::new(&self.file);
        let made = match kind {
            SignInKind::Own => own(&variables, routes, public, trusted.clone(), again).await,
            SignInKind::Service => service(&variables, routes, public, trusted.clone()),
        };
        made.map(Some)
    }
}

async fn own(
    variables: &Variables,
    routes: Routes,
    public: Routes,
    trusted: TrustedProxies,
    again: bool,
) -> Result<Identity, Failed> {
    let cannot = || Failed::usage("the guard cannot sign visitors in");
    let builder =
        SignIn::from_variables(|name| variables.get(name)).map_err(|error| cannot().because(&error))?;
    let builder = builder.routes(routes).trusted_proxies(trusted).quiet(again);
    let sign_in = builder.build().await.map_err(|error| cannot().because(&error))?;
    let site = variables.site("NOSTORE_ORIGIN")?;
    Identity::own(sign_in, &site, &variables.secret("NOSTORE_SECRET"), public)
        .map_err(|error| cannot().because(&error))
}

fn service(
    variables: &Variables,
    routes: Routes,
    public: Routes,
    trusted: TrustedProxies,
) -> Result<Identity, Failed> {
    let cannot = || Failed::usage("the guard cannot take an identity service's sessions");
    let builder = SessionsBuilder::from_variables(|name| variables.get(name))
        .map_err(|error| cannot().because(&error))?;
    let site = variables.site("NOSTORE_PUBLIC_URL")?;
    let builder = builder.routes(routes).trusted_proxies(trusted).public_url(site.clone());
    let sessions = builder.build().map_err(|error| cannot().because(&error))?;
    Identity::service(sessions, &site, &variables.secret("NOSTORE_SECRET_KEY"), public)
        .map_err(|error| cannot().because(&error))
}

/// The environment, and behind it what the file says in the same words.
struct Variables(Vec<(OsString, OsString)>);

impl Variables {
    fn new(file: &Config) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place where the guard reads the environment, at its start"
        )]
        let mut variables: Vec<(OsString, OsString)> = std::env::vars_os().collect();
        let sign_in = &file.sign_in;
        let text = |value: &Option<String>| value.as_ref().map(OsString::from);
        let path = |value: &Option<PathBuf>| value.as_ref().map(|path| path.clone().into_os_string());
        let admins = (!sign_in.admins.is_empty()).then(|| OsString::from(sign_in.admins.join(",")));
        let of_file = [
            ("NOSTORE_ORIGIN", text(&file.site)),
            ("NOSTORE_PUBLIC_URL", text(&file.site)),
            ("NOSTORE_OIDC_ISSUER", text(&sign_in.issuer)),
            ("NOSTORE_OIDC_CLIENT_ID", text(&sign_in.client_id)),
            ("NOSTORE_ADMIN", admins),
            ("NOSTORE_STORE", path(&sign_in.store)),
            ("NOSTORE_EVENTS", path(&sign_in.events)),
        ];
        variables.extend(of_file.into_iter().filter_map(|(name, value)| Some((name.into(), value?))));
        Self(variables)
    }

    fn get(&self, name: &str) -> Option<&OsStr> {
        self.0.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_os_str())
    }

    /// Returns the secret that assertions are signed with: the first of the list.
    fn secret(&self, name: &str) -> Secret {
        let list = self.get(name).and_then(OsStr::to_str).unwrap_or_default();
        Secret::new(list.split(',').map(str::trim).find(|secret| !secret.is_empty()).unwrap_or_default())
    }

    fn site(&self, name: &str) -> Result<Origin, Failed> {
        let site = self.get(name).and_then(OsStr::to_str).unwrap_or_default();
        Origin::parse(site).map_err(|error| {
            Failed::usage(format!("expected how visitors know the site, found `{site}`"))
                .because(&error)
                .hint("say `site = \"https://family.example\"` in nostore.toml")
        })
    }
}

/// Takes an address of a flag, or reads one of the file.
fn address(name: &str, flag: Option<SocketAddr>, file: Option<&str>) -> Result<Option<SocketAddr>, Failed> {
    match (flag, file) {
        (Some(address), _) => Ok(Some(address)),
        (None, None) => Ok(None),
        (None, Some(text)) => crate::args::address(text)
            .map(Some)
            .map_err(|error| Failed::usage(format!("`{name} = \"{text}\"` in nostore.toml: {error}"))),
    }
}

//! The configuration of a provider: presets, options, and what is wrong with them.
//!
//! # Invariants
//!
//! - A [`Provider`] is only data. [`Provider::check`] (and so [`RelyingParty::new`](super::RelyingParty::new)) finds what
//!   is wrong before any visitor does, and says what was expected, what was found and how to mend it.
//! - An issuer is compared as text, never as a URL: a slash more or less is another issuer.
//! - Plain HTTP goes to loopback only, unless that is allowed by a method whose name says so.
//!
//! # Deployments
//!
//! - **Google** sends a refresh token with `access_type=offline` and `prompt=consent` only; [`Provider::offline`] asks
//!   for both. The parameter `hd` alone keeps nobody out, so [`Provider::hosted_domain`] requires the claim too.
//! - **Microsoft** sends no `email_verified`. An address in `email` can be set by a tenant's administrator to anything,
//!   so it counts as unverified unless the optional claim `xms_edov` is there and true. With the tenant `common` or
//!   `organizations` the issuer differs from tenant to tenant: the document's issuer has `{tenantid}` in it, and an ID
//!   token's `iss` must be that text with its own `tid` put in.
//! - **GitHub** speaks OAuth 2 without OpenID Connect: there is no ID token. The person's name is the number of
//!   `GET /user`, the address the primary one of `GET /user/emails`, and it counts as verified where GitHub says so.
//!
//! Specifications: RFC 6749 sections 2.3, 3.1.2 and 3.3; OpenID Connect Core 1.0 sections 9 and 11; OpenID Connect
//! Discovery 1.0 section 4; RFC 8252 section 8.3 (loopback).

use nostore_message::Secret;
use url::Url;

/// The tenant of everybody with a personal Microsoft account.
const CONSUMERS: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

/// Parameters of the authorization request that are this crate's own.
const RESERVED: [&str; 9] = [
    "client_id",
    "code_challenge",
    "code_challenge_method",
    "nonce",
    "redirect_uri",
    "request",
    "response_type",
    "scope",
    "state",
];

/// A provider that visitors sign in with.
#[derive(Clone, Debug)]
pub struct Provider {
    pub(crate) kind: Kind,
    pub(crate) issuer: String,
    pub(crate) client_id: String,
    pub(crate) client_secret: Option<Secret>,
    pub(crate) client_auth: Option<ClientAuth>,
    pub(crate) display_name: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) offline: bool,
    pub(crate) groups_claim: String,
    pub(crate) hosted_domain: Option<String>,
    pub(crate) parameters: Vec<(String, String)>,
    pub(crate) discovery_url: Option<String>,
    pub(crate) endpoints: Endpoints,
    pub(crate) plain_http: bool,
}

/// What is special about a provider.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// Nothing: OpenID Connect by the book.
    Plain,
    GitHub,
    Google,
    /// With one tenant's issuer, or with a template for all of them.
    Microsoft,
}

/// URLs that take the place of a provider's own: for tests, and for GitHub Enterprise.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Endpoints {
    /// Where the visitor is sent.
    pub authorization: Option<String>,
    /// Where the code is exchanged.
    pub token: Option<String>,
    /// Who the person is; with GitHub the URL of `/user`.
    pub userinfo: Option<String>,
    /// GitHub's URL of `/user/emails`.
    pub emails: Option<String>,
}

/// How the site proves to the token endpoint who it is (OpenID Connect Core 1.0 section 9).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ClientAuth {
    /// `client_secret_basic`: the field `Authorization`.
    Basic,
    /// Not at all: a public client. PKCE alone binds the code to this site.
    None,
    /// `client_secret_post`: in the body.
    Post,
}

/// What is wrong with a configuration.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// There is no client id.
    #[error("expected a client id, found none: it is shown where the site is registered at {provider}")]
    ClientId {
        /// The provider's display name.
        provider: String,
    },
    /// There is no client secret, and the client is not declared public.
    #[error(
        "expected a client secret of {provider}, found none: set it, or declare a public client with client \
         authentication `none`"
    )]
    ClientSecret {
        /// The provider's display name.
        provider: String,
    },
    /// A hosted domain is wanted of somebody other than Google.
    #[error(
        "expected Google where a hosted domain is asked for, found {provider}: use an allowlist of domains instead"
    )]
    HostedDomain {
        /// The provider's display name.
        provider: String,
    },
    /// The issuer has a query or a fragment (OpenID Connect Discovery 1.0 section 3).
    #[error("expected an issuer without query and fragment, found {found}")]
    Issuer {
        /// The issuer.
        found: String,
    },
    /// The authorization parameter is this crate's own.
    #[error("expected an authorization parameter of your own, found {name}: it is set for every sign-in")]
    Parameter {
        /// Its name.
        name: String,
    },
    /// The URL speaks plain HTTP to another machine.
    #[error(
        "expected https for {what}, found {found}: over plain HTTP anyone in between reads codes and secrets. Loopback \
         may do without; for anything else there is `danger_allow_plain_http`"
    )]
    PlainHttp {
        /// Which URL.
        what: &'static str,
        /// The URL.
        found: String,
    },
    /// A redirect URI has a fragment (RFC 6749 section 3.1.2).
    #[error("expected a redirect URI without fragment, found {found}")]
    RedirectFragment {
        /// The redirect URI.
        found: String,
    },
    /// A scope is none (RFC 6749 section 3.3).
    #[error(
        "expected a scope of printable ASCII without spaces, found {found:?}: give several scopes one by one"
    )]
    Scope {
        /// What was given.
        found: String,
    },
    /// The library of TLS has no protocol version to offer.
    #[error("expected rustls to have a protocol version in common with its provider of cryptography")]
    Tls,
    /// The text is no URL.
    #[error("expected {what} to be an absolute http(s) URL, like {example}; found {found:?}")]
    Url {
        /// Which URL.
        what: &'static str,
        /// What one looks like.
        example: &'static str,
        /// What was given.
        found: String,
    },
}

impl ConfigError {
    /// Returns the stable name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::ClientId { .. } => "provider-config-client-id",
            Self::ClientSecret { .. } => "provider-config-client-secret",
            Self::HostedDomain { .. } => "provider-config-hosted-domain",
            Self::Issuer { .. } => "provider-config-issuer",
            Self::Parameter { .. } => "provider-config-parameter",
            Self::PlainHttp { .. } => "provider-config-plain-http",
            Self::RedirectFragment { .. } => "provider-config-redirect-fragment",
            Self::Scope { .. } => "provider-config-scope",
            Self::Tls => "provider-config-tls",
            Self::Url { .. } => "provider-config-url",
        }
    }
}

impl Provider {
    /// Any OpenID Provider, by its issuer identifier, exactly as the provider writes it.
    #[must_use]
    pub fn oidc(
        issuer: impl Into<String>,
        client_id: impl Into<String>,
        client_secret: Option<Secret>,
    ) -> Self {
        Self {
            kind: Kind::Plain,
            issuer: issuer.into(),
            client_id: client_id.into(),
            client_auth: None,
            client_secret,
            display_name: "OpenID Connect".to_owned(),
            scopes: ["openid", "email", "profile"].map(str::to_owned).to_vec(),
            offline: false,
            groups_claim: "groups".to_owned(),
            hosted_domain: None,
            parameters: Vec::new(),
            discovery_url: None,
            endpoints: Endpoints::default(),
            plain_http: false,
        }
    }

    /// Google: accounts of anybody, or of one domain with [`Self::hosted_domain`].
    #[must_use]
    pub fn google(client_id: impl Into<String>, client_secret: Secret) -> Self {
        let kind = Kind::Google;
        let oidc = Self::oidc("https://accounts.google.com", client_id, Some(client_secret));
        Self { kind, ..oidc }.display_name("Google")
    }

    /// Microsoft Entra: a tenant's id or one of its domains, `common`, `organizations` or `consumers`.
    ///
    /// With a domain the issuer is still the one with the tenant's id, so give the id where you know it.
    #[must_use]
    pub fn microsoft(tenant: &str, client_id: impl Into<String>, client_secret: Option<Secret>) -> Self {
        let base = "https://login.microsoftonline.com";
        let oidc = Self::oidc(format!("{base}/{tenant}/v2.0"), client_id, client_secret);
        let shared = matches!(tenant, "common" | "organizations");
        let document = format!("{base}/{tenant}/v2.0/.well-known/openid-configuration");
        let issuer = match tenant {
            _ if shared => format!("{base}/{{tenantid}}/v2.0"),
            "consumers" => format!("{base}/{CONSUMERS}/v2.0"),
            _ => oidc.issuer.clone(),
        };
        Self { kind: Kind::Microsoft, issuer, discovery_url: Some(document), ..oidc }
            .display_name("Microsoft")
    }

    /// GitHub: OAuth 2 without an ID token. The issuer of its identities is `https://github.com`.
    #[must_use]
    pub fn github(client_id: impl Into<String>, client_secret: Secret) -> Self {
        let scopes = ["read:user", "user:email"].map(str::to_owned).to_vec();
        let oidc = Self::oidc("https://github.com", client_id, Some(client_secret));
        Self { kind: Kind::GitHub, scopes, client_auth: Some(ClientAuth::Post), ..oidc }
            .display_name("GitHub")
    }

    /// Keycloak: `base` like `https://sso.example.com` (with `/auth` where it has one), and a realm.
    #[must_use]
    pub fn keycloak(
        base: &str,
        realm: &str,
        client_id: impl Into<String>,
        client_secret: Option<Secret>,
    ) -> Self {
        let base = base.trim_end_matches('/');
        Self::oidc(format!("{base}/realms/{realm}"), client_id, client_secret).display_name("Keycloak")
    }

    /// Auth0: a domain like `example.eu.auth0.com`. Its issuer ends in a slash.
    #[must_use]
    pub fn auth0(domain: &str, client_id: impl Into<String>, client_secret: Option<Secret>) -> Self {
        Self::oidc(format!("https://{}/", host(domain)), client_id, client_secret).display_name("Auth0")
    }

    /// Okta: a domain like `example.okta.com`; with an authorization server of one's own,
    /// `example.okta.com/oauth2/default`.
    #[must_use]
    pub fn okta(domain: &str, client_id: impl Into<String>, client_secret: Option<Secret>) -> Self {
        Self::oidc(format!("https://{}", host(domain)), client_id, client_secret).display_name("Okta")
    }

    /// Names the provider for visitors: "Sign in with …".
    #[must_use]
    pub fn display_name(self, name: impl Into<String>) -> Self {
        Self { display_name: name.into(), ..self }
    }

    /// Asks for these scopes instead of the preset's. `openid` is asked for in any case, except of GitHub.
    #[must_use]
    pub fn scopes<S: Into<String>>(self, scopes: impl IntoIterator<Item = S>) -> Self {
        Self { scopes: scopes.into_iter().map(Into::into).collect(), ..self }
    }

    /// Asks for a refresh token: the scope `offline_access`, with `prompt=consent` (OpenID Connect Core 1.0 section 11);
    /// Google wants `access_type=offline` instead of the scope. GitHub's refresh tokens are a setting of the app.
    #[must_use]
    pub fn offline(self) -> Self {
        Self { offline: true, ..self }
    }

    /// Reads the person's groups from that claim (`groups` by default): an array of texts, or one text.
    #[must_use]
    pub fn groups_claim(self, name: impl Into<String>) -> Self {
        Self { groups_claim: name.into(), ..self }
    }

    /// Lets in accounts of one Google Workspace domain only: sends `hd`, and requires the claim `hd` to be the same.
    #[must_use]
    pub fn hosted_domain(self, domain: impl Into<String>) -> Self {
        Self { hosted_domain: Some(domain.into()), ..self }
    }

    /// Adds a parameter to the authorization request.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.push((name.into(), value.into()));
        self
    }

    /// Says how the site proves who it is. By default with the secret in the way that the provider announces, Basic
    /// first.
    #[must_use]
    pub fn client_auth(self, how: ClientAuth) -> Self {
        Self { client_auth: Some(how), ..self }
    }

    /// Fetches the discovery document from there. Its issuer must be the configured one nevertheless.
    #[must_use]
    pub fn discovery_url(self, url: impl Into<String>) -> Self {
        Self { discovery_url: Some(url.into()), ..self }
    }

    /// Uses these URLs instead of the provider's own.
    #[must_use]
    pub fn endpoints(self, endpoints: Endpoints) -> Self {
        Self { endpoints, ..self }
    }

    /// Allows plain HTTP to any machine: codes, secrets and tokens are read by anyone in between.
    #[must_use]
    pub fn danger_allow_plain_http(self) -> Self {
        Self { plain_http: true, ..self }
    }

    /// Returns the provider's name for visitors.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.display_name
    }

    /// Returns the configured issuer. With Microsoft's `common` and `organizations` that is a template.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Checks the configuration.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.client_id.is_empty() {
            return Err(ConfigError::ClientId { provider: self.display_name.clone() });
        }
        let secret = self.client_secret.as_ref().is_some_and(|secret| !secret.is_empty());
        if !secret && self.client_auth != Some(ClientAuth::None) {
            return Err(ConfigError::ClientSecret { provider: self.display_name.clone() });
        }
        if self.hosted_domain.is_some() && self.kind != Kind::Google {
            return Err(ConfigError::HostedDomain { provider: self.display_name.clone() });
        }
        if let Some((name, _)) = self.parameters.iter().find(|(name, _)| RESERVED.contains(&name.as_str())) {
            return Err(ConfigError::Parameter { name: name.clone() });
        }
        let bad = |scope: &&String| !is_scope(scope);
        if let Some(scope) = self.scopes.iter().find(bad) {
            return Err(ConfigError::Scope { found: scope.clone() });
        }
        self.check_urls()
    }

    fn check_urls(&self) -> Result<(), ConfigError> {
        let issuer = self.check_url("the issuer", "https://accounts.example.com", &self.issuer)?;
        if issuer.query().is_some() || issuer.fragment().is_some() {
            return Err(ConfigError::Issuer { found: self.issuer.clone() });
        }
        let own = [
            ("the discovery document", &self.discovery_url),
            ("the authorization endpoint", &self.endpoints.authorization),
            ("the token endpoint", &self.endpoints.token),
            ("the userinfo endpoint", &self.endpoints.userinfo),
            ("the endpoint of addresses", &self.endpoints.emails),
        ];
        for (what, url) in own {
            if let Some(url) = url {
                self.check_url(what, "https://accounts.example.com/path", url)?;
            }
        }
        Ok(())
    }

    fn check_url(&self, what: &'static str, example: &'static str, found: &str) -> Result<Url, ConfigError> {
        let url = http_url(found).ok_or(ConfigError::Url { what, example, found: found.to_owned() })?;
        if url.scheme() == "http" && !self.plain_http && !is_loopback(&url) {
            return Err(ConfigError::PlainHttp { what, found: found.to_owned() });
        }
        Ok(url)
    }

    /// Tells whether this crate may send to `url`: plain HTTP is for providers that are on loopback themselves.
    pub(crate) fn may_ask(&self, url: &Url) -> bool {
        let own = [&self.discovery_url, &self.endpoints.token, &self.endpoints.userinfo];
        let own = own.into_iter().flatten().map(String::as_str).chain([self.issuer.as_str()]);
        let mut own = own.filter_map(http_url);
        match url.scheme() {
            "https" => true,
            "http" => self.plain_http || (is_loopback(url) && own.any(|own| is_loopback(&own))),
            _ => false,
        }
    }

    /// The scopes as they are asked for.
    pub(crate) fn asked_scopes(&self) -> Vec<&str> {
        let mut scopes: Vec<&str> = Vec::new();
        let openid = (self.kind != Kind::GitHub).then_some("openid");
        let offline =
            (self.offline && matches!(self.kind, Kind::Plain | Kind::Microsoft)).then_some("offline_access");
        let all = openid.into_iter().chain(self.scopes.iter().map(String::as_str)).chain(offline);
        for scope in all {
            if !scopes.contains(&scope) {
                scopes.push(scope);
            }
        }
        scopes
    }
}

/// Checks a redirect URI. A site on plain HTTP is the site's own choice: it is loopback, as a rule.
pub(crate) fn check_redirect(found: &str) -> Result<Url, ConfigError> {
    let (what, example) = ("the redirect URI", "https://www.example.com/auth/callback");
    let url = http_url(found).ok_or(ConfigError::Url { what, example, found: found.to_owned() })?;
    if url.fragment().is_some() {
        return Err(ConfigError::RedirectFragment { found: found.to_owned() });
    }
    Ok(url)
}

/// Reads an absolute URL with a host, of `http` or `https`, without credentials.
pub(crate) fn http_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let plain = url.username().is_empty() && url.password().is_none();
    (plain && matches!(url.scheme(), "http" | "https") && url.has_host()).then_some(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// RFC 6749 section 3.3: `scope-token`.
fn is_scope(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}

/// People give a URL where a domain is asked for.
fn host(domain: &str) -> &str {
    domain.trim_start_matches("https://").trim_end_matches('/')
}

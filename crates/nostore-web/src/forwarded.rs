//! What a request says about itself when proxies stand in front of the site, and who may say it.
//!
//! `X-Forwarded-*` and `Forwarded` are text that anybody can write. They count where the operator named
//! who writes them ([`TrustedProxies`]): a peer at a known address, a number of proxies that every
//! request passes, or whoever knows a shared secret. Everybody else is taken for what the connection and
//! the `Host` field say.
//!
//! # Rules
//!
//! 1. One family counts per request: `Forwarded` only where there is no `X-Forwarded-*` at all. A proxy
//!    speaks one and passes a stranger's other one on.
//! 2. Of a list, the part counts that the outermost trusted proxy wrote. Where every part was written by
//!    a trusted proxy this is the first, as in the handshake protocol (section 3.1); what stands before
//!    it was written by the visitor.
//! 3. A scheme or host that is empty, or that is none, is as good as not there: then neither counts.
//!
//! # Invariants
//!
//! - Total: any peer and any fields give a scheme, an authority and perhaps an address.
//! - Nothing is trusted by default.
//!
//! # Deployment caveat
//!
//! A trusted proxy must replace or append every field of the family that it is trusted with. One that
//! sets `X-Forwarded-For` and passes a visitor's `X-Forwarded-Host` on is trusted with the visitor's word:
//! name what it really sets with [`TrustedProxies::only`].
//!
//! Specifications: RFC 7239 sections 4 to 6; RFC 9110 section 7.2; the URL Standard, "URL parsing".

use std::borrow::Cow;
use std::net::IpAddr;

use nostore_message::{Fields, Origin, RequestHead, Scheme, Secret};
use url::Url;

mod element;
mod network;

pub use network::Network;

use element::Element;
use network::node;

/// The other end of the connection that a request came over. Adapters find it, or an app puts it into the
/// extensions of a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Peer(pub IpAddr);

/// A field that a proxy may be trusted with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ForwardedField {
    /// `Forwarded` (RFC 7239).
    Forwarded,
    /// `X-Forwarded-For`: the visitor's address.
    XForwardedFor,
    /// `X-Forwarded-Host`: host and port that the visitor used.
    XForwardedHost,
    /// `X-Forwarded-Proto`: the scheme that the visitor used.
    XForwardedProto,
}

/// Whose forwarded fields count. The default: nobody's.
///
/// # Example
///
/// ```
/// use nostore_message::Secret;
/// use nostore_web::{ForwardedField, TrustedProxies};
///
/// // A reverse proxy in the same private network.
/// TrustedProxies::none().addresses(["10.0.0.0/8", "fd00::/8"])?;
/// // A CDN in front of a load balancer, and no other way in.
/// TrustedProxies::none().hops(2);
/// // A CDN that adds a field nobody else knows, and does not set the host.
/// TrustedProxies::none()
///     .secret_field("x-origin-secret", Secret::new("0r1g1n"))?
///     .only([ForwardedField::XForwardedFor, ForwardedField::XForwardedProto]);
/// # Ok::<(), nostore_web::ProxyError>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct TrustedProxies {
    networks: Vec<Network>,
    secret: Option<(String, Secret)>,
    hops: Option<usize>,
    only: Option<Vec<ForwardedField>>,
}

/// Why a setting is refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// An address is none.
    #[error("expected an address or a network such as `10.0.0.0/8` or `fd00::/8`, but found `{found}`")]
    Address {
        /// What was given.
        found: String,
    },
    /// The name of the secret's field is none, or one that anybody sets.
    #[error("expected a field name of its own such as `x-origin-secret`, but found `{found}`")]
    FieldName {
        /// What was given.
        found: String,
    },
    /// The shared secret is empty: everybody knows it.
    #[error("expected a shared secret, but found an empty one")]
    Secret,
}

impl ProxyError {
    /// Returns the stable name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Address { .. } => "proxy-address",
            Self::FieldName { .. } => "proxy-field-name",
            Self::Secret => "proxy-secret",
        }
    }
}

/// How a request was addressed, and by whom.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Forwarded {
    /// The scheme that the visitor used.
    pub scheme: Scheme,
    /// Host and port that the visitor used.
    pub authority: String,
    /// The visitor's address, where it is known.
    pub client: Option<IpAddr>,
}

impl TrustedProxies {
    /// Trusts nobody.
    pub fn none() -> Self {
        Self::default()
    }

    /// Trusts everybody: whoever sends a request names scheme, host and address. Right only where nothing
    /// but a proxy that sets all of these fields can reach the site.
    pub fn danger_everyone() -> Self {
        Self::none().hops(usize::MAX)
    }

    /// Trusts peers at these addresses: single ones, or networks such as `10.0.0.0/8`.
    ///
    /// Proxies in front of them that have such an address too are passed over when the visitor's address
    /// is looked for.
    ///
    /// # Errors
    ///
    /// [`ProxyError::Address`] for the first that is none.
    pub fn addresses<T: AsRef<str>>(
        mut self,
        networks: impl IntoIterator<Item = T>,
    ) -> Result<Self, ProxyError> {
        for text in networks {
            self.networks.push(Network::parse(text.as_ref())?);
        }
        Ok(self)
    }

    /// Says how many proxies every request has passed, the one that connects included.
    ///
    /// Without addresses and secret this alone is what is trusted, so there must be no other way in; with
    /// them it says how many parts of a list count. 0 trusts nobody.
    pub const fn hops(mut self, count: usize) -> Self {
        self.hops = Some(count);
        self
    }

    /// Trusts requests that carry `secret` in the field `name`. The field is taken off the request before
    /// anybody else sees it.
    ///
    /// # Errors
    ///
    /// [`ProxyError::FieldName`] and [`ProxyError::Secret`].
    pub fn secret_field(mut self, name: &str, secret: Secret) -> Result<Self, ProxyError> {
        let taken = ["authorization", "cookie", "forwarded", "host"];
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        let reserved = taken.iter().any(|taken| taken.eq_ignore_ascii_case(name));
        if name.is_empty() || reserved || !name.bytes().all(token) {
            return Err(ProxyError::FieldName { found: name.to_owned() });
        }
        if secret.expose().trim().is_empty() {
            return Err(ProxyError::Secret);
        }
        self.secret = Some((name.to_owned(), secret));
        Ok(self)
    }

    /// Says which fields the trusted proxies set. The others never count. The default: all of them.
    pub fn only(mut self, fields: impl IntoIterator<Item = ForwardedField>) -> Self {
        self.only = Some(fields.into_iter().collect());
        self
    }

    /// Reads how `request`, which came from `peer`, was addressed. An unknown peer is at no address.
    #[must_use]
    pub fn read(&self, peer: Option<IpAddr>, request: &RequestHead<'_>) -> Forwarded {
        let peer = peer.map(|address| address.to_canonical());
        let direct = || (request.scheme, request.authority.clone().into_owned());
        if !self.trusts(peer, &request.fields) {
            let (scheme, authority) = direct();
            return Forwarded { scheme, authority, client: peer };
        }
        let told = self.told(&request.fields);
        let trusted = self.trusted_parts(&told.addresses);
        let scheme = told.schemes.pick(trusted);
        let scheme = scheme.as_deref().unwrap_or(request.scheme.as_str());
        let host = told.hosts.pick(trusted);
        let (scheme, authority) =
            address(scheme, host.as_deref().unwrap_or(&request.authority)).unwrap_or_else(direct);
        let client = told.addresses.get(told.addresses.len().saturating_sub(trusted)).copied().flatten();
        Forwarded { scheme, authority, client }
    }

    /// Tells whether a request comes from a trusted proxy: what that says of the visitor counts.
    #[must_use]
    pub fn vouch_for(&self, peer: Option<IpAddr>, request: &RequestHead<'_>) -> bool {
        self.trusts(peer.map(|address| address.to_canonical()), &request.fields)
    }

    /// Returns the field that holds the shared secret, which is nobody else's business.
    pub(crate) fn secret_name(&self) -> Option<&str> {
        self.secret.as_ref().map(|(name, _)| &**name)
    }

    fn trusts(&self, peer: Option<IpAddr>, fields: &Fields<'_>) -> bool {
        if self.hops == Some(0) {
            return false;
        }
        if self.networks.is_empty() && self.secret.is_none() {
            return self.hops.is_some();
        }
        let known = peer.is_some_and(|peer| self.is_proxy(peer));
        // Every line is compared, so that the time tells nothing about which one was right.
        let knows = self.secret.as_ref().is_some_and(|(name, secret)| {
            fields.all(name).fold(false, |known, line| secret.matches(line) | known)
        });
        known || knows
    }

    fn is_proxy(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(address))
    }

    /// Counts the parts at the end of a list that trusted proxies wrote: at least 1, the peer's.
    fn trusted_parts(&self, addresses: &[Option<IpAddr>]) -> usize {
        self.hops.unwrap_or_else(|| {
            let proxies = addresses
                .iter()
                .rev()
                .take_while(|address| address.is_some_and(|address| self.is_proxy(address)));
            proxies.count() + 1
        })
    }

    fn counts(&self, field: ForwardedField) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(&field))
    }

    fn told<'f>(&self, fields: &'f Fields<'_>) -> Told<'f> {
        let list = |field, name| if self.counts(field) { fields.combined(name) } else { None };
        let addresses = list(ForwardedField::XForwardedFor, "x-forwarded-for");
        let hosts = list(ForwardedField::XForwardedHost, "x-forwarded-host");
        let schemes = list(ForwardedField::XForwardedProto, "x-forwarded-proto");
        if addresses.is_some() || hosts.is_some() || schemes.is_some() {
            return Told {
                addresses: addresses.iter().flat_map(|list| list.split(',')).map(node).collect(),
                hosts: List::Parts(hosts),
                schemes: List::Parts(schemes),
            };
        }
        let forwarded = list(ForwardedField::Forwarded, "forwarded");
        let elements = forwarded.map(|list| Element::list(&list)).unwrap_or_default();
        Told {
            addresses: elements.iter().map(|element| element.client.as_deref().and_then(node)).collect(),
            hosts: List::Elements(elements.iter().map(|element| element.host.clone()).collect()),
            schemes: List::Elements(elements.into_iter().map(|element| element.scheme).collect()),
        }
    }
}

/// What one family of fields says.
struct Told<'f> {
    addresses: Vec<Option<IpAddr>>,
    hosts: List<'f>,
    schemes: List<'f>,
}

/// A list of which each proxy wrote a part.
enum List<'f> {
    /// A part per element of `Forwarded`, which may leave it out.
    Elements(Vec<Option<String>>),
    /// The parts of a field of its own, where it is there.
    Parts(Option<Cow<'f, str>>),
}

impl List<'_> {
    /// Returns the part that the outermost of the last `trusted` proxies wrote. `None`: none did.
    fn pick(&self, trusted: usize) -> Option<Cow<'_, str>> {
        match self {
            Self::Elements(parts) => {
                let own = parts.get(parts.len().saturating_sub(trusted)..)?;
                own.iter().flatten().next().map(|part| Cow::Borrowed(&**part))
            }
            Self::Parts(list) => {
                let list = list.as_deref()?;
                let skipped = list.split(',').count().saturating_sub(trusted);
                list.split(',').nth(skipped).map(|part| Cow::Borrowed(part.trim()))
            }
        }
    }
}

/// Reads scheme and host as the URL parser does. `None`: they are none, or say more than that.
fn address(scheme: &str, host: &str) -> Option<(Scheme, String)> {
    if host.is_empty() {
        return None;
    }
    let url = Url::parse(&format!("{scheme}://{host}")).ok()?;
    let scheme = match url.scheme() {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        _ => return None,
    };
    let only = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let anonymous = url.username().is_empty() && url.password().is_none();
    let name = url.host_str().filter(|name| !name.is_empty() && only && anonymous)?;
    let authority = url.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"));
    // The URL parser takes more for a host than any host is.
    Origin::parse(&format!("{scheme}://{authority}")).ok()?;
    Some((scheme, authority))
}

//! The cookies that the decision reads, found in one pass and without a copy.
//!
//! Reading is that of section 3.2 of the handshake protocol: split at `;`, then at the first `=`, both sides
//! trimmed; the first of a name counts. An empty value counts as absent.

use nostore_message::{Cookies, RequestHead, UnixTime};

use crate::hop::{self, Count};
use crate::{Config, name};

/// The cookies that exist in a plain and in a suffixed form. Empty ones are absent.
#[derive(Debug, Default)]
pub(crate) struct Family<'r> {
    pub(crate) uat: Option<&'r str>,
    pub(crate) session: Option<&'r str>,
    pub(crate) dev_browser: Option<&'r str>,
}

/// Every cookie that counts, as it stands in the request.
#[derive(Debug, Default)]
pub(crate) struct Jar<'r> {
    pub(crate) plain: Family<'r>,
    pub(crate) suffixed: Family<'r>,
    /// The refresh token, which is suffixed always.
    pub(crate) refresh: Option<&'r str>,
    pub(crate) handshake: Option<&'r str>,
    pub(crate) nonce: Option<&'r str>,
    pub(crate) redirect_count: Option<&'r str>,
    /// The redirects of this navigation so far, by our own count.
    pub(crate) count: Count,
}

impl<'r> Jar<'r> {
    pub(crate) fn read(request: &'r RequestHead<'_>, config: &Config, now: UnixTime) -> Self {
        let mut jar = Self::default();
        let mut seen = Seen::default();
        for (name, value) in request.fields.all("cookie").flat_map(Cookies::pairs) {
            if name.starts_with("__") {
                jar.take(&mut seen, config, now, name, value);
            }
        }
        jar
    }

    fn take(&mut self, seen: &mut Seen, config: &Config, now: UnixTime, name: &str, value: &'r str) {
        let suffixed = config.suffixed_names();
        let (flag, slot) = match name {
            name::SESSION => (1, &mut self.plain.session),
            name::CLIENT_UAT => (1 << 1, &mut self.plain.uat),
            name::DEV_BROWSER => (1 << 2, &mut self.plain.dev_browser),
            name::HANDSHAKE => (1 << 3, &mut self.handshake),
            name::NONCE => (1 << 4, &mut self.nonce),
            name::REDIRECT_COUNT => (1 << 5, &mut self.redirect_count),
            name::HOPS => {
                self.count = self.count.max(hop::read(value, now));
                return;
            }
            _ if name == suffixed.session => (1 << 6, &mut self.suffixed.session),
            _ if name == suffixed.client_uat => (1 << 7, &mut self.suffixed.uat),
            _ if name == suffixed.dev_browser => (1 << 8, &mut self.suffixed.dev_browser),
            _ if name == suffixed.refresh => (1 << 9, &mut self.refresh),
            _ => return,
        };
        // An empty first one hides a later one all the same.
        if seen.first(flag) {
            *slot = Some(value).filter(|value| !value.is_empty());
        }
    }
}

/// Which names have been met.
#[derive(Default)]
struct Seen(u16);

impl Seen {
    const fn first(&mut self, flag: u16) -> bool {
        let first = self.0 & flag == 0;
        self.0 |= flag;
        first
    }
}

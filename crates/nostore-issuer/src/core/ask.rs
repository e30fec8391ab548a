//! One request with what is needed to answer it.

use std::sync::Arc;

use nostore_jose::SigningKey;
use nostore_message::{Cookies, RequestHead, UnixTime};

use super::Draw;
use super::form::Form;
use super::id::Ids;

/// A request, its query and form, the time, and the entropy that is left.
pub(super) struct Ask<'a> {
    pub(super) head: &'a RequestHead<'a>,
    pub(super) query: Form,
    pub(super) body: &'a [u8],
    pub(super) now: UnixTime,
    pub(super) ids: Ids<'a>,
    pub(super) signing_key: Option<&'a Arc<SigningKey>>,
}

impl<'a> Ask<'a> {
    pub(super) fn new(head: &'a RequestHead<'a>, body: &'a [u8], now: UnixTime, draw: &'a Draw) -> Self {
        let query = Form::parse(head.query().unwrap_or_default().as_bytes());
        let (ids, signing_key) = (Ids::new(&draw.entropy), draw.signing_key.as_ref());
        Self { head, query, body, now, ids, signing_key }
    }

    pub(super) fn cookies(&self) -> Cookies<'_> {
        self.head.cookies()
    }

    /// Tells whether a page is a better answer than JSON.
    pub(super) fn wants_page(&self) -> bool {
        self.head.fields.all("accept").any(|value| value.to_ascii_lowercase().contains("text/html"))
    }

    /// Tells whether the body says it is a URL-encoded form.
    pub(super) fn is_form(&self) -> bool {
        let kind = self.head.fields.first("content-type").unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
    }

    /// Tells whether a form came from another site's page.
    ///
    /// User agents say where a request comes from in `Sec-Fetch-Site` (Fetch Metadata) or, older
    /// ones and plain HTTP, in `Origin`; neither can be set by a page. A request with neither is not
    /// a browser's.
    pub(super) fn is_cross_site(&self) -> bool {
        if let Some(site) = self.head.fields.first("sec-fetch-site") {
            return !matches!(site, "none" | "same-origin");
        }
        let Some(origin) = self.head.fields.first("origin") else {
            return false;
        };
        let authority = origin.split_once("://").map_or("", |(_, authority)| authority);
        !authority.eq_ignore_ascii_case(&self.head.authority)
    }

    /// Returns the host that the browser asked, without its port.
    pub(super) fn host(&self) -> Option<String> {
        self.head.origin().map(|origin| origin.host().to_owned())
    }
}

//! Request and response heads (RFC 9110 section 6).

use std::borrow::Cow;

use crate::{Cookies, Fields, Origin, Scheme};

/// A request head as the origin server sees it, with the public scheme and authority.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RequestHead<'a> {
    /// The method, case-sensitive.
    pub method: Cow<'a, str>,
    /// The scheme that the visitor used.
    pub scheme: Scheme,
    /// Host and, where it is not the scheme's default, port, as the visitor wrote them.
    pub authority: Cow<'a, str>,
    /// The request target in origin form: path and query.
    pub target: Cow<'a, str>,
    /// The field lines.
    pub fields: Fields<'a>,
}

impl<'a> RequestHead<'a> {
    /// Returns the path of the target, without the query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.split_once('?').map_or(&*self.target, |(path, _)| path)
    }

    /// Returns the query of the target, without the question mark.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.target.split_once('?').map(|(_, query)| query)
    }

    /// Returns the whole URL, joined as text, so that a path that starts with `//` stays a path.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}{}", self.scheme, self.authority, self.target)
    }

    /// Returns the origin of the request, where the authority is one.
    #[must_use]
    pub fn origin(&self) -> Option<Origin> {
        Origin::parse(&format!("{}://{}", self.scheme, self.authority)).ok()
    }

    /// Parses the cookies of the request.
    #[must_use]
    pub fn cookies(&self) -> Cookies<'_> {
        Cookies::parse(self.fields.all("cookie"))
    }

    /// Tells whether the method is GET or HEAD.
    #[must_use]
    pub fn is_get_or_head(&self) -> bool {
        matches!(&*self.method, "GET" | "HEAD")
    }

    /// Copies whatever was borrowed.
    #[must_use]
    pub fn into_owned(self) -> RequestHead<'static> {
        RequestHead {
            method: Cow::Owned(self.method.into_owned()),
            scheme: self.scheme,
            authority: Cow::Owned(self.authority.into_owned()),
            target: Cow::Owned(self.target.into_owned()),
            fields: self.fields.into_owned(),
        }
    }
}

/// A response head.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ResponseHead<'a> {
    /// The status code.
    pub status: u16,
    /// The field lines.
    pub fields: Fields<'a>,
}

impl ResponseHead<'_> {
    /// Tells whether the status is a redirect that names where to go (301, 302, 303, 307, 308).
    #[must_use]
    pub const fn is_redirect(&self) -> bool {
        matches!(self.status, 301 | 302 | 303 | 307 | 308)
    }
}

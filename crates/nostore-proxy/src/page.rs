//! The page a visitor gets when the upstream gave none.

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Response, StatusCode};

use crate::ProxyError;

/// Makes the error page: HTML for those who [ask for it](wants_html), else plain text. It must not be
/// stored (`Cache-Control: no-store`) and names the failure for programs too (`Proxy-Status`, RFC 9209).
/// `pseudonym` is the proxy's token, as in [`crate::Forwarded`].
#[must_use]
pub fn error_page(error: &ProxyError, wants_html: bool, pseudonym: &str) -> Response<Bytes> {
    let mut response = plain_page(error.status(), &error.to_string(), error.hint(), wants_html);
    let proxy_status = format!("{pseudonym}; error={}", error.proxy_status());
    if let Ok(value) = HeaderValue::from_str(&proxy_status) {
        response.headers_mut().insert("proxy-status", value);
    }
    response
}

/// Makes a page from what was found and how to mend it, in the same form as [`error_page`].
#[must_use]
pub fn plain_page(status: StatusCode, found: &str, mend: &str, wants_html: bool) -> Response<Bytes> {
    let title = format!("{} {}", status.as_str(), status.canonical_reason().unwrap_or("Error"));
    let found = sentence(found);
    let (kind, body) = if wants_html {
        ("text/html; charset=utf-8", html(&title, &found, mend))
    } else {
        ("text/plain; charset=utf-8", format!("{title}\n{found}\nTo mend it: {mend}.\n"))
    };
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    let fields = response.headers_mut();
    fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// Tells whether whoever sent a request with these fields reads HTML.
#[must_use]
pub fn wants_html(request: &HeaderMap) -> bool {
    let mut accepts = request.get_all(header::ACCEPT).iter().filter_map(|line| line.to_str().ok());
    accepts.any(|line| line.contains("text/html"))
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string());
    format!("{}{}.", first.unwrap_or_default(), letters.as_str())
}

fn html(title: &str, found: &str, mend: &str) -> String {
    let (found, mend) = (escape(found), escape(mend));
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\n\
         <meta name=\"viewport\" content=\"width=device-width\"><style>\n\
         body{{font:1rem/1.5 system-ui,sans-serif;margin:12vh auto;max-width:38rem;padding:0 1rem;color:#222;background:#fff}}\n\
         h1{{font-size:1.4rem}}p{{overflow-wrap:anywhere}}.mend{{border-left:3px solid #888;padding-left:1rem}}\n\
         @media(prefers-color-scheme:dark){{body{{color:#ddd;background:#161616}}}}\n\
         </style></head>\n<body><h1>{title}</h1><p>{found}</p><p class=\"mend\">To mend it: {mend}.</p></body></html>\n"
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

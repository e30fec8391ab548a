//! What a sign-out takes out of the browser.

use nostore_message::{FieldEdit, SetCookie};

use crate::{Config, name};

/// As long as browsers keep a cookie that says "signed out".
const TEN_YEARS_SECS: &str = "315360000";

/// Returns the `Set-Cookie` fields of a sign-out, host-only and on `Path=/`: the session, its
/// refresh token and a handshake's result go, and the client's last change becomes 0, which means
/// signed out. The browser's name in development stays: without it the next visit would begin with
/// a redirect.
#[must_use]
pub fn clear_cookies(config: &Config) -> Vec<FieldEdit> {
    let both = |name: &str| [name.to_owned(), config.publishable_key().suffixed(name)];
    let gone = [name::SESSION, name::REFRESH].into_iter().flat_map(both);
    let gone = gone.chain([name::HANDSHAKE, name::NONCE].map(str::to_owned));
    let zero = |name: String| {
        SetCookie::new(name, "0").with("Path", "/").with("Max-Age", TEN_YEARS_SECS).with("SameSite", "Lax")
    };
    let cookies = gone.map(SetCookie::deletion).chain(both(name::CLIENT_UAT).map(zero));
    cookies.map(|cookie| FieldEdit::append("set-cookie", cookie.to_string())).collect()
}

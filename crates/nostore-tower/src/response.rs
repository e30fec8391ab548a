//! What a handler can say about one response.

use bytes::Bytes;
use http::{Extensions, HeaderMap, Response, StatusCode};
use nostore_message::Sensitivity;
use nostore_message::http1::{apply, response_head};
use nostore_web::{Answer, Circumstances, Marks, Why, protect_response};

/// The route is public. Set by [`MethodRouterExt::public`](crate::MethodRouterExt::public).
#[derive(Clone, Copy, Debug)]
pub(crate) struct PublicRoute;

#[derive(Clone, Copy, Debug)]
struct Lowered;

#[derive(Clone, Copy, Debug)]
struct Raised;

/// Protects one response: no shared cache stores it, whatever was said about caching before.
///
/// Works with and without a layer; a layer around it adds what the platform needs.
///
/// ```
/// let response = nostore_tower::protect(http::Response::new("your orders"));
/// assert_eq!(
///     response.headers()["cache-control"],
///     "no-store, no-cache, must-revalidate, max-age=0, private",
/// );
/// ```
pub fn protect<B>(mut response: Response<B>) -> Response<B> {
    let why = Why::ResponseProtected;
    let circumstances = Circumstances {
        session_cookies: &[],
        level: Some((Sensitivity::AuthFlow, &why)),
        credentials: false,
        netlify_vary: None,
        dev: false,
    };
    let edits = protect_response(&circumstances, &response_head(response.status(), response.headers())).edits;
    apply(&edits, response.headers_mut());
    response.extensions_mut().insert(Raised);
    response
}

/// Lets one response be public although its request carried a session cookie or its handler looked at
/// who is asking.
///
/// A cache may then give it to everyone. Right only where nothing that differs between visitors shows in
/// it. Session cookies, 401 and 403 stay protected.
pub fn danger_mark_public<B>(mut response: Response<B>) -> Response<B> {
    response.extensions_mut().insert(Lowered);
    response
}

/// Reads what the app said about a response.
pub(crate) fn marks(extensions: &Extensions) -> Marks {
    Marks {
        public: extensions.get::<PublicRoute>().is_some(),
        lowered: extensions.get::<Lowered>().is_some(),
        raised: extensions.get::<Raised>().is_some(),
    }
}

/// Makes the response that an answer of the gate describes.
pub(crate) fn answer(answer: Answer) -> Response<Bytes> {
    let mut fields = HeaderMap::new();
    let unwritable = apply(&answer.edits, &mut fields);
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    // A redirect without its location helps nobody, and everything else about it stays protected.
    let status = if unwritable > 0 { StatusCode::INTERNAL_SERVER_ERROR } else { status };
    let body = match answer.body {
        std::borrow::Cow::Borrowed(text) => Bytes::from_static(text.as_bytes()),
        std::borrow::Cow::Owned(text) => Bytes::from(text),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = fields;
    response
}

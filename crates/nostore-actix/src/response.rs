//! What a handler can say about one response.

use actix_web::HttpResponse;
use actix_web::body::BoxBody;
use actix_web::dev::Extensions;
use actix_web::http::StatusCode;
use nostore_message::{FieldEdit, Sensitivity};
use nostore_web::{Answer, Circumstances, Marks, Why, protect_response};

use crate::head::{apply, response_head};

#[derive(Clone, Copy, Debug)]
pub(crate) struct PublicRoute;

#[derive(Clone, Copy, Debug)]
struct Lowered;

#[derive(Clone, Copy, Debug)]
struct Raised;

/// Protects one response: no shared cache stores it, whatever was said about caching before.
///
/// Works with and without a middleware; one around it adds what the platform needs.
///
/// ```
/// let response = nostore_actix::protect(actix_web::HttpResponse::Ok().body("your orders"));
/// assert_eq!(
///     response.headers().get("cache-control").unwrap(),
///     "no-store, no-cache, must-revalidate, max-age=0, private",
/// );
/// ```
pub fn protect<B>(mut response: HttpResponse<B>) -> HttpResponse<B> {
    let why = Why::ResponseProtected;
    let circumstances = Circumstances {
        session_cookies: &[],
        level: Some((Sensitivity::AuthFlow, &why)),
        credentials: false,
        netlify_vary: None,
        dev: false,
    };
    let edits = protect_response(&circumstances, &response_head(&response)).edits;
    write(&edits, &mut response);
    response.extensions_mut().insert(Raised);
    response
}

/// Lets one response be public although its request carried a session cookie or its handler looked at
/// who is asking.
///
/// A cache may then give it to everyone. Right only where nothing that differs between visitors shows in
/// it. Session cookies, 401 and 403 stay protected.
pub fn danger_mark_public<B>(mut response: HttpResponse<B>) -> HttpResponse<B> {
    response.extensions_mut().insert(Lowered);
    response
}

/// Reads what the app said about a response.
pub(crate) fn marks(extensions: &Extensions) -> Marks {
    Marks {
        public: extensions.contains::<PublicRoute>(),
        lowered: extensions.contains::<Lowered>(),
        raised: extensions.contains::<Raised>(),
    }
}

/// Makes the response that an answer of the gate describes.
pub(crate) fn answer(answer: Answer) -> HttpResponse {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::new(status);
    if apply(&answer.edits, response.headers_mut()) > 0 {
        // A redirect without its location helps nobody, and everything else about it stays protected.
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    }
    match answer.body {
        std::borrow::Cow::Borrowed(text) => response.set_body(BoxBody::new(text)),
        std::borrow::Cow::Owned(text) => response.set_body(BoxBody::new(text)),
    }
}

/// Applies edits to a response of the app.
pub(crate) fn write<B>(edits: &[FieldEdit], response: &mut HttpResponse<B>) {
    let unwritable = apply(edits, response.headers_mut());
    if unwritable > 0 {
        tracing::error!(unwritable, "fields that cannot be written were left out of a response");
    }
}

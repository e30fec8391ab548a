//! An error of the inner service, with what makes its response safe.

use std::cell::Cell;
use std::fmt;

use actix_web::http::StatusCode;
use actix_web::{Error, HttpResponse, ResponseError};
use nostore_message::{FieldEdit, ResponseHead};
use nostore_web::Marks;

use crate::head::response_head;
use crate::response::{marks, write};

/// An error that passed a middleware of this crate. The response that actix makes of it is that of the
/// error itself, protected.
pub struct ProtectedError {
    error: Error,
    edits: Vec<FieldEdit>,
    status: StatusCode,
    /// Some errors give their response away once only, so the one that was weighed is the one to send.
    response: Cell<Option<HttpResponse>>,
}

impl ProtectedError {
    /// Weighs the response that actix would make of `error`.
    pub(crate) fn new(error: Error, finish: impl FnOnce(Marks, &ResponseHead<'_>) -> Vec<FieldEdit>) -> Self {
        let mut response = error.error_response();
        let marks = marks(&response.extensions());
        let edits = finish(marks, &response_head(&response));
        write(&edits, &mut response);
        Self { error, edits, status: response.status(), response: Cell::new(Some(response)) }
    }

    /// Returns the error of the inner service.
    #[must_use]
    pub const fn inner(&self) -> &Error {
        &self.error
    }
}

impl ResponseError for ProtectedError {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        if let Some(response) = self.response.take() {
            return response;
        }
        let mut response = self.error.error_response();
        write(&self.edits, &mut response);
        response
    }
}

impl fmt::Display for ProtectedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

/// The edits stay out of it: cookies and locations hold tokens.
impl fmt::Debug for ProtectedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.error, f)
    }
}

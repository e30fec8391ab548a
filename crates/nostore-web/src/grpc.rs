//! A refusal in the words of gRPC, whose clients read no page.
//!
//! The status of the response stays what it is; `grpc-status` stands in the head, as where a call ends
//! before its first message ("Trailers-Only"), and there is no content, which would not be a message.
//!
//! Specification: gRPC over HTTP/2, "Responses".

use nostore_message::{FieldEdit, RequestHead};

/// Returns the fields that tell a gRPC client about `status`. None where the request is no call.
pub(crate) fn refusal(request: &RequestHead<'_>, status: u16) -> Option<[FieldEdit; 2]> {
    let kind = request.fields.first("content-type").filter(|kind| kind.starts_with("application/grpc"))?;
    let code = match status {
        401 => "16",
        403 => "7",
        // A redirect, or an error of ours: "internal".
        _ => "13",
    };
    Some([FieldEdit::set("content-type", kind.to_owned()), FieldEdit::set("grpc-status", code)])
}

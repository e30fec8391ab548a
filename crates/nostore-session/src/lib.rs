//! Law: who sent this request.

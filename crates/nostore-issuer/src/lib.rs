//! The offline identity service: handshake, JWK Set, sign-in page, users in SQLite.

//! nostore for tower and axum: SessionLayer, ProtectLayer, extractors.

//! The command nostore.

//! What the cache law decides, as tables: one snapshot per family of rules, and properties.

#![expect(clippy::unwrap_used, reason = "a test may stop at what it does not expect")]

mod conditional;
mod control;
mod freshness;
mod hazards;
mod intent;
mod keys;
mod marks;
mod nginx;
mod platform;
mod platforms;
mod profiles;
mod properties;
mod protect;
mod storability;
mod support;
mod targeted;
mod vary;

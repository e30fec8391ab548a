//! The emulated CDN: a streaming reverse proxy around the cache law.

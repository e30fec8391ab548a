//! Reverse-proxy plumbing: hop-by-hop fields, pools, upgrades, interim responses, 502 and 504.

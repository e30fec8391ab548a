//! Makes cases from a seed, has both sides decide them, and compares.
fn main() {}

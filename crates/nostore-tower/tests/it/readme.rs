//! What the README adds to a plain app is what cargo compiles.

use nostore_behaviour::check_readme_diff;

const README: &str = include_str!("../../../../README.md");
const BEFORE: &str = include_str!("../../examples/axum_plain.rs");
const AFTER: &str = include_str!("../../examples/axum_readme.rs");

#[test]
fn three_added_lines_at_most() {
    check_readme_diff(README, "In axum", BEFORE, AFTER).unwrap();
    // A line more, or another app, would be noticed.
    let longer = README.replace("\n+", "\n+ \n+");
    check_readme_diff(&longer, "In axum", BEFORE, AFTER).unwrap_err();
    check_readme_diff(README, "In axum", AFTER, AFTER).unwrap_err();
}

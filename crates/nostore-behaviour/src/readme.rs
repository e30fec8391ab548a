//! The README's diffs, held against the apps that cargo compiles.

/// Checks that the diff under `heading` in `readme` makes `after` of `before` and adds few lines.
///
/// # Errors
///
/// Says what differs.
pub fn check_readme_diff(readme: &str, heading: &str, before: &str, after: &str) -> Result<(), String> {
    let section = readme.split("\n## ").find(|section| section.starts_with(heading));
    let section = section.ok_or_else(|| format!("expected a section `{heading}`"))?;
    let diff = section.split_once("```diff\n").and_then(|(_, rest)| rest.split_once("\n```"));
    let (diff, _) = diff.ok_or_else(|| format!("expected a diff in `{heading}`"))?;
    let side = |without: char| -> Vec<&str> {
        let lines = diff.lines().filter(|line| !line.starts_with(without));
        lines.map(|line| line.get(1..).unwrap_or_default()).collect()
    };
    for (without, app) in [('+', before), ('-', after)] {
        let app: Vec<&str> =
            app.lines().skip_while(|line| line.starts_with("//!") || line.is_empty()).collect();
        if side(without) != app {
            return Err(format!("expected the diff's side without `{without}` to be the app, found\n{diff}"));
        }
    }
    let added = diff.lines().filter(|line| line.starts_with('+')).count();
    if added <= 3 { Ok(()) } else { Err(format!("expected at most three added lines, found {added}")) }
}

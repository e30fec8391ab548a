//! The text of every target's output.

use std::fmt::Write as _;

use nostore_gen::{Generated, PRESET_COOKIES, Site, Target, generate};

/// A site as people have it: one cookie, two places of sign-in, two public patterns.
pub(crate) fn site() -> Site {
    let site = Site::new(["__Secure-authjs.session-token"]).unwrap();
    site.auth_paths(["/api/auth/*", "/login"]).unwrap().public_paths(["/about", "/assets/*"]).unwrap()
}

fn print(generated: &Generated) -> String {
    let mut text = String::new();
    for file in &generated.files {
        writeln!(text, "==> {}\n{}", file.path, file.text).unwrap();
    }
    for (title, lines) in
        [("do", &generated.steps), ("protects", &generated.protects), ("does not", &generated.does_not)]
    {
        for line in lines {
            writeln!(text, "{title}: {line}").unwrap();
        }
    }
    text
}

#[test]
fn r3_7_what_is_written_for_each_target() {
    for target in Target::ALL {
        insta::assert_snapshot!(format!("text_{target}"), print(&generate(target, &site())));
    }
}

#[test]
fn r3_7_every_file_says_what_made_it_and_every_target_what_it_does_not_do() {
    for (name, site) in [("one", site()), ("presets", Site::new(PRESET_COOKIES).unwrap())] {
        for target in Target::ALL {
            let generated = generate(target, &site);
            assert!(!generated.files.is_empty() && !generated.steps.is_empty(), "{name}, {target}");
            assert!(!generated.protects.is_empty() && !generated.does_not.is_empty(), "{name}, {target}");
            for file in &generated.files {
                // Vercel's schema has no place for a comment: the steps say it.
                let told = target == Target::Vercel || file.text.to_lowercase().contains("made by");
                assert!(told && file.text.ends_with('\n'), "{name}, {target}, {}", file.path);
            }
            for line in generated.steps.iter().chain(&generated.protects).chain(&generated.does_not) {
                assert!(!line.ends_with("..") && !line.contains("  "), "{name}, {target}: {line}");
            }
        }
    }
}

#[test]
fn targets_are_found_by_their_names() {
    for target in Target::ALL {
        assert_eq!(target.name().parse(), Ok(target));
    }
    let error = "Nginx".parse::<Target>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "expected amplify, cloudflare, cloudfront, netlify, next, nginx, varnish or vercel, found \"Nginx\""
    );
}

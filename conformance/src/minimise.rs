//! Makes a case smaller while it still shows the same.

use crate::case::{Case, Options};

/// How often a smaller case is tried.
const MAX_TRIALS: usize = 300;

/// Returns the smallest case that can be reached by leaving things out, one after the other. `shows` tells
/// whether a case still shows what is to be seen.
pub fn minimise(case: &Case, mut shows: impl FnMut(&Case) -> bool) -> Case {
    let mut smallest = case.clone();
    let mut trials = 0;
    loop {
        let before = smallest.clone();
        let mut place = 0;
        // The list changes with every success, and what is at the same place then is the next.
        while let Some(smaller) = without(&smallest, place) {
            trials += 1;
            if trials > MAX_TRIALS {
                return smallest;
            }
            match smaller {
                Some(smaller) if smaller != smallest && shows(&smaller) => smallest = smaller,
                _ => place += 1,
            }
        }
        if smallest == before {
            return smallest;
        }
    }
}

/// Leaves out the thing with that number. `None` behind the last one, `Some(None)` where nothing is there.
fn without(case: &Case, place: usize) -> Option<Option<Case>> {
    let mut left = place;
    let mut smaller = case.clone();
    if left < case.request.headers.len() {
        smaller.request.headers.remove(left);
        return Some(Some(smaller));
    }
    left -= case.request.headers.len();
    let cookies = case.request.headers.iter().position(|(name, _)| name == "cookie");
    if let Some(line) = cookies {
        let mut pairs: Vec<_> = case.request.headers[line].1.split("; ").collect();
        if left < pairs.len() {
            pairs.remove(left);
            smaller.request.headers[line].1 = pairs.join("; ");
            return Some(Some(smaller));
        }
        left -= pairs.len();
    }
    let (front, query) = case.request.url.split_once('?').unwrap_or((&case.request.url, ""));
    let mut parts: Vec<_> = query.split('&').collect();
    if left < parts.len() {
        parts.remove(left);
        let query = if parts.is_empty() { String::new() } else { format!("?{}", parts.join("&")) };
        smaller.request.url = format!("{front}{query}");
        return Some(Some(smaller));
    }
    left -= parts.len();
    let changes: &[fn(&mut Case)] = &[
        |case| case.options.machine_secret_key = None,
        |case| case.options.jwt_key = None,
        |case| case.options.domain = None,
        |case| case.options.is_satellite = None,
        |case| case.options.proxy_url = None,
        |case| case.options.sign_in_url = None,
        |case| case.options.satellite_auto_sync = None,
        |case| case.options.audience = None,
        |case| case.options.authorized_parties = None,
        |case| case.options.clock_skew_in_ms = None,
        |case| case.options.accepts_token = None,
        |case| case.options.organization_sync_options = None,
        |case| case.options.secret_key = plain_secret(&case.options),
        |case| case.now = case.now.floor(),
        |case| "GET".clone_into(&mut case.request.method),
        |case| {
            let query = case.request.url.split_once('?').map(|(_, query)| format!("?{query}"));
            case.request.url = format!("https://app.acme.example/dashboard{}", query.unwrap_or_default());
        },
    ];
    let change = changes.get(left)?;
    change(&mut smaller);
    Some(Some(smaller))
}

fn plain_secret(options: &Options) -> Option<String> {
    let key = options.secret_key.as_deref()?;
    Some(format!("{}main", &key[..=key.rfind('_')?]))
}

//! The cases.

mod gate;
mod public;
mod sensitive;
mod sign_in;
mod stories;

use crate::adapter::Setting;
use crate::case::{Case, Expected, Play};
use crate::wire::Sent;

/// The lines that a framework's stamp leaves on a public page.
const STAMP: [(&str, &str); 2] =
    [("cache-control", "public, s-maxage=60"), ("netlify-cdn-cache-control", "public, max-age=60")];

pub(crate) fn all() -> Vec<Case> {
    let mut all = public::cases();
    all.extend(sensitive::cases());
    all.extend(gate::cases());
    all.extend(stories::cases());
    all.extend(sign_in::cases());
    all
}

fn live(name: &'static str, sent: Sent, expected: Expected) -> Case {
    under(Setting::Live, name, sent, expected)
}

fn under(setting: Setting, name: &'static str, sent: Sent, expected: Expected) -> Case {
    Case { name, setting, play: Play::Once(sent, expected) }
}

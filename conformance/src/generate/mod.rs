//! Makes cases from a seed. Each starts as something that happens, and is then changed here and there, so that
//! rows deep in the decision table are reached, and so are their neighbours.

mod draft;
mod options;
mod replies;
mod request;
mod scenario;
mod tokens;

use crate::case::Case;
use crate::random::Random;
use crate::token::Mint;
use draft::Draft;

/// Stands for the address of the Backend API, which nobody knows before it runs.
pub const BACKEND: &str = "http://backend.test";

/// How many cases have a seed of their own.
const MIXING: u64 = 0x2545_f491_4f6c_dd1d;

/// Makes cases.
pub struct Generator {
    seed: u64,
    mint: Mint,
}

impl Generator {
    /// Starts with a seed.
    ///
    /// # Errors
    ///
    /// When a key file is damaged.
    pub fn new(seed: u64) -> Result<Self, String> {
        Ok(Self { seed, mint: Mint::new()? })
    }

    /// Makes the case with that number: always the same for the same seed.
    pub fn case(&mut self, number: u64) -> Case {
        let mut random = Random::new(self.seed ^ number.wrapping_add(1).wrapping_mul(MIXING));
        random.draw();
        let mut draft = Draft::new(random, &mut self.mint);
        scenario::play(&mut draft);
        let changes = *draft.random.weighted(&[(35, 0), (30, 1), (20, 2), (10, 4), (5, 8)]);
        for _ in 0..changes {
            change(&mut draft);
        }
        draft.finish(format!("{}-{number}", self.seed))
    }
}

/// Something that can happen to a case while it is made.
type Change = fn(&mut Draft<'_>);

/// Changes one thing.
fn change(draft: &mut Draft<'_>) {
    let kinds: [(usize, Change); 6] = [
        (40, scenario::change_cookie),
        (20, request::change_fields),
        (18, request::change_url),
        (6, scenario::change_authorization),
        (14, options::change),
        (4, request::change_method),
    ];
    let kind = *draft.random.weighted(&kinds);
    kind(draft);
}

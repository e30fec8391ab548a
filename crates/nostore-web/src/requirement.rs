//! What a handler asks of a visitor besides being signed in: roles, permissions, features, plans, and a
//! verification that is fresh enough. What is asked is a [`Check`]; the law decides it.

use std::sync::Arc;

use nostore_session::{AuthClaims, Check, Session};

use crate::{Answer, Auth, Exchange, Why};

/// Names a check, for extractors: `Require<Editors>` in the signature of a handler.
///
/// ```
/// use nostore_session::Check;
/// use nostore_web::Requirement;
///
/// struct Editors;
///
/// impl Requirement for Editors {
///     fn check() -> Check {
///         Check::permission("org:posts:write")
///     }
/// }
/// ```
pub trait Requirement {
    /// Returns what is asked.
    fn check() -> Check;
}

impl Auth {
    /// Tells whether the visitor is signed in and has everything that is asked.
    #[must_use]
    #[track_caller]
    pub fn has(&self, check: &Check) -> bool {
        self.read().is_some_and(|session| has(session, check))
    }

    /// Lets only visitors pass who have everything that is asked.
    ///
    /// # Errors
    ///
    /// The answer to send instead: for a signed-out visitor as [`Exchange::require`], else a 403.
    #[track_caller]
    pub fn require(&self, check: &Check) -> Result<(), Answer> {
        self.read();
        self.grant(check)
    }

    pub(crate) fn grant(&self, check: &Check) -> Result<(), Answer> {
        match self.session() {
            None => Err(self.exchange().refuse_signed_out()),
            Some(session) if has(session, check) => Ok(()),
            Some(_) => Err(self.exchange().refuse_access()),
        }
    }
}

impl Exchange {
    /// Tells who is asking and lets only visitors pass who have everything that is asked.
    ///
    /// # Errors
    ///
    /// The answer to send instead: as for [`Self::require`]; for a signed-in visitor without what is asked
    /// a 403.
    pub async fn require_check(self: &Arc<Self>, why: Why, check: &Check) -> Result<Auth, Answer> {
        let auth = self.require(why).await?;
        auth.grant(check)?;
        Ok(auth)
    }
}

fn has(session: &Session, check: &Check) -> bool {
    AuthClaims::new(session.claims().raw()).has(check)
}

//! Our relying party at two OpenID Providers over HTTP: a certified one (npm `oidc-provider`) and the bundled issuer. One
//! table of flows, run at both of them; what differs between them is data (`product.rs`).
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod disk;
mod flows;
mod product;
mod server;
mod stage;
mod visitor;

/// Runs each flow at each provider, as a test of its own.
macro_rules! at_both {
    ($($flow:ident)*) => {
        mod oidc_provider {
            $(
                #[tokio::test]
                async fn $flow() {
                    crate::flows::$flow(&crate::product::OIDC_PROVIDER).await;
                }
            )*
        }

        mod bundled_issuer {
            $(
                #[tokio::test]
                async fn $flow() {
                    crate::flows::$flow(&crate::product::BUNDLED_ISSUER).await;
                }
            )*
        }
    };
}

at_both! {
    a_sign_in
    a_code_that_comes_again
    a_visitor_who_goes_back
    a_callback_that_was_changed
    an_attempt_that_was_changed
    a_sign_in_that_takes_too_long
    two_tabs_at_once_in_either_order
    a_site_that_is_configured_wrong
    refresh_tokens_rotate_and_are_good_once
    a_provider_that_is_killed_at_each_step_and_back
    keys_that_change
    leaving_the_provider_ends_sessions_here
}

//! What the documentation states and what the code does are the same figures.

use nostore_token::{
    DEFAULT_BACKGROUND_THRESHOLD_MS, HARD_CUTOFF_MS, LEAD_MS, MAX_LIFETIME_WITHOUT_TIMER_MS,
    MIN_BACKGROUND_THRESHOLD_MS, MIN_LIFETIME_FOR_MINIMUM_MS, Policy, Retry, Thresholds,
};

const PAGE: &str = include_str!("../../../../docs/token-client.md");

#[test]
fn r2_7_r2_16_the_page_states_the_constants() {
    let flat = PAGE.split_whitespace().collect::<Vec<_>>().join(" ");
    let secs = |ms: i64| ms / 1_000;
    let (all, most) = (Thresholds::of(60_000, None), Thresholds::of(60_000, Some(i64::MAX)));
    let every = |thresholds: Thresholds| secs(60_000 - thresholds.soft_ms - LEAD_MS);
    let waits = |retry: Retry| {
        let secs = (1..=retry.tries).map(|failures| {
            let ms = Retry { jitter: false, ..retry }.wait_ms(failures, 0);
            if ms % 1_000 == 0 { (ms / 1_000).to_string() } else { format!("0.{}", ms / 100) }
        });
        let secs: Vec<_> = secs.collect();
        format!("{} and {} s", secs[..secs.len() - 1].join(", "), secs[secs.len() - 1])
    };
    let policy = Policy::default();
    let stated = [
        format!("the background threshold: {} s, or a quarter of *L*", secs(DEFAULT_BACKGROUND_THRESHOLD_MS)),
        format!("| ending | {} s, or a twelfth of *L*", secs(HARD_CUTOFF_MS)),
        format!("refreshes a token {} s before it gets stale", secs(LEAD_MS)),
        format!("give or take a second, unless it lives {} s or less", secs(MAX_LIFETIME_WITHOUT_TIMER_MS)),
        format!(
            "raised to {} s for tokens that live {} s and more",
            secs(MIN_BACKGROUND_THRESHOLD_MS),
            secs(MIN_LIFETIME_FOR_MINIMUM_MS)
        ),
        "lowered to three quarters of *L*".to_owned(),
        format!("with the default is fetched every {} s", every(all)),
        format!("with a threshold of {} s every {} s", secs(most.soft_ms), every(most)),
        format!("after about {}, then when it is ending", waits(policy.background_retry)),
        format!("one loop of retries for all who wait, after about {}", waits(policy.retry)),
        format!("after {} s whoever waits is told", policy.fetch_timeout_ms / 1_000),
    ];
    for text in stated {
        assert!(flat.contains(&text), "expected on the page: {text}");
    }
}

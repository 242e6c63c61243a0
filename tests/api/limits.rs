//! How often one may ask.

use mingzhang::platform::http::RateLimits;

use crate::on_both_databases;
use crate::support::TestApp;

on_both_databases! {
    async fn who_asks_too_often_is_told_when_to_come_back_and_others_are_not_touched(app: TestApp) {
        let first = app.administrator("硚口区", "first").await;
        let second = app.administrator("硚口区", "second").await;
        let limited = app.limited(RateLimits { account: 3, address: 2 }).await;
        let passed = limited.get(&first, "/me").await;
        assert_eq!((passed.status.as_u16(), passed.header("ratelimit-limit"), passed.header("ratelimit-remaining")), (200, "3", "2"));
        limited.get(&first, "/me").await;
        limited.get(&first, "/me").await;
        let refused = limited.get(&first, "/me").await;
        assert_eq!(refused.code(), (429, "rate_limited"));
        assert_eq!((refused.header("content-type"), refused.header("ratelimit-remaining")), ("application/problem+json", "0"));
        assert!((1..=21).contains(&refused.header("retry-after").parse::<u32>().unwrap()), "{}", refused.header("retry-after"));
        assert!(refused.text.contains("At most 3 requests a minute"), "{}", refused.text);
        assert_eq!(limited.get(&second, "/me").await.status, 200);
    }

    async fn without_a_good_token_the_address_counts_and_health_and_metrics_never_do(app: TestApp) {
        let limited = app.limited(RateLimits { account: 0, address: 2 }).await;
        let answers = [limited.get("", "/me").await, limited.get("forged", "/me").await, limited.get("another", "/me").await];
        assert_eq!(answers.map(|answer| answer.status.as_u16()), [401, 401, 429]);
        for path in ["/health/live", "/health/ready", "/metrics"] {
            assert_eq!(limited.get("", path).await.status, 200, "{path}");
        }
    }
}

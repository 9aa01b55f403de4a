//! The bounds of a call: its budget of time and its number of tries, with the pauses that systems ask for.

use jiff::{SignedDuration, Timestamp};
use rand::RngExt;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use std::time::Duration;

/// Longest pause that is read from a reply: longer ones are beyond every budget as well.
const MAX_ASKED: Duration = Duration::from_secs(24 * 3_600);
/// Longest pause of our own.
const MAX_PAUSE: Duration = Duration::from_secs(60);
/// A smaller number is a number of seconds to wait, a greater one a Unix time. As a time it is a day in 1973.
const FIRST_TIME: u64 = 100_000_000;

/// The bounds of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Most tries of a call; a call that may not be repeated has one.
    pub attempts: u32,
    /// The time of all tries with the pauses between them. A pause that would end later is not begun.
    pub budget: Duration,
    /// The longest time of one try, its whole body included.
    pub per_try: Duration,
    /// The longest time between two pieces of a body.
    pub idle: Duration,
    /// The pause before the second try, if the system does not say how long to wait; doubled for each later one.
    pub first_pause: Duration,
    /// Largest body that is read, in bytes.
    pub max_body: usize,
}

impl Policy {
    /// For a live system whose documents are read.
    pub const CONNECTOR: Self = Self {
        attempts: 6,
        budget: Duration::from_secs(15 * 60),
        per_try: Duration::from_secs(120),
        idle: Duration::from_secs(30),
        first_pause: Duration::from_secs(1),
        max_body: 32 << 20,
    };

    /// Allows a single try, for callers with a loop or a breaker of their own.
    pub const fn once(budget: Duration, max_body: usize) -> Self {
        Self {
            attempts: 1,
            budget,
            per_try: budget,
            idle: Duration::from_secs(10),
            first_pause: Duration::ZERO,
            max_body,
        }
    }

    /// The pause after a try; one that the system `asked` for is never shortened. Pauses are spread at random, so that
    /// clients that failed together do not come back together.
    pub(crate) fn pause(&self, tries: u32, asked: Option<Duration>) -> Duration {
        match asked {
            Some(asked) => {
                asked + self.first_pause.min(MAX_PAUSE).mul_f64(rand::rng().random_range(0.0..0.25))
            }
            None => {
                let doubled = self.first_pause.saturating_mul(1 << tries.saturating_sub(1).min(16));
                doubled.min(MAX_PAUSE).mul_f64(rand::rng().random_range(0.5..=1.0))
            }
        }
    }
}

/// The pause that a reply asks for: `Retry-After` in both forms, else the reset time of a limit that is used up.
pub(crate) fn asked_pause(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let value = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let retry_after = value(RETRY_AFTER.as_str()).and_then(|text| match number(text) {
        Some(seconds) => Some(bounded(seconds)),
        None => until(jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?, now),
    });
    let is_used_up = || {
        ["x-ratelimit-remaining", "ratelimit-remaining"]
            .iter()
            .any(|name| value(name).and_then(number) == Some(0))
    };
    let reset = || {
        let text = value("x-ratelimit-reset").or_else(|| value("ratelimit-reset"))?;
        match number(text) {
            Some(seconds) if seconds < FIRST_TIME => Some(bounded(seconds)),
            Some(time) => until(Timestamp::from_second(i64::try_from(time).ok()?).ok()?, now),
            None => until(text.parse().ok()?, now),
        }
    };
    retry_after.or_else(|| is_used_up().then(reset).flatten())
}

/// The number that consists of digits alone; one that does not fit is the largest that does.
fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

fn bounded(seconds: u64) -> Duration {
    Duration::from_secs(seconds).min(MAX_ASKED)
}

/// The time until `then`, with a second more for clocks that differ; zero once it has passed.
fn until(then: Timestamp, now: Timestamp) -> Option<Duration> {
    let left = then.duration_since(now) + SignedDuration::from_secs(1);
    Some(Duration::try_from(left).unwrap_or_default().min(MAX_ASKED))
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::{HeaderName, HeaderValue};

    #[test]
    fn pauses_are_read_of_every_form() {
        let now: Timestamp = "2026-10-21T07:27:00Z".parse().expect("a time");
        let check = |headers: &[(&'static str, &'static str)], expected: Option<u64>| {
            let map = headers
                .iter()
                .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
            let found = asked_pause(&HeaderMap::from_iter(map), now);
            assert_eq!(found, expected.map(Duration::from_secs), "{headers:?}");
        };
        let day = MAX_ASKED.as_secs();
        check(&[], None);
        check(&[("retry-after", " 7 ")], Some(7));
        check(&[("retry-after", "0")], Some(0));
        for long in ["9223372036854770000", "18446744073709551615", "99999999999999999999999"] {
            check(&[("retry-after", long)], Some(day));
        }
        for other in ["", "-1", "1.5", "soon"] {
            check(&[("retry-after", other)], None);
        }
        check(&[("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT")], Some(61));
        check(&[("retry-after", "Wed, 21 Oct 2026 07:20:00 GMT")], Some(0));
        check(&[("retry-after", "Wed, 21 Oct 2099 07:20:00 GMT")], Some(day));
        // 2026-10-21T07:28:00Z.
        check(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1792567680")], Some(61));
        check(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "2026-10-21T07:28Z")], Some(61));
        check(&[("ratelimit-remaining", "0"), ("ratelimit-reset", "30")], Some(30));
        check(&[("x-ratelimit-remaining", "3"), ("x-ratelimit-reset", "1792567680")], None);
        check(
            &[("retry-after", "5"), ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1792567680")],
            Some(5),
        );
    }

    #[test]
    fn pauses_grow_are_spread_and_are_never_shorter_than_asked() {
        let policy = Policy::CONNECTOR;
        for _ in 0..100 {
            for (tries, most) in [(1, 1), (2, 2), (3, 4), (7, 60), (40, 60), (u32::MAX, 60)] {
                let (pause, most) = (policy.pause(tries, None), Duration::from_secs(most));
                assert!(pause <= most && pause >= most / 2, "{tries}: {pause:?}");
            }
            let asked = Duration::from_secs(7);
            let pause = policy.pause(3, Some(asked));
            assert!(pause >= asked && pause < asked + Duration::from_millis(250), "{pause:?}");
        }
    }
}

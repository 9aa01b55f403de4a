//! The order of turns in one call of several providers, and for how long. Pure: the time comes in.

use super::LlmError;
use std::time::Duration;
use tokio::time::Instant;

/// Further requests after every provider was asked once.
const MAX_RETRIES: u32 = 2;
/// Before a provider's first retry; doubled for each later one.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// One call, as far as it has come.
pub(super) struct Turns {
    standings: Vec<Standing>,
    retries_left: u32,
    deadline: Instant,
}

/// The state of the call with one provider.
struct Standing {
    tries: u32,
    /// When it may be asked; `None`: not again.
    ready_at: Option<Instant>,
    error: Option<LlmError>,
}

/// One request to one provider.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Turn {
    /// Its place in the order.
    pub provider: usize,
    /// The earliest start.
    pub starts_at: Instant,
    /// The time after which the provider is not waited for.
    pub ends_at: Instant,
}

impl Turns {
    pub fn new(num_providers: usize, now: Instant, deadline: Instant) -> Self {
        let standing = |_| Standing { tries: 0, ready_at: Some(now), error: None };
        Self { standings: (0..num_providers).map(standing).collect(), retries_left: MAX_RETRIES, deadline }
    }

    /// The next request: of the provider that may be asked soonest, the first in order among equals. `is_open` says of
    /// which providers the breaker is open.
    pub fn next(&mut self, now: Instant, is_open: impl Fn(usize) -> bool) -> Option<Turn> {
        let ready = self.standings.iter().enumerate();
        let ready = ready.filter_map(|(at, standing)| standing.ready_at.map(|ready_at| (at, ready_at)));
        let (provider, ready_at) = ready.min_by_key(|(_, ready_at)| *ready_at)?;
        if self.standings[provider].tries > 0 {
            if ready_at >= self.deadline {
                return None;
            }
            self.retries_left = self.retries_left.checked_sub(1)?;
        }
        let starts_at = ready_at.max(now);
        let waiting = (0..self.standings.len())
            .filter(|other| *other != provider && self.standings[*other].tries == 0 && !is_open(*other));
        let sharers = u32::try_from(waiting.count()).map_or(u32::MAX, |waiting| waiting.saturating_add(1));
        let ends_at = starts_at + self.deadline.saturating_duration_since(starts_at) / sharers;
        Some(Turn { provider, starts_at, ends_at })
    }

    /// The provider's turn ended so.
    pub fn failed(&mut self, provider: usize, error: LlmError, now: Instant) {
        let standing = &mut self.standings[provider];
        let pause = error.retry_after().unwrap_or(FIRST_PAUSE * 2u32.pow(standing.tries));
        standing.ready_at = error.is_passing().then(|| now.checked_add(pause)).flatten();
        standing.tries += 1;
        // The failure that opened the breaker says more than that it is open.
        if standing.error.is_none() || error != LlmError::BreakerOpen {
            standing.error = Some(error);
        }
    }

    /// Why the call failed: the failure of the first in order that was asked.
    pub fn error(self) -> LlmError {
        let errors = self.standings.into_iter().filter_map(|standing| standing.error);
        let first = errors.reduce(|first, later| if first == LlmError::BreakerOpen { later } else { first });
        first.unwrap_or(LlmError::Timeout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy)]
    enum Does {
        Reply,
        Fail(u16),
        Limit(u64),
        /// Nothing, until its time is over.
        Stall,
        BreakerOpen,
    }
    use Does::{BreakerOpen, Fail, Limit, Reply, Stall};

    /// A call of 12 s to providers that do what their rows say, the last of each again and again; who was asked when and
    /// for how long, and what came of it.
    fn check(providers: &[&[Does]], expected: &str) {
        let start = Instant::now();
        let deadline = start + Duration::from_secs(12);
        let mut turns = Turns::new(providers.len(), start, deadline);
        let mut now = start;
        let mut asked = vec![0; providers.len()];
        let mut log = Vec::new();
        let does = |at: usize, asked: &[usize]| providers[at][asked[at].min(providers[at].len() - 1)];
        let ending = loop {
            let is_open = |at: usize| matches!(does(at, &asked), BreakerOpen);
            let Some(turn) = turns.next(now, is_open) else { break turns.error().to_string() };
            let Turn { provider, starts_at, ends_at } = turn;
            now = starts_at;
            let name = char::from(b'a' + u8::try_from(provider).expect("few"));
            let does_now = does(provider, &asked);
            if !matches!(does_now, BreakerOpen) {
                let (at, room) = (now - start, ends_at - now);
                log.push(format!("{name}@{}+{}", at.as_secs_f32(), room.as_secs_f32()));
            }
            let error = match does_now {
                Reply => break "reply".to_owned(),
                Fail(status) => LlmError::Status { status, retry_after: None },
                Limit(after_s) => {
                    LlmError::Status { status: 429, retry_after: Some(Duration::from_secs(after_s)) }
                }
                Stall => LlmError::Timeout,
                BreakerOpen => LlmError::BreakerOpen,
            };
            if error == LlmError::Timeout {
                now = ends_at;
            }
            asked[provider] += 1;
            turns.failed(provider, error, now);
        };
        let ending = ending.replace("the model's endpoint answered with ", "");
        let ending = ending.split(';').next().unwrap_or_default();
        assert_eq!(format!("{} {ending}", log.join(" ")).trim(), expected);
    }

    #[test]
    fn one_deadline_and_one_number_of_retries_for_all() {
        check(&[&[Reply], &[Reply]], "a@0+6 reply");
        // Every failure passes on at once, ours as well.
        check(&[&[Fail(401)], &[Reply]], "a@0+6 b@0+12 reply");
        // A silent one takes its part only; the last has all that is left.
        check(&[&[Stall], &[Stall], &[Reply]], "a@0+4 b@4+4 c@8+4 reply");
        check(&[&[Fail(404)], &[Stall], &[Reply]], "a@0+4 b@0+6 c@6+6 reply");
        // All alone it has three tries.
        check(&[&[Fail(500)]], "a@0+12 a@0.25+11.75 a@0.75+11.25 status 500");
        // Two retries in all; the first one's failure is told.
        check(&[&[Fail(503)], &[Fail(500)]], "a@0+6 b@0+12 a@0.25+11.75 b@0.25+11.75 status 503");
        // Only what may pass is tried again.
        check(&[&[Fail(404)], &[Fail(500), Reply]], "a@0+6 b@0+12 b@0.25+11.75 reply");
        // `Retry-After` is kept, and the other is asked meanwhile.
        check(&[&[Limit(2), Reply]], "a@0+12 a@2+10 reply");
        check(&[&[Limit(2), Reply], &[Fail(500)]], "a@0+6 b@0+12 b@0.25+11.75 b@0.75+11.25 status 429");
        // It may ask for more time than there is.
        check(&[&[Limit(60), Reply]], "a@0+12 status 429");
        check(&[&[Limit(u64::MAX), Reply], &[Reply]], "a@0+6 b@0+12 reply");
        check(&[&[Limit(u64::MAX), Reply]], "a@0+12 status 429");
        // One behind an open breaker has no part, and says least.
        check(&[&[BreakerOpen], &[Stall]], "b@0+12 no complete reply from the model within its time");
        check(&[&[Stall], &[BreakerOpen]], "a@0+12 no complete reply from the model within its time");
        check(&[&[BreakerOpen]], "the model has failed repeatedly and is not asked for a while");
        check(&[&[Fail(500), BreakerOpen]], "a@0+12 status 500");
    }
}

//! How the work on an input grows with its size, for tests of what hostile input can cost. Two sizes are compared by
//! the time of the processor that the calling thread takes for each: how busy the machine is else changes neither much.

use std::time::Duration;

/// The larger input has this many times the bytes of the smaller.
const TIMES: usize = 4;
/// The work may take at most this many times as long. Work that grows with the size takes about four times as long,
/// work that grows with its square about sixteen times.
const MAX_TIMES: u32 = 10;
/// The work may also take this much longer, as very short times cannot be compared.
const SLACK: Duration = Duration::from_millis(20);
/// A comparison that fails is made again: something else may have used the processor's caches.
const TRIES: usize = 3;

/// Panics where the work on an input of `bytes` takes far more than four times as long as that on a quarter of it. The
/// work must be done by the calling thread.
#[track_caller]
pub fn assert_follows_size<I>(
    name: &str,
    bytes: usize,
    input: impl Fn(usize) -> I,
    mut work: impl FnMut(&I),
) {
    let (small, large) = (input(bytes / TIMES), input(bytes));
    let mut taken = Vec::new();
    for _ in 0..TRIES {
        let (of_small, of_large) = (time(|| work(&small)), time(|| work(&large)));
        if of_large <= of_small * MAX_TIMES + SLACK {
            return;
        }
        taken.push((of_small, of_large));
    }
    panic!("{name:?}: {TIMES} times the input took {taken:?}");
}

/// The time of the processor that the calling thread takes.
fn time(work: impl FnOnce()) -> Duration {
    let before = spent();
    work();
    spent().saturating_sub(before)
}

#[cfg(unix)]
fn spent() -> Duration {
    use rustix::time::{ClockId, clock_gettime};
    let spent = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(spent.tv_sec.unsigned_abs(), u32::try_from(spent.tv_nsec).unwrap_or_default())
}

#[cfg(not(unix))]
fn spent() -> Duration {
    use std::{sync::LazyLock, time::Instant};
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hint::black_box;

    #[test]
    fn work_that_follows_the_size_is_told_from_its_square() {
        let input = |bytes: usize| vec![1_u8; bytes];
        let once = |bytes: &[u8]| black_box(bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>());
        assert_follows_size("once", 400_000, input, |bytes: &Vec<u8>| {
            once(bytes);
        });
        let squared = std::panic::catch_unwind(|| {
            assert_follows_size("squared", 8_000, input, |bytes: &Vec<u8>| {
                for at in 0..bytes.len() {
                    black_box(once(&bytes[..=at]));
                }
            });
        });
        assert!(squared.is_err());
    }
}

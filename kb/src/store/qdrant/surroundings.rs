//! The inputs of a run beside its arguments: the time, and new names. They are a value, so that a test can repeat a run
//! to the last byte of its requests.

use jiff::Timestamp;
use std::time::Duration;
use tokio::time::Instant;

/// The source of the time and of new names.
#[derive(Clone, Default)]
pub(super) enum Surroundings {
    /// The clocks of this machine, and chance.
    #[default]
    Real,
    /// The time and the names of a test.
    #[cfg(test)]
    Set(std::sync::Arc<Set>),
}

/// The surroundings of a test: the time moves only by the waiting of a caller; names are numbered.
#[cfg(test)]
pub(super) struct Set {
    started: Instant,
    passed: std::sync::Mutex<Duration>,
    names: std::sync::atomic::AtomicU64,
}

impl Surroundings {
    /// The time of day.
    pub fn now(&self) -> Timestamp {
        match self {
            Self::Real => Timestamp::now(),
            #[cfg(test)]
            Self::Set(set) => Set::START + set.passed(),
        }
    }

    /// The time as it passes here; it never goes back.
    pub fn instant(&self) -> Instant {
        match self {
            Self::Real => Instant::now(),
            #[cfg(test)]
            Self::Set(set) => set.started + set.passed(),
        }
    }

    /// Waits until it is worth looking again at what another holds.
    pub async fn wait(&self, time: Duration) {
        match self {
            Self::Real => tokio::time::sleep(time).await,
            #[cfg(test)]
            Self::Set(set) => set.pass(time),
        }
    }

    /// Waits until the next renewal. The clock of a test does not run beside the work, so there the wait never ends.
    pub async fn wait_to_renew(&self, time: Duration) {
        match self {
            Self::Real => tokio::time::sleep(time).await,
            #[cfg(test)]
            Self::Set(_) => std::future::pending().await,
        }
    }

    /// A name that no other session has: 32 hexadecimal digits.
    pub fn new_name(&self) -> String {
        match self {
            Self::Real => format!("{:032x}", rand::random::<u128>()),
            #[cfg(test)]
            Self::Set(set) => {
                let before = set.names.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                format!("{:032x}", before + 1)
            }
        }
    }
}

#[cfg(test)]
impl Set {
    /// The time at the start of a test: 2026-01-02T03:04:05Z.
    const START: Timestamp = Timestamp::constant(1_767_323_045, 0);

    pub fn new() -> Self {
        Self {
            started: Instant::now(),
            passed: std::sync::Mutex::default(),
            names: std::sync::atomic::AtomicU64::new(0),
        }
    }

    /// Moves the time on.
    pub fn pass(&self, time: Duration) {
        *self.passed.lock().expect("nothing panics while holding it") += time;
    }

    fn passed(&self) -> Duration {
        *self.passed.lock().expect("nothing panics while holding it")
    }
}

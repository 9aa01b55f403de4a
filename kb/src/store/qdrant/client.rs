//! Calls to the servers of a cluster: each has a deadline, and is tried again, at the next server, where it failed for
//! a reason that may pass. Every call of this engine has the same effect done twice as done once, so trying again is
//! safe.

use super::{address::QdrantAddress, surroundings::Surroundings};
use crate::{files, store::error::StoreError};
use qdrant_client::{Qdrant, QdrantError, config::QdrantConfig};
use std::{
    future::Future,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;
use tonic::Code;

/// The time for one try of a call that reads.
const READ_TIMEOUT: Duration = Duration::from_secs(5);
/// The time for one try of a call that writes; building an index on the way may hold it up.
const WRITE_TIMEOUT: Duration = Duration::from_secs(60);
/// The time for all tries of a call that reads.
const READ_DEADLINE: Duration = Duration::from_secs(12);
const WRITE_DEADLINE: Duration = Duration::from_secs(120);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// A call that reads is tried at least so often, and at each server more than once. A call that writes is tried until
/// its deadline, for a cluster takes a while to notice the loss of a node.
const MIN_TRIES: usize = 4;

/// Pause after the first failure; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Connections to each server.
const CONNECTIONS: usize = 2;

const MAX_KEY_BYTES: u64 = 4_096;

/// Whether a call reads or writes, which decides how long it may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Read,
    Write,
}

/// The servers of one address.
pub(super) struct Cluster {
    address: QdrantAddress,
    servers: Vec<Qdrant>,
    /// The server that answered last.
    preferred: AtomicUsize,
    surroundings: Surroundings,
}

/// Why a call has no result.
#[derive(Debug)]
pub(super) enum CallFailure {
    /// The collection, or what else was asked for, does not exist.
    NotFound,
    /// The call failed for another reason.
    Store(StoreError),
}

impl From<StoreError> for CallFailure {
    fn from(error: StoreError) -> Self {
        CallFailure::Store(error)
    }
}

impl Cluster {
    /// Makes the clients, without connecting them.
    pub fn new(address: &QdrantAddress) -> Result<Arc<Self>, StoreError> {
        Self::within(address, api_key(address)?, Surroundings::default())
    }

    /// Makes the clients with a given key, within given surroundings.
    pub fn within(
        address: &QdrantAddress,
        api_key: Option<String>,
        surroundings: Surroundings,
    ) -> Result<Arc<Self>, StoreError> {
        let client = |uri: &String| {
            let config = QdrantConfig {
                uri: uri.clone(),
                timeout: WRITE_TIMEOUT,
                connect_timeout: CONNECT_TIMEOUT,
                api_key: api_key.clone(),
                // It would print to the standard output.
                check_compatibility: false,
                pool_size: CONNECTIONS,
                ..QdrantConfig::default()
            };
            Qdrant::new(config).map_err(|error| refused(address, "prepare calls to", &error.to_string()))
        };
        let servers = address.endpoints().iter().map(client).collect::<Result<_, _>>()?;
        Ok(Arc::new(Self { address: address.clone(), servers, preferred: AtomicUsize::new(0), surroundings }))
    }

    pub fn address(&self) -> &QdrantAddress {
        &self.address
    }

    /// The source of the time and of new names for all callers.
    pub fn surroundings(&self) -> &Surroundings {
        &self.surroundings
    }

    /// The server with this number, for what each server says of itself.
    pub fn servers(&self) -> impl Iterator<Item = (&String, &Qdrant)> {
        self.address.endpoints().iter().zip(&self.servers)
    }

    /// A call whose object must exist: its absence is an error as any other.
    pub async fn call<T, F: Future<Output = Result<T, QdrantError>> + Send>(
        &self,
        mode: Mode,
        action: &'static str,
        call: impl Fn(Qdrant) -> F,
    ) -> Result<T, StoreError> {
        self.try_call(mode, action, call).await.map_err(|failure| match failure {
            CallFailure::NotFound => refused(&self.address, action, "a collection of it is not there"),
            CallFailure::Store(error) => error,
        })
    }

    /// Calls one server after the other until one answers.
    pub async fn try_call<T, F: Future<Output = Result<T, QdrantError>> + Send>(
        &self,
        mode: Mode,
        action: &'static str,
        call: impl Fn(Qdrant) -> F,
    ) -> Result<T, CallFailure> {
        let (timeout, deadline) = match mode {
            Mode::Read => (READ_TIMEOUT, READ_DEADLINE),
            Mode::Write => (WRITE_TIMEOUT, WRITE_DEADLINE),
        };
        let end = Instant::now() + deadline;
        let first = self.preferred.load(Ordering::Relaxed);
        let tries = match mode {
            Mode::Read => MIN_TRIES.max(2 * self.servers.len()),
            Mode::Write => usize::MAX,
        };
        let mut pause = FIRST_PAUSE;
        let mut detail = String::new();
        for attempt in 0..tries {
            let number = (first + attempt) % self.servers.len();
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let server = self.servers[number].clone();
            let start = Instant::now();
            match tokio::time::timeout(timeout.min(left), call(server)).await {
                Ok(Ok(result)) => {
                    let micros = start.elapsed().as_micros() as u64;
                    tracing::trace!(server = self.address.endpoints()[number], action, micros, "a call");
                    self.preferred.store(number, Ordering::Relaxed);
                    return Ok(result);
                }
                Ok(Err(error)) => match Kind::of(&error) {
                    Kind::NotFound => return Err(CallFailure::NotFound),
                    Kind::Refused => {
                        return Err(refused(&self.address, action, &message_of(&error)).into());
                    }
                    Kind::Passing => detail = message_of(&error),
                },
                Err(_) => detail = format!("no answer within {} s", timeout.min(left).as_secs_f32().ceil()),
            }
            tracing::debug!(server = self.address.endpoints()[number], action, detail, "a call failed");
            // The other servers are asked at once; the same one only after a pause.
            if (attempt + 1) % self.servers.len() == 0 {
                tokio::time::sleep(pause.min(end.saturating_duration_since(Instant::now()))).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
        Err(StoreError::Unreachable { address: self.address.to_string(), action, detail }.into())
    }
}

/// Whether another try of a failed call may succeed.
enum Kind {
    NotFound,
    Refused,
    Passing,
}

impl Kind {
    fn of(error: &QdrantError) -> Self {
        let status = match error {
            QdrantError::ResponseError { status } => status,
            QdrantError::ResourceExhaustedError { .. } | QdrantError::Io(_) => return Kind::Passing,
            _ => return Kind::Refused,
        };
        match status.code() {
            Code::NotFound => Kind::NotFound,
            Code::InvalidArgument
            | Code::AlreadyExists
            | Code::PermissionDenied
            | Code::Unauthenticated
            | Code::OutOfRange
            | Code::Unimplemented => Kind::Refused,
            _ => Kind::Passing,
        }
    }
}

/// The server's words, cut to a bearable length; a status may hold a whole request.
fn message_of(error: &QdrantError) -> String {
    const MAX_CHARACTERS: usize = 300;
    let message = match error {
        QdrantError::ResponseError { status } | QdrantError::ResourceExhaustedError { status, .. } => {
            match status.code() {
                Code::Unauthenticated | Code::PermissionDenied => {
                    "the API key is missing or wrong: give it by RUNBOOKD_QDRANT_API_KEY_FILE or RUNBOOKD_QDRANT_API_KEY".to_owned()
                }
                _ => status.message().to_owned(),
            }
        }
        error => error.to_string(),
    };
    message.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_CHARACTERS).collect()
}

pub(super) fn refused(address: &QdrantAddress, action: &'static str, detail: &str) -> StoreError {
    StoreError::Refused { address: address.to_string(), action, detail: detail.to_owned() }
}

/// The key of the servers' interface, if one is set: from a file, or from the environment.
fn api_key(address: &QdrantAddress) -> Result<Option<String>, StoreError> {
    let (file, value) = super::key::of_this_process();
    let key = match file {
        Some(path) => Some(read_key(&path)?),
        None => value,
    };
    match key {
        // The client would repeat a key with other characters in its error.
        Some(key) if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) => {
            let detail = "the API key must be one line of visible ASCII characters";
            Err(refused(address, "use the API key of", detail))
        }
        key => Ok(key),
    }
}

fn read_key(path: &Path) -> Result<String, StoreError> {
    let text = files::read_text(path, MAX_KEY_BYTES).map_err(|source| StoreError::Io {
        action: "read the API key in",
        path: path.to_owned(),
        source,
    })?;
    Ok(text.trim().to_owned())
}

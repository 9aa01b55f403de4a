//! The common part of every provider's requests: their bounds, and the meaning of a failed call for a reply. The calls
//! themselves are those of [`net`].

use super::LlmError;
use bytes::Bytes;
use net::{Call, CallError, Client, Policy, Settings, SetupError};
use serde::de::DeserializeOwned;
use std::time::Duration;
use tokio::time::Instant;

/// Largest body that is read.
pub const MAX_BODY_BYTES: usize = 1 << 20;
/// Largest body of a stream: every token comes in some 300 bytes of JSON, and a model that reasons writes thousands.
pub const MAX_STREAM_BYTES: usize = 8 << 20;
/// Longest pause between two pieces of a body.
pub(super) const IDLE_TIMEOUT: Duration = Duration::from_secs(10);

/// A client of the endpoints below an address; nothing is sent yet.
pub(super) fn client(base_url: &str) -> Result<Client, SetupError> {
    Client::new(Settings::new(base_url, bounds(Duration::ZERO))?)
}

/// The policy of a call that must end by `deadline`. It is tried once: [`super::providers`] has the loop.
pub(super) fn until(deadline: Instant) -> Policy {
    bounds(deadline.saturating_duration_since(Instant::now()))
}

fn bounds(budget: Duration) -> Policy {
    Policy { idle: IDLE_TIMEOUT, ..Policy::once(budget, MAX_BODY_BYTES) }
}

/// Sends a call and reads the whole body of a successful response, before `deadline`.
pub(super) async fn exchange(call: Call<'_>, deadline: Instant) -> Result<Bytes, LlmError> {
    Ok(call.policy(until(deadline)).send().await?.body)
}

/// A reply's body in its provider's shape.
pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, LlmError> {
    Ok(net::from_slice(body)?)
}

impl From<CallError> for LlmError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Address | CallError::Forbidden => Self::Unreachable { detail: error.to_string() },
            CallError::Connect { detail } => Self::Unreachable { detail },
            CallError::Credentials => {
                Self::Credentials { detail: "they hold a character that no header may hold".to_owned() }
            }
            CallError::Tls { detail } => Self::Tls { detail },
            CallError::Timeout => Self::Timeout,
            CallError::Status { status, retry_after } => Self::Status { status, retry_after },
            CallError::Redirect { status } => Self::Status { status, retry_after: None },
            CallError::TooLarge { max_bytes } => Self::TooLarge { max_bytes },
            CallError::Cut { detail } => Self::Cut { detail },
            CallError::Empty => Self::Empty,
            CallError::Request { detail } | CallError::NotJson { detail } => Self::Invalid { detail },
        }
    }
}

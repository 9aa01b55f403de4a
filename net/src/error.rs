//! Failures of calls, without anything that could be a secret: no query, no user, no body.

use std::{error::Error, time::Duration};

/// Longest detail of an error, in characters; a longer one is cut.
const MAX_DETAIL_CHARS: usize = 200;

/// The reason why a call has no reply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The address is not valid, or belongs to another system than the configured one.
    #[error("the address is not one of the configured system")]
    Address,
    /// The name leads to an address that only the machine's own environment answers at, such as a cloud's metadata; or
    /// another system sent us to one that is not public.
    #[error("it leads to a link-local, metadata or private address, which is not called")]
    Forbidden,
    /// The credentials fit no header.
    #[error("the credentials hold a character that no header may hold")]
    Credentials,
    /// The request cannot be written.
    #[error("the request cannot be written: {detail}")]
    Request {
        /// The reason, in one line.
        detail: String,
    },
    /// There was no connection, or it ended without a response.
    #[error("no connection: {detail}")]
    Connect {
        /// The cause, in one line.
        detail: String,
    },
    /// TLS failed, such as by a certificate that is not trusted.
    #[error("no trusted connection: {detail}")]
    Tls {
        /// The cause, in one line.
        detail: String,
    },
    /// The time of the try, of the whole call or of a pause within the body is over.
    #[error("no complete reply within its time")]
    Timeout,
    /// A status other than success.
    #[error("it answered with status {status}")]
    Status {
        /// The HTTP status.
        status: u16,
        /// The pause that the system asks for.
        retry_after: Option<Duration>,
    },
    /// A redirect that is not followed: it leads to another system, the call is not a GET, or there were too many
    /// before it.
    #[error(
        "it answered with status {status} and another address, which is not followed; configure that one"
    )]
    Redirect {
        /// The HTTP status.
        status: u16,
    },
    /// A body over the limit.
    #[error("the reply is over {max_bytes} bytes")]
    TooLarge {
        /// The limit, in bytes.
        max_bytes: usize,
    },
    /// A body that ended before its end.
    #[error("the reply was cut off: {detail}")]
    Cut {
        /// The cause, in one line.
        detail: String,
    },
    /// A body with white space only, or of no bytes.
    #[error("the reply is empty")]
    Empty,
    /// A body that is not the JSON that was expected.
    #[error("the reply is not what was expected: {detail}")]
    NotJson {
        /// The kind of error, without the content.
        detail: String,
    },
}

impl CallError {
    /// Whether the same call may succeed a moment later.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::Timeout | Self::Cut { .. } => true,
            Self::Status { status: 408 | 429 | 500 | 502.., .. } => true,
            // A rate limit that is said with "forbidden" comes with a pause.
            Self::Status { status: 403, retry_after } => retry_after.is_some(),
            _ => false,
        }
    }

    /// How long it asks us to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// The status, where there was one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } | Self::Redirect { status } => Some(*status),
            _ => None,
        }
    }

    /// A request that got no response.
    pub(crate) fn of_request(error: &reqwest::Error) -> Self {
        if error.is_timeout() && !error.is_connect() {
            return Self::Timeout;
        }
        if any_cause(error, &|cause| cause.is::<crate::addresses::Forbidden>()) {
            return Self::Forbidden;
        }
        if any_cause(error, &|cause| cause.is::<rustls::Error>()) {
            return Self::Tls { detail: root(error) };
        }
        if error.is_builder() {
            return Self::Request { detail: root(error) };
        }
        match error.is_connect() {
            true => Self::Connect { detail: root(error) },
            // Connected, sent, and then the connection ended without a response.
            false => {
                Self::Connect { detail: format!("the connection ended without a response: {}", root(error)) }
            }
        }
    }

    /// A body that ended before its end.
    pub(crate) fn of_body(error: &reqwest::Error) -> Self {
        match error.is_timeout() {
            true => Self::Timeout,
            false => Self::Cut { detail: root(error) },
        }
    }
}

/// Whether one of an error's causes is meant.
fn any_cause(error: &(dyn Error + 'static), is_meant: &dyn Fn(&(dyn Error + 'static)) -> bool) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        // An I/O error's source is that of what it wraps, so the wrapped error must be asked for.
        let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if is_meant(error) || wrapped.is_some_and(|wrapped| any_cause(wrapped, is_meant)) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// The innermost cause: it names no URL.
fn root(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    match std::ptr::addr_eq(cause, error as &dyn Error) {
        true => "the request failed".to_owned(),
        false => {
            let visible = cause.to_string();
            visible.chars().filter(|c| !c.is_control()).take(MAX_DETAIL_CHARS).collect()
        }
    }
}

//! The server's settings, as `config/` has read them.

use super::{auth::Tokens, follow::Followed, tls::TlsFiles};
use std::{collections::BTreeSet, net::SocketAddr, path::PathBuf, time::Duration};

/// The HTTP server's part.
#[derive(Debug, Clone)]
pub struct Server {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// The certificate to show; `None`: plain HTTP.
    pub tls: Option<TlsFiles>,
    /// Whether spans are exported, so that a caller's trace is continued.
    pub traces: bool,
    /// The tokens of callers; without any, every caller may ask.
    pub tokens: Followed<Tokens>,
    /// For one request, from its head to the answer.
    pub deadline: Duration,
    /// The largest request body, in bytes.
    pub max_body_bytes: usize,
    /// Most connections at once.
    pub max_connections: usize,
    /// For a request's head, and for its body.
    pub read_timeout: Duration,
    /// How long connections are still accepted when the server is to stop.
    pub shutdown_delay: Duration,
    /// Names under which a server on loopback may be asked without a token.
    pub allowed_hosts: BTreeSet<String>,
    /// Whether a degraded answer is refused instead of given.
    pub strict: bool,
    /// Most answers that are kept for the same question.
    pub cached_answers: usize,
    /// The directory for feedback and unanswered questions; `None` where they are not written.
    pub state: Option<PathBuf>,
}

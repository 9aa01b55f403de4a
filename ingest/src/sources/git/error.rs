//! Why a repository cannot be fetched or read.

use kb::causes::with_causes;
use net::CallError;

/// Longer reasons are cut.
const MAX_CHARS: usize = 300;

/// Why a repository gave nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum GitError {
    /// The server was not reached, or refused.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The credentials cannot be read.
    #[error("{0}")]
    Credentials(String),
    /// The branch, the tag, the commit or the folder is not there.
    #[error("there is no {0}")]
    Absent(String),
    /// The repository is not used, for a reason that another try does not change.
    #[error("{0}")]
    Refused(String),
    /// The run was given up.
    #[error("interrupted")]
    Interrupted,
    /// The repository on the disk is not whole.
    #[error("the repository cannot be read: {0}")]
    Broken(String),
}

impl From<gix::Error> for GitError {
    fn from(error: gix::Error) -> Self {
        let reason = with_causes(&error);
        Self::Broken(reason.chars().filter(|c| !c.is_control()).take(MAX_CHARS).collect())
    }
}

impl From<std::io::Error> for GitError {
    fn from(error: std::io::Error) -> Self {
        Self::Refused(format!("the cache: {error}"))
    }
}

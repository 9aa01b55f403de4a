//! Why an evaluation could not run. A gate that fails is a result, not an error: see [`crate::gates`].

use std::path::PathBuf;

/// The failures before there is a result. Each of them ends `evaluate` with exit code 2.
#[derive(Debug, thiserror::Error)]
pub enum EvalError {
    /// A file or directory could not be read or written.
    #[error("failed to {action} `{path}`")]
    Io {
        /// The operation that failed: a verb.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The error below it.
        #[source]
        source: std::io::Error,
    },
    /// A file does not hold what it should.
    #[error("`{path}`{}: {detail}", line.map(|line| format!(", line {line}")).unwrap_or_default())]
    Data {
        /// The path of the file.
        path: PathBuf,
        /// The line, from 1, where it is known.
        line: Option<usize>,
        /// The defect and the expected form, in one line.
        detail: String,
    },
    /// The request makes no sense as it stands.
    #[error("{0}")]
    Usage(String),
    /// A baseline was made from something else.
    #[error(
        "the baseline `{path}` was made with another {what} (`{found}`, now `{expected}`); figures of the two cannot \
         be compared: write a new one with `--write-baseline`"
    )]
    Baseline {
        /// The path of the baseline file.
        path: PathBuf,
        /// The value that differs.
        what: String,
        /// The baseline's hash or name.
        found: String,
        /// The value of this run.
        expected: String,
    },
    /// The decision to answer could not be fitted.
    #[error("failed to fit the decision to answer")]
    Fit(#[from] crate::logistic::FitError),
    /// The embedding model could not be used.
    #[error("failed to set up the embedding model")]
    Embed(#[from] kb::embed::EmbedError),
    /// The knowledge base could not be used.
    #[error("failed to use the knowledge base `{address}`")]
    Store {
        /// The address of the knowledge base.
        address: String,
        /// The error below it.
        #[source]
        source: Box<kb::store::StoreError>,
    },
    /// The search for a query failed.
    #[error("failed to search for query `{query}`")]
    Retrieve {
        /// The id of the query.
        query: String,
        /// The error below it.
        #[source]
        source: Box<kb::retrieve::RetrieveError>,
    },
    /// A corpus could not be indexed.
    #[error("failed to index `{corpus}`: {detail}")]
    Index {
        /// The name of the corpus in the cache.
        corpus: String,
        /// The failure, with its causes.
        detail: String,
    },
    /// Replies that were to be replayed are not recorded, or calls that were to be recorded failed.
    #[error("{count} replies of the language model are missing; the first: {first}")]
    Recordings {
        /// The number of failures.
        count: usize,
        /// The first failure, with its causes.
        first: String,
    },
    /// An answer could not be produced.
    #[error("failed to answer `{case}`: {detail}")]
    Answer {
        /// The id of the case or question.
        case: String,
        /// The failure, with its causes.
        detail: String,
    },
}

impl EvalError {
    /// Makes an [`EvalError::Io`] of its cause, for `map_err`.
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| EvalError::Io { action, path, source }
    }

    /// Makes an [`EvalError::Store`] of its cause, for `map_err`.
    pub(crate) fn store(address: impl std::fmt::Display) -> impl FnOnce(kb::store::StoreError) -> Self {
        let address = address.to_string();
        move |source| EvalError::Store { address, source: Box::new(source) }
    }

    /// An [`EvalError::Data`] about a whole file.
    pub(crate) fn data(path: impl Into<PathBuf>, detail: impl Into<String>) -> Self {
        EvalError::Data { path: path.into(), line: None, detail: detail.into() }
    }

    /// An [`EvalError::Data`] about a line, counted from 1.
    pub(crate) fn at_line(path: impl Into<PathBuf>, line: usize, detail: impl Into<String>) -> Self {
        EvalError::Data { path: path.into(), line: Some(line), detail: detail.into() }
    }
}

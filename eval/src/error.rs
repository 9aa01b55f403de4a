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
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// A file does not hold what it should.
    #[error("`{path}`{}: {detail}", line.map(|line| format!(", line {line}")).unwrap_or_default())]
    Data {
        /// The file.
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
        /// The baseline file.
        path: PathBuf,
        /// The value that differs.
        what: String,
        /// The baseline's hash or name.
        found: String,
        /// The value of this run.
        expected: String,
    },
    /// Nothing could be fitted.
    #[error("failed to fit the decision to answer")]
    Fit(#[from] crate::logistic::FitError),
    /// The embedding model could not be used.
    #[error("failed to set up the embedding model")]
    Embed(#[from] kb::embed::EmbedError),
    /// The knowledge base could not be used.
    #[error("failed to use the knowledge base `{address}`")]
    Store {
        /// Its address.
        address: String,
        /// The cause.
        #[source]
        source: Box<kb::store::StoreError>,
    },
    /// A search failed.
    #[error("failed to search for query `{query}`")]
    Retrieve {
        /// The query's id.
        query: String,
        /// The cause.
        #[source]
        source: Box<kb::retrieve::RetrieveError>,
    },
    /// A corpus could not be indexed.
    #[error("failed to index `{corpus}`: {detail}")]
    Index {
        /// The corpus.
        corpus: String,
        /// The failure, with its causes.
        detail: String,
    },
    /// Replies were to be replayed that are not recorded, or to be recorded and were not given.
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
        /// The case's id.
        case: String,
        /// The failure, with its causes.
        detail: String,
    },
}

impl EvalError {
    /// [`EvalError::Io`] for `map_err`.
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| EvalError::Io { action, path, source }
    }

    /// [`EvalError::Store`] for `map_err`.
    pub(crate) fn store(address: impl std::fmt::Display) -> impl FnOnce(kb::store::StoreError) -> Self {
        let address = address.to_string();
        move |source| EvalError::Store { address, source: Box::new(source) }
    }

    /// [`EvalError::Data`] about a whole file.
    pub(crate) fn data(path: impl Into<PathBuf>, detail: impl Into<String>) -> Self {
        EvalError::Data { path: path.into(), line: None, detail: detail.into() }
    }

    /// [`EvalError::Data`] about a line, from 1.
    pub(crate) fn at_line(path: impl Into<PathBuf>, line: usize, detail: impl Into<String>) -> Self {
        EvalError::Data { path: path.into(), line: Some(line), detail: detail.into() }
    }
}

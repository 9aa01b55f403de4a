//! The failures of embedding.

use std::path::PathBuf;

/// The failures of an embedding model.
#[derive(Debug, thiserror::Error)]
pub enum EmbedError {
    /// A file that the model needs is in none of the places.
    #[error("{what} was not found; looked in:\n{}\nrun `make setup`, or set {variable}", list(.tried))]
    NotFound {
        /// The thing looked for.
        what: &'static str,
        /// The environment variable that names it.
        variable: &'static str,
        /// The places that were searched, in order.
        tried: Vec<PathBuf>,
    },
    /// ONNX Runtime could not be loaded.
    #[error("failed to load ONNX Runtime from `{path}`: {detail}; run `make setup`, or set RUNBOOKD_ORT_LIB")]
    Runtime {
        /// The path of the library's file.
        path: PathBuf,
        /// The message of the loader.
        detail: String,
    },
    /// The model's files are not a model.
    #[error(
        "failed to load the embedding model from `{path}`: {detail}; run `make setup`, or set RUNBOOKD_MODEL_DIR"
    )]
    Model {
        /// The model's directory or file.
        path: PathBuf,
        /// The defect, in one line.
        detail: String,
    },
    /// The choice of embedder cannot be used.
    #[error("cannot use embedder `{choice}`: {detail}")]
    Choice {
        /// The value that was given for the embedder.
        choice: String,
        /// The reason and the way out, in one line.
        detail: String,
    },
    /// The model failed on a batch.
    #[error("the embedding model failed: {detail}")]
    Inference {
        /// The model's message.
        detail: String,
    },
    /// The embeddings endpoint failed.
    #[error("the embeddings endpoint `{url}` failed: {detail}")]
    Endpoint {
        /// The endpoint, without credentials.
        url: String,
        /// The failure, in one line.
        detail: String,
    },
    /// A text is longer than the model's window. The chunker prevents this for passages, truncation for questions.
    #[error("a passage has {tokens} tokens, but the model takes {max}")]
    TooLong {
        /// The length of the passage, in tokens.
        tokens: usize,
        /// The most tokens that the model takes.
        max: usize,
    },
    /// The embedder's thread has ended.
    #[error("the embedder has stopped")]
    Stopped,
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| format!("  {}", path.display())).collect::<Vec<_>>().join("\n")
}

//! The identity of the model that made vectors: only vectors of the same identity can be compared.

use serde::{Deserialize, Serialize};

/// The embedding model, as far as vectors depend on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelIdentity {
    /// Name, such as `all-minilm-l6-v2-int8`.
    pub name: String,
    /// Length of a vector.
    pub dimensions: usize,
    /// Hash of the model's files; empty where the model is behind an endpoint.
    pub hash: String,
    /// How token vectors become one.
    pub pooling: String,
    /// Put before a question.
    pub query_prefix: String,
    /// Put before a passage.
    pub passage_prefix: String,
    /// The most tokens that a text may have, special tokens included.
    pub max_tokens: usize,
    /// Hash of the tokenizer that counts tokens.
    pub tokenizer: String,
}

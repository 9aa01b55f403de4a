//! What `GET /v1/models` sends: OpenAI's form.

use serde::Serialize;
use utoipa::ToSchema;

/// Every model there is.
#[derive(Debug, Serialize, ToSchema)]
pub struct ModelList {
    /// `list`.
    pub object: &'static str,
    pub data: [Model; 1],
}

/// What answers. Requests may name any other model: the answer says which one wrote it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Model {
    /// The name to ask by.
    pub id: &'static str,
    /// `model`.
    pub object: &'static str,
    /// When the knowledge base was last written: Unix time, in seconds, 0 where it does not say.
    pub created: u64,
    pub owned_by: &'static str,
}

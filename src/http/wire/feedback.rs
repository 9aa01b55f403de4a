//! What `POST /v1/feedback` takes.

use answer::journal;
use serde::Deserialize;
use utoipa::ToSchema;

/// What a reader thought of an answer.
#[derive(Debug, Deserialize, ToSchema)]
pub struct FeedbackRequest {
    /// The answer's id, as it stands in any of the replies: `chatcmpl-` or `cmpl-` may be before it. The answer may be that
    /// of another server, or an old one.
    pub id: String,
    pub rating: Rating,
    /// The reader's words; the first 2,000 characters are kept.
    #[serde(default)]
    pub comment: Option<String>,
}

/// What a reader thought.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Rating {
    /// It helped.
    Up,
    /// It did not.
    Down,
}

impl From<Rating> for journal::Rating {
    fn from(rating: Rating) -> Self {
        match rating {
            Rating::Up => Self::Up,
            Rating::Down => Self::Down,
        }
    }
}

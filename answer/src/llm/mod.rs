//! Asking a language model. [`Llm`] is the seam; [`openai`], [`anthropic`] and [`bedrock`] each make one request of
//! their provider through [`transport`], [`breaker`] stops asking one that keeps failing, and [`providers`] puts
//! several in order and asks again.

pub mod anthropic;
pub mod aws;
pub mod bedrock;
pub mod breaker;
mod calls;
mod events;
pub mod openai;
pub mod providers;
pub mod settings;
pub mod transport;
mod turns;

use crate::{degraded::Degraded, prompt::Prompt};
use async_trait::async_trait;
use futures::{StreamExt, stream, stream::BoxStream};
use std::time::Duration;
use tokio::time::Instant;

/// A model's complete reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The text, never empty.
    pub text: String,
    /// The model that said it, as the endpoint names it.
    pub model: String,
    /// The tokens that it took, where the endpoint tells.
    pub usage: Option<Usage>,
}

/// Tokens that one reply took; none by default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of the prompt.
    pub input_tokens: u32,
    /// Tokens of the reply.
    pub output_tokens: u32,
}

/// The name of the model that replied: as the endpoint says it where that is a plain name, else the one asked for. It
/// goes out with the answer, and an endpoint may call its model anything.
fn model_name(said: Option<String>, asked: &str) -> String {
    const MAX_BYTES: usize = 128;
    let is_plain = |name: &String| {
        (1..=MAX_BYTES).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:/@+".contains(&b))
    };
    said.filter(is_plain).unwrap_or_else(|| asked.to_owned())
}

/// A model's reply while it is written.
pub struct ReplyStream {
    /// The model that speaks, as the endpoint names it.
    pub model: String,
    /// The tokens that it took, where they are known before its end: when the reply came whole.
    pub usage: Option<Usage>,
    /// Pieces of text, in order, at least one of them not blank. They end after the last piece of a complete reply, or
    /// with the first error. Dropping them ends the call.
    pub pieces: BoxStream<'static, Result<String, LlmError>>,
}

impl From<Reply> for ReplyStream {
    fn from(reply: Reply) -> Self {
        Self { model: reply.model, usage: reply.usage, pieces: stream::iter([Ok(reply.text)]).boxed() }
    }
}

/// A language model behind a deadline.
#[async_trait]
pub trait Llm: Send + Sync {
    /// The model asked for.
    fn model(&self) -> &str;

    /// The provider, as OpenTelemetry's `gen_ai.provider.name` has it: `openai` for every endpoint that speaks its
    /// protocol.
    fn provider(&self) -> &'static str {
        "openai"
    }

    /// One complete reply before `deadline`; a reply that was cut is an error.
    async fn complete(&self, prompt: &Prompt, deadline: Instant) -> Result<Reply, LlmError>;

    /// The same reply while it is written, as far as the model can say it in pieces: its first text before `begins_by`,
    /// the whole before `deadline`. Returns with the first text: what can be tried again was tried before.
    async fn stream(
        &self,
        prompt: &Prompt,
        begins_by: Instant,
        _deadline: Instant,
    ) -> Result<ReplyStream, LlmError> {
        self.complete(prompt, begins_by).await.map(ReplyStream::from)
    }

    /// The health that the last calls showed; `Unknown` before the first.
    fn health(&self) -> Health {
        Health::Unknown
    }

    /// The providers behind it, in the order in which they are asked.
    fn providers(&self) -> Vec<ProviderHealth> {
        Vec::new()
    }
}

/// The state of one provider, for `/readyz` and metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderHealth {
    /// Its name, as configured.
    pub provider: &'static str,
    /// The model asked for.
    pub model: String,
    pub health: Health,
    /// Whether it is not asked for a while because it kept failing.
    pub is_left_alone: bool,
}

/// The health of a model, known without a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Not asked yet.
    Unknown,
    /// The last call succeeded.
    Ok,
    /// The last call failed.
    Degraded,
}

impl Health {
    pub const ALL: [Self; 3] = [Self::Unknown, Self::Ok, Self::Degraded];

    /// The name that operators know.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Ok => "ok",
            Self::Degraded => "degraded",
        }
    }
}

/// The reason for no reply. The endpoint's body is not kept: it may quote the prompt or the key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LlmError {
    /// The connection could not be opened.
    #[error("no connection to the model's endpoint: {detail}")]
    Unreachable {
        /// The cause, without the URL.
        detail: String,
    },
    /// The certificate of the provider is not trusted.
    #[error("no trusted connection to the model's endpoint: {detail}")]
    Tls {
        /// The cause in one line, without secrets.
        detail: String,
    },
    /// The credentials are missing or cannot be used.
    #[error("no credentials for the model's endpoint: {detail}")]
    Credentials {
        /// The fault, without the credentials.
        detail: String,
    },
    /// No complete reply came within the deadline.
    #[error("no complete reply from the model within its time")]
    Timeout,
    /// An HTTP status other than success.
    #[error("the model's endpoint answered with status {status}{}", advice(*.status))]
    Status {
        status: u16,
        /// How long it asks us to wait.
        retry_after: Option<Duration>,
    },
    /// A reply without text.
    #[error("the model's reply is empty")]
    Empty,
    /// A reply that is no chat completion.
    #[error("the model's reply is not a chat completion: {detail}")]
    Invalid {
        /// The fault, without the reply's content.
        detail: String,
    },
    /// A reply over the limit.
    #[error("the model's reply is over {max_bytes} bytes")]
    TooLarge {
        /// The largest size of a reply, in bytes.
        max_bytes: usize,
    },
    /// A reply that ended early.
    #[error("the model's reply was cut off: {detail}")]
    Cut {
        /// The reason for the end, in one line.
        detail: String,
    },
    /// An error where the reply should have gone on.
    #[error("the model's endpoint reported an error within its reply")]
    Reported,
    /// The endpoint failed too often lately.
    #[error("the model has failed repeatedly and is not asked for a while")]
    BreakerOpen,
}

fn advice(status: u16) -> &'static str {
    match status {
        401 | 403 => "; check its API key or credentials",
        404 => "; check its base URL and the model's name",
        400 | 422 => "; check the model's name and context length, and whether it takes a temperature",
        429 => "; its quota or rate limit is used up",
        _ => "",
    }
}

impl LlmError {
    /// The cause that an answer names for it.
    pub fn cause(&self) -> Degraded {
        match self {
            Self::Unreachable { .. } => Degraded::LlmUnreachable,
            Self::Tls { .. } => Degraded::LlmTls,
            Self::Timeout => Degraded::LlmTimeout,
            Self::Credentials { .. } => Degraded::LlmUnauthorized,
            Self::Status { status: 401 | 403, .. } => Degraded::LlmUnauthorized,
            Self::Status { status: 429, .. } => Degraded::LlmRateLimited,
            Self::Status { status: 500.., .. } | Self::Reported => Degraded::LlmServerError,
            Self::Status { .. } => Degraded::LlmRejected,
            Self::Empty => Degraded::LlmEmpty,
            Self::Invalid { .. } => Degraded::LlmInvalid,
            Self::TooLarge { .. } => Degraded::LlmTooLarge,
            Self::Cut { .. } => Degraded::LlmCut,
            Self::BreakerOpen => Degraded::LlmBreakerOpen,
        }
    }

    /// Whether it is our configuration that is wrong, which no later try will mend.
    pub fn is_ours(&self) -> bool {
        matches!(
            self,
            Self::Status { status: 400..=428, .. }
                | Self::Status { status: 430..=499, .. }
                | Self::Tls { .. }
                | Self::Credentials { .. }
        )
    }

    /// How long the endpoint asks us to wait.
    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Whether the same request may succeed a moment later.
    fn is_passing(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Status { status: 408 | 429 | 500.., .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prompt::Fence;
    use futures::TryStreamExt;

    struct Whole(Result<Reply, LlmError>);

    #[async_trait]
    impl Llm for Whole {
        fn model(&self) -> &str {
            "whole"
        }
        async fn complete(&self, _: &Prompt, _: Instant) -> Result<Reply, LlmError> {
            self.0.clone()
        }
    }

    #[test]
    fn only_a_plain_name_is_the_models() {
        let long = "m".repeat(129);
        for (said, name) in [
            (Some("gpt-4o-mini-2024-07-18"), "gpt-4o-mini-2024-07-18"),
            (Some("meta-llama/Llama-3.1:8b@q4_K+x"), "meta-llama/Llama-3.1:8b@q4_K+x"),
            (Some("![x](https://evil.example/m.png)"), "asked"),
            (Some("m\u{1b}[31m"), "asked"),
            (Some("<img src=x>"), "asked"),
            (Some("m\u{202e}"), "asked"),
            (Some(long.as_str()), "asked"),
            (Some(""), "asked"),
            (None, "asked"),
        ] {
            assert_eq!(model_name(said.map(str::to_owned), "asked"), name, "{said:?}");
        }
    }

    #[tokio::test]
    async fn who_cannot_stream_says_everything_at_once() {
        let question = kb::question::Question::parse("why?", None).expect("a question");
        let prompt = Prompt::grounded_in(&[], &question, &Default::default(), Fence::random());
        let usage = Some(Usage { input_tokens: 7, output_tokens: 3 });
        let reply = Reply { text: "Raise it [1].".to_owned(), model: "whole-1".to_owned(), usage };
        let now = Instant::now();
        let streamed = Whole(Ok(reply)).stream(&prompt, now, now).await.expect("a reply");
        assert_eq!((streamed.model.as_str(), streamed.usage), ("whole-1", usage));
        assert_eq!(streamed.pieces.try_collect::<Vec<_>>().await, Ok(vec!["Raise it [1].".to_owned()]));
        assert_eq!(Whole(Err(LlmError::Empty)).stream(&prompt, now, now).await.err(), Some(LlmError::Empty));
    }
}

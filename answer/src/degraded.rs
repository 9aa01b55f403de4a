//! Why an answer is less than it could be, by one list of names for clients, counters and the log.

/// Why an answer is less than it could be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Degraded {
    /// No slot for a model call was free.
    Overloaded,
    /// The model's host refused or could not be found.
    LlmUnreachable,
    /// No trusted connection to the model's host.
    LlmTls,
    /// No reply in time.
    LlmTimeout,
    /// Our key is not accepted.
    LlmUnauthorized,
    /// The model or the request is not accepted.
    LlmRejected,
    /// Too many requests, or the quota is used up.
    LlmRateLimited,
    /// The model's host failed.
    LlmServerError,
    /// The reply held no text.
    LlmEmpty,
    /// The reply was not a chat completion.
    LlmInvalid,
    /// The reply was too large.
    LlmTooLarge,
    /// The reply ended before its end.
    LlmCut,
    /// The model failed too often lately and is not asked for a while.
    LlmBreakerOpen,
    /// The reply changed a masked name.
    LlmMaskedName,
    /// The reply did not use the rule that applies to this object.
    LlmUncited,
    /// The reply was nothing but advice that the object's documents forbid.
    LlmForbidden,
}

impl Degraded {
    pub const ALL: [Self; 16] = [
        Self::Overloaded,
        Self::LlmUnreachable,
        Self::LlmTls,
        Self::LlmTimeout,
        Self::LlmUnauthorized,
        Self::LlmRejected,
        Self::LlmRateLimited,
        Self::LlmServerError,
        Self::LlmEmpty,
        Self::LlmInvalid,
        Self::LlmTooLarge,
        Self::LlmCut,
        Self::LlmBreakerOpen,
        Self::LlmMaskedName,
        Self::LlmUncited,
        Self::LlmForbidden,
    ];

    /// The name that clients know.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Overloaded => "overloaded",
            Self::LlmUnreachable => "llm_unreachable",
            Self::LlmTls => "llm_tls",
            Self::LlmTimeout => "llm_timeout",
            Self::LlmUnauthorized => "llm_unauthorized",
            Self::LlmRejected => "llm_rejected",
            Self::LlmRateLimited => "llm_rate_limited",
            Self::LlmServerError => "llm_server_error",
            Self::LlmEmpty => "llm_empty",
            Self::LlmInvalid => "llm_invalid",
            Self::LlmTooLarge => "llm_too_large",
            Self::LlmCut => "llm_cut",
            Self::LlmBreakerOpen => "llm_breaker_open",
            Self::LlmMaskedName => "llm_masked_name",
            Self::LlmUncited => "llm_uncited",
            Self::LlmForbidden => "llm_forbidden",
        }
    }
}

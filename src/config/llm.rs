//! The section of the language model.

use super::{
    ConfigError,
    environment::Environment,
    error::wrong,
    values::{secret, web_url},
};
use crate::llm::openai::OpenAiSettings;
use serde::Deserialize;
use std::path::PathBuf;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawLlm {
    pub(super) base_url: Option<String>,
    pub(super) model: Option<String>,
    pub(super) api_key_file: Option<PathBuf>,
    pub(super) api_version: Option<String>,
    pub(super) timeout_s: f64,
    pub(super) max_output_tokens: Option<u32>,
}

impl Default for RawLlm {
    fn default() -> Self {
        Self {
            base_url: None,
            model: None,
            api_key_file: None,
            api_version: None,
            timeout_s: 30.0,
            max_output_tokens: None,
        }
    }
}

/// The model's settings; `None` where none is configured.
pub(super) fn check(raw: RawLlm, environment: &Environment) -> Result<Option<OpenAiSettings>, ConfigError> {
    let api_key = secret(environment, "RUNBOOKD_LLM_API_KEY", "llm.api_key_file", raw.api_key_file)?;
    match (raw.base_url, raw.model) {
        (Some(base_url), Some(model)) => Ok(Some(OpenAiSettings {
            base_url: web_url("llm.base_url", base_url)?,
            model,
            api_key,
            api_version: raw.api_version,
            max_output_tokens: raw.max_output_tokens,
        })),
        (Some(_), None) => Err(wrong("llm.model", "it is missing, but `llm.base_url` is set")),
        (None, Some(_)) => Err(wrong("llm.base_url", "it is missing, but `llm.model` is set")),
        (None, None) => Ok(None),
    }
}

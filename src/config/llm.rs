//! The section of the language model: the first provider, and the fallbacks in order.

use super::{
    ConfigError, aws,
    environment::Environment,
    error::wrong,
    values::{secret, secret_file, trimmed, web_url},
};
use answer::{
    assistant,
    llm::{
        anthropic::{self, AnthropicSettings},
        bedrock::{BedrockAccess, BedrockSettings},
        openai::OpenAiSettings,
        settings::{ProviderSettings, Sampling},
    },
};
use net::Secret;
use serde::Deserialize;
use std::path::PathBuf;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawLlm {
    provider: Option<ProviderName>,
    base_url: Option<String>,
    model: Option<String>,
    api_key_file: Option<PathBuf>,
    api_version: Option<String>,
    region: Option<String>,
    pub(super) timeout_s: f64,
    max_output_tokens: Option<u32>,
    send_temperature: bool,
    fallback: Vec<RawFallback>,
}

impl Default for RawLlm {
    fn default() -> Self {
        Self {
            provider: None,
            base_url: None,
            model: None,
            api_key_file: None,
            api_version: None,
            region: None,
            timeout_s: assistant::Settings::default().llm_timeout.as_secs_f64(),
            max_output_tokens: None,
            send_temperature: true,
            fallback: Vec::new(),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawFallback {
    provider: ProviderName,
    base_url: Option<String>,
    model: Option<String>,
    api_key_file: Option<PathBuf>,
    api_key_env: Option<String>,
    api_version: Option<String>,
    region: Option<String>,
    max_output_tokens: Option<u32>,
    send_temperature: bool,
}

impl Default for RawFallback {
    fn default() -> Self {
        Self {
            provider: ProviderName::default(),
            base_url: None,
            model: None,
            api_key_file: None,
            api_key_env: None,
            api_version: None,
            region: None,
            max_output_tokens: None,
            send_temperature: true,
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ProviderName {
    #[default]
    OpenAi,
    Anthropic,
    Bedrock,
}

/// The table of one provider, the first or a fallback.
struct Stated {
    /// The table, for errors: `llm` or `llm.fallback[0]`.
    table: String,
    provider: ProviderName,
    base_url: Option<String>,
    model: Option<String>,
    api_key: Option<Secret>,
    api_version: Option<String>,
    region: Option<String>,
    max_output_tokens: Option<u32>,
    send_temperature: bool,
}

/// The providers in the order in which they are asked; none where nothing is configured.
pub(super) fn check(raw: RawLlm, environment: &Environment) -> Result<Vec<ProviderSettings>, ConfigError> {
    let api_key = secret(environment, "RUNBOOKD_LLM_API_KEY", "llm.api_key_file", raw.api_key_file)?;
    if raw.provider.is_none() && raw.base_url.is_none() && raw.model.is_none() {
        return match raw.fallback.is_empty() {
            true => Ok(Vec::new()),
            false => Err(wrong("llm.model", "it is missing, but there is an `llm.fallback`")),
        };
    }
    let first = Stated {
        table: "llm".to_owned(),
        provider: raw.provider.unwrap_or_default(),
        base_url: raw.base_url,
        model: raw.model,
        api_key,
        api_version: raw.api_version,
        region: raw.region,
        max_output_tokens: raw.max_output_tokens,
        send_temperature: raw.send_temperature,
    };
    let mut providers = vec![first.check(environment)?];
    for (at, fallback) in raw.fallback.into_iter().enumerate() {
        let table = format!("llm.fallback[{at}]");
        let api_key = match (fallback.api_key_env, fallback.api_key_file) {
            (Some(_), Some(_)) => {
                let detail = "`api_key_file` is set as well; one of them is enough";
                return Err(wrong(&format!("{table}.api_key_env"), detail));
            }
            (Some(variable), None) => match environment.get(&variable) {
                Some(key) => Some(trimmed(&variable, key)?),
                None => {
                    let detail = format!("it names the variable `{variable}`, which is not set");
                    return Err(wrong(&format!("{table}.api_key_env"), detail));
                }
            },
            (None, Some(path)) => Some(secret_file(&format!("{table}.api_key_file"), path)?),
            (None, None) => None,
        };
        let stated = Stated {
            table,
            provider: fallback.provider,
            base_url: fallback.base_url,
            model: fallback.model,
            api_key,
            api_version: fallback.api_version,
            region: fallback.region,
            max_output_tokens: fallback.max_output_tokens,
            send_temperature: fallback.send_temperature,
        };
        providers.push(stated.check(environment)?);
    }
    Ok(providers)
}

impl Stated {
    fn check(self, environment: &Environment) -> Result<ProviderSettings, ConfigError> {
        let key = |name: &str| format!("{}.{name}", self.table);
        let Some(model) = self.model else {
            let given = if self.base_url.is_some() { "base_url" } else { "provider" };
            return Err(wrong(&key("model"), format!("it is missing, but `{}` is set", key(given))));
        };
        let sampling = if self.send_temperature { Sampling::Likeliest } else { Sampling::ModelsOwn };
        let base_url = self.base_url.map(|url| web_url(&key("base_url"), url)).transpose()?;
        for (name, is_given, owner) in [
            ("api_version", self.api_version.is_some(), ProviderName::OpenAi),
            ("region", self.region.is_some(), ProviderName::Bedrock),
        ] {
            if is_given && self.provider != owner {
                return Err(wrong(&key(name), "this provider has none"));
            }
        }
        if self.max_output_tokens == Some(0) {
            return Err(wrong(&key("max_output_tokens"), "it must be at least 1"));
        }
        Ok(match self.provider {
            ProviderName::OpenAi => ProviderSettings::OpenAi(OpenAiSettings {
                base_url: base_url.ok_or_else(|| {
                    wrong(&key("base_url"), format!("it is missing, but `{}` is set", key("model")))
                })?,
                model,
                api_key: self.api_key,
                api_version: self.api_version,
                max_output_tokens: self.max_output_tokens,
                sampling,
            }),
            ProviderName::Anthropic => ProviderSettings::Anthropic(AnthropicSettings {
                base_url: base_url.unwrap_or_else(|| anthropic::BASE_URL.to_owned()),
                model,
                api_key: self.api_key,
                max_output_tokens: self.max_output_tokens.unwrap_or(anthropic::MAX_OUTPUT_TOKENS),
                sampling,
            }),
            ProviderName::Bedrock => {
                let region = aws::region(&key("region"), self.region, environment)?;
                let access = match self.api_key {
                    Some(api_key) => BedrockAccess::ApiKey(api_key),
                    None => aws::access(&key("provider"), &region, environment)?,
                };
                let max_output_tokens = self.max_output_tokens;
                let settings =
                    BedrockSettings { region, base_url, model, access, max_output_tokens, sampling };
                ProviderSettings::Bedrock(settings)
            }
        })
    }
}

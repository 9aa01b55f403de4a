//! The settings of a provider of any kind.

use super::{
    Llm,
    anthropic::{Anthropic, AnthropicSettings},
    bedrock::{Bedrock, BedrockSettings},
    openai::{OpenAi, OpenAiSettings},
};
use net::SetupError;
use std::sync::Arc;

/// A provider and how it is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProviderSettings {
    /// Any OpenAI-compatible endpoint.
    OpenAi(OpenAiSettings),
    /// Anthropic's Messages API.
    Anthropic(AnthropicSettings),
    /// Amazon Bedrock's Converse API.
    Bedrock(BedrockSettings),
}

impl ProviderSettings {
    /// The provider's name, as configured.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::OpenAi(_) => "openai",
            Self::Anthropic(_) => "anthropic",
            Self::Bedrock(_) => "bedrock",
        }
    }

    /// The model asked for.
    pub fn model(&self) -> &str {
        match self {
            Self::OpenAi(settings) => &settings.model,
            Self::Anthropic(settings) => &settings.model,
            Self::Bedrock(settings) => &settings.model,
        }
    }

    /// The parameters of a reply beside the model and the prompt, in words.
    pub fn parameters(&self) -> String {
        let (sampling, max_output_tokens) = match self {
            Self::OpenAi(settings) => (settings.sampling, settings.max_output_tokens),
            Self::Anthropic(settings) => (settings.sampling, Some(settings.max_output_tokens)),
            Self::Bedrock(settings) => (settings.sampling, settings.max_output_tokens),
        };
        match sampling.temperature() {
            Some(temperature) => {
                format!("temperature {temperature}, max_output_tokens {max_output_tokens:?}")
            }
            None => format!("the model's own temperature, max_output_tokens {max_output_tokens:?}"),
        }
    }

    /// A client that makes one request for each call; nothing is sent yet.
    pub fn connect(&self) -> Result<Arc<dyn Llm>, SetupError> {
        Ok(match self.clone() {
            Self::OpenAi(settings) => Arc::new(OpenAi::new(settings)?),
            Self::Anthropic(settings) => Arc::new(Anthropic::new(settings)?),
            Self::Bedrock(settings) => Arc::new(Bedrock::new(settings)?),
        })
    }
}

/// Whether a request says how the model is to choose its words.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sampling {
    /// Temperature 0: the likeliest words.
    #[default]
    Likeliest,
    /// Left to the model: some refuse the parameter.
    ModelsOwn,
}

impl Sampling {
    /// The parameter, where it is sent.
    pub fn temperature(self) -> Option<f32> {
        match self {
            Self::Likeliest => Some(0.0),
            Self::ModelsOwn => None,
        }
    }
}

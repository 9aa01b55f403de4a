//! Which embedding model to use, as typed, and how to start it.

use super::{
    error::EmbedError,
    fastembed::FastembedModel,
    handle::Embedder,
    hashed,
    hashed::HashedModel,
    identity::ModelIdentity,
    locate::Places,
    model::{EmbeddingModel, TokenCounter},
    openai::OpenAiModel,
};
use std::{fmt, num::NonZeroUsize, str::FromStr, sync::Arc, time::Duration};

/// The values that `--embedder` takes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum EmbedderChoice {
    /// `local`: the model in a directory; needs no network.
    #[default]
    Local,
    /// `fastembed:NAME`: a model of fastembed's catalogue, downloaded from the hub on first use.
    Catalogue(String),
    /// `openai:MODEL`: an OpenAI-compatible `/embeddings` endpoint.
    Endpoint(String),
    /// `hashed`: words hashed into a vector; no model at all. For tests.
    Hashed,
}

impl FromStr for EmbedderChoice {
    type Err = EmbedError;
    fn from_str(text: &str) -> Result<Self, EmbedError> {
        match text.split_once(':') {
            None if text == "local" => Ok(Self::Local),
            None if text == "hashed" => Ok(Self::Hashed),
            Some(("fastembed", name)) if !name.is_empty() => Ok(Self::Catalogue(name.to_owned())),
            Some(("openai", model)) if !model.is_empty() => Ok(Self::Endpoint(model.to_owned())),
            _ => Err(EmbedError::Choice {
                choice: text.to_owned(),
                detail: "use `local`, `fastembed:NAME` (a name of fastembed's catalogue), `openai:MODEL` \
                         or `hashed`"
                    .to_owned(),
            }),
        }
    }
}

impl fmt::Display for EmbedderChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local => f.write_str("local"),
            Self::Catalogue(name) => write!(f, "fastembed:{name}"),
            Self::Endpoint(model) => write!(f, "openai:{model}"),
            Self::Hashed => f.write_str("hashed"),
        }
    }
}

/// An OpenAI-compatible embeddings endpoint.
#[derive(Clone)]
pub struct EndpointSettings {
    /// Includes `/v1`, without a trailing slash.
    pub base_url: String,
    /// Sent as a bearer token.
    pub api_key: Option<String>,
    /// The time for one request, all tries included.
    pub timeout: Duration,
    /// The most tokens of a text, as the endpoint counts them.
    pub max_tokens: usize,
}

impl fmt::Debug for EndpointSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndpointSettings")
            .field("base_url", &self.base_url)
            .field("api_key", &self.api_key.as_ref().map(|_| "[redacted]"))
            .field("timeout", &self.timeout)
            .field("max_tokens", &self.max_tokens)
            .finish()
    }
}

/// The settings that are needed to start an embedder.
#[derive(Debug, Clone)]
pub struct EmbedderSettings {
    /// The model that computes the vectors.
    pub choice: EmbedderChoice,
    /// The places of the model's files.
    pub places: Places,
    /// Threads of one inference; the machine's cores when absent.
    pub threads: Option<NonZeroUsize>,
    /// The endpoint, for [`EmbedderChoice::Endpoint`].
    pub endpoint: Option<EndpointSettings>,
}

impl EmbedderSettings {
    /// The settings of this process for a choice, without an endpoint.
    pub fn new(choice: EmbedderChoice) -> Self {
        Self { choice, places: Places::of_this_process(None, None), threads: None, endpoint: None }
    }

    /// The identity that vectors depend on. For a local model `embedder.json` states it, so no model is loaded; other
    /// models are called for it.
    pub fn identity(&self) -> Result<ModelIdentity, EmbedError> {
        match &self.choice {
            EmbedderChoice::Local => super::fastembed::ModelDirectory::read(&self.places)?.identity(),
            EmbedderChoice::Hashed => Ok(hashed::identity()),
            EmbedderChoice::Catalogue(_) | EmbedderChoice::Endpoint(_) => {
                self.load().map(|(model, _)| model.identity().clone())
            }
        }
    }

    /// The counter of the model's own tokens, without loading the model.
    pub fn token_counter(&self) -> Result<Arc<dyn TokenCounter>, EmbedError> {
        match &self.choice {
            EmbedderChoice::Local => super::fastembed::ModelDirectory::read(&self.places)?.token_counter(),
            EmbedderChoice::Hashed => Ok(Arc::new(hashed::WordCounter)),
            EmbedderChoice::Endpoint(_) => Ok(Arc::new(hashed::WordCounter)),
            EmbedderChoice::Catalogue(_) => self.load().map(|(_, counter)| counter),
        }
    }

    /// Loads the model and starts its thread. Blocks while loading (0.1 s for the default model).
    pub fn start(&self) -> Result<Embedder, EmbedError> {
        let (model, counter) = self.load()?;
        Embedder::spawn(model, counter)
    }

    fn load(&self) -> Result<Loaded, EmbedError> {
        let threads =
            self.threads.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get);
        Ok(match &self.choice {
            EmbedderChoice::Hashed => (Box::new(HashedModel::new()), Arc::new(hashed::WordCounter)),
            EmbedderChoice::Local => {
                let (model, counter) = FastembedModel::local(&self.places, threads)?;
                (Box::new(model), counter)
            }
            EmbedderChoice::Catalogue(name) => {
                let (model, counter) = FastembedModel::from_catalogue(name, &self.places, threads)?;
                (Box::new(model), counter)
            }
            EmbedderChoice::Endpoint(model) => {
                let endpoint = self.endpoint.as_ref().ok_or_else(|| EmbedError::Choice {
                    choice: self.choice.to_string(),
                    detail: "it needs the endpoint's base URL: set RUNBOOKD_EMBEDDINGS_BASE_URL".to_owned(),
                })?;
                // It waits on a runtime of its own, which a thread that already runs one must not.
                let connected =
                    std::thread::scope(|scope| scope.spawn(|| OpenAiModel::connect(model, endpoint)).join());
                let connected = connected.map_err(|_| EmbedError::Stopped)??;
                (Box::new(connected), Arc::new(hashed::WordCounter))
            }
        })
    }
}

/// A model, and the counter of its tokens.
type Loaded = (Box<dyn EmbeddingModel>, Arc<dyn TokenCounter>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_read_as_they_are_written() {
        for text in ["local", "hashed", "fastembed:BGESmallENV15", "openai:text-embedding-3-small"] {
            assert_eq!(text.parse::<EmbedderChoice>().expect(text).to_string(), text);
        }
        for text in ["", "fastembed:", "onnx", "openai:"] {
            let error = text.parse::<EmbedderChoice>().expect_err(text).to_string();
            assert!(error.contains("fastembed:NAME"), "{error}");
        }
    }
}

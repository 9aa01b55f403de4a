//! The local embedding model, by `fastembed` on ONNX Runtime. The only place that speaks to either.

use super::{
    error::EmbedError,
    identity::ModelIdentity,
    locate::Places,
    model::{EmbeddingModel, TokenCounter},
};
use fastembed::{
    InitOptionsUserDefined, ModelTrait, Pooling, QuantizationMode, TextEmbedding, TextInitOptions,
    TokenizerFiles, UserDefinedEmbeddingModel,
};
use serde::Deserialize;
use std::{
    path::{Path, PathBuf},
    str::FromStr,
    sync::{Arc, OnceLock},
};
use tokenizers::Tokenizer;

/// `embedder.json`: the description of the model in a model directory.
#[derive(Debug, Clone, Deserialize)]
struct Description {
    format: u32,
    name: String,
    dimensions: usize,
    max_tokens: usize,
    pooling: String,
    #[serde(default)]
    query_prefix: String,
    #[serde(default)]
    passage_prefix: String,
    /// The SHA-256 of `model.onnx`, in hexadecimal.
    sha256: String,
}

/// A directory with `embedder.json`, `model.onnx` and the tokenizer's files.
pub(super) struct ModelDirectory {
    path: PathBuf,
    description: Description,
}

impl ModelDirectory {
    pub(super) fn read(places: &Places) -> Result<Self, EmbedError> {
        let path = places.model_dir()?;
        let bytes = read(&path, "embedder.json")?;
        let description: Description = serde_json::from_slice(&bytes)
            .map_err(|error| broken(&path, format!("embedder.json: {error}")))?;
        if description.format != 1 {
            return Err(broken(&path, format!("embedder.json has format {}, not 1", description.format)));
        }
        if description.dimensions == 0 || description.max_tokens < 16 {
            return Err(broken(&path, "embedder.json: dimensions or max_tokens is too small".to_owned()));
        }
        Ok(Self { path, description })
    }

    pub(super) fn identity(&self) -> Result<ModelIdentity, EmbedError> {
        let tokenizer = read(&self.path, "tokenizer.json")?;
        let description = self.description.clone();
        Ok(ModelIdentity {
            name: description.name,
            dimensions: description.dimensions,
            hash: description.sha256,
            pooling: description.pooling,
            query_prefix: description.query_prefix,
            passage_prefix: description.passage_prefix,
            max_tokens: description.max_tokens,
            tokenizer: short_hash(&tokenizer),
        })
    }

    pub(super) fn token_counter(&self) -> Result<Arc<dyn TokenCounter>, EmbedError> {
        let bytes = read(&self.path, "tokenizer.json")?;
        let tokenizer = Tokenizer::from_bytes(&bytes)
            .map_err(|error| broken(&self.path, format!("tokenizer.json: {error}")))?;
        Ok(Arc::new(ModelTokenCounter::new(tokenizer)))
    }

    fn pooling(&self) -> Result<Pooling, EmbedError> {
        match self.description.pooling.as_str() {
            // fastembed passes an output of [batch, dimensions] through under either name.
            "in-graph" | "cls" => Ok(Pooling::Cls),
            "mean" => Ok(Pooling::Mean),
            other => Err(broken(
                &self.path,
                format!("embedder.json: pooling `{other}` is not one of in-graph, cls, mean"),
            )),
        }
    }
}

fn read(dir: &Path, file: &str) -> Result<Vec<u8>, EmbedError> {
    std::fs::read(dir.join(file)).map_err(|error| broken(dir, format!("{file}: {error}")))
}

fn broken(path: &Path, detail: String) -> EmbedError {
    EmbedError::Model { path: path.to_owned(), detail }
}

fn short_hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex()[..16].to_owned()
}

/// A model that `fastembed` runs.
pub(super) struct FastembedModel {
    model: TextEmbedding,
    identity: ModelIdentity,
}

impl FastembedModel {
    /// The model of the model directory.
    pub(super) fn local(
        places: &Places,
        threads: usize,
    ) -> Result<(Self, Arc<dyn TokenCounter>), EmbedError> {
        let directory = ModelDirectory::read(places)?;
        let identity = directory.identity()?;
        let environment = environment(places)?;
        let files = TokenizerFiles {
            tokenizer_file: read(&directory.path, "tokenizer.json")?,
            config_file: read(&directory.path, "config.json")?,
            special_tokens_map_file: read(&directory.path, "special_tokens_map.json")?,
            tokenizer_config_file: read(&directory.path, "tokenizer_config.json")?,
        };
        let definition = UserDefinedEmbeddingModel::new(read(&directory.path, "model.onnx")?, files)
            .with_pooling(directory.pooling()?)
            .with_quantization(QuantizationMode::None);
        let mut options = InitOptionsUserDefined::new()
            .with_environment(environment)
            .with_max_length(identity.max_tokens)
            .with_intra_threads(threads);
        for (key, value) in SESSION_CONFIG {
            options = options.with_session_config(*key, *value);
        }
        let model = TextEmbedding::try_new_from_user_defined(definition, options)
            .map_err(|error| broken(&directory.path, error.to_string()))?;
        let counter = directory.token_counter()?;
        Ok((Self { model, identity }, counter))
    }

    /// A model of fastembed's catalogue; downloads it on first use.
    pub(super) fn from_catalogue(
        name: &str,
        places: &Places,
        threads: usize,
    ) -> Result<(Self, Arc<dyn TokenCounter>), EmbedError> {
        let choice = || format!("fastembed:{name}");
        let known = fastembed::EmbeddingModel::from_str(name).ok().or_else(|| {
            TextEmbedding::list_supported_models()
                .into_iter()
                .map(|info| info.model)
                .find(|model| format!("{model:?}").eq_ignore_ascii_case(name))
        });
        let Some(catalogue_model) = known else {
            let names: Vec<String> = TextEmbedding::list_supported_models()
                .iter()
                .map(|info| format!("{:?}", info.model))
                .collect();
            return Err(EmbedError::Choice {
                choice: choice(),
                detail: format!("the catalogue has: {}", names.join(", ")),
            });
        };
        let environment = environment(places)?;
        let info = fastembed::EmbeddingModel::get_model_info(&catalogue_model).ok_or_else(|| {
            EmbedError::Choice { choice: choice(), detail: "the catalogue lost it".to_owned() }
        })?;
        let (dimensions, code) = (info.dim, info.model_code.clone());
        let mut options = TextInitOptions::new(catalogue_model)
            .with_environment(environment)
            .with_max_length(CATALOGUE_MAX_TOKENS)
            .with_show_download_progress(false)
            .with_intra_threads(threads);
        if let Some(dir) = places.data_dir() {
            options = options.with_cache_dir(dir.join("catalogue"));
        }
        let model = TextEmbedding::try_new(options).map_err(|error| EmbedError::Choice {
            choice: choice(),
            detail: format!(
                "{error}; a catalogue model needs internet on first use, `--embedder local` does not"
            ),
        })?;
        let (query_prefix, passage_prefix) = prefixes(&code);
        let tokenizer = model.tokenizer.clone();
        let tokenizer_hash =
            tokenizer.to_string(false).map(|json| short_hash(json.as_bytes())).unwrap_or_default();
        let identity = ModelIdentity {
            name: format!("fastembed:{code}"),
            dimensions,
            hash: String::new(),
            pooling: "catalogue".to_owned(),
            query_prefix: query_prefix.to_owned(),
            passage_prefix: passage_prefix.to_owned(),
            max_tokens: CATALOGUE_MAX_TOKENS,
            tokenizer: tokenizer_hash,
        };
        Ok((Self { model, identity }, Arc::new(ModelTokenCounter::new(tokenizer))))
    }
}

/// Spinning threads burn the cores that the server needs; the fusion is slower than its parts on int8.
const SESSION_CONFIG: &[(&str, &str)] = &[
    ("session.intra_op.allow_spinning", "0"),
    ("optimization.disable_specified_optimizers", "SkipLayerNormFusion"),
];

/// Passages of the catalogue's models are kept to the window that all of them have.
const CATALOGUE_MAX_TOKENS: usize = 512;

/// The prefixes of a question and of a passage that the catalogue's models expect. Source: the models' cards.
fn prefixes(model_code: &str) -> (&'static str, &'static str) {
    let code = model_code.to_ascii_lowercase();
    if code.contains("e5-") {
        ("query: ", "passage: ")
    } else if code.contains("bge-") && code.contains("-en") {
        ("Represent this sentence for searching relevant passages: ", "")
    } else if code.contains("bge-") && code.contains("-zh") {
        ("为这个句子生成表示以用于检索相关文章：", "")
    } else if code.contains("nomic-embed") {
        ("search_query: ", "search_document: ")
    } else if code.contains("mxbai-embed") || code.contains("snowflake-arctic-embed") {
        ("Represent this sentence for searching relevant passages: ", "")
    } else {
        ("", "")
    }
}

impl EmbeddingModel for FastembedModel {
    fn identity(&self) -> &ModelIdentity {
        &self.identity
    }

    fn embed(&mut self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let vectors = self
            .model
            .embed(texts, Some(texts.len().max(1)))
            .map_err(|error| EmbedError::Inference { detail: error.to_string() })?;
        if let Some(bad) = vectors.iter().find(|vector| vector.len() != self.identity.dimensions) {
            return Err(EmbedError::Inference {
                detail: format!("it gave {} dimensions instead of {}", bad.len(), self.identity.dimensions),
            });
        }
        Ok(vectors)
    }
}

/// Loads the library once a process; an environment can be shared by all sessions.
fn environment(places: &Places) -> Result<ort::environment::Environment, EmbedError> {
    static LOADED: OnceLock<Result<ort::environment::Environment, (PathBuf, String)>> = OnceLock::new();
    let library = places.ort_library()?;
    let loaded = LOADED.get_or_init(|| {
        let failed = |detail: String| (library.clone(), detail);
        let builder = ort::init_from(&library).map_err(|error| failed(error.to_string()))?;
        builder.with_name("runbookd").with_telemetry(false).build().map_err(|error| failed(error.to_string()))
    });
    match loaded {
        Ok(environment) => Ok(environment.clone()),
        Err((path, detail)) => Err(EmbedError::Runtime { path: path.clone(), detail: detail.clone() }),
    }
}

/// Counts with the model's tokenizer; padding and truncation, which its file may ask for, are off.
struct ModelTokenCounter {
    tokenizer: Tokenizer,
}

impl ModelTokenCounter {
    fn new(mut tokenizer: Tokenizer) -> Self {
        tokenizer.with_padding(None);
        // A call without parameters cannot be refused.
        let _ = tokenizer.with_truncation(None);
        Self { tokenizer }
    }
}

impl TokenCounter for ModelTokenCounter {
    fn count(&self, text: &str) -> usize {
        // A text that the tokenizer refuses is counted as if each byte were a token: too long rather than cut off.
        self.tokenizer.encode_fast(text, true).map_or(text.len(), |encoding| encoding.len())
    }
}

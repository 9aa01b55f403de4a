//! The file's shape: its sections with their defaults, and errors that name the key.

use super::{ConfigError, environment::set, llm::RawLlm};
use answer::assistant;
use kb::retrieve::Options;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// The file's shape, defaults filled in.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Raw {
    pub(super) kb: Option<String>,
    pub(super) listen: String,
    pub(super) allow_unauthenticated: bool,
    pub(super) tokens_file: Option<PathBuf>,
    pub(super) state: Option<String>,
    pub(super) embedder: RawEmbedder,
    pub(super) embeddings: RawEmbeddings,
    pub(super) llm: RawLlm,
    pub(super) answer: RawAnswer,
    pub(super) server: RawServer,
    pub(super) log: RawLog,
    pub(super) telemetry: RawTelemetry,
}

impl Default for Raw {
    fn default() -> Self {
        Self {
            kb: None,
            listen: "127.0.0.1:8000".to_owned(),
            allow_unauthenticated: false,
            tokens_file: None,
            state: None,
            embedder: RawEmbedder::default(),
            embeddings: RawEmbeddings::default(),
            llm: RawLlm::default(),
            answer: RawAnswer::default(),
            server: RawServer::default(),
            log: RawLog::default(),
            telemetry: RawTelemetry::default(),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawEmbedder {
    pub(super) choice: Option<String>,
    pub(super) threads: Option<usize>,
    pub(super) ort_lib: Option<PathBuf>,
    pub(super) model_dir: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawEmbeddings {
    pub(super) base_url: Option<String>,
    pub(super) api_key_file: Option<PathBuf>,
    pub(super) timeout_s: f64,
    pub(super) max_tokens: usize,
}

impl Default for RawEmbeddings {
    fn default() -> Self {
        Self { base_url: None, api_key_file: None, timeout_s: 30.0, max_tokens: 512 }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawAnswer {
    pub(super) keep_length: bool,
    pub(super) evidence_passages: usize,
    pub(super) evidence_tokens: usize,
}

impl Default for RawAnswer {
    fn default() -> Self {
        let Options { evidence_passages, evidence_tokens, .. } = Options::default();
        let keep_length = assistant::Settings::default().keep_length;
        Self { keep_length, evidence_passages, evidence_tokens }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawServer {
    pub(super) strict: bool,
    pub(super) deadline_s: Option<f64>,
    pub(super) read_timeout_s: f64,
    pub(super) max_body_bytes: usize,
    pub(super) max_connections: usize,
    pub(super) search_slots: usize,
    pub(super) llm_slots: usize,
    pub(super) cached_answers: usize,
    pub(super) allowed_hosts: Vec<String>,
    pub(super) shutdown_delay_s: f64,
    pub(super) tls_cert: Option<PathBuf>,
    pub(super) tls_key: Option<PathBuf>,
}

impl Default for RawServer {
    fn default() -> Self {
        let assistant::Settings { search_slots, llm_slots, .. } = assistant::Settings::default();
        Self {
            strict: false,
            deadline_s: None,
            read_timeout_s: 10.0,
            max_body_bytes: 1 << 20,
            max_connections: 4_096,
            search_slots,
            llm_slots,
            cached_answers: 4_096,
            allowed_hosts: Vec::new(),
            shutdown_delay_s: 0.0,
            tls_cert: None,
            tls_key: None,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawLog {
    pub(super) filter: String,
    pub(super) json: bool,
}

impl Default for RawLog {
    fn default() -> Self {
        Self { filter: "info".to_owned(), json: false }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawTelemetry {
    pub(super) otlp_endpoint: Option<String>,
}

/// The largest configuration file, in bytes; a longer one is refused.
const MAX_FILE_BYTES: u64 = 1 << 20;

pub(super) fn read_file(path: &Path) -> Result<Table, ConfigError> {
    let text = kb::files::read_text(path, MAX_FILE_BYTES)
        .map_err(|source| ConfigError::File { path: path.to_owned(), source })?;
    text.parse::<Table>().map_err(|error| ConfigError::Syntax {
        path: path.to_owned(),
        detail: error.to_string().trim().to_owned(),
    })
}

/// A table in the file's shape. The error of a wrong type or an unknown key names the key.
pub(super) fn shape(table: Table, origin: Option<String>) -> Result<Raw, ConfigError> {
    // Each section on its own, so that the message can say which one.
    for (section, value) in &table {
        if let (Value::Table(keys), true) = (value, SECTIONS.contains(&section.as_str())) {
            for (key, value) in keys {
                let mut one = Table::new();
                set(&mut one, &format!("{section}.{key}"), value.clone());
                if let Err(error) = one.try_into::<Raw>() {
                    let detail = format!("`{section}.{key}`: {}", one_line(&error));
                    return Err(ConfigError::Shape { origin, detail });
                }
            }
        } else {
            let one = Table::from_iter([(section.clone(), value.clone())]);
            if let Err(error) = one.try_into::<Raw>() {
                let detail = format!("`{section}`: {}", one_line(&error));
                return Err(ConfigError::Shape { origin, detail });
            }
        }
    }
    table.try_into().map_err(|error: toml::de::Error| ConfigError::Shape { origin, detail: one_line(&error) })
}

const SECTIONS: [&str; 7] = ["embedder", "embeddings", "llm", "answer", "server", "log", "telemetry"];

fn one_line(error: &toml::de::Error) -> String {
    answer::text::one_line(error.message())
}

//! The layers over the file: variables of the environment and flags, each by the key that it sets.

use super::{ConfigError, error::wrong};
use std::collections::BTreeMap;
use toml::{Table, Value};

/// The values of flags, by key: see [`KEYS`].
pub type Flags = Vec<(&'static str, Value)>;

/// The variables of the environment, without empty ones.
#[derive(Debug, Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The environment of this process.
    pub fn of_this_process() -> Self {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Self {
        Self(pairs.into_iter().filter(|(_, value)| !value.is_empty()).collect())
    }
}

/// How a variable's text becomes a value.
#[derive(Debug, Clone, Copy)]
pub(super) enum Form {
    Text,
    /// A list with commas between its items.
    Texts,
    Number,
    Switch,
}

/// Every key of the file and the variable that overrides it. Variables that are not here are ignored: an orchestrator
/// adds its own, such as `RUNBOOKD_SERVICE_HOST`.
pub(super) const KEYS: &[(&str, &str, Form)] = &[
    ("kb", "RUNBOOKD_KB", Form::Text),
    ("listen", "RUNBOOKD_LISTEN", Form::Text),
    ("allow_unauthenticated", "RUNBOOKD_ALLOW_UNAUTHENTICATED", Form::Switch),
    ("tokens_file", "RUNBOOKD_TOKENS_FILE", Form::Text),
    ("state", "RUNBOOKD_STATE", Form::Text),
    ("embedder.choice", "RUNBOOKD_EMBEDDER", Form::Text),
    ("embedder.threads", "RUNBOOKD_EMBEDDER_THREADS", Form::Number),
    ("embeddings.base_url", "RUNBOOKD_EMBEDDINGS_BASE_URL", Form::Text),
    ("embeddings.api_key_file", "RUNBOOKD_EMBEDDINGS_API_KEY_FILE", Form::Text),
    ("embeddings.timeout_s", "RUNBOOKD_EMBEDDINGS_TIMEOUT_S", Form::Number),
    ("embeddings.max_tokens", "RUNBOOKD_EMBEDDINGS_MAX_TOKENS", Form::Number),
    ("llm.provider", "RUNBOOKD_LLM_PROVIDER", Form::Text),
    ("llm.base_url", "RUNBOOKD_LLM_BASE_URL", Form::Text),
    ("llm.model", "RUNBOOKD_LLM_MODEL", Form::Text),
    ("llm.api_key_file", "RUNBOOKD_LLM_API_KEY_FILE", Form::Text),
    ("llm.api_version", "RUNBOOKD_LLM_API_VERSION", Form::Text),
    ("llm.region", "RUNBOOKD_LLM_REGION", Form::Text),
    ("llm.timeout_s", "RUNBOOKD_LLM_TIMEOUT_S", Form::Number),
    ("llm.max_output_tokens", "RUNBOOKD_LLM_MAX_OUTPUT_TOKENS", Form::Number),
    ("llm.send_temperature", "RUNBOOKD_LLM_SEND_TEMPERATURE", Form::Switch),
    ("answer.keep_length", "RUNBOOKD_ANSWER_KEEP_LENGTH", Form::Switch),
    ("answer.evidence_passages", "RUNBOOKD_ANSWER_EVIDENCE_PASSAGES", Form::Number),
    ("answer.evidence_tokens", "RUNBOOKD_ANSWER_EVIDENCE_TOKENS", Form::Number),
    ("server.strict", "RUNBOOKD_SERVER_STRICT", Form::Switch),
    ("server.deadline_s", "RUNBOOKD_SERVER_DEADLINE_S", Form::Number),
    ("server.read_timeout_s", "RUNBOOKD_SERVER_READ_TIMEOUT_S", Form::Number),
    ("server.max_body_bytes", "RUNBOOKD_SERVER_MAX_BODY_BYTES", Form::Number),
    ("server.max_connections", "RUNBOOKD_SERVER_MAX_CONNECTIONS", Form::Number),
    ("server.search_slots", "RUNBOOKD_SERVER_SEARCH_SLOTS", Form::Number),
    ("server.llm_slots", "RUNBOOKD_SERVER_LLM_SLOTS", Form::Number),
    ("server.cached_answers", "RUNBOOKD_SERVER_CACHED_ANSWERS", Form::Number),
    ("server.allowed_hosts", "RUNBOOKD_SERVER_ALLOWED_HOSTS", Form::Texts),
    ("server.shutdown_delay_s", "RUNBOOKD_SERVER_SHUTDOWN_DELAY_S", Form::Number),
    ("server.tls_cert", "RUNBOOKD_SERVER_TLS_CERT", Form::Text),
    ("server.tls_key", "RUNBOOKD_SERVER_TLS_KEY", Form::Text),
    ("log.filter", "RUNBOOKD_LOG", Form::Text),
    ("log.json", "RUNBOOKD_LOG_JSON", Form::Switch),
    // The standard name, which operators and sidecars set.
    ("telemetry.otlp_endpoint", "OTEL_EXPORTER_OTLP_ENDPOINT", Form::Text),
];

/// Sets `section.key`.
pub(super) fn set(table: &mut Table, key: &str, value: Value) {
    match key.split_once('.') {
        None => {
            table.insert(key.to_owned(), value);
        }
        Some((section, key)) => {
            let section = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(section) = section {
                section.insert(key.to_owned(), value);
            }
        }
    }
}

/// A variable's text as a value of the key's type.
pub(super) fn value(key: &str, text: &str, form: Form) -> Result<Value, ConfigError> {
    match form {
        Form::Text => Ok(Value::String(text.to_owned())),
        Form::Texts => {
            let texts = text.split(',').map(str::trim).filter(|text| !text.is_empty());
            Ok(Value::Array(texts.map(|text| Value::String(text.to_owned())).collect()))
        }
        Form::Number => match (text.parse::<i64>(), text.parse::<f64>()) {
            (Ok(whole), _) => Ok(Value::Integer(whole)),
            (Err(_), Ok(number)) => Ok(Value::Float(number)),
            _ => Err(wrong(key, format!("`{text}` is no number"))),
        },
        Form::Switch => match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Ok(Value::Boolean(true)),
            "false" | "0" | "no" | "off" => Ok(Value::Boolean(false)),
            _ => Err(wrong(key, format!("`{text}` is neither `true` nor `false`"))),
        },
    }
}

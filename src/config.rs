//! What is true, from what was said: defaults < file < environment < flags, checked once. The only place that reads the
//! environment (the model's files apart, which `kb` looks for). See `runbookd.example.toml` for every key.

use crate::{
    assistant,
    http::auth::{self, Token, Tokens},
    llm::openai::OpenAiSettings,
    secret::Secret,
};
use kb::{
    embed::{EmbedderChoice, EmbedderSettings, EndpointSettings, Places},
    retrieve::Options,
    store::Address,
};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    io,
    net::{SocketAddr, ToSocketAddrs},
    num::NonZeroUsize,
    path::{Path, PathBuf},
    time::Duration,
};
use toml::{Table, Value};

/// The file that is read when no other is named and it exists.
pub const DEFAULT_FILE: &str = "runbookd.toml";

/// Everything `runbookd` goes by.
#[derive(Debug, Clone)]
pub struct Config {
    /// The knowledge base; commands that need one ask for it with [`Config::knowledge_base`].
    kb: Option<Address>,
    /// The embedding model.
    pub embedder: EmbedderSettings,
    /// The language model, when one is configured.
    pub llm: Option<OpenAiSettings>,
    /// How questions are answered.
    pub assistant: assistant::Settings,
    /// How it is served.
    pub server: Server,
    /// How it logs.
    pub log: Log,
}

/// The HTTP server's part.
#[derive(Debug, Clone)]
pub struct Server {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Who may ask; empty: everybody.
    pub tokens: Tokens,
    /// For one request, from its head to the answer.
    pub deadline: Duration,
    /// Largest request body.
    pub max_body_bytes: usize,
    /// Most connections at once.
    pub max_connections: usize,
    /// For a request's head, and for its body.
    pub read_timeout: Duration,
    /// Whether a degraded answer is refused instead of given.
    pub strict: bool,
    /// Most answers that are kept for the same question.
    pub cached_answers: usize,
    /// Where feedback and unanswered questions are written; `None`: nowhere.
    pub state: Option<PathBuf>,
}

/// How the program logs, to stderr.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Directives such as `info` or `runbookd=debug`.
    pub filter: String,
    /// JSON lines instead of text.
    pub json: bool,
}

/// What a flag said, by key: see [`KEYS`].
pub type Flags = Vec<(&'static str, Value)>;

/// What is in the environment, empty values left out.
#[derive(Debug, Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The environment of this process.
    pub fn of_this_process() -> Self {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    fn get(&self, name: &str) -> Option<&str> {
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
enum Form {
    Text,
    Number,
    Switch,
}

/// Every key of the file and the variable that overrides it. Variables that are not here are ignored: an orchestrator
/// adds its own, such as `RUNBOOKD_SERVICE_HOST`.
const KEYS: &[(&str, &str, Form)] = &[
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
    ("llm.base_url", "RUNBOOKD_LLM_BASE_URL", Form::Text),
    ("llm.model", "RUNBOOKD_LLM_MODEL", Form::Text),
    ("llm.api_key_file", "RUNBOOKD_LLM_API_KEY_FILE", Form::Text),
    ("llm.api_version", "RUNBOOKD_LLM_API_VERSION", Form::Text),
    ("llm.timeout_s", "RUNBOOKD_LLM_TIMEOUT_S", Form::Number),
    ("llm.max_output_tokens", "RUNBOOKD_LLM_MAX_OUTPUT_TOKENS", Form::Number),
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
    ("log.filter", "RUNBOOKD_LOG", Form::Text),
    ("log.json", "RUNBOOKD_LOG_JSON", Form::Switch),
];

/// The file's shape, defaults filled in.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Raw {
    kb: Option<String>,
    listen: String,
    allow_unauthenticated: bool,
    tokens_file: Option<PathBuf>,
    state: Option<String>,
    embedder: RawEmbedder,
    embeddings: RawEmbeddings,
    llm: RawLlm,
    answer: RawAnswer,
    server: RawServer,
    log: RawLog,
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
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawEmbedder {
    choice: Option<String>,
    threads: Option<usize>,
    ort_lib: Option<PathBuf>,
    model_dir: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawEmbeddings {
    base_url: Option<String>,
    api_key_file: Option<PathBuf>,
    timeout_s: f64,
    max_tokens: usize,
}

impl Default for RawEmbeddings {
    fn default() -> Self {
        Self { base_url: None, api_key_file: None, timeout_s: 30.0, max_tokens: 512 }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawLlm {
    base_url: Option<String>,
    model: Option<String>,
    api_key_file: Option<PathBuf>,
    api_version: Option<String>,
    timeout_s: f64,
    max_output_tokens: Option<u32>,
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

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawAnswer {
    keep_length: bool,
    evidence_passages: usize,
    evidence_tokens: usize,
}

impl Default for RawAnswer {
    fn default() -> Self {
        let Options { evidence_passages, evidence_tokens, .. } = Options::default();
        Self { keep_length: true, evidence_passages, evidence_tokens }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawServer {
    strict: bool,
    deadline_s: Option<f64>,
    read_timeout_s: f64,
    max_body_bytes: usize,
    max_connections: usize,
    search_slots: usize,
    llm_slots: usize,
    cached_answers: usize,
}

impl Default for RawServer {
    fn default() -> Self {
        let assistant::Settings { search_slots, llm_slots, .. } = assistant::Settings::default();
        Self {
            strict: false,
            deadline_s: None,
            read_timeout_s: 10.0,
            max_body_bytes: 1 << 20,
            max_connections: 512,
            search_slots,
            llm_slots,
            cached_answers: 4_096,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawLog {
    filter: String,
    json: bool,
}

impl Default for RawLog {
    fn default() -> Self {
        Self { filter: "info".to_owned(), json: false }
    }
}

/// What is wrong with the configuration. Each message names the key.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file `{path}`")]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The file is not TOML.
    #[error("the configuration file `{path}` is not TOML: {detail}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where and why.
        detail: String,
    },
    /// A key that does not exist, or a value of the wrong type.
    #[error("the configuration is wrong{}: {detail}", from(.origin))]
    Shape {
        /// Where the value comes from, when one source alone is at fault.
        origin: Option<String>,
        /// The key and what is wrong with it.
        detail: String,
    },
    /// A value that cannot be used.
    #[error("`{key}` is wrong: {detail}")]
    Value {
        /// The key, with its variable.
        key: String,
        /// What is wrong with it and what would be right.
        detail: String,
    },
    /// A secret's file cannot be read.
    #[error("`{key}` names `{path}`, which cannot be read")]
    Secret {
        /// The key.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The tokens file is wrong.
    #[error(transparent)]
    Tokens(#[from] auth::TokensError),
    /// No knowledge base was named.
    #[error("no knowledge base: give `--kb DIR`, or set RUNBOOKD_KB")]
    NoKnowledgeBase,
    /// A public address without tokens.
    #[error(
        "`{listen}` can be reached from other machines, but there is no token: set RUNBOOKD_TOKEN or \
         RUNBOOKD_TOKENS_FILE, listen on 127.0.0.1, or say --allow-unauthenticated"
    )]
    Unauthenticated {
        /// The address.
        listen: SocketAddr,
    },
}

fn from(origin: &Option<String>) -> String {
    origin.as_ref().map(|origin| format!(" in {origin}")).unwrap_or_default()
}

/// A value that cannot be used, its key named with the variable that sets it.
fn wrong(key: &str, detail: impl Into<String>) -> ConfigError {
    let variable = KEYS.iter().find(|(path, ..)| *path == key).map(|(_, variable, _)| *variable);
    let key = variable.map_or_else(|| key.to_owned(), |variable| format!("{key} ({variable})"));
    ConfigError::Value { key, detail: detail.into() }
}

impl Config {
    /// Reads and checks the configuration. `file` must exist; without it [`DEFAULT_FILE`] is read when there is one.
    pub fn load(file: Option<&Path>, environment: &Environment, flags: Flags) -> Result<Self, ConfigError> {
        let mut table = match file {
            Some(path) => read_file(path)?,
            None if Path::new(DEFAULT_FILE).exists() => read_file(Path::new(DEFAULT_FILE))?,
            None => Table::new(),
        };
        if let Some(path) = file {
            // The file's own mistakes are reported as the file's.
            shape(table.clone(), Some(path.display().to_string()))?;
        }
        for (key, variable, form) in KEYS {
            if let Some(text) = environment.get(variable) {
                set(&mut table, key, value(key, text, *form)?);
            }
        }
        for (key, value) in flags {
            set(&mut table, key, value);
        }
        Self::check(shape(table, None)?, environment)
    }

    fn check(raw: Raw, environment: &Environment) -> Result<Self, ConfigError> {
        let kb = raw
            .kb
            .map(|text| text.parse::<Address>().map_err(|error| wrong("kb", error.to_string())))
            .transpose()?;
        let endpoint_key = secret(
            environment,
            "RUNBOOKD_EMBEDDINGS_API_KEY",
            "embeddings.api_key_file",
            raw.embeddings.api_key_file,
        )?;
        let embedder = EmbedderSettings {
            choice: match raw.embedder.choice {
                Some(choice) => choice
                    .parse::<EmbedderChoice>()
                    .map_err(|error| wrong("embedder.choice", error.to_string()))?,
                None => EmbedderChoice::default(),
            },
            places: Places::of_this_process(raw.embedder.ort_lib, raw.embedder.model_dir),
            threads: match raw.embedder.threads {
                Some(threads) => Some(
                    NonZeroUsize::new(threads)
                        .ok_or_else(|| wrong("embedder.threads", "it must be at least 1"))?,
                ),
                None => None,
            },
            endpoint: match raw.embeddings.base_url {
                Some(base_url) => Some(EndpointSettings {
                    base_url: web_url("embeddings.base_url", base_url)?,
                    api_key: endpoint_key.map(|key| key.expose().to_owned()),
                    timeout: seconds("embeddings.timeout_s", raw.embeddings.timeout_s)?,
                    max_tokens: at_least_one("embeddings.max_tokens", raw.embeddings.max_tokens)?,
                }),
                None => None,
            },
        };

        let api_key = secret(environment, "RUNBOOKD_LLM_API_KEY", "llm.api_key_file", raw.llm.api_key_file)?;
        let llm = match (raw.llm.base_url, raw.llm.model) {
            (Some(base_url), Some(model)) => Some(OpenAiSettings {
                base_url: web_url("llm.base_url", base_url)?,
                model,
                api_key,
                api_version: raw.llm.api_version,
                max_output_tokens: raw.llm.max_output_tokens,
            }),
            (Some(_), None) => return Err(wrong("llm.model", "it is missing, but `llm.base_url` is set")),
            (None, Some(_)) => return Err(wrong("llm.base_url", "it is missing, but `llm.model` is set")),
            (None, None) => None,
        };
        let llm_timeout = seconds("llm.timeout_s", raw.llm.timeout_s)?;
        let deadline = match raw.server.deadline_s {
            Some(deadline_s) => seconds("server.deadline_s", deadline_s)?,
            // Whoever gives the model more time wants it to be used.
            None => llm_timeout.max(Duration::from_secs(30)),
        };

        let assistant = assistant::Settings {
            retrieval: Options {
                evidence_passages: at_least_one("answer.evidence_passages", raw.answer.evidence_passages)?,
                evidence_tokens: at_least_one("answer.evidence_tokens", raw.answer.evidence_tokens)?,
                ..Options::default()
            },
            llm_timeout,
            llm_slots: at_least_one("server.llm_slots", raw.server.llm_slots)?,
            search_slots: at_least_one("server.search_slots", raw.server.search_slots)?,
            keep_length: raw.answer.keep_length,
            ..assistant::Settings::default()
        };

        let listen =
            raw.listen.to_socket_addrs().ok().and_then(|mut addresses| addresses.next()).ok_or_else(
                || wrong("listen", format!("`{}` is no address such as 127.0.0.1:8000", raw.listen)),
            )?;
        let mut tokens = match &raw.tokens_file {
            Some(path) => Tokens::read(path)?,
            None => Tokens::default(),
        };
        if let Some(token) = environment.get("RUNBOOKD_TOKEN") {
            tokens.push(Token::from_environment(token));
        }
        if tokens.is_empty() && !listen.ip().is_loopback() && !raw.allow_unauthenticated {
            return Err(ConfigError::Unauthenticated { listen });
        }
        Ok(Self {
            kb,
            embedder,
            llm,
            assistant,
            server: Server {
                listen,
                tokens,
                deadline,
                max_body_bytes: at_least_one("server.max_body_bytes", raw.server.max_body_bytes)?,
                max_connections: at_least_one("server.max_connections", raw.server.max_connections)?,
                read_timeout: seconds("server.read_timeout_s", raw.server.read_timeout_s)?,
                strict: raw.server.strict,
                cached_answers: raw.server.cached_answers,
                state: state_directory(raw.state, environment),
            },
            log: Log { filter: raw.log.filter, json: raw.log.json },
        })
    }

    /// The state directory, for the commands that read it.
    pub fn state(&self) -> Result<&Path, ConfigError> {
        self.server
            .state
            .as_deref()
            .ok_or_else(|| wrong("state", "it is `none`, so nothing was written down"))
    }

    /// The knowledge base's address.
    pub fn knowledge_base(&self) -> Result<&Address, ConfigError> {
        self.kb.as_ref().ok_or(ConfigError::NoKnowledgeBase)
    }
}

fn read_file(path: &Path) -> Result<Table, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| ConfigError::File { path: path.to_owned(), source })?;
    text.parse::<Table>().map_err(|error| ConfigError::Syntax {
        path: path.to_owned(),
        detail: error.to_string().trim().to_owned(),
    })
}

/// A table in the file's shape. The error of a wrong type or an unknown key names the key.
fn shape(table: Table, origin: Option<String>) -> Result<Raw, ConfigError> {
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

const SECTIONS: [&str; 6] = ["embedder", "embeddings", "llm", "answer", "server", "log"];

fn one_line(error: &toml::de::Error) -> String {
    crate::text::one_line(error.message())
}

/// Sets `section.key`.
fn set(table: &mut Table, key: &str, value: Value) {
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
fn value(key: &str, text: &str, form: Form) -> Result<Value, ConfigError> {
    match form {
        Form::Text => Ok(Value::String(text.to_owned())),
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

/// A secret from its variable, or from the file that a key or `<VARIABLE>_FILE` names.
fn secret(
    environment: &Environment,
    variable: &str,
    key: &'static str,
    file: Option<PathBuf>,
) -> Result<Option<Secret>, ConfigError> {
    if let Some(text) = environment.get(variable) {
        return Ok(Some(Secret::new(text.to_owned())));
    }
    let Some(path) = file else { return Ok(None) };
    let text = std::fs::read_to_string(&path).map_err(|source| ConfigError::Secret { key, path, source })?;
    Ok(Some(Secret::new(text.trim().to_owned())))
}

/// The state directory: as given, `none` for nowhere, else where such files belong.
fn state_directory(given: Option<String>, environment: &Environment) -> Option<PathBuf> {
    match given.as_deref() {
        Some("none") => None,
        Some(path) => Some(PathBuf::from(path)),
        None => {
            let state_home =
                environment.get("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
            let home = environment.get("HOME").map(|home| Path::new(home).join(".local/state"));
            state_home.or(home).map(|directory| directory.join("runbookd"))
        }
    }
}

fn web_url(key: &str, text: String) -> Result<String, ConfigError> {
    let scheme_ends = text.starts_with("http://") || text.starts_with("https://");
    match scheme_ends && !text.contains(char::is_whitespace) {
        true => Ok(text.trim_end_matches('/').to_owned()),
        false => Err(wrong(key, format!("`{text}` is no URL such as https://api.example.com/v1"))),
    }
}

fn seconds(key: &str, seconds: f64) -> Result<Duration, ConfigError> {
    match seconds.is_finite() && (0.05..=3_600.0).contains(&seconds) {
        true => Ok(Duration::from_secs_f64(seconds)),
        false => Err(wrong(key, format!("{seconds} s is out of range; give 0.05 to 3600"))),
    }
}

fn at_least_one(key: &str, number: usize) -> Result<usize, ConfigError> {
    match number {
        0 => Err(wrong(key, "it must be at least 1")),
        _ => Ok(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Environment {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn load(file: &str, pairs: &[(&str, &str)], flags: Flags) -> Result<Config, String> {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("runbookd.toml");
        std::fs::write(&path, file).expect("a file");
        Config::load(Some(&path), &environment(pairs), flags).map_err(|error| error.to_string())
    }

    #[test]
    fn later_layers_win() {
        let file = "kb = \"file\"\nlisten = \"127.0.0.1:1\"\n[llm]\ntimeout_s = 5";
        let config = load(file, &[("RUNBOOKD_KB", "environment"), ("RUNBOOKD_LLM_TIMEOUT_S", "7")], vec![])
            .expect("it is right");
        assert_eq!(config.knowledge_base().expect("one").to_string(), "environment");
        assert_eq!(config.assistant.llm_timeout, Duration::from_secs(7));
        assert_eq!(config.server.listen.port(), 1);
        let flags = vec![("kb", Value::String("flag".to_owned()))];
        let config = load(file, &[("RUNBOOKD_KB", "environment")], flags).expect("it is right");
        assert_eq!(config.knowledge_base().expect("one").to_string(), "flag");
        assert_eq!(config.assistant.llm_timeout, Duration::from_secs(5));
    }

    #[test]
    fn errors_name_the_key() {
        for (file, pairs, expected) in [
            ("[llm]\nbase_url = \"http://h/v1\"", &[][..], "`llm.model (RUNBOOKD_LLM_MODEL)` is wrong"),
            ("[llm]\nbase = \"x\"", &[], "`llm.base`"),
            ("colour = 1", &[], "`colour`"),
            ("[server]\nmax_connections = \"many\"", &[], "`server.max_connections`"),
            ("", &[("RUNBOOKD_LLM_TIMEOUT_S", "soon")], "RUNBOOKD_LLM_TIMEOUT_S"),
            ("", &[("RUNBOOKD_LLM_TIMEOUT_S", "-1")], "RUNBOOKD_LLM_TIMEOUT_S"),
            ("", &[("RUNBOOKD_LISTEN", "nowhere")], "RUNBOOKD_LISTEN"),
            ("", &[("RUNBOOKD_KB", "redis://h")], "RUNBOOKD_KB"),
            ("", &[("RUNBOOKD_EMBEDDER", "magic")], "RUNBOOKD_EMBEDDER"),
            ("", &[("RUNBOOKD_LLM_API_KEY_FILE", "/nonexistent/key")], "llm.api_key_file"),
            ("", &[("RUNBOOKD_LISTEN", "0.0.0.0:8000")], "--allow-unauthenticated"),
            ("[llm]\napi_key = \"secret\"", &[], "`llm.api_key`"),
        ] {
            let error = load(file, pairs, vec![]).expect_err(expected);
            assert!(error.contains(expected), "{expected}: {error}");
        }
    }

    #[test]
    fn a_public_address_needs_a_token_or_consent() {
        let public = ("RUNBOOKD_LISTEN", "0.0.0.0:8000");
        load("", &[public, ("RUNBOOKD_TOKEN", "t0ken")], vec![]).expect("a token is enough");
        load("", &[public], vec![("allow_unauthenticated", Value::Boolean(true))])
            .expect("consent is enough");
    }

    #[test]
    fn secrets_do_not_print() {
        let pairs = [
            ("RUNBOOKD_LLM_BASE_URL", "http://h/v1"),
            ("RUNBOOKD_LLM_MODEL", "m"),
            ("RUNBOOKD_LLM_API_KEY", "sk-canary"),
            ("RUNBOOKD_TOKEN", "token-canary"),
            ("RUNBOOKD_EMBEDDINGS_BASE_URL", "http://h/v1"),
            ("RUNBOOKD_EMBEDDINGS_API_KEY", "sk-canary"),
        ];
        let printed = format!("{:?}", load("", &pairs, vec![]).expect("it is right"));
        assert!(!printed.contains("canary"), "{printed}");
    }

    #[test]
    fn the_example_documents_every_key_and_is_right() {
        let example = include_str!("../runbookd.example.toml");
        Config::check(
            shape(example.parse().expect("TOML"), None).expect("known keys"),
            &Environment::default(),
        )
        .expect("right values");
        // A line that is commented out is a key too.
        let uncommented: String = example
            .lines()
            .map(|line| {
                match line
                    .strip_prefix("# ")
                    .filter(|rest| rest.split_once(" = ").is_some_and(|(key, _)| !key.contains(' ')))
                {
                    Some(setting) => format!("{setting}\n"),
                    None => format!("{line}\n"),
                }
            })
            .collect();
        let table: Table = uncommented.parse().expect("TOML with every key");
        shape(table.clone(), None).expect("known keys");
        for (key, ..) in KEYS {
            let found = match key.split_once('.') {
                None => table.get(*key),
                Some((section, key)) => table.get(section).and_then(|section| section.get(key)),
            };
            assert!(found.is_some(), "`{key}` is not in runbookd.example.toml");
        }
        for (_, variable, _) in KEYS {
            assert!(example.contains(variable), "`{variable}` is not in runbookd.example.toml");
        }
    }
}

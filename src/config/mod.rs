//! The settings of a run, merged from the defaults, the file, the environment and the flags (a later one of these
//! wins), and checked once. This module is the only place that reads the environment (the model's files apart, which
//! `kb` looks for). See `runbookd.example.toml` for every key.

mod aws;
mod environment;
mod error;
mod file;
mod llm;
#[cfg(test)]
mod tests;
mod values;

pub use environment::{Environment, Flags};
pub use error::ConfigError;

use crate::http::{
    auth::{Token, Tokens},
    settings::Server,
    tls::TlsFiles,
};
use answer::{assistant, llm::settings::ProviderSettings};
use environment::{KEYS, set, value};
use error::wrong;
use file::{Raw, read_file, shape};
use kb::{
    embed::{EmbedderChoice, EmbedderSettings, EndpointSettings, Places},
    retrieve::Options,
    store::Address,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::ToSocketAddrs,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    time::Duration,
};
use toml::{Table, Value};
use values::{at_most, delay, hosts, seconds, secret, trimmed, web_url};

/// The file that is read when no other is named and it exists.
pub const DEFAULT_FILE: &str = "runbookd.toml";

/// The deadline of an answer where nothing longer is configured.
const USUAL_DEADLINE: Duration = Duration::from_secs(30);

// The largest numbers of what settings count: more than any machine has use for, and few enough to be added and
// multiplied.
const MAX_CONNECTIONS: usize = 1 << 20;
const MAX_SLOTS: usize = 1 << 16;
const MAX_THREADS: usize = 1 << 10;
const MAX_BYTES: usize = 1 << 30;
const MAX_PASSAGES: usize = 1 << 10;
const MAX_TOKENS: usize = 1 << 20;
const MAX_CACHED_ANSWERS: usize = 1 << 20;

#[derive(Debug, Clone)]
pub struct Config {
    /// The knowledge base; commands that need one ask for it with [`Config::knowledge_base`].
    kb: Option<Address>,
    pub embedder: EmbedderSettings,
    /// The language models, in the order in which they are asked; none: answers quote the documents.
    pub llm: Vec<ProviderSettings>,
    /// How questions are answered.
    pub assistant: assistant::Settings,
    /// How it is served.
    pub server: Server,
    pub log: Log,
    /// The spans for a collector.
    pub telemetry: Telemetry,
    /// The value given for each key.
    said: Table,
}

/// The keys of which a running server takes new values; those of all others need a restart.
pub const LIVE_KEYS: [&str; 9] = [
    "server.allowed_hosts",
    "server.deadline_s",
    "server.max_body_bytes",
    "server.read_timeout_s",
    "server.shutdown_delay_s",
    "server.strict",
    "server.tls_cert",
    "server.tls_key",
    "tokens_file",
];

/// The collector of spans.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Telemetry {
    /// The collector's URL, without `/v1/traces`; `None`: spans stay here.
    pub otlp_endpoint: Option<String>,
}

/// How the program logs, to stderr.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Directives such as `info` or `runbookd=debug`.
    pub filter: String,
    /// JSON lines instead of text.
    pub json: bool,
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
        Self::check(shape(table.clone(), None)?, table, environment)
    }

    fn check(raw: Raw, said: Table, environment: &Environment) -> Result<Self, ConfigError> {
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
                Some(threads) => NonZeroUsize::new(at_most(MAX_THREADS, "embedder.threads", threads)?),
                None => None,
            },
            endpoint: match raw.embeddings.base_url {
                Some(base_url) => Some(EndpointSettings {
                    base_url: web_url("embeddings.base_url", base_url)?,
                    api_key: endpoint_key.map(|key| key.expose().to_owned()),
                    timeout: seconds("embeddings.timeout_s", raw.embeddings.timeout_s)?,
                    max_tokens: at_most(MAX_TOKENS, "embeddings.max_tokens", raw.embeddings.max_tokens)?,
                }),
                None => None,
            },
        };

        let llm_timeout = seconds("llm.timeout_s", raw.llm.timeout_s)?;
        let llm = llm::check(raw.llm, environment)?;
        let deadline = match raw.server.deadline_s {
            Some(deadline_s) => seconds("server.deadline_s", deadline_s)?,
            // More time for the model lengthens the deadline.
            None => llm_timeout.max(USUAL_DEADLINE),
        };

        let assistant = assistant::Settings {
            retrieval: Options {
                evidence_passages: at_most(
                    MAX_PASSAGES,
                    "answer.evidence_passages",
                    raw.answer.evidence_passages,
                )?,
                evidence_tokens: at_most(MAX_TOKENS, "answer.evidence_tokens", raw.answer.evidence_tokens)?,
                ..Options::default()
            },
            llm_timeout,
            llm_slots: at_most(MAX_SLOTS, "server.llm_slots", raw.server.llm_slots)?,
            search_slots: at_most(MAX_SLOTS, "server.search_slots", raw.server.search_slots)?,
            keep_length: raw.answer.keep_length,
            ..assistant::Settings::default()
        };

        let listen =
            raw.listen.to_socket_addrs().ok().and_then(|mut addresses| addresses.next()).ok_or_else(
                || wrong("listen", format!("`{}` is no address such as 127.0.0.1:8000", raw.listen)),
            )?;
        let own_token = match environment.get("RUNBOOKD_TOKEN") {
            Some(token) => Some(Token::from_environment(trimmed("RUNBOOKD_TOKEN", token)?.expose())),
            None => None,
        };
        let tokens = Tokens::follow(raw.tokens_file, own_token)?;
        if tokens.current().is_empty() && !listen.ip().is_loopback() && !raw.allow_unauthenticated {
            return Err(ConfigError::Unauthenticated { listen });
        }
        let tls = match (raw.server.tls_cert, raw.server.tls_key) {
            (Some(certificate), Some(key)) => Some(TlsFiles { certificate, key }),
            (Some(_), None) => {
                return Err(wrong("server.tls_key", "it is missing, but `server.tls_cert` is set"));
            }
            (None, Some(_)) => {
                return Err(wrong("server.tls_cert", "it is missing, but `server.tls_key` is set"));
            }
            (None, None) => None,
        };
        let otlp_endpoint =
            raw.telemetry.otlp_endpoint.map(|url| web_url("telemetry.otlp_endpoint", url)).transpose()?;
        Ok(Self {
            kb,
            embedder,
            llm,
            assistant,
            server: Server {
                listen,
                tls,
                traces: otlp_endpoint.is_some(),
                tokens,
                deadline,
                max_body_bytes: at_most(MAX_BYTES, "server.max_body_bytes", raw.server.max_body_bytes)?,
                max_connections: at_most(
                    MAX_CONNECTIONS,
                    "server.max_connections",
                    raw.server.max_connections,
                )?,
                read_timeout: seconds("server.read_timeout_s", raw.server.read_timeout_s)?,
                strict: raw.server.strict,
                shutdown_delay: delay("server.shutdown_delay_s", raw.server.shutdown_delay_s)?,
                allowed_hosts: hosts("server.allowed_hosts", raw.server.allowed_hosts)?,
                cached_answers: match raw.server.cached_answers {
                    0 => 0,
                    answers => at_most(MAX_CACHED_ANSWERS, "server.cached_answers", answers)?,
                },
                state: state_directory(raw.state, environment),
            },
            log: Log { filter: raw.log.filter, json: raw.log.json },
            telemetry: Telemetry { otlp_endpoint },
            said,
        })
    }

    /// The keys of which `other` says something else, sorted.
    pub fn differences(&self, other: &Self) -> BTreeSet<String> {
        let keys = |table: &Table| -> BTreeMap<String, Value> {
            let in_section = |(section, value): (&String, &Value)| match value {
                Value::Table(keys) => keys
                    .iter()
                    .map(|(key, value)| (format!("{section}.{key}"), value.clone()))
                    .collect::<Vec<_>>(),
                value => vec![(section.clone(), value.clone())],
            };
            table.iter().flat_map(in_section).collect()
        };
        let (ours, theirs) = (keys(&self.said), keys(&other.said));
        let all: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
        all.into_iter().filter(|key| ours.get(*key) != theirs.get(*key)).cloned().collect()
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

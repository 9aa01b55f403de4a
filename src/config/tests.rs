use super::*;
use crate::http::auth::Role;
use answer::llm::{
    bedrock::BedrockAccess,
    settings::ProviderSettings::{Anthropic, Bedrock, OpenAi},
};
use net::Secret;
use toml::Value;

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

const OPENAI: &str = "[llm]\nbase_url = \"http://h/v1\"\nmodel = \"m\"\n";
const FALLBACK: &str = "[[llm.fallback]]\nprovider = \"anthropic\"\nmodel = \"claude\"\n";

#[test]
fn providers_stand_in_the_order_of_the_file() {
    let file = format!(
        "{OPENAI}{FALLBACK}api_key_env = \"SPARE_KEY\"\nsend_temperature = false\n\
         [[llm.fallback]]\nprovider = \"bedrock\"\nmodel = \"nova\"\nregion = \"eu-west-1\"\n"
    );
    let pairs = [
        ("RUNBOOKD_LLM_API_KEY", "first-key"),
        ("SPARE_KEY", "spare-key"),
        ("AWS_BEARER_TOKEN_BEDROCK", "bedrock-key"),
    ];
    let config = load(&file, &pairs, vec![]).expect("it is right");
    let [OpenAi(first), Anthropic(second), Bedrock(third)] = &config.llm[..] else {
        panic!("{:?}", config.llm);
    };
    let secret = |text: &str| Some(Secret::new(text.to_owned()));
    assert_eq!((first.base_url.as_str(), &first.api_key), ("http://h/v1", &secret("first-key")));
    assert_eq!(first.sampling.temperature(), Some(0.0));
    assert_eq!(second.base_url, "https://api.anthropic.com");
    assert_eq!((&second.api_key, second.max_output_tokens), (&secret("spare-key"), 1_024));
    assert_eq!(second.sampling.temperature(), None);
    assert_eq!(third.region, "eu-west-1");
    assert_eq!(third.access, BedrockAccess::ApiKey(Secret::new("bedrock-key".to_owned())));
    assert!(!format!("{config:?}").contains("-key\""));
}

const HUGE: &str = "9223372036854775807";

#[test]
fn errors_name_the_key() {
    for (file, pairs, expected) in [
        ("[llm]\nbase_url = \"http://h/v1\"", &[][..], "`llm.model (RUNBOOKD_LLM_MODEL)` is wrong"),
        ("[llm]\nbase = \"x\"", &[], "`llm.base`"),
        ("[llm]\nprovider = \"oracle\"", &[], "`llm.provider`"),
        ("[llm]\nprovider = \"anthropic\"", &[], "`llm.model (RUNBOOKD_LLM_MODEL)` is wrong"),
        ("", &[("RUNBOOKD_LLM_PROVIDER", "bedrock"), ("RUNBOOKD_LLM_MODEL", "m")], "RUNBOOKD_LLM_REGION"),
        ("[llm]\nprovider = \"anthropic\"\nmodel = \"m\"\nregion = \"r\"", &[], "`llm.region"),
        ("[[llm.fallback]]\nmodel = \"m\"", &[], "`llm.model"),
        (&format!("{OPENAI}[[llm.fallback]]\nmodel = \"m\""), &[], "`llm.fallback[0].base_url`"),
        (&format!("{OPENAI}[[llm.fallback]]\ncolour = 1"), &[], "`llm.fallback`"),
        (&format!("{OPENAI}{FALLBACK}api_key_env = \"NONE\""), &[], "`llm.fallback[0].api_key_env`"),
        (
            &format!("{OPENAI}{FALLBACK}api_key_file = \"/nonexistent/key\""),
            &[],
            "`llm.fallback[0].api_key_file`",
        ),
        (
            &format!("{OPENAI}{FALLBACK}api_key_file = \"/a\"\napi_key_env = \"B\""),
            &[],
            "`llm.fallback[0].api_key_env`",
        ),
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
        ("[server]\ntls_cert = \"c.pem\"", &[], "RUNBOOKD_SERVER_TLS_KEY"),
        (
            "",
            &[("RUNBOOKD_SERVER_MAX_CONNECTIONS", HUGE)],
            "MAX_CONNECTIONS)` is wrong: 9223372036854775807 is out",
        ),
        ("", &[("RUNBOOKD_SERVER_SEARCH_SLOTS", HUGE)], "give 1 to 65536"),
        ("", &[("RUNBOOKD_SERVER_LLM_SLOTS", HUGE)], "give 1 to 65536"),
        ("", &[("RUNBOOKD_SERVER_LLM_SLOTS", "0")], "give 1 to 65536"),
        ("", &[("RUNBOOKD_SERVER_CACHED_ANSWERS", HUGE)], "give 1 to 1048576"),
        ("", &[("RUNBOOKD_EMBEDDER_THREADS", HUGE)], "give 1 to 1024"),
        ("", &[("RUNBOOKD_SERVER_DEADLINE_S", "1e300")], "1e300 s is out of range; give 0.05 to 3600"),
        ("", &[("RUNBOOKD_SERVER_SHUTDOWN_DELAY_S", "-1")], "-1.0 s is out of range"),
        ("", &[("RUNBOOKD_SERVER_READ_TIMEOUT_S", "nan")], "NaN s is out of range"),
        (
            "",
            &[("RUNBOOKD_SERVER_ALLOWED_HOSTS", "a.example, http://b.example")],
            "`http://b.example` is no name",
        ),
        ("[server]\nallowed_hosts = [\"a:80\"]", &[], "RUNBOOKD_SERVER_ALLOWED_HOSTS"),
        ("", &[("RUNBOOKD_TOKEN", " \n")], "`RUNBOOKD_TOKEN` is wrong: it holds nothing but white space"),
        ("", &[("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318")], "telemetry.otlp_endpoint"),
    ] {
        let error = load(file, pairs, vec![]).expect_err(expected);
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

#[test]
fn a_public_address_needs_a_token_or_consent() {
    let public = ("RUNBOOKD_LISTEN", "0.0.0.0:8000");
    load("", &[public, ("RUNBOOKD_TOKEN", "t0ken")], vec![]).expect("a token is enough");
    load("", &[public], vec![("allow_unauthenticated", Value::Boolean(true))]).expect("consent is enough");
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

/// Also not where the address that holds them is wrong.
#[test]
fn passwords_of_wrong_addresses_do_not_print() {
    for url in
        ["htps://user:canary@h/v1", "https://user:canary@h h/v1", "http://user:canary@:80/v1", "canary"]
    {
        for variable in
            ["RUNBOOKD_LLM_BASE_URL", "RUNBOOKD_EMBEDDINGS_BASE_URL", "OTEL_EXPORTER_OTLP_ENDPOINT"]
        {
            let right = [("RUNBOOKD_LLM_MODEL", "m"), ("RUNBOOKD_LLM_BASE_URL", "http://h/v1")];
            let pairs = [&right[..], &[("RUNBOOKD_EMBEDDER", "openai:m"), (variable, url)]].concat();
            let error = load("", &pairs, vec![]).expect_err(url);
            assert!(error.contains(variable) && !error.contains("canary"), "{error}");
        }
    }
}

#[test]
fn secrets_are_read_without_the_space_around_them() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("key");
    std::fs::write(&path, " spare-key\r\n").expect("a file");
    let file = format!("{OPENAI}{FALLBACK}api_key_file = \"{}\"", path.display());
    let pairs = [("RUNBOOKD_LLM_API_KEY", "first-key\n"), ("RUNBOOKD_TOKEN", " t0ken\n")];
    let config = load(&file, &pairs, vec![]).expect("it is right");
    let [OpenAi(first), Anthropic(second)] = &config.llm[..] else { panic!("{:?}", config.llm) };
    let secret = |text: &str| Some(Secret::new(text.to_owned()));
    assert_eq!((&first.api_key, &second.api_key), (&secret("first-key"), &secret("spare-key")));
    config.server.tokens.current().admit(Some("Bearer t0ken"), Role::Ask).expect("it is the token");
    std::fs::write(&path, "\n").expect("a file");
    let error = load(&file, &pairs, vec![]).expect_err("a blank key");
    assert!(error.contains("`llm.fallback[0].api_key_file`"), "{error}");
}

#[test]
fn the_example_documents_every_key_and_is_right() {
    let example = include_str!("../../runbookd.example.toml");
    let table: Table = example.parse().expect("TOML");
    Config::check(shape(table.clone(), None).expect("known keys"), table, &Environment::default())
        .expect("right values");
    // A line that is commented out is a key too.
    let uncommented: String = example
        .lines()
        .map(|line| {
            let is_setting = |rest: &&str| {
                rest.starts_with("[[") || rest.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '))
            };
            match line.strip_prefix("# ").filter(is_setting) {
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

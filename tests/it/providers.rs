//! The providers: what each is sent, how several stand in for one another, and when one is left alone.

use crate::{
    bedrock::{bedrock, bedrock_with, secret},
    harness::{LLM_KEY, Script, ScriptedLlm, Setup, openai, sample_kb},
    process::runbookd,
};
use answer::llm::{
    anthropic::AnthropicSettings,
    bedrock::BedrockAccess,
    breaker,
    settings::{ProviderSettings, Sampling},
};
use serde_json::{Value, json};
use std::time::Duration;

pub const OOM: &str = "the last termination reason is OOMKilled container=api pod=search-api-6b7f9d5c4-zz8rt";
pub const SAYS: &str = "Error: it was killed [1]\nSolution: raise the limit [1]";

/// A scripted model behind Anthropic's interface.
pub fn anthropic(base_url: &str) -> ProviderSettings {
    ProviderSettings::Anthropic(AnthropicSettings {
        base_url: base_url.to_owned(),
        model: "scripted-anthropic".to_owned(),
        api_key: Some(secret(LLM_KEY)),
        max_output_tokens: 1_024,
        sampling: Sampling::default(),
    })
}

/// A request's first line, the headers that are asked for, and its body with the texts' first words.
fn shown(request: &str, headers: &[&str]) -> String {
    let (head, body) = request.split_once("\r\n\r\n").expect("a request");
    let mut lines = head.lines();
    let mut shown = lines.next().unwrap_or_default().to_owned();
    for line in lines {
        if headers.iter().any(|header| line.to_ascii_lowercase().starts_with(&format!("{header}:"))) {
            shown.push('\n');
            shown.push_str(line);
        }
    }
    let mut body: Value = serde_json::from_str(body).expect("JSON");
    shorten(&mut body);
    format!("{shown}\n\n{}", serde_json::to_string_pretty(&body).expect("JSON"))
}

/// Long texts by their start, which ends before the fence.
fn shorten(value: &mut Value) {
    match value {
        Value::String(text) if text.len() > 40 => {
            let first = text.lines().next().unwrap_or_default();
            *text = format!("{}...", &first[..first.len().min(18)]);
        }
        Value::Array(values) => values.iter_mut().for_each(shorten),
        Value::Object(fields) => fields.values_mut().for_each(shorten),
        _ => {}
    }
}

pub async fn request_of(provider: impl Fn(&str) -> ProviderSettings) -> (String, Value) {
    let llm = ScriptedLlm::start(Script::says(SAYS)).await;
    let app = Setup { llm: vec![provider(&llm.base_url)], ..Setup::default() }.start().await;
    let reply = app.k8sgpt(OOM, "english").await;
    assert_eq!((reply["answered_by"].as_str(), llm.num_requests()), (Some("llm"), 1), "{reply}");
    (llm.last_request(), reply)
}

#[tokio::test]
async fn each_provider_is_asked_in_its_own_way() {
    let (request, reply) = request_of(openai).await;
    assert_eq!(reply["model"], "scripted-1");
    insta::assert_snapshot!(shown(&request, &["authorization", "content-type"]), @r#"
    POST /v1/chat/completions HTTP/1.1
    content-type: application/json
    authorization: Bearer sk-canary-2f9d

    {
      "messages": [
        {
          "content": "You answer operati...",
          "role": "system"
        },
        {
          "content": "<<<BEGIN DOCUMENTS...",
          "role": "user"
        }
      ],
      "model": "scripted",
      "stream": false,
      "temperature": 0.0
    }
    "#);

    let (request, reply) = request_of(anthropic).await;
    assert_eq!(reply["model"], "scripted-anthropic-1");
    insta::assert_snapshot!(shown(&request, &["x-api-key", "anthropic-version", "content-type"]), @r#"
    POST /v1/messages HTTP/1.1
    content-type: application/json
    anthropic-version: 2023-06-01
    x-api-key: sk-canary-2f9d

    {
      "max_tokens": 1024,
      "messages": [
        {
          "content": "<<<BEGIN DOCUMENTS...",
          "role": "user"
        }
      ],
      "model": "scripted-anthropic",
      "stream": false,
      "system": "You answer operati...",
      "temperature": 0.0
    }
    "#);

    let with_key = |base_url: &str| bedrock_with(base_url, BedrockAccess::ApiKey(secret(LLM_KEY)));
    let (request, reply) = request_of(with_key).await;
    assert_eq!(reply["model"], "scripted.model-v1:0");
    insta::assert_snapshot!(shown(&request, &["authorization", "content-type", "x-amz-date"]), @r#"
    POST /model/scripted.model-v1%3A0/converse HTTP/1.1
    content-type: application/json
    authorization: Bearer sk-canary-2f9d

    {
      "inferenceConfig": {
        "maxTokens": 700,
        "temperature": 0.0
      },
      "messages": [
        {
          "content": [
            {
              "text": "<<<BEGIN DOCUMENTS..."
            }
          ],
          "role": "user"
        }
      ],
      "system": [
        {
          "text": "You answer operati..."
        }
      ]
    }
    "#);
}

/// Some models refuse the parameter.
#[tokio::test]
async fn the_temperature_can_be_left_out() {
    for provider in [openai, anthropic, bedrock] {
        let (request, _) = request_of(provider).await;
        assert!(request.contains("\"temperature\":0.0"), "{request}");
        let (request, _) = request_of(|base_url| {
            let mut settings = provider(base_url);
            match &mut settings {
                ProviderSettings::OpenAi(settings) => settings.sampling = Sampling::ModelsOwn,
                ProviderSettings::Anthropic(settings) => settings.sampling = Sampling::ModelsOwn,
                ProviderSettings::Bedrock(settings) => settings.sampling = Sampling::ModelsOwn,
            }
            settings
        })
        .await;
        assert!(!request.contains("temperature"), "{request}");
    }
}

/// Whatever is wrong with the first, the second answers within the time.
#[tokio::test]
async fn the_next_provider_stands_in() {
    for script in [
        Script::Status(401),
        Script::Status(404),
        Script::RateLimited(60),
        Script::Status(503),
        Script::Silent,
        Script::Stall,
        Script::Cut,
        Script::Html,
    ] {
        let first = ScriptedLlm::start(script).await;
        let second = ScriptedLlm::start(Script::says(SAYS)).await;
        let llm = vec![openai(&first.base_url), anthropic(&second.base_url)];
        let app = Setup { llm, ..Setup::default() }.start().await;
        let reply = app.k8sgpt(OOM, "english").await;
        assert_eq!(reply["model"], "scripted-anthropic-1", "{reply}");
        assert_eq!((reply["answered_by"].as_str(), reply["degraded"].is_null()), (Some("llm"), true));
        assert_eq!((first.num_requests(), second.num_requests()), (1, 1));
        let ready = app.get("/readyz").await.json();
        assert_eq!(ready["llm"], "degraded", "{ready}");
        let states = json!([
            { "provider": "openai", "health": "degraded" },
            { "provider": "anthropic", "health": "ok" },
        ]);
        assert_eq!(ready["llm_providers"], states);
    }
}

#[tokio::test]
async fn when_all_fail_the_first_ones_failure_is_told() {
    let first = ScriptedLlm::start(Script::Status(500)).await;
    let second = ScriptedLlm::start(Script::Status(429)).await;
    let llm = vec![bedrock(&first.base_url), openai(&second.base_url)];
    let reply = Setup { llm, ..Setup::default() }.start().await.k8sgpt(OOM, "english").await;
    assert_eq!(
        (reply["degraded"].as_str(), reply["answered_by"].as_str()),
        (Some("llm_server_error"), Some("extractive"))
    );
    assert_eq!(first.num_requests() + second.num_requests(), 4, "each once, and two more in all");
}

#[tokio::test]
async fn a_model_that_keeps_failing_is_left_alone_for_a_while() {
    let pause = Duration::from_secs(2);
    let llm = ScriptedLlm::start(Script::Status(401)).await;
    let breaker = breaker::Settings { max_failures: 3, pause };
    let app = Setup { breaker, ..Setup::with_llm(&llm.base_url) }.start().await;
    let mut degraded = Vec::new();
    for _ in 0..5 {
        let reply = app.k8sgpt(OOM, "english").await;
        assert_eq!(reply["answered_by"], "extractive");
        degraded.push(reply["degraded"].as_str().map(str::to_owned).unwrap_or_default());
    }
    let opened =
        ["llm_unauthorized", "llm_unauthorized", "llm_unauthorized", "llm_breaker_open", "llm_breaker_open"];
    assert_eq!((degraded, llm.num_requests()), (opened.map(str::to_owned).to_vec(), 3));
    assert_eq!(app.get("/readyz").await.json()["llm"], "degraded");
    tokio::time::sleep(pause).await;
    assert_eq!(app.k8sgpt(OOM, "english").await["degraded"], "llm_unauthorized", "the trial");
    assert_eq!(app.k8sgpt(OOM, "english").await["degraded"], "llm_breaker_open");
    assert_eq!(llm.num_requests(), 4);
}

/// A provider behind an open breaker costs nothing, and leaves its time to the next.
#[tokio::test]
async fn each_provider_has_a_breaker_of_its_own() {
    let first = ScriptedLlm::start(Script::Status(403)).await;
    let second = ScriptedLlm::start(Script::says(SAYS)).await;
    let breaker = breaker::Settings { max_failures: 2, pause: Duration::from_secs(60) };
    let llm = vec![openai(&first.base_url), bedrock(&second.base_url)];
    let mut setup = Setup { llm, breaker, ..Setup::default() };
    setup.environment = vec![("RUNBOOKD_SERVER_CACHED_ANSWERS", "0".to_owned())];
    let app = setup.start().await;
    for _ in 0..4 {
        assert_eq!(app.k8sgpt(OOM, "english").await["model"], "scripted.model-v1:0");
    }
    assert_eq!((first.num_requests(), second.num_requests()), (2, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_asks_each_provider() {
    let first = ScriptedLlm::start(Script::Status(401)).await;
    let second = ScriptedLlm::start(Script::says("ok")).await;
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("runbookd.toml");
    let settings = format!(
        "[llm]\nbase_url = \"{}\"\nmodel = \"m\"\n\
         [[llm.fallback]]\nprovider = \"anthropic\"\nbase_url = \"{}\"\nmodel = \"n\"\napi_key_env = \"SPARE_KEY\"\n",
        first.base_url, second.base_url
    );
    std::fs::write(&file, settings).expect("a file");
    let mut command = runbookd(&["doctor", "--json", "--config"]);
    command.arg(&file).arg("--kb").arg(sample_kb()).env("SPARE_KEY", LLM_KEY);
    let output =
        tokio::task::spawn_blocking(move || command.output()).await.expect("no panic").expect("it runs");
    assert_eq!(output.status.code(), Some(0), "answers come from the documents as well");
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let checks = report["checks"].as_array().expect("an array");
    let [.., one, two] = &checks[..] else { panic!("{report}") };
    assert_eq!((one["name"].as_str(), one["verdict"].as_str()), (Some("language model"), Some("warning")));
    let detail = one["detail"].as_str().expect("a string");
    assert!(detail.starts_with("openai, m: the model's endpoint answered with status 401"), "{detail}");
    assert_eq!(
        (two["name"].as_str(), two["verdict"].as_str()),
        (Some("language model (llm.fallback[0])"), Some("ok"))
    );
    let detail = two["detail"].as_str().expect("a string");
    assert!(detail.starts_with("anthropic, scripted-anthropic-1 replied in "), "{detail}");
    assert!(second.last_request().contains(&format!("x-api-key: {LLM_KEY}")));
    let all = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(!all.contains(LLM_KEY), "{all}");
}

//! The real embedding model, as setup installs it, and what happens without it.

use kb::embed::{EmbedError, Embedder, EmbedderChoice, EmbedderSettings, Places};

fn settings() -> EmbedderSettings {
    EmbedderSettings::new(EmbedderChoice::Local)
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

async fn embed(embedder: &Embedder, texts: &[&str]) -> Vec<Vec<f32>> {
    embedder
        .embed_passages(texts.iter().map(|text| (*text).to_owned()).collect())
        .await
        .expect("the model embeds")
}

#[tokio::test]
async fn near_texts_have_near_vectors() {
    let embedder = settings().start().expect("`make setup` has installed the model");
    assert_eq!(embedder.identity(), &settings().identity().expect("it is told without loading the model"));
    let vectors = embed(
        &embedder,
        &[
            "the pod was killed because it ran out of memory",
            "OOMKilled: container exceeded its memory limit",
            "renew a TLS certificate before it expires",
        ],
    )
    .await;
    for vector in &vectors {
        assert_eq!(vector.len(), embedder.identity().dimensions);
        assert!((cosine(vector, vector) - 1.0).abs() < 1e-3);
    }
    assert!(cosine(&vectors[0], &vectors[1]) > cosine(&vectors[0], &vectors[2]) + 0.2);
}

#[tokio::test]
async fn batches_change_a_vector_only_a_little() {
    let embedder = settings().start().expect("`make setup` has installed the model");
    let texts: Vec<String> =
        (0..60).map(|i| format!("Pod number {i} is pending. {}", "Node is full. ".repeat(i))).collect();
    let fitting: Vec<&str> =
        texts.iter().map(String::as_str).filter(|text| embedder.token_counter().count(text) <= 256).collect();
    assert!(fitting.len() > 40);
    let together = embed(&embedder, &fitting).await;
    for (text, vector) in fitting.iter().zip(&together).step_by(7) {
        let alone = embedder.embed_question(text).await.expect("the model embeds");
        assert!(cosine(&alone, vector) > 0.97, "{text}");
    }
}

#[tokio::test]
async fn a_passage_over_the_window_is_refused_and_a_question_is_cut() {
    let embedder = settings().start().expect("`make setup` has installed the model");
    let long = "kubernetes ".repeat(600);
    let error = embedder.embed_passages(vec![long.clone()]).await.expect_err("it does not fit");
    assert!(matches!(error, EmbedError::TooLong { max: 256, .. }), "{error}");
    assert_eq!(embedder.embed_question(&long).await.expect("a question is cut").len(), 384);
}

#[test]
fn a_missing_model_is_a_clear_error() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut settings = settings();
    settings.places = Places::of_this_process(None, Some(directory.path().join("nowhere")));
    let error = settings.start().expect_err("there is no model").to_string();
    assert!(error.contains("nowhere") && error.contains("make setup"), "{error}");
}

#[test]
fn a_library_that_is_none_is_a_clear_error() {
    // A library is loaded once a process, so this needs one of its own.
    let directory = tempfile::tempdir().expect("a temporary directory");
    let library = directory.path().join("libonnxruntime.so");
    std::fs::write(&library, b"not a library").expect("the file can be written");
    let own = std::env::current_exe().expect("this test has a path");
    let output = std::process::Command::new(own)
        .args(["--exact", "loads_the_library_it_is_given", "--nocapture"])
        .env("RUNBOOKD_ORT_LIB", &library)
        .output()
        .expect("the test runs itself");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("failed to load ONNX Runtime") && said.contains("make setup"), "{said}");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the test above runs this one with a library that is none")]
fn loads_the_library_it_is_given() {
    let started = settings().start();
    if let Err(error) = &started {
        println!("{error}");
    }
    assert!(started.is_ok() || std::env::var_os("RUNBOOKD_ORT_LIB").is_some());
}

//! `runbookd feedback export`: an evaluation set made of what readers said.

use crate::config::Config;
use answer::journal::{self, Rating};
use anyhow::Context;
use kb::document::ContentHash;
use serde_json::json;
use std::{collections::BTreeMap, fs, path::Path, process::ExitCode};

/// Writes `queries.jsonl` and `qrels.tsv` of the answers that helped (their documents are the right ones), and
/// `unanswerable.jsonl` of the questions that nobody could answer. A person should look at them before they judge.
pub fn export(config: &Config, out: &Path) -> anyhow::Result<ExitCode> {
    let directory = config.state()?;
    let reading = || format!("failed to read `{}`", directory.display());
    let mut queries: BTreeMap<String, String> = BTreeMap::new();
    let mut qrels = String::from("query-id\tcorpus-id\tscore\n");
    for feedback in journal::feedback(directory).with_context(reading)? {
        let id = query_id(&feedback.question);
        if feedback.rating != Rating::Up || feedback.documents.is_empty() || queries.contains_key(&id) {
            continue;
        }
        for document in &feedback.documents {
            qrels.push_str(&format!("{id}\t{document}\t1\n"));
        }
        queries.insert(id, feedback.question);
    }
    let unanswered: BTreeMap<String, String> = journal::unanswered(directory)
        .with_context(reading)?
        .into_iter()
        .map(|unanswered| (query_id(&unanswered.question), unanswered.question))
        .collect();
    fs::create_dir_all(out).with_context(|| format!("failed to create `{}`", out.display()))?;
    for (name, text) in
        [("queries.jsonl", lines(&queries)), ("qrels.tsv", qrels), ("unanswerable.jsonl", lines(&unanswered))]
    {
        let path = out.join(name);
        fs::write(&path, text).with_context(|| format!("failed to write `{}`", path.display()))?;
    }
    eprintln!(
        "{} rated and {} unanswered questions written to {}",
        queries.len(),
        unanswered.len(),
        out.display()
    );
    Ok(ExitCode::SUCCESS)
}

/// The same for the same question.
fn query_id(question: &str) -> String {
    ContentHash::of(&[question.as_bytes()]).to_string()[..16].to_owned()
}

fn lines(queries: &BTreeMap<String, String>) -> String {
    queries.iter().map(|(id, text)| format!("{}\n", json!({ "_id": id, "text": text }))).collect()
}

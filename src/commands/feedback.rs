//! `runbookd feedback export`: an evaluation set made of what readers said.

use super::common::Common;
use crate::config::Config;
use answer::journal::Rating;
use anyhow::Context;
use clap::Subcommand;
use kb::document::ContentHash;
use serde_json::json;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Use what readers said about answers.
#[derive(Debug, Subcommand)]
pub enum Feedback {
    /// Write an evaluation set of rated answers and unanswered questions: queries.jsonl, qrels.tsv, unanswerable.jsonl.
    Export {
        #[command(flatten)]
        common: Common,
        /// The directory to write to.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Journals of several servers, read as one in place of this one's own: state directories, or folders that hold some.
        #[arg(value_name = "JOURNAL")]
        journals: Vec<PathBuf>,
    },
}

impl Feedback {
    /// Writes the evaluation set.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let Self::Export { common, out, journals } = self;
        export(&common.load_to_ask()?, &journals, &out)
    }
}

/// Writes `queries.jsonl` and `qrels.tsv` of the answers that helped (their documents are the right ones), and
/// `unanswerable.jsonl` of the questions that nobody could answer, of the journals that are named or of this configuration's
/// own. A person should look at them before they judge.
fn export(config: &Config, journals: &[PathBuf], out: &Path) -> anyhow::Result<ExitCode> {
    const READING: &str = "failed to read a journal";
    let journals = super::journals(config, journals)?;
    let mut queries: BTreeMap<String, String> = BTreeMap::new();
    let mut qrels = String::from("query-id\tcorpus-id\tscore\n");
    let mut num_lost = 0;
    for feedback in journals.feedback().context(READING)? {
        let Some(answer) = feedback.answer else {
            num_lost += 1;
            continue;
        };
        let id = query_id(&answer.question);
        if feedback.rating != Rating::Up || answer.documents.is_empty() || queries.contains_key(&id) {
            continue;
        }
        for document in &answer.documents {
            qrels.push_str(&format!("{id}\t{document}\t1\n"));
        }
        queries.insert(id, answer.question);
    }
    let mut unanswered: BTreeMap<String, String> = BTreeMap::new();
    journals
        .unanswered(|record| {
            unanswered.insert(query_id(&record.question), record.question);
        })
        .context(READING)?;
    if num_lost > 0 {
        eprintln!("warning: ratings of answers that are in none of the journals: {num_lost}");
    }
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

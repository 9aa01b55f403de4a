//! `evaluate init`: a labelled set from Prometheus rules.

use crate::{
    config::Settings,
    error::EvalError,
    files::{json, read_text},
    labels::matches_chunk,
    rules::{Alert, Coverage, Matcher, alerts_of, build},
};
use kb::causes::with_causes;
use kb::store::{self, DocumentKey, Filter};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Longest rule file that is read; real ones have some hundred kilobytes.
const MAX_RULE_BYTES: u64 = 8 << 20;

/// Builds the set, writes it, and returns which alerts have a runbook. Files that are no YAML, such as templates, are
/// named on standard error and passed over.
pub async fn run(settings: &Settings, rules: &Path, out: &Path) -> Result<Coverage, EvalError> {
    let address = settings.knowledge_base()?;
    let failed = |source| EvalError::store(&address)(source);
    let kb = store::open(address, None).await.map_err(failed)?;
    let view = kb.view(&Filter::everything()).await.map_err(failed)?;
    let records = view.all_documents().await.map_err(failed)?;

    let alerts = read_alerts(rules)?;
    if alerts.is_empty() {
        return Err(EvalError::data(rules, "holds no alerting rule"));
    }
    let matcher =
        Matcher::new(records.iter().map(|record| (record.meta.id.as_str(), record.meta.url.as_deref())));
    let mut fragments: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for url in alerts.iter().filter_map(|alert| alert.runbook_url.as_deref()) {
        if let Some((_, fragment)) = url.split_once('#') {
            for document in matcher.find(url) {
                fragments.entry(document).or_default().insert(fragment);
            }
        }
    }
    let mut existing: BTreeSet<(String, String)> = BTreeSet::new();
    for (document, fragments) in fragments {
        let chunks = view.chunks_of(DocumentKey::of(document)).await.map_err(failed)?;
        let found = fragments.into_iter().filter(|f| chunks.iter().any(|(_, chunk)| matches_chunk(f, chunk)));
        existing.extend(found.map(|fragment| (document.to_owned(), fragment.to_owned())));
    }
    let built = build(&alerts, &matcher, |document, fragment| {
        existing.contains(&(document.to_owned(), fragment.to_owned()))
    });

    fs::create_dir_all(out).map_err(EvalError::io("create", out))?;
    let write = |name: &str, text: String| {
        let path = out.join(name);
        fs::write(&path, text).map_err(EvalError::io("write", path))
    };
    let mut lines = String::new();
    for query in &built.queries {
        let line = serde_json::to_string(query)
            .map_err(|error| EvalError::Usage(format!("a query could not be serialised: {error}")))?;
        lines.push_str(&line);
        lines.push('\n');
    }
    write("queries.jsonl", lines)?;
    let mut lines = "query-id\tcorpus-id\tscore\n".to_owned();
    for (query, judged) in &built.qrels {
        for (label, grade) in judged {
            lines.push_str(&format!("{query}\t{label}\t{grade}\n"));
        }
    }
    write("qrels.tsv", lines)?;
    write("coverage.json", json(&built.coverage)?)?;
    Ok(built.coverage)
}

/// The alerts of every `*.yaml` and `*.yml` below a directory, by path, or of one file.
fn read_alerts(rules: &Path) -> Result<Vec<Alert>, EvalError> {
    let mut files = Vec::new();
    match rules.is_dir() {
        true => list(rules, &mut files)?,
        false => files.push(rules.to_owned()),
    }
    files.sort();
    let mut alerts = Vec::new();
    for file in files {
        let shown = file.strip_prefix(rules).unwrap_or(&file).display().to_string();
        let size = fs::metadata(&file).map_err(EvalError::io("read", &file))?.len();
        if size > MAX_RULE_BYTES {
            eprintln!("not read: {shown}: over {MAX_RULE_BYTES} bytes");
            continue;
        }
        match alerts_of(&read_text(&file)?, &shown) {
            Ok(found) => alerts.extend(found),
            Err(error) => eprintln!("not read: {shown}: {}", with_causes(&error)),
        }
    }
    Ok(alerts)
}

/// Adds the regular rule files below a directory; links are not followed.
fn list(directory: &Path, files: &mut Vec<PathBuf>) -> Result<(), EvalError> {
    for entry in fs::read_dir(directory).map_err(EvalError::io("list", directory))? {
        let entry = entry.map_err(EvalError::io("list", directory))?;
        let kind = entry.file_type().map_err(EvalError::io("list", directory))?;
        let path = entry.path();
        if kind.is_dir() {
            list(&path, files)?;
        } else if kind.is_file() && path.extension().is_some_and(|e| e == "yaml" || e == "yml") {
            files.push(path);
        }
    }
    Ok(())
}

/// The coverage report in words.
pub fn text(coverage: &Coverage, out: &Path) -> String {
    let share = coverage.covered as f64 / coverage.alerts.max(1) as f64 * 100.0;
    let mut text = format!(
        "{} alerts, {} with a runbook in the knowledge base ({share:.0} %)\n",
        coverage.alerts, coverage.covered
    );
    for (title, list) in [
        ("name no runbook", &coverage.without_url),
        ("name a runbook that is not in the knowledge base", &coverage.not_found),
        ("name a runbook that fits several documents", &coverage.ambiguous),
    ] {
        if list.is_empty() {
            continue;
        }
        text.push_str(&format!("\n{} {title}:\n", list.len()));
        for found in list {
            let url = found.runbook_url.as_ref().map(|url| format!(" -> {url}")).unwrap_or_default();
            text.push_str(&format!("  {} ({}){url}\n", found.alert, found.file));
        }
    }
    text.push_str(&format!("\nThe set is in {}\n", out.display()));
    text
}

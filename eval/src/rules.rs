//! A labelled set from a team's own Prometheus rules: the text of an alert is the question, the document that its
//! `runbook_url` points to is the answer. Pure; the command reads and writes the files.
//!
//! Entry points: [`alerts_of`], [`Matcher`], [`build`].

use crate::datasets::{Qrels, Query};
use serde::{Deserialize as _, Serialize};
use serde_norway::Value;
use std::collections::BTreeMap;

/// An alerting rule, as far as a question can be made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// The name of the alert.
    pub name: String,
    /// Name of its group.
    pub group: String,
    /// The file it stands in.
    pub file: String,
    /// The value of its label `severity`.
    pub severity: Option<String>,
    /// The annotation `summary`, templates filled.
    pub summary: String,
    /// The annotation `description` or `message`, templates filled.
    pub description: String,
    /// The annotation `runbook_url` (or `runbook`).
    pub runbook_url: Option<String>,
}

impl Alert {
    /// The text that a person on call reads: name, summary, description.
    pub fn question(&self) -> String {
        let mut text = format!("{}:", self.name);
        for part in [&self.summary, &self.description] {
            if !part.is_empty() && !text.contains(part.as_str()) {
                text.push(' ');
                text.push_str(part);
                if !part.ends_with(['.', '!', '?', '。']) {
                    text.push('.');
                }
            }
        }
        text
    }
}

/// The alerting rules of a YAML text: plain rule files (`groups:`), `PrometheusRule` objects, and lists of them, in any
/// number of documents. Recording rules and other objects are passed over.
pub fn alerts_of(text: &str, file: &str) -> Result<Vec<Alert>, serde_norway::Error> {
    let mut alerts = Vec::new();
    for document in serde_norway::Deserializer::from_str(text) {
        collect(&Value::deserialize(document)?, file, &mut alerts, 0);
    }
    Ok(alerts)
}

/// Depth to which lists of objects within lists are followed.
const MAX_LIST_DEPTH: usize = 4;

fn collect(object: &Value, file: &str, alerts: &mut Vec<Alert>, depth: usize) {
    if let (Some(items), true) = (object.get("items").and_then(Value::as_sequence), depth < MAX_LIST_DEPTH) {
        for item in items {
            collect(item, file, alerts, depth + 1);
        }
    }
    let groups = object.get("groups").or_else(|| object.get("spec").and_then(|spec| spec.get("groups")));
    for group in groups.and_then(Value::as_sequence).into_iter().flatten() {
        let group_name = text_at(group, "name").unwrap_or_default();
        for rule in group.get("rules").and_then(Value::as_sequence).into_iter().flatten() {
            let Some(name) = text_at(rule, "alert").filter(|name| !name.is_empty()) else { continue };
            let annotation = |keys: &[&str]| {
                let annotations = rule.get("annotations")?;
                keys.iter().find_map(|key| text_at(annotations, key)).filter(|text| !text.trim().is_empty())
            };
            let filled = |keys: &[&str]| annotation(keys).map(|text| fill(&text)).unwrap_or_default();
            alerts.push(Alert {
                name,
                group: group_name.clone(),
                file: file.to_owned(),
                severity: rule.get("labels").and_then(|labels| text_at(labels, "severity")),
                summary: filled(&["summary"]),
                description: filled(&["description", "message"]),
                runbook_url: annotation(&["runbook_url", "runbook"]).map(|url| fill(&url)),
            });
        }
    }
}

fn text_at(value: &Value, key: &str) -> Option<String> {
    match value.get(key)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Fills Go templates with neutral sample values, and puts the text on one line. Actions that only control the flow
/// (`if`, `end`, `range`) disappear.
pub fn fill(template: &str) -> String {
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(start) = rest.find("{{") {
        text.push_str(&rest[..start]);
        match rest[start..].find("}}") {
            Some(end) => {
                text.push_str(&sample(rest[start + 2..start + end].trim_matches(['-', ' ', '\t', '\n'])));
                rest = &rest[start + end + 2..];
            }
            None => {
                rest = &rest[start..];
                break;
            }
        }
    }
    text.push_str(rest);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The sample value of one action; a literal, as in `{{ "{{" }}`, stands for itself.
fn sample(action: &str) -> String {
    let pipeline: Vec<&str> = action.split('|').map(str::trim).collect();
    let has =
        |function: &str| pipeline.iter().any(|stage| stage.split_whitespace().any(|word| word == function));
    let first = pipeline.first().copied().unwrap_or_default();
    if matches!(
        first.split_whitespace().next(),
        Some("if" | "else" | "end" | "range" | "with" | "define" | "template")
    ) {
        return String::new();
    }
    if let Some(label) = label_of(action) {
        return sample_label(&label);
    }
    if has("humanizePercentage") {
        return "12.5%".to_owned();
    }
    if has("humanizeDuration") {
        return "12m 30s".to_owned();
    }
    if has("humanizeTimestamp") {
        return "2024-01-01 00:00:00".to_owned();
    }
    if has("humanize1024") {
        return "1.2Gi".to_owned();
    }
    if action.contains("value") || action.contains("Value") || has("humanize") {
        return "12.5".to_owned();
    }
    match first.strip_prefix(['"', '`']) {
        Some(literal) => literal.trim_end_matches(['"', '`']).to_owned(),
        None => String::new(),
    }
}

/// The label that an action prints: `$labels.pod`, `.Labels.pod`, `$externalLabels.cluster`, `index $labels "pod"`.
fn label_of(action: &str) -> Option<String> {
    let (_, after) = ["$labels", ".Labels", "$externalLabels", ".ExternalLabels", "$commonLabels"]
        .iter()
        .find_map(|name| action.split_once(name))?;
    let name: String = after
        .trim_start_matches(['.', ' ', '"'])
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
        .collect();
    (!name.is_empty()).then_some(name)
}

/// A neutral value of a label: it must not lead the search to any document.
fn sample_label(label: &str) -> String {
    match label {
        "instance" => "192.0.2.10:9100".to_owned(),
        "node" | "host" | "hostname" | "nodename" => "node-1".to_owned(),
        "namespace" | "exported_namespace" => "example".to_owned(),
        "pod" | "exported_pod" => "example-0".to_owned(),
        "severity" => "warning".to_owned(),
        "code" | "status" | "reason" | "phase" => String::new(),
        other => other.replace('_', "-"),
    }
}

/// Finds the document that the address of a runbook points to.
pub struct Matcher<'a> {
    /// Document ids by their normalised address.
    by_url: BTreeMap<String, &'a str>,
    /// Document ids with their path's components, last first.
    paths: Vec<(&'a str, Vec<String>)>,
}

impl<'a> Matcher<'a> {
    /// A matcher over documents, each with its id and its address, if it has one.
    pub fn new(documents: impl IntoIterator<Item = (&'a str, Option<&'a str>)>) -> Self {
        let mut matcher = Self { by_url: BTreeMap::new(), paths: Vec::new() };
        for (id, url) in documents {
            if let Some(url) = url {
                matcher.by_url.insert(normalised(url), id);
            }
            matcher.paths.push((id, reversed_components(id)));
        }
        matcher
    }

    /// The documents that an address points to: the one with this very address, else those whose path shares the most
    /// trailing components with it. Several documents are a tie; an empty list means that no document fits.
    pub fn find(&self, url: &str) -> Vec<&'a str> {
        if let Some(id) = self.by_url.get(&normalised(url)) {
            return vec![id];
        }
        let wanted = reversed_components(path_of(url));
        let mut best: Vec<&str> = Vec::new();
        let mut most = 0;
        for (id, components) in &self.paths {
            let shared = components.iter().zip(&wanted).take_while(|(a, b)| a == b).count();
            if shared > most {
                (most, best) = (shared, Vec::new());
            }
            if shared == most && shared > 0 {
                best.push(id);
            }
        }
        best
    }
}

/// An address without scheme, query, fragment and last slash, in lower case.
fn normalised(url: &str) -> String {
    let url = url.split(['#', '?']).next().unwrap_or(url);
    let url = url.split_once("://").map_or(url, |(_, rest)| rest);
    url.trim_end_matches('/').to_ascii_lowercase()
}

/// The path of an address without its first slash.
fn path_of(url: &str) -> &str {
    let url = url.split(['#', '?']).next().unwrap_or(url);
    match url.split_once("://") {
        Some((_, rest)) => rest.split_once('/').map_or("", |(_, path)| path),
        None => url,
    }
}

/// The components of a path from the last on, in lower case, without extension and index file.
fn reversed_components(path: &str) -> Vec<String> {
    let mut components: Vec<String> =
        path.split('/').filter(|part| !part.is_empty()).map(str::to_ascii_lowercase).rev().collect();
    if let Some(last) = components.first_mut() {
        for extension in [".md", ".markdown", ".html", ".htm", ".adoc", ".rst", ".txt"] {
            if let Some(stem) = last.strip_suffix(extension) {
                *last = stem.to_owned();
                break;
            }
        }
    }
    if components.first().is_some_and(|last| matches!(last.as_str(), "index" | "_index" | "readme")) {
        components.remove(0);
    }
    components
}

/// A set with its coverage of the alerts.
#[derive(Debug, Clone, PartialEq)]
pub struct Built {
    /// A question for every alert with a document.
    pub queries: Vec<Query>,
    /// The labels of the questions.
    pub qrels: Qrels,
    /// The alerts with a runbook and those without.
    pub coverage: Coverage,
}

/// The alerts with a runbook, counted, and those without, listed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Alerting rules, those of equal text counted once.
    pub alerts: usize,
    /// Alerts whose runbook is in the knowledge base.
    pub covered: usize,
    /// Alerts whose runbook is named but not in the knowledge base.
    pub not_found: Vec<Uncovered>,
    /// Alerts that name no runbook.
    pub without_url: Vec<Uncovered>,
    /// Alerts whose address fits several documents equally well; each is labelled.
    pub ambiguous: Vec<Uncovered>,
}

/// An alert with its file, for the coverage report.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Uncovered {
    /// The name of the alert.
    pub alert: String,
    /// The file it stands in.
    pub file: String,
    /// The address of its runbook, as the rule gives it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runbook_url: Option<String>,
}

/// Builds the set. `fragment_exists` says whether a document has a passage of this name (the address's `#fragment`).
pub fn build(alerts: &[Alert], matcher: &Matcher<'_>, fragment_exists: impl Fn(&str, &str) -> bool) -> Built {
    let mut built = Built { queries: Vec::new(), qrels: Qrels::new(), coverage: Coverage::default() };
    let mut seen = std::collections::HashSet::new();
    for alert in alerts {
        let text = alert.question();
        let hash = blake3::hash(format!("{text}\n{}", alert.runbook_url.as_deref().unwrap_or("")).as_bytes())
            .to_hex();
        let id = format!("{}-{}", alert.name, &hash[..8]);
        if !seen.insert(id.clone()) {
            continue;
        }
        built.coverage.alerts += 1;
        let place = Uncovered {
            alert: alert.name.clone(),
            file: alert.file.clone(),
            runbook_url: alert.runbook_url.clone(),
        };
        let Some(url) = &alert.runbook_url else {
            built.coverage.without_url.push(place);
            continue;
        };
        let documents = matcher.find(url);
        if documents.is_empty() {
            built.coverage.not_found.push(place);
            continue;
        }
        if documents.len() > 1 {
            built.coverage.ambiguous.push(place);
        }
        built.coverage.covered += 1;
        let fragment =
            url.split_once('#').map(|(_, fragment)| fragment).filter(|fragment| !fragment.is_empty());
        let labels = documents.into_iter().map(|document| match fragment {
            Some(fragment) if fragment_exists(document, fragment) => (format!("{document}#{fragment}"), 1),
            _ => (document.to_owned(), 1),
        });
        built.qrels.insert(id.clone(), labels.collect());
        let mut meta = serde_json::Map::new();
        let fields = [
            ("class", Some(&alert.group)),
            ("alert", Some(&alert.name)),
            ("severity", alert.severity.as_ref()),
            ("file", Some(&alert.file)),
            ("runbook_url", Some(url)),
        ];
        for (key, value) in fields {
            if let Some(value) = value {
                meta.insert(key.to_owned(), value.as_str().into());
            }
        }
        built.queries.push(Query { id, text, meta });
    }
    for list in
        [&mut built.coverage.not_found, &mut built.coverage.without_url, &mut built.coverage.ambiguous]
    {
        list.sort();
    }
    built
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = r#"
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
spec:
  groups:
    - name: etcd
      rules:
        - record: etcd:up
          expr: up
        - alert: etcdNoLeader
          labels: { severity: critical }
          annotations:
            summary: etcd cluster has no leader.
            description: 'etcd cluster "{{ $labels.job }}": member {{ $labels.instance }} has no leader.'
            runbook_url: https://github.com/example/runbooks/blob/main/alerts/etcd/etcdNoLeader.md
---
groups:
  - name: pods
    rules:
      - alert: KubePodCrashLooping
        annotations:
          message: |
            Pod {{ $labels.namespace }}/{{ $labels.pod }} restarts
            {{ printf "%.2f" $value }} times.
          runbook_url: https://example.com/runbook.md#alert-name-kubepodcrashlooping
      - alert: Forgotten
        annotations: { summary: Nobody wrote a runbook }
      - alert: Gone
        annotations: { runbook_url: "https://example.com/no/such-page/" }
"#;

    #[test]
    fn templates_get_neutral_values() {
        for (template, filled) in [
            (
                "{{ $labels.instance }} is {{ $value | humanizePercentage }} full",
                "192.0.2.10:9100 is 12.5% full",
            ),
            ("{{$value}} in {{ .Labels.namespace }}", "12.5 in example"),
            ("{{ $value | humanizeDuration }} on {{ $externalLabels.cluster }}", "12m 30s on cluster"),
            ("{{ if eq $x 1 }}one{{ else }} many{{ end }}", "one many"),
            ("{{ printf \"%.0f\" (query \"up\" | first | value) }} up", "12.5 up"),
            ("{{ with $labels.pod }}a{{ end }}", "a"),
            ("broken {{ $labels.pod", "broken {{ $labels.pod"),
            ("volume {{ $labels.persistentvolume_claim }}", "volume persistentvolume-claim"),
            ("two\n lines", "two lines"),
        ] {
            assert_eq!(fill(template), filled, "{template}");
        }
    }

    #[test]
    fn addresses_find_documents() {
        let matcher = Matcher::new([
            ("runbooks/openshift/alerts/etcd/etcdNoLeader.md", None),
            ("runbooks/po/etcd/etcdNoLeader.md", None),
            ("wiki/pages/42", Some("https://wiki.example.com/x/AbC")),
            ("docs/storage/_index.md", None),
        ]);
        for (url, expected) in [
            (
                "https://github.com/o/r/blob/main/alerts/etcd/etcdNoLeader.md",
                &["runbooks/openshift/alerts/etcd/etcdNoLeader.md"][..],
            ),
            ("https://runbooks.example.dev/po/etcd/etcdnoleader/", &["runbooks/po/etcd/etcdNoLeader.md"]),
            (
                "https://example.com/etcdNoLeader",
                &["runbooks/openshift/alerts/etcd/etcdNoLeader.md", "runbooks/po/etcd/etcdNoLeader.md"],
            ),
            ("http://wiki.example.com/x/abc?view=1#top", &["wiki/pages/42"]),
            ("https://example.com/docs/storage/", &["docs/storage/_index.md"]),
            ("https://example.com/", &[]),
            ("not an address", &[]),
        ] {
            assert_eq!(matcher.find(url), expected, "{url}");
        }
    }

    #[test]
    fn rules_become_a_labelled_set_and_a_coverage_report() {
        let alerts = alerts_of(RULES, "rules.yaml").expect("YAML");
        let matcher = Matcher::new([("kb/etcd/etcdNoLeader.md", None), ("kb/runbook.md", None)]);
        let built = build(&alerts, &matcher, |document, fragment| {
            document == "kb/runbook.md" && fragment == "alert-name-kubepodcrashlooping"
        });
        let texts: Vec<&str> = built.queries.iter().map(|query| query.text.as_str()).collect();
        assert_eq!(
            texts,
            [
                "etcdNoLeader: etcd cluster has no leader. etcd cluster \"job\": member 192.0.2.10:9100 has no leader.",
                "KubePodCrashLooping: Pod example/example-0 restarts 12.5 times.",
            ]
        );
        assert_eq!(built.qrels[&built.queries[0].id], [("kb/etcd/etcdNoLeader.md".to_owned(), 1)]);
        assert_eq!(
            built.qrels[&built.queries[1].id],
            [("kb/runbook.md#alert-name-kubepodcrashlooping".to_owned(), 1)]
        );
        let names = |list: &[Uncovered]| list.iter().map(|found| found.alert.clone()).collect::<Vec<_>>();
        assert_eq!((built.coverage.alerts, built.coverage.covered), (4, 2));
        assert_eq!(names(&built.coverage.without_url), ["Forgotten"]);
        assert_eq!(names(&built.coverage.not_found), ["Gone"]);
        assert_eq!(built.queries[0].class(), "etcd");
    }

    #[test]
    fn equal_rules_count_once_and_lists_are_followed() {
        let text =
            "kind: List\nitems:\n- spec: {groups: [{name: g, rules: [{alert: A}, {alert: A}]}]}\n- 3\n";
        let alerts = alerts_of(text, "f").expect("YAML");
        assert_eq!(alerts.len(), 2);
        assert_eq!(build(&alerts, &Matcher::new([]), |_, _| false).coverage.alerts, 1);
        assert!(alerts_of("{{ .Values.x }}: [", "f").is_err());
        assert_eq!(alerts_of("", "f").expect("nothing"), []);
    }
}

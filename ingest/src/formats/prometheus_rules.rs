//! Prometheus rule files: each alert is a document, `<source>/<path>#<alert>`, which says what the alert means and
//! leads to its runbook. The rules stand below `groups`, or below the `spec` of a `PrometheusRule`, in one or more YAML
//! documents.

use super::{
    Document, Parsed, Place, Syntax,
    front_matter::{self, is_web_address},
    links::FoundLink,
    metadata, redaction,
    stated::Stated,
    written::{Writer, one_line, push_code, push_link, push_words},
};
use kb::{
    document::{Kind, Rule},
    mapped::MappedText,
};
use serde::Deserialize;
use serde_norway::{Mapping, Value};
use std::{collections::HashSet, ops::Range};

/// Documents of one file that are read.
const MAX_DOCUMENTS: usize = 1_000;

/// Annotations that say what an alert is, in the order in which they are read.
const SAYING: [&str; 3] = ["summary", "message", "description"];

/// Annotations that lead to a page.
const LEADING: [&str; 3] = ["runbook_url", "runbook", "dashboard_url"];

/// Why a file of YAML is not read.
const NO_ALERTS: &str =
    "not supported: YAML without alerts of Prometheus (`groups` with `rules` that have `alert`)";

/// The parts of a rule that an alert's document is made from.
struct Alert {
    name: String,
    expression: String,
    duration: Option<String>,
    severity: Option<String>,
    annotations: Vec<(String, String)>,
}

pub(super) fn parse(text: String, place: &Place<'_>) -> Parsed {
    if !text.contains("alert") {
        return Parsed::rejected(place, NO_ALERTS);
    }
    let (source, redacted) = redaction::redacted(text);
    if let Err(error) = front_matter::refuse_in_text(source.as_str()) {
        return Parsed::rejected(place, error.to_string());
    }
    let alerts = match alerts_of(source.as_str()) {
        Ok(alerts) if alerts.is_empty() => return Parsed::rejected(place, NO_ALERTS),
        Ok(alerts) => alerts,
        Err(reason) => return Parsed::rejected(place, reason),
    };
    let places = places_of(source.as_str(), alerts.len());
    let mut parsed = Parsed { redacted, ..Parsed::default() };
    let mut taken = HashSet::new();
    for (number, alert) in alerts.iter().enumerate() {
        let range = places.get(number).cloned().unwrap_or(0..source.as_str().len());
        let (document, joined) = document_of(alert, &source, range, id_of(&alert.name, &mut taken), place);
        redaction::add(&mut parsed.redacted, joined);
        parsed.documents.push(document);
    }
    parsed
}

/// The alerts of a text, in its order.
fn alerts_of(text: &str) -> Result<Vec<Alert>, String> {
    let mut alerts = Vec::new();
    for document in serde_norway::Deserializer::from_str(text).take(MAX_DOCUMENTS) {
        let value = Value::deserialize(document)
            .map_err(|error| format!("not valid YAML: {}", super::shown(&error.to_string())))?;
        let groups = value.get("groups").or_else(|| value.get("spec").and_then(|spec| spec.get("groups")));
        let groups = groups.and_then(Value::as_sequence).map(Vec::as_slice).unwrap_or_default();
        let rules =
            groups.iter().filter_map(|group| group.get("rules").and_then(Value::as_sequence)).flatten();
        alerts.extend(rules.filter_map(Value::as_mapping).filter_map(alert_of));
    }
    Ok(alerts)
}

fn alert_of(rule: &Mapping) -> Option<Alert> {
    let text = |key: &str| rule.get(key).and_then(text_of);
    let name = text("alert").map(|name| one_line(&super::shown(&name))).filter(|name| !name.is_empty())?;
    let pairs = |key: &str| {
        let map = rule.get(key).and_then(Value::as_mapping);
        let pairs = map.into_iter().flatten();
        pairs.filter_map(|(key, value)| Some((key.as_str()?.to_owned(), text_of(value)?))).collect::<Vec<_>>()
    };
    let severity = pairs("labels").into_iter().find(|(key, _)| key == "severity").map(|(_, value)| value);
    Some(Alert {
        name,
        expression: text("expr").unwrap_or_default(),
        duration: text("for"),
        severity,
        annotations: pairs("annotations"),
    })
}

fn text_of(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        _ => return None,
    };
    Some(text).filter(|text| !text.is_empty())
}

/// The places of the alerts: each from the line that names one to the next such line. Empty if the lines are not those
/// of the alerts.
fn places_of(text: &str, num_alerts: usize) -> Vec<Range<usize>> {
    let mut starts = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let key = line.trim_start_matches([' ', '\t', '-', '"', '\'']);
        let after = key.strip_prefix("alert").map(|after| after.trim_start_matches(['"', '\'']));
        if after.is_some_and(|after| after.starts_with(':')) {
            starts.push(at);
        }
        at += line.len();
    }
    if starts.len() != num_alerts {
        return Vec::new();
    }
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    starts.iter().copied().zip(ends).map(|(start, end)| start..end).collect()
}

/// The text after `#` in an alert's id: its name, with a number if others have it as well.
fn id_of(name: &str, taken: &mut HashSet<String>) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | ':' | '.' | '-');
    let name: String = name.chars().map(|c| if is_plain(c) { c } else { '-' }).collect();
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    let mut names = std::iter::once(name.clone()).chain(numbered);
    let id = names.find(|id| !taken.contains(id)).unwrap_or(name);
    taken.insert(id.clone());
    id
}

fn document_of(
    alert: &Alert,
    source: &MappedText,
    range: Range<usize>,
    id: String,
    place: &Place<'_>,
) -> (Document, redaction::Secrets) {
    let annotation =
        |name: &str| alert.annotations.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let mut writer = Writer::new(source);
    writer.heading(1, &words_of(&alert.name), None, range.clone());
    let mut said = String::new();
    for name in SAYING {
        let Some(text) = annotation(name).filter(|text| !said.contains(*text)) else { continue };
        said.push_str(text);
        said.push('\n');
        write_text(&mut writer, text, &range);
    }
    let others = alert.annotations.iter().filter(|(key, value)| {
        !SAYING.contains(&key.as_str()) && !LEADING.contains(&key.as_str()) && !is_web_address(value)
    });
    for (key, value) in others {
        writer.label(&format!("{}:", words_of(&key.replace('_', " "))), range.clone());
        write_text(&mut writer, value, &range);
    }
    let mut facts = String::new();
    if let Some(severity) = &alert.severity {
        facts.push_str(&format!("Severity: {}. ", words_of(severity)));
    }
    if let Some(duration) = &alert.duration {
        facts.push_str(&format!("Fires after: {}.", words_of(duration)));
    }
    writer.paragraph(&facts, range.clone());
    if !alert.expression.is_empty() {
        writer.label("Expression:", range.clone());
        writer.code("promql", &alert.expression, range.clone());
    }
    let mut runbooks = Vec::new();
    for (key, label) in [("runbook_url", "Runbook"), ("runbook", "Runbook"), ("dashboard_url", "Dashboard")] {
        let Some(address) = annotation(key) else { continue };
        let mut line = format!("{label}: ");
        match is_web_address(address) {
            true => line.push_str(&format!("<{}>", address.replace(['<', '>'], ""))),
            false if address.contains(char::is_whitespace) || address.contains("{{") => {
                push_words(&mut line, address, false)
            }
            false => {
                let start = line.len();
                push_words(&mut line, &alert.name, true);
                push_link(&mut line, start, address);
            }
        }
        writer.paragraph(&line, range.clone());
        let page = place.pages.at_address(address).filter(|_| label == "Runbook");
        runbooks.extend(page.map(|page| FoundLink::new(&alert.name, &format!("/{page}"), &one_line(&said))));
    }
    let (body, mut found_links) = writer.finish();
    let (body, joined) = redaction::again(body);
    found_links.extend(runbooks);
    // A pattern would fit other alerts.
    let applies_to = match alert.name.contains(['*', '?', '[', '{']) {
        true => Vec::new(),
        false => vec![Rule { alert: vec![alert.name.clone()], ..Rule::default() }],
    };
    let said_of_itself = Stated { kind: Some(Kind::Docs), applies_to, ..Stated::default() };
    let id = format!("{}/{}#{id}", place.source, place.relative);
    let mut meta = metadata(place, id, alert.name.clone(), said_of_itself, &said);
    meta.links = place.pages.resolve(place.relative, &found_links);
    (Document::new(meta, body, Syntax::Markdown), joined)
}

fn words_of(text: &str) -> String {
    let mut words = String::new();
    push_words(&mut words, &one_line(text), false);
    words
}

/// Writes an annotation: paragraphs, lists, and code between backticks; templates stay as they are.
fn write_text(writer: &mut Writer<'_>, text: &str, range: &Range<usize>) {
    let mut paragraph = String::new();
    let mut is_in_list = false;
    for line in text.lines().map(str::trim).chain([""]) {
        let item = line.strip_prefix("- ").or(line.strip_prefix("* "));
        if line.is_empty() || item.is_some() {
            writer.paragraph(&std::mem::take(&mut paragraph), range.clone());
            if is_in_list {
                writer.close_item();
            }
            match item {
                Some(_) if !is_in_list => writer.open_list(None),
                None if is_in_list => writer.close_list(),
                _ => {}
            }
            is_in_list = item.is_some();
            if is_in_list {
                writer.open_item();
            }
        }
        let mut is_code = false;
        let mut parts = item.unwrap_or(line).split('`').peekable();
        while let Some(part) = parts.next() {
            match is_code && parts.peek().is_some() {
                true => push_code(&mut paragraph, part),
                false => push_words(&mut paragraph, part, false),
            }
            is_code = !is_code;
        }
        paragraph.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::{Format, parsed_in, site::Site};

    fn parse_file(text: &str) -> Parsed {
        let pages = ["runbooks/KubeNodeDown.md"];
        parsed_in(Format::PrometheusRules, "runbooks/rules.yaml", text, &pages, &Site::default())
    }

    const RULES: &str = r#"groups:
- name: nodes
  rules:
  - record: job:up:sum
    expr: sum(up)
  - alert: KubeNodeDown
    expr: |-
      up{job="kubelet"} == 0
      or absent(up)
    for: 15m
    labels: {severity: critical, team: sre}
    annotations:
      summary: Node {{ $labels.node_name }} is *down*.
      description: |
        The value is {{ $value | humanize }} for `kubelet`.

        - look at the node
        - drain it
      impact: Pods are lost.
      runbook_url: https://github.com/acme/kb/blob/main/runbooks/KubeNodeDown.md#steps
  - alert: KubeNodeDown
    expr: vector(1)
    annotations: {message: Again., dashboard_url: "https://grafana.example/d/1"}
"#;

    #[test]
    fn alerts_become_documents() {
        let parsed = parse_file(RULES);
        assert!(parsed.rejected.is_empty(), "{:?}", parsed.rejected);
        let [first, second] = parsed.documents.as_slice() else {
            panic!("two alerts: {:?}", parsed.documents)
        };
        insta::assert_snapshot!(first.body.as_str(), @r#"
        # KubeNodeDown

        Node {{ $labels.node_name }} is \*down\*.

        The value is {{ $value | humanize }} for `kubelet`.

        - look at the node
        - drain it

        **impact:**

        Pods are lost.

        Severity: critical. Fires after: 15m.

        **Expression:**

        ```promql
        up{job="kubelet"} == 0
        or absent(up)
        ```

        Runbook: <https://github.com/acme/kb/blob/main/runbooks/KubeNodeDown.md#steps>
        "#);
        let meta = &first.meta;
        assert_eq!(
            (meta.id.as_str(), meta.title.as_str()),
            ("kb/runbooks/rules.yaml#KubeNodeDown", "KubeNodeDown")
        );
        assert_eq!(
            (meta.kind, meta.applies_to[0].alert.as_slice()),
            (Kind::Docs, &["KubeNodeDown".to_owned()][..])
        );
        assert_eq!(meta.links.len(), 1, "{:?}", meta.links);
        assert_eq!(meta.links[0].target, "kb/runbooks/KubeNodeDown.md");
        assert_eq!(second.meta.id, "kb/runbooks/rules.yaml#KubeNodeDown-2");
        assert!(second.body.as_str().contains("Dashboard: <https://grafana.example/d/1>"));
        let range = second.body.source_range(0..10);
        assert!(
            RULES[range.clone()].starts_with("  - alert: KubeNodeDown\n    expr: vector(1)"),
            "{range:?}"
        );
    }

    #[test]
    fn rules_are_found_where_prometheus_and_its_operator_have_them() {
        let resource = format!(
            "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {{name: a}}\nspec:\n{}\n---\n{RULES}",
            RULES.lines().map(|line| format!("  {line}\n")).collect::<String>()
        );
        let ids: Vec<String> =
            parse_file(&resource).documents.into_iter().map(|document| document.meta.id).collect();
        assert_eq!(ids.len(), 4);
        assert_eq!(ids[3], "kb/runbooks/rules.yaml#KubeNodeDown-4");
        let json = r#"{"groups": [{"rules": [{"alert": "a b#c", "expr": "up == 0"}]}]}"#;
        assert_eq!(parse_file(json).documents[0].meta.id, "kb/runbooks/rules.yaml#a-b-c");
    }

    #[test]
    fn other_yaml_is_reported() {
        let deep = format!("alert: {}", "[".repeat(100_000));
        let bomb = "a: &a [alert,alert,alert,alert,alert,alert,alert,alert,alert]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n\
                    c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\n\
                    f: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\ng: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f]\nh: [*g,*g,*g,*g,*g,*g,*g,*g,*g]\n";
        for (text, part) in [
            ("a: b\n", NO_ALERTS),
            ("alert: b\n", NO_ALERTS),
            ("groups: [{rules: [{record: alert}]}]\n", NO_ALERTS),
            ("groups:\n{{- if .Values.alerts }}\n- x\n{{- end }}\n", "not valid YAML"),
            (&deep, "not valid YAML"),
            (bomb, "not valid YAML"),
            ("access: [ops]\ngroups: [{rules: [{alert: a, expr: b}]}]\n", "access"),
        ] {
            let parsed = parse_file(text);
            assert!(parsed.documents.is_empty());
            let reason = &parsed.rejected[0].reason;
            assert!(reason.contains(part), "{}: {reason}", &text[..text.len().min(60)]);
        }
    }
}

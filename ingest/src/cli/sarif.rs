//! Findings as SARIF 2.1.0 (OASIS), which code hosts show beside the lines.

use crate::findings::{Check, Finding, Severity};
use serde_json::{Value, json};

/// A log with one run.
pub(super) fn log(findings: &[Finding]) -> Value {
    let rules: Vec<Value> = Check::ALL
        .iter()
        .map(|check| {
            json!({
                "id": check.name(),
                "shortDescription": { "text": check.about().trim() },
                "help": { "text": check.advice() },
                "defaultConfiguration": { "level": level(check.severity()) },
            })
        })
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "ingest lint", "version": env!("CARGO_PKG_VERSION"), "rules": rules } },
            "results": findings.iter().map(result).collect::<Vec<_>>(),
        }],
    })
}

fn result(finding: &Finding) -> Value {
    let mut place = json!({ "artifactLocation": { "uri": uri(&finding.path) } });
    if let Some(line) = finding.line {
        place["region"] = json!({ "startLine": line });
    }
    json!({
        "ruleId": finding.check.name(),
        "level": level(finding.severity),
        "message": { "text": format!("{}; {}", finding.message, finding.advice) },
        "locations": [{ "physicalLocation": place }],
    })
}

fn level(severity: Severity) -> &'static str {
    severity.name()
}

/// A path as a relative reference.
fn uri(path: &str) -> String {
    let path = path.strip_prefix("./").unwrap_or(path);
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' | b'#' => {
                uri.push(byte.into())
            }
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    uri
}

//! Findings: the faults of documents, each with its check, its place and advice. Parsers note those that only a file's
//! text shows; [`crate::lint`] makes the others, and puts all of them together.

mod check;

pub use check::{Check, Severity};

use serde::Serialize;
use std::collections::BTreeMap;

/// Rules that redact whatever stands in a place, which need not be secret.
const BY_PLACE: [&str; 2] = ["kubeadm-hash", "kubernetes-secret"];

/// A fault of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which check found it.
    pub check: Check,
    /// How bad it is.
    pub severity: Severity,
    /// The file, as reports name it; of a knowledge base, the document's id.
    pub path: String,
    /// The line in the file, counted from 1; `None` where it is not known or the whole document is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The fault, as one sentence.
    pub message: String,
    /// The advice of the check.
    pub advice: &'static str,
}

impl Finding {
    /// A finding as bad as its check is.
    pub(crate) fn new(check: Check, path: &str, line: Option<usize>, message: impl Into<String>) -> Self {
        let message = message.into();
        let (severity, advice) = (check.severity(), check.advice());
        Self { check, severity, path: path.to_owned(), line, message, advice }
    }

    /// Secrets that a rule redacted in one place.
    pub(crate) fn secret(rule: &str, path: &str, line: Option<usize>, count: u64) -> Self {
        let what = if count == 1 { "a secret".to_owned() } else { format!("{count} secrets") };
        let finding = Self::new(Check::Secret, path, line, format!("{what}, found by the rule `{rule}`"));
        if BY_PLACE.contains(&rule) { finding.milder() } else { finding }
    }

    /// The same finding as a warning: it is less bad than others of its check.
    pub(crate) fn milder(self) -> Self {
        self.with_severity(Severity::Warning)
    }

    /// The same finding with another severity than its check's.
    pub(crate) fn with_severity(self, severity: Severity) -> Self {
        Self { severity, ..self }
    }
}

/// How often each check found something, by its name.
pub fn counts(findings: &[Finding]) -> BTreeMap<&'static str, u64> {
    let mut counts = BTreeMap::new();
    for finding in findings {
        *counts.entry(finding.check.name()).or_insert(0) += 1;
    }
    counts
}

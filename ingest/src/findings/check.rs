//! The checks, each with its name, its severity and its advice. The names are stable: they stand in front matter and in
//! the configuration of CI jobs.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{fmt, str::FromStr};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// A fact that is worth knowing.
    Note,
    /// Somebody who reads the document may be misled.
    Warning,
    /// A fault that makes the document wrong.
    Error,
}

impl Severity {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

macro_rules! checks {
    ($($(#[doc = $doc:literal])+ $variant:ident, $name:literal, $severity:ident, $advice:literal;)+) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Check {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Check {
            /// All of them, by name.
            pub const ALL: &'static [Check] = &[$(Check::$variant),+];

            /// The name, as front matter and flags write it.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// How bad a finding is, as a rule.
            pub fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity),+ }
            }

            /// The advice for somebody who wants to mend the document.
            pub fn advice(self) -> &'static str {
                match self { $(Self::$variant => $advice),+ }
            }

            /// The fault that it looks for, as its documentation says.
            pub fn about(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+)),+ }
            }
        }
    };
}

checks! {
    /// A document commands what another one forbids for the same object.
    ContradictingRules, "contradicting-rules", Error,
        "let one document decide: take the command out, name the condition, or make one rule narrower";
    /// A link to a heading that its page does not have.
    DeadAnchor, "dead-anchor", Warning,
        "link to a heading that is there, or give the heading the identifier: `## Heading {#identifier}`";
    /// A link to a page or a file that the folder does not have.
    DeadLink, "dead-link", Error,
        "correct the path, or take the link out";
    /// A rule of `applies_to` that no failure can match.
    DeadRule, "dead-rule", Warning,
        "write kinds as Kubernetes does (`Deployment`), and names without namespace and kind";
    /// Two headings of a page with one identifier.
    DuplicateAnchor, "duplicate-anchor", Warning,
        "give each heading an identifier of its own; a link leads to the first";
    /// Two pages of a source with one title.
    DuplicateTitle, "duplicate-title", Note,
        "say in the title what the page is for; citations show it";
    /// Two documents with one rule.
    EqualRules, "equal-rules", Warning,
        "both come first for the same failure: join them, or make one rule narrower";
    /// A runbook that does not say how to find out more.
    MissingDiagnosis, "missing-diagnosis", Warning,
        "add a section `Diagnosis` with commands that only read";
    /// A runbook that does not say what to do.
    MissingMitigation, "missing-mitigation", Warning,
        "add a section `Mitigation` with the steps, or say who takes them";
    /// Two documents that say nearly the same.
    NearDuplicate, "near-duplicate", Warning,
        "keep one of them, and link to it from the place of the other";
    /// A file of a known format that is not indexed.
    NotIndexed, "not-indexed", Error,
        "mend the file, or move it out of the folder";
    /// A Kubernetes command or flag that is not there any more.
    RemovedCommand, "removed-command", Warning,
        "write the command as current versions have it";
    /// An example with a version of a Kubernetes API that is not served any more.
    RemovedApi, "removed-api", Warning,
        "write the example for the current version, or say in `version` which Kubernetes the page is for";
    /// Something that is indexed otherwise than its author may have meant.
    Reservation, "reservation", Warning,
        "see `ingest`'s warning";
    /// A secret in a document.
    Secret, "secret", Error,
        "take it out, and change it: whoever could read the file knows it";
    /// A document that was not touched for a long time.
    Stale, "stale", Note,
        "read it again, correct it, and set `updated`";
    /// A block of code that is never closed.
    UnclosedFence, "unclosed-fence", Error,
        "close the fence on a line of its own; everything behind it is read as code";
    /// A name in `lint_ignore` that no check has.
    UnknownCheck, "unknown-check", Warning,
        "see `ingest lint --help` for the names";
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Check {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Check {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// No check has the name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no check `{name}`; the checks are {}", Check::ALL.iter().map(|check| check.name()).collect::<Vec<_>>().join(", "))]
pub struct NoCheck {
    /// The name that was given.
    pub name: String,
}

impl FromStr for Check {
    type Err = NoCheck;

    fn from_str(name: &str) -> Result<Self, NoCheck> {
        let found = Self::ALL.iter().find(|check| check.name() == name);
        found.copied().ok_or_else(|| NoCheck { name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_read_back() {
        let mut names: Vec<&str> = Check::ALL.iter().map(|check| check.name()).collect();
        for check in Check::ALL {
            assert_eq!(check.name().parse(), Ok(*check));
            assert!(!check.about().is_empty() && !check.advice().ends_with('.'), "{check}");
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Check::ALL.len());
        assert!("stael".parse::<Check>().is_err());
    }
}

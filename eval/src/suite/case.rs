//! A single question of a suite with the properties that its answer must have.

use crate::asking::K8sgptRequest;
use kb::answerable::Status;
use serde::Deserialize;

/// One question with what its answer must be.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Unique within the suite.
    pub id: String,
    /// The question as a person asks it.
    #[serde(default)]
    pub question: Option<String>,
    /// Or the request that k8sgpt sends.
    #[serde(default)]
    pub k8sgpt: Option<K8sgptRequest>,
    /// The asker's language, as free text.
    #[serde(default)]
    pub language: Option<String>,
    /// The access tags that the asker holds; none: what everybody may see.
    #[serde(default)]
    pub access: Vec<String>,
    /// Documents, directories (`path/`) or passages (`path#heading`) that answer it, each as a plain id (grade 1) or
    /// `{ id, grade }`.
    #[serde(default)]
    pub relevant: Vec<Relevant>,
    /// Whether the corpus covers it.
    #[serde(default = "yes")]
    pub answerable: bool,
    /// The status wanted, when it matters more exactly than answered or not.
    #[serde(default)]
    pub status: Option<Status>,
    /// The language tag that the answer must be in.
    #[serde(default)]
    pub answer_language: Option<String>,
    /// Texts that the answer must contain, compared without case and spacing; of `a | b` one is enough.
    #[serde(default)]
    pub must_mention: Vec<String>,
    /// Texts that it must not contain.
    #[serde(default)]
    pub must_not_mention: Vec<String>,
    /// The document that must come first.
    #[serde(default)]
    pub first: Option<String>,
    /// A good answer, for token F1 and ROUGE-L.
    #[serde(default)]
    pub reference: Option<String>,
    /// The group it is reported under.
    #[serde(default)]
    pub class: Option<String>,
}

fn yes() -> bool {
    true
}

/// A label of a [`Case`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Relevant {
    /// Grade 1.
    Plain(String),
    /// With its grade.
    Graded {
        /// The label.
        id: String,
        /// Its grade.
        grade: i32,
    },
}

impl Case {
    /// What is searched for and answered: the question, or k8sgpt's message.
    pub fn text(&self) -> &str {
        match (&self.k8sgpt, &self.question) {
            (Some(request), _) => &request.message,
            (None, question) => question.as_deref().unwrap_or_default(),
        }
    }

    /// Its labels with their grades.
    pub fn judgements(&self) -> Vec<(String, i32)> {
        self.relevant
            .iter()
            .map(|relevant| match relevant {
                Relevant::Plain(id) => (id.clone(), 1),
                Relevant::Graded { id, grade } => (id.clone(), *grade),
            })
            .collect()
    }

    /// The group it is reported under.
    pub fn class(&self) -> &str {
        self.class.as_deref().unwrap_or("cases")
    }
}

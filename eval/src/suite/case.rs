//! A single question of a suite with the properties that its answer must have.

use crate::asking::K8sgptRequest;
use kb::answerable::Status;
use serde::Deserialize;

/// One question with the properties that its answer must have.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// The id, unique within the suite.
    pub id: String,
    /// The question as a person asks it.
    #[serde(default)]
    pub question: Option<String>,
    /// The request of k8sgpt, in place of a question.
    #[serde(default)]
    pub k8sgpt: Option<K8sgptRequest>,
    /// The asker's language, as free text.
    #[serde(default)]
    pub language: Option<String>,
    /// The access tags of the asker; without tags, the documents for everybody are seen.
    #[serde(default)]
    pub access: Vec<String>,
    /// Documents, directories (`path/`) or passages (`path#heading`) that answer it, each as a plain id (grade 1) or
    /// `{ id, grade }`.
    #[serde(default)]
    pub relevant: Vec<Relevant>,
    /// Whether the corpus covers it.
    #[serde(default = "yes")]
    pub answerable: bool,
    /// The wanted status, if answered or not is too coarse.
    #[serde(default)]
    pub status: Option<Status>,
    /// The language tag that the answer must be in.
    #[serde(default)]
    pub answer_language: Option<String>,
    /// Texts that the answer must contain, compared without case and spacing; of `a | b` one is enough.
    #[serde(default)]
    pub must_mention: Vec<String>,
    /// Texts that the answer must not contain, compared in the same way.
    #[serde(default)]
    pub must_not_mention: Vec<String>,
    /// The document whose passage must come first in the evidence.
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
    /// A label of grade 1.
    Plain(String),
    /// A label with its grade.
    Graded {
        /// The document, directory or passage.
        id: String,
        /// The grade of the label.
        grade: i32,
    },
}

impl Case {
    /// The text that is searched for and answered: the question, or k8sgpt's message.
    pub fn text(&self) -> &str {
        match (&self.k8sgpt, &self.question) {
            (Some(request), _) => &request.message,
            (None, question) => question.as_deref().unwrap_or_default(),
        }
    }

    /// The labels of the case with their grades.
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

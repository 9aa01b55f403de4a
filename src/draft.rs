//! The kinds of answer one question can get, filled in from what they have in common. Pure.

use crate::{
    answer::{self, Answer, AnsweredBy, Citation, Degraded, Nearest, Written},
    assistant::{OWN_MODEL, Occasion},
    checks::markup,
    evidence::Evidence,
    llm::Usage,
};
use kb::{
    answerable::{Decision, Status},
    question::{Language, Question},
    retrieve::Retrieval,
};

/// What every answer to one question has in common.
pub struct Draft<'a> {
    /// What was asked.
    pub question: &'a Question,
    /// The answer's id and time.
    pub occasion: &'a Occasion,
    /// Whether the evidence covers it.
    pub decision: &'a Decision,
    /// The state that was read.
    pub kb_version: &'a str,
    /// What the model counted, if it was asked.
    pub usage: Option<Usage>,
}

impl Draft<'_> {
    fn answer(&self, answered_by: AnsweredBy, written: Written) -> Answer {
        Answer {
            id: self.occasion.id.clone(),
            text: written.text,
            status: self.decision.status,
            confidence: self.decision.confidence,
            reason: shown(&self.decision.reason),
            answered_by,
            degraded: None,
            cached: false,
            citations: written.citations,
            nearest: Vec::new(),
            kb_version: self.kb_version.to_owned(),
            created_at: self.occasion.now,
            model: OWN_MODEL.to_owned(),
            usage: self.usage,
            language: self.language().clone(),
        }
    }

    fn language(&self) -> &Language {
        self.question.language()
    }

    /// Written by a model, whole and checked.
    pub fn by_llm(&self, written: Written, model: String) -> Answer {
        Answer { model, ..self.answer(AnsweredBy::Llm, written) }
    }

    /// The beginning of a model's answer whose rest did not come.
    pub fn interrupted(&self, written: Written, model: String, cause: Degraded) -> Answer {
        Answer { degraded: Some(cause), status: Status::Partial, ..self.by_llm(written, model) }
    }

    /// Quoted from the evidence.
    pub fn extractive(&self, written: Written, degraded: Option<Degraded>) -> Answer {
        Answer { degraded, ..self.answer(AnsweredBy::Extractive, written) }
    }

    /// An honest refusal.
    pub fn unknown(&self, retrieval: &Retrieval, reason: &str) -> Answer {
        let nearest = nearest(retrieval);
        let text = answer::dont_know(&self.decision.missing, &nearest, self.question);
        let written = Written { text, citations: Vec::<Citation>::new() };
        let reason = match reason.is_empty() {
            true => "the knowledge base does not cover this",
            false => reason,
        };
        Answer {
            status: Status::Unknown,
            reason: shown(reason),
            nearest,
            ..self.answer(AnsweredBy::None, written)
        }
    }
}

/// A reason as it may be shown: the titles in it are not ours.
fn shown(reason: &str) -> String {
    markup::plain(&reason.replace('`', "'"))
}

/// The first documents among the hits.
fn nearest(retrieval: &Retrieval) -> Vec<Nearest> {
    const MAX_NEAREST: usize = 3;
    let mut nearest: Vec<Nearest> = Vec::new();
    for passage in Evidence::of_hits(&retrieval.hits) {
        if nearest.len() < MAX_NEAREST && !nearest.iter().any(|near| near.document == passage.document) {
            let title = markup::plain(&passage.title);
            nearest.push(Nearest { document: passage.document, title, url: passage.url });
        }
    }
    nearest
}

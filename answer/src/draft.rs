//! The kinds of answer one question can get, filled in from what they have in common. Pure.

use crate::{
    answer::{self, Answer, AnsweredBy, Citation, Nearest, Written},
    checks::{markup, secrets, title},
    degraded::Degraded,
    evidence::{Evidence, web_url},
    llm::Usage,
    phrases::phrases,
    request::{OWN_MODEL, Occasion},
    text::visible,
};
use kb::{
    answerable::{Decision, Status},
    question::{Language, Question},
    retrieve::{Retrieval, VersionGap},
};

/// The parts that every answer to one question has in common.
pub struct Draft<'a> {
    pub question: &'a Question,
    /// The answer's id and time.
    pub occasion: &'a Occasion,
    /// Whether the evidence covers it.
    pub decision: &'a Decision,
    /// The state that was read.
    pub kb_version: &'a str,
    /// The version that was asked for, where others are described instead.
    pub version_gap: Option<&'a VersionGap>,
    /// The prohibitions of the object's documents.
    pub warnings: &'a [String],
    /// The tokens that the model counted, if it was asked.
    pub usage: Option<Usage>,
}

/// The highest confidence in an answer from which advice had to be taken out.
const CONTRADICTED_CONFIDENCE: f32 = 0.5;

impl Draft<'_> {
    fn answer(&self, answered_by: AnsweredBy, written: Written) -> Answer {
        Answer {
            id: self.occasion.id.clone(),
            text: written.text,
            status: self.decision.status,
            confidence: self.decision.confidence,
            reason: without_markup(&self.decision.reason),
            answered_by,
            degraded: None,
            cached: false,
            warnings: self.warnings.iter().map(|warning| self.quoted(warning, std::iter::empty())).collect(),
            citations: written.citations,
            nearest: Vec::new(),
            kb_version: self.kb_version.to_owned(),
            created_at: self.occasion.now,
            model: OWN_MODEL.to_owned(),
            usage: self.usage,
            language: self.language().clone(),
        }
    }

    /// A quoted text with its secrets masked: once rendered, it may show a secret that its source did not show. A
    /// model's text is checked while it is written.
    fn quoted<'u>(&self, text: &str, urls: impl Iterator<Item = &'u str>) -> String {
        let text = visible(text);
        let masked = secrets::masked(&text, 0, self.question.anonymised());
        if masked == text {
            return text;
        }
        // A mask in brackets may be one half of a link.
        let urls: Vec<&str> = urls.flat_map(|url| [url, url.split('#').next().unwrap_or(url)]).collect();
        markup::clean(&masked, &urls)
    }

    fn language(&self) -> &Language {
        self.question.language()
    }

    /// The remarks of every text form on an answer that covers a part only, and on versions: a reader of the text sees
    /// no status.
    fn remarks(&self) -> Vec<String> {
        let phrases = phrases(self.language());
        let partial = (self.decision.status == Status::Partial).then(|| phrases.partial.to_owned());
        partial.into_iter().chain(self.version_remark()).collect()
    }

    fn version_remark(&self) -> Option<String> {
        let gap = self.version_gap?;
        Some(phrases(self.language()).version_gap(&gap.described, &gap.asked))
    }

    /// The text with the remarks that it does not make itself, after it: what was shown of a stream stays its
    /// beginning.
    fn remarked(&self, mut written: Written) -> Written {
        let remarks: Vec<String> =
            self.remarks().into_iter().filter(|remark| !written.text.contains(remark.as_str())).collect();
        if !remarks.is_empty() {
            while !written.text.ends_with("\n\n") {
                written.text.push('\n');
            }
            written.text.push_str(&remarks.join(" "));
        }
        written
    }

    /// Written by a model, whole and checked.
    pub fn by_llm(&self, written: Written, model: String, verdict: Verdict) -> Answer {
        let of_evidence = self.decision.status;
        let status = if verdict.is_partial() { Status::Partial } else { of_evidence };
        let decision = Decision { status, ..self.decision.clone() };
        let draft = Draft { decision: &decision, ..*self };
        let answer = Answer { model, ..draft.answer(AnsweredBy::Llm, draft.remarked(written)) };
        verdict.applied_to(answer)
    }

    /// The beginning of a model's answer whose rest did not come.
    pub fn interrupted(&self, written: Written, model: String, verdict: Verdict, cause: Degraded) -> Answer {
        let answer = verdict.applied_to(Answer { model, ..self.answer(AnsweredBy::Llm, written) });
        Answer { degraded: Some(cause), status: Status::Partial, ..answer }
    }

    /// Quoted from the evidence.
    pub fn extractive(&self, written: Written, degraded: Option<Degraded>) -> Answer {
        let urls = written.citations.iter().filter_map(|citation| citation.url.as_deref());
        let text = self.quoted(&written.text, urls);
        let written = self.remarked(Written { text, ..written });
        let answer = Answer { degraded, ..self.answer(AnsweredBy::Extractive, written) };
        if degraded != Some(Degraded::LlmForbidden) {
            return answer;
        }
        let mut answer = contradicted(answer);
        answer.text.push_str(&format!("\n({})", phrases(self.language()).forbidden));
        answer
    }

    /// The answer "I don't know", with the reason and the nearest documents.
    pub fn unknown(&self, retrieval: &Retrieval, reason: &str) -> Answer {
        let nearest = nearest(retrieval);
        let mut text = answer::dont_know(&self.decision.missing, &nearest, self.question);
        if let Some(remark) = self.version_remark() {
            text.push_str(&format!("\n\n{remark}"));
        }
        let text = self.quoted(&text, nearest.iter().filter_map(|near| near.url.as_deref()));
        let written = Written { text, citations: Vec::<Citation>::new() };
        let reason = match reason.is_empty() {
            true => "the knowledge base does not cover this",
            false => reason,
        };
        Answer {
            status: Status::Unknown,
            reason: without_markup(reason),
            nearest,
            ..self.answer(AnsweredBy::None, written)
        }
    }
}

/// The findings of the checks on a model's reply.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Verdict {
    /// Whether advice was taken out that the documents forbid.
    pub contradicts: bool,
    /// The share of it that its sources do not say, 0..1.
    pub unsupported: f32,
}

/// An answer of which so much is not in its sources covers the question in part.
const PARTIAL_FROM: f32 = 0.25;

/// The share of the confidence that remains where nothing of an answer is in its sources.
const UNSUPPORTED_CONFIDENCE: f32 = 0.1;

impl Verdict {
    /// Whether too much of the reply is not in its sources.
    fn is_partial(self) -> bool {
        self.unsupported >= PARTIAL_FROM
    }

    /// The confidence reduced by the share of the answer that is not in the sources, down to a tenth.
    fn confidence_of(self, confidence: f32) -> f32 {
        confidence * (1.0 - (1.0 - UNSUPPORTED_CONFIDENCE) * self.unsupported)
    }

    /// The answer with the confidence and the status that it deserves.
    fn applied_to(self, answer: Answer) -> Answer {
        let mut answer = if self.contradicts { contradicted(answer) } else { answer };
        answer.confidence = self.confidence_of(answer.confidence);
        if self.is_partial() {
            answer.status = Status::Partial;
            if !self.contradicts {
                answer.reason =
                    "a part of the model's answer is not in the passages that it cites".to_owned();
            }
        }
        answer
    }
}

/// An answer after a model advised what the documents forbid.
fn contradicted(answer: Answer) -> Answer {
    Answer {
        status: Status::Partial,
        confidence: answer.confidence.min(CONTRADICTED_CONFIDENCE),
        reason: "the model advised what a document of this object forbids; that advice was removed"
            .to_owned(),
        ..answer
    }
}

/// A reason as it may be shown: the titles in it are not ours.
fn without_markup(reason: &str) -> String {
    title::cleaned(&reason.replace('`', "'"))
}

/// The first documents among the hits.
fn nearest(retrieval: &Retrieval) -> Vec<Nearest> {
    const MAX_NEAREST: usize = 3;
    let mut nearest: Vec<Nearest> = Vec::new();
    for record in retrieval.version_gap.iter().flat_map(|gap| &gap.documents) {
        let meta = &record.meta;
        let url = meta.url.as_deref().and_then(web_url);
        nearest.push(Nearest { document: meta.id.clone(), title: title::cleaned(&meta.title), url });
    }
    for passage in Evidence::of_hits(&retrieval.hits) {
        if nearest.len() < MAX_NEAREST && !nearest.iter().any(|near| near.document == passage.document) {
            let title = title::cleaned(&passage.title);
            nearest.push(Nearest { document: passage.document, title, url: passage.url });
        }
    }
    nearest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn confidence_and_status_follow_from_what_is_not_in_the_sources() {
        for (unsupported, confidence, is_partial) in
            [(0.0, 1.0, false), (0.2, 0.82, false), (0.25, 0.775, true), (0.5, 0.55, true), (1.0, 0.1, true)]
        {
            let verdict = Verdict { contradicts: false, unsupported };
            assert!((verdict.confidence_of(1.0) - confidence).abs() < 1e-6, "{unsupported}");
            assert_eq!(verdict.is_partial(), is_partial, "{unsupported}");
        }
    }

    #[test]
    fn reasons_hold_nothing_of_a_title_that_is_not_seen() {
        assert_eq!(without_markup("the rule of `a\u{1b}[31m\u{202e}b` holds"), "the rule of 'ab' holds");
    }
}

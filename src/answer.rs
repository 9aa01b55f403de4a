//! What we stand behind: [`Answer`], built from a model's reply, from evidence alone, or as an honest "I don't know".
//! Pure; whether and whom to ask is decided in `assistant.rs`.

use crate::{
    checks::{
        citations,
        commands::{self, Grounds},
        markup, masked,
    },
    evidence::Evidence,
    format::{Format, Shape},
    http::schema,
    markdown,
    phrases::{self, Phrases},
    text::{num_chars, visible},
};
use jiff::Timestamp;
use kb::{answerable::Status, question::Question};
use serde::Serialize;
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// Who wrote an answer's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AnsweredBy {
    /// The model, checked.
    Llm,
    /// Nobody: the text quotes the evidence.
    Extractive,
    /// There is no answer.
    None,
}

/// Why an answer is less than it could be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Degraded {
    /// No slot for a model call was free.
    Overloaded,
    /// The model's host refused or could not be found.
    LlmUnreachable,
    /// No trusted connection to the model's host.
    LlmTls,
    /// No reply in time.
    LlmTimeout,
    /// Our key is not accepted.
    LlmUnauthorized,
    /// The model or the request is not accepted.
    LlmRejected,
    /// Too many requests, or the quota is used up.
    LlmRateLimited,
    /// The model's host failed.
    LlmServerError,
    /// The reply held no text.
    LlmEmpty,
    /// The reply was not a chat completion.
    LlmInvalid,
    /// The reply was too large.
    LlmTooLarge,
    /// The reply ended before its end.
    LlmCut,
    /// The model failed too often lately and is not asked for a while.
    LlmBreakerOpen,
    /// The reply changed a masked name.
    LlmMaskedName,
    /// The reply did not use the rule that applies to this object.
    LlmUncited,
}

/// A source of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Citation {
    /// What `[n]` in the text refers to.
    pub n: usize,
    /// The document's id.
    pub document: String,
    /// The chunk's id.
    pub chunk: String,
    /// The document's title.
    pub title: String,
    /// Where a person reads it: the document's page, at the passage's heading where it has one.
    #[schema(required)]
    pub url: Option<String>,
    /// When the document was last changed.
    #[schema(required)]
    pub updated_at: Option<Timestamp>,
}

impl Citation {
    /// Evidence as a source.
    pub fn of(evidence: &Evidence) -> Self {
        Self {
            n: evidence.n,
            document: evidence.document.clone(),
            chunk: evidence.chunk.clone(),
            title: markup::plain(&evidence.title),
            url: evidence.link(),
            updated_at: evidence.updated_at,
        }
    }
}

/// A document that came near a question nobody could answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Nearest {
    /// The document's id.
    pub document: String,
    /// Its title.
    pub title: String,
    /// Where a person reads it.
    #[schema(required)]
    pub url: Option<String>,
}

/// An answer with everything needed to judge it. Serialises to the object of `ask --json` and `/v1/ask`.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Answer {
    /// Names this answer for feedback.
    pub id: String,
    /// The text, without the list of sources.
    #[serde(rename = "answer")]
    pub text: String,
    /// What it is worth.
    #[schema(schema_with = schema::status)]
    pub status: Status,
    /// Calibrated probability that the knowledge base covers the question, 0..1.
    #[schema(minimum = 0, maximum = 1)]
    pub confidence: f32,
    /// Why the status is what it is, one English sentence.
    pub reason: String,
    /// Who wrote the text.
    pub answered_by: AnsweredBy,
    /// Why it is less than it could be.
    #[schema(required)]
    pub degraded: Option<Degraded>,
    /// Whether it was given before.
    pub cached: bool,
    /// The sources, by number.
    pub citations: Vec<Citation>,
    /// The documents that came nearest; only where the status is unknown.
    pub nearest: Vec<Nearest>,
    /// The state of the knowledge base that was read.
    pub kb_version: String,
    /// When it was given.
    #[serde(skip)]
    pub created_at: Timestamp,
    /// The model that wrote it, or `runbookd`.
    #[serde(skip)]
    pub model: String,
    /// The language of our own sentences in it.
    #[serde(skip)]
    pub language: kb::question::Language,
}

impl Answer {
    /// The text with one line that lists the sources: `Sources: [1][2] Title (url or id, updated 2026-08-17)`.
    pub fn with_sources(&self) -> String {
        if self.citations.is_empty() {
            return self.text.clone();
        }
        let phrases = phrases::phrases(&self.language);
        format!("{}\n{}{}{}", self.text, phrases.sources, phrases.colon, sources(&self.citations, phrases))
    }
}

/// The sources on one line, a document once.
fn sources(citations: &[Citation], phrases: &Phrases) -> String {
    let mut documents: Vec<(&Citation, String)> = Vec::new();
    for citation in citations {
        let marker = format!("[{}]", citation.n);
        match documents.iter_mut().find(|(first, _)| first.document == citation.document) {
            Some((_, markers)) => markers.push_str(&marker),
            None => documents.push((citation, marker)),
        }
    }
    let line = |(citation, markers): &(&Citation, String)| {
        let place = citation.url.clone().unwrap_or_else(|| markup::plain(&citation.document));
        match citation.updated_at {
            Some(at) => {
                format!(
                    "{markers} {} ({place}, {} {})",
                    citation.title,
                    phrases.updated,
                    at.strftime("%Y-%m-%d")
                )
            }
            None => format!("{markers} {} ({place})", citation.title),
        }
    };
    documents.iter().map(line).collect::<Vec<_>>().join("; ")
}

/// A text and the evidence it rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// The text.
    pub text: String,
    /// Its sources, by number.
    pub citations: Vec<Citation>,
}

/// Why a reply is not an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The model said that it does not know.
    SaidSo,
    /// It cited nothing that exists.
    Uncited,
    /// It changed a masked name.
    MaskedName,
}

/// Turns a model's reply into an answer's text: what does not show is removed, links and HTML outside the cited sources
/// are removed, citations are resolved, masked names are compared byte for byte, the client's length is kept.
pub fn from_reply(
    reply: &str,
    evidence: &[Evidence],
    question: &Question,
    format: &Format,
) -> Result<Written, Refusal> {
    let phrases = phrases::phrases(question.language());
    let reply = visible(reply);
    if is_refusal(&reply) {
        return Err(Refusal::SaidSo);
    }
    let exists = |n: usize| (1..=evidence.len()).contains(&n);
    let cited = citations::resolve(&reply, exists).cited;
    let urls: Vec<&str> = cited.iter().filter_map(|n| evidence[n - 1].url.as_deref()).collect();
    let cleaned = markup::clean(&reply, &urls);
    let resolved = citations::resolve(&cleaned, exists);
    let mut text = tidy(&resolved.text);
    if let Some(max_chars) = format.max_chars {
        text = shortened(&text, max_chars);
    }
    let cited = citations::resolve(&text, exists).cited;
    if cited.is_empty() {
        return Err(Refusal::Uncited);
    }
    let grounds = Grounds::new(evidence, question.text());
    let checked = commands::checked(&text, Some(&grounds), phrases);
    let mut text = citations::mark_uncited(&checked.text, phrases.uncited);
    match masked::echo(&text, question.masked()) {
        masked::Echo::Altered { .. } => return Err(Refusal::MaskedName),
        masked::Echo::Intact { absent } => push_concerns(&mut text, &absent, phrases),
    }
    let citations = cited.iter().map(|n| Citation::of(&evidence[n - 1])).collect();
    Ok(Written { text, citations })
}

/// Names the masked objects that the text does not mention, so that the client can put their names back.
pub fn push_concerns(text: &mut String, absent: &[String], phrases: &Phrases) {
    if !absent.is_empty() {
        text.push_str(&format!("\n{}{}{}", phrases.concerns, phrases.colon, absent.join(", ")));
    }
}

/// Whether a reply says, in any of our languages, that the model does not know.
pub fn is_refusal(reply: &str) -> bool {
    let mut start = reply.trim_start_matches(|c: char| !c.is_alphanumeric());
    // The asked-for layout may stand before it.
    for label in ["Error:", "Solution:"] {
        start = start.strip_prefix(label).unwrap_or(start).trim_start_matches(|c: char| !c.is_alphanumeric());
    }
    let start = start.replace('’', "'").to_lowercase();
    phrases::all().iter().any(|phrases| start.starts_with(&phrases.dont_know.to_lowercase()))
        || start.starts_with("i do not know")
}

/// The text of an honest refusal, with what was missing and what came nearest.
pub fn dont_know(missing: &[String], nearest: &[Nearest], question: &Question) -> String {
    let phrases = phrases::phrases(question.language());
    let Phrases { comma, colon, full_stop, .. } = phrases;
    let mut text = format!("{}{colon}{}{full_stop}", phrases.dont_know, phrases.not_covered);
    let space = if *full_stop == "." { " " } else { "" };
    if !missing.is_empty() {
        let named: Vec<String> =
            missing.iter().map(|name| format!("`{}`", markup::plain(name).replace('`', "'"))).collect();
        text.push_str(&format!("{space}{}{colon}{}{full_stop}", phrases.missing, named.join(comma)));
    }
    if !nearest.is_empty() {
        let documents: Vec<String> = nearest
            .iter()
            .map(|near| match &near.url {
                Some(url) => format!("{} ({url})", near.title),
                None => format!("{} ({})", near.title, markup::plain(&near.document)),
            })
            .collect();
        text.push_str(&format!("{space}{}{colon}{}{full_stop}", phrases.nearest, documents.join(comma)));
    }
    // The client puts real names back wherever a masked one stands.
    if let masked::Echo::Intact { absent } = masked::echo(&text, question.masked()) {
        push_concerns(&mut text, &absent, phrases);
    }
    text
}

/// Trims lines' ends and leaves at most one blank line between blocks, outside code.
fn tidy(text: &str) -> String {
    let mut tidied = String::with_capacity(text.len());
    let (mut blank, mut fenced) = (0, false);
    for line in text.trim().lines() {
        let is_fence = line.trim_start().starts_with("```") || line.trim_start().starts_with("~~~");
        fenced ^= is_fence;
        let line = if fenced { line } else { line.trim_end() };
        blank = if line.is_empty() { blank + 1 } else { 0 };
        if blank < 2 || fenced {
            tidied.push_str(line);
            tidied.push('\n');
        }
    }
    tidied.truncate(tidied.trim_end().len());
    tidied
}

/// The text within `max_chars` characters where whole sentences and lines can be left out from its end; never less than
/// the first sentence of each labelled part, and never without a citation it had. Citations do not count.
fn shortened(text: &str, max_chars: usize) -> String {
    let length = |text: &str| num_chars(&citations::resolve(text, |_| false).text);
    if length(text) <= max_chars {
        return text.to_owned();
    }
    let code = markdown::code_ranges(text);
    // Pieces end at line ends and sentence ends outside code.
    let mut pieces: Vec<String> = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let is_code = code
            .iter()
            .any(|range| range.start <= at && at + line.trim_end().len() <= range.end && line.len() > 1);
        match is_code {
            true => pieces.push(line.to_owned()),
            false => pieces.extend(pieces_of(line)),
        }
        at += line.len();
    }
    let is_label = |piece: &str| piece.starts_with("Error:") || piece.starts_with("Solution:");
    let keeps: BTreeSet<usize> =
        pieces.iter().enumerate().filter(|(n, piece)| *n == 0 || is_label(piece)).map(|(n, _)| n).collect();
    let mut kept: Vec<bool> = vec![true; pieces.len()];
    let joined = |kept: &[bool]| {
        let mut joined = String::new();
        for (piece, kept) in pieces.iter().zip(kept) {
            match kept {
                true => joined.push_str(piece),
                // A line loses its last sentence, not its end.
                false if piece.ends_with('\n') && !joined.ends_with('\n') => joined.push('\n'),
                false => {}
            }
        }
        joined
    };
    let num_cited = |text: &str| citations::resolve(text, |_| true).cited.len();
    for n in (0..pieces.len()).rev() {
        if length(joined(&kept).trim_end()) <= max_chars {
            break;
        }
        if keeps.contains(&n) {
            continue;
        }
        kept[n] = false;
        if num_cited(text) > 0 && num_cited(&joined(&kept)) == 0 {
            kept[n] = true;
        }
    }
    joined(&kept).trim_end().to_owned()
}

/// A line's sentences with their white space and the citations that follow them.
fn pieces_of(line: &str) -> Vec<String> {
    let mut pieces: Vec<String> = Vec::new();
    let mut rest = line;
    for sentence in markdown::sentences(line.trim_end()) {
        let Some(at) = rest.find(sentence) else { break };
        let end = at + sentence.len();
        let piece = &rest[..end];
        match pieces.last_mut() {
            // `[1]` after a full stop belongs to the sentence before it, and `1.` to the one after it.
            Some(last) if sentence.starts_with('[') || ends_with_number(last) => last.push_str(piece),
            _ => pieces.push(piece.to_owned()),
        }
        rest = &rest[end..];
    }
    match pieces.last_mut() {
        Some(last) => last.push_str(rest),
        None => pieces.push(line.to_owned()),
    }
    pieces
}

/// `Solution: 1.`, the number of a step.
fn ends_with_number(text: &str) -> bool {
    let number = text.trim_end().rsplit(char::is_whitespace).next().unwrap_or_default();
    number
        .strip_suffix('.')
        .is_some_and(|digits| !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit()))
}

/// Whether the client reads plain lines rather than Markdown.
pub fn is_labelled(shape: Shape) -> bool {
    matches!(shape, Shape::ErrorSolution | Shape::ErrorCommand)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kb::document::Kind;

    fn evidence() -> Vec<Evidence> {
        (1..=2)
            .map(|n| Evidence {
                n,
                document: format!("runbooks/{n}.md"),
                chunk: format!("runbooks/{n}.md#0"),
                title: format!("Title {n}"),
                url: (n == 1).then(|| "https://wiki.example.com/1".to_owned()),
                anchor: Some("raise".to_owned()),
                updated_at: None,
                kind: Kind::Runbook,
                language: None,
                heading_path: Vec::new(),
                text: "Raise the limit.".to_owned(),
                rule: None,
            })
            .collect()
    }

    fn question(text: &str) -> Question {
        Question::parse(text, Some("english")).expect("a question")
    }

    #[test]
    fn replies_become_answers_or_refusals() {
        let check = |reply: &str| from_reply(reply, &evidence(), &question("OOMKilled"), &Format::default());
        let written =
            check("Raise the limit [1], not [9]. See [it](https://evil.example).").expect("it is cited");
        assert_eq!(written.text, "Raise the limit [1], not. See it.");
        assert_eq!(written.citations.len(), 1);
        assert_eq!(check("Raise the limit."), Err(Refusal::Uncited));
        assert_eq!(check("I don't know."), Err(Refusal::SaidSo));
        assert_eq!(check("Error: I don’t know\nSolution: -"), Err(Refusal::SaidSo));
        assert_eq!(check("我不知道"), Err(Refusal::SaidSo));
    }

    #[test]
    fn lengths_are_kept_at_sentence_ends() {
        let text = "Error: The container reached its limit [1]. It was killed by the kernel.\n\
                    Solution: 1. Raise the limit [1]. 2. Look at the memory curve of the last two weeks.";
        assert_eq!(
            shortened(text, 100),
            "Error: The container reached its limit [1]. It was killed by the kernel.\nSolution: 1. Raise the limit [1]."
        );
        assert_eq!(
            shortened(text, 60),
            "Error: The container reached its limit [1].\nSolution: 1. Raise the limit [1]."
        );
        assert_eq!(
            shortened(text, 1),
            "Error: The container reached its limit [1].\nSolution: 1. Raise the limit [1]."
        );
        assert_eq!(shortened(text, 1_000), text);
    }

    #[test]
    fn a_refusal_names_what_is_missing_and_what_is_near() {
        let nearest = [Nearest { document: "a/b.md".to_owned(), title: "Nodes".to_owned(), url: None }];
        assert_eq!(
            dont_know(&["FlinkJob".to_owned()], &nearest, &question("FlinkJob fails")),
            "I don't know: the knowledge base does not cover this. Not found in any document: `FlinkJob`. \
             Nearest documents: Nodes (a/b.md)."
        );
    }

    #[test]
    fn sources_name_a_document_once() {
        let mut citations: Vec<Citation> = evidence().iter().map(Citation::of).collect();
        citations.push(Citation { n: 3, ..citations[0].clone() });
        citations[1].updated_at = Some("2026-08-17T00:00:00Z".parse().expect("a timestamp"));
        assert_eq!(
            sources(&citations, phrases::phrases(&kb::question::Language("en".to_owned()))),
            "[1][3] Title 1 (https://wiki.example.com/1#raise); [2] Title 2 (runbooks/2.md, updated 2026-08-17)"
        );
    }
}

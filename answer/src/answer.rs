//! The answer to a question: [`Answer`], built from a model's reply (`reply/`), from evidence alone (`extractive/`), or
//! as an honest "I don't know". Pure; whether and whom to ask is decided in `assistant.rs`.

use crate::{
    checks::{markup, masked},
    degraded::Degraded,
    evidence::Evidence,
    format::Shape,
    llm::Usage,
    phrases::{self, Phrases},
};
use jiff::Timestamp;
use kb::{answerable::Status, question::Question};

/// The author of an answer's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AnsweredBy {
    /// The text of a language model, after the checks.
    Llm,
    /// Written without a model: the text quotes the evidence.
    Extractive,
    /// There is no answer.
    None,
}

impl AnsweredBy {
    pub const ALL: [Self; 3] = [Self::Llm, Self::Extractive, Self::None];

    /// The name that clients know.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Llm => "llm",
            Self::Extractive => "extractive",
            Self::None => "none",
        }
    }
}

/// A source of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Citation {
    /// The number `n` of the `[n]` in the text.
    pub n: usize,
    /// The document's id, such as `runbooks/oom.md`.
    pub document: String,
    /// The id of the chunk that is quoted, within the document.
    pub chunk: String,
    pub title: String,
    /// The headings above the passage, outermost first; empty before the first.
    pub heading_path: Vec<String>,
    /// The address for a reader: the document's page, at the passage's heading where it has one.
    pub url: Option<String>,
    /// When the document was last changed.
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
            heading_path: evidence.heading_path.iter().map(|heading| markup::plain(heading)).collect(),
            url: evidence.link(),
            updated_at: evidence.updated_at,
        }
    }
}

/// A document that came near a question without an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nearest {
    /// The document's id, such as `runbooks/oom.md`.
    pub document: String,
    pub title: String,
    /// Where a person reads it.
    pub url: Option<String>,
}

/// An answer with everything needed to judge it.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Names this answer for feedback.
    pub id: String,
    /// The text, without the list of sources.
    pub text: String,
    /// How well the evidence covers the question.
    pub status: Status,
    /// Calibrated probability that the knowledge base covers the question, 0..1.
    pub confidence: f32,
    /// Why the status is what it is, one English sentence.
    pub reason: String,
    /// The author of the text.
    pub answered_by: AnsweredBy,
    /// Why it is less than it could be.
    pub degraded: Option<Degraded>,
    /// Whether it was given before.
    pub cached: bool,
    /// The prohibitions of the object's own documents, a sentence each; the text begins with them.
    pub warnings: Vec<String>,
    /// The sources, by number.
    pub citations: Vec<Citation>,
    /// The documents that came nearest; only where the status is unknown.
    pub nearest: Vec<Nearest>,
    /// The state of the knowledge base that was read.
    pub kb_version: String,
    /// When it was given.
    pub created_at: Timestamp,
    /// The model that wrote it, or `runbookd`.
    pub model: String,
    /// The tokens that the model counted for it; `None` where it was asked and did not tell.
    pub usage: Option<Usage>,
    /// The language of our own sentences in it.
    pub language: kb::question::Language,
}

/// The outcome of a question.
#[derive(Debug, Clone, PartialEq)]
pub enum Answered {
    Whole(Answer),
    /// The beginning of a model's answer whose rest did not come: checked, already shown, and no whole. Only where
    /// answers are streamed.
    Interrupted(Answer),
}

impl Answered {
    /// The answer, or its beginning.
    pub fn answer(&self) -> &Answer {
        match self {
            Self::Whole(answer) | Self::Interrupted(answer) => answer,
        }
    }

    /// The answer, or its beginning.
    pub fn into_answer(self) -> Answer {
        match self {
            Self::Whole(answer) | Self::Interrupted(answer) => answer,
        }
    }
}

impl Answer {
    /// The text with one line that lists the sources: `Sources: [1][2] Title > Heading (url or id, updated
    /// 2026-08-17)`.
    pub fn with_sources(&self) -> String {
        if self.citations.is_empty() {
            return self.text.clone();
        }
        let phrases = phrases::phrases(&self.language);
        format!("{}\n{}{}{}", self.text, phrases.sources, phrases.colon, sources(&self.citations, phrases))
    }
}

/// The sources on one line, a section once.
fn sources(citations: &[Citation], phrases: &Phrases) -> String {
    let mut sections: Vec<(&Citation, String)> = Vec::new();
    for citation in citations {
        let marker = format!("[{}]", citation.n);
        let is_same = |first: &Citation| {
            first.document == citation.document && first.heading_path.last() == citation.heading_path.last()
        };
        match sections.iter_mut().find(|(first, _)| is_same(first)) {
            Some((_, markers)) => markers.push_str(&marker),
            None => sections.push((citation, marker)),
        }
    }
    let line = |(citation, markers): &(&Citation, String)| {
        let place = citation.url.clone().unwrap_or_else(|| markup::plain(&citation.document));
        let heading = citation.heading_path.last().filter(|heading| **heading != citation.title);
        let heading = heading.map(|heading| format!(" > {heading}")).unwrap_or_default();
        let title = &citation.title;
        match citation.updated_at {
            Some(at) => {
                format!(
                    "{markers} {title}{heading} ({place}, {} {})",
                    phrases.updated,
                    at.strftime("%Y-%m-%d")
                )
            }
            None => format!("{markers} {title}{heading} ({place})"),
        }
    };
    sections.iter().map(line).collect::<Vec<_>>().join("; ")
}

/// A text and the evidence it rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    pub text: String,
    /// Its sources, by number.
    pub citations: Vec<Citation>,
}

/// Names the masked objects that the text does not mention, so that the client can put their names back.
pub fn push_concerns(text: &mut String, absent: &[String], phrases: &Phrases) {
    if !absent.is_empty() {
        text.push_str(&format!("\n{}{}{}", phrases.concerns, phrases.colon, absent.join(", ")));
    }
}

/// Whether a reply says, in any of our languages, that the model does not know, and goes on to nothing else: `I don't
/// know which pod it is, but ...` is judged by what follows.
pub fn is_refusal(reply: &str) -> bool {
    let mut start = reply.trim_start_matches(|c: char| !c.is_alphanumeric());
    // The asked-for layout may stand before it.
    for label in ["Error:", "Solution:"] {
        start = start.strip_prefix(label).unwrap_or(start).trim_start_matches(|c: char| !c.is_alphanumeric());
    }
    let start = start.replace('’', "'").to_lowercase();
    let phrases = phrases::all().map(|phrases| phrases.dont_know.to_lowercase());
    let rest = phrases
        .iter()
        .map(String::as_str)
        .chain(["i do not know"])
        .find_map(|phrase| start.strip_prefix(phrase));
    rest.is_some_and(|rest| {
        let line = rest.lines().next().unwrap_or_default().trim_start_matches([' ', '*', '_']);
        !line.starts_with(|c: char| c.is_alphanumeric() || matches!(c, ',' | '，' | '`'))
    })
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
    if let masked::Echo::Intact { absent } = masked::echo(&text, question.anonymised()) {
        push_concerns(&mut text, &absent, phrases);
    }
    text
}

/// Whether the client reads plain lines rather than Markdown.
pub fn is_labelled(shape: Shape) -> bool {
    matches!(shape, Shape::ErrorSolution | Shape::ErrorCommand)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence() -> Vec<Evidence> {
        (1..=2).map(|n| Evidence { anchor: Some("raise".to_owned()), ..Evidence::sample(n) }).collect()
    }

    fn question(text: &str) -> Question {
        Question::parse(text, Some("english")).expect("a question")
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
    fn sources_name_a_section_once() {
        let mut citations: Vec<Citation> = evidence().iter().map(Citation::of).collect();
        citations.push(Citation { n: 3, ..citations[0].clone() });
        citations[1].heading_path = vec!["Diagnosis".to_owned(), "Look first".to_owned()];
        citations[1].updated_at = Some("2026-08-17T00:00:00Z".parse().expect("a timestamp"));
        assert_eq!(
            sources(&citations, phrases::phrases(&kb::question::Language("en".to_owned()))),
            "[1][3] Title 1 (https://wiki.example.com/1#raise); [2] Title 2 > Look first (runbooks/2.md, updated 2026-08-17)"
        );
    }
}

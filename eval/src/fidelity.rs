//! Section fidelity: the share of an answer that stands in the section of the page that was asked about. Questions are
//! asked through the product's own [`Assistant`], without a language model.
//!
//! Entry points: [`of_headings`], which needs no labels, [`of_labels`] for questions with a labelled section, and the
//! pure [`headings_figures`] and [`labels_figures`]. [`crate::pages`] cuts pages into sections and answers into
//! sentences.

use crate::{
    asking,
    datasets::{Passages, Query},
    error::EvalError,
    lint::{Finding, Problem},
    pages::{self, Page, Section},
    results::{FidelityQuestion, Figures},
    suite::Sampling,
};
use answer::{
    Assistant, Request,
    assistant::AnswerError,
    format::Format,
    request::question,
    search::{self, FoundPassage},
};
use futures::{StreamExt, TryStreamExt, stream};
use ingest::progress::Progress;
use kb::{answerable::Status, causes::with_causes, store::Filter};
use std::{
    collections::{BTreeMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// The pages of a corpus, by their documents' ids.
pub type Corpus = Arc<BTreeMap<String, Page>>;

/// Fewest headings of a page whose headings are asked.
const MIN_HEADINGS: usize = 4;
/// Widths of the headings that are asked, in columns ([`pages::width`]): shorter ones ("Overview") ask nothing, longer
/// ones are sentences.
const HEADING_WIDTHS: std::ops::RangeInclusive<usize> = 20..=90;
/// Lengths of the sections whose headings are asked: shorter ones have nothing to quote, longer ones are pages of their
/// own.
const SECTION_CHARS: std::ops::RangeInclusive<usize> = 120..=2_500;
/// Least width of a sentence that counts in an answer to a heading, in columns: shorter ones stand in many places by
/// chance.
const MIN_HEADING_SENTENCE: usize = 20;
/// Least length of a sentence that counts in an answer to a labelled question, in characters.
const MIN_LABELLED_SENTENCE: usize = 8;
/// Most sentences outside the section that are shown for a question.
const MAX_STRAYS: usize = 3;

/// The product, asked several questions at once.
#[derive(Clone)]
pub struct Asker {
    /// The product, without a language model.
    pub assistant: Assistant,
    /// Number of questions that are asked at once.
    pub concurrency: usize,
}

impl Asker {
    /// The best passage for a question.
    async fn first_hit(
        &self,
        id: &str,
        text: &str,
        language: Option<&str>,
    ) -> Result<Option<FoundPassage>, EvalError> {
        let question = question(text, language).map_err(|error| unusable(id, &error))?;
        let found = search::find(&self.assistant, &question, &Filter::default(), 1).await;
        Ok(found.map_err(|error| failed(id, &error))?.passages.into_iter().next())
    }

    /// The answer to a question, as a person would get it.
    async fn answer(
        &self,
        id: &str,
        text: &str,
        language: Option<&str>,
    ) -> Result<answer::Answer, EvalError> {
        let request =
            Request::parse(text, language, Format::default()).map_err(|error| unusable(id, &error))?;
        let answer = self.assistant.answer(&request, &Filter::default(), asking::occasion(id)).await;
        answer.map_err(|error| failed(id, &error))
    }
}

fn unusable(id: &str, error: &impl std::fmt::Display) -> EvalError {
    EvalError::Usage(format!("question `{id}` cannot be asked: {error}"))
}

fn failed(id: &str, error: &AnswerError) -> EvalError {
    EvalError::Answer { case: id.to_owned(), detail: with_causes(error) }
}

/// Asks the headings of pages with several sections, in an order that the seed decides, until enough count, and returns
/// those with how many were tried. A heading counts when the first hit begins in its section, and the question is
/// either refused or answered with sentences of that page.
pub async fn of_headings(
    asker: &Asker,
    corpus: &Corpus,
    sampling: Sampling,
) -> Result<(Vec<FidelityQuestion>, usize), EvalError> {
    let progress = Arc::new(Progress::on_stderr());
    progress.begin("asking headings", sampling.questions);
    let enough = Arc::new(AtomicBool::new(false));
    let mut asking = stream::iter(candidates(corpus, sampling.seed))
        .map(|(document, at)| {
            let (asker, corpus, enough) = (asker.clone(), corpus.clone(), enough.clone());
            tokio::spawn(async move {
                // Questions begun ahead of the last one that counts need not be finished.
                match enough.load(Ordering::Relaxed) {
                    true => Ok(None),
                    false => ask_heading(&asker, &corpus[&document], at).await,
                }
            })
        })
        .buffered(asker.concurrency.max(1));
    let (mut questions, mut tried) = (Vec::new(), 0);
    while questions.len() < sampling.questions
        && let Some(asked) = asking.next().await
    {
        tried += 1;
        if let Some(question) = asked.map_err(|error| lost(&error))?? {
            progress.advance(1);
            questions.push(question);
        }
    }
    enough.store(true, Ordering::Relaxed);
    progress.finish();
    Ok((questions, tried))
}

fn lost(error: &tokio::task::JoinError) -> EvalError {
    EvalError::Usage(format!("a task failed: {error}"))
}

/// The headings that can be asked, as documents with the number of the section, in the order of a hash.
fn candidates(corpus: &Corpus, seed: u64) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    for page in corpus.values().filter(|page| page.sections.len() >= MIN_HEADINGS) {
        for (at, section) in page.sections.iter().enumerate() {
            let fits = section.level >= 2
                && HEADING_WIDTHS.contains(&pages::width(&section.heading))
                && SECTION_CHARS.contains(&section.chars);
            if fits {
                let mut hasher = blake3::Hasher::new();
                hasher.update(&seed.to_le_bytes());
                hasher.update(&(at as u64).to_le_bytes());
                hasher.update(page.document.as_bytes());
                found.push((*hasher.finalize().as_bytes(), page.document.clone(), at));
            }
        }
    }
    found.sort_unstable();
    found.into_iter().map(|(_, document, at)| (document, at)).collect()
}

async fn ask_heading(asker: &Asker, page: &Page, at: usize) -> Result<Option<FidelityQuestion>, EvalError> {
    let section = &page.sections[at];
    let wanted = format!("{}#{}", page.document, section.heading);
    let hit = asker.first_hit(&wanted, &section.heading, None).await?;
    if !hit.is_some_and(|hit| begins_in(&hit, page, section)) {
        return Ok(None);
    }
    let answer = asker.answer(&wanted, &section.heading, None).await?;
    let is_refused = answer.status == Status::Unknown;
    let placed = match is_refused {
        true => Placed::default(),
        false => Placed::in_page(&pages::sentences(&answer.text), page, page.text(section)),
    };
    if !is_refused && placed.sentences == 0 {
        return Ok(None);
    }
    Ok(Some(placed.question(wanted.clone(), section.heading.clone(), vec![wanted], true, &answer)))
}

/// Asks every question that has labelled sections. A label that names no section of the corpus is an error.
pub async fn of_labels(
    asker: &Asker,
    corpus: &Corpus,
    queries: &[Query],
    passages: &Passages,
) -> Result<Vec<FidelityQuestion>, EvalError> {
    if let Some(Finding { query, detail, .. }) = problems(corpus, queries, passages).first() {
        return Err(EvalError::Usage(format!("question `{query}`: {detail}")));
    }
    let progress = Arc::new(Progress::on_stderr());
    let labelled: Vec<(&Query, &Vec<(String, String)>)> =
        queries.iter().filter_map(|query| Some((query, passages.get(&query.id)?))).collect();
    progress.begin("asking", labelled.len());
    let asked = stream::iter(labelled)
        .map(|(query, labels)| {
            let (asker, corpus, query, labels) =
                (asker.clone(), corpus.clone(), query.clone(), labels.clone());
            let progress = progress.clone();
            tokio::spawn(async move {
                let found = ask_labelled(&asker, &corpus, &query, &labels).await;
                progress.advance(1);
                found
            })
        })
        .buffered(asker.concurrency.max(1))
        .map(|joined| joined.map_err(|error| lost(&error))?)
        .try_collect()
        .await;
    progress.finish();
    asked
}

/// The problems of labelled sections: they belong to no question, or name no section of the corpus.
pub fn problems(corpus: &BTreeMap<String, Page>, queries: &[Query], passages: &Passages) -> Vec<Finding> {
    let known: HashSet<&str> = queries.iter().map(|query| query.id.as_str()).collect();
    let mut found = Vec::new();
    for (query, labels) in passages {
        let mut find =
            |problem, detail: String| found.push(Finding { problem, query: query.clone(), detail });
        if !known.contains(query.as_str()) {
            find(Problem::UnknownQuery, "is labelled, but there is no such question".to_owned());
        }
        for (document, heading) in labels {
            if corpus.get(document).and_then(|page| page.section(heading)).is_none() {
                find(Problem::MissingTarget, format!("`{document}` has no section `{heading}`"));
            }
        }
    }
    found
}

async fn ask_labelled(
    asker: &Asker,
    corpus: &Corpus,
    query: &Query,
    labels: &[(String, String)],
) -> Result<FidelityQuestion, EvalError> {
    let sections: Vec<(&Page, &Section)> = labels
        .iter()
        .filter_map(|(document, heading)| {
            let page = corpus.get(document)?;
            Some((page, page.section(heading)?))
        })
        .collect();
    let hit = asker.first_hit(&query.id, &query.text, query.language()).await?;
    let is_first = hit.is_some_and(|hit| sections.iter().any(|(page, section)| lies_in(&hit, page, section)));
    let answer = asker.answer(&query.id, &query.text, query.language()).await?;
    let texts: Vec<&str> = sections.iter().map(|(page, section)| page.text(section)).collect();
    let placed = match answer.status {
        Status::Unknown => Placed::default(),
        _ => Placed::by_length(&pages::sentences(&answer.text), &texts),
    };
    let labels = labels.iter().map(|(document, heading)| format!("{document}#{heading}")).collect();
    Ok(placed.question(query.id.clone(), query.text.clone(), labels, is_first, &answer))
}

/// Whether a passage begins in a section; it may hold the next ones as well.
fn begins_in(hit: &FoundPassage, page: &Page, section: &Section) -> bool {
    hit.document == page.document
        && usize::try_from(hit.passage.start_byte).is_ok_and(|start| section.source.contains(&start))
}

/// Whether a passage is a part of a section.
fn lies_in(hit: &FoundPassage, page: &Page, section: &Section) -> bool {
    begins_in(hit, page, section)
        && usize::try_from(hit.passage.end_byte).is_ok_and(|end| end <= section.source.end)
}

/// How much of an answer stands in the section asked about.
#[derive(Debug, Default, PartialEq)]
struct Placed {
    /// Number of sentences that count.
    sentences: usize,
    /// Number of these that stand in the section.
    inside: usize,
    /// The share of the answer that stands in the section, 0..1.
    share: f64,
    /// Whether the first sentence stands in the section.
    leads: bool,
    /// The first sentences outside the section, at most [`MAX_STRAYS`].
    strays: Vec<String>,
}

impl Placed {
    /// Counts the sentences that stand on the page; the share is one of their number.
    fn in_page(sentences: &[String], page: &Page, section: &str) -> Self {
        let long = sentences.iter().filter(|sentence| pages::width(sentence) >= MIN_HEADING_SENTENCE);
        let on_page: Vec<(&String, bool)> = long
            .map(|sentence| (sentence, section.contains(sentence.as_str())))
            .filter(|(sentence, inside)| *inside || page.flat.contains(sentence.as_str()))
            .collect();
        Self::of(&on_page, |_| 1)
    }

    /// Counts all sentences; the share is one of their length.
    fn by_length(sentences: &[String], sections: &[&str]) -> Self {
        let long = sentences.iter().filter(|sentence| sentence.chars().count() >= MIN_LABELLED_SENTENCE);
        let all: Vec<(&String, bool)> = long
            .map(|sentence| (sentence, sections.iter().any(|section| section.contains(sentence.as_str()))))
            .collect();
        Self::of(&all, |sentence| sentence.chars().count())
    }

    fn of(sentences: &[(&String, bool)], weight: impl Fn(&str) -> usize) -> Self {
        let sum = |only_inside: bool| -> usize {
            let counted = sentences.iter().filter(|(_, inside)| *inside || !only_inside);
            counted.map(|(sentence, _)| weight(sentence)).sum()
        };
        let strays = sentences.iter().filter(|(_, inside)| !inside).map(|(sentence, _)| (*sentence).clone());
        Self {
            sentences: sentences.len(),
            inside: sentences.iter().filter(|(_, inside)| *inside).count(),
            share: if sentences.is_empty() { 0.0 } else { sum(true) as f64 / sum(false) as f64 },
            leads: sentences.first().is_some_and(|(_, inside)| *inside),
            strays: strays.take(MAX_STRAYS).collect(),
        }
    }

    fn question(
        self,
        query: String,
        text: String,
        wanted: Vec<String>,
        first_hit: bool,
        answer: &answer::Answer,
    ) -> FidelityQuestion {
        FidelityQuestion {
            query,
            text,
            wanted,
            first_hit,
            status: answer.status,
            confidence: f64::from(answer.confidence),
            sentences: self.sentences,
            inside: self.inside,
            share: self.share,
            leads: self.leads,
            strays: self.strays,
            answer: answer.text.clone(),
        }
    }
}

/// The figures of headings that were asked.
pub fn headings_figures(questions: &[FidelityQuestion]) -> Figures {
    let answered: Vec<&FidelityQuestion> =
        questions.iter().filter(|question| question.is_answered()).collect();
    Figures::Headings {
        lead: share(&answered, |question| question.leads),
        whole: share(&answered, |question| question.inside == question.sentences),
        mean_share: crate::statistics::mean(
            &answered.iter().map(|question| question.share).collect::<Vec<_>>(),
        ),
        refused: share(&questions.iter().collect::<Vec<_>>(), |question| !question.is_answered()),
    }
}

/// The figures of labelled questions.
pub fn labels_figures(questions: &[FidelityQuestion]) -> Figures {
    let all: Vec<&FidelityQuestion> = questions.iter().collect();
    let answered: Vec<&FidelityQuestion> =
        questions.iter().filter(|question| question.is_answered()).collect();
    Figures::Labels {
        head_1: share(&all, |question| question.first_hit),
        answered: share(&all, FidelityQuestion::is_answered),
        mostly: share(&answered, |question| question.share > 0.5),
        nothing: share(&answered, |question| question.share == 0.0),
    }
}

/// The share of questions for which `holds` is true; 0 if there are no questions.
fn share(questions: &[&FidelityQuestion], holds: impl Fn(&FidelityQuestion) -> bool) -> f64 {
    let holding = questions.iter().filter(|question| holds(question)).count();
    holding as f64 / questions.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use ingest::formats::{Document, Syntax};
    use kb::{
        document::{DocumentMeta, Kind},
        mapped::MappedText,
    };

    const ALERTS: &str = "# Alerts\n\n## The disk of the relay is nearly full\n\nThe relay keeps old segments on its disk \
                          for a week. Remove segments older than a week with `relayctl prune`, and look at the disk again.\n\n\
                          ## The lease of the relay was lost\n\nAnother relay holds the lease since the last failover. \
                          Restart the relay that shows the older epoch, then look at the leases again with `relayctl leases`.\n\n\
                          ## Short\n\nLittle.\n\n## Another short one\n\nLittle as well.\n";

    fn page(id: &str, text: &str) -> Page {
        let meta = DocumentMeta::new(id.to_owned(), "ops", "Alerts", Kind::Docs);
        Page::of(&Document::new(meta, MappedText::new(text.to_owned()), Syntax::Markdown))
    }

    fn corpus() -> Corpus {
        Arc::new(["ops/a.md", "ops/b.md"].map(|id| (id.to_owned(), page(id, ALERTS))).into())
    }

    #[test]
    fn headings_are_chosen_by_size_and_seed() {
        let chosen = candidates(&corpus(), 7);
        let mut sorted = chosen.clone();
        sorted.sort();
        let named = |id: &str, at: usize| (id.to_owned(), at);
        assert_eq!(
            sorted,
            [named("ops/a.md", 1), named("ops/a.md", 2), named("ops/b.md", 1), named("ops/b.md", 2)]
        );
        assert_eq!(chosen, candidates(&corpus(), 7));
        let orders: std::collections::BTreeSet<_> = (0..20).map(|seed| candidates(&corpus(), seed)).collect();
        assert!(orders.len() > 5, "{} orders of 20 seeds", orders.len());
    }

    #[test]
    fn labels_that_point_nowhere_are_found() {
        let query = Query { id: "q".to_owned(), text: "q?".to_owned(), meta: serde_json::Map::new() };
        let label = |document: &str, heading: &str| (document.to_owned(), heading.to_owned());
        let passages = Passages::from([
            ("ghost".to_owned(), vec![label("ops/a.md", "Short")]),
            (
                "q".to_owned(),
                vec![label("ops/b.md", "Absent"), label("ops/b.md", "Short"), label("gone.md", "Short")],
            ),
        ]);
        let found = problems(&corpus(), &[query], &passages);
        let found: Vec<(&str, Problem)> = found.iter().map(|one| (one.query.as_str(), one.problem)).collect();
        let missing = ("q", Problem::MissingTarget);
        assert_eq!(found, [("ghost", Problem::UnknownQuery), missing, missing]);
    }

    fn placed(answer: &str) -> (usize, usize, bool, f64, f64) {
        let page = page("ops/a.md", ALERTS);
        let section = page.text(page.section("The lease of the relay was lost").expect("it"));
        let sentences = pages::sentences(answer);
        let by_page = Placed::in_page(&sentences, &page, section);
        let by_length = Placed::by_length(&sentences, &[section]);
        (by_page.sentences, by_page.inside, by_page.leads, by_page.share, by_length.share)
    }

    #[test]
    fn sentences_are_placed() {
        let inside = "Another relay holds the lease since the last failover.";
        let outside = "The relay keeps old segments on its disk for a week.";
        let foreign = "Somebody else said something else altogether here.";
        for (answer, expected) in [
            (format!("**Cause:** {inside} [1]"), (1, 1, true, 1.0, 1.0)),
            (format!("{outside} {inside} [1]"), (2, 1, false, 0.5, 53.0 / 104.0)),
            (format!("{inside} [1]\n\n**Steps:**\n1. {outside} [1]"), (2, 1, true, 0.5, 53.0 / 104.0)),
            // A sentence that stands nowhere on the page does not count in the share by sentences, but in the share by
            // length.
            (format!("{inside} {foreign}"), (1, 1, true, 1.0, 53.0 / 102.0)),
            (foreign.to_owned(), (0, 0, false, 0.0, 0.0)),
            (String::new(), (0, 0, false, 0.0, 0.0)),
        ] {
            assert_eq!(placed(&answer), expected, "{answer}");
        }
    }

    fn question(
        status: Status,
        first_hit: bool,
        sentences: usize,
        inside: usize,
        leads: bool,
    ) -> FidelityQuestion {
        FidelityQuestion {
            query: "q".to_owned(),
            text: "q?".to_owned(),
            wanted: vec!["ops/a.md#A".to_owned()],
            first_hit,
            status,
            confidence: 0.9,
            sentences,
            inside,
            share: if sentences == 0 { 0.0 } else { inside as f64 / sentences as f64 },
            leads,
            strays: Vec::new(),
            answer: String::new(),
        }
    }

    #[test]
    fn figures_are_shares_of_the_answered_and_of_all() {
        let questions = [
            question(Status::Answered, true, 4, 4, true),
            question(Status::Answered, true, 4, 1, true),
            question(Status::Partial, false, 2, 0, false),
            question(Status::Unknown, true, 0, 0, false),
        ];
        let headings =
            Figures::Headings { lead: 2.0 / 3.0, whole: 1.0 / 3.0, mean_share: 1.25 / 3.0, refused: 0.25 };
        assert_eq!(headings_figures(&questions), headings);
        let labels = Figures::Labels { head_1: 0.75, answered: 0.75, mostly: 1.0 / 3.0, nothing: 1.0 / 3.0 };
        assert_eq!(labels_figures(&questions), labels);
        assert_eq!(
            labels_figures(&[]),
            Figures::Labels { head_1: 0.0, answered: 0.0, mostly: 0.0, nothing: 0.0 }
        );
    }
}

//! A model's reply turned into an answer's text, block by block as it arrives. The one place where the checks come
//! together, and the one way into this room: a whole reply is one that arrives in one piece. Pure.
//!
//! A block is checked when it is whole, and may be shown when it is certain that the answer will not be refused: not
//! before the first citation that holds. Where only the end decides (a length to keep, masked names that must all come
//! back), nothing is shown before it. Entry points: [`from_reply`] and [`Checks`].
//!
//! `blocks.rs` cuts the reply without its reasoning (`reasoning.rs`), `cleaning.rs` takes out of a block what may not
//! stay, `advice.rs` and `permissions.rs` what the documents forbid, `sources/` marks claims without a source and
//! `support/` sentences that their source does not say; `joined.rs` puts blocks together, `length.rs` and `labels.rs`
//! give the whole its length and layout. The checks of every text, by a model or quoted, are in `checks/`.

mod advice;
mod blocks;
mod cleaning;
mod joined;
mod labels;
mod length;
mod permissions;
mod reasoning;
mod sources;
mod support;
#[cfg(test)]
mod tests;

pub use blocks::MAX_BYTES;

use crate::{
    answer::{Citation, Written, is_labelled, is_refusal, push_concerns},
    checks::{
        commands::{self, Grounds},
        masked,
    },
    citations,
    evidence::Evidence,
    fences::{self, Reading},
    format::Format,
    phrases::{self, Phrases},
    warnings,
};
use blocks::{Block, Blocks};
use cleaning::{Cleaner, tidy};
use joined::Joined;
use kb::question::Question;
use sources::Sources;
use std::collections::{BTreeMap, BTreeSet};
use support::{Support, Tally};

/// Why a reply is not an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The model said that it does not know.
    SaidSo,
    /// It cited nothing that exists.
    Uncited,
    /// It changed a masked name.
    MaskedName,
    /// It advised what a document of the object forbids, and nothing else of it holds.
    Forbidden,
    /// It is longer than is read ([`MAX_BYTES`]).
    TooLong,
    /// It said nothing besides its citations.
    Empty,
}

/// Turns a whole reply into an answer's text: what does not show is removed, links and HTML outside the cited sources
/// are removed, secrets are masked, citations are resolved, commands are compared with the evidence, masked names byte
/// for byte, the client's length is kept, and what a rule forbids stands before everything.
pub fn from_reply(
    reply: &str,
    evidence: &[Evidence],
    question: &Question,
    format: &Format,
) -> Result<Written, Refusal> {
    let mut checks = Checks::new(evidence, question, format);
    checks.push(reply);
    checks.finish()
}

/// A reply while it arrives.
pub struct Checks<'a> {
    evidence: &'a [Evidence],
    question: &'a Question,
    format: &'a Format,
    phrases: &'static Phrases,
    grounds: Grounds,
    cleaner: Cleaner<'a>,
    rules: advice::Rules,
    blocks: Blocks,
    /// Checked blocks that wait for a citation which may cover them.
    sources: Sources<'static>,
    /// The check of its sentences against the passages that they cite.
    support: Support<'a>,
    tally: Tally,
    /// Whether it has words besides its citations.
    says_something: bool,
    /// The model's text before anything could be shown; a refusal is recognised by it.
    said: String,
    /// The text that is checked so far.
    joined: Joined,
    /// The numbers that it cites.
    cited: BTreeSet<usize>,
    /// Whether advice was taken out that a document forbids, and whether that was the last thing so far.
    contradicts: bool,
    ends_removed: bool,
    /// Whether something of it may be shown before it is whole.
    is_streamed: bool,
    state: State,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// No text may be shown yet.
    Held,
    /// Emitted up to this byte, with the warnings in front.
    Emitted { up_to: usize },
    /// The model said that it does not know.
    Refused,
}

impl<'a> Checks<'a> {
    /// Checks against what the model was given.
    pub fn new(evidence: &'a [Evidence], question: &'a Question, format: &'a Format) -> Self {
        Self {
            evidence,
            question,
            format,
            phrases: phrases::phrases(question.language()),
            grounds: Grounds::new(evidence, question.text()),
            cleaner: Cleaner::new(evidence, question),
            rules: advice::Rules::of(evidence),
            blocks: Blocks::of_reply(),
            sources: Sources::new(phrases::phrases(question.language())),
            support: Support::new(evidence, question, phrases::phrases(question.language())),
            tally: Tally::default(),
            says_something: false,
            said: String::new(),
            joined: Joined::default(),
            cited: BTreeSet::new(),
            contradicts: false,
            ends_removed: false,
            is_streamed: true,
            state: State::Held,
        }
    }

    /// The same for a reply of which nothing is shown before it is whole: what turns out to be reasoning is taken back.
    pub fn unshown(self) -> Self {
        Self { is_streamed: false, ..self }
    }

    /// Takes the next piece; returns the text that may be shown now, often an empty one. The finished text begins with
    /// all the texts returned so far.
    pub fn push(&mut self, piece: &str) -> String {
        for block in self.blocks.push(piece) {
            self.add(&block);
        }
        self.show()
    }

    /// The finished text with its sources.
    pub fn finish(&mut self) -> Result<Written, Refusal> {
        for block in self.blocks.finish() {
            self.add(&block);
        }
        for placed in self.sources.finish() {
            self.place(placed);
        }
        if self.is_too_long() {
            return Err(Refusal::TooLong);
        }
        if self.state == State::Refused || (self.state == State::Held && is_refusal(&self.said)) {
            return Err(Refusal::SaidSo);
        }
        if is_labelled(self.format.shape) {
            let labelled = labels::labelled(&std::mem::take(&mut self.joined.text));
            self.joined.become_one(self.clean(&labelled));
        }
        if let Some(max_chars) = self.format.max_chars {
            let (text, cited) = self.within(max_chars);
            self.joined.become_one(text);
            self.cited = cited;
        }
        if self.cited.is_empty() {
            return Err(if self.contradicts { Refusal::Forbidden } else { Refusal::Uncited });
        }
        if !self.says_something {
            return Err(Refusal::Empty);
        }
        let checked = std::mem::take(&mut self.joined.text);
        let mut text = self.with_notes(&checked);
        let note = format!("({})", self.phrases.forbidden);
        if self.contradicts && !text.contains(&note) {
            // The client's length has left it out.
            text.push_str(&format!("\n{note}"));
        }
        let mut first_end = self.joined.first_end;
        if text != checked {
            first_end = text.len();
        }
        let whole = masked::completed(&text, self.question.anonymised());
        if whole != text && self.clean(&whole) == whole {
            text = whole;
            first_end = text.len();
        }
        match masked::echo(&text, self.question.anonymised()) {
            masked::Echo::Altered { .. } => return Err(Refusal::MaskedName),
            masked::Echo::Intact { absent } => push_concerns(&mut text, &absent, self.phrases),
        }
        let cited = self.cited.iter().map(|n| (*n, Citation::of(&self.evidence[n - 1])));
        let mut citations: BTreeMap<usize, Citation> = cited.collect();
        let (warnings, sources) = self.warnings(&text[..first_end]);
        citations.extend(sources.into_iter().map(|source| (source.n, source)));
        Ok(Written { text: warnings + &text, citations: citations.into_values().collect() })
    }

    /// Whether the reply went on for longer than is read: there is no use in waiting for the rest of it.
    pub fn is_too_long(&self) -> bool {
        self.blocks.is_too_long()
    }

    /// Whether advice was taken out that a document of the object forbids.
    pub fn contradicts(&self) -> bool {
        self.contradicts
    }

    /// The share of the text that its sources do not say, 0..1.
    pub fn unsupported(&self) -> f32 {
        self.tally.share()
    }

    /// The text with a note where advice was taken out.
    fn with_notes(&self, text: &str) -> String {
        match text.contains(advice::REMOVED) {
            // A note in brackets may be one half of a link.
            true => {
                let noted = text.replace(advice::REMOVED, &format!("({})", self.phrases.forbidden));
                self.clean(&noted)
            }
            false => text.to_owned(),
        }
    }

    /// The text within a length, and what it cites. The marks of what no document says count: they take the place of
    /// what stands last.
    fn within(&mut self, max_chars: usize) -> (String, BTreeSet<usize>) {
        let mut room = max_chars;
        loop {
            let short = length::shortened(&self.joined.text, room);
            let (grounded, tally) = self.grounded(&short);
            let marked = self.cleaner.with(&self.cited).masked("", grounded);
            let is_short = length::shortened(&marked, max_chars) == marked;
            if is_short || room <= max_chars / 2 {
                self.tally = tally;
                return (marked, self.cleaner.citations_in(&short));
            }
            room = room.saturating_sub((max_chars / 10).max(1));
        }
    }

    /// The text that was emitted so far, with its sources, when the reply ends early; `None` when nothing was.
    pub fn emitted(&self) -> Option<Written> {
        let State::Emitted { up_to } = self.state else { return None };
        let (warnings, sources) = self.warnings(self.joined.first_block());
        let text = &self.joined.text[..up_to];
        let cited = self.cleaner.citations_in(text).into_iter();
        let mut citations: BTreeMap<usize, Citation> =
            cited.map(|n| (n, Citation::of(&self.evidence[n - 1]))).collect();
        citations.extend(sources.into_iter().map(|source| (source.n, source)));
        Some(Written { text: warnings + text, citations: citations.into_values().collect() })
    }

    /// Whether only the finished text can be judged: its length and layout; whether a masked name that came back
    /// damaged stands somewhere whole; whether a document that may be about a masked object is cited.
    fn end_decides(&self) -> bool {
        self.format.max_chars.is_some()
            || is_labelled(self.format.shape)
            || !self.question.anonymised().is_empty()
            || self.evidence.iter().any(Evidence::may_apply)
    }

    fn show(&mut self) -> String {
        match self.state {
            State::Refused => String::new(),
            State::Held if self.cited.is_empty() || !self.says_something || self.end_decides() => {
                String::new()
            }
            State::Held if is_refusal(&self.said) => {
                self.state = State::Refused;
                String::new()
            }
            State::Held => {
                self.state = State::Emitted { up_to: self.joined.text.len() };
                self.said = String::new();
                self.warnings(self.joined.first_block()).0 + &self.joined.text
            }
            State::Emitted { up_to } => {
                self.state = State::Emitted { up_to: self.joined.text.len() };
                self.joined.text[up_to..].to_owned()
            }
        }
    }

    /// The warnings before a text that begins with `first`, with their sources.
    fn warnings(&self, first: &str) -> (String, Vec<Citation>) {
        let cited: Vec<Citation> = self.cited.iter().map(|n| Citation::of(&self.evidence[n - 1])).collect();
        let (lines, sources) = warnings::missing(self.evidence, &cited, self.question, self.format);
        let cleaning = self.cleaner.with(&self.cited);
        let mut warnings: String = lines.into_iter().map(|line| cleaning.masked("", line) + "\n").collect();
        if !warnings.is_empty() && !cleaning.is_clean(&format!("{warnings}{first}")) {
            warnings.push('\n');
        }
        (warnings, sources)
    }

    /// Checks a block and adds it to the text, as soon as it is known which citations cover it.
    fn add(&mut self, block: &Block) {
        if block.restarts {
            self.restart();
        }
        if let Some(held) = self.unwrapped(block) {
            return held.iter().for_each(|block| self.add(block));
        }
        if self.state == State::Held {
            self.said.push_str(&block.text);
            self.said.push('\n');
        }
        let is_first = self.is_empty();
        let raw = if is_first { block.text.trim_start() } else { &block.text };
        let before = self.cited.clone();
        let waiting: Vec<usize> =
            self.sources.waiting().flat_map(|text| self.cleaner.citations_in(text)).collect();
        self.cited.extend(waiting);
        self.cited.extend(self.cleaner.citations_in(raw));
        let cleaned = self.cleaner.with(&self.cited).block(raw);
        let cleaned = self.allowed(cleaned);
        let placed = match self.format.max_chars {
            // With a limit, the finished text is shortened first and checked afterwards.
            Some(_) => {
                let (after_blank, covered_by) = (block.after_blank, BTreeSet::new());
                vec![sources::Placed { text: cleaned, after_blank, covered_by }]
            }
            None => {
                let checked = commands::checked(&cleaned, Some(&self.grounds), self.phrases).text;
                self.sources.push(checked, block.after_blank, &self.cleaner.urls(&self.cited))
            }
        };
        // The citations of the raw block may not have survived the checks.
        self.cited = before;
        for placed in placed {
            self.place(placed);
        }
    }

    /// Whether nothing of it is checked so far, nor waits for its citation.
    fn is_empty(&self) -> bool {
        self.joined.text.is_empty() && self.sources.waiting().next().is_none()
    }

    /// Forgets the text that came so far: it was reasoning, as its end has shown. Text that is already shown cannot be
    /// taken back.
    fn restart(&mut self) {
        if self.cited.is_empty() || !self.is_streamed || self.end_decides() {
            self.sources = Sources::new(self.phrases);
            self.said.clear();
            self.joined = Joined::default();
            self.cited.clear();
            (self.contradicts, self.ends_removed, self.says_something) = (false, false, false);
            self.tally = Tally::default();
        }
    }

    /// The blocks of an answer that stands as a whole in a fence which calls it text: code cites nothing.
    fn unwrapped(&self, block: &Block) -> Option<Vec<Block>> {
        let (first, rest) = block.text.split_once('\n')?;
        let fence = first.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let language = first[fence.len()..].to_ascii_lowercase();
        let is_text = language.is_empty() || fences::is(&language, Reading::Prose);
        let is_fence =
            fence.len() >= 3 && (fence.chars().all(|c| c == '`') || fence.chars().all(|c| c == '~'));
        let inner = rest.trim_end().strip_suffix(fence).unwrap_or(rest);
        if !(is_text && is_fence && self.is_empty()) || self.cleaner.citations_in(inner).is_empty() {
            return None;
        }
        let mut blocks = Blocks::default();
        let mut found = blocks.push(inner);
        found.extend(blocks.finish());
        Some(found)
    }

    /// Adds a checked block to the text, with notes and without secrets.
    fn place(&mut self, placed: sources::Placed) {
        let before = self.cited.clone();
        self.cited.extend(self.cleaner.citations_in(&placed.text));
        let checked = match self.format.max_chars {
            Some(_) => placed.text,
            None => {
                let (held, tally) = self.support.marked(&placed.text, &placed.covered_by);
                self.tally.add(tally);
                // A citation that is gone may have stood between the halves of a link, and a mark in brackets may be
                // one.
                self.with_notes(&self.clean(&held))
            }
        };
        let cleaning = self.cleaner.with(&self.cited);
        let closed = cleaning.masked(self.joined.last_block(), cleaning.closed(checked));
        self.cited = before;
        self.cited.extend(self.cleaner.citations_in(&closed));
        if !closed.is_empty() {
            self.says_something |=
                citations::resolve(&closed, |_| false).text.contains(char::is_alphanumeric);
            self.joined.append(&closed, placed.after_blank, &self.cleaner.with(&self.cited));
        }
    }

    /// The block without advice that the object's documents forbid.
    fn allowed(&mut self, block: String) -> String {
        let block = block.replace(advice::REMOVED, "");
        match advice::without_forbidden(&block, &self.rules, self.ends_removed) {
            Some(left) => {
                self.contradicts = true;
                self.ends_removed = advice::ends_removed(&left) || left.trim().is_empty();
                tidy(&self.clean(&left))
            }
            None => {
                self.ends_removed = false;
                block
            }
        }
    }

    /// With what no document says marked, and how much its sources do not say.
    fn grounded(&self, text: &str) -> (String, Tally) {
        let checked = commands::checked(text, Some(&self.grounds), self.phrases);
        let mut tally = Tally::default();
        let marked =
            sources::marked(&checked.text, self.phrases, &self.cleaner.urls(&self.cited), |placed| {
                let (held, of_block) = self.support.marked(&placed.text, &placed.covered_by);
                tally.add(of_block);
                held
            });
        // A citation that is gone may have stood between the halves of a link, and a mark in brackets may be one of
        // them.
        (self.clean(&marked), tally)
    }

    /// The text without links, images, HTML and addresses that may not stay.
    fn clean(&self, text: &str) -> String {
        self.cleaner.with(&self.cited).clean(text)
    }
}

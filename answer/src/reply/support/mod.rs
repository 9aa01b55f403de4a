//! Whether the passage that a sentence cites says it: amounts and names occur there, it denies what the passage denies,
//! and most of what it speaks of stands there. Pure, and linear in the reply's length.
//!
//! Entry point: [`Support::marked`] for a block. A sentence is covered by the citation in it, else by the next one in
//! its paragraph, else the one before, else what `sources/` found to cover the block. `amounts.rs`, `names.rs`,
//! `actions.rs` and `shares.rs` each ask one thing of a sentence.

mod actions;
mod amounts;
mod names;
mod passage;
mod quantities;
mod shares;
mod wordings;
mod words;

pub(super) use actions::{advises, denies};

use super::{advice, sources};
use crate::{citations, evidence::Evidence, markdown, phrases::Phrases, text::edited};
use actions::{is_forbidden, is_unheard_of, repeats_prohibition};
use kb::{prohibition, question::Question};
use passage::Passage;
use quantities::{Quantity, Unit};
use regex::Regex;
use std::{cell::OnceCell, collections::BTreeSet, ops::Range, sync::LazyLock};
use wordings::{ASSURES, CONCLUDES, DENIES, POINTS, STATES, UNKNOWN};
use words::Tongue;

/// The part of a sentence that the passage does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// An amount.
    Quantity,
    Name,
    /// It denies what the passage says, or says what the passage denies.
    Negation,
    /// An action that it advises and the passage does not name.
    Action,
    /// That somebody has checked the answer.
    Assurance,
    /// Too much of what it speaks of.
    Words,
}

/// How much was held against passages, and how much of it was marked, in letters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    held: usize,
    marked: usize,
}

impl Tally {
    /// The share that was marked, 0..1.
    pub fn share(self) -> f32 {
        match self.held {
            0 => 0.0,
            held => self.marked as f32 / held as f32,
        }
    }

    pub fn add(&mut self, other: Self) {
        self.held += other.held;
        self.marked += other.marked;
    }
}

/// The passages that sentences are held against, each read when it is first needed.
pub struct Support<'a> {
    evidence: &'a [Evidence],
    passages: Vec<OnceCell<Passage>>,
    asked: Passage,
    /// The language that answers are asked for in.
    usual: Tongue,
    phrases: &'static Phrases,
}

impl<'a> Support<'a> {
    /// Holds sentences against this evidence; what the question says may be said again.
    pub fn new(evidence: &'a [Evidence], question: &Question, phrases: &'static Phrases) -> Self {
        let passages = evidence.iter().map(|_| OnceCell::new()).collect();
        let usual = Tongue::of_tag(&question.language().0);
        Self { evidence, usual, passages, asked: Passage::read("", question.text(), &[]), phrases }
    }

    fn passage(&self, n: usize) -> &Passage {
        self.passages[n - 1].get_or_init(|| {
            let passage = &self.evidence[n - 1];
            Passage::read(&passage.heading(), &passage.text, &passage.prohibitions)
        })
    }

    /// A block with a mark behind each sentence that its source does not say, and how much of it that is. `covered_by`:
    /// what covers the block besides its own citations.
    pub fn marked(&self, block: &str, covered_by: &BTreeSet<usize>) -> (String, Tally) {
        let mut tally = Tally::default();
        let mut edits: Vec<(Range<usize>, String)> = Vec::new();
        let outline = markdown::outline(block);
        let all = self.cited_in(block);
        if all.is_empty() && covered_by.is_empty() {
            return (block.to_owned(), tally);
        }
        let denied = denied_items(block, &outline);
        for leaf in outline.leaves.iter().filter(|leaf| leaf.is_running_text) {
            let run = &block[leaf.range.clone()];
            let sentences = sentences(run);
            let cited: Vec<BTreeSet<usize>> =
                sentences.iter().map(|range| self.cited_in(&run[range.clone()])).collect();
            let mut covering = vec![&all; sentences.len()];
            // The citation before a sentence, then the one in it or behind it, which counts for more.
            let mut last = if all.is_empty() { covered_by } else { &all };
            for (at, cited) in cited.iter().enumerate() {
                covering[at] = last;
                last = if cited.is_empty() { last } else { cited };
            }
            let mut next = None;
            for (at, cited) in cited.iter().enumerate().rev() {
                next = (!cited.is_empty()).then_some(cited).or(next);
                covering[at] = next.unwrap_or(covering[at]);
            }
            for (range, own) in sentences.iter().zip(covering) {
                let exists = |n: &usize| (1..=self.evidence.len()).contains(n);
                let own: BTreeSet<usize> = own.iter().copied().filter(exists).collect();
                if own.is_empty() {
                    continue;
                }
                let sentence = &run[range.clone()];
                if leaf.parent.is_some_and(|parent| denied.contains(&parent)) {
                    // `Do not:` with its items: each reads the other way round without it.
                    continue;
                }
                let Some(said) = self.said(sentence) else { continue };
                let weight = said.chars().filter(|c| c.is_alphanumeric()).count();
                tally.held += weight;
                if self.fault(&said, &own).is_some() {
                    tally.marked += weight;
                    if sentence.contains(self.phrases.unverified) || sentence.contains(self.phrases.removed) {
                        // It has a mark that says so.
                        continue;
                    }
                    let end = leaf.range.start + range.start + sentence.trim_end().len();
                    edits.push((end..end, format!(" ({})", self.phrases.unsupported)));
                }
            }
        }
        (edited(block, edits), tally)
    }

    /// The numbers that a text cites, directly or by a document's address.
    fn cited_in(&self, text: &str) -> BTreeSet<usize> {
        let mut cited = citations::resolve(text, |n| (1..=self.evidence.len()).contains(&n)).cited;
        if text.contains("://") {
            let linked = self
                .evidence
                .iter()
                .filter(|passage| passage.url.as_ref().is_some_and(|url| text.contains(url.as_str())));
            cited.extend(linked.map(|passage| passage.n));
        }
        cited
    }

    /// A sentence without citations and our own marks; `None` where it claims nothing.
    fn said(&self, sentence: &str) -> Option<String> {
        let mut said = citations::resolve(sentence, |_| false).text;
        let Phrases { unverified, destructive, removed, forbidden, uncited, unsupported, .. } = self.phrases;
        for mark in [unverified, destructive, removed, forbidden, uncited, unsupported] {
            said = said.replace(*mark, "");
        }
        let said = said.replace("**", "").replace('\n', " ");
        let said = LEFT_OUT.replace_all(&said, " ");
        let said = said.trim();
        let claims = said.contains(char::is_alphanumeric)
            && !said.ends_with(['?', '？'])
            && !sources::claims_nothing(said)
            && !tells_of_itself(said)
            && !is_command(said);
        claims.then(|| said.to_owned())
    }

    /// The part of a sentence that the passages with these numbers do not say.
    fn fault(&self, said: &str, cited: &BTreeSet<usize>) -> Option<Fault> {
        let passages: Vec<&Passage> = cited.iter().map(|n| self.passage(*n)).collect();
        let tongue = Tongue::of(said, self.usual);
        let words = words::read(said, tongue);
        let is_lead = said.ends_with([':', '：']);
        if self.has_unknown_quantity(said, tongue, &words, &passages) {
            return Some(Fault::Quantity);
        }
        // A name that stands in another passage is not made up.
        let others = (1..=self.evidence.len()).filter(|n| !cited.contains(n));
        let others: Vec<&Passage> = others.map(|n| self.passage(n)).collect();
        let knows = |name: &str| {
            let mut all = passages.iter().chain(&others);
            self.asked.names.has(name) || all.any(|passage| passage.names.has(name)) || self.fills_in(name)
        };
        if names::said(said).iter().any(|name| !knows(name)) {
            return Some(Fault::Name);
        }
        if let Some(assurance) = ASSURES.find(said)
            && !cited.iter().any(|n| self.evidence[n - 1].text.contains(assurance.as_str()))
        {
            return Some(Fault::Assurance);
        }
        if !is_lead && is_unheard_of(said, tongue, &passages) {
            return Some(Fault::Action);
        }
        // The rest of a sentence that was cut may say the opposite.
        let is_whole = !said.contains('…');
        if is_whole
            && (is_forbidden(said, &words, tongue, &passages, &self.asked)
                || (self.is_denied(said, tongue, &passages) && !repeats_prohibition(said, &words, &passages)))
        {
            return Some(Fault::Negation);
        }
        // The part of a sentence that says the answer does not know needs no source, unless advice is drawn from it.
        let known = known(said);
        let words = match known.len() < said.len() && prohibition::advised(known).is_empty() {
            true => words::read(known, tongue),
            false => words,
        };
        // An amount with its unit that was found says as much as a word, in any language.
        let is_measured = |readings: &Vec<Quantity>| {
            readings
                .iter()
                .any(|amount| amount.unit != Unit::Count && (!amount.in_words || amount.written > 1.0))
        };
        let num_amounts = quantities::read(said).iter().filter(|readings| is_measured(readings)).count();
        let is_low = !is_lead
            && !concludes(said)
            && quantities::without_examples(said).contains(char::is_alphanumeric)
            && self.shares(&words, tongue, &passages, num_amounts).are_low()
            && (others.is_empty() || self.shares(&words, tongue, &others, 0).are_low());
        is_low.then_some(Fault::Words)
    }

    /// Whether a name is a passage's with its place filled in: `robot-orders` of `robot-<namespace>`.
    fn fills_in(&self, name: &str) -> bool {
        name.rsplit_once('-').is_some_and(|(head, _)| {
            let place = format!("{head}-<");
            self.evidence.iter().any(|passage| passage.text.contains(&place))
        })
    }
}

/// A sentence without the clause at its beginning that says what the answer does not know.
fn known(said: &str) -> &str {
    UNKNOWN.find(said).map_or(said, |unknown| &said[unknown.end()..])
}

/// Whether a sentence is nothing but a command, which `commands/` judges.
fn is_command(said: &str) -> bool {
    let mut outside = said.split('`').step_by(2).flat_map(str::chars);
    !outside.any(char::is_alphabetic)
        && said.split('`').skip(1).step_by(2).any(|code| code.trim().contains(' '))
}

/// Addresses, and what stands for a secret.
static LEFT_OUT: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"https?://[^\s)`]+|\[redacted:[a-z0-9-]+\]").expect("the pattern is valid"));

/// Whether a short sentence draws the conclusion of the one before.
fn concludes(said: &str) -> bool {
    const MAX_CHARS: usize = 60;
    // A conclusion states a fact and gives no advice.
    said.chars().count() <= MAX_CHARS
        && CONCLUDES.is_match(said)
        && STATES.is_match(said)
        && prohibition::advised(said).is_empty()
}

/// Whether a sentence only points at other parts of the answer.
fn tells_of_itself(said: &str) -> bool {
    const MAX_CHARS: usize = 60;
    said.chars().count() <= MAX_CHARS
        && POINTS.is_match(said)
        && prohibition::advised(said).is_empty()
        && !ASSURES.is_match(said)
}

/// The items that stand below a lead which forbids or denies, as `Do not:` does.
fn denied_items(block: &str, outline: &markdown::Outline) -> BTreeSet<usize> {
    /// As long as a heading.
    const MAX_CHARS: usize = 60;
    let leads = |text: &str| {
        let said = citations::resolve(text, |_| false).text;
        let said = said.trim_end_matches([' ', '*', '_', '\n']);
        let ends = said.ends_with(['.', '。', '!', '！', '?', '？', ';', '；']);
        DENIES.is_match(said) && (said.ends_with([':', '：']) || (!ends && said.chars().count() <= MAX_CHARS))
    };
    let mut denied = BTreeSet::new();
    let mut lead: Option<Option<usize>> = None;
    for leaf in &outline.leaves {
        match leaf.parent {
            Some(parent)
                if lead.is_some_and(|of| {
                    of != Some(parent) && (of.is_none() || outline.parents[parent] == of)
                }) =>
            {
                denied.insert(parent);
            }
            _ => {
                let is_lead = leaf.is_running_text && leads(&block[leaf.range.clone()]);
                lead = is_lead.then_some(leaf.parent);
            }
        }
    }
    denied
}

/// Where the sentences of a run stand, each with the citations behind it.
fn sentences(run: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for range in advice::sentences(run) {
        let text = &run[range.clone()];
        let led = led_by_citations(text);
        match found.last_mut() {
            Some(last) if led > 0 && run[last.end..range.start].trim().is_empty() => {
                last.end = range.start + led;
                found.push(range.start + led..range.end);
            }
            _ => found.push(range),
        }
    }
    // `Do this [1] 2.`: the number belongs to what follows.
    static NUMBER: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"[\]`)）]\s+\d{1,2}[.)]\s*$").expect("the pattern is valid"));
    for range in &mut found {
        if let Some(number) = NUMBER.find(&run[range.clone()]) {
            range.end = range.start + number.start() + 1;
            range.end = run.ceil_char_boundary(range.end);
        }
    }
    found.retain(|range| run[range.clone()].contains(char::is_alphanumeric));
    found
}

/// The length of the citations that a text begins with.
fn led_by_citations(text: &str) -> usize {
    let mut rest = text.trim_start();
    while let Some(inner) = rest.strip_prefix('[') {
        match inner.split_once(']') {
            Some((n, after)) if !n.is_empty() && n.bytes().all(|byte| byte.is_ascii_digit()) => {
                rest = after.trim_start_matches([' ', '.', '。']);
            }
            _ => break,
        }
    }
    let led = text.len() - rest.len();
    if rest.len() == text.trim_start().len() { 0 } else { led }
}

#[cfg(test)]
mod tests;

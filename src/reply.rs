//! A model's reply turned into an answer's text, block by block as it arrives. The one place where the checks come
//! together: a whole reply is one that arrives in one piece. Pure.
//!
//! A block is checked when it is whole, and may be shown when it is certain that the answer will not be refused: not
//! before the first citation that holds. Where only the end decides (a length to keep, masked names that must all come
//! back), nothing is shown before it. Entry points: [`from_reply`] and [`Checks`].

use crate::{
    answer::{Citation, Written, is_labelled, is_refusal, push_concerns},
    blocks::{self, Block, Blocks},
    checks::{
        advice, citations,
        commands::{self, Grounds},
        length, markup, masked, secrets,
        sources::{self, Sources},
        support::{Support, Tally},
    },
    evidence::Evidence,
    format::Format,
    labels,
    phrases::{self, Phrases},
    warnings,
};
use kb::{document::Trust, question::Question};
use std::collections::{BTreeMap, BTreeSet};

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
    /// It is longer than is read ([`blocks::MAX_BYTES`]).
    TooLong,
    /// It said nothing besides its citations.
    Empty,
}

/// Turns a whole reply into an answer's text: what does not show is removed, links and HTML outside the cited sources
/// are removed, secrets are masked, citations are resolved, commands are compared with the evidence, masked names byte for
/// byte, the client's length is kept, and what a rule forbids stands before everything.
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
    said_addresses: markup::Said,
    rules: advice::Rules,
    blocks: Blocks,
    /// Checked blocks that wait for a citation which may cover them.
    sources: Sources<'static>,
    /// What its sentences are held against, and how many did not hold.
    support: Support<'a>,
    tally: Tally,
    /// Whether it has words besides its citations.
    says_something: bool,
    /// What the model said before anything could be shown; a refusal is recognised by it.
    said: String,
    /// What is checked so far.
    text: String,
    /// Where its first block ends and its last begins.
    first_end: usize,
    last_start: usize,
    /// Where its last paragraph begins, which a blank line ends, and whether a link or a tag may begin in it.
    paragraph_start: usize,
    may_link: bool,
    cited: BTreeSet<usize>,
    /// Whether advice was taken out that a document forbids, and whether that was the last thing so far.
    contradicts: bool,
    ends_removed: bool,
    /// Whether something of it may be shown before it is whole.
    is_streamed: bool,
    state: State,
}

/// Most bytes without a blank line, where they hold what may begin a link or a tag.
const MAX_PARAGRAPH: usize = 4 << 10;

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// Nothing may be shown yet.
    Held,
    /// It is shown up to here, with the warnings in front.
    Shown { up_to: usize },
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
            said_addresses: said_addresses(evidence, question),
            rules: advice::Rules::of(evidence),
            blocks: Blocks::of_reply(),
            sources: Sources::new(phrases::phrases(question.language())),
            support: Support::new(evidence, question, phrases::phrases(question.language())),
            tally: Tally::default(),
            says_something: false,
            said: String::new(),
            text: String::new(),
            first_end: 0,
            last_start: 0,
            paragraph_start: 0,
            may_link: false,
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

    /// Takes the next piece; returns what may be shown now, often nothing. What was returned so far is how the finished
    /// text begins.
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
            let labelled = labels::labelled(&std::mem::take(&mut self.text));
            self.text = self.clean(&labelled);
            self.first_end = self.text.len();
        }
        if let Some(max_chars) = self.format.max_chars {
            (self.text, self.cited) = self.within(max_chars);
            self.first_end = self.text.len();
        }
        if self.cited.is_empty() {
            return Err(if self.contradicts { Refusal::Forbidden } else { Refusal::Uncited });
        }
        if !self.says_something {
            return Err(Refusal::Empty);
        }
        let checked = std::mem::take(&mut self.text);
        let mut text = self.with_notes(&checked);
        let note = format!("({})", self.phrases.forbidden);
        if self.contradicts && !text.contains(&note) {
            // The client's length has left it out.
            text.push_str(&format!("\n{note}"));
        }
        if text != checked {
            self.first_end = text.len();
        }
        let whole = masked::completed(&text, self.question.anonymised());
        if whole != text && self.is_clean(&whole) {
            text = whole;
            self.first_end = text.len();
        }
        match masked::echo(&text, self.question.anonymised()) {
            masked::Echo::Altered { .. } => return Err(Refusal::MaskedName),
            masked::Echo::Intact { absent } => push_concerns(&mut text, &absent, self.phrases),
        }
        let cited = self.cited.iter().map(|n| (*n, Citation::of(&self.evidence[n - 1])));
        let mut citations: BTreeMap<usize, Citation> = cited.collect();
        let (warnings, sources) = self.warnings(&text[..self.first_end]);
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

    /// The text within a length, and what it cites. The marks of what no document says count: they take the place of what
    /// stands last.
    fn within(&mut self, max_chars: usize) -> (String, BTreeSet<usize>) {
        let mut room = max_chars;
        loop {
            let short = length::shortened(&self.text, room);
            let (grounded, tally) = self.grounded(&short);
            let marked = self.masked("", grounded);
            let is_short = length::shortened(&marked, max_chars) == marked;
            if is_short || room <= max_chars / 2 {
                self.tally = tally;
                return (marked, self.citations_in(&short));
            }
            room = room.saturating_sub((max_chars / 10).max(1));
        }
    }

    /// What is shown so far, with its sources, when the reply ends early; `None` when nothing is.
    pub fn shown(&self) -> Option<Written> {
        let State::Shown { up_to } = self.state else { return None };
        let (warnings, sources) = self.warnings(&self.text[..self.first_end]);
        let cited = self.citations_in(&self.text[..up_to]).into_iter();
        let mut citations: BTreeMap<usize, Citation> =
            cited.map(|n| (n, Citation::of(&self.evidence[n - 1]))).collect();
        citations.extend(sources.into_iter().map(|source| (source.n, source)));
        Some(Written { text: warnings + &self.text[..up_to], citations: citations.into_values().collect() })
    }

    /// Whether only the finished text can be judged: its length and layout; whether a masked name that came back damaged
    /// stands somewhere whole; whether a document that may be about a masked object is cited.
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
                self.state = State::Shown { up_to: self.text.len() };
                self.said = String::new();
                self.warnings(&self.text[..self.first_end]).0 + &self.text
            }
            State::Shown { up_to } => {
                self.state = State::Shown { up_to: self.text.len() };
                self.text[up_to..].to_owned()
            }
        }
    }

    /// What must be read before a text that begins with `first`, with its sources.
    fn warnings(&self, first: &str) -> (String, Vec<Citation>) {
        let cited: Vec<Citation> = self.cited.iter().map(|n| Citation::of(&self.evidence[n - 1])).collect();
        let (lines, sources) = warnings::missing(self.evidence, &cited, self.question, self.format);
        let mut warnings: String = lines.into_iter().map(|line| self.masked("", line) + "\n").collect();
        if !warnings.is_empty() && !self.is_clean(&format!("{warnings}{first}")) {
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
        let is_first = self.text.is_empty() && self.sources.waiting().next().is_none();
        let raw = if is_first { block.text.trim_start() } else { &block.text };
        let before = self.cited.clone();
        let waiting: Vec<usize> = self.sources.waiting().flat_map(|text| self.citations_in(text)).collect();
        self.cited.extend(waiting);
        self.cited.extend(self.citations_in(raw));
        let cleaned = self.cleaned(raw);
        let cleaned = self.allowed(cleaned);
        let placed = match self.format.max_chars {
            // What is left out decides what is checked, and notes come on top.
            Some(_) => {
                let (after_blank, covered_by) = (block.after_blank, BTreeSet::new());
                vec![sources::Placed { text: cleaned, after_blank, covered_by }]
            }
            None => {
                let checked = commands::checked(&cleaned, Some(&self.grounds), self.phrases).text;
                self.sources.push(checked, block.after_blank, &self.urls())
            }
        };
        // What the raw block cites may not have survived the checks.
        self.cited = before;
        for placed in placed {
            self.place(placed);
        }
    }

    /// Forgets what came so far: it was reasoning, as its end has shown. What is shown cannot be taken back.
    fn restart(&mut self) {
        if self.cited.is_empty() || !self.is_streamed || self.end_decides() {
            self.sources = Sources::new(self.phrases);
            self.said.clear();
            self.text.clear();
            self.cited.clear();
            (self.first_end, self.last_start, self.paragraph_start, self.may_link) = (0, 0, 0, false);
            (self.contradicts, self.ends_removed, self.says_something) = (false, false, false);
            self.tally = Tally::default();
        }
    }

    /// The blocks of an answer that stands as a whole in a fence which calls it text: code cites nothing.
    fn unwrapped(&self, block: &Block) -> Option<Vec<Block>> {
        let (first, rest) = block.text.split_once('\n')?;
        let fence = first.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let is_text = matches!(
            first[fence.len()..].to_ascii_lowercase().as_str(),
            "" | "text" | "txt" | "plaintext" | "plain"
        );
        let is_fence =
            fence.len() >= 3 && (fence.chars().all(|c| c == '`') || fence.chars().all(|c| c == '~'));
        let is_first = self.text.is_empty() && self.sources.waiting().next().is_none();
        let inner = rest.trim_end().strip_suffix(fence).unwrap_or(rest);
        if !(is_text && is_fence && is_first) || self.citations_in(inner).is_empty() {
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
        self.cited.extend(self.citations_in(&placed.text));
        let checked = match self.format.max_chars {
            Some(_) => placed.text,
            None => {
                let (held, tally) = self.support.marked(&placed.text, &placed.covered_by);
                self.tally.add(tally);
                // A citation that is gone may have stood between the halves of a link, and a mark in brackets may be one.
                self.with_notes(&self.clean(&held))
            }
        };
        let closed = self.masked(&self.text[self.last_start..], self.closed(checked));
        self.cited = before;
        self.cited.extend(self.citations_in(&closed));
        if !closed.is_empty() {
            self.says_something |=
                citations::resolve(&closed, |_| false).text.contains(char::is_alphanumeric);
            self.append(&closed, placed.after_blank);
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

    /// The block so that it ends with itself: a fence that the model left open, or that the checks have bared, would take
    /// in what follows.
    fn closed(&self, block: String) -> String {
        if blocks::is_closed(&block) {
            return block;
        }
        let fenced = format!("{block}\n```");
        match blocks::is_closed(&fenced) && self.is_clean(&fenced) {
            true => fenced,
            false => self.blunted(&block).replace("```", "` ``").replace("~~~", "~ ~~"),
        }
    }

    /// The block without secrets, those included whose beginning or whose key is the block before.
    fn masked(&self, before: &str, mut block: String) -> String {
        const MAX_PASSES: usize = 3;
        for _ in 0..MAX_PASSES {
            let text = format!("{before}\n{block}");
            let masked = secrets::masked(&text, before.len() + 1, self.question.anonymised());
            if masked == block {
                return block;
            }
            // A mask in brackets may be one half of a link.
            block = self.closed(self.clean(&masked));
        }
        self.blunted(&secrets::masked(&block, 0, self.question.anonymised()))
    }

    /// Adds a checked block, at such a distance that the two mean together what each means alone.
    fn append(&mut self, block: &str, after_blank: bool) {
        if self.text.is_empty() {
            self.text = block.to_owned();
            self.first_end = self.text.len();
            return self.follow_paragraph(0);
        }
        let last = &self.text[self.last_start..];
        // A label or a tag may go on over many lines, but not over a blank one.
        let paragraph = &self.text[self.paragraph_start..];
        let is_sealed = |between: &str| {
            between.len() > 1
                || paragraph.len() == last.len()
                || !self.may_link
                || (paragraph.len() < MAX_PARAGRAPH
                    && markup::is_sealed(
                        &format!("{paragraph}{between}{block}"),
                        (&self.urls(), &self.said_addresses),
                    ))
        };
        let keeps_apart = |between: &str| {
            let both = format!("{last}{between}{block}");
            blocks::begins_at(&both, last.len() + between.len()) && self.is_clean(&both) && is_sealed(between)
        };
        let (between, block) = if !after_blank && keeps_apart("\n") {
            ("\n", block.to_owned())
        } else if keeps_apart("\n\n") {
            ("\n\n", block.to_owned())
        } else {
            ("\n\n", self.blunted(block.trim_start()))
        };
        self.text.push_str(between);
        self.last_start = self.text.len();
        self.text.push_str(&block);
        self.follow_paragraph(self.last_start - between.len());
    }

    /// Notes where the last paragraph begins, by what is new from `from` on.
    fn follow_paragraph(&mut self, from: usize) {
        if let Some(blank) = self.text[from..].rfind("\n\n") {
            self.paragraph_start = (from + blank + 2).min(self.last_start);
            self.may_link = false;
        }
        self.may_link |= self.text[self.paragraph_start.max(from)..].contains(['[', '<']);
    }

    fn citations_in(&self, text: &str) -> BTreeSet<usize> {
        citations::resolve(text, |n| (1..=self.evidence.len()).contains(&n)).cited
    }

    /// The addresses that may be linked to: those of the documents cited so far.
    fn urls(&self) -> Vec<&'a str> {
        self.cited.iter().filter_map(|n| self.evidence[n - 1].url.as_deref()).collect()
    }

    /// The text without links, images, HTML and addresses that may not stay.
    fn clean(&self, text: &str) -> String {
        markup::clean(text, (&self.urls(), &self.said_addresses))
    }

    fn blunted(&self, text: &str) -> String {
        markup::blunted(text, (&self.urls(), &self.said_addresses))
    }

    fn is_clean(&self, text: &str) -> bool {
        self.clean(text) == text
    }

    /// Without links, images, HTML and citations of nothing.
    fn cleaned(&self, raw: &str) -> String {
        let cleaned = self.clean(raw);
        let exists = |n: usize| (1..=self.evidence.len()).contains(&n);
        tidy(&citations::resolve(&cleaned, exists).text)
    }

    /// With what no document says marked, and how much its sources do not say.
    fn grounded(&self, text: &str) -> (String, Tally) {
        let checked = commands::checked(text, Some(&self.grounds), self.phrases);
        let mut tally = Tally::default();
        let marked = sources::marked(&checked.text, self.phrases, &self.urls(), |placed| {
            let (held, of_block) = self.support.marked(&placed.text, &placed.covered_by);
            tally.add(of_block);
            held
        });
        // A citation that is gone may have stood between the halves of a link, and a mark in brackets may be one of them.
        (self.clean(&marked), tally)
    }
}

/// The addresses that an answer may show as text: those of evidence and question, and of what the team has written itself also
/// those that stand as words in its sentences.
fn said_addresses(evidence: &[Evidence], question: &Question) -> markup::Said {
    let texts = evidence.iter().map(|passage| passage.text.as_str());
    let own = evidence.iter().filter(|passage| passage.kind.default_trust() == Trust::Curated);
    markup::Said::of(texts.chain([question.text()])).with_words_of(own.map(|passage| passage.text.as_str()))
}

/// Trims lines' ends and leaves at most one blank line in a row, outside code.
fn tidy(text: &str) -> String {
    let mut tidied = String::with_capacity(text.len());
    let (mut blank, mut fenced) = (0, false);
    for line in text.trim_start_matches('\n').lines() {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Shape;

    /// Passages that say what the replies below say.
    fn evidence() -> Vec<Evidence> {
        let text = "It was killed by the kernel: raise the limit, or page the owner. Its key is AKIAQ7RLMXVTN2ZPWK4D, its password S3cr3tP4ss9x.";
        (1..=2).map(|n| Evidence { text: text.to_owned(), ..Evidence::sample(n) }).collect()
    }

    /// The same, of a document whose rule names the object and that forbids to touch it.
    fn ruled() -> Vec<Evidence> {
        let rule = kb::document::Rule { name: vec!["batch".to_owned()], ..kb::document::Rule::default() };
        let mut evidence = evidence();
        evidence[1].rule =
            Some(kb::retrieve::RuleMatch { rule, strength: kb::retrieve::RuleStrength::Exact });
        evidence[1].prohibitions = kb::prohibition::of_passage(&[], "Never touch it.");
        evidence
    }

    #[test]
    fn advice_against_a_rule_is_taken_out() {
        let removed = "(advice removed: the documents forbid it)";
        for (reply, expected) in [
            (
                "It is down [1].\n\nRestart it. That is safe [1].\n\nPage the owner [1].",
                Ok(format!("It is down [1].\n\n{removed}\n\nPage the owner [1].")),
            ),
            (
                "It is down [1].\n\nRestart it.\n\nThat is safe [1].",
                Ok(format!("It is down [1].\n\n{removed}")),
            ),
            ("1. Look [1]\n2. Restart it [1]\n", Ok(format!("1. Look [1]\n2. {removed}"))),
            ("Do not restart it [2].", Ok("Do not restart it [2].".to_owned())),
            ("restart it and delete its pods, that is safe [1]", Err(Refusal::Forbidden)),
        ] {
            let (evidence, question, format) = (ruled(), question("OOMKilled"), Format::default());
            let mut checks = Checks::new(&evidence, &question, &format);
            checks.push(reply);
            let written = checks.finish().map(|written| written.text);
            assert_eq!(
                written,
                expected.map(|text| format!("WARNING: Never touch it. [2]\n{text}")),
                "{reply}"
            );
            assert_eq!(checks.contradicts(), !reply.starts_with("Do not"), "{reply}");
        }
    }

    fn question(text: &str) -> Question {
        Question::parse(text, Some("english")).expect("a question")
    }

    #[test]
    fn what_the_sources_do_not_say_is_marked_and_counted() {
        let mark = "(not in the source)";
        for (reply, expected, unsupported) in [
            ("It was killed by the kernel [1].", "It was killed by the kernel [1].".to_owned(), 0.0),
            (
                "It was killed after 99 minutes [1].",
                format!("It was killed after 99 minutes [1]. {mark}"),
                1.0,
            ),
            (
                "1. It was killed by the kernel\n2. Wait for 99 minutes, then page the owner\n3. Page the owner [2]",
                format!(
                    "1. It was killed by the kernel\n2. Wait for 99 minutes, then page the owner {mark}\n3. Page the owner [2]"
                ),
                0.5,
            ),
            (
                "Steps, all from [1]:\n\n1. Page the owner\n2. Wait for 99 minutes, then page the owner",
                format!(
                    "Steps, all from [1]:\n\n1. Page the owner\n2. Wait for 99 minutes, then page the owner {mark}"
                ),
                0.6,
            ),
        ] {
            for format in [Format::default(), Format { max_chars: Some(400), ..Format::default() }] {
                let (evidence, question) = (evidence(), question("OOMKilled"));
                let mut checks = Checks::new(&evidence, &question, &format);
                checks.push(reply);
                assert_eq!(checks.finish().map(|written| written.text), Ok(expected.clone()), "{reply}");
                assert!(
                    (checks.unsupported() - unsupported).abs() < 0.15,
                    "{reply}: {}",
                    checks.unsupported()
                );
            }
        }
        let said = from_reply("[1]", &evidence(), &question("OOMKilled"), &Format::default());
        assert_eq!(said, Err(Refusal::Empty));
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
    fn what_only_wraps_an_answer_is_taken_off() {
        let answer = "## Cause\n\nIt was killed by the kernel [1].\n\n1. Raise the limit of it [1].";
        for reply in [
            format!("```markdown\n{answer}\n```"),
            format!("```md\n{answer}\n```\n"),
            format!("```\n{answer}\n```"),
            format!("~~~text\n{answer}\n~~~"),
            format!("<think>\nHm, `kubectl delete ns x` [2].\n\nI don't know.\n</think>\n\n{answer}"),
            format!("<think>Short.</think>\n```markdown\n{answer}\n```"),
            format!("Hm, so it is.\n\nI see.\n</think>\n\n{answer}"),
        ] {
            let written = from_reply(&reply, &evidence(), &question("OOMKilled"), &Format::default());
            assert_eq!(written.map(|written| written.text), Ok(answer.to_owned()), "{reply}");
        }
        for reply in [
            "I don't know which process it is, but the kernel killed it [1].",
            "I don't know, but document 1 explains it: the kernel killed it [1].",
            "我不知道是哪個程序，但核心終止了它 [1]。",
            "Tôi không biết tiến trình nào, nhưng kernel đã dừng nó [1].",
            "Saya tidak tahu prosesnya, tetapi kernel menghentikannya [1].",
        ] {
            assert_eq!(
                from_reply(reply, &evidence(), &question("OOMKilled"), &Format::default())
                    .map(|written| written.text),
                Ok(reply.to_owned())
            );
        }
        for (cited, shown) in [
            ("It was killed (document 1).", "It was killed [1]."),
            ("容器被終止［１］。", "容器被終止[1]。"),
            ("容器被終止（參考文件1）。", "容器被終止[1]。"),
            ("Đã bị dừng [tài liệu 1, 2].", "Đã bị dừng [1][2]."),
            ("Dihentikan (sumber: [1]).", "Dihentikan [1]."),
            ("It was killed.¹", "It was killed.[1]"),
            ("It was killed [Document 1 & Document 2].", "It was killed [1][2]."),
        ] {
            assert_eq!(
                from_reply(cited, &evidence(), &question("OOMKilled"), &Format::default())
                    .map(|written| written.text),
                Ok(shown.to_owned()),
                "{cited}"
            );
        }
        // What reasoning cited covers nothing of the answer, where none of it was shown.
        let reasoned = "Hm, document 1 says so [1].\n\nI see.\n</think>\n\nIn short: fix the dependency of the pods.\n\nLook at it [1].";
        let (evidence, question, format) = (evidence(), question("OOMKilled"), Format::default());
        let mut checks = Checks::new(&evidence, &question, &format).unshown();
        checks.push(reasoned);
        assert_eq!(
            checks.finish().map(|written| written.text),
            Ok("In short: fix the dependency of the pods. (no source)\n\nLook at it [1].".to_owned())
        );
        let unclosed = "<think>\nIt was killed [1].\n\nRaise the limit [1].";
        assert_eq!(from_reply(unclosed, &evidence, &question, &format), Err(Refusal::Uncited));
    }

    /// What is shown while the reply arrives in pieces of so many bytes, and the finished text.
    fn streamed(
        reply: &str,
        piece_bytes: &[usize],
        question: &Question,
        evidence: &[Evidence],
    ) -> (String, Result<Written, Refusal>) {
        let format = Format::default();
        let mut checks = Checks::new(evidence, question, &format);
        let (mut shown, mut rest) = (String::new(), reply);
        for length in piece_bytes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, after) = rest.split_at(rest.ceil_char_boundary((*length).clamp(1, rest.len())));
            shown.push_str(&checks.push(piece));
            assert_eq!(checks.shown().map(|written| written.text).unwrap_or_default(), shown, "{reply:?}");
            rest = after;
        }
        (shown, checks.finish())
    }

    /// The blocks as they are shown one after the other, when every byte arrives by itself.
    fn check(reply: &str, expected: &[&str]) {
        let (evidence, format, question) = (evidence(), Format::default(), question("OOMKilled"));
        let mut checks = Checks::new(&evidence, &question, &format);
        let pieces = reply.char_indices().map(|(at, c)| checks.push(&reply[at..at + c.len_utf8()]));
        let mut shown: Vec<String> = pieces.collect();
        let text = checks.finish().map_or_else(|refusal| format!("{refusal:?}"), |written| written.text);
        let rest = text.strip_prefix(&shown.concat()).expect("the text goes on where it was left");
        shown.push(rest.to_owned());
        shown.retain(|block| !block.is_empty());
        assert_eq!(shown, expected, "{reply:?}");
    }

    #[test]
    fn blocks_are_shown_when_they_are_checked() {
        check(
            "It was killed [1].\n\nRaise the memory limit of it [9].\n",
            &["It was killed [1].", "\n\nRaise the memory limit of it. (no source)"],
        );
        check(
            "It was killed [1].\nDo this:\n1. Look [1]\n2. See [it](https://evil.example/x) [2]\n\nDone [1].\n",
            &["It was killed [1].\nDo this:", "\n1. Look [1]", "\n2. See it [2]", "\n\nDone [1]."],
        );
        check(
            "Cause [1].\n```bash\nkubectl get pods\n\nkubectl drain x\n```\nEnd [1].\n",
            &[
                "Cause [1].",
                "\n```bash\nkubectl get pods\n\n# command removed: it destroys, and is not in the documents\n```",
                "\nEnd [1].",
            ],
        );
    }

    #[test]
    fn a_fence_that_is_left_open_is_closed() {
        check("Run [1]:\n```\nkubectl get pods", &["Run [1]:", "\n```\nkubectl get pods\n```"]);
    }

    #[test]
    fn the_client_gets_the_parts_it_reads() {
        let format = Format { shape: Shape::ErrorSolution, ..Format::default() };
        let (evidence, question) = (evidence(), question("OOMKilled"));
        for (reply, text) in [
            ("Error: it fails [1]\nSolution: look [1]", "Error: it fails [1]\nSolution: look [1]"),
            (
                "**Cause**\n\nIt fails [1].\n\nLook at it [1].",
                "Error: It fails [1].\nSolution: Look at it [1].",
            ),
            (
                "It fails [1].\n1. Look [1]\n2. Wait [1]",
                "Error: It fails [1].\nSolution:\n1. Look [1]\n2. Wait [1]",
            ),
            ("It fails [1].", "Error: It fails [1]."),
        ] {
            let mut checks = Checks::new(&evidence, &question, &format);
            assert_eq!(checks.push(reply), "", "the layout is known at the end");
            assert_eq!(checks.finish().expect("it is cited").text, text, "{reply:?}");
        }
    }

    #[test]
    fn nothing_is_shown_before_the_first_citation() {
        check(
            "# Cause\n\nThe kernel killed the container.\n\nRaise the limit [1].\n\nThen wait [2].",
            &[
                "# Cause\n\nThe kernel killed the container. (no source)\n\nRaise the limit [1].",
                "\n\nThen wait [2].",
            ],
        );
        check("One.\n\nTwo [7].\n\nThree.\n\n", &["Uncited"]);
        check("I don't know\n\nBut raise it [1].\n\nAnd wait [1].\n\n", &["SaidSo"]);
        check("Error:\n\nI don’t know.\n\n- Look [1]\n- End [1]\n", &["SaidSo"]);
    }

    #[test]
    fn a_reply_without_end_is_not_read_to_its_end() {
        let (evidence, question, format) = (evidence(), question("OOMKilled"), Format::default());
        let line = "The kernel killed the container [1].\n\n";
        let whole = line.repeat(blocks::MAX_BYTES / line.len());
        assert!(from_reply(&whole, &evidence, &question, &format).is_ok());
        let long = line.repeat(blocks::MAX_BYTES / line.len() + 1);
        assert_eq!(from_reply(&long, &evidence, &question, &format), Err(Refusal::TooLong));
        assert_eq!(
            from_reply(&"a".repeat(2 * blocks::MAX_BYTES), &evidence, &question, &format),
            Err(Refusal::TooLong)
        );
        let reasoned = format!("<think>\n{}</think>\n{line}", "Hm.\n".repeat(blocks::MAX_BYTES));
        assert!(from_reply(&reasoned, &evidence, &question, &format).is_ok(), "reasoning does not count");
        let mut checks = Checks::new(&evidence, &question, &format);
        let shown: String = long
            .as_bytes()
            .chunks(100)
            .map(|piece| checks.push(str::from_utf8(piece).expect("ASCII")))
            .collect();
        assert!(checks.is_too_long());
        assert_eq!(checks.shown().map(|written| written.text), Some(shown));
        assert_eq!(checks.finish(), Err(Refusal::TooLong));
    }

    #[test]
    fn what_only_the_end_decides_waits_for_it() {
        let reply = "Error: it fails [1].\n\nSolution: look [1].\n\n";
        let masked = question("Deployment JUBBMl8rRw==/QUtkIVR4OW0jUTdfcEx6K1J3JF5mSCgyYm5V has 1 replicas");
        assert!(!masked.anonymised().is_empty());
        let (shown, written) = streamed(reply, &[1], &masked, &evidence());
        assert_eq!(shown, "");
        assert!(
            written
                .expect("it is cited")
                .text
                .ends_with("Object: JUBBMl8rRw==, QUtkIVR4OW0jUTdfcEx6K1J3JF5mSCgyYm5V")
        );
        let (evidence, question) = (evidence(), question("OOMKilled"));
        let format = Format { max_chars: Some(40), ..Format::default() };
        assert_eq!(Checks::new(&evidence, &question, &format).push(reply), "");
    }

    #[test]
    fn secrets_are_masked_before_they_are_shown() {
        let key = "AKIAQ7RLMXVTN2ZPWK4D";
        check(
            &format!("It is {key} [1].\n\nOr AKIA**Q7RLMX**VTN2ZPWK4D [1].\n"),
            &["It is [redacted:aws-access-key] [1].", "\n\nOr [redacted:aws-access-key] [1]."],
        );
        check(
            "Its password:\n\nS3cr3tP4ss9x [1]\n\nEnd [1]\n",
            &["Its password:\n\n[redacted:password] [1]", "\n\nEnd [1]"],
        );
        check(
            &format!("A [1].\n\n{key}: //evil.example/x\n\n[{key}] and {key}(//evil.example/x) [1]\n"),
            &[
                "A [1].",
                "\n\n[redacted:aws-access-key] : [link removed] (no source)\n\n[[redacted:aws-access-key]] and [redacted:aws-access-key] ([link removed]) [1]",
            ],
        );
        let format = Format { max_chars: Some(200), ..Format::default() };
        let written = from_reply(&format!("Use {key} [1]."), &evidence(), &question("OOMKilled"), &format);
        assert_eq!(written.expect("it is cited").text, "Use [redacted:aws-access-key] [1].");
    }

    /// What two blocks mean together is what each means alone: nothing comes to life at the seam, whatever the checks took
    /// out there.
    #[test]
    fn nothing_comes_to_life_between_blocks() {
        let question = question("OOMKilled");
        for reply in [
            "Look [1].\n\n[a\n<!-- x -->\n](//evil.example/x)\n\nEnd.",
            "Look [1].\n\n<b></b>```\n\n```\n[a](//evil.example/x)\n```\n\nEnd [1].",
            "Look [1].\n\n<b></b>```\n\nx\n\n```\n[a](//evil.example/x)\n```\n\nEnd [1].",
            "Look [1].\n\n<b></b>~~~\n\nx\n\n~~~\n[a](//evil.example/x)\n~~~\n\nEnd [1].",
            "[a]【9】(//evil.example/x) [1]",
            "`kubectl delete ns x`(//evil.example/x) [1]",
            "Look [1].\n\n- a\n\n<!-- x -->\n    [a](//evil.example/x)\n",
            "Look [1].\n\n[a]【9】(//evil.example/x)\n",
            "Look [1].\n\n`kubectl delete ns x`(//evil.example/x)\n",
            "Look [1].\n\n`kubectl delete ns x`: //evil.example/x\n\n[command removed: it destroys, and is not in the documents]\n",
            "    [a](//evil.example/x)\n\nLook [1].",
            "[a][r] [1]\n\n[r]: //evil.example/x\n\n![b][r]\n",
            "[r]: //evil.example/x\n\n[a][r] [1]\n\n![b][r]\n",
            "Look [1].\n\n[| a | b |\n|---|---|\n# \n]: //evil.example/x\n",
        ] {
            let text =
                from_reply(reply, &evidence(), &question, &Format::default()).expect("it is cited").text;
            let is_link = |event: &pulldown_cmark::Event<'_>| {
                use pulldown_cmark::{Event, Tag};
                matches!(
                    event,
                    Event::Start(Tag::Link { .. } | Tag::Image { .. })
                        | Event::Html(_)
                        | Event::InlineHtml(_)
                )
            };
            let parser = pulldown_cmark::Parser::new_ext(&text, crate::markdown::OPTIONS);
            assert!(!parser.into_iter().any(|event| is_link(&event)), "{reply:?} gave {text:?}");
        }
    }

    /// Text that is likely to break something.
    fn fragment() -> impl proptest::strategy::Strategy<Value = String> {
        proptest::sample::select(vec![
            "\n",
            "\n\n",
            "\n",
            "\n\n",
            " ",
            "    ",
            "a",
            "word ",
            "[1]",
            " [2]",
            "[9]",
            "【1】",
            "【9】",
            "- ",
            "1. ",
            "2. ",
            "> ",
            "# ",
            "```",
            "```sh",
            "~~~",
            "`",
            "``",
            "<b>",
            "</b>",
            "<!--",
            "-->",
            "<div>",
            "<script>",
            "<pod>",
            "[",
            "](",
            ")",
            "![",
            "]: ",
            "(//evil.example/x)",
            "https://evil.example/x",
            "https://wiki.example.com/1",
            "[r]: //evil.example\n",
            "[x][r]",
            "|",
            "| a | b |\n|---|---|\n",
            "---",
            "===",
            "\\",
            "&#58;",
            "*",
            "**",
            "AKIAQ7RLMX",
            "VTN2ZPWK4D",
            "password: ",
            "S3cr3tP4ss9x",
            "kubectl delete pod x",
            "`kubectl delete ns x`",
            "kubectl get pods",
            "Restart it. ",
            "That is safe [1].",
            "重启它。",
            "Error: ",
            "Solution: ",
            "I don't know",
            "<think>a [1]\n\nb</think>",
            "```markdown\n",
            "http://10.0.0.1/x ",
            "Steps [1]:\n",
            "A claim that says something without a source. ",
            "\u{1b}]8;;x",
            "\u{7}",
            "\u{1b}[31m",
            "\u{200b}",
            "\r",
            "\r\n",
            "。",
        ])
        .prop_map(str::to_owned)
    }

    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

        /// However the reply is cut, the same text comes, in the same order, and it is the whole path's.
        #[test]
        fn cutting_makes_no_difference(
            parts in proptest::collection::vec(fragment(), 0..40),
            pieces in proptest::collection::vec(1usize..12, 1..6),
        ) {
            let reply = format!("{}\n\nLook [1].\n\n{}", parts[..parts.len() / 2].concat(), parts[parts.len() / 2..].concat());
            let question = question("OOMKilled");
            for evidence in [evidence(), ruled()] {
                let whole = from_reply(&reply, &evidence, &question, &Format::default());
                let (shown, finished) = streamed(&reply, &pieces, &question, &evidence);
                prop_assert_eq!(&finished, &whole);
                match whole {
                    Ok(written) => prop_assert!(written.text.starts_with(&shown), "{:?} is not how {:?} begins", shown, written.text),
                    Err(_) => prop_assert_eq!(shown, ""),
                }
            }
        }

        /// The finished text is clean as a whole, not only block by block.
        #[test]
        fn the_whole_is_as_clean_as_its_blocks(parts in proptest::collection::vec(fragment(), 0..40)) {
            let reply = format!("Look [1] [2].\n\n{}", parts.concat());
            for evidence in [evidence(), ruled()] {
                if let Ok(written) = from_reply(&reply, &evidence, &question("OOMKilled"), &Format::default()) {
                    let cleaned = markup::clean(&written.text, &["https://wiki.example.com/1"]);
                    prop_assert_eq!(cleaned, written.text, "of {:?}", reply);
                }
            }
        }
    }
}

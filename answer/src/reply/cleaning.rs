//! A block without what may not stay: links, images and HTML beyond the cited documents, citations of nothing, secrets,
//! fences that would take in what follows.

use super::blocks;
use crate::{
    checks::{markup, secrets},
    citations,
    evidence::Evidence,
};
use kb::{document::Trust, question::Question};
use std::collections::BTreeSet;

/// The sources and names that texts are cleaned against, for a whole reply.
pub struct Cleaner<'a> {
    evidence: &'a [Evidence],
    question: &'a Question,
    said_addresses: markup::Said,
}

/// The same where so much is cited: the cited documents' addresses may be linked to.
pub struct Cleaning<'c, 'a> {
    cleaner: &'c Cleaner<'a>,
    urls: Vec<&'a str>,
}

impl<'a> Cleaner<'a> {
    /// Against what the model was given.
    pub fn new(evidence: &'a [Evidence], question: &'a Question) -> Self {
        Self { evidence, question, said_addresses: said_addresses(evidence, question) }
    }

    /// For a text in which so much is cited.
    pub fn with(&self, cited: &BTreeSet<usize>) -> Cleaning<'_, 'a> {
        Cleaning { cleaner: self, urls: self.urls(cited) }
    }

    /// The addresses that may be linked to: those of the documents cited so far.
    pub fn urls(&self, cited: &BTreeSet<usize>) -> Vec<&'a str> {
        cited.iter().filter_map(|n| self.evidence[n - 1].url.as_deref()).collect()
    }

    /// The evidence that a text cites.
    pub fn citations_in(&self, text: &str) -> BTreeSet<usize> {
        citations::resolve(text, |n| self.exists(n)).cited
    }

    fn exists(&self, n: usize) -> bool {
        (1..=self.evidence.len()).contains(&n)
    }
}

impl Cleaning<'_, '_> {
    /// The text without links, images, HTML and addresses that may not stay.
    pub fn clean(&self, text: &str) -> String {
        markup::clean(text, self.allowed())
    }

    /// Whether all of it may stay.
    pub fn is_clean(&self, text: &str) -> bool {
        self.clean(text) == text
    }

    /// The text with nothing left of which a link or a tag could be made.
    pub fn blunted(&self, text: &str) -> String {
        markup::blunted(text, self.allowed())
    }

    /// Whether nothing of a paragraph can become a link or a tag.
    pub fn is_sealed(&self, paragraph: &str) -> bool {
        markup::is_sealed(paragraph, self.allowed())
    }

    /// A block as the model wrote it, without links, images, HTML and citations of nothing.
    pub fn block(&self, raw: &str) -> String {
        let cleaned = self.clean(raw);
        tidy(&citations::resolve(&cleaned, |n| self.cleaner.exists(n)).text)
    }

    fn allowed(&self) -> (&Vec<&str>, &markup::Said) {
        (&self.urls, &self.cleaner.said_addresses)
    }

    /// The block so that it ends with itself: a fence that the model left open, or that the checks have bared, would take
    /// in what follows.
    pub fn closed(&self, block: String) -> String {
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
    pub fn masked(&self, before: &str, mut block: String) -> String {
        const MAX_PASSES: usize = 3;
        for _ in 0..MAX_PASSES {
            let text = format!("{before}\n{block}");
            let masked = secrets::masked(&text, before.len() + 1, self.cleaner.question.anonymised());
            if masked == block {
                return block;
            }
            // A mask in brackets may be one half of a link.
            block = self.closed(self.clean(&masked));
        }
        self.blunted(&secrets::masked(&block, 0, self.cleaner.question.anonymised()))
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
pub fn tidy(text: &str) -> String {
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

//! From ranked hits to the evidence of one answer: near-duplicates collapsed, the found part of a page completed by the
//! parts that a reader needs beside it, consecutive passages merged, all within a budget.

use super::results::{Hit, Options, RuleStrength};
use crate::{
    analyzer::is_cjk,
    document::{Chunk, Kind, Trust, untranslated},
    sections::{Role, Unit},
    store::{DocumentKey, StoreError, View},
};
use rustc_hash::FxHasher;
use std::{collections::HashSet, hash::Hasher as _, sync::Arc};

/// Passages that share this much of their words say the same.
const DUPLICATE_OVERLAP: f32 = 0.85;
/// Documents whose rules match come whole, all together up to this length in the embedding model's tokens, whatever the
/// budget of the evidence is: a rule of which the half is missing allows what it forbids.
const RULED_TOKENS: u32 = 6_000;
/// The most documents without a matching rule among the evidence.
const MAX_DOCUMENTS: usize = 3;
/// A document whose score is below this share of the best one's is not worth the model's attention.
const MIN_SCORE_SHARE: f32 = 0.78;
/// The least share of the best document's score for a page of the team's own.
const MIN_OWN_SCORE_SHARE: f32 = 0.72;
/// A page of the team's own that scores this share of the vendor's page above it, as a whole and by its words, says the
/// same, and comes first.
const SAME_SHARE: f32 = 0.8;
/// A further passage of a page, outside of the part that was found, must score this share of the best one of all.
const BESIDE_SHARE: f32 = 0.9;
/// The most tokens by which one of the team's own pages may exceed the rest of the budget: half of a runbook misleads.
const OWN_OVERDRAFT_TOKENS: u32 = 500;
/// The tokens that are kept for the first page without a matching rule, even if rules took the whole budget.
const FIRST_PAGE_TOKENS: u32 = 1_400;

/// The first `limit` hits without those that repeat an earlier one's passage. Between two alike, the one that stands
/// first stays, so the order must already put the more trusted and the fresher first.
pub(super) fn without_duplicates(hits: Vec<Hit>, limit: usize) -> Vec<Hit> {
    let mut kept: Vec<(Hit, Vec<u64>)> = Vec::with_capacity(hits.len());
    for hit in hits {
        if kept.len() >= limit {
            break;
        }
        let words = word_hashes(&hit.chunk.text);
        let repeats = kept.iter().any(|(earlier, earlier_words)| {
            earlier.chunk.document != hit.chunk.document
                && overlap(earlier_words, &words) >= DUPLICATE_OVERLAP
        });
        if !repeats {
            kept.push((hit, words));
        }
    }
    kept.into_iter().map(|(hit, _)| hit).collect()
}

/// The distinct words of a text, each by its hash, in order: whole words whatever their case, and each character of a
/// script that is written without spaces. Copies differ in little else, so nothing is stemmed.
fn word_hashes(text: &str) -> Vec<u64> {
    let hash = |word: &str| {
        let mut hasher = FxHasher::default();
        word.bytes().for_each(|byte| hasher.write_u8(byte.to_ascii_lowercase()));
        hasher.finish()
    };
    let runs = text.split(|c: char| !c.is_alphanumeric()).filter(|run| !run.is_empty());
    let mut words: Vec<u64> = Vec::with_capacity(text.len() / 6);
    for mut run in runs {
        while let Some(at) = run.find(is_cjk) {
            let (before, rest) = run.split_at(at);
            let (character, rest) = rest.split_at(rest.ceil_char_boundary(1));
            words.extend([before, character].into_iter().filter(|word| !word.is_empty()).map(hash));
            run = rest;
        }
        if !run.is_empty() {
            words.push(hash(run));
        }
    }
    words.sort_unstable();
    words.dedup();
    words
}

/// Jaccard overlap of two sets of words, each in order; two empty sets do not overlap.
fn overlap(a: &[u64], b: &[u64]) -> f32 {
    let mut rest = b;
    let mut shared = 0;
    for word in a {
        let smaller = rest.iter().take_while(|other| *other < word).count();
        rest = &rest[smaller..];
        shared += usize::from(rest.first() == Some(word));
    }
    let all = a.len() + b.len() - shared;
    if all == 0 { 0.0 } else { shared as f32 / all as f32 }
}

/// Chooses the evidence from ranked hits.
///
/// Documents whose rules match come first, and whole. Of the first page after them the part that treats the problem
/// comes whole, with what stands beside it in the page, before a second page gets a place; of the others that part,
/// where it fits, and of a vendor's page else the passages that were found. Parts that only repeat the symptoms come
/// with the first page alone. Consecutive passages of one part become one; the passages with the best hit come first.
pub(super) async fn choose(view: &dyn View, hits: &[Hit], options: &Options) -> Result<Vec<Hit>, StoreError> {
    let mut chosen = Chosen {
        evidence: Vec::new(),
        tokens_left: options.evidence_tokens as u32,
        ruled_tokens_left: RULED_TOKENS,
    };
    let best = hits.iter().map(|hit| hit.score).fold(0.0, f32::max);
    let mut num_unruled = 0;
    for first in documents(hits) {
        let is_ruled = first.rule.is_some();
        if !is_ruled && num_unruled == 0 {
            chosen.tokens_left =
                chosen.tokens_left.max(FIRST_PAGE_TOKENS.min(options.evidence_tokens as u32));
        }
        let is_full = num_unruled == MAX_DOCUMENTS || chosen.tokens_left == 0;
        if chosen.evidence.len() >= options.evidence_passages || (is_full && !is_ruled) {
            break;
        }
        let Some(page) = Page::of(view, first, hits).await? else { continue };
        let taken = match is_ruled {
            true => chosen.take_ruled(&page),
            false => chosen.take(&page, num_unruled == 0),
        };
        num_unruled += usize::from(!is_ruled && !taken.is_empty());
        // A page may treat the question in several places.
        let further = page.beside(&taken, BESIDE_SHARE * best, &mut chosen.tokens_left);
        for run in page.runs(&taken).into_iter().chain(page.runs(&further)) {
            chosen.evidence.push(page.merged(&run));
        }
    }
    chosen.evidence.truncate(options.evidence_passages);
    Ok(chosen.evidence)
}

/// The documents of the hits, each by its best one, as far as they are worth a place, and of a page and its
/// translations the one that stands first. The team's own pages come before vendors' that say the same.
fn documents(hits: &[Hit]) -> Vec<&Hit> {
    let best = hits.iter().map(|hit| hit.score).fold(0.0, f32::max);
    let mut seen = HashSet::new();
    let mut documents: Vec<&Hit> =
        hits.iter().filter(|hit| seen.insert(untranslated(&hit.chunk.document))).collect();
    documents.retain(|hit| {
        let share = if is_own(hit) { MIN_OWN_SCORE_SHARE } else { MIN_SCORE_SHARE };
        hit.rule.is_some() || hit.score >= share * best
    });
    let num_ruled = documents.iter().take_while(|hit| hit.rule.is_some()).count();
    if let Some(leader) = documents.get(num_ruled).copied().filter(|leader| !is_own(leader)) {
        let words_of = |document: &str| {
            let of_document = hits.iter().filter(|hit| hit.chunk.document == document);
            of_document.filter_map(|hit| hit.scores.bm25).fold(0.0, f32::max)
        };
        let says_the_same = |hit: &Hit| {
            is_own(hit)
                && hit.score >= SAME_SHARE * leader.score
                && words_of(&hit.chunk.document) >= SAME_SHARE * words_of(&leader.chunk.document)
        };
        // The sort is stable, so all else keeps its order.
        documents[num_ruled..].sort_by_key(|hit| !says_the_same(hit));
    }
    documents
}

/// Whether a hit stands in a page that the team keeps itself.
fn is_own(hit: &Hit) -> bool {
    hit.document.meta.trust == Trust::Curated
}

fn is_ruled(hit: &Hit) -> bool {
    hit.rule.as_ref().is_some_and(|rule| rule.strength == RuleStrength::Exact)
}

/// The part of a hit's document that treats the problem of its passage `lead`: all of it where a rule names it.
pub fn unit_of(passages: &[Chunk], lead: usize, hit: &Hit) -> Unit {
    match is_ruled(hit) {
        true => Unit::whole(passages),
        false => Unit::around(passages, lead, is_one_procedure(hit)),
    }
}

fn is_one_procedure(hit: &Hit) -> bool {
    matches!(hit.document.meta.kind, Kind::Runbook | Kind::Sop)
}

/// The evidence that has been chosen so far.
struct Chosen {
    evidence: Vec<Hit>,
    tokens_left: u32,
    ruled_tokens_left: u32,
}

impl Chosen {
    /// The places of a document whose rule matches: all, as long as such documents have room.
    fn take_ruled(&mut self, page: &Page<'_>) -> Vec<usize> {
        let all = (0..page.passages.len()).collect::<Vec<_>>();
        let taken = match page.tokens(&all) <= self.ruled_tokens_left {
            true => all,
            false => fitting(&page.by_worth(), page, self.ruled_tokens_left),
        };
        let tokens = page.tokens(&taken);
        self.ruled_tokens_left = self.ruled_tokens_left.saturating_sub(tokens);
        self.tokens_left = self.tokens_left.saturating_sub(tokens);
        taken
    }

    /// The places of any other page, within the budget.
    fn take(&mut self, page: &Page<'_>, is_best: bool) -> Vec<usize> {
        let says_more = |at: &usize| is_best || !page.only_shows(*at);
        let unit: Vec<usize> = page.unit.passages.iter().copied().filter(says_more).collect();
        let overdraft = if is_own(page.first) { OWN_OVERDRAFT_TOKENS } else { 0 };
        let mut taken = match page.tokens(&unit) <= self.tokens_left + overdraft {
            true => unit,
            false => {
                let wanted = if is_best { page.by_worth() } else { page.found_in_unit() };
                let wanted: Vec<usize> = wanted.into_iter().filter(says_more).collect();
                fitting(&wanted, page, self.tokens_left)
            }
        };
        if taken.is_empty() && self.evidence.is_empty() {
            taken.push(page.lead);
        }
        self.tokens_left = self.tokens_left.saturating_sub(page.tokens(&taken));
        taken
    }
}

/// The wanted places that fit into the budget, each in its turn.
fn fitting(wanted: &[usize], page: &Page<'_>, mut tokens_left: u32) -> Vec<usize> {
    let mut taken = Vec::new();
    for &at in wanted {
        let tokens = page.passages[at].tokens;
        if tokens <= tokens_left {
            tokens_left -= tokens;
            taken.push(at);
        }
    }
    taken
}

/// A document with the places that were found in it.
struct Page<'h> {
    first: &'h Hit,
    passages: Vec<Chunk>,
    /// The hits with their places, best first.
    found: Vec<(usize, &'h Hit)>,
    lead: usize,
    /// The part that treats the problem, with what stands beside it.
    unit: Unit,
}

impl<'h> Page<'h> {
    async fn of(view: &dyn View, first: &'h Hit, hits: &'h [Hit]) -> Result<Option<Self>, StoreError> {
        let chunks = view.chunks_of(DocumentKey::of(&first.chunk.document)).await?;
        let passages: Vec<Chunk> = chunks.into_iter().map(|(_, chunk)| chunk).collect();
        let of_document = hits.iter().filter(|hit| hit.chunk.document == first.chunk.document);
        let found: Vec<(usize, &Hit)> = of_document
            .filter_map(|hit| {
                Some((passages.iter().position(|chunk| chunk.ordinal == hit.chunk.ordinal)?, hit))
            })
            .collect();
        let Some(&(lead, _)) = found.first() else { return Ok(None) };
        let unit = match first.rule.is_some() {
            true => Unit::whole(&passages),
            false => Unit::with_surroundings(&passages, lead, is_one_procedure(first)),
        };
        Ok(Some(Self { first, passages, found, lead, unit }))
    }

    fn tokens(&self, places: &[usize]) -> u32 {
        places.iter().map(|&at| self.passages[at].tokens).sum()
    }

    /// Whether a passage only tells how the problem shows, which the failure does itself.
    fn only_shows(&self, at: usize) -> bool {
        let path = &self.passages[at].heading_path;
        path.last().and_then(|heading| Role::alone_in(heading)) == Some(Role::Symptoms)
    }

    /// The hits of the unit, each with the rest of its section.
    fn found_in_unit(&self) -> Vec<usize> {
        let inside: Vec<usize> =
            self.found.iter().map(|(at, _)| *at).filter(|at| self.unit.passages.contains(at)).collect();
        let sections = inside.iter().flat_map(|&at| self.section_of(at));
        distinct(inside.iter().copied().chain(sections))
    }

    /// The places of the unit in the order of their worth: the hits, the rest of their sections, the problem itself,
    /// what stands beside it.
    fn by_worth(&self) -> Vec<usize> {
        let narrow = unit_of(&self.passages, self.lead, self.first).passages;
        let rest = narrow.into_iter().chain(self.unit.passages.iter().copied());
        distinct(self.found_in_unit().into_iter().chain(rest))
    }

    /// The passages beside one that are of its section.
    fn section_of(&self, at: usize) -> impl Iterator<Item = usize> {
        let around = at.saturating_sub(1)..(at + 2).min(self.passages.len());
        around.filter(move |&other| self.passages[other].heading_path == self.passages[at].heading_path)
    }

    /// The good hits outside of what was taken, each with the rest of its section and what stands below it, within the
    /// budget.
    fn beside(&self, taken: &[usize], min_score: f32, tokens_left: &mut u32) -> Vec<usize> {
        let is_good = |hit: &Hit| hit.score >= min_score;
        let outside = self.found.iter().filter(|(at, hit)| !taken.contains(at) && is_good(hit));
        let below = |at: usize| {
            let path = &self.passages[at].heading_path;
            (0..self.passages.len())
                .filter(move |&other| !path.is_empty() && self.passages[other].heading_path.starts_with(path))
        };
        let places: Vec<usize> = outside.map(|(at, _)| *at).collect();
        let sections = places.iter().flat_map(|&at| self.section_of(at));
        let wanted = distinct(sections.chain(places.iter().flat_map(|&at| below(at))));
        let wanted: Vec<usize> =
            wanted.into_iter().filter(|at| !taken.contains(at) && !self.only_shows(*at)).collect();
        let further = fitting(&wanted, self, *tokens_left);
        *tokens_left -= self.tokens(&further);
        further
    }

    /// Groups consecutive places that are all in the unit, or all in one section outside of it. The groups come in the
    /// order of their best passage.
    fn runs(&self, taken: &[usize]) -> Vec<Vec<usize>> {
        let is_inside = |at: usize| self.unit.passages.contains(&at);
        let belong = |a: usize, b: usize| match (is_inside(a), is_inside(b)) {
            (true, true) => true,
            (false, false) => self.passages[a].heading_path == self.passages[b].heading_path,
            _ => false,
        };
        let mut ordered = taken.to_vec();
        ordered.sort_unstable();
        let mut runs: Vec<Vec<usize>> = Vec::new();
        for at in ordered {
            match runs.last_mut() {
                Some(run) if run.last().is_some_and(|&last| last + 1 == at && belong(last, at)) => {
                    run.push(at);
                }
                _ => runs.push(vec![at]),
            }
        }
        let worth = self.by_worth();
        runs.sort_by_key(|run| worth.iter().position(|at| run.contains(at)).unwrap_or(usize::MAX));
        runs
    }

    /// A group of places as one hit, cited as the best one of them.
    fn merged(&self, run: &[usize]) -> Hit {
        let best = self.found.iter().find(|(at, _)| run.contains(at));
        Hit {
            chunk: merged(&self.passages, run, best.map_or(run[0], |(at, _)| *at)),
            document: Arc::clone(&self.first.document),
            score: self.first.score,
            scores: best.map_or(self.first.scores, |(_, hit)| hit.scores),
            rule: self.first.rule.clone(),
        }
    }
}

/// The places in their order, each once.
fn distinct(places: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut seen = HashSet::new();
    places.filter(|at| seen.insert(*at)).collect()
}

/// Passages of a page as one, cited as the first of them; `None` without any.
pub fn joined(passages: &[Chunk]) -> Option<Chunk> {
    let run: Vec<usize> = (0..passages.len()).collect();
    (!run.is_empty()).then(|| merged(passages, &run, 0))
}

/// Consecutive passages as one: their common headings above it, the others written out in it. It is cited as the
/// passage `best`, whose heading is its anchor.
fn merged(passages: &[Chunk], run: &[usize], best: usize) -> Chunk {
    let first = &passages[run[0]];
    let mut path = first.heading_path.as_slice();
    for &at in run {
        let shared = path.iter().zip(&passages[at].heading_path).take_while(|(a, b)| a == b).count();
        path = &path[..shared];
    }
    let mut merged = Chunk {
        heading_path: path.to_vec(),
        text: String::new(),
        ordinal: passages[best].ordinal,
        anchor: passages[best].anchor.clone(),
        tokens: 0,
        ..first.clone()
    };
    let mut above = path;
    for &at in run {
        let chunk = &passages[at];
        if !merged.text.is_empty() {
            merged.text.push_str("\n\n");
        }
        let known = above.iter().zip(&chunk.heading_path).take_while(|(a, b)| a == b).count();
        for (level, heading) in chunk.heading_path.iter().enumerate().skip(known.max(path.len())) {
            // An entry of a list or an FAQ has its name in its text.
            let begins = chunk.text.trim_start().trim_start_matches(['#', '*', '_', '-', '`', ' ']);
            if !begins.starts_with(heading.as_str()) {
                merged.text.push_str(&format!("{} {heading}\n\n", "#".repeat((level + 2).min(6))));
            }
        }
        merged.text.push_str(&chunk.text);
        merged.end_byte = chunk.end_byte;
        merged.tokens += chunk.tokens;
        above = &chunk.heading_path;
        merged.prohibitions.extend(chunk.prohibitions.iter().cloned());
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_overlap_by_their_words() {
        for (a, b, expected) in [
            ("Restart the pod, then wait.", "restart THE pod then wait", 1.0),
            ("restart the pod", "drain the node", 0.2),
            ("節點未就緒", "節點 已就緒", 4.0 / 6.0),
            ("Pod節點", "pod 節點", 1.0),
            ("same same", "same", 1.0),
            ("", "", 0.0),
        ] {
            let (a_words, b_words) = (word_hashes(a), word_hashes(b));
            for found in [overlap(&a_words, &b_words), overlap(&b_words, &a_words)] {
                assert!((found - expected).abs() < 1e-6, "{a:?} and {b:?}: {found}");
            }
        }
    }
}

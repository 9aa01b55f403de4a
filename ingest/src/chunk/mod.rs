//! Cuts a document into chunks: passages within one section that fit the embedding model's window, measured in the
//! model's own tokens with the heading path that is embedded before them.
//!
//! Entry point: [`Chunker::split`]. [`blocks`] finds sections and blocks, [`entries`] the entries of a catalogue that
//! has no headings, [`pieces`] cuts a block that is too large, [`prefix`] keeps titles and headings short enough, and
//! this file packs pieces into chunks.
//!
//! The rules: first and second level headings always separate; smaller sections are joined while they are small and
//! parts of one problem (its symptoms, its cause), and their headings then stand in the text. A section about something
//! else is a passage of its own, however short. Code and tables stay whole where they fit. Chunks do not overlap. Equal
//! input gives equal output.

mod blocks;
mod entries;
mod pieces;
mod prefix;

use crate::formats::{Document, Syntax};
pub(crate) use blocks::Anchors;
use blocks::Section;
use kb::{
    document::{Chunk, passage},
    embed::TokenCounter,
    prohibition,
    sections::Role,
};
use pieces::{Piece, Sizer};
use std::ops::Range;

/// Chunks grow up to about this many tokens, the prefix not counted: long enough to hold one idea, short enough that a
/// vector stands for it.
const TARGET_TOKENS: usize = 250;

/// Smaller sections and blocks are joined with a neighbour where the rules allow it.
const MIN_TOKENS: usize = 40;

/// Cuts documents for one embedding model.
pub struct Chunker<'a> {
    counter: &'a dyn TokenCounter,
    max_tokens: usize,
}

/// A document cut into chunks.
#[derive(Debug, Clone, PartialEq)]
pub struct SplitDocument {
    /// The title that was embedded: the document's own, shortened if it would fill the window.
    pub title: String,
    /// The chunks, in order, numbered from 0.
    pub chunks: Vec<Chunk>,
}

impl<'a> Chunker<'a> {
    /// Measures with `counter`; no passage will have more than `max_tokens`, special tokens included.
    pub fn new(counter: &'a dyn TokenCounter, max_tokens: usize) -> Self {
        Self { counter, max_tokens }
    }

    /// Cuts a document. Every word of its body, headings aside, is in some chunk's text, and every heading that has
    /// text below it is in a heading path or a text.
    pub fn split(&self, document: &Document) -> SplitDocument {
        let body = &document.body;
        let mut sections = match document.syntax {
            Syntax::Markdown => {
                let sections = blocks::markdown_sections(body.as_str(), &document.meta.title);
                entries::told_apart(sections, body.as_str())
            }
            Syntax::Plain => blocks::plain_sections(body.as_str()),
        };
        if !document.above.is_empty() {
            for section in &mut sections {
                section.path.splice(0..0, document.above.iter().cloned());
            }
        }
        let title = prefix::fitting_title(&document.meta.title, self.counter, self.max_tokens);
        let mut drafts = Vec::new();
        let mut rest = sections.as_slice();
        while !rest.is_empty() {
            let end =
                rest.iter().skip(1).position(|section| section.starts_part).map_or(rest.len(), |at| at + 1);
            let (part, following) = rest.split_at(end);
            self.split_part(part, body.as_str(), &title, &mut drafts);
            rest = following;
        }
        let mut chunks = Vec::with_capacity(drafts.len());
        let mut last_start = 0;
        for draft in drafts {
            let source = body.source_range(draft.range);
            // A repeated or replaced stretch may begin where an earlier chunk did, never before.
            let start = source.start.max(last_start);
            last_start = start;
            let prohibitions = prohibition::of_passage(&draft.heading_path, &draft.text);
            chunks.push(Chunk {
                document: document.meta.id.clone(),
                ordinal: u32::try_from(chunks.len()).expect("a file of a few megabytes has fewer chunks"),
                heading_path: draft.heading_path,
                anchor: document.fragment_at(source.start).map(str::to_owned).or(draft.anchor),
                text: draft.text,
                start_byte: start as u64,
                end_byte: source.end.max(start) as u64,
                tokens: u32::try_from(draft.tokens).expect("a passage fits the window"),
                prohibitions,
            });
        }
        // A title says it where nothing else does.
        if chunks.iter().all(|chunk: &Chunk| chunk.prohibitions.is_empty())
            && let Some(first) = chunks.first_mut()
        {
            first.prohibitions.extend(prohibition::of_title(&document.meta.title));
        }
        SplitDocument { title, chunks }
    }

    /// Cuts the sections between two first or second level headings.
    fn split_part(&self, sections: &[Section<'_>], text: &str, title: &str, drafts: &mut Vec<Draft>) {
        let mut group: Vec<Measured<'_, '_>> = Vec::new();
        for section in sections {
            let tokens = section
                .blocks
                .iter()
                .map(|block| self.tokens(&text[block.range.clone()]))
                .collect::<Vec<_>>();
            let measured = Measured { section, total: tokens.iter().sum(), tokens };
            let sum: usize = group.iter().map(Measured::with_heading).sum();
            let is_small = |tokens: usize| tokens < MIN_TOKENS;
            let joins = group.is_empty()
                || (sum + measured.with_heading() <= TARGET_TOKENS
                    && (is_small(sum) || is_small(measured.total))
                    && group.iter().all(|member| is_of_one_problem(member.section, section)));
            if !joins {
                // Headings without text of their own belong to what follows.
                let kept =
                    group.iter().rposition(|member| !member.section.blocks.is_empty()).map_or(0, |at| at + 1);
                let carried = group.split_off(kept);
                self.pack(&group, text, title, drafts);
                group = carried;
            }
            group.push(measured);
        }
        self.pack(&group, text, title, drafts);
    }

    /// Fills chunks with the blocks of joined sections.
    fn pack(&self, group: &[Measured<'_, '_>], text: &str, title: &str, drafts: &mut Vec<Draft>) {
        let with_text = || group.iter().filter(|member| !member.section.blocks.is_empty());
        let Some(first) = with_text().next() else { return };
        let path = common_path(with_text().map(|member| member.section.path.as_slice()));
        let heading_path = prefix::fitting_path(title, path, self.counter, self.max_tokens);
        let prefix_tokens = self.counter.count(&passage(title, &heading_path, ""));
        let sizer = Sizer::new(self.counter, self.max_tokens.saturating_sub(prefix_tokens), TARGET_TOKENS);

        let mut pieces: Vec<Piece> = Vec::new();
        for member in group {
            let section = member.section;
            if let Some(heading) = section.heading_line().filter(|_| section.path.len() > path.len()) {
                pieces.extend(pieces::heading(&heading, section.heading_range.clone(), &sizer));
            }
            for (block, &tokens) in section.blocks.iter().zip(&member.tokens) {
                pieces::cut(block, text, tokens, &sizer, &mut pieces);
            }
        }
        // Headings at the end, without text below them.
        while pieces.last().is_some_and(|piece| piece.is_heading) {
            pieces.pop();
        }
        let anchor = first.section.anchor.clone();
        for run in packed(pieces, &sizer) {
            self.close(run, &heading_path, anchor.as_ref(), title, drafts);
        }
    }

    /// Makes a chunk of pieces. Token counts do not add up exactly, so the passage is measured, and halved if need be.
    fn close(
        &self,
        run: Vec<Piece>,
        path: &[String],
        anchor: Option<&String>,
        title: &str,
        drafts: &mut Vec<Draft>,
    ) {
        let (Some(first), Some(last)) = (run.first(), run.last()) else { return };
        let range = first.range.start..last.range.end.max(first.range.start);
        let text = joined(&run);
        let tokens = self.counter.count(&passage(title, path, &text));
        if tokens <= self.max_tokens {
            drafts.push(Draft { heading_path: path.to_vec(), anchor: anchor.cloned(), text, range, tokens });
            return;
        }
        let mut run = run;
        if run.len() > 1 {
            let second = run.split_off(run.len() / 2);
            self.close(run, path, anchor, title, drafts);
            self.close(second, path, anchor, title, drafts);
        } else if let Some(piece) = run.pop() {
            match piece.halved() {
                Some((first, second)) => {
                    self.close(vec![first], path, anchor, title, drafts);
                    self.close(vec![second], path, anchor, title, drafts);
                }
                // One character that does not fit beside its prefix.
                None => self.close_without_prefix(piece, anchor, drafts),
            }
        }
    }

    fn close_without_prefix(&self, piece: Piece, anchor: Option<&String>, drafts: &mut Vec<Draft>) {
        let tokens = self.max_tokens.min(self.counter.count(&piece.text));
        drafts.push(Draft {
            heading_path: Vec::new(),
            anchor: anchor.cloned(),
            text: piece.text,
            range: piece.range,
            tokens,
        });
    }

    /// Tokens of a text by itself, without the special ones.
    fn tokens(&self, text: &str) -> usize {
        pieces::net_tokens(self.counter, text)
    }
}

/// A section with the tokens of each of its blocks.
struct Measured<'a, 't> {
    section: &'a Section<'t>,
    tokens: Vec<usize>,
    total: usize,
}

impl Measured<'_, '_> {
    fn with_heading(&self) -> usize {
        // A heading has about a token for each three characters.
        self.total + self.section.path.last().map_or(0, |heading| heading.len() / 3 + 1)
    }
}

/// A chunk before its place in the source is known.
struct Draft {
    heading_path: Vec<String>,
    anchor: Option<String>,
    text: String,
    range: Range<usize>,
    tokens: usize,
}

/// Whether two sections are parts of one problem: they stand under the same headings but for those that only name a
/// part, such as `Symptoms`. A section without text joins nothing by itself.
fn is_of_one_problem(a: &Section<'_>, b: &Section<'_>) -> bool {
    let problem = |section: &Section<'_>| {
        let parts = section.path.iter().rev().take_while(|heading| Role::alone_in(heading).is_some()).count();
        section.path.len() - parts
    };
    let (a_length, b_length) = (problem(a), problem(b));
    a.blocks.is_empty() || b.blocks.is_empty() || a.path[..a_length] == b.path[..b_length]
}

/// The headings that all paths begin with.
fn common_path<'a>(mut paths: impl Iterator<Item = &'a [String]>) -> &'a [String] {
    let mut common = paths.next().unwrap_or_default();
    for path in paths {
        let shared = common.iter().zip(path).take_while(|(a, b)| a == b).count();
        common = &common[..shared];
    }
    common
}

/// Groups pieces into runs of about the target size.
fn packed(pieces: Vec<Piece>, sizer: &Sizer<'_>) -> Vec<Vec<Piece>> {
    let mut runs: Vec<(usize, Vec<Piece>)> = Vec::new();
    for piece in pieces {
        let tokens = piece.tokens;
        match runs.last_mut() {
            Some((sum, run))
                if *sum + tokens <= sizer.target
                    || (*sum + tokens <= sizer.limit
                        && (*sum < MIN_TOKENS || run.last().is_some_and(|last| last.is_heading))) =>
            {
                *sum += tokens;
                run.push(piece);
            }
            _ => {
                // A heading moves on with the text that it announces.
                let mut run = Vec::new();
                let mut sum = tokens;
                if let Some((previous_sum, previous)) = runs.last_mut() {
                    while previous.len() > 1 && previous.last().is_some_and(|last| last.is_heading) {
                        let Some(heading) = previous.pop() else { break };
                        *previous_sum -= heading.tokens;
                        sum += heading.tokens;
                        run.insert(0, heading);
                    }
                }
                run.push(piece);
                runs.push((sum, run));
            }
        }
    }
    // A short rest joins the run before it where it fits.
    if let [.., (before, _), (last, _)] = runs.as_slice()
        && *last < MIN_TOKENS
        && before + last <= sizer.limit
        && let Some((_, rest)) = runs.pop()
        && let Some((_, run)) = runs.last_mut()
    {
        run.extend(rest);
    }
    runs.into_iter().map(|(_, run)| run).collect()
}

/// The text of a run: pieces that were cut from one line of text are joined as they were, others by a blank line.
fn joined(run: &[Piece]) -> String {
    let mut text = String::with_capacity(run.iter().map(|piece| piece.text.len() + 2).sum());
    for piece in run {
        if !text.is_empty() {
            text.push_str(piece.separator);
        }
        text.push_str(&piece.text);
    }
    text
}

#[cfg(test)]
mod tests;

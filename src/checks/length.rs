//! The length a client asks for, kept by leaving out whole sentences and lines, and where that is not enough, by cutting
//! sentences.

use super::citations;
use crate::{
    markdown,
    text::{clipped, num_chars},
};
use regex::Regex;
use std::{collections::BTreeSet, sync::LazyLock};

/// A sentence is not cut to less.
const MIN_CUT_CHARS: usize = 60;

/// The citations at the end of a sentence.
static TAIL: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?:(?:\s*\[\d{1,5}\])+\s*[.。]?)?\s*$").expect("the pattern is valid"));

/// The text within `max_chars` characters: whole sentences and lines are left out from its end, but the first sentence of
/// each labelled part stays, and a citation where it had one; then what is still too long is cut at words, each sentence to
/// 60 characters at least and never within code. Citations do not count.
pub fn shortened(text: &str, max_chars: usize) -> String {
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
    let num_cited = |text: &str| citations::resolve(text, |_| true).cited.len();
    for n in (0..pieces.len()).rev() {
        if length(joined(&pieces, &kept).trim_end()) <= max_chars {
            break;
        }
        if keeps.contains(&n) {
            continue;
        }
        kept[n] = false;
        if num_cited(text) > 0 && num_cited(&joined(&pieces, &kept)) == 0 {
            kept[n] = true;
        }
    }
    let mut by_length: Vec<usize> = (0..pieces.len()).filter(|n| kept[*n]).collect();
    by_length.sort_by_key(|n| std::cmp::Reverse(pieces[*n].len()));
    for n in by_length {
        let over = length(joined(&pieces, &kept).trim_end()).saturating_sub(max_chars);
        if over == 0 {
            break;
        }
        pieces[n] = cut(&pieces[n], over);
    }
    joined(&pieces, &kept).trim_end().to_owned()
}

/// The pieces that are kept, as one text.
fn joined(pieces: &[String], kept: &[bool]) -> String {
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
}

/// A sentence that is shorter by `over` characters, as far as it may be; its citations stay.
fn cut(piece: &str, over: usize) -> String {
    let end = TAIL.find(piece).map_or(piece.len(), |tail| tail.start());
    let (body, tail) = piece.split_at(end);
    let room = num_chars(body).saturating_sub(over).max(MIN_CUT_CHARS);
    let mut short = clipped(body, room);
    let kept = short.trim_end_matches('…').len();
    // Half a command is another command.
    if let Some(code) =
        markdown::code_ranges(body).into_iter().find(|code| code.start < kept && kept < code.end)
    {
        short = match body[..code.start].trim_end() {
            "" => return piece.to_owned(),
            before => format!("{before} …"),
        };
    }
    format!("{short}{tail}")
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

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_sentence_that_is_too_long_is_cut_at_a_word() {
        let long = "and so on ".repeat(60);
        let text = format!("Error: it fails {long}[1].\nSolution: wait {long}[2].");
        let short = shortened(&text, 280);
        assert!(num_chars(&short) <= 290 && short.contains("and… [1].\nSolution: wait"), "{short}");
        assert!(short.ends_with("… [2]."), "{short}");
        let code = format!("Error: run `kubectl {long}` [1].");
        assert_eq!(shortened(&code, 100), "Error: run … [1].");
    }
}

//! The length a client asks for, kept by leaving out whole sentences and lines.

use super::citations;
use crate::{markdown, text::num_chars};
use std::collections::BTreeSet;

/// The text within `max_chars` characters where whole sentences and lines can be left out from its end; never less than
/// the first sentence of each labelled part, and never without a citation it had. Citations do not count.
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
}

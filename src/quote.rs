//! A quotation with its source, and sentences joined to one within a length. Pure.

use crate::{
    evidence::Evidence,
    markdown::sentences,
    text::{clipped, num_chars},
};

/// Longest step.
pub const STEP_CHARS: usize = 300;

/// A quotation and where it comes from.
#[derive(Debug, Clone)]
pub struct Quote<'a> {
    /// The words.
    pub text: String,
    /// The passage they stand in.
    pub from: &'a Evidence,
}

/// Whole sentences within `max_chars`; the first always, clipped if it must be.
pub fn first_sentences(text: &str, max_chars: usize) -> String {
    let mut taken = String::new();
    for sentence in sentences(text) {
        if taken.is_empty() {
            taken = clipped(sentence, max_chars);
        } else if num_chars(&taken) + 1 + num_chars(sentence) <= max_chars {
            push_sentence(&mut taken, sentence);
        } else {
            break;
        }
    }
    taken
}

/// Adds a sentence, with a space where the script has one.
pub fn push_sentence(text: &mut String, sentence: &str) {
    if !text.is_empty() && !text.ends_with(['。', '！', '？']) {
        text.push(' ');
    }
    text.push_str(sentence);
}

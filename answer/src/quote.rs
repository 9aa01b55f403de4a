//! A quotation with its source, and sentences joined to one within a length. Pure.

use crate::evidence::Evidence;

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

/// Adds a sentence, with a space where the script has one.
pub fn push_sentence(text: &mut String, sentence: &str) {
    if !text.is_empty() && !text.ends_with(['。', '！', '？']) {
        text.push(' ');
    }
    text.push_str(sentence);
}

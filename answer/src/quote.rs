//! A quotation with its source, and sentences joined to one within a length. Pure.

use crate::evidence::Evidence;

/// The longest step that is quoted, in characters.
pub const STEP_CHARS: usize = 300;

/// A quotation and where it comes from.
#[derive(Debug, Clone)]
pub struct Quote<'a> {
    /// The words of the passage, as they stand there.
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

//! Names that show by themselves: anonymised ones, pods with their hash, hyphenated words that are no English.

use super::{
    Finder,
    shapes::{is_region, is_uid, label},
};
use crate::question::{
    Label, vocabulary,
    volatile::{STAND_IN, stem},
};

impl Finder<'_, '_> {
    /// An anonymised name, a pod with its hash, or a hyphenated word that is no English, wherever it stands.
    pub(super) fn standing_alone(&mut self, i: usize) {
        let text = self.word(i);
        if self.claimed[i] || text.contains(['/', ':', '@', '_', '.', '+']) && !text.contains(STAND_IN) {
            return;
        }
        let Some(name) = label(text) else { return };
        if name == Label::Anonymised {
            self.push(i, None, None, name);
            return;
        }
        if stem(text).len() < text.len() {
            self.push(i, Some("Pod"), None, name);
            return;
        }
        let num_word_parts =
            text.split('-').filter(|part| part.bytes().any(|b| b.is_ascii_alphabetic())).count();
        let before = self.text[..self.words[i].start].chars().next_back();
        let after = self.text[self.words[i].end..].chars().next();
        let is_path = before.is_some_and(|c| matches!(c, '/' | '\\' | '<' | '$' | '{' | '%'))
            || after.is_some_and(|c| matches!(c, '=' | '(' | '>' | '*' | '\\'));
        let is_name = num_word_parts >= 1
            && text.contains('-')
            && (num_word_parts >= 2
                || text.bytes().any(|b| b.is_ascii_digit()) && num_word_parts == 1 && text.len() >= 5)
            && !is_path
            && !is_uid(text)
            && !is_region(text)
            && !vocabulary::is_compound(text)
            && vocabulary::component_of_word(text).is_none()
            && vocabulary::reason_of_word(&text.replace('-', "")).is_none()
            && vocabulary::kind_of_word(&text.replace('-', "")).is_none();
        if is_name {
            let part_of_word = |c: Option<char>| c.is_some_and(|c| matches!(c, '\u{2019}'));
            if !part_of_word(after) {
                self.push(i, None, None, name);
            }
        }
    }
}

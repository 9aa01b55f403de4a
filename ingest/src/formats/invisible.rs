//! Characters that a reader does not see: they can hide words from people or smuggle words to a model, and have no use.

use kb::{mapped::Edit, text::escapes};

/// The edits that take out terminal escapes, invisible and control characters and make all line breaks `\n`.
pub(crate) fn edits(text: &str) -> Vec<Edit> {
    let mut edits: Vec<Edit> = escapes(text).into_iter().map(Edit::delete).collect();
    let (num_escapes, mut passed) = (edits.len(), 0);
    let mut characters = text.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        let range = at..at + character.len_utf8();
        while passed < num_escapes && edits[passed].range.end <= at {
            passed += 1;
        }
        if passed < num_escapes && edits[passed].range.start <= at {
            continue;
        }
        match character {
            '\r' if characters.peek().is_some_and(|(_, next)| *next == '\n') => {
                edits.push(Edit::delete(range))
            }
            '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => {
                edits.push(Edit::replace(range, "\n"))
            }
            '\n' | '\t' => {}
            _ if character.is_control() || is_invisible(character) => edits.push(Edit::delete(range)),
            _ => {}
        }
    }
    edits
}

/// Soft hyphens, zero-width spaces, direction overrides, tags. Joiners stay: scripts and emoji need them.
fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        | '\u{e0000}'..='\u{e007f}' | '\u{180e}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use kb::mapped::MappedText;

    #[test]
    fn only_what_can_be_seen_stays() {
        for (source, cleaned) in [
            ("a\r\nb\rc\u{c}d", "a\nb\nc\nd"),
            ("de\u{200b}lete \u{202e}x\u{e0041}\u{1b}[31m \u{1b}\u{7}", "delete x "),
            ("👩\u{200d}💻 tab\tstays", "👩\u{200d}💻 tab\tstays"),
        ] {
            assert_eq!(MappedText::new(source.to_owned()).edited(edits(source)).as_str(), cleaned);
        }
    }
}

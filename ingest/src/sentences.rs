//! The ends of sentences, well enough to cut and quote text.

use std::ops::Range;

/// Ranges that cover the text and end after a sentence or a line.
pub(crate) fn sentences(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut start = 0;
    std::iter::from_fn(move || {
        let rest = text.get(start..).filter(|rest| !rest.is_empty())?;
        let mut characters = rest.char_indices().peekable();
        let mut end = rest.len();
        while let Some((at, character)) = characters.next() {
            let ends = match character {
                '\n' | '。' | '！' | '？' | '；' => true,
                '.' | '!' | '?' => characters.peek().is_some_and(|(_, next)| next.is_whitespace()),
                _ => false,
            };
            if ends {
                end = at + character.len_utf8();
                break;
            }
        }
        let sentence = start..start + end;
        start = sentence.end;
        Some(sentence)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_cover_the_text() {
        let check = |text: &str, expected: &[&str]| {
            let found: Vec<&str> = sentences(text).map(|range| &text[range]).collect();
            assert_eq!(found, expected);
        };
        check("Drain v1.30 first. Then wait!\nDone", &["Drain v1.30 first.", " Then wait!", "\n", "Done"]);
        check("先檢查。再重啟", &["先檢查。", "再重啟"]);
        check("", &[]);
    }
}

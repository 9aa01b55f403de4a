//! Running text cut at the ends of its sentences. Entry point: [`split`].

/// The origin of a text, which decides where a sentence in it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prose {
    /// A passage of a document: `1.` counts an item and ends no sentence, and a closing quotation mark goes with its
    /// sentence.
    Document,
    /// An answer, or what is quoted in one.
    Answer,
}

/// The sentences of a text in order, without white space around them; text in backticks is never cut.
pub fn split(text: &str, prose: Prose) -> Vec<&str> {
    let mut sentences = Vec::new();
    let (mut start, mut in_code) = (0, false);
    let mut characters = text.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        let next = characters.peek().map(|(_, next)| *next);
        let ends = match character {
            '`' => {
                in_code = !in_code;
                false
            }
            '。' | '！' | '？' => {
                let is_quoted = prose == Prose::Document && matches!(next, Some('」' | '”'));
                !in_code && !is_quoted
            }
            '.' | '!' | '?' => {
                !in_code
                    && next == Some(' ')
                    && !is_abbreviation(&text[start..at], prose)
                    && text[at + 2..].chars().next().is_none_or(|c| !c.is_lowercase())
            }
            _ => false,
        };
        if ends {
            let end = at + character.len_utf8();
            sentences.push(text[start..end].trim());
            start = end;
        }
    }
    sentences.push(text[start..].trim());
    sentences.retain(|sentence| !sentence.is_empty());
    sentences
}

/// Whether the full stop after this text ends a word and no sentence.
fn is_abbreviation(before: &str, prose: Prose) -> bool {
    let last = before.rsplit([' ', '(']).next().unwrap_or_default();
    let is_of_prose = match prose {
        Prose::Document => !last.is_empty() && last.chars().all(|c| c.is_ascii_digit()),
        Prose::Answer => last == "z.B",
    };
    is_of_prose || matches!(last, "e.g" | "i.e" | "etc" | "vs" | "cf" | "approx" | "resp" | "No" | "v" | "ca")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sentences_end_outside_code() {
        for prose in [Prose::Document, Prose::Answer] {
            let check =
                |text: &str, sentences: &[&str]| assert_eq!(split(text, prose), sentences, "{prose:?}");
            check("Run `a. B`. Then stop! 完成。再試。", &["Run `a. B`.", "Then stop!", "完成。", "再試。"]);
            check("Version 1.33 of Kubernetes", &["Version 1.33 of Kubernetes"]);
            check("See e.g. Relay and No. 5 there.", &["See e.g. Relay and No. 5 there."]);
            check("It stops. it does", &["It stops. it does"]);
            check(" ", &[]);
        }
    }

    #[test]
    fn documents_count_their_items_and_quote() {
        assert_eq!(split("Do 1. Restart it.", Prose::Document), ["Do 1. Restart it."]);
        assert_eq!(split("Do 1. Restart it.", Prose::Answer), ["Do 1.", "Restart it."]);
        assert_eq!(split("他說「不行。」然後離開。", Prose::Document), ["他說「不行。」然後離開。"]);
        assert_eq!(split("他說「不行。」然後離開。", Prose::Answer), ["他說「不行。", "」然後離開。"]);
    }

    proptest! {
        /// No byte but white space is lost, and none is moved.
        #[test]
        fn sentences_have_the_whole_text(text in "(?:[a-z.!?。」` ]|e\\.g\\. |No\\. |[A-Z][a-z]\\. |[0-9]\\. ){0,60}") {
            let without_spaces = |text: &str| text.replace(char::is_whitespace, "");
            for prose in [Prose::Document, Prose::Answer] {
                let joined: String = split(&text, prose).concat();
                prop_assert_eq!(without_spaces(&joined), without_spaces(&text));
            }
        }
    }
}

//! Character references, `&nbsp;` and the like, as the characters that they stand for.

use crate::dialect;
use kb::mapped::Edit;
use pulldown_cmark::Event;

/// The edits that put characters in the place of their references, outside code. What would mean something to Markdown
/// stays a reference.
pub(crate) fn edits(text: &str) -> Vec<Edit> {
    let mut edits = Vec::new();
    if !text.contains('&') {
        return edits;
    }
    for (event, range) in dialect::parse(text) {
        let Event::Text(shown) = event else { continue };
        let source = &text[range.clone()];
        if !(source.starts_with('&') && source.ends_with(';')) || source == &*shown {
            continue;
        }
        let mut characters = shown.chars();
        match (characters.next(), characters.next()) {
            (Some('\u{a0}'), None) => edits.push(Edit::replace(range, " ")),
            (Some('&' | '>' | '"' | '\'' | '-' | '/' | '$' | ':' | '=' | '@' | ','), None) => {
                edits.push(Edit::replace(range, &*shown));
            }
            (Some(character), None) if !character.is_ascii() => edits.push(Edit::replace(range, &*shown)),
            _ => {}
        }
    }
    edits
}

#[cfg(test)]
mod tests {
    use super::*;
    use kb::mapped::MappedText;

    #[test]
    fn references_become_characters() {
        for (source, cleaned) in [
            ("fish&nbsp;&amp; chips &lt;x&gt; &rsquo;", "fish & chips &lt;x> \u{2019}"),
            ("`&amp;` &nosuch; & &#42;", "`&amp;` &nosuch; & &#42;"),
        ] {
            assert_eq!(MappedText::new(source.to_owned()).edited(edits(source)).as_str(), cleaned);
        }
    }
}

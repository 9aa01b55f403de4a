//! Character references, `&nbsp;` and the like, as the characters that they stand for.

use crate::dialect;
use kb::{mapped::Edit, text::is_invisible};
use pulldown_cmark::Event;

/// The edits that put characters in the place of their references, outside code. A character that
/// is markup in Markdown stays a reference.
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
            (Some(character), None) if is_invisible(character) => edits.push(Edit::delete(range)),
            // Decoded, it would make a reference of what follows.
            (Some('&'), None) if begins_reference(&text[range.end..]) => {}
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

/// Whether `&` in front would make a reference of it.
pub(crate) fn begins_reference(text: &str) -> bool {
    let name = text.strip_prefix('#').unwrap_or(text);
    let end = name.find(|c: char| !c.is_ascii_alphanumeric());
    end.is_some_and(|end| (1..=32).contains(&end) && name[end..].starts_with(';'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use kb::mapped::MappedText;

    #[test]
    fn references_become_characters() {
        for (source, cleaned) in [
            ("fish&nbsp;&amp; chips &lt;x&gt; &rsquo;", "fish & chips &lt;x> \u{2019}"),
            ("a&#8238;b&#27;c&shy;d &amp;#27; &amp;lt; a=1&amp;b=2;", "abcd &amp;#27; &amp;lt; a=1&b=2;"),
            ("`&amp;` &nosuch; & &#42;", "`&amp;` &nosuch; & &#42;"),
        ] {
            assert_eq!(MappedText::new(source.to_owned()).edited(edits(source)).as_str(), cleaned);
        }
    }
}

//! The marks by which a line begins a heading, a block or an item of a list.

/// The level and the words of a heading.
pub(super) fn heading_of(text: &str) -> Option<(usize, &str)> {
    let sign = text.chars().next().filter(|c| matches!(c, '=' | '#'))?;
    let words = text.trim_start_matches(sign);
    let level = text.len() - words.len();
    (level <= 6 && words.starts_with([' ', '\t']) && !words.trim().is_empty()).then(|| (level, words.trim()))
}

/// Whether a line begins or ends a block of blocks.
pub(super) fn is_fence(text: &str) -> bool {
    text == "--"
        || (text.len() >= 4 && ["=", "*", "_"].iter().any(|sign| text.chars().all(|c| sign.contains(c))))
}

/// The mark and the words of a list's item; a term stands before its mark, which its words then hold.
pub(super) fn item_of(text: &str) -> Option<(String, &str)> {
    /// A longer term is text.
    const MAX_TERM_BYTES: usize = 200;
    let text = text.trim_start_matches([' ', '\t']);
    let window = &text[..text.floor_char_boundary(text.len().min(MAX_TERM_BYTES))];
    let is_mark = |mark: &&str| {
        let end = window.find(*mark).map(|at| &text[at + mark.len()..]);
        end.is_some_and(|after| {
            (after.is_empty() || after.starts_with([' ', '\t'])) && !window.starts_with(*mark)
        })
    };
    if let Some(mark) = ["::::", ":::", "::", ";;"].iter().find(|mark| is_mark(mark)) {
        return Some(((*mark).to_owned(), text));
    }
    let (mark, rest) = text.split_once([' ', '\t'])?;
    let rest = rest.trim_start();
    let is_run = |sign: char| mark.chars().all(|c| c == sign) && mark.len() <= 5;
    if mark == "-" || is_run('*') || is_run('.') {
        return Some((mark.to_owned(), rest));
    }
    let number = mark.strip_suffix('.').filter(|number| !number.is_empty());
    if number.is_some_and(|number| number.len() <= 4 && number.bytes().all(|byte| byte.is_ascii_digit())) {
        return Some(("1.".to_owned(), rest));
    }
    let callout = mark.strip_prefix('<').and_then(|mark| mark.strip_suffix('>'));
    if callout.is_some_and(|number| {
        number == "." || (!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
    }) {
        return Some(("<1>".to_owned(), rest));
    }
    None
}

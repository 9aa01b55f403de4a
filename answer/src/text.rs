//! Text made fit for its place: on one line, cut, edited. [`visible`] makes a text safe to show. Pure.

pub use kb::{mapped::edited, text::visible};

/// White space runs become one space, the ends are trimmed.
pub fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

/// The text cut after at most `max_chars` characters, at a word's end where there is one, with `…` when cut.
pub fn clipped(text: &str, max_chars: usize) -> String {
    if text.chars().count() <= max_chars {
        return text.to_owned();
    }
    let room = max_chars.saturating_sub(1);
    let end = text.char_indices().nth(room).map_or(text.len(), |(at, _)| at);
    let cut = &text[..end];
    let is_word_end = text[end..].starts_with(char::is_whitespace);
    let word_end = match cut.rfind(char::is_whitespace) {
        Some(at) if !is_word_end && at * 2 > cut.len() => at,
        _ => cut.len(),
    };
    format!("{}…", cut[..word_end].trim_end())
}

/// Number of characters, as people and k8sgpt's limit count them.
pub fn num_chars(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clipping_prefers_the_end_of_a_word() {
        assert_eq!(clipped("short", 10), "short");
        assert_eq!(clipped("restart the pod now", 12), "restart the…");
        assert_eq!(clipped("記憶體不足導致重新啟動", 5), "記憶體不…");
    }
}

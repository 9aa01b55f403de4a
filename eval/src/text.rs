//! Texts as words, for the comparisons of the lint and of the scores of answers. Pure.

/// Lower-case words, so that markup, case and line breaks make no difference. Scripts without spaces give one word a
/// character.
pub fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut inside = false;
    for character in text.chars() {
        if kb::analyzer::is_cjk(character) {
            words.push(character.to_string());
            inside = false;
        } else if character.is_alphanumeric() {
            if !inside {
                words.push(String::new());
            }
            let last = words.last_mut().expect("a word was pushed above, or before this character");
            last.extend(character.to_lowercase());
            inside = true;
        } else {
            inside = false;
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_ignore_markup_and_case() {
        assert_eq!(words("**Drain** the\nnode-1, 節點!"), ["drain", "the", "node", "1", "節", "點"]);
        assert!(words(" -- ").is_empty());
    }
}

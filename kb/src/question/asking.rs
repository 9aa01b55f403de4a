//! Whether a text asks something or tells of a failure. The vocabulary is data: `asking.txt`.

use crate::analyzer::is_cjk;
use std::sync::LazyLock;

/// The phrases where a sentence begins, and those that ask wherever they stand.
struct Phrases {
    begins: Vec<&'static str>,
    anywhere: Vec<&'static str>,
}

static PHRASES: LazyLock<Phrases> = LazyLock::new(|| {
    let of = |tag: &str| {
        let lines = include_str!("asking.txt").lines().filter_map(|line| line.split_once('\t'));
        lines.filter(|(found, _)| *found == tag).map(|(_, phrase)| phrase).collect()
    };
    Phrases { begins: of("begins"), anywhere: of("anywhere") }
});

/// Whether a text asks something: it has a question mark after a word, a sentence that begins as questions do, or one
/// of their phrases.
pub(super) fn asks(text: &str) -> bool {
    let text = text.to_lowercase();
    // A query within an address has a mark too, but no space after it.
    let is_marked = text.contains('？')
        || text
            .match_indices('?')
            .any(|(at, _)| text[at + 1..].chars().next().is_none_or(char::is_whitespace));
    let mut sentences = text.split(['.', '!', ';', '\n', '。', '！', '；']).map(str::trim);
    is_marked
        || sentences.any(|words| PHRASES.begins.iter().any(|phrase| stands(words, phrase, 0)))
        || PHRASES
            .anywhere
            .iter()
            .any(|phrase| text.match_indices(phrase).any(|(at, _)| stands(&text, phrase, at)))
}

/// Whether a phrase stands at a place as whole words; scripts without spaces have no words to respect.
fn stands(text: &str, phrase: &str, at: usize) -> bool {
    let Some(rest) = text[at..].strip_prefix(phrase) else { return false };
    let is_letter = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() && !is_cjk(c));
    let is_unspaced = phrase.chars().all(is_cjk);
    is_unspaced || (!is_letter(text[..at].chars().next_back()) && !is_letter(rest.chars().next()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vocabulary_is_sorted_and_unique() {
        let lines: Vec<&str> =
            include_str!("asking.txt").lines().filter(|line| !line.starts_with('#')).collect();
        assert!(lines.is_sorted_by(|a, b| a < b), "sort asking.txt");
    }

    #[test]
    fn questions_are_told_from_failures() {
        for text in [
            "How do I drain a node safely?",
            "how do I configure a liveness probe with a grpc endpoint? show yaml",
            "May I restart payments-api",
            "Kafka is slow. What should I check",
            "可以重啟 payments-api 嗎？",
            "节点磁盘压力怎么处理",
            "Làm thế nào để xoay vòng secret",
            "Bagaimana cara menguras node",
            "Service tidak punya endpoint, bagaimana cara memperbaikinya?",
        ] {
            assert!(asks(text), "{text}");
        }
        for text in [
            "Back-off pulling image \"registry.example.com/payments/api:1.42.0\"",
            "Readiness probe failed: Get \"http://10.0.0.1:8080/healthz?full=1\": connection refused",
            "HorizontalPodAutoscaler uses StatefulSet/db as ScaleTargetRef which does not exist.",
            "couldn't find key DB_PASSWORD in Secret payments/db-credentials",
            "節點 worker-7 磁碟壓力",
            "showroom-api is down",
        ] {
            assert!(!asks(text), "{text}");
        }
    }
}

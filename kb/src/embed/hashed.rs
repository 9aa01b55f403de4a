//! A stand-in for a model: words hashed into buckets. Deterministic, instant and good enough to tell texts apart by
//! their words, so tests need neither files nor network.

use super::{
    error::EmbedError,
    identity::ModelIdentity,
    model::{EmbeddingModel, TokenCounter},
};
use crate::analyzer;

const DIMENSIONS: usize = 128;

/// The identity of the hashed vectors.
pub(super) fn identity() -> ModelIdentity {
    ModelIdentity {
        name: "hashed".to_owned(),
        dimensions: DIMENSIONS,
        hash: format!("v1-analyzer{}", analyzer::VERSION),
        pooling: "sum".to_owned(),
        query_prefix: String::new(),
        passage_prefix: String::new(),
        max_tokens: 256,
        tokenizer: "words-v1".to_owned(),
    }
}

/// Sums a pseudo-random unit bucket for each distinct term.
#[derive(Debug)]
pub struct HashedModel {
    identity: ModelIdentity,
}

impl HashedModel {
    /// A model; all are equal.
    #[expect(clippy::new_without_default, reason = "a model is made on purpose")]
    pub fn new() -> Self {
        Self { identity: identity() }
    }
}

impl EmbeddingModel for HashedModel {
    fn identity(&self) -> &ModelIdentity {
        &self.identity
    }

    fn embed(&mut self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
        Ok(texts.iter().map(|text| vector(text)).collect())
    }
}

fn vector(text: &str) -> Vec<f32> {
    let mut vector = vec![0.0f32; DIMENSIONS];
    // A text without words still needs a direction.
    vector[0] = 1e-3;
    for term in analyzer::distinct_terms(text) {
        let hash = blake3::hash(term.as_bytes());
        for pair in hash.as_bytes()[..8].chunks_exact(2) {
            let sign = if pair[1] & 1 == 0 { 1.0 } else { -1.0 };
            vector[usize::from(pair[0]) % DIMENSIONS] += sign;
        }
    }
    normalise(&mut vector);
    vector
}

/// Scales a vector to length 1; a zero vector stays.
pub(super) fn normalise(vector: &mut [f32]) {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|x| *x /= length);
    }
}

/// Counts tokens where no tokenizer is at hand: a token for every four letters or digits of a word, and one for every
/// other visible character. For English it is close to a subword tokenizer, for CJK about one a character.
#[derive(Debug)]
pub struct WordCounter;

impl TokenCounter for WordCounter {
    fn count(&self, text: &str) -> usize {
        let mut tokens = 2;
        let mut letters = 0usize;
        for character in text.chars() {
            if character.is_alphanumeric() && character.is_ascii() {
                letters += 1;
                continue;
            }
            tokens += letters.div_ceil(4);
            letters = 0;
            if !character.is_whitespace() {
                tokens += 1;
            }
        }
        tokens + letters.div_ceil(4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn like_words_are_near() {
        let mut model = HashedModel::new();
        let texts: Vec<String> = ["pod was OOMKilled", "the pod is OOMKilled again", "renew a certificate"]
            .map(str::to_owned)
            .to_vec();
        let vectors = model.embed(&texts).expect("it cannot fail");
        let cosine = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
        assert!(cosine(&vectors[0], &vectors[1]) > cosine(&vectors[0], &vectors[2]));
        assert!((cosine(&vectors[0], &vectors[0]) - 1.0).abs() < 1e-5);
    }

    #[test]
    fn tokens_are_counted() {
        assert_eq!(WordCounter.count(""), 2);
        assert_eq!(WordCounter.count("pod kubernetes!"), 2 + 1 + 3 + 1);
        assert_eq!(WordCounter.count("節點"), 4);
    }
}

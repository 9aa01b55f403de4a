//! How well a text fits the question: the terms they share, rare ones counting more. Pure.

use super::Material;
use kb::{analyzer, question::Question};
use std::collections::{HashMap, HashSet};

/// The question's terms with their weights.
pub struct Relevance {
    weights: HashMap<String, f32>,
}

impl Relevance {
    /// Weighs the question's terms by how few of the material's passages have them; identifiers count three times.
    pub fn new(question: &Question, material: &Material<'_>) -> Self {
        let terms =
            |text: &str| analyzer::tokens(text).into_iter().map(|token| token.term).collect::<HashSet<_>>();
        let mut weights: HashMap<String, f32> =
            terms(question.search_text()).into_iter().map(|term| (term, 1.0)).collect();
        for identifier in question.identifiers() {
            for term in terms(&identifier.text) {
                weights.insert(term, 3.0);
            }
        }
        let passages: Vec<HashSet<String>> =
            material.passages.iter().chain(material.evidence).map(|passage| terms(&passage.text)).collect();
        for (term, weight) in &mut weights {
            let having = passages.iter().filter(|passage| passage.contains(term)).count();
            *weight *= (1.0 + passages.len() as f32 / (1.0 + having as f32)).ln();
        }
        Self { weights }
    }

    /// The weight of the shared terms, by the square root of the text's length.
    pub fn of(&self, text: &str) -> f32 {
        let terms: HashSet<String> = analyzer::tokens(text).into_iter().map(|token| token.term).collect();
        let shared: f32 = terms.iter().filter_map(|term| self.weights.get(term)).sum();
        shared / (8.0 + terms.len() as f32).sqrt()
    }

    /// The best of some things by their texts while `takes` accepts them, in the order they were given. Where nothing fits,
    /// the first ones: documents begin with what matters.
    pub fn best_in_order<T>(
        &self,
        things: Vec<T>,
        text_of: impl Fn(&T) -> String,
        mut takes: impl FnMut(&T) -> bool,
    ) -> Vec<T> {
        let mut ranked: Vec<(usize, f32)> =
            things.iter().enumerate().map(|(at, thing)| (at, self.of(&text_of(thing)))).collect();
        // The place counts a little: of two alike, the earlier.
        ranked.sort_by(|a, b| (b.1 - b.0 as f32 * 0.01).total_cmp(&(a.1 - a.0 as f32 * 0.01)));
        let chosen: HashSet<usize> =
            ranked.into_iter().filter(|(at, _)| takes(&things[*at])).map(|(at, _)| at).collect();
        things.into_iter().enumerate().filter(|(at, _)| chosen.contains(at)).map(|(_, thing)| thing).collect()
    }
}

//! Amounts: whether those of a sentence stand in the question or in a passage, or follow from what stands there.

use super::{
    Support,
    passage::Passage,
    quantities::{self, Quantity, Unit},
    wordings::FOLLOWS,
    words::{Tongue, Words},
};

/// A smaller number is no name.
const LEAST_NAMED: f64 = 1000.0;

/// Least score of a part for an amount to stand near what a sentence speaks of.
const LEAST_NEAR: f32 = 0.3;

/// Most amounts from which others may follow, and most of the sources' that they may follow from.
const MAX_TERMS: usize = 12;
const MAX_HELD: usize = 256;

impl Support<'_> {
    /// Whether an amount of a sentence stands neither in the question nor in a passage near what the sentence speaks
    /// of.
    pub(super) fn has_unknown_quantity(
        &self,
        said: &str,
        tongue: Tongue,
        words: &Words,
        passages: &[&Passage],
    ) -> bool {
        let wanted = quantities::read(quantities::without_examples(said));
        if wanted.is_empty() {
            return false;
        }
        // An amount of the question counts as near every sentence.
        let is_asked = |wanted: &Quantity| {
            self.asked.quantities.iter().any(|(_, held)| quantities::is_same(held, wanted))
        };
        let near: Vec<Vec<f32>> =
            passages.iter().map(|passage| passage.parts.scores(words, false).of_texts).collect();
        // Part of an address or of a name.
        let is_named = |wanted: &Quantity| {
            let written = wanted.written.to_string();
            wanted.unit == Unit::Count
                && !wanted.in_words
                && (self.asked.names.has(&written)
                    || passages.iter().any(|passage| passage.names.has(&written)))
        };
        let is_said = |wanted: &Quantity| {
            is_asked(wanted)
                || (is_named(wanted) && wanted.written >= LEAST_NAMED)
                || passages.iter().zip(&near).any(|(passage, near)| {
                    let mut held = passage.quantities.iter();
                    held.any(|(part, held)| {
                        quantities::is_same(held, wanted)
                            && (near[*part] > LEAST_NEAR
                                || words.shared.len() < 2
                                || passage.tongue != tongue)
                    })
                })
        };
        // An amount that a reader can compute from known amounts needs no source.
        let is_known = |value: f64| {
            let held = passages.iter().flat_map(|passage| &passage.quantities).chain(&self.asked.quantities);
            held.into_iter().any(|(_, held)| held.written == value || held.value == value)
        };
        let mut computed = quantities::right_sums(said, is_known);
        computed.extend(quantities::worked_series(said, is_known));
        let terms: Vec<&Quantity> =
            wanted.iter().flatten().filter(|wanted| is_said(wanted)).take(MAX_TERMS).collect();
        let is_computed = |wanted: &Quantity| {
            computed.contains(&wanted.written)
                || self.is_concluded(said, wanted)
                || self.is_share(wanted, &terms, passages)
        };
        wanted.iter().any(|readings| {
            let is_small =
                |wanted: &Quantity| wanted.written <= 1.0 && (wanted.unit == Unit::Count || wanted.in_words);
            !readings.iter().any(|wanted| is_small(wanted) || is_said(wanted) || is_computed(wanted))
        })
    }

    /// Whether a sentence says that an amount follows from the question's, and it does: by one step, with what else it
    /// says.
    fn is_concluded(&self, said: &str, wanted: &Quantity) -> bool {
        /// As far as `about two weeks` is from 15 days.
        const ABOUT: f64 = 0.1;
        if !FOLLOWS.is_match(said) {
            return false;
        }
        let mut terms: Vec<f64> =
            self.asked.quantities.iter().map(|(_, held)| held.value).take(MAX_TERMS).collect();
        let asked = terms.len();
        terms.extend(
            quantities::read(said)
                .concat()
                .iter()
                .map(|held| held.value)
                .filter(|value| *value != wanted.value),
        );
        terms.truncate(MAX_TERMS);
        let is_near = |value: f64| (value - wanted.value).abs() <= ABOUT * wanted.value.abs();
        terms.iter().take(asked).enumerate().any(|(at, one)| {
            is_near(*one)
                || terms.iter().enumerate().filter(|(other, _)| *other != at).any(|(_, other)| {
                    let steps =
                        [one + other, (one - other).abs(), one * other, one / other, one * other / 100.0];
                    steps.iter().any(|value| {
                        value.is_finite() && (value - wanted.value).abs() < 0.01 * wanted.value.abs()
                    })
                })
        })
    }

    /// Whether an amount is the share, the part or the changed whole of others of which the sentence tells at least
    /// one, which its sources have as well: `18,000 of 20,000 are 90 %`.
    fn is_share(&self, wanted: &Quantity, terms: &[&Quantity], passages: &[&Passage]) -> bool {
        /// As far as a rounded share is from the exact one.
        const ABOUT: f64 = 0.01;
        let held = passages.iter().flat_map(|passage| &passage.quantities).chain(&self.asked.quantities);
        let held: Vec<&Quantity> = held.map(|(_, held)| held).take(MAX_HELD).collect();
        let is_near = |value: f64| (value - wanted.value).abs() <= ABOUT * wanted.value.abs();
        let others = || terms.iter().filter(|term| term.value != wanted.value || term.unit != wanted.unit);
        let (is_share, is_amount) =
            (|term: &Quantity| term.unit == Unit::Percent, |term: &Quantity| term.unit == wanted.unit);
        if is_share(wanted) {
            return others().filter(|part| !is_share(part) && part.value > 1.0).any(|part| {
                let wholes =
                    held.iter().chain(terms).filter(|whole| whole.unit == part.unit && whole.value > 1.0);
                wholes
                    .map(|whole| 100.0 * part.value / whole.value)
                    .any(|share| share != 100.0 && is_near(share))
            });
        }
        others().filter(|share| is_share(share)).any(|share| {
            let of_whole = |whole: &&Quantity| is_near(whole.value * share.value / 100.0);
            let changed = |whole: &&&Quantity| {
                [1.0, -1.0].iter().any(|sign| is_near(whole.value * (1.0 + sign * share.value / 100.0)))
            };
            // The whole of a part that the sentence tells.
            let is_whole = |part: &&&Quantity| is_near(part.value * 100.0 / share.value);
            others().filter(|part| is_amount(part)).any(|part| is_whole(&part))
                || held.iter().filter(|whole| is_amount(whole)).any(of_whole)
                || others().filter(|whole| is_amount(whole)).any(|whole| of_whole(whole) || changed(&whole))
        })
    }
}

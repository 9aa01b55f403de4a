//! Whether a curated rule matches a question.
use super::RuleStrength;
use crate::{document::Rule, question::Question};
/// Whether `rule` matches `question`.
pub fn matches(_rule: &Rule, _question: &Question) -> Option<RuleStrength> {
    None
}

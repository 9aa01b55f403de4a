//! `evaluate abstention`: how well answerable and unanswerable questions are told apart.

use super::{Sides, ask};
use crate::{config::Settings, error::EvalError, results::AbstentionResult, run::Runner};
use kb::retrieve::Tuning;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Asks the questions of every pair and measures the decisions.
pub async fn run(
    settings: Settings,
    tuning: Tuning,
    rebuild: bool,
    sides: &Sides,
) -> Result<Vec<AbstentionResult>, EvalError> {
    if matches!(sides, Sides::Files { .. }) {
        // A missing `--kb` is reported before the model is loaded.
        settings.knowledge_base()?;
    }
    let mut runner = Runner::start(settings.clone(), tuning, rebuild).await?;
    let pairs = ask(&settings, &mut runner, sides).await?;
    Ok(pairs.into_iter().map(|pair| pair.asked.into_result(&pair.name, pair.corpus)).collect())
}

/// The object that `--json` prints: of one pair its measures, of a suite an object of pairs.
pub fn json(pairs: &[AbstentionResult], is_suite: bool) -> Value {
    let of_pair = |pair: &AbstentionResult| {
        let measures = &pair.measures;
        json!({
            "auroc": measures.auroc,
            "aurc": measures.aurc,
            "false_answers_at_95": measures.false_answers_at_95,
            "threshold": pair.threshold,
            "false_answers": measures.false_answers,
            "false_refusals": measures.false_refusals,
            "threshold_at_95": measures.threshold_at_95,
            "answerable": measures.num_answerable,
            "unanswerable": measures.num_unanswerable,
            "by_class": measures.by_class,
        })
    };
    match (is_suite, pairs) {
        (false, [pair]) => of_pair(pair),
        _ => {
            let by_name: BTreeMap<&str, Value> =
                pairs.iter().map(|pair| (pair.name.as_str(), of_pair(pair))).collect();
            json!({ "pairs": by_name })
        }
    }
}

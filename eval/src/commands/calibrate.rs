//! `evaluate calibrate`: fits the decision to answer.

use super::{Sides, ask};
use crate::{
    calibration::{Fit, FitOptions, Observation, calibrate},
    config::Settings,
    error::EvalError,
    run::Runner,
};
use kb::{retrieve::Tuning, store};

/// Asks every pair, fits, and stores the fit with `--kb` unless it is a dry run. The second value is the address of the
/// knowledge base that it was stored with.
///
/// Over a suite without `--kb` nothing is stored: the fit is printed, for the compiled-in default.
pub async fn run(
    settings: Settings,
    tuning: Tuning,
    rebuild: bool,
    sides: &Sides,
    options: &FitOptions,
    dry_run: bool,
) -> Result<(Fit, Option<String>), EvalError> {
    let address = match (settings.knowledge_base(), sides) {
        (Ok(address), _) => Some(address.clone()),
        (Err(error), Sides::Files { .. }) => return Err(error),
        (Err(_), Sides::Suite(_)) => None,
    };
    let mut runner = Runner::start(settings.clone(), tuning, rebuild).await?;
    let identity = runner.identity();
    let pairs = ask(&settings, &mut runner, sides).await?;
    let observations: Vec<Observation> =
        pairs.into_iter().flat_map(|pair| pair.asked.found).map(|(_, observation)| observation).collect();
    let fit = calibrate(&observations, &identity, options)?;
    let Some(address) = address.filter(|_| !dry_run) else { return Ok((fit, None)) };
    let failed = |source| EvalError::store(&address)(source);
    let value = serde_json::to_value(&fit.calibration)
        .map_err(|error| EvalError::Usage(format!("the calibration could not be serialised: {error}")))?;
    let mut writer = store::open_writer(&address, &identity).await.map_err(failed)?;
    writer.set_calibration(&value).await.map_err(failed)?;
    Ok((fit, Some(address.to_string())))
}

/// The fit in words.
pub fn text(fit: &Fit, stored: Option<&str>) -> String {
    let mut text = format!("Fitted on {} questions\n", fit.fitted);
    for (name, coefficient) in &fit.coefficients {
        text.push_str(&format!("  {name:<28} {coefficient:>12.6}\n"));
    }
    text.push_str(&format!("  {:<28} {:>12.6}\n", "threshold", fit.calibration.threshold));
    for (group, measures) in &fit.reported {
        text.push_str(&format!(
            "{group}: {} + {} questions, AUROC {:.4}, false answers at 95 % {:.1} %, at the threshold {:.1} % false \
             answers and {:.1} % false refusals\n",
            measures.num_answerable,
            measures.num_unanswerable,
            measures.auroc,
            measures.false_answers_at_95 * 100.0,
            measures.false_answers * 100.0,
            measures.false_refusals * 100.0,
        ));
    }
    let numbers: Vec<String> =
        fit.coefficients.iter().map(|(_, coefficient)| format!("{coefficient:.2}")).collect();
    text.push_str(&format!(
        "coefficients: vec![{}],\nthreshold: {:.2},\n",
        numbers.join(", "),
        fit.calibration.threshold
    ));
    match stored {
        Some(address) => text.push_str(&format!("Stored with {address}\n")),
        None => text.push_str("Nothing was stored\n"),
    }
    text
}

//! Tables for the terminal.

use super::{
    escape::{shortened, visible},
    figures::{
        FIDELITY_COLUMNS, REPLY_COLUMNS, SUPPORT_COLUMNS, citation_precision, fidelity_rows, figure, percent,
        signed,
    },
};
use crate::{
    metrics::{Metric, Metrics},
    results::{
        AbstentionResult, FidelityResult, Gate, RepliesResult, RunResult, SetResult, Stage, SupportResult,
        macro_average,
    },
    statistics::mean,
};
use std::collections::BTreeMap;

/// The summary that is printed after a run.
pub fn run_summary(run: &RunResult) -> String {
    let mut parts = Vec::new();
    if !run.sets.is_empty() {
        parts.push(retrieval_table(&run.sets));
        if let Some(worst) = &run.worst_set {
            parts.push(format!("Worst set: {}\n", visible(worst)));
        }
    }
    let changes = changes_table(run);
    if !changes.is_empty() {
        parts.push(changes);
    }
    if !run.abstention.is_empty() {
        parts.push(abstention_table(&run.abstention));
    }
    if let Some(cases) = &run.cases {
        let passed = cases.cases.iter().filter(|case| case.passed()).count();
        let mut text = format!("Cases: {passed} of {} pass\n", cases.cases.len());
        for case in &cases.cases {
            for check in case.checks.iter().filter(|check| !check.passed) {
                text.push_str(&format!(
                    "  {}: {}: {}\n",
                    visible(&case.case),
                    check.name,
                    shortened(&visible(&check.detail), 200)
                ));
            }
        }
        if let Some(precision) = citation_precision(run) {
            text.push_str(&format!("Citation precision: {}\n", figure(precision)));
        }
        parts.push(text);
    }
    if !run.fidelity.is_empty() {
        parts.push(fidelity_table(&run.fidelity));
    }
    if !run.replies.is_empty() {
        parts.push(replies_table(&run.replies));
    }
    if !run.support.is_empty() {
        parts.push(support_table(&run.support));
    }
    parts.push(gates_table(&run.gates));
    parts.join("\n")
}

/// Four stages and the headline's other metrics, a set a line, the mean over sets last.
pub fn retrieval_table(sets: &[SetResult]) -> String {
    let mut rows = vec![
        [
            "set",
            "queries",
            "bm25",
            "dense",
            "fused",
            "final",
            "95 % interval",
            "recall@5",
            "recall@10",
            "mrr@10",
            "map",
            "evidence",
        ]
        .map(str::to_owned)
        .to_vec(),
    ];
    let stages = |get: &dyn Fn(Stage) -> Option<Metrics>| -> Vec<String> {
        let columns = Stage::DOCUMENTS.into_iter();
        columns.map(|stage| get(stage).map(|m| figure(m.ndcg_10)).unwrap_or_default()).collect()
    };
    let others = |metrics: &Metrics| {
        Metric::ALL[1..].iter().map(|metric| figure(metrics.get(*metric))).collect::<Vec<_>>()
    };
    for set in sets {
        let mut row = vec![visible(&set.name), set.num_queries.to_string()];
        row.extend(stages(&|stage| set.stages.get(&stage).map(|stage| stage.metrics)));
        let interval = set.stages.get(&Stage::Final).map(|stage| stage.interval).unwrap_or_default();
        row.push(format!("{:.3} to {:.3}", interval.low, interval.high));
        row.extend(others(&set.stages.get(&Stage::Final).map(|stage| stage.metrics).unwrap_or_default()));
        row.push(figure(set.evidence_recall));
        rows.push(row);
        if let Some(passages) = set.stages.get(&Stage::Passages) {
            let mut row = vec!["  passages".to_owned(), String::new()];
            row.extend([String::new(), String::new(), String::new(), figure(passages.metrics.ndcg_10)]);
            row.push(format!("{:.3} to {:.3}", passages.interval.low, passages.interval.high));
            row.extend(others(&passages.metrics));
            row.push(String::new());
            rows.push(row);
        }
    }
    let means = macro_average(sets);
    let mut row =
        vec!["mean over sets".to_owned(), sets.iter().map(|set| set.num_queries).sum::<usize>().to_string()];
    row.extend(stages(&|stage| means.get(&stage).copied()));
    row.push(String::new());
    row.extend(others(&means.get(&Stage::Final).copied().unwrap_or_default()));
    let evidence: Vec<f64> = sets.iter().map(|set| set.evidence_recall).collect();
    row.push(figure(mean(&evidence)));
    rows.push(row);
    format!("Retrieval: nDCG@10 by stage, the rest of the final ranking\n{}", table(&rows))
}

fn changes_table(run: &RunResult) -> String {
    let mut rows = vec![
        [
            "against the baseline",
            "change",
            "95 % interval",
            "p",
            "win/tie/loss",
            "detectable",
            "lost",
            "found",
        ]
        .map(str::to_owned)
        .to_vec(),
    ];
    let sets = run.sets.iter().map(|set| (set.name.as_str(), set.comparison.as_ref()));
    let cases = run.cases.iter().map(|cases| ("cases: passed", cases.comparison.as_ref()));
    for (name, comparison) in sets.chain(cases) {
        let Some(comparison) = comparison else { continue };
        let found = &comparison.statistics;
        rows.push(vec![
            visible(name),
            signed(found.difference),
            format!("{} to {}", signed(found.interval.low), signed(found.interval.high)),
            figure(found.p_value),
            format!("{}/{}/{}", found.wins, found.ties, found.losses),
            figure(found.minimum_detectable_difference),
            comparison.lost.len().to_string(),
            comparison.found.len().to_string(),
        ]);
    }
    if rows.len() == 1 { String::new() } else { table(&rows) }
}

/// The decision to answer, a pair a line.
pub fn abstention_table(pairs: &[AbstentionResult]) -> String {
    let mut rows = vec![
        [
            "answer or not",
            "answerable",
            "unanswerable",
            "AUROC",
            "AURC",
            "false answers at 95 %",
            "false answers",
            "false refusals",
        ]
        .map(str::to_owned)
        .to_vec(),
    ];
    for pair in pairs {
        let found = &pair.measures;
        rows.push(vec![
            visible(&pair.name),
            found.num_answerable.to_string(),
            found.num_unanswerable.to_string(),
            figure(found.auroc),
            figure(found.aurc),
            percent(found.false_answers_at_95),
            percent(found.false_answers),
            percent(found.false_refusals),
        ]);
    }
    table(&rows)
}

/// Section fidelity: headings first, then labelled questions, a name a line.
pub fn fidelity_table(results: &[FidelityResult]) -> String {
    let mut parts = Vec::new();
    for (title, (columns, found)) in ["headings asked", "labelled sections"]
        .into_iter()
        .zip(FIDELITY_COLUMNS.iter().zip(fidelity_rows(results)))
    {
        let mut rows =
            vec![[title, "questions"].into_iter().chain(*columns).map(str::to_owned).collect::<Vec<_>>()];
        rows.extend(found.iter().map(|(name, questions, figures)| {
            let mut row = vec![visible(name), questions.to_string()];
            row.extend(figures.iter().map(|value| percent(*value)));
            row
        }));
        if rows.len() > 1 {
            parts.push(table(&rows));
        }
    }
    parts.join("\n")
}

/// The effect of the checks on given replies: a name a line, then each fault.
fn replies_table(results: &[RepliesResult]) -> String {
    let head = ["replies", "honest", "hostile"].into_iter().chain(REPLY_COLUMNS);
    let mut rows = vec![head.map(str::to_owned).collect::<Vec<_>>()];
    rows.extend(results.iter().map(|result| {
        let mut row =
            vec![visible(&result.name), result.honest.len().to_string(), result.hostile.len().to_string()];
        row.extend(result.figures.named().map(|(_, value)| percent(value)));
        row
    }));
    let mut text = table(&rows);
    for reply in results.iter().flat_map(|result| result.honest.iter().chain(&result.hostile)) {
        for fault in &reply.faults {
            let detail = shortened(&visible(&fault.detail), 160);
            text.push_str(&format!("  {}: {:?}: {detail}\n", visible(&reply.reply), fault.kind));
        }
    }
    text
}

/// How well the checks tell true sentences from untrue ones: a name a line, then each kind and language with its shares
/// of marked sentences.
fn support_table(results: &[SupportResult]) -> String {
    let head = ["support", "true", "untrue"].into_iter().chain(SUPPORT_COLUMNS);
    let mut rows = vec![head.map(str::to_owned).collect::<Vec<_>>()];
    let mut groups: BTreeMap<(bool, &str), (usize, usize)> = BTreeMap::new();
    for result in results {
        let mut row = vec![visible(&result.name)];
        row.extend(result.num_by_truth().map(|number| number.to_string()));
        row.extend(result.figures.named().map(|(_, value)| percent(value)));
        rows.push(row);
        for sentence in &result.sentences {
            for group in [&sentence.kind, &sentence.language] {
                let (all, marked) = groups.entry((sentence.is_faithful, group)).or_default();
                *all += 1;
                *marked += usize::from(sentence.is_marked);
            }
        }
    }
    let mut text = table(&rows);
    for ((is_faithful, group), (all, marked)) in groups {
        let truth = if is_faithful { "true" } else { "untrue" };
        text.push_str(&format!("  {truth}, {}: {marked} of {all} marked\n", visible(group)));
    }
    text
}

/// The failed gates, then the number of gates that hold.
pub fn gates_table(gates: &[Gate]) -> String {
    let mut text = String::new();
    for gate in gates.iter().filter(|gate| !gate.passed) {
        text.push_str(&format!("FAILED  {}\n", visible(&gate.describe())));
    }
    let passed = gates.iter().filter(|gate| gate.passed).count();
    text.push_str(&format!("Gates: {passed} of {} hold\n", gates.len()));
    text
}

/// Aligned columns: the first to the left, the others to the right. Wide characters count two.
fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            rows.iter().filter_map(|row| row.get(column)).map(|cell| width(cell)).max().unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let padding = " ".repeat(widths[column] - width(cell));
            match column {
                0 => line.push_str(&format!("{cell}{padding}")),
                _ => line.push_str(&format!("  {padding}{cell}")),
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn width(text: &str) -> usize {
    text.chars()
        .map(|c| if kb::analyzer::is_cjk(c) || ('\u{ff00}'..='\u{ff60}').contains(&c) { 2 } else { 1 })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::super::tests::sample;
    use super::*;

    #[test]
    fn the_summary_names_what_failed() {
        let text = run_summary(&sample());
        assert!(
            text.contains("FAILED  others: false_answers_at_95 0.5000, at most 0.1000\nGates: 1 of 2 hold\n"),
            "{text}"
        );
        assert!(text.contains("Worst set: pods"), "{text}");
        assert!(text.contains("\nheadings asked  questions  lead sentence in the section"), "{text}");
        assert!(text.contains("\nlabelled: alerts           1  100.0 %   100.0 %"), "{text}");
        assert!(text.contains("Cases: 0 of 1 pass\n  untouchable: mentions: lacks <script>"), "{text}");
        assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text}");
    }

    #[test]
    fn columns_line_up() {
        let rows = [vec!["節點".to_owned(), "1".to_owned()], vec!["a".to_owned(), "22".to_owned()]];
        assert_eq!(table(&rows), "節點   1\na     22\n");
    }
}

//! Markdown for a pull request: the verdict, the failed gates, the table of sets, the changes against the baseline.

use super::{
    escape::{markdown as cell, shortened},
    figures::{
        FIDELITY_COLUMNS, REPLY_COLUMNS, SUPPORT_COLUMNS, citation_precision, fidelity_rows, figure, percent,
        signed,
    },
};
use crate::{metrics::Metrics, results::*};

/// Most changed queries that are listed by name.
const MAX_LISTED: usize = 20;

/// The whole comment for a pull request.
pub fn markdown(run: &RunResult) -> String {
    let failed: Vec<_> = run.gates.iter().filter(|gate| !gate.passed).collect();
    let mut text = format!(
        "## Evaluation of `{}`: {}\n\n{} of {} gates hold. Embedding model `{}`.\n",
        cell(&run.suite),
        if run.passed { "passed" } else { "failed" },
        run.gates.len() - failed.len(),
        run.gates.len(),
        cell(&run.model),
    );
    if !failed.is_empty() {
        text.push_str("\n### Gates that failed\n\n");
        for gate in failed {
            text.push_str(&format!("- {}\n", cell(&gate.describe())));
        }
    }
    sets(run, &mut text);
    changes(run, &mut text);
    abstention(run, &mut text);
    cases(run, &mut text);
    fidelity(run, &mut text);
    replies(run, &mut text);
    support(run, &mut text);
    text
}

fn sets(run: &RunResult, text: &mut String) {
    if run.sets.is_empty() {
        return;
    }
    text.push_str("\n### Retrieval\n\nnDCG@10 by stage; recall, MRR and MAP of the final order.\n\n");
    text.push_str("| set | queries | BM25 | dense | fused | **final** | recall@5 | recall@10 | MRR@10 | MAP | evidence |\n");
    text.push_str("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n");
    let row = |name: &str, queries: usize, stage: &dyn Fn(Stage) -> Option<Metrics>, evidence: f64| {
        let ndcg = |wanted| stage(wanted).map(|m| figure(m.ndcg_10)).unwrap_or_default();
        let last = stage(Stage::Final).unwrap_or_default();
        format!(
            "| {name} | {queries} | {} | {} | {} | **{}** | {} | {} | {} | {} | {} |\n",
            ndcg(Stage::Bm25),
            ndcg(Stage::Dense),
            ndcg(Stage::Fused),
            ndcg(Stage::Final),
            figure(last.recall_5),
            figure(last.recall_10),
            figure(last.mrr_10),
            figure(last.map),
            figure(evidence),
        )
    };
    for set in &run.sets {
        let worst = if run.worst_set.as_ref() == Some(&set.name) { " (worst)" } else { "" };
        let name = format!("{}{worst}", cell(&set.name));
        let stage = |stage| set.stages.get(&stage).map(|found| found.metrics);
        text.push_str(&row(&name, set.num_queries, &stage, set.evidence_recall));
    }
    let evidence: Vec<f64> = run.sets.iter().map(|set| set.evidence_recall).collect();
    let queries = run.sets.iter().map(|set| set.num_queries).sum();
    let stage = |stage| run.macro_average.get(&stage).copied();
    text.push_str(&row("*mean over sets*", queries, &stage, crate::statistics::mean(&evidence)));
}

fn changes(run: &RunResult, text: &mut String) {
    let sets = run.sets.iter().map(|set| (set.name.as_str(), set.comparison.as_ref()));
    let cases = run.cases.iter().map(|cases| ("cases that pass", cases.comparison.as_ref()));
    let compared: Vec<_> = sets.chain(cases).filter_map(|(name, found)| Some((name, found?))).collect();
    if compared.is_empty() {
        return;
    }
    text.push_str("\n### Against the baseline\n\n");
    text.push_str(
        "| set | change | 95 % interval | p | win / tie / loss | smallest change this set can show |\n",
    );
    text.push_str("|---|--:|--:|--:|--:|--:|\n");
    for (name, comparison) in &compared {
        let found = &comparison.statistics;
        text.push_str(&format!(
            "| {} | {} | {} to {} | {} | {} / {} / {} | {} |\n",
            cell(name),
            signed(found.difference),
            signed(found.interval.low),
            signed(found.interval.high),
            figure(found.p_value),
            found.wins,
            found.ties,
            found.losses,
            figure(found.minimum_detectable_difference),
        ));
    }
    for (title, pick) in [("No longer found", true), ("Newly found", false)] {
        let flipped: Vec<String> = compared
            .iter()
            .flat_map(|(name, comparison)| {
                let queries = if pick { &comparison.lost } else { &comparison.found };
                queries.iter().map(move |query| format!("{}/{}", cell(name), cell(query)))
            })
            .collect();
        if !flipped.is_empty() {
            let more = flipped.len().saturating_sub(MAX_LISTED);
            let listed = flipped[..flipped.len().min(MAX_LISTED)].join(", ");
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            text.push_str(&format!("\n{title}: {listed}{more}.\n"));
        }
    }
}

fn abstention(run: &RunResult, text: &mut String) {
    if run.abstention.is_empty() {
        return;
    }
    text.push_str("\n### Answer or not\n\n");
    text.push_str("| pair | answerable | unanswerable | AUROC | AURC | false answers at 95 % answered | false answers | false refusals |\n");
    text.push_str("|---|--:|--:|--:|--:|--:|--:|--:|\n");
    for pair in &run.abstention {
        let found = &pair.measures;
        text.push_str(&format!(
            "| {} | {} | {} | {} | {} | {} | {} | {} |\n",
            cell(&pair.name),
            found.num_answerable,
            found.num_unanswerable,
            figure(found.auroc),
            figure(found.aurc),
            percent(found.false_answers_at_95),
            percent(found.false_answers),
            percent(found.false_refusals),
        ));
    }
}

fn cases(run: &RunResult, text: &mut String) {
    let Some(cases) = &run.cases else { return };
    let failed: Vec<&CaseResult> = cases.cases.iter().filter(|case| !case.passed()).collect();
    text.push_str(&format!(
        "\n### Cases: {} of {} pass\n",
        cases.cases.len() - failed.len(),
        cases.cases.len()
    ));
    if let Some(precision) = citation_precision(run) {
        text.push_str(&format!("\nCitation precision {}.\n", figure(precision)));
    }
    if failed.is_empty() {
        return;
    }
    text.push_str("\n| case | check | why |\n|---|---|---|\n");
    for case in failed {
        for check in case.checks.iter().filter(|check| !check.passed) {
            let why = cell(&shortened(&check.detail, 300));
            text.push_str(&format!("| {} | {} | {why} |\n", cell(&case.case), cell(&check.name)));
        }
    }
}

fn fidelity(run: &RunResult, text: &mut String) {
    if run.fidelity.is_empty() {
        return;
    }
    text.push_str("\n### Which section the answers stand in\n");
    for (title, (columns, rows)) in ["headings asked", "labelled sections"]
        .iter()
        .zip(FIDELITY_COLUMNS.iter().zip(fidelity_rows(&run.fidelity)))
    {
        if rows.is_empty() {
            continue;
        }
        text.push_str(&format!(
            "\n| {title} | questions | {} |\n|---|--:|--:|--:|--:|--:|\n",
            columns.join(" | ")
        ));
        for (name, questions, figures) in rows {
            let figures = figures.map(percent).join(" | ");
            text.push_str(&format!("| {} | {questions} | {figures} |\n", cell(&name)));
        }
    }
}

fn replies(run: &RunResult, text: &mut String) {
    if run.replies.is_empty() {
        return;
    }
    text.push_str("\n### What the checks do to given replies\n");
    text.push_str(&format!(
        "\n| replies | honest | hostile | {} |\n|---|--:|--:|--:|--:|--:|--:|--:|\n",
        REPLY_COLUMNS.join(" | ")
    ));
    for result in &run.replies {
        let figures = result.figures.named().map(|(_, value)| percent(value)).join(" | ");
        let (honest, hostile) = (result.honest.len(), result.hostile.len());
        text.push_str(&format!("| {} | {honest} | {hostile} | {figures} |\n", cell(&result.name)));
    }
}

fn support(run: &RunResult, text: &mut String) {
    if run.support.is_empty() {
        return;
    }
    text.push_str("\n### Whether sentences stand in their sources\n");
    text.push_str(&format!(
        "\n| support | true | untrue | {} |\n|---|--:|--:|--:|--:|--:|--:|\n",
        SUPPORT_COLUMNS.join(" | ")
    ));
    for result in &run.support {
        let figures = result.figures.named().map(|(_, value)| percent(value)).join(" | ");
        let [faithful, unfaithful] = result.num_by_truth();
        text.push_str(&format!("| {} | {faithful} | {unfaithful} | {figures} |\n", cell(&result.name)));
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::sample;
    use super::*;
    use crate::baseline::Baseline;

    #[test]
    fn the_comment_says_what_failed_and_is_safe() {
        let text = markdown(&sample());
        assert!(text.starts_with("## Evaluation of `sample`: failed\n\n1 of 2 gates hold."), "{text}");
        assert!(text.contains("- others&#58; false\\_answers\\_at\\_95 0.5000, at most 0.1000"), "{text}");
        assert!(text.contains("| pods (worst) | 2 |"), "{text}");
        assert!(text.contains("| headings | 1 | 0.0 % | 0.0 % | 40.0 % | 0.0 % |"), "{text}");
        assert!(text.contains("| labelled&#58; alerts | 1 | 100.0 % | 100.0 % | 0.0 % | 0.0 % |"), "{text}");
        assert!(!text.contains("<script>") && !text.contains("](http"), "{text}");
    }

    #[test]
    fn flipped_queries_are_listed() {
        let mut run = sample();
        let mut baseline = Baseline::of(&run);
        baseline.series.get_mut("pods").expect("the set").values.insert("q1".to_owned(), 0.0);
        baseline.compare(&mut run, std::path::Path::new("b")).expect("equal inputs");
        let text = markdown(&run);
        assert!(text.contains("### Against the baseline"), "{text}");
        assert!(text.contains("Newly found: pods/q1."), "{text}");
        assert!(!text.contains("No longer found"), "{text}");
    }
}

//! The scores of rankings by stage, and each question with the documents that were found.

use crate::{
    report::{
        escape::html,
        figures::{figure, signed},
        plots,
    },
    results::{Bound, QueryResult, RunResult, SetComparison, Stage},
};
use std::{collections::HashSet, fmt::Write as _};

pub(super) fn retrieval(run: &RunResult, out: &mut String) {
    out.push_str(
        "<h2>Retrieval by stage</h2><p class=\"note\">nDCG@10 of each leg alone, of both fused, and of the final order \
         with its 95 % interval.</p><div class=\"panel\"><div class=\"legend\"><span><i class=\"bm25\"></i>BM25</span>\
         <span><i class=\"dense\"></i>dense</span><span><i class=\"fused\"></i>fused</span><span><i class=\"final\"></i>final</span>\
         <span><i class=\"floor\"></i>floor</span></div>",
    );
    let floor_of = |name: &str| {
        let gate = run.gates.iter().find(|gate| gate.of == name && gate.what == "ndcg@10")?;
        match gate.bound {
            Bound::AtLeast(least) => Some(least),
            Bound::AtMost(_) => None,
        }
    };
    out.push_str(&plots::stages(&run.sets, floor_of));
    let is_compared = run.sets.iter().any(|set| set.comparison.is_some());
    put!(
        out,
        "</div><br><div class=\"panel flush\"><table><thead><tr><th class=\"left\">set</th><th>queries</th><th>BM25</th>\
         <th>dense</th><th>fused</th><th>final</th><th>recall@5</th><th>recall@10</th><th>MRR@10</th><th>MAP</th>\
         <th>evidence</th>{}</tr></thead><tbody>",
        if is_compared { "<th>change</th>" } else { "" },
    );
    for set in &run.sets {
        let ndcg =
            |stage| set.stages.get(&stage).map(|found| figure(found.metrics.ndcg_10)).unwrap_or_default();
        let headline = set.headline();
        let last = if set.stages.contains_key(&Stage::Passages) { Stage::Passages } else { Stage::Final };
        put!(
            out,
            "<tr><td class=\"left strong\">{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td class=\"strong\">{}</td>\
             <td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>{}</tr>",
            html(&set.name),
            set.num_queries,
            ndcg(Stage::Bm25),
            ndcg(Stage::Dense),
            ndcg(Stage::Fused),
            ndcg(last),
            figure(headline.recall_5),
            figure(headline.recall_10),
            figure(headline.mrr_10),
            figure(headline.map),
            figure(set.evidence_recall),
            if is_compared { format!("<td>{}</td>", change(set.comparison.as_ref())) } else { String::new() },
        );
    }
    let mean = |stage| run.macro_average.get(&stage).copied().unwrap_or_default();
    let last = mean(Stage::Final);
    put!(
        out,
        "<tr class=\"total\"><td class=\"left strong\">mean over sets</td><td></td><td>{}</td><td>{}</td><td>{}</td>\
         <td class=\"strong\">{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td></td>{}</tr></tbody></table></div>",
        figure(mean(Stage::Bm25).ndcg_10),
        figure(mean(Stage::Dense).ndcg_10),
        figure(mean(Stage::Fused).ndcg_10),
        figure(last.ndcg_10),
        figure(last.recall_5),
        figure(last.recall_10),
        figure(last.mrr_10),
        figure(last.map),
        if is_compared { "<td></td>" } else { "" },
    );
}

/// The difference with its interval as a tooltip.
fn change(comparison: Option<&SetComparison>) -> String {
    let Some(comparison) = comparison else { return String::new() };
    let found = &comparison.statistics;
    let class = match (found.interval.low > 0.0, found.interval.high < 0.0) {
        (true, _) => "pill good",
        (_, true) => "pill bad",
        _ => "pill",
    };
    format!(
        "<span class=\"{class}\" title=\"95 % interval {} to {}, p = {:.4}, win/tie/loss {}/{}/{}\">{}</span>",
        signed(found.interval.low),
        signed(found.interval.high),
        found.p_value,
        found.wins,
        found.ties,
        found.losses,
        signed(found.difference),
    )
}

pub(super) fn queries(run: &RunResult, out: &mut String) {
    if run.sets.is_empty() {
        return;
    }
    let compared = run.sets.iter().any(|set| set.comparison.is_some());
    put!(
        out,
        "<h2>Questions</h2><div class=\"tools\"><input id=\"filter\" type=\"search\" placeholder=\"Filter questions\" \
         aria-label=\"Filter questions\"><label><input id=\"missed\" type=\"checkbox\">only without a relevant document \
         among the first ten</label>{}</div>",
        if compared {
            "<label><input id=\"changed\" type=\"checkbox\">only newly found or lost</label>"
        } else {
            ""
        },
    );
    for set in &run.sets {
        let flipped: HashSet<&String> =
            set.comparison.iter().flat_map(|found| found.lost.iter().chain(&found.found)).collect();
        let missed = set.queries.iter().filter(|query| query.headline().mrr_10 == 0.0).count();
        put!(
            out,
            "<details class=\"set\"><summary><b>{}</b><span class=\"pill\">nDCG@10 {}</span><span class=\"soft\">{} questions, \
             {missed} missed</span><span class=\"soft\" data-shown></span></summary>",
            html(&set.name),
            figure(set.headline().ndcg_10),
            set.queries.len(),
        );
        let mut sorted: Vec<&QueryResult> = set.queries.iter().collect();
        sorted.sort_by(|a, b| {
            a.headline().ndcg_10.total_cmp(&b.headline().ndcg_10).then(a.query.cmp(&b.query))
        });
        for found in sorted {
            query(found, flipped.contains(&found.query), out);
        }
        out.push_str("</details>");
    }
}

fn query(found: &QueryResult, flipped: bool, out: &mut String) {
    let headline = found.headline();
    let rank = found.expected.iter().filter(|label| label.grade > 0).filter_map(|label| label.rank).min();
    let (class, place) = match rank {
        Some(rank @ 1..=3) => ("good", format!("rank {rank}")),
        Some(rank @ 4..=10) => ("warn", format!("rank {rank}")),
        Some(rank) => ("bad", format!("rank {rank}")),
        None => ("bad", "missed".to_owned()),
    };
    put!(
        out,
        "<details class=\"query\"{}{}><summary><span class=\"pill {class}\">{place}</span><span class=\"wide\">{:.3}</span>\
         <span class=\"text\">{}</span><span class=\"soft wide\">{} {:.2}</span></summary><div class=\"inside\">",
        if headline.mrr_10 == 0.0 { " data-missed" } else { "" },
        if flipped { " data-changed" } else { "" },
        headline.ndcg_10,
        html(&found.text),
        found.status.as_str(),
        found.confidence,
    );
    put!(
        out,
        "<p class=\"soft\"><code>{}</code> · {} · evidence recall {:.2}",
        html(&found.query),
        html(&found.class),
        found.evidence_recall
    );
    for (stage, metrics) in &found.metrics {
        put!(out, " · {} {:.3}", stage.name(), metrics.ndcg_10);
    }
    out.push_str("</p><div class=\"two\"><div><h3>Expected</h3><ul>");
    for label in &found.expected {
        let rank = label.rank.map_or("not found".to_owned(), |rank| format!("rank {rank}"));
        put!(
            out,
            "<li><code>{}</code> <span class=\"soft\">grade {}, {rank}</span></li>",
            html(&label.unit),
            label.grade
        );
    }
    out.push_str(
        "</ul></div><div><h3>Got</h3><table><thead><tr><th>#</th><th class=\"left\">document</th><th>score</th><th>BM25</th>\
         <th>dense</th></tr></thead><tbody>",
    );
    let leg = |score: Option<f32>| score.map_or("–".to_owned(), |score| format!("{score:.3}"));
    for (at, got) in found.got.iter().enumerate() {
        let mark = match got.grade {
            Some(grade) if grade > 0 => format!(" <span class=\"pill good\">{grade}</span>"),
            _ => String::new(),
        };
        put!(
            out,
            "<tr><td>{}</td><td class=\"left\"><code>{}</code>{mark}</td><td>{:.3}</td><td>{}</td><td>{}</td></tr>",
            at + 1,
            html(&got.document),
            got.score,
            leg(got.bm25),
            leg(got.dense),
        );
    }
    out.push_str("</tbody></table></div></div></div></details>");
}

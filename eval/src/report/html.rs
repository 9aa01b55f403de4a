//! The page that people look at: one file, no request to anywhere, light and dark, complete without JavaScript.
//!
//! Every text from questions, documents and answers goes through [`html`]; a content security policy with a nonce
//! stands behind it.

use super::{
    escape::html,
    figures::{
        FIDELITY_COLUMNS, REPLY_COLUMNS, SUPPORT_COLUMNS, citation_precision, fidelity_rows, figure, percent,
        signed,
    },
    plots,
};
use crate::{results::*, statistics::quantile};
use kb::answerable::Status;
use std::{collections::HashSet, fmt::Write as _};

/// Formats onto the end of a string.
macro_rules! put {
    ($out:expr, $($format:tt)*) => {
        write!($out, $($format)*).expect("writing to a string cannot fail")
    };
}

/// The whole report.
pub fn page(run: &RunResult) -> String {
    let mut body = String::new();
    header(run, "<a href=\"latency.html\">Latency</a>", &mut body);
    summary_cards(run, &mut body);
    gates(run, &mut body);
    if !run.sets.is_empty() {
        retrieval(run, &mut body);
    }
    abstention(run, &mut body);
    cases(run, &mut body);
    fidelity(run, &mut body);
    replies(run, &mut body);
    support(run, &mut body);
    queries(run, &mut body);
    document(&format!("Evaluation of {}", run.suite), &body)
}

/// How long the retrievals took; kept apart from [`page`] because times differ from run to run.
pub fn latency_page(run: &RunResult, timings: &Timings) -> String {
    let mut body = String::new();
    header(run, "<a href=\"report.html\">Report</a>", &mut body);
    body.push_str(
        "<h2>Retrieval latency</h2><p class=\"note\">One retrieval with the question's embedding, several at a time \
         as the run was set up. The dots mark p50 and p99.</p><div class=\"panel flush\"><table><thead><tr>\
         <th class=\"left\">set</th><th>queries</th><th>p50</th><th>p90</th><th>p99</th><th>longest</th>\
         <th class=\"left\">slowest query</th></tr></thead><tbody>",
    );
    let mut figures = String::new();
    for (name, queries) in &timings.retrieval_ms {
        let mut sorted: Vec<f64> = queries.values().copied().collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let slowest = queries.iter().max_by(|a, b| a.1.total_cmp(b.1)).map_or("", |(query, _)| query);
        put!(
            body,
            "<tr><td class=\"left strong\">{}</td><td>{}</td><td>{:.1} ms</td><td>{:.1} ms</td><td>{:.1} ms</td>\
             <td>{:.1} ms</td><td class=\"left\"><code>{}</code></td></tr>",
            html(name),
            sorted.len(),
            quantile(&sorted, 0.5),
            quantile(&sorted, 0.9),
            quantile(&sorted, 0.99),
            quantile(&sorted, 1.0),
            html(slowest),
        );
        put!(figures, "<div class=\"panel\"><h3>{}</h3>{}</div>", html(name), plots::latency(name, &sorted));
    }
    put!(body, "</tbody></table></div><h2>Share done within a time</h2><div class=\"grid\">{figures}</div>");
    document(&format!("Latency of {}", run.suite), &body)
}

fn document(title: &str, body: &str) -> String {
    // Derived from what it protects, so that it cannot be known to a text within it, and two equal runs agree.
    let nonce = &blake3::hash(body.as_bytes()).to_hex()[..32];
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'nonce-{nonce}'; \
         script-src 'nonce-{nonce}'; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n\
         <style nonce=\"{nonce}\">\n{}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n\
         <script nonce=\"{nonce}\">\n{}</script>\n</body>\n</html>\n",
        html(title),
        include_str!("page.css"),
        include_str!("page.js"),
    )
}

fn header(run: &RunResult, link: &str, out: &mut String) {
    let (class, verdict) = if run.passed { ("good", "Passed") } else { ("bad", "Failed") };
    put!(
        out,
        "<header><h1>Evaluation of {}</h1><span class=\"pill {class}\">{verdict}</span><span class=\"links\">{link}</span></header>\
         <p class=\"sub\">Embedding model <code>{}</code> · configuration <code>{}</code></p>",
        html(&run.suite),
        html(&run.model),
        html(run.configuration.get(..12).unwrap_or(&run.configuration)),
    );
}

fn summary_cards(run: &RunResult, out: &mut String) {
    let held = run.gates.iter().filter(|gate| gate.passed).count();
    let mut cards: Vec<(String, String, String)> = vec![(
        "Gates".to_owned(),
        format!("{held} / {}", run.gates.len()),
        if run.passed { "all hold".to_owned() } else { format!("{} failed", run.gates.len() - held) },
    )];
    if let Some(last) = run.macro_average.get(&Stage::Final) {
        let queries: usize = run.sets.iter().map(|set| set.num_queries).sum();
        let note = format!("mean of {} sets, {queries} questions", run.sets.len());
        cards.push(("nDCG@10".to_owned(), format!("{:.3}", last.ndcg_10), note));
    }
    if let Some(worst) = worst_set(&run.sets) {
        cards.push(("Worst set".to_owned(), format!("{:.3}", worst.headline().ndcg_10), worst.name.clone()));
    }
    let worst_pair = run
        .abstention
        .iter()
        .max_by(|a, b| a.measures.false_answers_at_95.total_cmp(&b.measures.false_answers_at_95));
    if let Some(pair) = worst_pair {
        let note = format!("with 95 % answered, {}", pair.name);
        cards.push(("Most false answers".to_owned(), percent(pair.measures.false_answers_at_95), note));
    }
    if let Some(cases) = &run.cases {
        let passed = cases.cases.iter().filter(|case| case.passed()).count();
        let note = if passed == cases.cases.len() { "all pass" } else { "see below" };
        cards.push(("Cases".to_owned(), format!("{passed} / {}", cases.cases.len()), note.to_owned()));
    }
    out.push_str("<div class=\"cards\">");
    for (title, value, note) in &cards {
        put!(
            out,
            "<div class=\"card\"><span>{}</span><b>{}</b><small>{}</small></div>",
            html(title),
            html(value),
            html(note)
        );
    }
    out.push_str("</div>");
}

fn gates(run: &RunResult, out: &mut String) {
    if run.gates.is_empty() {
        return;
    }
    out.push_str(
        "<h2>Gates</h2><div class=\"panel flush\"><table><thead><tr><th class=\"left\">of</th><th class=\"left\">what</th>\
         <th>found</th><th>bound</th><th>holds</th></tr></thead><tbody>",
    );
    let mut sorted: Vec<&Gate> = run.gates.iter().collect();
    sorted.sort_by_key(|gate| gate.passed);
    for gate in sorted {
        let bound = match gate.bound {
            Bound::AtLeast(least) => format!("at least {least:.4}"),
            Bound::AtMost(most) => format!("at most {most:.4}"),
        };
        let verdict = match gate.passed {
            true => "<span class=\"pill good\">yes</span>",
            false => "<span class=\"pill bad\">no</span>",
        };
        put!(
            out,
            "<tr><td class=\"left strong\">{}</td><td class=\"left\">{}</td><td>{}</td><td>{bound}</td><td>{verdict}</td></tr>",
            html(&gate.of),
            html(&gate.what),
            figure(gate.found),
        );
    }
    out.push_str("</tbody></table></div>");
}

fn retrieval(run: &RunResult, out: &mut String) {
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

fn abstention(run: &RunResult, out: &mut String) {
    if run.abstention.is_empty() {
        return;
    }
    out.push_str(
        "<h2>Answer or not</h2><p class=\"note\">Answerable and unanswerable questions against one corpus. The red line \
         is the threshold at which 95 % of the answerable are answered.</p><div class=\"panel flush\"><table><thead><tr>\
         <th class=\"left\">pair</th><th>answerable</th><th>unanswerable</th><th>AUROC</th><th>AURC</th>\
         <th>false answers at 95 %</th><th>false answers</th><th>false refusals</th></tr></thead><tbody>",
    );
    for pair in &run.abstention {
        let found = &pair.measures;
        put!(
            out,
            "<tr><td class=\"left strong\">{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td class=\"strong\">{}</td><td>{}</td><td>{}</td></tr>",
            html(&pair.name),
            found.num_answerable,
            found.num_unanswerable,
            figure(found.auroc),
            figure(found.aurc),
            percent(found.false_answers_at_95),
            percent(found.false_answers),
            percent(found.false_refusals),
        );
    }
    out.push_str(
        "</tbody></table></div><br><div class=\"legend\"><span><i class=\"answerable\"></i>answerable</span>\
         <span><i class=\"unanswerable\"></i>unanswerable</span></div><div class=\"grid\">",
    );
    for pair in &run.abstention {
        put!(
            out,
            "<div class=\"panel\"><h3>{}</h3><div class=\"plots\">{}{}</div>",
            html(&pair.name),
            plots::confidences(&pair.outcomes, pair.measures.threshold_at_95),
            plots::risk_coverage(&pair.measures.curve),
        );
        classes(pair, out);
        out.push_str("</div>");
    }
    out.push_str("</div>");
}

/// The classes with errors, worst first.
fn classes(pair: &AbstentionResult, out: &mut String) {
    let errors = |class: &crate::abstention::ClassErrors| class.false_answers + class.false_refusals;
    let mut classes: Vec<_> = pair.measures.by_class.iter().filter(|(_, class)| errors(class) > 0).collect();
    classes.sort_by_key(|(name, class)| (std::cmp::Reverse(errors(class)), name.as_str()));
    if classes.is_empty() {
        return;
    }
    out.push_str("<table><thead><tr><th class=\"left\">class</th><th>false answers</th><th>false refusals</th></tr></thead><tbody>");
    let share =
        |errors: usize, of: usize| if of == 0 { "–".to_owned() } else { format!("{errors} of {of}") };
    for (name, class) in classes.iter().take(12) {
        put!(
            out,
            "<tr><td class=\"left\">{}</td><td>{}</td><td>{}</td></tr>",
            html(name),
            share(class.false_answers, class.unanswerable),
            share(class.false_refusals, class.answerable),
        );
    }
    out.push_str("</tbody></table>");
}

fn cases(run: &RunResult, out: &mut String) {
    let Some(cases) = &run.cases else { return };
    out.push_str("<h2>Cases</h2>");
    if let Some(precision) = citation_precision(run) {
        put!(out, "<p class=\"note\">Citation precision {}.</p>", figure(precision));
    }
    let mut sorted: Vec<&CaseResult> = cases.cases.iter().collect();
    sorted.sort_by_key(|case| case.passed());
    out.push_str("<div class=\"panel flush\">");
    for case in sorted {
        let (class, verdict) = if case.passed() { ("good", "passes") } else { ("bad", "fails") };
        put!(
            out,
            "<details class=\"query\"{}><summary><span class=\"pill {class}\">{verdict}</span><span class=\"pill wide\">{}</span>\
             <span class=\"text\"><b>{}</b> {}</span><span class=\"soft wide\">{:.2}</span></summary><div class=\"inside\">",
            if case.passed() { "" } else { " open" },
            status(case.status),
            html(&case.case),
            html(&case.question),
            case.confidence,
        );
        put!(
            out,
            "<p class=\"answer\">{}</p><div class=\"two\"><div><h3>Checks</h3><ul>",
            html(&case.answer)
        );
        for check in &case.checks {
            let (class, mark) = if check.passed { ("good", "yes") } else { ("bad", "no") };
            put!(
                out,
                "<li><span class=\"pill {class}\">{mark}</span> {} <span class=\"soft\">{}</span></li>",
                html(&check.name),
                html(&check.detail)
            );
        }
        put!(out, "</ul></div><div><h3>Cited</h3><ul>");
        for document in &case.cited {
            put!(out, "<li><code>{}</code></li>", html(document));
        }
        let shares = [
            ("citation precision", case.citation_precision),
            ("citation recall", case.citation_recall),
            ("token F1", case.token_f1),
            ("ROUGE-L", case.rouge_l),
        ];
        put!(out, "</ul><p class=\"soft\">answered by {}", html(&case.answered_by));
        for (name, share) in shares.into_iter().filter_map(|(name, share)| Some((name, share?))) {
            put!(out, " · {name} {share:.2}");
        }
        if let Some(marks) = &case.judged {
            put!(out, " · judged faithful {:.2}, correct {:.2}", marks.faithfulness, marks.correctness);
        }
        out.push_str("</p></div></div></div></details>");
    }
    out.push_str("</div>");
}

/// Which section of a page the answers stand in, and the questions whose answers mostly stand elsewhere.
fn fidelity(run: &RunResult, out: &mut String) {
    if run.fidelity.is_empty() {
        return;
    }
    out.push_str("<h2>Which section the answers stand in</h2>");
    for (title, (columns, rows)) in ["headings asked", "labelled sections"]
        .iter()
        .zip(FIDELITY_COLUMNS.iter().zip(fidelity_rows(&run.fidelity)))
    {
        if rows.is_empty() {
            continue;
        }
        put!(
            out,
            "<div class=\"panel flush\"><table><thead><tr><th class=\"left\">{title}</th><th>questions</th><th>{}</th></tr>\
             </thead><tbody>",
            columns.join("</th><th>"),
        );
        for (name, questions, figures) in rows {
            put!(out, "<tr><td class=\"left strong\">{}</td><td>{questions}</td>", html(&name));
            for value in figures {
                put!(out, "<td>{}</td>", percent(value));
            }
            out.push_str("</tr>");
        }
        out.push_str("</tbody></table></div><br>");
    }
    for result in &run.fidelity {
        strays(result, out);
    }
}

/// What the checks do to given replies, and each that they harm or let through.
fn replies(run: &RunResult, out: &mut String) {
    if run.replies.is_empty() {
        return;
    }
    put!(
        out,
        "<h2>What the checks do to given replies</h2><div class=\"panel flush\"><table><thead><tr>\
         <th class=\"left\">replies</th><th>honest</th><th>hostile</th><th>{}</th></tr></thead><tbody>",
        REPLY_COLUMNS.join("</th><th>"),
    );
    for result in &run.replies {
        put!(
            out,
            "<tr><td class=\"left strong\">{}</td><td>{}</td><td>{}</td>",
            html(&result.name),
            result.honest.len(),
            result.hostile.len(),
        );
        for (_, value) in result.figures.named() {
            put!(out, "<td>{}</td>", percent(value));
        }
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table></div><br>");
    let all = run.replies.iter().flat_map(|result| result.honest.iter().chain(&result.hostile));
    for reply in all.filter(|reply| !reply.faults.is_empty()) {
        put!(
            out,
            "<details class=\"query\"><summary><span class=\"pill bad\">{}</span><span class=\"text\">{}</span></summary>\
             <div class=\"inside\"><p class=\"answer\">{}</p><ul>",
            html(&reply.style),
            html(&reply.reply),
            html(&reply.left),
        );
        for fault in &reply.faults {
            put!(out, "<li>{:?}: <code>{}</code></li>", fault.kind, html(&fault.detail));
        }
        out.push_str("</ul></div></details>");
    }
}

/// How well the checks tell true sentences from untrue ones, and each that they misjudge.
fn support(run: &RunResult, out: &mut String) {
    if run.support.is_empty() {
        return;
    }
    put!(
        out,
        "<h2>Whether sentences stand in their sources</h2><div class=\"panel flush\"><table><thead><tr>\
         <th class=\"left\">support</th><th>true</th><th>untrue</th><th>{}</th></tr></thead><tbody>",
        SUPPORT_COLUMNS.join("</th><th>"),
    );
    for result in &run.support {
        let [faithful, unfaithful] = result.num_by_truth();
        put!(
            out,
            "<tr><td class=\"left strong\">{}</td><td>{faithful}</td><td>{unfaithful}</td>",
            html(&result.name),
        );
        for (_, value) in result.figures.named() {
            put!(out, "<td>{}</td>", percent(value));
        }
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table></div><br>");
    let all = run.support.iter().flat_map(|result| &result.sentences);
    for sentence in all.filter(|sentence| sentence.is_misjudged()) {
        put!(
            out,
            "<details class=\"query\"><summary><span class=\"pill bad\">{}</span><span class=\"text\">{}</span></summary>\
             <div class=\"inside\"><p class=\"answer\">{}</p></div></details>",
            if sentence.is_faithful { "marked, though true" } else { "not marked, though untrue" },
            html(&sentence.text),
            html(&sentence.document),
        );
    }
}

/// The questions of which at most half of the answer stands in the section, each with what it says instead.
fn strays(result: &FidelityResult, out: &mut String) {
    let found: Vec<&FidelityQuestion> =
        result.questions.iter().filter(|question| question.is_answered() && question.share <= 0.5).collect();
    if found.is_empty() {
        return;
    }
    put!(
        out,
        "<details class=\"set\"><summary><b>{}</b><span class=\"soft\">{} answers mostly stand elsewhere</span>\
         <span class=\"soft\" data-shown></span></summary>",
        html(&result.name),
        found.len(),
    );
    for question in found {
        put!(
            out,
            "<details class=\"query\"{}><summary><span class=\"pill bad\">{}</span><span class=\"text\">{}</span>\
             <span class=\"soft wide\">{:.2}</span></summary><div class=\"inside\"><p class=\"answer\">{}</p>\
             <div class=\"two\"><div><h3>Asked</h3><ul>",
            if question.first_hit { "" } else { " data-missed" },
            percent(question.share),
            html(&question.text),
            question.confidence,
            html(&question.answer),
        );
        for wanted in &question.wanted {
            put!(out, "<li><code>{}</code></li>", html(wanted));
        }
        out.push_str("</ul></div><div><h3>Stands elsewhere</h3><ul>");
        for stray in &question.strays {
            put!(out, "<li>{}</li>", html(stray));
        }
        out.push_str("</ul></div></div></div></details>");
    }
    out.push_str("</details>");
}

fn queries(run: &RunResult, out: &mut String) {
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
        status(found.status),
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

fn status(status: Status) -> &'static str {
    match status {
        Status::Answered => "answered",
        Status::Partial => "partial",
        Status::Unknown => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{sample, sample_timings};
    use super::*;

    #[test]
    fn nothing_of_a_text_becomes_markup_and_nothing_is_requested() {
        for text in [page(&sample()), latency_page(&sample(), &sample_timings())] {
            assert_eq!(text.matches("<script").count(), 1, "only our own");
            assert!(!text.contains("href=\"http") && !text.contains("src="), "no request");
            assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'));
        }
    }

    #[test]
    fn tags_are_balanced() {
        let text = page(&sample());
        for tag in ["details", "summary", "div", "table", "tr", "td", "span", "ul", "li", "svg", "p", "code"]
        {
            let opened =
                text.matches(&format!("<{tag}>")).count() + text.matches(&format!("<{tag} ")).count();
            assert_eq!(opened, text.matches(&format!("</{tag}>")).count(), "{tag}");
        }
    }

    #[test]
    fn what_failed_comes_first() {
        let text = page(&sample());
        let gate = |name: &str| {
            text.find(&format!("<td class=\"left strong\">{name}</td><td class=\"left\">")).expect(name)
        };
        assert!(gate("others") < gate("pods"));
        assert!(text.contains("<span class=\"pill bad\">Failed</span>"));
        assert!(text.contains("<li>another section says this</li>"));
    }
}

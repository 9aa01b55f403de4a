//! The HTML page: one file that requests nothing, light and dark, complete without JavaScript.
//!
//! Every text from questions, documents and answers goes through [`html`]; a content security policy with a nonce
//! stands behind it.

/// Formats onto the end of a string.
macro_rules! put {
    ($out:expr, $($format:tt)*) => {
        write!($out, $($format)*).expect("writing to a string cannot fail")
    };
}

mod answers;
mod checks;
mod retrieval;

use super::{
    escape::html,
    figures::{figure, percent},
    plots,
};
use crate::{
    results::{Bound, Gate, RunResult, Stage, Timings, worst_set},
    statistics::quantile,
};
use std::fmt::Write as _;

/// The page of the whole report.
pub fn page(run: &RunResult) -> String {
    let mut body = String::new();
    header(run, "<a href=\"latency.html\">Latency</a>", &mut body);
    summary_cards(run, &mut body);
    gates(run, &mut body);
    if !run.sets.is_empty() {
        retrieval::retrieval(run, &mut body);
    }
    answers::abstention(run, &mut body);
    answers::cases(run, &mut body);
    answers::fidelity(run, &mut body);
    checks::replies(run, &mut body);
    checks::support(run, &mut body);
    retrieval::queries(run, &mut body);
    document(&format!("Evaluation of {}", run.suite), &body)
}

/// The page of the times of retrievals, apart from [`page`] because times differ from run to run.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::{sample, sample_timings};

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

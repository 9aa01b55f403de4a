//! The decision to answer, the cases, and the sections that answers stand in.

use crate::{
    abstention::ClassErrors,
    report::{
        escape::html,
        figures::{FIDELITY_COLUMNS, citation_precision, fidelity_rows, figure, percent},
        plots,
    },
    results::{AbstentionResult, CaseResult, FidelityQuestion, FidelityResult, RunResult},
};
use std::{cmp::Reverse, fmt::Write as _};

pub(super) fn abstention(run: &RunResult, out: &mut String) {
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
    let errors = |class: &ClassErrors| class.false_answers + class.false_refusals;
    let mut classes: Vec<_> = pair.measures.by_class.iter().filter(|(_, class)| errors(class) > 0).collect();
    classes.sort_by_key(|(name, class)| (Reverse(errors(class)), name.as_str()));
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

pub(super) fn cases(run: &RunResult, out: &mut String) {
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
            case.status.as_str(),
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

/// The figures of section fidelity, and the questions whose answers mostly stand elsewhere.
pub(super) fn fidelity(run: &RunResult, out: &mut String) {
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

/// The questions with at most half of the answer in the section, each with the sentences that stand elsewhere.
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

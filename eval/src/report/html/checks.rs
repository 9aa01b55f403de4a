//! The effect of the checks on given replies and sentences.

use crate::{
    report::{
        escape::html,
        figures::{REPLY_COLUMNS, SUPPORT_COLUMNS, percent},
    },
    results::RunResult,
};
use std::fmt::Write as _;

/// The figures of given replies, and each reply with a fault of the checks.
pub(super) fn replies(run: &RunResult, out: &mut String) {
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

/// The figures of true and untrue sentences, and each sentence that the checks misjudge.
pub(super) fn support(run: &RunResult, out: &mut String) {
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

//! A reply's advice compared with what the documents of the object forbid: what contradicts them is taken out, sentence by
//! sentence and command by command. What repeats a prohibition, asks or only reads stays. Pure.

use super::commands::{
    self,
    changes::{self, Change},
};
use crate::{evidence::Evidence, markdown, text::edited};
use kb::prohibition::{self, ANY, Prohibition};
use regex::Regex;
use std::{collections::BTreeSet, ops::Range, sync::LazyLock};

/// Stands where advice stood until a note takes its place; no reply holds it.
pub const REMOVED: char = '\u{e005}';

/// What the documents of the object forbid.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    rules: Vec<Rule>,
    /// Names of the objects that the rules are about, without globs; empty where a whole namespace is.
    names: BTreeSet<String>,
    is_of_namespace: bool,
}

#[derive(Debug, Clone)]
struct Rule {
    actions: Vec<String>,
    classes: Vec<&'static str>,
    names: Vec<String>,
    is_conditional: bool,
}

impl Rules {
    /// The rules of the passages whose documents' rules name the object.
    pub fn of(evidence: &[Evidence]) -> Self {
        let mut rules = Self::default();
        for passage in evidence.iter().filter(|passage| passage.rules_object()) {
            rules.rules.extend(passage.prohibitions.iter().filter_map(Rule::of));
            if let Some(found) = &passage.rule {
                let patterns = found.rule.name.iter().map(|name| name.trim_matches('*').to_lowercase());
                rules.names.extend(patterns.filter(|name| !name.is_empty()));
                rules.is_of_namespace |= found.rule.name.is_empty();
            }
        }
        rules
    }

    /// Whether nothing is forbidden.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Whether a sentence advises what is forbidden.
    fn forbid_sentence(&self, sentence: &str) -> bool {
        let mut advised = prohibition::advised(sentence);
        let classes = prohibition::object_classes(sentence);
        if advised.contains("delete") && classes.contains(&"workload") {
            advised.insert("restart".to_owned());
        }
        let is_conditional = prohibition::is_conditional(sentence);
        let names = object_names(&prohibition::names(sentence));
        let words = prohibition::words_outside(sentence);
        let of_words = self.rules.iter().any(|rule| {
            (!rule.is_conditional || !is_conditional)
                && rule.concerns(&classes)
                && self.concern(rule, &names)
                && rule.actions.iter().any(|forbidden| match prohibition::is_known(forbidden) {
                    true => advised.iter().any(|action| prohibition::forbids(forbidden, action)),
                    false => words.contains(forbidden),
                })
        });
        // A command in a sentence that forbids is what it forbids.
        of_words
            || (prohibition::of_title(sentence).is_none()
                && !sentence.trim_end().ends_with(['?', '？'])
                && commands::in_text(sentence)
                    .iter()
                    .any(|command| self.forbid_command(command, is_conditional)))
    }

    /// Whether a line of code does what is forbidden; `is_conditional` where the sentence that introduces it ties it to a
    /// condition.
    fn forbid_command(&self, line: &str, is_conditional: bool) -> bool {
        changes::changes(line).iter().any(|change| {
            let names = object_names(&change.operands);
            let classes = classes_of(change);
            self.rules.iter().any(|rule| {
                let is_forbidden = rule.actions.iter().any(|forbidden| {
                    change.actions.iter().any(|action| prohibition::forbids(forbidden, action))
                });
                (!rule.is_conditional || !is_conditional)
                    && is_forbidden
                    && rule.concerns(&classes)
                    && self.concern(rule, &names)
            })
        })
    }

    /// Whether something about these names may be about the rule's object.
    fn concern(&self, rule: &Rule, names: &[String]) -> bool {
        let resembles =
            |own: &String, name: &String| own.contains(name.as_str()) || name.contains(own.as_str());
        names.is_empty()
            || self.is_of_namespace
            || names.iter().any(|name| self.names.iter().chain(&rule.names).any(|own| resembles(own, name)))
    }
}

impl Rule {
    fn of(prohibition: &Prohibition) -> Option<Self> {
        let rule = Self {
            actions: prohibition.actions.clone(),
            classes: prohibition::object_classes(&prohibition.text),
            names: object_names(&prohibition::names(&prohibition.text)),
            is_conditional: prohibition::is_conditional(&prohibition.text)
                || forbids_to_repeat(&prohibition.text),
        };
        (!rule.actions.is_empty()).then_some(rule)
    }

    /// Whether something about objects of these classes may be about this one's.
    fn concerns(&self, classes: &[&str]) -> bool {
        if self.actions.iter().any(|action| action == ANY) {
            return classes.is_empty() || classes.iter().any(|class| *class != "ticket");
        }
        classes.is_empty()
            || self.classes.is_empty()
            || classes.iter().any(|class| self.classes.contains(class))
    }
}

/// Whether a prohibition is about doing something once more: the first time may be allowed.
fn forbids_to_repeat(text: &str) -> bool {
    static AGAIN: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r"(?i)\b(?:again|twice|a second time|lần nữa|lần thứ hai|lagi|dua kali)\b|再次|第二次|兩次|两次",
        )
        .expect("the pattern is valid")
    });
    AGAIN.is_match(text)
}

/// Names that can be an object's: with a hyphen, a slash or a digit, and no flag.
fn object_names(names: &[String]) -> Vec<String> {
    let is_name = |name: &&String| {
        !name.starts_with('-') && name.contains(|c: char| c == '-' || c == '/' || c.is_ascii_digit())
    };
    let bare = |name: &String| name.rsplit('/').next().unwrap_or(name).to_lowercase();
    names.iter().filter(is_name).map(bare).filter(|name| !name.is_empty()).collect()
}

/// The classes of what a command is given.
fn classes_of(change: &Change) -> Vec<&'static str> {
    let kinds: Vec<&str> =
        change.operands.iter().map(|operand| operand.split('/').next().unwrap_or_default()).collect();
    prohibition::object_classes(&kinds.join(" "))
}

/// A text without its forbidden advice, a [`REMOVED`] in each place; `None` where nothing had to go. `goes_on` says that
/// advice was taken out directly before it.
pub fn without_forbidden(text: &str, rules: &Rules, goes_on: bool) -> Option<String> {
    if rules.is_empty() {
        return None;
    }
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    let mut is_after = goes_on;
    let mut is_conditional = false;
    for part in parts(text) {
        match part {
            Part::Code(range) => {
                let mut at = range.start;
                for line in text[range].split_inclusive('\n') {
                    let content = line.trim_end_matches('\n');
                    // What stands before it is the list's or the quotation's.
                    let start = content.len() - content.trim_start_matches([' ', '\t', '>']).len();
                    let command = content[start..].trim_start_matches(['$', '#', ' ']);
                    if rules.forbid_command(command, is_conditional) {
                        edits.push((at + start..at + content.len(), format!("# {REMOVED}")));
                    }
                    at += line.len();
                }
            }
            Part::Prose(range) => {
                for sentence in sentences(&text[range.clone()]) {
                    let at = range.start + sentence.start..range.start + sentence.end;
                    let is_forbidden = rules.forbid_sentence(&text[at.clone()]);
                    if text[at.clone()].contains(char::is_alphabetic) {
                        is_conditional = !is_forbidden && prohibition::is_conditional(&text[at.clone()]);
                    }
                    // What praises the advice, and its citations, go with it.
                    let is_rest = is_after && is_rest(&text[at.clone()]);
                    match (is_forbidden, is_rest) {
                        (true, _) if is_after => edits.push((at, String::new())),
                        (true, _) => edits.push((at, REMOVED.to_string())),
                        (false, true) => edits.push((at, String::new())),
                        (false, false) => {}
                    }
                    is_after = is_forbidden || is_rest;
                }
                is_after = false;
            }
        }
    }
    let has_note = edits.iter().any(|(_, note)| note.contains(REMOVED));
    (!edits.is_empty()).then(|| {
        let text = edited(text, edits);
        match has_note || goes_on {
            true => text,
            false => format!("{REMOVED} {text}"),
        }
    })
}

/// Whether a text ends with advice that was taken out.
pub fn ends_removed(text: &str) -> bool {
    text.trim_end().ends_with(REMOVED)
}

/// A sentence that only says that the one before it is harmless, or cites its source.
fn is_rest(sentence: &str) -> bool {
    static PRAISE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r"(?i)^(?:\s|[*_>-])*(?:(?:that|this|it|both|doing so)(?: (?:is|are|'s|will be))?[^.!?]{0,40}\b(?:safe|harmless|fine|ok|okay|no problem|allowed|permitted|not (?:dangerous|risky))\b|safe\b|(?:这|這|该|該|此)?[^。！？]{0,12}(?:安全|没有风险|沒有風險|没问题|沒問題|无害|無害)|[^.!?]{0,30}\ban toàn\b|[^.!?]{0,30}\b(?:aman|tidak berbahaya)\b)[^.!?。！？]{0,40}[.!?。！？]?\s*$",
        )
        .expect("the pattern is valid")
    });
    let words = super::citations::resolve(sentence, |_| false).text;
    !words.contains(char::is_alphanumeric) || PRAISE.is_match(words.trim())
}

enum Part {
    Code(Range<usize>),
    Prose(Range<usize>),
}

/// Code blocks and runs of inline text, by where they stand.
fn parts(text: &str) -> impl Iterator<Item = Part> {
    markdown::outline(text).leaves.into_iter().map(|leaf| match leaf.is_code {
        true => Part::Code(leaf.range),
        false => Part::Prose(leaf.range),
    })
}

/// Labels that a client reads; they stay where their part goes.
const LABELS: [&str; 2] = ["Error:", "Solution:"];

/// A longer sentence is read in parts.
const MAX_SENTENCE_BYTES: usize = 2 << 10;

/// Where the sentences of a run stand, without labels; one may go on over a line's end, but not over a label.
pub(super) fn sentences(run: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    let label_starts = run.match_indices('\n').map(|(at, _)| at + 1).filter(|at| label_of(&run[*at..]) > 0);
    for end in label_starts.chain([run.len()]) {
        let from = start + label_of(&run[start..]);
        let one_line = run[from..end].replace('\n', " ");
        for sentence in markdown::sentences(&one_line) {
            let mut at = from + (sentence.as_ptr() as usize - one_line.as_ptr() as usize);
            let mut rest = sentence;
            while !rest.is_empty() {
                let (part, after) = rest.split_at(rest.floor_char_boundary(MAX_SENTENCE_BYTES));
                found.push(at..at + part.len());
                at += part.len();
                rest = after;
            }
        }
        start = end;
    }
    found
}

/// The length of the label that a text begins with.
fn label_of(text: &str) -> usize {
    let start = text.len() - text.trim_start().len();
    LABELS.iter().find(|label| text[start..].starts_with(**label)).map_or(0, |label| start + label.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use kb::{
        document,
        retrieve::{RuleMatch, RuleStrength},
    };

    fn rules(forbidding: &str) -> Rules {
        let rule = document::Rule { name: vec!["settlement-batch".to_owned()], ..document::Rule::default() };
        let passage = Evidence {
            rule: Some(RuleMatch { rule, strength: RuleStrength::Exact }),
            prohibitions: prohibition::of_passage(&[], forbidding),
            ..Evidence::sample(1)
        };
        Rules::of(&[passage])
    }

    /// What is left of a reply; `·` stands for what is gone.
    fn check(forbidding: &str, reply: &str, expected: &str) {
        let left = without_forbidden(reply, &rules(forbidding), false).unwrap_or_else(|| reply.to_owned());
        assert_eq!(left.replace(REMOVED, "·"), expected, "{forbidding}: {reply}");
    }

    #[test]
    fn advice_that_is_forbidden_is_taken_out() {
        let never = "Never touch it.";
        check(never, "Restart it and delete its pods, that is safe [1].", "·");
        check(never, "It is down [1]. Restart it. That is safe [1].", "It is down [1]. · ");
        check(never, "1. Look [1]\n2. Restart it [1]\n3. Wait [1]", "1. Look [1]\n2. ·\n3. Wait [1]");
        check(never, "Run `kubectl delete pod settlement-batch-0` [1].", "·");
        check(
            never,
            "Do:\n```sh\nkubectl get pods\nkubectl rollout restart deployment/settlement-batch\n```\n",
            "Do:\n```sh\nkubectl get pods\n# ·\n```\n",
        );
        check(never, "Error: it is down [2]\nSolution: restart it [2]", "Error: it is down [2]\nSolution: ·");
        check(never, "Solution: 1. Roll it back [1]. 2. Look [1].", "Solution: 1. · 2. Look [1].");
        check("不要重启它。", "重启它，这是安全的 [1]。", "·");
        check("Đừng đụng vào nó.", "Hãy khởi động lại nó [1].", "·");
        check("Jangan sentuh.", "Restart saja dan hapus pod-nya, itu aman [1]", "·");
        check("Do not mothball it.", "Mothball it now [1].", "·");
    }

    #[test]
    fn what_is_not_forbidden_stays() {
        for (forbidding, reply) in [
            ("Never touch it.", "Do not restart it [1]. Page the owner [1]."),
            ("Never touch it.", "Only Settlement Core may restart it [1]."),
            ("Never touch it.", "Run `kubectl get pods` and look at the logs [1]."),
            ("Never touch it.", "Restart the deployment `checkout-api` instead [2]."),
            ("Never touch it.", "Update the ticket [1]."),
            ("Do not delete the PVC.", "Delete the pod [1]."),
            ("Do not restart it while the run is active.", "Restart it after the run has ended [1]."),
            (
                "No restart in the peak hours, except for SEV1.",
                "Only after the approval, restart it once [1]:\n\n```sh\nkubectl rollout restart deployment/settlement-batch\n```\n",
            ),
            ("Never touch it.", "不要重启它 [1]。"),
            ("Never touch it.", "The pod was restarted by the kubelet [1]."),
            ("", "Restart it [1]."),
        ] {
            check(forbidding, reply, reply);
        }
    }
}

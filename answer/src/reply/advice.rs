//! A reply's advice compared with what the documents of the object forbid: contradicting advice is taken out, sentence
//! by sentence and command by command. A sentence or command that repeats a prohibition, asks or only reads stays.
//! Pure.

use super::{permissions::Approvals, support};
use crate::{
    checks::commands::{
        self,
        changes::{self, Change},
    },
    evidence::Evidence,
    markdown,
    text::edited,
};
use kb::prohibition::{self, ANY, Prohibition};
use regex::Regex;
use std::{collections::BTreeSet, ops::Range, sync::LazyLock};

/// Stands where advice stood until a note takes its place; no reply holds it.
pub const REMOVED: char = '\u{e005}';

/// The prohibitions of the object's documents, and those of other passages for the names in them.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    rules: Vec<Rule>,
    /// Those of passages that are not the object's, which hold for what they name.
    named: Vec<Named>,
    approvals: Approvals,
    /// The passages' texts, in lower case.
    texts: Vec<String>,
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

/// A prohibition of something that it names.
#[derive(Debug, Clone)]
struct Named {
    rule: Rule,
    /// The flags that it forbids to give, and to which actions; to all where it says none.
    flags: Vec<String>,
    of_flags: BTreeSet<String>,
    /// The passage it stands in.
    passage: usize,
}

impl Rules {
    /// The rules of the passages: of all for what they name, of those whose documents' rules name the object for all of
    /// it.
    pub fn of(evidence: &[Evidence]) -> Self {
        let (approvals, texts) = Approvals::of(evidence);
        let mut rules = Self { approvals, texts, ..Self::default() };
        for (at, passage) in evidence.iter().enumerate() {
            rules.named.extend(passage.prohibitions.iter().filter_map(|found| Named::of(found, at)));
        }
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

    /// Whether a sentence advises what is forbidden.
    fn forbid_sentence(&self, sentence: &str) -> bool {
        self.forbid_named(sentence)
            || self.approvals.are_denied_by(sentence, &self.texts)
            || (!self.rules.is_empty() && self.forbid_of_object(sentence))
    }

    /// Whether a sentence advises what a passage forbids to do to what both name.
    fn forbid_named(&self, sentence: &str) -> bool {
        let lower = sentence.to_lowercase();
        let is_there = |named: &&Named| {
            let mut words = named.rule.names.iter().chain(&named.flags);
            words.any(|word| lower.contains(word.as_str()))
        };
        let near: Vec<&Named> = self.named.iter().filter(is_there).collect();
        if near.is_empty() || sentence.trim_end().ends_with(['?', '？']) {
            return false;
        }
        let advised = support::advises(sentence);
        let is_conditional = prohibition::is_conditional(sentence);
        // A sentence whose first object name in backticks is another one is about that other object.
        let spans = lower.split('`').skip(1).step_by(2).map(str::to_owned);
        let first =
            object_names(&spans.filter(|span| !span.contains(' ')).collect::<Vec<_>>()).into_iter().next();
        let of_words =
            near.iter().any(|named| {
                named.holds(is_conditional)
                    && named.rule.names.iter().any(|name| {
                        has_word(&lower, name) && first.as_ref().is_none_or(|first| first == name)
                    })
                    && named.rule.forbids_any(advised.iter().map(String::as_str))
            });
        of_words
            || (prohibition::of_title(sentence).is_none()
                && commands::in_text(sentence)
                    .iter()
                    .any(|command| self.forbid_named_command(command, is_conditional)))
    }

    /// Whether a line of code does what a passage forbids to do to what both name, or gives a flag that it forbids.
    fn forbid_named_command(&self, line: &str, is_conditional: bool) -> bool {
        let lower = line.to_lowercase();
        let is_quoted = || self.texts.iter().any(|text| text.contains(lower.trim()));
        if self.named.is_empty() || lower.trim().is_empty() {
            return false;
        }
        let words: Vec<&str> = lower.split_whitespace().collect();
        let is_near = |named: &&Named| {
            named.holds(is_conditional)
                && (named.flags.iter().any(|flag| words.contains(&flag.as_str()))
                    || named.rule.names.iter().any(|name| lower.contains(name.as_str())))
        };
        let near: Vec<&Named> = self.named.iter().filter(is_near).collect();
        if near.is_empty() || is_quoted() {
            return false;
        }
        changes::changes(line).iter().any(|change| {
            let names = object_names(&change.operands);
            near.iter().any(|named| {
                let has_flag = named.flags.iter().any(|flag| words.contains(&flag.as_str()));
                let does = named.rule.forbids_any(change.actions.iter().copied());
                let program = words.first().copied().unwrap_or_default();
                let is_of_flags = match named.of_flags.is_empty() {
                    true => self.texts[named.passage].contains(program),
                    false => change.actions.iter().any(|action| named.of_flags.contains(*action)),
                };
                (has_flag && is_of_flags)
                    || (does && named.rule.names.iter().any(|name| names.contains(name)))
            })
        })
    }

    /// Whether a sentence advises what the documents of the object forbid.
    fn forbid_of_object(&self, sentence: &str) -> bool {
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

    /// Whether a line of code does what is forbidden; `is_conditional` where the sentence that introduces it ties it to
    /// a condition.
    fn forbid_command(&self, line: &str, is_conditional: bool) -> bool {
        if self.forbid_named_command(line, is_conditional) {
            return true;
        }
        if self.rules.is_empty() {
            return false;
        }
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

impl Named {
    fn of(prohibition: &Prohibition, passage: usize) -> Option<Self> {
        let rule = Rule::of(prohibition)?;
        let flags = forbidden_flags(&prohibition.text, &rule.actions);
        let outside: Vec<&str> = prohibition.text.split('`').step_by(2).collect();
        let of_flags = prohibition::spoken_of(&outside.join(" "));
        let is_named = !rule.names.is_empty() || !flags.is_empty();
        is_named.then_some(Self { rule, flags, of_flags, passage })
    }

    /// Whether it holds for a sentence, which may be tied to a condition.
    fn holds(&self, is_conditional: bool) -> bool {
        !self.rule.is_conditional || !is_conditional
    }
}

/// Whether a text has a name by itself, not as a part of another.
fn has_word(text: &str, name: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    text.match_indices(name)
        .any(|(at, _)| !text[..at].ends_with(is_part) && !text[at + name.len()..].starts_with(is_part))
}

/// The flags that a prohibition names to forbid them, not those that it asks for: `never drain without
/// --ignore-daemonsets`.
fn forbidden_flags(text: &str, actions: &[String]) -> Vec<String> {
    static ASKS_FOR: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?i)(?:\b(?:without|unless|missing|only with|tanpa|tidak memakai|không có|thiếu)|不带|不帶|没有|沒有|不加|缺少)\W*$")
            .expect("the pattern is valid")
    });
    const LEAVES_OUT: [&str; 7] = ["drop", "forget", "ignore", "leave", "miss", "omit", "skip"];
    if actions.iter().any(|action| LEAVES_OUT.contains(&action.as_str())) {
        return Vec::new();
    }
    let mut flags = Vec::new();
    let mut at = 0;
    for (n, part) in text.split('`').enumerate() {
        if n % 2 == 1 && part.starts_with('-') && part.len() > 2 && !part.contains(' ') {
            let before = &text[..at - 1];
            flags.extend((!ASKS_FOR.is_match(before)).then(|| part.to_lowercase()));
        }
        at += part.len() + 1;
    }
    flags
}

impl Rule {
    /// Whether it forbids one of some actions.
    fn forbids_any<'a>(&self, mut actions: impl Iterator<Item = &'a str>) -> bool {
        actions.any(|action| self.actions.iter().any(|forbidden| prohibition::forbids(forbidden, action)))
    }

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

/// A text without its forbidden advice, a [`REMOVED`] in each place; `None` where nothing had to go. `goes_on` says
/// that advice was taken out directly before it.
pub fn without_forbidden(text: &str, rules: &Rules, goes_on: bool) -> Option<String> {
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    let mut is_after = goes_on;
    let mut is_conditional = false;
    for part in parts(text) {
        match part {
            Part::Code(range) => {
                let mut at = range.start;
                for line in text[range].split_inclusive('\n') {
                    let content = line.trim_end_matches('\n');
                    // The indentation and the `>` before the command belong to the list or the quotation.
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
                    // Sentences that praise the removed advice, and its citations, are removed as well.
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

    /// What is left of a reply where the passage is not the object's own.
    fn check_named(passage: &str, reply: &str, expected: &str) {
        let evidence = Evidence {
            text: passage.to_owned(),
            prohibitions: prohibition::of_passage(&[], passage),
            ..Evidence::sample(1)
        };
        let left =
            without_forbidden(reply, &Rules::of(&[evidence]), false).unwrap_or_else(|| reply.to_owned());
        assert_eq!(left.replace(REMOVED, "·"), expected, "{passage}: {reply}");
    }

    #[test]
    fn what_a_passage_forbids_by_name_is_taken_out() {
        let policy = "Do not delete `default-deny` to get a service going, not even for a minute.";
        let drain = "Never add `--force` or `--disable-eviction`: both go around the protection.\n\n```bash\nkubectl drain worker-5 --ignore-daemonsets\n```";
        for (passage, reply) in [
            (policy, "可以暂时删除 `default-deny` 策略，恢复后再加回来[1]。"),
            (policy, "可以先刪除 `default-deny`，讓服務恢復 [1]。"),
            (policy, "Delete `default-deny` for a minute, then add it again [1]."),
            (policy, "You can safely remove the default-deny policy [1]."),
            (policy, "Bạn có thể tạm xóa `default-deny` rồi thêm lại [1]."),
            (policy, "Anda boleh menghapus `default-deny` sebentar [1]."),
            (policy, "Hapus `default-deny` agar layanan berjalan lagi [1]."),
            (policy, "Run `kubectl -n shop delete networkpolicy default-deny` [1]."),
            (drain, "Use `kubectl drain worker-17 --ignore-daemonsets --force` [1]."),
            (
                drain,
                "可以用強制方式清空：`kubectl drain worker-17 --ignore-daemonsets --disable-eviction` [1]。",
            ),
            (drain, "Jalankan `kubectl drain worker-17 --force` [1]."),
        ] {
            check_named(passage, reply, "·");
        }
        check_named(
            drain,
            "Do:\n```sh\nkubectl cordon worker-17\nkubectl drain worker-17 --force\n```\n",
            "Do:\n```sh\nkubectl cordon worker-17\n# ·\n```\n",
        );
    }

    #[test]
    fn what_a_passage_does_not_forbid_by_name_stays() {
        let policy =
            "Do not delete `default-deny` to get a service going. Never drain without `--ignore-daemonsets`.";
        for reply in [
            "Do not delete `default-deny`, not even for a minute [1].",
            "> ⚠️ Do not delete `default-deny` [1].",
            "🔇 Don't remove `default-deny` [1].",
            "Never delete `default-deny`; allow the path in Git instead [1].",
            "Deleting `default-deny` pages `security-primary` [1].",
            "删除 `default-deny` 会呼叫 `security-primary` [1]。",
            "不要删除 `default-deny` [1]。",
            "Xóa `default-deny` sẽ gọi `security-primary` [1].",
            "Đừng xóa `default-deny`, kể cả trong một phút [1].",
            "Jangan hapus `default-deny` [1].",
            "Delete the policy `allow-all`, which `default-deny` makes up for [2].",
            "Run `kubectl get networkpolicy default-deny` [1].",
            "Run `kubectl drain worker-5 --ignore-daemonsets` [1].",
            "May I delete `default-deny`?",
        ] {
            check_named(policy, reply, reply);
        }
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

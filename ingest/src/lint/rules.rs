//! Rules of `applies_to` that contradict each other, that two documents have, or that no failure can match.

use super::{
    outline::Outline,
    page::{Page, shown, shown_path},
};
use crate::{
    findings::{Check, Finding, Severity},
    formats::front_matter::distance,
};
use kb::{
    document::{Kind, Rule},
    prohibition::{self, Prohibition},
    question::{self, Question},
    retrieve::matches,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{HashMap, HashSet},
    sync::{LazyLock, Mutex, PoisonError},
};

/// A longer text is read for what it forbids up to here.
const MAX_BODY_BYTES: usize = 128 << 10;
/// Commands of one document that are kept, and prohibitions.
const MAX_KEPT: usize = 200;
/// Rules of one document that are looked at, and values of one key.
const MAX_VALUES: usize = 100;
/// Documents with a value in common that are compared with each other.
const MAX_COMPARED: usize = 64;

/// A command that changes something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Command {
    line: Option<usize>,
    text: String,
    actions: Vec<String>,
    /// The classes of the objects that it is given, and their names.
    classes: Vec<String>,
    names: Vec<String>,
}

/// An unconditional prohibition: a conditional one does not contradict the commands of others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Forbidden {
    prohibition: Prohibition,
    classes: Vec<String>,
}

/// The prohibitions of a text that hold in any case.
pub(super) fn forbidden(body: &str) -> Vec<Forbidden> {
    let found = prohibition::of_passage(&[], &body[..body.floor_char_boundary(MAX_BODY_BYTES)]).into_iter();
    let found = found.filter(|found| !found.actions.is_empty() && !prohibition::is_conditional(&found.text));
    let with_classes = |prohibition: Prohibition| {
        let classes = owned(prohibition::object_classes(&prohibition.text));
        Forbidden { prohibition, classes }
    };
    found.take(MAX_KEPT).map(with_classes).collect()
}

fn owned<'w>(words: impl IntoIterator<Item = &'w str>) -> Vec<String> {
    words.into_iter().map(str::to_owned).collect()
}

/// As much of rules as is looked at.
pub(super) fn limited(rules: &[Rule]) -> Vec<Rule> {
    let some = |values: &[String]| values.iter().take(MAX_VALUES).cloned().collect();
    let limited = |rule: &Rule| Rule {
        alert: some(&rule.alert),
        kind: some(&rule.kind),
        reason: some(&rule.reason),
        namespace: some(&rule.namespace),
        name: some(&rule.name),
    };
    rules.iter().take(MAX_VALUES).map(limited).collect()
}

/// The commands of a document that change something, but for those that it warns of.
pub(super) fn commands(body: &str, outline: &Outline, line: impl Fn(usize) -> Option<usize>) -> Vec<Command> {
    // Whether a command is warned of takes longer to tell than whether it changes something.
    let codes = outline.codes.iter().filter(|code| code.text.lines().any(|line| change(line).is_some()));
    let codes = codes.take(MAX_KEPT).filter(|code| !code.is_forbidden(body));
    let lines = codes.flat_map(|code| code.text.lines().map(|text| (code.start, text)));
    let found = lines.filter_map(|(at, text)| {
        let (actions, operands) = change(text)?;
        let kinds: Vec<&str> = operands.iter().filter_map(|operand| operand.split('/').next()).collect();
        let classes = owned(prohibition::object_classes(&kinds.join(" ")));
        let names = operands.iter().filter_map(|operand| name_of(operand)).collect();
        let actions = owned(actions.iter().copied());
        Some(Command { line: line(at), text: shown(text), actions, classes, names })
    });
    found.take(MAX_KEPT).collect()
}

/// The actions of a command, by the names that prohibitions have for them, and its operands; `None` if it changes
/// nothing.
fn change(line: &str) -> Option<(&'static [&'static str], Vec<String>)> {
    let line = line.trim_start().trim_start_matches(['$', '#', '>', ' ']);
    let mut words = line.split_whitespace().skip_while(|word| *word == "sudo");
    let program = words.next()?;
    let operands: Vec<&str> = operands(words);
    let verb = *operands.first()?;
    let second = operands.get(1).copied().unwrap_or_default();
    let is_pod = |word: &&&str| matches!(word.split('/').next(), Some("pod" | "pods" | "po"));
    let actions: &'static [&'static str] = match (program, verb) {
        ("kubectl" | "oc", "rollout") => match second {
            "restart" => &["restart"],
            "undo" => &["rollback"],
            _ => return None,
        },
        ("kubectl" | "oc", "delete") if operands.iter().skip(1).find(is_pod).is_some() => {
            &["delete", "restart"]
        }
        ("kubectl" | "oc", "delete") => &["delete"],
        ("kubectl" | "oc", "drain" | "cordon") => &["drain"],
        ("kubectl" | "oc", "scale" | "autoscale") => &["scale"],
        ("kubectl" | "oc", "edit" | "patch" | "apply" | "replace" | "set") => &["edit"],
        ("helm", "upgrade") => &["upgrade"],
        ("helm", "rollback") => &["rollback"],
        ("helm", "uninstall" | "delete") => &["delete"],
        ("systemctl", "restart") => &["restart"],
        ("systemctl", "stop" | "disable") => &["stop"],
        _ => return None,
    };
    Some((actions, operands[1..].iter().map(|word| (*word).to_owned()).collect()))
}

/// The words of a command that are neither flags nor values of flags.
fn operands<'w>(words: impl Iterator<Item = &'w str>) -> Vec<&'w str> {
    const WITH_VALUE: [&str; 9] =
        ["-n", "--namespace", "-l", "--selector", "-f", "-o", "-p", "--context", "--kubeconfig"];
    let mut operands = Vec::new();
    let mut is_value = false;
    for word in words {
        match word {
            _ if std::mem::take(&mut is_value) => {}
            "|" | "&&" | "||" | ";" | "\\" => break,
            flag if flag.starts_with('-') => is_value = WITH_VALUE.contains(&flag),
            word => operands.push(word.trim_end_matches(';')),
        }
    }
    operands
}

/// A rule as all that are equal to it are written.
fn canonical(rule: &Rule) -> Rule {
    let sorted = |values: &[String]| {
        let mut values: Vec<String> = values.iter().map(|value| value.trim().to_ascii_lowercase()).collect();
        values.sort();
        values.dedup();
        values
    };
    Rule {
        alert: sorted(&rule.alert),
        kind: sorted(&rule.kind),
        reason: sorted(&rule.reason),
        namespace: sorted(&rule.namespace),
        name: sorted(&rule.name),
    }
}

/// The keys of a rule with their values.
fn keys(rule: &Rule) -> [(&'static str, &[String]); 5] {
    [
        ("alert", &rule.alert),
        ("kind", &rule.kind),
        ("reason", &rule.reason),
        ("namespace", &rule.namespace),
        ("name", &rule.name),
    ]
}

/// A rule in words.
fn told(rule: &Rule) -> String {
    let given = keys(rule).into_iter().filter(|(_, values)| !values.is_empty());
    shown(
        &given.map(|(key, values)| format!("{key}: {}", values.join(" or "))).collect::<Vec<_>>().join(", "),
    )
}

/// Documents with a rule that one before them has. An entry of a rule file and the runbook of its alert belong
/// together.
pub(super) fn equal(pages: &[Page]) -> Vec<(&Page, Finding)> {
    let mut first: HashMap<String, Vec<&Page>> = HashMap::new();
    let mut findings = Vec::new();
    for page in pages.iter().filter(|page| !page.is_entry()) {
        let mut seen = HashSet::new();
        for rule in page.rules.iter().map(canonical) {
            let key = format!("{rule:?}");
            if !seen.insert(key.clone()) {
                continue;
            }
            let others = first.entry(key).or_default();
            if let Some(other) = others.iter().find(|other| !page.is_edition_of(other)) {
                let are_procedures = page.kind == Kind::Sop && other.kind == Kind::Sop;
                let (what, severity) = match are_procedures {
                    true => ("two procedures cannot both decide", Severity::Error),
                    false => ("both come first", Check::EqualRules.severity()),
                };
                let message =
                    format!("has the rule of `{}` ({}): {what}", shown_path(&other.path), told(&rule));
                let finding = Finding::new(Check::EqualRules, &page.path, None, message);
                findings.push((page, finding.with_severity(severity)));
            }
            if others.len() < MAX_COMPARED {
                others.push(page);
            }
        }
    }
    findings
}

/// Documents with a command that another document forbids for an object which the rules of both name.
pub(super) fn contradicting(pages: &[Page]) -> Vec<(&Page, Finding)> {
    let mut by_value: HashMap<(&str, String), Vec<&Page>> = HashMap::new();
    for page in pages.iter().filter(|page| !page.forbids.is_empty()) {
        for value in page.rules.iter().flat_map(values) {
            by_value.entry(value).or_default().push(page);
        }
    }
    let mut findings = Vec::new();
    for page in pages.iter().filter(|page| !page.commands.is_empty()) {
        let mut compared = HashSet::new();
        let shared = page.rules.iter().flat_map(values).filter_map(|value| by_value.get(&value));
        let others = shared.flat_map(|others| others.iter().take(MAX_COMPARED)).copied();
        for other in others.filter(|other| other.id != page.id && !page.is_edition_of(other)) {
            if compared.insert(&other.id) {
                findings.extend(contradiction(page, other).map(|finding| (page, finding)));
            }
        }
    }
    findings
}

/// The values by which overlapping rules find each other: those of the rule's telling keys, where each glob counts as
/// any value.
fn values(rule: &Rule) -> Vec<(&'static str, String)> {
    let telling = keys(rule).into_iter().filter(|(key, _)| *key != "kind");
    let of_key = |(key, values): (&'static str, &[String])| {
        let values: Vec<_> = values.iter().map(|value| (key, stem(value))).collect();
        values
    };
    telling.flat_map(of_key).collect()
}

/// A value up to its first `*`, without a hyphen at its end: `web-*` and `web` are about one workload.
fn stem(value: &str) -> String {
    let stem = value.trim().split('*').next().unwrap_or_default();
    stem.trim_end_matches('-').to_ascii_lowercase()
}

fn contradiction(page: &Page, other: &Page) -> Option<Finding> {
    let rule = page.rules.iter().find(|rule| other.rules.iter().any(|others| overlap(rule, others)))?;
    page.commands.iter().find_map(|command| {
        let forbidden = other.forbids.iter().find(|forbidden| forbids(forbidden, command, rule))?;
        let message = format!(
            "commands `{}`, which `{}` forbids for the same object ({}): \u{201c}{}\u{201d}",
            command.text,
            shown_path(&other.path),
            told(rule),
            shown(&forbidden.prohibition.text)
        );
        Some(Finding::new(Check::ContradictingRules, &page.path, command.line, message))
    })
}

/// Whether two rules are about the same things: no key keeps them apart, and one that tells holds for both.
fn overlap(rule: &Rule, other: &Rule) -> bool {
    let mut is_telling = false;
    for ((key, values), (_, others)) in keys(rule).into_iter().zip(keys(other)) {
        if values.is_empty() || others.is_empty() {
            continue;
        }
        let share = values.iter().any(|value| others.iter().any(|other| stem(value) == stem(other)));
        // A pod belongs to its Deployment.
        if !share && key != "kind" {
            return false;
        }
        is_telling |= share && key != "kind";
    }
    is_telling
}

/// Whether a prohibition is about what a command does.
fn forbids(forbidden: &Forbidden, command: &Command, rule: &Rule) -> bool {
    let acts = forbidden
        .prohibition
        .actions
        .iter()
        .any(|forbidden| command.actions.iter().any(|action| prohibition::forbids(forbidden, action)));
    let is_of_class = command.classes.is_empty()
        || forbidden.classes.is_empty()
        || command.classes.iter().any(|class| forbidden.classes.contains(class));
    let is_named = command.names.is_empty()
        || rule.name.is_empty()
        || command.names.iter().any(|name| rule.name.iter().any(|own| name.starts_with(&stem(own))));
    acts && is_of_class && is_named
}

/// The name of an object that an operand says; a placeholder stands for any.
fn name_of(operand: &str) -> Option<String> {
    let name = operand.rsplit('/').next().unwrap_or(operand);
    let is_name =
        name.contains(['-', '.']) || operand.contains('/') || name.bytes().any(|byte| byte.is_ascii_digit());
    let is_plain = name
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.'));
    (is_name && is_plain && !name.is_empty()).then(|| name.to_owned())
}

/// The parts of a document's rules that no failure can match, a message each.
pub(super) fn dead(rules: &[Rule]) -> impl Iterator<Item = String> {
    let kinds = rules.iter().flat_map(|rule| &rule.kind).filter_map(|kind| dead_kind(kind));
    let named = rules.iter().flat_map(|rule| [("namespace", &rule.namespace), ("name", &rule.name)]);
    let names = named.flat_map(|(key, values)| values.iter().filter_map(move |value| dead_name(key, value)));
    kinds.chain(names).collect::<Vec<_>>().into_iter()
}

/// Why a kind of a rule matches nothing: a failure is made that names an object of it, and asked.
fn dead_kind(kind: &str) -> Option<String> {
    let kind = kind.trim();
    if kind.contains('*') || matches_own(kind) {
        return None;
    }
    let meant = question::kind_named(kind).or_else(|| nearest(kind));
    let meant = meant.map(|meant| format!("; was `{meant}` meant?")).unwrap_or_default();
    Some(format!(
        "`applies_to` has the kind `{}`, which no failure is understood to name{meant}",
        shown(kind)
    ))
}

/// Whether a rule with only this kind matches a failure of an object of this kind.
fn matches_own(kind: &str) -> bool {
    static KNOWN: LazyLock<Mutex<HashMap<String, bool>>> = LazyLock::new(Mutex::default);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(matches) = known.get(kind) {
        return *matches;
    }
    let rule = Rule { kind: vec![kind.to_owned()], ..Rule::default() };
    let failure =
        format!("{kind} default/example-app has 1 replicas but 0 are available with status running");
    let is_matched =
        Question::parse(&failure, None).is_ok_and(|question| matches(&rule, &question).is_some());
    // A folder has few kinds; a hostile one shall not fill the memory.
    if known.len() < 10_000 {
        known.insert(kind.to_owned(), is_matched);
    }
    is_matched
}

/// The known kind that a word is a slip away from.
fn nearest(kind: &str) -> Option<&'static str> {
    const MAX_BYTES: usize = 60;
    let far = if kind.len() >= 8 { 2 } else { 1 };
    let lower = kind.to_lowercase();
    let with_distance = question::kinds().map(|known| (distance(&lower, &known.to_lowercase()), known));
    let nearest = (kind.len() <= MAX_BYTES).then(|| with_distance.min())?;
    nearest.filter(|(distance, _)| *distance <= far).map(|(_, known)| known)
}

/// Why a name of a rule matches nothing: no object of Kubernetes can have it.
fn dead_name(key: &str, value: &str) -> Option<String> {
    let is_right = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ':' | '*' | '_');
    let wrong = value.trim().chars().find(|c| !is_right(*c))?;
    Some(format!(
        "`applies_to` has the {key} `{}`; no name in Kubernetes has `{}` in it",
        shown(value),
        shown(&wrong.to_string())
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_that_nothing_names_are_found() {
        for kind in question::kinds() {
            assert_eq!(dead_kind(kind), None, "{kind}");
        }
        for (kind, meant) in [
            ("Deploymnet", Some("Deployment")),
            ("pods", Some("Pod")),
            ("po", Some("Pod")),
            ("Frobnicator", None),
        ] {
            let message = dead_kind(kind).unwrap_or_default();
            assert!(message.contains("no failure"), "{kind}: {message}");
            assert_eq!(message.contains("was `"), meant.is_some(), "{kind}: {message}");
            assert!(meant.is_none_or(|meant| message.contains(&format!("`{meant}`"))), "{kind}: {message}");
        }
        assert_eq!(dead_kind("pod"), None, "case does not matter");
        assert_eq!(dead_kind("*Set"), None);
    }

    #[test]
    fn commands_are_named_by_what_they_change() {
        for (line, actions, operands) in [
            ("kubectl -n legacy rollout restart deployment/web", "restart", "restart deployment/web"),
            ("$ sudo kubectl delete pod web-0 --grace-period=0", "delete restart", "pod web-0"),
            ("kubectl scale deploy web --replicas=0 | tee x", "scale", "deploy web"),
            ("kubectl get pods", "", ""),
            ("kubectl rollout status deployment/web", "", ""),
            ("restart it", "", ""),
        ] {
            let (found, given) = change(line).unwrap_or_default();
            assert_eq!((found.join(" ").as_str(), given.join(" ").as_str()), (actions, operands), "{line}");
        }
    }
}

//! Parts of Kubernetes that are gone: versions of APIs that are not served any more, commands and flags. The facts are
//! data, `removed_apis.txt` and `removed_commands.txt`.

use kb::version::Version;
use std::{collections::HashMap, sync::LazyLock};

/// A version of an API that is gone.
struct RemovedApi {
    removed_in: &'static str,
    instead: &'static str,
}

/// The removed versions, by `apiVersion` and kind.
static APIS: LazyLock<HashMap<(&str, &str), RemovedApi>> = LazyLock::new(|| {
    facts(include_str!("removed_apis.txt"))
        .map(|[version, kind, removed_in, instead]| ((version, kind), RemovedApi { removed_in, instead }))
        .collect()
});

/// A command or a flag that is gone.
pub(crate) struct RemovedCommand {
    words: Vec<&'static str>,
    flag: &'static str,
    removed_in: &'static str,
    instead: &'static str,
}

static COMMANDS: LazyLock<Vec<RemovedCommand>> = LazyLock::new(|| {
    facts(include_str!("removed_commands.txt"))
        .map(|[command, flag, removed_in, instead]| RemovedCommand {
            words: command.split(' ').collect(),
            flag,
            removed_in,
            instead,
        })
        .collect()
});

/// Kinds whose JSON is also what a webhook is sent, in versions that are not served.
const PAYLOADS: [&str; 2] = ["SubjectAccessReview", "TokenReview"];

/// Whether code says itself that it is out of date.
fn is_marked_old(code: &str) -> bool {
    let lower = code.to_ascii_lowercase();
    ["deprecated", "no longer served", "弃用", "棄用", "不再提供"].iter().any(|mark| lower.contains(mark))
}

/// The rows of a file of facts.
fn facts(file: &'static str) -> impl Iterator<Item = [&'static str; 4]> {
    let lines = file.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split('\t').collect::<Vec<_>>().try_into().ok())
}

/// Whether something that a release removed was there in a version.
fn was_there(version: Option<&Version>, removed_in: &str) -> bool {
    version.is_some_and(|version| Version::parse(removed_in).is_some_and(|removed| *version < removed))
}

/// The manifests of a text whose API is gone, and where each says so.
pub(crate) fn removed_in(text: &str, version: Option<&Version>) -> Vec<(usize, String)> {
    if !text.contains("apiVersion") || is_marked_old(text) {
        return Vec::new();
    }
    let mut found = Vec::new();
    let is_json = text.contains("\"apiVersion\"");
    let mut tell = |api: &str, kind: &str, at: usize| {
        if is_json && PAYLOADS.contains(&kind) {
            return;
        }
        let kind = kind.strip_suffix("List").unwrap_or(kind);
        let removed = APIS.get(&(api, kind)).filter(|removed| !was_there(version, removed.removed_in));
        found.extend(removed.map(|RemovedApi { removed_in, instead }| {
            let instead = match *instead {
                "" => "nothing takes its place".to_owned(),
                instead => format!("write `{instead}`"),
            };
            (at, format!("`{api}` of {kind} is not served since Kubernetes {removed_in}; {instead}"))
        }));
    };
    // The versions and kinds of the lines so far at each depth, until a line stands further out.
    let mut apis: Vec<(usize, &str, usize)> = Vec::new();
    let mut kinds: Vec<(usize, &str)> = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let at = start;
        start += line.len();
        let content = line.trim_start_matches([' ', '-', '{', ',', '"', '\t', '>']);
        let depth = line.len() - content.len();
        if content.trim().is_empty() {
            apis.retain(|_| !line.trim_start().starts_with("---"));
            kinds.retain(|_| !line.trim_start().starts_with("---"));
            continue;
        }
        apis.retain(|(other, ..)| *other <= depth);
        kinds.retain(|(other, _)| *other <= depth);
        if let Some(api) = value_of(content, "apiVersion") {
            apis.retain(|(other, ..)| *other != depth);
            let kind = kind_beside(content)
                .or_else(|| kinds.iter().find(|(other, _)| *other == depth).map(|(_, kind)| *kind));
            match kind {
                Some(kind) => tell(api, kind, at),
                None => apis.push((depth, api, at)),
            }
        } else if let Some(kind) = value_of(content, "kind") {
            match apis.iter().position(|(other, ..)| *other == depth) {
                Some(found) => {
                    let (_, api, at) = apis.remove(found);
                    tell(api, kind, at);
                }
                None => {
                    kinds.retain(|(other, _)| *other != depth);
                    kinds.push((depth, kind));
                }
            }
        }
    }
    found
}

/// The value of a key of YAML or JSON that a line begins with.
fn value_of<'t>(line: &'t str, key: &str) -> Option<&'t str> {
    let rest = line.strip_prefix(key)?.trim_start_matches('"').trim_start().strip_prefix(':')?;
    let value = rest.trim_start().trim_start_matches(['"', '\'']);
    let end = value
        .find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',' | '}' | '#'))
        .unwrap_or(value.len());
    Some(&value[..end]).filter(|value| !value.is_empty())
}

/// The kind that JSON on one line gives after the version.
fn kind_beside(line: &str) -> Option<&str> {
    let at = line.find("\"kind\"")?;
    value_of(&line[at + 1..], "kind")
}

impl RemovedCommand {
    /// Whether a version of Kubernetes still has it.
    pub(crate) fn was_there(&self, version: Option<&Version>) -> bool {
        was_there(version, self.removed_in)
    }

    /// The sentence that reports say about it.
    pub(crate) fn message(&self) -> String {
        let Self { words, flag, removed_in, instead } = self;
        let command = words.join(" ");
        match flag.is_empty() {
            true => format!("`{command}` is gone since Kubernetes {removed_in}; {instead}"),
            false => format!("`{command}` has no `{flag}` since Kubernetes {removed_in}; {instead}"),
        }
    }
}

/// The command of a line that is gone.
pub(crate) fn removed_command(line: &str) -> Option<&'static RemovedCommand> {
    if !line.contains("kube") {
        return None;
    }
    let words: Vec<&str> = line
        .split(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '`' | '"' | ';' | '|' | '&'))
        .filter(|word| !word.is_empty())
        .collect();
    COMMANDS.iter().find(|command| {
        let program = command.words[0];
        let calls = words.iter().enumerate().filter(|(_, word)| **word == program);
        calls.into_iter().any(|(at, _)| {
            let arguments = &words[at + 1..];
            // Another call of the line is not a part of this one.
            let end = arguments.iter().position(|word| *word == program).unwrap_or(arguments.len());
            let arguments = &arguments[..end];
            let mut plain = arguments.iter().filter(|word| !word.starts_with('-'));
            let is_it = command.words[1..].iter().all(|word| plain.next() == Some(word));
            let has_flag = |word: &&&str| {
                word.strip_prefix(command.flag).is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
            };
            is_it && (command.flag.is_empty() || arguments.iter().find(has_flag).is_some())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_sorted_and_complete() {
        for (file, count) in [
            (include_str!("removed_apis.txt"), APIS.len()),
            (include_str!("removed_commands.txt"), COMMANDS.len()),
        ] {
            let lines: Vec<&str> = file.lines().filter(|line| !line.starts_with('#')).collect();
            assert!(lines.is_sorted_by(|a, b| a < b), "sorted, each once");
            assert_eq!(facts(file).count(), lines.len(), "four columns");
            assert_eq!(count, lines.len(), "no key is there twice");
            for [_, _, removed_in, _] in facts(file) {
                assert!(Version::parse(removed_in).is_some(), "{removed_in}");
            }
        }
    }

    fn check_api(text: &str, expected: &[&str]) {
        let found: Vec<String> = removed_in(text, None)
            .into_iter()
            .map(|(at, message)| {
                format!(
                    "{}: {}",
                    text[..at].matches('\n').count() + 1,
                    message.split(" is ").next().unwrap_or_default()
                )
            })
            .collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn apis_that_are_gone_are_found() {
        check_api("apiVersion: apps/v1beta1\nkind: Deployment\n", &["1: `apps/v1beta1` of Deployment"]);
        check_api("kind: Ingress\napiVersion: extensions/v1beta1\n", &["2: `extensions/v1beta1` of Ingress"]);
        check_api("apiVersion: apps/v1\nkind: Deployment\n", &[]);
        check_api("apiVersion: extensions/v1beta1\nkind: Thing\n", &[]);
        check_api(
            "apiVersion: v1\nkind: List\nitems:\n- apiVersion: batch/v1beta1\n  kind: CronJob\n- apiVersion: v1\n  kind: Pod\n",
            &["4: `batch/v1beta1` of CronJob"],
        );
        check_api(
            "apiVersion: policy/v1\nkind: X\n---\napiVersion: policy/v1beta1\nmetadata:\n  name: x\nkind: PodDisruptionBudget\n",
            &["4: `policy/v1beta1` of PodDisruptionBudget"],
        );
        check_api(
            "{\"apiVersion\": \"batch/v1beta1\", \"kind\": \"CronJobList\"}",
            &["1: `batch/v1beta1` of CronJob"],
        );
        check_api(
            "{\n  \"kind\": \"Role\",\n  \"apiVersion\": \"rbac.authorization.k8s.io/v1beta1\"\n}",
            &["3: `rbac.authorization.k8s.io/v1beta1` of Role"],
        );
        check_api("{\"apiVersion\": \"authentication.k8s.io/v1beta1\", \"kind\": \"TokenReview\"}", &[]);
        check_api("# Deprecated: write v1\napiVersion: apps/v1beta1\nkind: Deployment\n", &[]);
        check_api("metadata:\n  kind: Deployment\napiVersion: apps/v1beta1\n", &[]);
    }

    #[test]
    fn commands_that_are_gone_are_found() {
        for (line, expected) in [
            ("kubectl run web --generator=run-pod/v1 --image=nginx", "kubectl run"),
            ("$ kubectl -n shop get deploy web -o yaml --export > web.yaml", ""),
            ("kubectl get deploy web -o yaml --export", "kubectl get"),
            ("kubectl get pods | kubectl version --short", "kubectl version"),
            ("x=$(kubectl version --short)", "kubectl version"),
            ("kubectl version --client", ""),
            ("kubectl get pods --export-x", ""),
            ("kubeadm alpha certs renew all", "kubeadm alpha certs"),
            ("kubeadm certs renew all", ""),
            ("kubectl drain n1 --ignore-daemonsets --delete-local-data", "kubectl drain"),
        ] {
            let found = removed_command(line).map(|command| command.words.join(" ")).unwrap_or_default();
            assert_eq!(found, expected, "{line}");
        }
    }
}

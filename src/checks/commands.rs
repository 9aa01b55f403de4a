//! Commands, flags, paths and object names in a reply, compared with what the evidence and the question say. What
//! changes something must stand in the evidence as a command; what only reads may also come from a list of our own.
//!
//! A command that is in no document is marked, one that also destroys is taken out, and every destructive command is
//! labelled, whoever wrote it. Entry point: [`checked`].

use crate::{
    evidence::Evidence,
    markdown::{self, OPTIONS},
    phrases::Phrases,
    text::edited,
};
use pulldown_cmark::{Event, Parser, Tag, TagEnd, TextMergeWithOffset};
use regex::Regex;
use std::{
    collections::{BTreeSet, HashSet},
    ops::Range,
    sync::LazyLock,
};

/// Programs whose lines are commands.
const TOOLS: [&str; 44] = [
    "kubectl",
    "oc",
    "helm",
    "docker",
    "podman",
    "nerdctl",
    "crictl",
    "ctr",
    "systemctl",
    "service",
    "journalctl",
    "etcdctl",
    "kubeadm",
    "istioctl",
    "argocd",
    "flux",
    "calicoctl",
    "cilium",
    "vault",
    "psql",
    "mysql",
    "redis-cli",
    "mongosh",
    "curl",
    "wget",
    "openssl",
    "dig",
    "nslookup",
    "ping",
    "ssh",
    "scp",
    "rm",
    "dd",
    "mkfs",
    "kill",
    "pkill",
    "killall",
    "reboot",
    "shutdown",
    "terraform",
    "aws",
    "gcloud",
    "az",
    "git",
];

/// Programs that only shape another's output.
const FILTERS: [&str; 14] =
    ["grep", "egrep", "jq", "yq", "awk", "sort", "uniq", "head", "tail", "wc", "less", "cut", "tr", "column"];

/// Words after a tool that only read.
const READ_ONLY: [(&str, &[&str]); 16] = [
    (
        "kubectl",
        &[
            "get",
            "describe",
            "logs",
            "top",
            "events",
            "explain",
            "api-resources",
            "api-versions",
            "version",
            "cluster-info",
            "auth",
            "diff",
            "config",
        ],
    ),
    ("oc", &["get", "describe", "logs", "status", "explain", "whoami"]),
    ("helm", &["list", "ls", "status", "history", "get", "show", "search", "version"]),
    ("docker", &["ps", "logs", "inspect", "images", "stats", "version", "info"]),
    ("podman", &["ps", "logs", "inspect", "images"]),
    ("nerdctl", &["ps", "logs", "inspect", "images"]),
    ("crictl", &["ps", "pods", "logs", "inspect", "inspectp", "images", "stats", "info"]),
    ("systemctl", &["status", "is-active", "list-units", "show", "cat"]),
    ("etcdctl", &["get", "member", "endpoint", "alarm"]),
    ("istioctl", &["analyze", "proxy-status", "version"]),
    ("argocd", &["version"]),
    ("flux", &["get", "logs", "check"]),
    ("cilium", &["status"]),
    ("git", &["status", "log", "diff", "show"]),
    ("terraform", &["plan", "show", "validate"]),
    ("vault", &["status"]),
];

/// Tools without verbs that only read, whatever their arguments.
const READERS: [&str; 4] = ["journalctl", "dig", "nslookup", "ping"];

/// Flags and words of read-only commands that need no source.
const COMMON: [&str; 76] = [
    "-n",
    "--namespace",
    "-o",
    "--output",
    "-A",
    "--all-namespaces",
    "-w",
    "--watch",
    "-l",
    "--selector",
    "-f",
    "--follow",
    "-p",
    "--previous",
    "-c",
    "--container",
    "--containers",
    "--all-containers",
    "--tail",
    "--since",
    "--sort-by",
    "--field-selector",
    "--show-labels",
    "--context",
    "-u",
    "--no-pager",
    "-xe",
    "-r",
    "-i",
    "-v",
    "-E",
    "wide",
    "yaml",
    "json",
    "name",
    "jsonpath",
    "pod",
    "pods",
    "po",
    "deployment",
    "deployments",
    "deploy",
    "replicaset",
    "replicasets",
    "rs",
    "statefulset",
    "statefulsets",
    "sts",
    "daemonset",
    "daemonsets",
    "ds",
    "service",
    "services",
    "svc",
    "endpoints",
    "endpointslices",
    "ingress",
    "ingresses",
    "configmap",
    "configmaps",
    "cm",
    "secret",
    "secrets",
    "node",
    "nodes",
    "namespace",
    "namespaces",
    "ns",
    "event",
    "events",
    "pvc",
    "pv",
    "job",
    "jobs",
    "all",
    "can-i",
];

/// What ends, removes or overwrites something. Written as patterns over one command line.
static DESTRUCTIVE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?xi)
        \b(?:kubectl|oc)\b[^|;&\n]*\s(?:delete|drain|replace|evict)\b
        | \b(?:kubectl|oc)\b[^|;&\n]*\srollout\s+(?:restart|undo)\b
        | \b(?:kubectl|oc)\b[^|;&\n]*\sscale\b[^|;&\n]*--replicas[=\s]*0\b
        | \b(?:kubectl|oc|helm|git|argocd|docker|podman)\b[^|;&\n]*\s(?:--force|--grace-period[=\s]*0)\b
        | \bhelm\s+(?:uninstall|delete|rollback)\b
        | \b(?:docker|podman|nerdctl|crictl|ctr)\b[^|;&\n]*\s(?:rm|rmi|rmp|kill|stop|prune|delete)\b
        | \bsystemctl\s+(?:stop|restart|disable|mask)\b | \bservice\s+\S+\s+(?:stop|restart)\b
        | \brm\s+-\S*[rf] | \bdd\s+[^|;&\n]*\bof= | \bmkfs\b | \b(?:reboot|shutdown|poweroff|halt)\b
        | \bkill\s+-(?:9|s?kill)\b | \b(?:pkill|killall)\b
        | \betcdctl\b[^|;&\n]*\s(?:del|snapshot\s+restore|member\s+remove)\b | \bkubeadm\s+reset\b
        | \bterraform\b[^|;&\n]*\sdestroy\b | \bargocd\s+app\s+delete\b
        | \b(?:aws|gcloud|az)\b[^|;&\n]*\s(?:delete|terminate|remove)\S*
        | \bgit\s+(?:push\s+[^|;&\n]*-f\b|reset\s+--hard)
        | \b(?:drop|truncate)\s+(?:table|database|schema|index|collection)\b | \bdelete\s+from\b | \b(?:flushall|flushdb)\b
        ",
    )
    .expect("the pattern is valid")
});

/// Flags and paths in running text.
static LITERAL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?:^|[\s(])(--[a-z][a-z0-9-]+|/(?:etc|var|opt|usr|run|proc|sys|tmp|root|home|mnt|srv)/[A-Za-z0-9._/-]+)")
        .expect("the pattern is valid")
});

/// `deployment/name`, and `deployment a-name`, in running text.
static OBJECT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r#"(?i)\b(?:pod|deployment|deploy|statefulset|daemonset|replicaset|service|svc|configmap|secret|node|namespace|job|cronjob|pvc|persistentvolumeclaim|ingress|serviceaccount|storageclass)s?(?:/([a-z0-9][a-z0-9.-]*[a-z0-9])|\s+["']?([a-z0-9][a-z0-9.]*-[a-z0-9.-]*[a-z0-9])["']?)"#,
    )
    .expect("the pattern is valid")
});

/// What a reply may repeat.
#[derive(Debug, Default)]
pub struct Grounds {
    /// Everything the evidence and the question say, lower case.
    text: String,
    /// Their words without punctuation, lower case.
    words: HashSet<String>,
    /// Tool and verb of every command in the evidence.
    verbs: HashSet<(String, String)>,
}

impl Grounds {
    /// The grounds of an answer.
    pub fn new(evidence: &[Evidence], question: &str) -> Self {
        let mut grounds = Self::default();
        for passage in evidence {
            let quotable = passage.quotable();
            for command in commands_in(&quotable) {
                grounds.verbs.extend(parts(&command).into_iter().filter_map(|part| verb_of(&part)));
            }
            grounds.add(&quotable);
        }
        // A command that the asker has typed is no proof that it is right to run it: words only.
        grounds.add(question);
        grounds
    }

    fn add(&mut self, text: &str) {
        let lower = text.to_lowercase();
        self.words.extend(lower.split(|c: char| !is_word_char(c)).map(|word| trimmed(word).to_owned()));
        self.text.push_str(&lower);
        self.text.push('\n');
    }

    /// Whether the sources say this literally.
    fn say(&self, literal: &str) -> bool {
        let literal = literal.to_lowercase();
        self.words.contains(trimmed(&literal)) || (literal.len() > 3 && self.text.contains(literal.as_str()))
    }
}

fn is_word_char(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':' | '%' | '+')
}

fn trimmed(word: &str) -> &str {
    word.trim_matches(['.', ':', '/', '+'])
}

/// A reply's text after the check.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Checked {
    /// The text with its marks.
    pub text: String,
    /// Commands, flags, paths and names that no source has.
    pub unverified: BTreeSet<String>,
    /// Destructive commands.
    pub destructive: BTreeSet<String>,
}

/// Marks what no source has (unless `grounds` is absent, for text that only quotes) and labels what destroys.
pub fn checked(text: &str, grounds: Option<&Grounds>, phrases: &Phrases) -> Checked {
    let mut found = Checked::default();
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    let mut block: Option<(Range<usize>, bool)> = None;
    for (event, range) in TextMergeWithOffset::new(Parser::new_ext(text, OPTIONS).into_offset_iter()) {
        match event {
            Event::Start(Tag::CodeBlock(_)) => block = Some((range, false)),
            Event::End(TagEnd::CodeBlock) => {
                if let Some((range, true)) = block.take() {
                    let end = range.start + text[range].trim_end().len();
                    edits.push((end..end, format!("\n({})", phrases.destructive)));
                }
            }
            Event::Text(code) if block.is_some() => {
                let mut at = range.start;
                let mut is_destructive = false;
                for line in code.split_inclusive('\n') {
                    let verdict = judge(line.trim_end_matches('\n'), grounds, true);
                    found.note(line.trim(), &verdict);
                    let source = at..at + line.trim_end_matches('\n').len();
                    at += line.len();
                    // Where the source differs from the text (an indented block), the line cannot be edited by itself.
                    if text.get(source.clone()) != Some(line.trim_end_matches('\n')) {
                        is_destructive |= verdict.destructive;
                        continue;
                    }
                    match (verdict.unverified, verdict.destructive) {
                        (true, true) => edits.push((source, format!("# {}", phrases.removed))),
                        (true, false) => {
                            edits.push((source.end..source.end, format!("  # {}", phrases.unverified)))
                        }
                        (false, true) => is_destructive = true,
                        (false, false) => {}
                    }
                }
                if let Some((_, marked)) = &mut block {
                    *marked |= is_destructive;
                }
            }
            Event::Code(code) => {
                let verdict = judge(&code, grounds, true);
                found.note(&code, &verdict);
                edits.extend(verdict.edit(range, phrases));
            }
            Event::Text(_) => {
                let start = range.start;
                for line in text[range].split_inclusive('\n') {
                    let offset = line.as_ptr() as usize - text.as_ptr() as usize;
                    debug_assert!(offset >= start);
                    prose(line, offset, grounds, phrases, &mut edits, &mut found);
                }
            }
            _ => {}
        }
    }
    found.text = applied(text, edits);
    found
}

impl Checked {
    fn note(&mut self, command: &str, verdict: &Verdict) {
        if verdict.unverified {
            self.unverified.insert(command.to_owned());
        }
        if verdict.destructive {
            self.destructive.insert(command.to_owned());
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Verdict {
    unverified: bool,
    destructive: bool,
}

impl Verdict {
    /// The mark after a command, or what stands in its place.
    fn edit(self, range: Range<usize>, phrases: &Phrases) -> Option<(Range<usize>, String)> {
        match (self.unverified, self.destructive) {
            (true, true) => Some((range, format!("[{}]", phrases.removed))),
            (true, false) => Some((range.end..range.end, format!(" ({})", phrases.unverified))),
            (false, true) => Some((range.end..range.end, format!(" ({})", phrases.destructive))),
            (false, false) => None,
        }
    }
}

/// Judges a code span or a line of a code block. In code every word counts (`strict`); in running text ordinary words
/// are the sentence's.
fn judge(code: &str, grounds: Option<&Grounds>, strict: bool) -> Verdict {
    let line = code.trim();
    if line.is_empty() || line.starts_with('#') {
        return Verdict::default();
    }
    let destructive = DESTRUCTIVE.is_match(line);
    let Some(grounds) = grounds else { return Verdict { unverified: false, destructive } };
    // A line that stands in the sources needs no taking apart.
    if grounds.text.contains(line.to_lowercase().as_str()) && line.len() > 3 {
        return Verdict { unverified: false, destructive };
    }
    let parts = parts(line);
    let is_command = parts.iter().any(|part| tool_of(part).is_some());
    let unverified = match is_command {
        true => parts.iter().any(|part| !is_grounded(part, grounds, strict)),
        false => is_literal(line) && !grounds.say(line),
    };
    Verdict { unverified, destructive }
}

/// Whether a code span is something one would type: a flag, a path, a name with a hyphen, dot, slash or digit.
fn is_literal(span: &str) -> bool {
    let one_word = !span.contains(char::is_whitespace);
    let is_placeholder = span.contains(['<', '>', '{', '}', '$', '*', '…']);
    let compound = span.contains(['-', '/', '.', '_']);
    one_word && !is_placeholder && compound && span.chars().any(char::is_alphabetic)
}

/// A command's tool and verb, when both are given.
fn verb_of(part: &[String]) -> Option<(String, String)> {
    let tool = tool_of(part)?;
    let rest = part.iter().skip_while(|word| word.as_str() != tool).skip(1);
    let verb = rest
        .filter(|word| !word.starts_with('-'))
        .find(|word| word.chars().all(|c| c.is_alphabetic() || c == '-'))?;
    Some((tool.to_owned(), verb.to_lowercase()))
}

/// The program of a command: its first word after `sudo`, variables and prompts.
fn tool_of(part: &[String]) -> Option<&'static str> {
    let first = part.iter().find(|word| {
        let is_assignment = word
            .split_once('=')
            .is_some_and(|(name, _)| name.chars().all(|c| c.is_ascii_uppercase() || c == '_'));
        !matches!(word.as_str(), "$" | "#" | "%" | "sudo" | "time" | "watch") && !is_assignment
    })?;
    let name = first.rsplit('/').next().unwrap_or(first);
    TOOLS.iter().find(|tool| **tool == name).copied()
}

fn is_grounded(part: &[String], grounds: &Grounds, strict: bool) -> bool {
    let Some(tool) = tool_of(part) else {
        // A filter's arguments are its own business; anything else is no command we know.
        return true;
    };
    let verb = verb_of(part).map(|(_, verb)| verb);
    let reads = READERS.contains(&tool)
        || verb.as_ref().is_some_and(|verb| {
            READ_ONLY.iter().any(|(reader, verbs)| *reader == tool && verbs.contains(&verb.as_str()))
        })
        || (matches!(tool, "kubectl" | "oc") && is_rollout_status(part));
    let in_evidence = match &verb {
        Some(verb) => grounds.verbs.contains(&(tool.to_owned(), verb.clone())),
        None => grounds.say(tool),
    };
    if !reads && !in_evidence {
        return false;
    }
    let words = part.iter().skip_while(|word| word.as_str() != tool).skip(1);
    words
        .filter(|word| verb.as_deref() != Some(word.to_lowercase().as_str()))
        .flat_map(|word| match word.split_once('=') {
            Some((flag, value)) if word.starts_with('-') => vec![flag, value],
            _ => vec![word.as_str()],
        })
        .all(|word| {
            let is_quoted =
                word.contains(['{', '}', '<', '>', '$', '*', '\'', '"', '…']) || word.contains(' ');
            let is_plain = !strict && !word.starts_with('-') && !word.contains(['-', '/', '.', '_', '=']);
            is_quoted
                || is_plain
                || word.is_empty()
                || word.chars().all(|c| c.is_ascii_digit() || matches!(c, 's' | 'm' | 'h'))
                || is_upper_placeholder(word)
                || (reads && COMMON.contains(&word))
                || word.split(['/', ',']).all(|piece| {
                    piece.is_empty()
                        || (reads && COMMON.contains(&piece.to_lowercase().as_str()))
                        || grounds.say(piece)
                })
        })
}

/// `POD_NAME`: what the reader fills in.
fn is_upper_placeholder(word: &str) -> bool {
    word.len() > 1 && word.chars().all(|c| c.is_ascii_uppercase() || matches!(c, '_' | '-'))
}

fn is_rollout_status(part: &[String]) -> bool {
    part.windows(2).any(|pair| pair[0] == "rollout" && matches!(pair[1].as_str(), "status" | "history"))
}

/// The commands of a line, split at pipes and lists, each as words; quoted text is one word with its quotes.
fn parts(line: &str) -> Vec<Vec<String>> {
    let mut parts: Vec<Vec<String>> = vec![Vec::new()];
    let mut word = String::new();
    let mut quote: Option<char> = None;
    let end_word = |word: &mut String, parts: &mut Vec<Vec<String>>| {
        if !word.is_empty() {
            let part = parts.last_mut().expect("there is always one");
            part.push(std::mem::take(word));
        }
    };
    for character in line.chars() {
        match quote {
            Some(open) => {
                word.push(character);
                if character == open {
                    quote = None;
                }
            }
            None if matches!(character, '\'' | '"') => {
                quote = Some(character);
                word.push(character);
            }
            None if character.is_whitespace() => end_word(&mut word, &mut parts),
            None if matches!(character, '|' | ';' | '&' | '`' | '(' | ')') => {
                end_word(&mut word, &mut parts);
                parts.push(Vec::new());
            }
            None => word.push(character),
        }
    }
    end_word(&mut word, &mut parts);
    parts
        .retain(|part| part.first().is_some_and(|first| first != "\\" && !FILTERS.contains(&first.as_str())));
    parts
}

/// Every command line in the code of a text.
fn commands_in(text: &str) -> Vec<String> {
    let mut commands = Vec::new();
    for range in markdown::code_ranges(text) {
        let code = &text[range];
        commands.extend(code.lines().map(|line| line.trim_matches(['`', ' ', '\t']).to_owned()));
    }
    // People also write commands into sentences.
    commands.extend(
        text.lines().flat_map(|line| segments(line).into_iter().map(|segment| line[segment].to_owned())),
    );
    commands
}

/// The parts of a line of running text that look like commands: from a tool's name to the end of the sentence.
fn segments(line: &str) -> Vec<Range<usize>> {
    let mut segments: Vec<Range<usize>> = Vec::new();
    let mut at = 0;
    for word in line.split_inclusive(char::is_whitespace) {
        let start = at + word.len() - word.trim_start_matches(['`', '"', '(', '$']).len();
        at += word.len();
        let name = word.trim_matches(|c: char| c.is_whitespace() || matches!(c, '`' | '"' | '(' | '$'));
        // Words such as `service` and `kill` are English too: only tools that nobody mentions otherwise.
        let is_tool = matches!(
            name,
            "kubectl"
                | "oc"
                | "helm"
                | "docker"
                | "podman"
                | "crictl"
                | "systemctl"
                | "etcdctl"
                | "kubeadm"
                | "argocd"
                | "terraform"
                | "rm"
        );
        if !is_tool || segments.last().is_some_and(|last| start < last.end) {
            continue;
        }
        let rest = &line[start..];
        let end = markdown::sentences(rest).first().map_or(rest.len(), |first| first.len());
        let end = rest[..end].find([';', '`', '[', ',', '，', '。']).unwrap_or(end);
        segments.push(start..start + rest[..end].trim_end_matches(['.', ':', ' ', '\n']).len());
    }
    segments
}

/// Checks one line of running text.
fn prose(
    line: &str,
    offset: usize,
    grounds: Option<&Grounds>,
    phrases: &Phrases,
    edits: &mut Vec<(Range<usize>, String)>,
    found: &mut Checked,
) {
    let segments = segments(line);
    for segment in &segments {
        let verdict = judge(&line[segment.clone()], grounds, false);
        found.note(&line[segment.clone()], &verdict);
        edits.extend(verdict.edit(offset + segment.start..offset + segment.end, phrases));
    }
    let Some(grounds) = grounds else { return };
    let literals = LITERAL.captures_iter(line).filter_map(|captures| captures.get(1));
    let objects = OBJECT.captures_iter(line).filter_map(|captures| captures.get(1).or(captures.get(2)));
    for literal in literals.chain(objects) {
        let inside = segments.iter().any(|segment| segment.contains(&literal.start()));
        if !inside && !grounds.say(literal.as_str().trim_end_matches(['.', '/'])) {
            found.unverified.insert(literal.as_str().to_owned());
            let end = offset + literal.end();
            edits.push((end..end, format!(" ({})", phrases.unverified)));
        }
    }
}

fn applied(text: &str, mut edits: Vec<(Range<usize>, String)>) -> String {
    edits.sort_by_key(|(range, _)| (range.start, range.end));
    edited(text, edits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kb::{document::Kind, question::Language};

    const RUNBOOK: &str = "Look first:\n\n```bash\nkubectl -n search describe pod search-api-0\nkubectl -n search get pod search-api-0 -o yaml\n```\n\n\
        Raise `resources.limits.memory` in /etc/app/values.yaml. Then `kubectl rollout restart deployment/search-api -n search`. Do not delete the claim.";

    fn check(text: &str, expected: &str) {
        let evidence = Evidence {
            n: 1,
            document: "r/a.md".to_owned(),
            chunk: "r/a.md#0".to_owned(),
            title: "Memory".to_owned(),
            url: None,
            anchor: None,
            updated_at: None,
            kind: Kind::Runbook,
            language: None,
            heading_path: Vec::new(),
            text: RUNBOOK.to_owned(),
            rule: None,
        };
        let grounds = Grounds::new(&[evidence], "pod web-7c9 in namespace shop fails");
        let phrases = crate::phrases::phrases(&Language("en".to_owned()));
        let marks = checked(text, Some(&grounds), phrases)
            .text
            .replace(phrases.unverified, "?")
            .replace(phrases.destructive, "!")
            .replace(phrases.removed, "removed");
        assert_eq!(marks, expected, "{text}");
    }

    #[test]
    fn what_the_sources_say_stays() {
        for text in [
            "Run `kubectl -n search describe pod search-api-0` [1].",
            "Run `kubectl get pods -n shop -o wide` [1].",
            "Run `kubectl logs web-7c9 --previous --tail=50` [1].",
            "Run `kubectl describe pod <pod-name> -n $NS | grep -i oom` [1].",
            "Run kubectl describe pod web-7c9 to see more [1].",
            "Set `resources.limits.memory` in `/etc/app/values.yaml` [1].",
            "It is `true` or `OOMKilled` [1].",
            "The read-only step-by-step way works for the pod web-7c9 [1].",
            "Use `journalctl -u search-api` [1].",
        ] {
            check(text, text);
        }
    }

    #[test]
    fn what_no_source_has_is_marked() {
        check("Run `kubectl get pod invented-name` [1].", "Run `kubectl get pod invented-name` (?) [1].");
        check("Run `kubectl patch pod web-7c9` [1].", "Run `kubectl patch pod web-7c9` (?) [1].");
        check(
            "Set --eviction-hard and /etc/kubernetes/x.conf [1].",
            "Set --eviction-hard (?) and /etc/kubernetes/x.conf (?) [1].",
        );
        check("Use `--max-pods` [1].", "Use `--max-pods` (?) [1].");
        check("Look at pod other-7d8 [1].", "Look at pod other-7d8 (?) [1].");
        check("Look at deployment/frontend [1].", "Look at deployment/frontend (?) [1].");
        check(
            "Solution: kubectl scale deployment search-api --replicas=3",
            "Solution: kubectl scale deployment search-api --replicas=3 (?)",
        );
        check(
            "```\nkubectl get pods\nkubectl apply -f x.yaml\n```",
            "```\nkubectl get pods\nkubectl apply -f x.yaml  # ?\n```",
        );
    }

    #[test]
    fn what_destroys_is_labelled_and_without_a_source_removed() {
        check(
            "`kubectl rollout restart deployment/search-api -n search`",
            "`kubectl rollout restart deployment/search-api -n search` (!)",
        );
        check("`kubectl delete pod web-7c9`", "[removed]");
        check("Run kubectl delete pvc data-0 now. Then wait.", "Run [removed]. Then wait.");
        check("`rm -rf /var/lib/app`", "[removed]");
        check("`kubectl scale deployment search-api --replicas=0`", "[removed]");
        check(
            "```bash\nkubectl rollout restart deployment/search-api -n search\n```",
            "```bash\nkubectl rollout restart deployment/search-api -n search\n```\n(!)",
        );
        check(
            "```bash\nkubectl get pods\nkubectl drain worker-1 --force\n```",
            "```bash\nkubectl get pods\n# removed\n```",
        );
        check("`kubectl get pods && kubectl delete ns shop`", "[removed]");
        check("Do not restart the service or kill the pod.", "Do not restart the service or kill the pod.");
    }

    #[test]
    fn quotations_are_only_labelled() {
        let phrases = crate::phrases::phrases(&Language("en".to_owned()));
        let text = "`kubectl delete pod x` and `kubectl patch y`";
        let checked = checked(text, None, phrases);
        assert_eq!(
            checked.text,
            format!("`kubectl delete pod x` ({}) and `kubectl patch y`", phrases.destructive)
        );
        assert!(checked.unverified.is_empty() && checked.destructive.len() == 1);
    }
}

//! Commands, flags, paths and names of objects in running text. Pure.

use super::{
    destruction,
    programs::{self, Kind, verbs_of},
    shell::{self, Invocation, name_of},
    vocabulary::{has, is_made_like_tool, is_ordinary, is_tool, section},
};
use regex::Regex;
use std::{ops::Range, sync::LazyLock};

/// No command in a sentence is longer. Names of programs in a row would each be read to the end of the text.
const MAX_COMMAND_BYTES: usize = 256;

/// A word that may be a program's name, with its folder.
static NAME: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"[A-Za-z0-9_~./@-]*[A-Za-z0-9]").expect("the pattern is valid"));

/// Statements to a database, as they are written in sentences.
static STATEMENT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"\b(?:UPDATE\s+["`A-Za-z_][\w."`]*\s+SET\s+\w+\s*=\s*\S+(?:\s*;)?|ALTER\s+[A-Z]+\s+[\w."`]+\s+DROP\b[^.;\n]{0,60}|(?:DROP\s+[A-Z]+|TRUNCATE\s+TABLE|DELETE\s+FROM)\s+["`A-Za-z_][\w."`]*(?:\s*;)?|TRUNCATE\s+["`A-Za-z_][\w."`]*\s*;|(?:FLUSHALL|FLUSHDB)\b)"#)
        .expect("the pattern is valid")
});

/// Flags and paths.
static LITERAL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?x)(?:^|[^\p{Latin}\p{Nd}_./~<>}\])-])
        (--[a-z][a-z0-9-]+(?:=[A-Za-z0-9._/:-]*[A-Za-z0-9])?
        |/(?:etc|var|opt|usr|run|proc|sys|tmp|root|home|mnt|srv|data|dev|boot|lib|lib64|bin|sbin|media)/[A-Za-z0-9._/-]+
        |(?:/[A-Za-z0-9._-]+){2,}
        |(?:~|\.{1,2})/[A-Za-z0-9._/-]*[A-Za-z0-9])",
    )
    .expect("the pattern is valid")
});

/// `deployment/name`, and `deployment a-name`.
static OBJECT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r#"(?i)(?:^|[^a-z0-9_-])(?:pod|deployment|deploy|statefulset|daemonset|replicaset|service|svc|configmap|secret|node|namespace|job|cronjob|pvc|persistentvolumeclaim|ingress|serviceaccount|storageclass)s?(?:/([a-z0-9][a-z0-9.-]*[a-z0-9])|\s+["']?([a-z0-9][a-z0-9.]*-[a-z0-9.-]*[a-z0-9])["']?)"#,
    )
    .expect("the pattern is valid")
});

/// The flags, paths and names of objects of a text, outside what `is_taken`.
pub fn literals(text: &str, is_taken: impl Fn(&Range<usize>) -> bool) -> Vec<Range<usize>> {
    let literals = LITERAL.captures_iter(text).filter_map(|captures| captures.get(1));
    let objects = OBJECT
        .captures_iter(text)
        .filter_map(|captures| captures.get(1).or(captures.get(2).filter(|word| !describes(word.as_str()))));
    let mut found: Vec<Range<usize>> = literals.chain(objects).map(|literal| literal.range()).collect();
    found.sort_by_key(|range| (range.start, range.end));
    found.dedup_by(|next, last| next.start < last.end);
    found.retain(|range| !is_taken(range));
    found
}

/// Whether a word after an object's kind says how it is rather than what it is called.
fn describes(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    section("describing beginnings").iter().any(|beginning| word.starts_with(beginning))
        || section("describing endings").iter().any(|ending| word.ends_with(ending))
}

/// The parts of running text that are commands: from a program's name to where the sentence or the next command begins.
pub fn segments(text: &str) -> Vec<Range<usize>> {
    let mut segments: Vec<Range<usize>> = Vec::new();
    for name in NAME.find_iter(text) {
        let before = &text[..name.start()];
        let is_inside = before.ends_with(|c: char| c.is_alphanumeric() && c < '\u{2e80}');
        let is_told = !is_inside && tells_to_run(before);
        if is_inside || !(is_told || is_tool(&name_of(name.as_str())) || is_made_like_tool(name.as_str())) {
            continue;
        }
        let last = segments.last().filter(|last| name.start() < last.end);
        let opened_by = before.chars().next_back();
        let limit = text.floor_char_boundary(name.start() + MAX_COMMAND_BYTES);
        let end = end_of(text, name.start(), opened_by, last.map_or(limit, |last| last.end));
        let command = trimmed(&text[name.start()..end]);
        if !is_command(command, last.is_some(), is_told) {
            continue;
        }
        if let Some(last) = segments.last_mut().filter(|last| name.start() < last.end) {
            // A flag's value, and what a command runs in its turn, belong to it.
            let previous = before.split_whitespace().next_back().unwrap_or_default();
            if previous.starts_with('-') || previous.ends_with(['\'', '"']) || before.ends_with(['\'', '"']) {
                continue;
            }
            last.end = last.start + trimmed(&text[last.start..name.start()]).len();
        }
        segments.push(name.start()..name.start() + command.len());
    }
    segments.retain(|segment| !segment.is_empty());
    let statements: Vec<Range<usize>> = STATEMENT
        .find_iter(text)
        .map(|statement| statement.start()..statement.start() + trimmed(statement.as_str()).len())
        .filter(|statement| !overlaps(&segments, statement))
        .collect();
    segments.extend(statements);
    segments.sort_by_key(|segment| segment.start);
    segments
}

/// Whether a range shares anything with one of some ranges that are in order and apart.
pub fn overlaps(ranges: &[Range<usize>], range: &Range<usize>) -> bool {
    let next = ranges.partition_point(|other| other.end <= range.start);
    ranges.get(next).is_some_and(|other| other.start < range.end)
}

fn trimmed(command: &str) -> &str {
    command.trim_end_matches(|c: char| c.is_whitespace() || matches!(c, '.' | ':' | ',' | '!' | '?' | '*'))
}

/// Whether words that begin with a program's name are a command, not a sentence about the program. `is_within` another
/// one, only what is certain.
fn is_command(text: &str, is_within: bool, tells_to_run: bool) -> bool {
    // Its beginning tells.
    let beginning = &text[..text.floor_char_boundary(MAX_COMMAND_BYTES / 2)];
    let calls = shell::invocations(&beginning.replace('\n', " "));
    calls.first().is_some_and(|call| {
        let is_certain = is_invocation(call) && (!is_within || verbs_of(&call.program).is_some());
        is_certain || (!is_within && tells_to_run && is_told(call))
    })
}

/// Whether words that end here tell to run what follows: `run`, `執行`, `chạy`, `jalankan`.
pub fn tells_to_run(before: &str) -> bool {
    static CUE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r"(?i)(?:\b(?:run|rerun|execute|invoke|issue|type)(?: (?:the command|this|this command|as root))?|执行|執行|运行|運行|輸入|输入|键入|鍵入|chạy(?: lệnh)?|thực thi|thực hiện lệnh|gõ(?: lệnh)?|\bjalankan(?: perintah)?|eksekusi|ketik(?:kan)?)[\s:：]*[\x22'“‘「`(]?$",
        )
        .expect("the pattern is valid")
    });
    let start = before.floor_char_boundary(before.len().saturating_sub(40));
    CUE.is_match(&before[start..])
}

/// `-f`, `--force`; a lone hyphen is the sentence's.
fn is_flag(word: &str) -> bool {
    word.starts_with('-') && word.trim_start_matches('-').starts_with(|c: char| c.is_ascii_alphabetic())
}

/// Whether what a sentence tells to run is a command of a program we do not know: a name and a flag, a path or a verb
/// that destroys.
pub fn is_told(call: &Invocation) -> bool {
    let Some(first) = call.args.first() else { return false };
    let is_name = call.written.starts_with(|c: char| c.is_ascii_lowercase())
        && call.written.len() > 1
        && call
            .written
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.'))
        && !has("phrase words", &call.written);
    let begins_argument = |text: &str| is_flag(text) || text.starts_with(['/', '~', '$']);
    let is_compound = first.text.contains(['-', '/', '.', '=', ':', '_']);
    let is_ordinary = is_ordinary(&call.program);
    let destroys = || destruction::act(call).is_some();
    let is_phrase = has("phrase words", &first.text);
    let says_so = || call.args.iter().take(3).any(|word| has("destroying words", &word.text)) || !is_ordinary;
    let is_known = is_tool(&call.program)
        && (!is_phrase && (is_compound || !is_ordinary) || destroys() && (!is_phrase || says_so()));
    is_name
        && (is_known
            || call.args.iter().take(2).any(|word| has("destroying words", &word.text))
            || call.args.iter().take(3).any(|word| begins_argument(&word.text)))
}

/// Whether a program's name and what stands after it are a command rather than words.
pub fn is_invocation(call: &Invocation) -> bool {
    let Some(first) = call.args.first() else { return false };
    if is_made_like_tool(&call.written) && !is_tool(&call.program) {
        // `frobctl purge`, but not `frobctl is a tool`.
        return !has("phrase words", &first.text) && !has("connectives", &first.text);
    }
    if !is_tool(&call.program) {
        return false;
    }
    let is_ordinary = is_ordinary(&call.program);
    let is_word = |text: &str| text.chars().all(|c| c.is_ascii_lowercase());
    let is_compound = |text: &str| {
        text.contains(['-', '/', '.', '=', '$', '<', '*']) || text.contains(|c: char| c.is_ascii_digit())
    };
    let is_capitalised = call.written.starts_with(|c: char| c.is_ascii_uppercase())
        && call.written.chars().skip(1).all(|c| !c.is_ascii_uppercase());
    let compounds = call.args.iter().filter(|word| is_compound(&word.text)).count();
    // `Python 3`, `Bash 4.1+`: a language and its version.
    let is_language =
        programs::is(&call.program, Kind::Interpreter) || programs::is(&call.program, Kind::Shell);
    if is_capitalised && is_language && !call.args.iter().any(|word| is_flag(&word.text)) {
        return false;
    }
    // `Docker restart helps`: the product.
    if is_capitalised && is_ordinary && compounds == 0 {
        return false;
    }
    if let Some(verbs) = verbs_of(&call.program) {
        return call.operands().next().is_some_and(|verb| verbs.contains(&verb.as_str()))
            || (first.text.starts_with('-')
                && call.args.iter().any(|word| verbs.contains(&word.text.to_lowercase().as_str())));
    }
    let is_path = |text: &str| {
        (text.starts_with(['-', '/', '~', '$', '<']) || (text.starts_with('.') && text.contains('/')))
            && text.contains(|c: char| c.is_ascii_alphanumeric())
    };
    match call.program.as_str() {
        "kill" | "init" => is_path(&first.text) || first.text.starts_with(|c: char| c.is_ascii_digit()),
        program if is_ordinary && program != "service" => is_path(&first.text),
        "rm" => {
            is_compound(&first.text)
                || (is_word(&first.text) && !matches!(first.text.as_str(), "command" | "the" | "a"))
        }
        "aws" | "gcloud" | "az" => is_cloud_command(call),
        "service" => {
            call.args.get(1).is_some_and(|word| {
                matches!(word.text.as_str(), "start" | "stop" | "restart" | "reload") && first.text.is_ascii()
            }) && !call.written.starts_with('S')
        }
        "dd" => call.args.iter().any(|word| word.text.contains('=')),
        _ => {
            let is_loud = first.text.len() > 3 && first.text.chars().all(|c| c.is_ascii_uppercase());
            // The name of a product: `the OCM pull-integration controller`.
            let is_shouted = call.written.len() > 1 && call.written.chars().all(|c| c.is_ascii_uppercase());
            let has_flag = call.args.iter().take(3).any(|word| is_flag(&word.text));
            has_flag
                || !is_shouted
                    && is_compound(&first.text)
                    && first.text.contains(|c: char| c.is_ascii_alphanumeric())
                || is_loud
                || first.is_quoted
                || has("destroying words", &first.text) && !is_shouted
        }
    }
}

/// Whether words after a cloud's name are a command: "the AWS Load Balancer Controller" is not a command, `aws ec2
/// stop-instances` is one.
fn is_cloud_command(call: &Invocation) -> bool {
    let [first, second, ..] = call.args.as_slice() else { return false };
    let is_lower =
        |text: &str| text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    let has_flag = call.args.iter().any(|word| word.text.starts_with("--"));
    let is_typed = call.written.chars().all(|c| c.is_ascii_lowercase() || c == '/') || has_flag;
    let names_service = has("cloud services", &first.text.to_ascii_lowercase());
    let names_action = is_lower(&first.text) && is_lower(&second.text) && second.text.contains('-');
    names_action || has_flag && first.text.is_ascii() || (is_typed && names_service && first.text.is_ascii())
}

/// Where a command in a sentence ends, at `limit` at the latest.
fn end_of(text: &str, start: usize, opened_by: Option<char>, limit: usize) -> usize {
    let closing = opened_by.filter(|c| matches!(c, '\'' | '"'));
    let (mut word_start, mut num_words, mut depth) = (start, 0, 0usize);
    let mut quote: Option<char> = None;
    let mut characters = text[start..limit].char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        let at = start + at;
        let next = characters.peek().map(|(_, next)| *next);
        let ends_word = next.is_none_or(char::is_whitespace);
        if Some(c) == closing {
            return at;
        }
        match (quote, c) {
            (Some(open), _) => {
                if c == open {
                    quote = None;
                }
                if c == '\n' {
                    quote = None;
                }
                continue;
            }
            (None, '\'' | '"') if word_start == at || text[..at].ends_with('=') => quote = Some(c),
            (None, '`' | '[' | ';') => return at,
            (None, '(') => depth += 1,
            (None, ')') if depth == 0 => return at,
            (None, ')') => depth -= 1,
            (None, ',' | ':') if ends_word => return at,
            (None, '.' | '!' | '?') if ends_word && word_start < at => {
                let rest = text[at + 1..limit].trim_start();
                if !rest.starts_with(|c: char| c.is_ascii_lowercase() || c == '-') {
                    return at;
                }
            }
            (None, '\n') if num_words > 0 => {
                let continues = text[at + 1..limit]
                    .trim_start()
                    .starts_with(|c: char| c.is_ascii_lowercase() || matches!(c, '-' | '/'));
                if !continues {
                    return at;
                }
            }
            (None, '…') => {}
            (None, _) if !c.is_ascii() => {
                return if c.is_alphabetic() && c < '\u{2e80}' { word_start.max(start) } else { at };
            }
            _ => {}
        }
        if c.is_whitespace() {
            if word_start < at {
                let word = &text[word_start..at];
                if num_words > 0 && has("connectives", &word.to_ascii_lowercase()) {
                    return word_start;
                }
                num_words += 1;
            }
            word_start = at + 1;
        }
    }
    limit
}

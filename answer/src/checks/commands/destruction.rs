//! Commands that end, remove or overwrite something, run a text that they fetch or send out a text that they read, told
//! by signs that hold for any program. A command is named by its act (`kubectl delete`, `sql drop table`), so that a
//! reply's acts can be looked up among those of the documents. Pure.

use super::{
    grounds::verb_of,
    programs::{self, Kind, verbs_of},
    shell::{self, Feed, Invocation},
    vocabulary::{has, reader, rest_of, section},
};
use regex::{Regex, RegexSet};
use std::sync::LazyLock;

/// `DROP TABLE`, `TRUNCATE users;`, `DELETE FROM`, and what other databases call it.
static SQL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r#"(?xi)
        \b(drop)\s+(table|database|schema|index|collection|keyspace|user|role|view|function|sequence|tablespace|type|trigger|column|policy|owned|extension|materialized|partition|publication|subscription|replication|measurement|series|bucket)\b
        | \b(truncate)\s+(?:table\b|(?:["`a-z_][\w."`]*\s*(?:;|,|\bcascade\b|$)))
        | \b(delete)\s+from\s+["`\w]
        | \b(update)\s+["`\w.]+\s+(set)\s+["`\w.]+\s*=
        | \b(alter)\s+\w+\s+["`\w.]+(?:\s+["`\w.]+)?\s+(drop)\b
        | \b(grant)\s+(all)\b
        | \b(flushall|flushdb)\b
        | \b(pg_terminate_backend|pg_cancel_backend|pg_drop_replication_slot)\s*\(
        | (?:\.|\b)(dropdatabase|deletemany|deleteone|dropindexes)\s*\( | \.(drop|remove)\(
        "#,
    )
    .expect("the pattern is valid")
});

/// A file that is written over.
static REDIRECTION: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?:^|[\s;|&("'])(?:[^\s<>|;&]*[^\s<>|;&=-])?>\|?[ \t]*["']?(/[^\s;|&)"'<>]+)"#)
        .expect("the pattern is valid")
});

/// The destructive phrases that belong to no single program, in the order of their names. The first
/// `NUM_PHRASES_OF_TEXT` are looked for in any text, the others in commands only.
static PHRASES: LazyLock<RegexSet> = LazyLock::new(|| {
    RegexSet::new([
        r"(?i)\b(?:sh|bash|zsh|dash|ksh|ash|eval|source|python\d?|perl|ruby|node|iex|invoke-expression)\b[^|;&\n]{0,80}(?:<\(|\$\(|`|\()\s*(?:sudo\s+)?(?:curl|wget|fetch|aria2c|nc|ncat|base64|http|xxd|openssl|iwr|irm|invoke-webrequest|invoke-restmethod|new-object)\b",
        r"(?:^|[;&|]\s*)\.\s+<\(\s*(?:curl|wget|fetch|nc|base64)\b",
        r"(?i)\b(?:iwr|irm|invoke-webrequest|invoke-restmethod|downloadstring)\b[^\n]{0,120}\|\s*(?:iex|invoke-expression)\b|\b(?:iex|invoke-expression)\b[^\n]{0,40}\bdownloadstring\b",
        r"/dev/(?:tcp|udp)/",
        r"(?:^|[;&|]\s*)(?:sudo\s+)?(?:\$\([^)]{1,80}\)|`[^`]{1,80}`)\s+-",
        r"\b(?:eval|sh|bash|zsh|source|python\d?|perl)\b[^\n]{0,80}\bbase64\s+(?:-d|-D|--decode)\b",
        r"\w*\(\)\s*\{[^}\n]{0,40}\|[^}\n]{0,40}&\s*\}\s*;",
        r"(?:^|[;&|]\s*)(?::|true|cat /dev/null|echo -n [\x22']{2})\s*>\|?\s*[^\s&>|]",
        r"(?:^|[;|]\s*|&&\s*)>\|?\s*[~.]?[\w./-]*[/.][\w./-]*[A-Za-z](?:\s*$|\s*[;&])",
        r"(?i)^\s*format(?:\.com)?\s+[a-z]:",
        r"(?i)\bfinalizers\b\W{0,6}[:=]\W{0,4}(?:null\b|\[\s*\]|none\b)|\bremove\b[^\n]{0,60}/finalizers|/finalizers[^\n]{0,60}\bremove\b|/finalize\b",
        r"(?i)\b(?:curl|wget)\b[^|;\n]*://[^\s'\x22]*(?:\$\(|`)\s*(?:cat|env|printenv|base64|kubectl|oc|whoami|id|hostname|tar|xxd|grep|head|tail|awk|sed|find|ls|ps|gzip|openssl)\b|\b(?:dig|nslookup|ping|host)\s[^|;\n]*(?:\$\(|`)(?:\s*(?:env|printenv|whoami|id|hostname|base64|xxd)\b|[^)]{0,80}\|\s*(?:base64|xxd|od)\b)|\b(?:dig|nslookup|ping|host|curl|wget)\s[^;\n]*(?:\$\(|`)[^\n]{0,300}(?:\)|`)\.[A-Za-z]",
        r"(?i)\bclusterrole[=\s]+['\x22]?cluster-admin\b|\badd-cluster-role-to-(?:user|group)\s+cluster-admin\b",
        r"(?i)\breplicas\b\W{0,4}[:=]\W{0,4}0(?:\D|$)",
        r":NoExecute\b",
    ])
    .expect("the patterns are valid")
});
const PHRASE_NAMES: [&str; 15] = [
    "run what is fetched",
    "run what is fetched",
    "run what is fetched",
    "send out",
    "run what is put together",
    "run what is decoded",
    "fork without end",
    "empty a file",
    "empty a file",
    "format a drive",
    "drop finalizers",
    "send out",
    "grant cluster-admin",
    "scale to zero",
    "evict by taint",
];
const NUM_PHRASES_OF_TEXT: usize = 10;

/// The destructive acts of a line besides the programs that it runs: statements to a database, files written over.
pub fn acts_of_text(line: &str, is_command: bool, acts: &mut Vec<String>) {
    for captures in SQL.captures_iter(line) {
        let words: Vec<String> =
            captures.iter().skip(1).flatten().map(|word| word.as_str().to_lowercase()).collect();
        acts.push(format!("sql {}", words.join(" ")));
    }
    for captures in REDIRECTION.captures_iter(line) {
        let Some(target) = captures.get(1).map(|target| target.as_str()) else { continue };
        let is_stream = ["/dev/null", "/dev/std", "/dev/tty", "/dev/tcp", "/dev/fd"]
            .iter()
            .any(|stream| target.starts_with(stream));
        let before = line[..captures.get(0).map_or(0, |whole| whole.start())].trim();
        let empties = before.is_empty() || matches!(before, ":" | "true" | "cat /dev/null");
        if !is_stream && (is_system(target) || empties) {
            acts.push(format!("> {target}"));
        }
    }
    let num_phrases = if is_command { PHRASE_NAMES.len() } else { NUM_PHRASES_OF_TEXT };
    // Most lines of a text cannot hold any phrase, and the set is costly to match.
    if !line.contains(['(', '`', '<', '>', '/', ':', '=']) && !line.contains("cluster-admin") {
        return;
    }
    let said = PHRASES.matches(line).into_iter().filter(|at| *at < num_phrases);
    acts.extend(said.map(|at| PHRASE_NAMES[at].to_owned()));
}

/// Whether a path is in a folder of the system, whose files must not be overwritten.
fn is_system(path: &str) -> bool {
    path == "/" || section("system folders").iter().any(|folder| path.starts_with(folder))
}

/// Whether a path is the root, or a file without which a machine does not come up.
fn is_vital(path: &str) -> bool {
    path == "/" || section("vital files").iter().any(|file| path.starts_with(file))
}

/// The destructive acts of a script in a programming language.
pub fn acts_of_script(script: &str, acts: &mut Vec<String>) {
    let squeezed: String =
        script.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ").replace(" (", "(");
    if section("one-liners").iter().any(|sign| squeezed.contains(sign)) {
        acts.push("script".to_owned());
    }
}

/// Whether a line of a program in another language deletes files or runs a shell.
pub fn is_destroying_script(line: &str) -> bool {
    let line = line.to_lowercase();
    section("script signs").iter().any(|sign| line.contains(sign))
}

/// Whether a line is a statement that changes a database.
pub fn is_statement(line: &str) -> bool {
    static STATEMENT: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r"(?xi)^\s*(?: (?:insert|replace|merge)\s+into\s+\S+ | grant\s.{1,120}\sto\s | revoke\s.{1,120}\sfrom\s
            | create\s+(?:or\s+replace\s+)?(?:unique\s+|temp\s+|temporary\s+)?(?:table|user|role|database|schema|index|view|function|procedure|trigger|extension|keyspace|sequence|login|server|publication|subscription)\s+\S+
            | alter\s+(?:table|user|role|database|schema|index|system|session|keyspace|sequence|login)\s+\S+ | vacuum\s+full\b | reindex\s+(?:table|database|index)\b
            | set\s+global\s | kill\s+(?:query\s+|connection\s+)?\d+\s*;)",
        )
        .expect("the pattern is valid")
    });
    STATEMENT.is_match(line)
}

/// The destructive act of a program's call.
pub fn act(call: &Invocation) -> Option<String> {
    destroys(call).then(|| match verb_of(call) {
        Some(verb) => format!("{} {verb}", call.program),
        None => call.program.clone(),
    })
}

/// Whether a call only reads, by the table of what does.
pub fn is_read(call: &Invocation) -> bool {
    let only_asks = |text: &str| matches!(text, "--version" | "-V" | "--help" | "version" | "help");
    let asks_about_itself = !call.args.is_empty() && call.args.iter().all(|word| only_asks(&word.text));
    // `source <(x)` runs what x writes, and x is judged by itself.
    let sources = matches!(call.program.as_str(), "source" | ".")
        && call.args.iter().all(|word| word.text == "<")
        && !call.args.is_empty();
    let carries = sources || call.carries && !programs::is(&call.program, Kind::Shell);
    // Its input goes out to another host.
    let sends = call.fed == Feed::Other && matches!(call.program.as_str(), "nc" | "telnet");
    let reads = || reader(&call.program).is_some_and(|reader| reader.reads(call)) && !runs_script(call);
    !sends
        && !discloses(call)
        && !has_destroying_flag(call)
        && (asks_about_itself && !programs::is(&call.program, Kind::Destroys) || carries || reads())
}

/// Whether a call prints secret values: it changes nothing, and still is no everyday reading.
pub fn discloses(call: &Invocation) -> bool {
    const FEW: usize = 4;
    let mut written = call.program.clone();
    for operand in call.operands().take(FEW) {
        written = format!("{written} {operand}");
        if has("disclosing", &written) {
            return true;
        }
    }
    let is_secret = |operand: String| {
        operand.split(',').any(|kind| {
            let kind = kind.split('/').next().unwrap_or_default();
            matches!(kind, "secret" | "secrets")
        })
    };
    // Names and sizes of secrets disclose nothing.
    let is_plain = |format: &str| {
        matches!(format, "name" | "wide" | "") || format.starts_with("custom-columns=:metadata")
    };
    let mut words = call.args.iter().map(|word| word.text.as_str()).peekable();
    let mut shows_values = false;
    while let Some(word) = words.next() {
        let format = match word.strip_prefix("--output=").or_else(|| word.strip_prefix("-o=")) {
            Some(format) => Some(format),
            None if matches!(word, "-o" | "--output") => words.peek().copied(),
            None => word.strip_prefix("-o").filter(|_| !word.starts_with("--")),
        };
        shows_values |= format.is_some_and(|format| !is_plain(format));
    }
    matches!(call.program.as_str(), "kubectl" | "oc") && shows_values && call.operands().any(is_secret)
}

/// Whether an interpreter is given a script that does more than shape text.
fn runs_script(call: &Invocation) -> bool {
    let mut acts = Vec::new();
    let is_shaper = matches!(call.program.as_str(), "awk" | "gawk" | "mawk" | "sed");
    if is_shaper {
        let runs = |script: &str| {
            let squeezed: String = script.chars().filter(|c| !c.is_whitespace()).collect();
            squeezed.contains("system(")
                || squeezed.contains("|\"")
                || squeezed.contains("print>")
                || squeezed.contains("\"|getline")
                || (call.program == "sed" && (squeezed.ends_with("/e") || script.contains("/w ")))
        };
        return call.args.iter().any(|word| runs(&word.text));
    }
    if programs::is(&call.program, Kind::Interpreter) {
        call.args.iter().for_each(|word| acts_of_script(&word.text, &mut acts));
    }
    !acts.is_empty()
}

/// Whether a flag of any program destroys, with or without a value.
fn has_destroying_flag(call: &Invocation) -> bool {
    let letters = rest_of("letters", &call.program).unwrap_or_default();
    call.args.iter().enumerate().any(|(at, word)| {
        let text = word.text.as_str();
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        if !text.starts_with('-') || matches!(value, "false" | "no" | "none") {
            return false;
        }
        let next = call.args.get(at + 1).map_or("", |word| &word.text);
        let is_zero = |name: &str| {
            matches!(
                name,
                "--grace-period"
                    | "--replicas"
                    | "--desired-count"
                    | "--min-size"
                    | "--max-size"
                    | "--num-nodes"
                    | "--node-count"
            ) && (value == "0" || value.is_empty() && next == "0")
        };
        let lower = name.trim_start_matches('-').to_ascii_lowercase();
        let parts = || lower.split('-');
        let undoes_guard = parts().any(|part| matches!(part, "protection" | "protect" | "protected"))
            && (parts().any(|part| matches!(part, "no" | "disable" | "remove"))
                || matches!(value, "false" | "off"));
        let ends = |part: &str| matches!(part, "erase" | "wipe" | "destroy" | "zap");
        let says_so = parts().next().is_some_and(|first| has("flag stems", first)) || parts().any(ends);
        has("flags", name)
            || undoes_guard
            || is_zero(name)
            || says_so
            || lower.starts_with("yes-i-really")
            || (name == "-format" && value.is_empty() && next.is_empty())
            || (!text.starts_with("--")
                && text[1..]
                    .chars()
                    .take_while(char::is_ascii_alphabetic)
                    .any(|letter| letters.contains(letter)))
    })
}

fn destroys(call: &Invocation) -> bool {
    if is_read(call) && !call.carries {
        return false;
    }
    let program = call.program.as_str();
    let has_word =
        |words: &[&str]| call.args.iter().any(|word| words.contains(&word.text.to_lowercase().as_str()));
    let names = |test: &dyn Fn(&str) -> bool| call.args.iter().any(|word| test(&word.text));
    let is_interpreter = programs::is(program, Kind::Interpreter)
        || programs::is(program, Kind::Shell)
        || matches!(program, "source" | "." | "psql" | "iex");
    match program {
        "kill" => return !call.args.is_empty() && !has_word(&["-l", "-0", "--list"]),
        "dd" => return names(&|word| word.starts_with("of=")),
        "init" | "telinit" => return has_word(&["0", "6", "1"]),
        "git" => {
            let first = call.operands().next().unwrap_or_default();
            let has_letter = |letter| {
                names(&|word| word.starts_with('-') && !word.starts_with("--") && word.contains(letter))
            };
            if (matches!(first.as_str(), "push" | "clean" | "checkout") && has_letter('f'))
                || (first == "branch" && has_letter('D'))
            {
                return true;
            }
        }
        "mv" | "cp" | "ln" if has_word(&["/dev/null"]) => return true,
        "mv" | "cp" | "ln" | "tee" | "install" | "truncate"
            if call.args.last().is_some_and(|word| word.text.starts_with("/dev/")) =>
        {
            return true;
        }
        "tee" if !has_word(&["-a", "--append"]) && names(&is_vital) => return true,
        "mv" if call
            .args
            .iter()
            .rev()
            .skip(1)
            .any(|word| is_system(&word.text) || word.text.starts_with("/var/lib")) =>
        {
            return true;
        }
        "sed" | "tar" | "unzip" | "install" if names(&is_vital) => return true,
        "curl" | "wget" | "http" | "xh" | "httpie" => {
            let methods = call.args.iter().map(|word| word.text.to_uppercase());
            let sends = |word: &str| word.starts_with('@') || word.contains("=@");
            return methods.into_iter().any(|word| {
                word == "DELETE"
                    || word == "-XDELETE"
                    || word.ends_with("REQUEST=DELETE")
                    || word.ends_with("METHOD=DELETE")
            }) || (call.fed == Feed::Other || names(&sends) || names(&|word| word.contains("$(")))
                && names(&|word| {
                    matches!(word, "-d" | "-T" | "-F" | "--upload-file" | "--form" | "--post-file")
                        || word.starts_with("--data")
                        || word.starts_with("--post-file")
                        || word.starts_with("-d@")
                })
                || names(&|word| {
                    word.starts_with("--post-file") || word == "-T" || word.starts_with("--upload-file")
                });
        }
        "nc" | "socat" | "telnet" | "mail" | "mailx" | "sendmail" if call.fed == Feed::Other => return true,
        "nc" | "socat"
            if has_word(&["-e", "-c", "--exec", "--sh-exec"])
                || names(&|word| word.to_lowercase().starts_with("exec:")) =>
        {
            return true;
        }
        _ => {}
    }
    // An interpreter runs what comes out of a pipe.
    let is_flag = |word: &str| {
        !word.starts_with("-m")
            && !word.starts_with("-c")
            && !word.trim_start_matches('-').contains(['/', '.'])
    };
    let takes_script = call.args.iter().all(|word| is_flag(&word.text)) || has_word(&["-s"]);
    if is_interpreter
        && call.fed != Feed::Nothing
        && takes_script
        && !matches!(program, "psql" | "awk" | "gawk" | "mawk" | "su" | "source")
    {
        return true;
    }
    if runs_script(call) || program == "xargs" {
        return true;
    }
    // A script by its name: `./wipe.sh`, `psql -f drop_all.sql`.
    let is_script = |word: &str| {
        section("file endings").iter().any(|ending| {
            word.strip_suffix(ending).is_some_and(|path| {
                let name = path.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
                name.split(['-', '_', '.']).any(|part| has("script names", part))
            })
        })
    };
    let runs_files = is_interpreter || programs::is(program, Kind::RunsFiles);
    if is_script(&call.written) || runs_files && names(&is_script) {
        return true;
    }
    let is_affixed = program.contains('-')
        && section("affixes").iter().any(|affix| program.starts_with(affix))
        || program.starts_with("uninstall");
    if programs::is(program, Kind::Destroys) || is_affixed || has_destroying_flag(call) {
        return true;
    }
    // The words of a program without verbs are files and hosts; what is deleted is said by a flag.
    if programs::is(program, Kind::Verbless) {
        return false;
    }
    let own = rest_of("words of", program).unwrap_or_default();
    let is_own = |word: &str| own.split(' ').any(|own| own == word);
    if !own.is_empty() && names(&|word| is_own(&word.to_lowercase())) {
        return true;
    }
    // Where a program has verbs, the words after the first are names.
    let is_group = call
        .operands()
        .next()
        .is_some_and(|word| has("groups", &word) || matches!(word.as_str(), "run" | "exec"));
    let num_verbs = if verbs_of(program).is_some() { 1 + usize::from(is_group) } else { 3 };
    call.operands().enumerate().any(|(at, word)| {
        let begins = word.split_once('-').is_some_and(|(first, _)| has("beginnings", first));
        has("destroying words", &word) || at < num_verbs && is_joined(&word) || at < 4 && begins
    }) || names(&is_camel)
}

/// Whether a word is joined of what is done and what it is done to: `delete-stack`, `db:drop`, `vm.destroy`.
fn is_joined(word: &str) -> bool {
    if word.contains(['/', '=', '@', '<', '{', '$']) {
        return false;
    }
    let mut parts = word.split(['-', ':', '_', '.']);
    let (first, last) = (parts.next().unwrap_or_default(), parts.next_back());
    let num_between = parts.count();
    let Some(last) = last else { return false };
    let is_file = word.contains('.') && !(has("destroying words", last) && num_between == 0);
    !is_file
        && (has("stems", first)
            || (word.contains([':', '.']) && (has("destroying words", last) || has("stems", last)))
            || (has("stems", last)
                && num_between <= 1
                && !section("describing beginnings").contains(format!("{first}-").as_str())))
}

/// Whether a word is joined so by its capitals: `DeleteShard`, `flywayClean`.
fn is_camel(word: &str) -> bool {
    let is_plain = word.chars().all(|c| c.is_ascii_alphanumeric()) && word.len() < 64;
    let inner = word.char_indices().skip(1).find(|(_, c)| c.is_ascii_uppercase());
    let outer = word.char_indices().skip(1).filter(|(_, c)| c.is_ascii_uppercase()).last();
    is_plain
        && (inner.is_some_and(|(at, _)| has("stems", &word[..at].to_ascii_lowercase()))
            || outer.is_some_and(|(at, _)| at > 1 && has("stems", &word[at..].to_ascii_lowercase())))
}

/// Every destructive act of a line of code.
pub fn acts(line: &str, counts: impl Fn(&Invocation) -> bool) -> Vec<String> {
    let mut acts: Vec<String> =
        shell::invocations(line).iter().filter(|call| counts(call)).filter_map(act).collect();
    acts_of_text(line, true, &mut acts);
    acts
}

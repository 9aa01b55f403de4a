//! What ends, removes or overwrites something. A command is named by its act (`kubectl delete`, `sql drop table`), so that
//! a reply's acts can be looked up among those of the documents. Pure.

use super::{
    grounds::verb_of,
    shell::{self, Invocation},
    vocabulary::{
        ALWAYS, BEGINNINGS, FLAGS, HARMLESS, LETTERS_OF, READ_ONLY, READERS, SYSTEM_FOLDERS, WORDS, WORDS_OF,
    },
};
use regex::Regex;
use std::sync::LazyLock;

/// `DROP TABLE`, `TRUNCATE users;`, `DELETE FROM`, and what other databases call it.
static SQL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r#"(?xi)
        \b(drop)\s+(table|database|schema|index|collection|keyspace|user|role|view|function|sequence|tablespace|type|trigger|column|policy)\b
        | \b(truncate)\s+(?:table\b|(?:["`a-z_][\w."`]*\s*(?:;|,|\bcascade\b|$)))
        | \b(delete)\s+from\s+["`\w]
        | \b(flushall|flushdb)\b
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

/// What of a line destroys, besides the programs it runs: statements to a database, files written over.
pub fn acts_of_text(line: &str, acts: &mut Vec<String>) {
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
        let is_system = SYSTEM_FOLDERS.iter().any(|folder| target.starts_with(folder));
        if !is_stream && (is_system || empties) {
            acts.push(format!("> {target}"));
        }
    }
}

/// The destructive act of a program's call.
pub fn act(call: &Invocation) -> Option<String> {
    destroys(call).then(|| match verb_of(call) {
        Some(verb) => format!("{} {verb}", call.program),
        None => call.program.clone(),
    })
}

fn destroys(call: &Invocation) -> bool {
    let program = call.program.as_str();
    if HARMLESS.contains(&program) || READERS.contains(&program) || is_read(call) {
        return false;
    }
    let has_flag = |flag: &str| call.args.iter().any(|word| word.text.split('=').next() == Some(flag));
    let has_letter = |letters: &str| {
        call.args.iter().any(|word| {
            word.text
                .strip_prefix('-')
                .is_some_and(|rest| !rest.starts_with('-') && rest.contains(|c| letters.contains(c)))
        })
    };
    let has_word =
        |words: &[&str]| call.args.iter().any(|word| words.contains(&word.text.to_lowercase().as_str()));
    if LETTERS_OF.iter().any(|(programs, letters)| programs.contains(&program) && has_letter(letters)) {
        return true;
    }
    match program {
        "rm" => return true,
        "kill" => return !call.args.is_empty() && !has_word(&["-l", "-0", "--list"]),
        "dd" => return call.args.iter().any(|word| word.text.starts_with("of=")),
        "shutdown" | "halt" => return true,
        "init" | "telinit" => return has_word(&["0", "6", "1"]),
        "find" => return has_word(&["-delete"]),
        "git" => {
            let first = call.operands().next().unwrap_or_default();
            if (matches!(first.as_str(), "push" | "clean" | "checkout") && has_letter("f"))
                || (first == "branch" && has_letter("D"))
            {
                return true;
            }
        }
        "curl" | "wget" => {
            let methods = call.args.iter().map(|word| word.text.to_uppercase());
            return methods.into_iter().any(|word| {
                word == "DELETE"
                    || word == "-XDELETE"
                    || word.ends_with("REQUEST=DELETE")
                    || word.ends_with("METHOD=DELETE")
            });
        }
        "kubectl" | "oc" => {
            let is_zero =
                call.args.windows(2).any(|pair| pair[0].text == "--replicas" && pair[1].text == "0")
                    || call.args.iter().any(|word| word.text == "--replicas=0");
            let evicts = call.args.iter().any(|word| word.text.contains("NoExecute"));
            let empties = call.args.iter().any(|word| scales_to_zero(&word.text));
            let at_once =
                call.args.windows(2).any(|pair| pair[0].text == "--grace-period" && pair[1].text == "0");
            if is_zero || evicts || empties || at_once {
                return true;
            }
        }
        _ if ALWAYS.contains(&program) => return true,
        _ => {}
    }
    // The words of a program without verbs are files and hosts; what is deleted is said by a flag.
    let is_file_tool = ["cp", "mv", "ln", "tar", "scp", "sed", "tee", "make", "npx"].contains(&program);
    let ends = |word: String| {
        WORDS.contains(&word.as_str())
            || BEGINNINGS.iter().any(|beginning| word.starts_with(beginning))
            || WORDS_OF
                .iter()
                .any(|(programs, words)| programs.contains(&program) && words.contains(&word.as_str()))
    };
    FLAGS.iter().any(|flag| has_flag(flag) || call.args.iter().any(|word| word.text == *flag))
        || (!is_file_tool && call.operands().any(ends))
}

/// `{"spec":{"replicas":0}}`
fn scales_to_zero(patch: &str) -> bool {
    let squeezed: String =
        patch.chars().filter(|c| !c.is_whitespace() && !matches!(c, '"' | '\'' | '\\')).collect();
    squeezed
        .match_indices("replicas:0")
        .any(|(at, found)| !squeezed[at + found.len()..].starts_with(|c: char| c.is_ascii_digit()))
}

/// Whether a call only reads, by its verb.
pub fn is_read(call: &Invocation) -> bool {
    READERS.contains(&call.program.as_str())
        || verb_of(call).is_some_and(|verb| {
            let first = verb.split(' ').next().unwrap_or_default();
            READ_ONLY.iter().any(|(tool, verbs)| {
                *tool == call.program && (verbs.contains(&verb.as_str()) || verbs.contains(&first))
            })
        })
}

/// Every destructive act of a line of code.
pub fn acts(line: &str, counts: impl Fn(&Invocation) -> bool) -> Vec<String> {
    let mut acts: Vec<String> =
        shell::invocations(line).iter().filter(|call| counts(call)).filter_map(act).collect();
    acts_of_text(line, &mut acts);
    acts
}

//! The kind of a block of code in a document: commands to run, configuration to write, or output that only shows
//! something. The info string of a fence is a hint, the text decides: commands stand in fences of any name, logs in
//! those of a shell. Pure.

use crate::{
    checks::commands::is_known_program,
    fences::{self, Reading},
};
use regex::Regex;
use std::sync::LazyLock;

/// The kind of a block of code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Code {
    /// Commands, each with its continuation lines; prompts and the output between them are left out.
    Commands(Vec<String>),
    /// Configuration, a query, a program: to be written or read as it stands.
    Text,
    /// A log or the output of a command.
    Output,
}

/// How lines of logs and of output begin, or words that only they have.
static OUTPUT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r#"^\s*(?:[\[{(]?"?\d{4}[-/]\d\d[-/]\d\d[T ]|[\[(]?\d\d:\d\d:\d\d|(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\s+\d{1,2}\s"#,
        r#"|[EWIFD]\d{4}\s|(?:ts|time|level|msg|caller)=|\{"(?:ts|time|level|msg|severity)"|\d+[smhd](?:\d+[smhd])?\s+(?:Normal|Warning)\b"#,
        r#"|(?:fatal|panic|goroutine|Traceback|Caused by|caused by|exec: |Warning|WARN|ERROR|INFO|DEBUG|FATAL|Events?:|Error)\b"#,
        r#"|[A-Z][A-Z0-9()/%_-]+(?: [A-Z]+)?\s{2,}[A-Z][A-Z0-9()/%_-]+|[a-z_./-]+\.(?:go|c|cc|py|rs|java):\d+[\])]|\S+@\S+ ~)"#,
    ))
    .expect("the pattern is valid")
});

/// A prompt before a command.
static PROMPT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^\s*(?:\[?[\w.-]+@[\w.-]+[^#$]{0,60}[#$]\s+|PS(?: [A-Za-z]:[^>]{0,80})?>\s*|[A-Za-z]:\\[^>]{0,80}>\s*|(?:sh|bash)[-\d.]*[#$]\s+|\$\s+|❯\s+|%\s+)")
        .expect("the pattern is valid")
});

/// How a command's first word looks: a program, a path to one, a Cmdlet, an assignment before one.
static PROGRAM: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?:\.{0,2}/[\w./-]+|[a-z][a-z0-9_+.-]{0,30}|[A-Z][a-z]+-[A-Z][A-Za-z]+|[A-Z_][A-Z0-9_]*=\S*|\$env:\w+)(?:\s|$)")
        .expect("the pattern is valid")
});

/// The kind of a block, by the first word of its info string and by its text.
pub fn kind_of(language: &str, text: &str) -> Code {
    let language = language.trim_matches(['{', '}', '.']).to_ascii_lowercase();
    let language = language.split([',', ':', ' ', '{']).next().unwrap_or_default();
    let is_shell = fences::is(language, Reading::Typed);
    if !(is_shell || language.is_empty() || fences::is(language, Reading::Silent)) {
        return if language == "log" || language == "logs" { Code::Output } else { Code::Text };
    }
    let lines = logical_lines(text);
    let prompted: Vec<String> = lines.iter().filter_map(|line| without_prompt(line)).collect();
    if !prompted.is_empty() {
        return Code::Commands(prompted);
    }
    let said: Vec<&String> =
        lines.iter().filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#')).collect();
    let Some(first) = said.first() else { return Code::Text };
    if OUTPUT.is_match(first) {
        return Code::Output;
    }
    let looks = |line: &str| looks_like_command(line, is_shell);
    match looks(first) {
        true if is_shell || said.iter().filter(|line| looks(line)).count() * 2 > said.len() => {
            // Output may follow the command that gave it.
            let kept = lines.iter().take_while(|line| !OUTPUT.is_match(line)).cloned();
            Code::Commands(kept.filter(|line| !line.trim().is_empty()).collect())
        }
        _ if is_shell && !said.iter().any(|line| looks(line)) => Code::Output,
        _ if is_shell => Code::Commands(lines.into_iter().filter(|line| !line.trim().is_empty()).collect()),
        _ => Code::Text,
    }
}

fn without_prompt(line: &str) -> Option<String> {
    let prompt = PROMPT.find(line)?;
    let command = line[prompt.end()..].trim_end();
    (!command.is_empty()).then(|| command.to_owned())
}

/// Whether a line is a command. Under a fence that names a shell any program is one; elsewhere the line must look like
/// one as a whole.
fn looks_like_command(line: &str, is_shell: bool) -> bool {
    let line = line.trim();
    if !PROGRAM.is_match(line) || OUTPUT.is_match(line) {
        return false;
    }
    let first = line.split_whitespace().next().unwrap_or_default();
    let is_sentence = line.ends_with(['.', '!', '?', ',', ';']) && !line.ends_with("..");
    // `key: value`, `key = value`, `{`, a line of a program.
    let is_setting = first.ends_with(':') || line.split_whitespace().nth(1).is_some_and(|word| word == "=");
    if is_setting || line.ends_with(['{', '}', ':']) && !is_shell {
        return false;
    }
    let has_flag = line.split_whitespace().skip(1).any(|word| {
        word.starts_with('-') && word.len() > 1
            || word.contains("://")
            || word.starts_with(['/', '<', '$', '.'])
    });
    let is_short = line.split_whitespace().count() <= 6;
    let is_known = is_known_program(first.rsplit('/').next().unwrap_or(first));
    is_shell || is_known || (!is_sentence && (has_flag || (is_short && line.split_whitespace().count() >= 2)))
}

/// Lines with those that continue them: after a backslash, a backtick, an open quote, an open here-document.
fn logical_lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut here: Option<String> = None;
    let mut continues = false;
    for line in text.lines() {
        match lines.last_mut() {
            Some(last) if continues || here.is_some() => {
                last.push('\n');
                last.push_str(line);
            }
            _ => lines.push(line.to_owned()),
        }
        if let Some(end) = &here {
            if line.trim() == end {
                here = None;
            }
            continues = false;
            continue;
        }
        here = here_document(line);
        let whole = lines.last().map(String::as_str).unwrap_or_default();
        continues = line.trim_end().ends_with(['\\', '|'])
            || line.trim_end().ends_with("&&")
            || (line.trim_end().ends_with('`') && line.trim_end().matches('`').count() % 2 == 1)
            || has_open_quote(whole);
    }
    lines
}

/// The word that ends the here-document which a line opens.
fn here_document(line: &str) -> Option<String> {
    let after = line.split_once("<<")?.1;
    if after.starts_with('<') {
        return None;
    }
    let word = after.trim_start_matches('-').trim_start().trim_start_matches(['\'', '"', '\\']);
    let end = word.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(word.len());
    (end > 0).then(|| word[..end].to_owned())
}

/// Whether a quote is open at the end. An apostrophe within a word opens none.
fn has_open_quote(text: &str) -> bool {
    let mut open: Option<char> = None;
    let mut previous = ' ';
    for character in text.chars() {
        match open {
            Some(quote) if character == quote && previous != '\\' => open = None,
            None if matches!(character, '\'' | '"') && previous != '\\' && !previous.is_alphanumeric() => {
                open = Some(character);
            }
            None if character == '#' && previous.is_whitespace() => break,
            _ => {}
        }
        previous = character;
    }
    open.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commands(lines: &[&str]) -> Code {
        Code::Commands(lines.iter().map(|line| (*line).to_owned()).collect())
    }

    #[test]
    fn commands_are_told_by_their_text() {
        for (language, text, expected) in [
            (
                "nohighlight",
                "platctl login https://api.example.com --sso",
                commands(&["platctl login https://api.example.com --sso"]),
            ),
            ("terminal", "platctl login prod", commands(&["platctl login prod"])),
            ("", "kubectl get pods", commands(&["kubectl get pods"])),
            ("powershell", "Get-Service relay", commands(&["Get-Service relay"])),
            ("text", "PS C:\\> Restart-Service relay\nok", commands(&["Restart-Service relay"])),
            ("console", "$ ceph status\n  health: HEALTH_WARN", commands(&["ceph status"])),
            (
                "sh",
                "# delete it\nip link set cni0 down\nip link delete cni0",
                commands(&["# delete it", "ip link set cni0 down", "ip link delete cni0"]),
            ),
            (
                "bash",
                "helm upgrade x \\\n  --set a=b\necho done",
                commands(&["helm upgrade x \\\n  --set a=b", "echo done"]),
            ),
            (
                "sh",
                "kubectl apply -f - <<EOF\na: b\n\nc: d\nEOF\nls",
                commands(&["kubectl apply -f - <<EOF\na: b\n\nc: d\nEOF", "ls"]),
            ),
            (
                "bash",
                "NS=a POD=b\nkubectl -n $NS get pod $POD",
                commands(&["NS=a POD=b", "kubectl -n $NS get pod $POD"]),
            ),
        ] {
            assert_eq!(kind_of(language, text), expected, "{text}");
        }
    }

    #[test]
    fn logs_and_settings_are_no_commands() {
        for (language, text, expected) in [
            ("sh", "Mar 14 04:22:05 node1 kubelet[29801]: E0314 NetworkPlugin cni failed", Code::Output),
            ("bash", "level=warn ts=2020-04-18T03:07:00Z caller=x.go:54 msg=\"y\"", Code::Output),
            ("shell", "Error from server (BadRequest): error when creating", Code::Output),
            ("", "NAME   READY   STATUS\nweb    0/1     Pending", Code::Output),
            ("yaml", "a: b", Code::Text),
            ("", "global:\n  external_labels:\n    cluster: eu1", Code::Text),
            ("text", "The relay is down.", Code::Text),
            ("", "fs.aio-max-nr = 1048576", Code::Text),
            ("promql", "up == 0", Code::Text),
        ] {
            assert_eq!(kind_of(language, text), expected, "{text}");
        }
    }
}

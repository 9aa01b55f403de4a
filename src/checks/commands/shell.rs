//! Command lines taken apart as a shell reads them: words without their quotes, and the programs that run, whatever
//! stands in front of them. Pure.

use super::vocabulary::{
    ALIASES, KEYWORDS, SHELLS, SPEAKERS, TAKES_COMMAND, VALUE_FLAGS, WRAPPERS, is_known, is_wrapper_argument,
};
use std::iter::Peekable;

/// How deep commands may stand in each other's quotes; deeper ones are only words.
const MAX_DEPTH: usize = 4;

/// A word with its quotes and backslashes resolved.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Word {
    /// What the program gets.
    pub text: String,
    /// Whether a part of it was quoted.
    pub is_quoted: bool,
}

/// A program and what it is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// Its name in lower case, without the folder.
    pub program: String,
    /// As it was written, with the folder.
    pub written: String,
    /// The words after it.
    pub args: Vec<Word>,
    /// Whether it only stands in another command's quotes, which may be text as well.
    pub is_quotation: bool,
}

impl Invocation {
    /// The words that are no flags and no values of flags, lower case.
    pub fn operands(&self) -> impl Iterator<Item = String> {
        let mut args = self.args.iter();
        std::iter::from_fn(move || {
            loop {
                let word = args.next()?;
                if !word.text.starts_with('-') {
                    return Some(word.text.to_lowercase());
                }
                if VALUE_FLAGS.contains(&word.text.as_str()) {
                    args.next();
                }
            }
        })
    }
}

/// Every program that a line runs, in order: those in pipes and lists, behind `sudo` and the like, in `bash -c "..."`, and
/// after `exec ... --`.
pub fn invocations(line: &str) -> Vec<Invocation> {
    let mut found = Vec::new();
    collect(line, 0, false, &mut found);
    found
}

fn collect(line: &str, depth: usize, is_quotation: bool, found: &mut Vec<Invocation>) {
    for words in commands(line) {
        collect_words(&words, depth, is_quotation, found);
    }
}

fn collect_words(words: &[Word], depth: usize, is_quotation: bool, found: &mut Vec<Invocation>) {
    let mut words = words;
    let (first, args) = loop {
        let skipped = words.iter().take_while(|word| is_preamble(&word.text)).count();
        words = &words[skipped..];
        let Some((first, rest)) = words.split_first() else { return };
        if first.is_quoted && first.text.contains(char::is_whitespace) && depth < MAX_DEPTH {
            return collect(&first.text, depth + 1, true, found);
        }
        if !WRAPPERS.contains(&name_of(&first.text).as_str()) {
            break (first, rest);
        }
        // What the wrapper's own arguments are is not known for all of them: a tool among them ends the search.
        let next = rest
            .iter()
            .position(|word| is_known(&name_of(&word.text)))
            .or_else(|| rest.iter().position(|word| !is_wrapper_argument(&word.text)));
        match next {
            Some(next) => words = &rest[next..],
            None => return,
        }
    };
    let program = name_of(&first.text);
    let mut inner: Option<&[Word]> = None;
    let mut args = args;
    if depth < MAX_DEPTH {
        if SHELLS.contains(&program.as_str()) {
            let script = args
                .iter()
                .skip_while(|word| {
                    !(word.text.starts_with('-') && !word.text.starts_with("--") && word.text.ends_with('c'))
                })
                .nth(1);
            if let Some(script) = script {
                return collect(&script.text, depth + 1, is_quotation, found);
            }
        }
        if let Some(at) = inner_command(&program, args) {
            inner = Some(&args[at..]);
            args = &args[..at];
        }
    }
    let quotes = args.iter().filter(|word| word.is_quoted && word.text.contains(char::is_whitespace));
    let quotes: Vec<&Word> = if SPEAKERS.contains(&program.as_str()) { Vec::new() } else { quotes.collect() };
    found.push(Invocation {
        program: program.clone(),
        written: first.text.clone(),
        args: args.to_vec(),
        is_quotation,
    });
    if depth < MAX_DEPTH {
        for quote in quotes {
            collect(&quote.text, depth + 1, true, found);
        }
        match inner {
            Some([only]) if only.is_quoted => collect(&only.text, depth + 1, is_quotation, found),
            Some(inner) => collect_words(inner, depth + 1, is_quotation, found),
            None => {}
        }
    }
}

/// Where the arguments become another command: `kubectl exec x -- rm`, `ssh host rm`, `find . -exec rm`.
fn inner_command(program: &str, args: &[Word]) -> Option<usize> {
    if !TAKES_COMMAND.contains(&program) {
        return None;
    }
    let marker =
        args.iter().position(|word| matches!(word.text.as_str(), "--" | "-exec" | "-execdir" | "-ok"));
    if let Some(marker) = marker {
        let is_after_verb =
            program == "find" || args[..marker].iter().any(|word| !word.text.starts_with('-'));
        return (is_after_verb && marker + 1 < args.len()).then_some(marker + 1);
    }
    let after = match program {
        "find" => return None,
        "ssh" | "eval" => 0,
        _ => args.iter().position(|word| matches!(word.text.as_str(), "exec" | "rsh"))? + 1,
    };
    let runs = |word: &Word| {
        is_known(&name_of(&word.text)) || (word.is_quoted && word.text.contains(char::is_whitespace))
    };
    args[after..].iter().position(runs).map(|at| after + at)
}

/// A program's name as it is looked up.
pub fn name_of(word: &str) -> String {
    let name = word.rsplit('/').next().unwrap_or(word).to_lowercase();
    let name = name.strip_suffix(".exe").unwrap_or(&name);
    match ALIASES.iter().find(|(alias, _)| *alias == name) {
        Some((_, program)) => (*program).to_owned(),
        None if name.starts_with("mkfs.") => "mkfs".to_owned(),
        None => name.to_owned(),
    }
}

fn is_preamble(word: &str) -> bool {
    let is_assignment = word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty()
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
    });
    is_assignment || matches!(word, "$" | "%" | "!" | "{" | "}") || KEYWORDS.contains(&word)
}

/// The commands of a line, split at pipes and lists, each as words. What follows a `#` is a comment.
fn commands(line: &str) -> Vec<Vec<Word>> {
    let mut commands: Vec<Vec<Word>> = vec![Vec::new()];
    let mut word = Word::default();
    let mut is_open = false;
    let end_word = |word: &mut Word, is_open: &mut bool, commands: &mut Vec<Vec<Word>>| {
        if std::mem::take(is_open) {
            let ended = std::mem::take(word);
            commands.last_mut().expect("there is always one").push(ended);
        }
    };
    let last_quote = ['\'', '"'].map(|quote| (quote, line.rfind(quote)));
    let mut characters = line.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            '\'' | '"' if closes_after(&last_quote, character, at) => {
                (word.is_quoted, is_open) = (true, true);
                quoted(&mut characters, character, &mut word.text);
            }
            '\\' => match characters.next() {
                None | Some((_, '\n')) => {}
                Some((_, escaped)) => {
                    is_open = true;
                    word.text.push(escaped);
                }
            },
            '#' if !is_open => {
                end_word(&mut word, &mut is_open, &mut commands);
                while characters.next_if(|(_, character)| *character != '\n').is_some() {}
            }
            '\n' | '|' | ';' | '`' | '(' | ')' => {
                end_word(&mut word, &mut is_open, &mut commands);
                commands.push(Vec::new());
            }
            '&' if word.text.ends_with('>') || characters.peek().is_some_and(|(_, next)| *next == '>') => {
                is_open = true;
                word.text.push('&');
            }
            '&' => {
                end_word(&mut word, &mut is_open, &mut commands);
                commands.push(Vec::new());
            }
            _ if character.is_whitespace() => end_word(&mut word, &mut is_open, &mut commands),
            _ => {
                is_open = true;
                word.text.push(character);
            }
        }
    }
    end_word(&mut word, &mut is_open, &mut commands);
    for words in &mut commands {
        drop_passing_output(words);
    }
    commands.retain(|words| !words.is_empty());
    commands
}

/// Leaves out `> /tmp/x` and `2> /dev/null`.
fn drop_passing_output(words: &mut Vec<Word>) {
    let is_operator = |word: &Word| matches!(word.text.as_str(), ">" | ">>" | "2>" | "1>" | "&>");
    let is_passing = |target: &Word| target.text.starts_with("/tmp/") || target.text == "/dev/null";
    let mut previous_is_operator = false;
    words.retain(|word| {
        let drops = previous_is_operator && is_passing(word);
        previous_is_operator = is_operator(word);
        !drops
    });
    words.retain(|word| !is_operator(word));
}

/// Whether a quote that opens here is closed at all; an apostrophe is a character like others.
fn closes_after(last_quote: &[(char, Option<usize>)], quote: char, at: usize) -> bool {
    last_quote.iter().any(|(character, last)| *character == quote && last.is_some_and(|last| last > at))
}

fn quoted(characters: &mut Peekable<std::str::CharIndices<'_>>, quote: char, into: &mut String) {
    while let Some((_, character)) = characters.next() {
        match character {
            _ if character == quote => return,
            '\\' if quote == '"' => match characters.next() {
                Some((_, escaped @ ('"' | '\\' | '$' | '`'))) => into.push(escaped),
                Some((_, '\n')) | None => {}
                Some((_, other)) => into.extend(['\\', other]),
            },
            _ => into.push(character),
        }
    }
}

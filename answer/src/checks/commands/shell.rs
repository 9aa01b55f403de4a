//! Command lines taken apart as a shell reads them: words without their quotes, and the programs that run, whatever
//! stands in front of them. Pure.

use super::{
    programs::{self, Kind},
    vocabulary::{has, is_known, is_wrapper_argument},
};
use regex::Regex;
use std::{collections::HashMap, iter::Peekable, sync::LazyLock};

/// How deep commands may stand in each other's quotes; deeper ones are only words.
const MAX_DEPTH: usize = 4;

/// How many wrappers may stand before a program; with more, the next is taken for the program.
const MAX_WRAPPERS: usize = 8;

/// Most bytes of a value that a variable brings into a word.
const MAX_VALUE_BYTES: usize = 64;

/// Expansions that a shell reads as a space or as an empty text within a word: `rm${IFS}-rf`, `r$@m`, `r``m`.
static SPACES: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\$\{IFS[^}]{0,20}\}|\$IFS(?:\$\d)?").expect("the pattern is valid"));
static NOTHING: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"([A-Za-z])(?:\$[@*]|\$\{[@*!]\}|\$\(\s*\)|``)+"#).expect("the pattern is valid")
});
static VARIABLE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?").expect("the pattern is valid"));

/// A word with its quotes and backslashes resolved.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Word {
    /// The word as the program gets it.
    pub text: String,
    /// Whether a part of it was quoted.
    pub is_quoted: bool,
    /// Whether a shell runs what stands in `$(...)` in it, as between `"` and `"`.
    is_expanded: bool,
}

/// A program with its arguments and its input.
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
    /// Its input through a pipe.
    pub fed: Feed,
    /// Whether what it runs in its turn is a call of its own: `kubectl exec`, `ssh`, `find -exec`.
    pub carries: bool,
    /// Files that it writes its output into, but for passing ones.
    pub outputs: Vec<String>,
}

/// The input of a program through a pipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Feed {
    /// No input: it stands first.
    #[default]
    Nothing,
    /// Words that are written out before it: `echo ruok | nc`.
    Literal,
    /// The output of another program.
    Other,
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
                if has("value flags", &word.text) {
                    args.next();
                }
            }
        })
    }
}

/// Every program that a line runs, in order: those in pipes and lists, behind `sudo` and the like, in `bash -c "..."`,
/// and after `exec ... --`.
pub fn invocations(line: &str) -> Vec<Invocation> {
    let mut found = Found::default();
    let line = SPACES.replace_all(line, " ");
    found.collect(&NOTHING.replace_all(&line, "$1"), 0, false);
    found.calls
}

/// The calls found in a line, and the values of its variables.
#[derive(Default)]
struct Found {
    calls: Vec<Invocation>,
    variables: HashMap<String, String>,
}

impl Found {
    fn collect(&mut self, line: &str, depth: usize, is_quotation: bool) {
        for command in commands(line) {
            let before = self.calls.len();
            let is_literal = |call: &Invocation| {
                matches!(call.program.as_str(), "echo" | "printf")
                    && call.fed == Feed::Nothing
                    && !call.args.iter().any(|word| word.text.contains(['$', '`']))
            };
            let feed = match self.calls.last() {
                _ if !command.is_fed => Feed::Nothing,
                Some(call) if is_literal(call) => Feed::Literal,
                _ => Feed::Other,
            };
            self.collect_words(&command.words, depth, is_quotation);
            // The command inside a wrapper or a shell gets the input and the outputs of the wrapper.
            if let Some(call) = self.calls.get_mut(before) {
                call.fed = feed;
                call.outputs.extend(command.outputs);
            }
        }
    }

    /// A word with the values of variables that the line has set.
    fn valued(&self, word: &str) -> String {
        if self.variables.is_empty() || !word.contains('$') {
            return word.to_owned();
        }
        let value = |captures: &regex::Captures<'_>| match self.variables.get(&captures[1]) {
            Some(value) => value.clone(),
            None => captures[0].to_owned(),
        };
        VARIABLE.replace_all(word, value).into_owned()
    }

    fn collect_words(&mut self, words: &[Word], depth: usize, is_quotation: bool) {
        let mut words = words;
        let mut num_wrappers = 0;
        let (first, args) = loop {
            let skipped = words.iter().take_while(|word| is_preamble(&word.text)).count();
            for word in &words[..skipped] {
                if let Some((name, value)) =
                    word.text.split_once('=').filter(|(_, value)| value.len() <= MAX_VALUE_BYTES)
                {
                    self.variables.insert(name.to_owned(), value.to_owned());
                }
            }
            words = &words[skipped..];
            let Some((first, rest)) = words.split_first() else { return };
            if first.is_quoted && first.text.contains(char::is_whitespace) && depth < MAX_DEPTH {
                return self.collect(&first.text, depth + 1, true);
            }
            // A program that is put together: `$a $b`, `{rm,-rf,/}`.
            let valued = self.valued(&first.text);
            let listed = valued
                .strip_prefix('{')
                .and_then(|list| list.strip_suffix('}'))
                .map(|list| list.replace(',', " "));
            let spelt = listed.unwrap_or(valued);
            if spelt != first.text && depth < MAX_DEPTH {
                let text = |text: &str| Word { text: text.to_owned(), ..Word::default() };
                let spelt: Vec<Word> =
                    spelt.split_whitespace().map(text).chain(rest.iter().cloned()).collect();
                return self.collect_words(&spelt, depth + 1, is_quotation);
            }
            num_wrappers += 1;
            if num_wrappers > MAX_WRAPPERS || !programs::is(&name_of(&first.text), Kind::Wrapper) {
                break (first, rest);
            }
            // A user or a folder may stand before what is run: `sudo -u postgres psql`, `chroot /host ps`.
            let is_value = |at: usize| {
                at > 0 && has("wrapper flags", &rest[at - 1].text)
                    || programs::is(&name_of(&first.text), Kind::TakesArgument)
                        && (rest[at].text.contains('/') || !is_known(&rest[at].text))
            };
            let mut places = (0..rest.len()).filter(|at| !is_wrapper_argument(&rest[*at].text));
            let next = places.next().and_then(|at| if is_value(at) { places.next() } else { Some(at) });
            match next {
                Some(next) => words = &rest[next..],
                None => return,
            }
        };
        let program = name_of(&first.text);
        let mut inner: Option<&[Word]> = None;
        let mut args = args;
        if depth < MAX_DEPTH {
            if programs::is(&program, Kind::Shell) {
                let script = args
                    .iter()
                    .skip_while(|word| {
                        !(matches!(word.text.as_str(), "/c" | "/C" | "-Command" | "-command")
                            || word.text.starts_with('-')
                                && !word.text.starts_with("--")
                                && word.text.ends_with('c'))
                    })
                    .nth(1);
                if let Some(script) = script {
                    return self.collect(&script.text, depth + 1, is_quotation);
                }
            }
            if let Some(at) = inner_command(&program, args) {
                inner = Some(&args[at..]);
                args = &args[..at];
            }
        }
        let expanded = args.iter().filter(|word| word.is_expanded && word.text.contains(['`', '$']));
        let expanded: Vec<String> = expanded.flat_map(|word| substituted(&word.text)).collect();
        let quotes = args.iter().filter(|word| word.is_quoted && word.text.contains(char::is_whitespace));
        let quotes: Vec<&Word> =
            if programs::is(&program, Kind::Speaker) { Vec::new() } else { quotes.collect() };
        let aliased: Vec<String> =
            args.iter().filter_map(|word| Some(word.text.split_once('=')?.1.to_owned())).collect();
        self.calls.push(Invocation {
            program: program.clone(),
            written: first.text.clone(),
            args: args.iter().map(|word| Word { text: self.valued(&word.text), ..word.clone() }).collect(),
            is_quotation,
            fed: Feed::Nothing,
            carries: inner.is_some(),
            outputs: Vec::new(),
        });
        if depth < MAX_DEPTH {
            for command in expanded {
                self.collect(&command, depth + 1, is_quotation);
            }
            for quote in quotes {
                self.collect(&quote.text, depth + 1, true);
            }
            if program == "alias" {
                for value in aliased {
                    self.collect(&value, depth + 1, is_quotation);
                }
            }
            match inner {
                Some([only]) if only.is_quoted => self.collect(&only.text, depth + 1, is_quotation),
                Some(inner) => self.collect_words(inner, depth + 1, is_quotation),
                None => {}
            }
        }
    }
}

/// The commands in a word that a shell puts their output in place of: `$(x)`, and x between backticks.
fn substituted(word: &str) -> Vec<String> {
    static SUBSTITUTION: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"\$\(([^()]*(?:\([^()]*\)[^()]*)*)\)?|`([^`]+)`").expect("the pattern is valid")
    });
    let inner = SUBSTITUTION.captures_iter(word);
    inner.filter_map(|found| found.get(1).or(found.get(2))).map(|found| found.as_str().to_owned()).collect()
}

/// Where the arguments become another command: `kubectl exec x -- rm`, `ssh host rm`, `find . -exec rm`.
fn inner_command(program: &str, args: &[Word]) -> Option<usize> {
    if !programs::is(program, Kind::TakesCommand) {
        return None;
    }
    let marker =
        args.iter().position(|word| matches!(word.text.as_str(), "--" | "-exec" | "-execdir" | "-ok"));
    if let Some(marker) = marker {
        let is_after_verb = matches!(program, "find" | "fd" | "fdfind")
            || args[..marker].iter().any(|word| !word.text.starts_with('-'));
        return (is_after_verb && marker + 1 < args.len()).then_some(marker + 1);
    }
    let after = match program {
        "find" | "fd" | "fdfind" => return None,
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
    match programs::alias_of(name) {
        Some(program) => program.to_owned(),
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
    is_assignment || matches!(word, "$" | "%" | "!" | "{" | "}") || has("keywords", word)
}

/// A command of a line before it is looked at.
#[derive(Default)]
struct Command {
    words: Vec<Word>,
    is_fed: bool,
    outputs: Vec<String>,
}

/// A line's commands while they are read.
#[derive(Default)]
struct Reading {
    commands: Vec<Command>,
    command: Command,
    word: Word,
    is_open: bool,
    is_output: bool,
}

impl Reading {
    fn end_word(&mut self) {
        if !std::mem::take(&mut self.is_open) {
            return;
        }
        let word = std::mem::take(&mut self.word);
        match std::mem::take(&mut self.is_output) {
            true => self.command.outputs.extend(Some(word.text).filter(|target| !is_passing(target))),
            false => self.command.words.push(word),
        }
    }

    fn end_command(&mut self, feeds: bool) {
        self.end_word();
        self.is_output = false;
        let command = std::mem::replace(&mut self.command, Command { is_fed: feeds, ..Command::default() });
        if !command.words.is_empty() || !command.outputs.is_empty() {
            self.commands.push(command);
        }
    }
}

/// Whether a file that output goes into only stands for a while: `/tmp/x`, `/dev/null`.
fn is_passing(target: &str) -> bool {
    ["/tmp/", "/dev/null", "/dev/std", "/dev/tty", "/dev/fd/"].iter().any(|folder| target.starts_with(folder))
}

/// The commands of a line, split at pipes and lists, each as words. The text after a `#` is a comment.
fn commands(line: &str) -> Vec<Command> {
    let mut reading = Reading::default();
    let last = |quote: char| line.rfind(quote);
    let last_quote = ['\'', '"'].map(|quote| (quote, last(quote)));
    let mut characters = line.char_indices().peekable();
    let mut placeholder_end = 0;
    while let Some((at, character)) = characters.next() {
        match character {
            '\'' | '"' if closes_after(&last_quote, character, at) => {
                let is_ansi = reading.word.text.ends_with('$');
                if is_ansi {
                    reading.word.text.pop();
                }
                (reading.word.is_quoted, reading.is_open) = (true, true);
                reading.word.is_expanded |= character == '"';
                match is_ansi && character == '\'' {
                    true => ansi_quoted(&mut characters, &mut reading.word.text),
                    false => quoted(&mut characters, character, &mut reading.word.text),
                }
            }
            '\\' => match characters.next() {
                None | Some((_, '\n')) => {}
                Some((_, escaped)) => {
                    reading.is_open = true;
                    reading.word.text.push(escaped);
                }
            },
            '#' if !reading.is_open => {
                reading.end_word();
                while characters.next_if(|(_, character)| *character != '\n').is_some() {}
            }
            '|' => {
                let is_list = characters.next_if(|(_, next)| *next == '|').is_some();
                reading.end_command(!is_list);
            }
            '&' if characters.peek().is_some_and(|(_, next)| *next == '>') => reading.end_word(),
            '\n' | ';' | '`' | '(' | ')' | '&' => reading.end_command(false),
            '<' => {
                // `<pod-name>` is to be filled in, `< file` is read.
                if let Some(end) = placeholder_end_of(&line[at..]).filter(|_| at >= placeholder_end) {
                    placeholder_end = at + end;
                }
                if at >= placeholder_end {
                    reading.end_word();
                }
                reading.is_open = true;
                reading.word.text.push(character);
            }
            '>' if at >= placeholder_end && !reading.word.text.ends_with(['-', '=']) => {
                if reading.word.text.chars().all(|c| c.is_ascii_digit()) {
                    (reading.word, reading.is_open) = (Word::default(), false);
                }
                reading.end_word();
                while characters.next_if(|(_, next)| matches!(next, '>' | '|')).is_some() {}
                match characters.next_if(|(_, next)| *next == '&').is_some() {
                    // `2>&1`
                    true => {
                        while characters.next_if(|(_, next)| next.is_ascii_digit() || *next == '-').is_some()
                        {
                        }
                    }
                    false => reading.is_output = true,
                }
            }
            _ if character.is_whitespace() => reading.end_word(),
            _ => {
                reading.is_open = true;
                reading.word.text.push(character);
            }
        }
    }
    reading.end_command(false);
    reading.commands
}

/// Where a placeholder such as `<pod-name>` ends that begins a text.
fn placeholder_end_of(text: &str) -> Option<usize> {
    static PLACEHOLDER: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^<[\p{L}\p{N}](?:[^<>|;&\n\x22']{0,60}[^\s<>|;&\x22'])?>").expect("the pattern is valid")
    });
    PLACEHOLDER.find(text).map(|found| found.end())
}

/// `$'\x72m'`
fn ansi_quoted(characters: &mut Peekable<std::str::CharIndices<'_>>, into: &mut String) {
    while let Some((_, character)) = characters.next() {
        match character {
            '\'' => return,
            '\\' => {
                let Some((_, kind)) = characters.next() else { return };
                let (radix, digits) = match kind {
                    'x' => (16, 2),
                    'u' => (16, 4),
                    'U' => (16, 8),
                    '0'..='7' => (8, 2),
                    _ => (0, 0),
                };
                let mut code = if radix == 8 { kind.to_digit(8).unwrap_or_default() } else { 0 };
                for _ in 0..digits {
                    let Some((_, digit)) = characters.next_if(|(_, next)| next.is_digit(radix)) else {
                        break;
                    };
                    code = code * radix + digit.to_digit(radix).unwrap_or_default();
                }
                match kind {
                    'n' | 't' | 'r' => into.push(' '),
                    _ if radix > 0 => into.extend(char::from_u32(code)),
                    other => into.push(other),
                }
            }
            other => into.push(other),
        }
    }
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

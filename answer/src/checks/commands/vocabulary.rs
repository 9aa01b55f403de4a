//! The words that the check of commands knows. They are data, one file for each subject, sorted and each word once:
//! `programs.txt` (`programs.rs`), `reads.txt` (what only reads, with its source), `signs.txt` (what destroys, whatever the
//! program) and `words.txt` (everything else).

use super::{
    programs::{self, Kind},
    shell::Invocation,
};
use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

const READS: &str = include_str!("reads.txt");
const SIGNS: &str = include_str!("signs.txt");
const WORDS: &str = include_str!("words.txt");

/// Lines by the section that they stand in.
type Sections = HashMap<&'static str, HashSet<&'static str>>;

static SECTIONS: LazyLock<Sections> = LazyLock::new(|| {
    let mut sections = Sections::new();
    for file in [SIGNS, WORDS] {
        let mut section = "";
        for line in file.lines().filter(|line| !line.is_empty()) {
            match line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                Some(name) => section = name,
                None => _ = sections.entry(section).or_default().insert(line),
            }
        }
    }
    sections
});

static READERS: LazyLock<HashMap<&'static str, Reader>> = LazyLock::new(|| {
    let entries = READS.lines().filter_map(|line| {
        let mut fields = line.split('|').map(str::trim);
        let (name, verbs, flags) = (fields.next()?, fields.next()?, fields.next()?);
        let verbs = verbs.split(", ").map(|verb| verb.split(' ').collect()).collect();
        Some((name, Reader { verbs, writing: flags.split_whitespace().collect() }))
    });
    entries.collect()
});

/// A section of `signs.txt` or `words.txt`.
pub fn section(name: &str) -> &'static HashSet<&'static str> {
    SECTIONS.get(name).expect("the section is in one of the files")
}

/// Whether a section has a word.
pub fn has(section_name: &str, word: &str) -> bool {
    section(section_name).contains(word)
}

/// The rest of the line that begins with a word in a section: `rRf` of `rm rRf`.
pub fn rest_of(table: &str, word: &str) -> Option<&'static str> {
    static TABLES: LazyLock<HashMap<(&'static str, &'static str), &'static str>> = LazyLock::new(|| {
        let tables = ["letters", "words of"].into_iter();
        tables
            .flat_map(|name| {
                section(name).iter().filter_map(move |line| {
                    let (word, rest) = line.split_once(' ')?;
                    Some(((name, word), rest))
                })
            })
            .collect()
    });
    TABLES.get(&(table, word)).copied()
}

/// The calls of a program that only read.
#[derive(Debug)]
pub struct Reader {
    /// Its reading verbs; `*` for all it does, `~` where its plain words and flags are its own business, `=` where all its
    /// arguments are. In a verb `*` stands for any word that does not destroy, and a dot at the end for nothing more.
    verbs: Vec<Vec<&'static str>>,
    /// Flags that make it write.
    writing: HashSet<&'static str>,
}

impl Reader {
    /// Whether its words and flags are not looked up: a shell's builtins, programs that shape text.
    pub fn shapes_text(&self) -> bool {
        matches!(self.verbs[0].as_slice(), ["~" | "="])
    }

    /// Whether nothing it is given is looked up.
    pub fn is_free(&self) -> bool {
        self.verbs[0] == ["="]
    }

    /// Whether this call only reads.
    pub fn reads(&self, call: &Invocation) -> bool {
        !self.writes(call) && (self.shapes_text() || self.matching(call).is_some())
    }

    /// How many of a call's words are its reading verb.
    pub fn num_verb_words(&self, call: &Invocation) -> usize {
        let is_named = |verb: &&[&str]| !matches!(verb, ["*" | "." | "~" | "="]) && !has_flag(verb);
        self.matching(call).filter(is_named).map_or(0, <[_]>::len)
    }

    /// The longest reading verb that a call has.
    fn matching(&self, call: &Invocation) -> Option<&[&'static str]> {
        let operands: Vec<String> = call.operands().take(6).collect();
        let words = call.args.iter().take(6).map(|word| word.text.split('=').next().unwrap_or_default());
        let words: Vec<&str> = words.collect();
        let matches = self.verbs.iter().map(Vec::as_slice).filter(|verb| match verb {
            ["*"] => true,
            ["."] => operands.is_empty(),
            verb if has_flag(verb) => begins(verb, &words),
            verb => begins(verb, &operands),
        });
        matches.max_by_key(|verb| verb.len())
    }

    /// Whether a flag makes it write. One letter counts within a cluster and with its value attached.
    fn writes(&self, call: &Invocation) -> bool {
        let asks_only = |at: usize| {
            let value = call.args[at]
                .text
                .trim_start_matches("-X")
                .trim_start_matches("--request")
                .trim_start_matches('=');
            let value =
                if value.is_empty() { call.args.get(at + 1).map_or("", |word| &word.text) } else { value };
            matches!(value.to_ascii_uppercase().as_str(), "GET" | "HEAD" | "OPTIONS")
        };
        let goes_nowhere = |at: usize| {
            call.args.get(at + 1).is_some_and(|word| matches!(word.text.as_str(), "/dev/null" | "-"))
        };
        call.args.iter().enumerate().any(|(at, word)| {
            let name = word.text.split('=').next().unwrap_or_default();
            let is_cluster = word.text.starts_with('-') && !word.text.starts_with("--");
            let letters = if is_cluster {
                word.text[1..].split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default()
            } else {
                ""
            };
            let in_cluster = letters.len() > 1
                && !letters.starts_with('X')
                && letters.chars().any(|letter| self.writing.contains(format!("-{letter}").as_str()));
            let is_written = self.writing.contains(name)
                || in_cluster
                || (letters.starts_with('X') && self.writing.contains("-X"));
            is_written
                && !(matches!(name, "--request") || letters.starts_with('X')) | !asks_only(at)
                && !(letters.ends_with('o') | (name == "--output") && goes_nowhere(at))
        })
    }
}

/// Whether a flag is part of a verb, as in `dfs -ls`.
fn has_flag(verb: &[&str]) -> bool {
    verb.iter().any(|part| part.starts_with(['-', '/']))
}

/// Whether words begin with those of a verb.
fn begins(verb: &[&str], words: &[impl AsRef<str>]) -> bool {
    let (is_whole, num_words) = (verb.last().is_some_and(|last| last.ends_with('.')), verb.len());
    words.len() >= num_words
        && (!is_whole || words.len() == num_words)
        && verb.iter().zip(words).all(|(expected, word)| {
            let (expected, word) = (expected.strip_suffix('.').unwrap_or(expected), word.as_ref());
            match expected.strip_suffix('*') {
                Some("") => !has("destroying words", word),
                Some(beginning) => word.starts_with(beginning),
                None => word == expected,
            }
        })
}

/// The reading calls of a program, by its name as `name_of` gives it; those of PowerShell by their verb.
pub fn reader(program: &str) -> Option<&'static Reader> {
    READERS.get(program).or_else(|| {
        let (verb, _) = program.split_once('-')?;
        READERS.get(format!("{verb}-*").as_str())
    })
}

/// Whether this is the name of a program, as `name_of` gives it.
pub fn is_known(name: &str) -> bool {
    programs::is_listed(name) || READERS.contains_key(name)
}

/// Whether a word is a program's name even without anything that shows it: `node` and `last` are not.
pub fn is_known_program(name: &str) -> bool {
    is_known(name) && !programs::is(name, Kind::Seldom)
}

/// Whether a program's name is an ordinary word too, or the name of a product that people write about.
pub fn is_ordinary(name: &str) -> bool {
    programs::is(name, Kind::Ordinary) || programs::is(name, Kind::Seldom)
}

/// Whether a program does more than read or shape text.
pub fn is_tool(name: &str) -> bool {
    is_known(name) && !reader(name).is_some_and(Reader::shapes_text)
}

/// Whether a name is made as those of tools are: `frobctl`, `frob-cli`, `fix.sh`, `Remove-Item`.
pub fn is_made_like_tool(name: &str) -> bool {
    let is_cmdlet = name.split_once('-').is_some_and(|(verb, noun)| {
        let is_capitalised = |part: &str| {
            part.starts_with(|c: char| c.is_ascii_uppercase())
                && part.contains(|c: char| c.is_ascii_lowercase())
        };
        is_capitalised(verb)
            && noun.starts_with(|c: char| c.is_ascii_uppercase())
            && !noun.contains(['-', '.', '/'])
            && has("cmdlet verbs", verb.to_ascii_lowercase().as_str())
    });
    let stem = |ending: &&str| name.strip_suffix(*ending).is_some_and(|stem| stem.len() > 1);
    let is_plain = name
        .chars()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.' | '/' | '~'));
    is_cmdlet || (is_plain && section("tool endings").iter().any(stem))
}

/// A flag, a number, a time or a variable between a wrapper and what it runs.
pub fn is_wrapper_argument(word: &str) -> bool {
    word.starts_with(['-', '+']) || word.contains('=') || word.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_are_sorted_and_have_each_line_once() {
        for (name, file) in [("reads", READS), ("signs", SIGNS), ("words", WORDS)] {
            for section in file.trim_end().split("\n\n") {
                let lines: Vec<&str> =
                    section.lines().filter(|line| !line.starts_with('[') || !line.ends_with(']')).collect();
                let keys: Vec<&str> =
                    lines.iter().map(|line| line.split(" | ").next().unwrap_or(line)).collect();
                let wrong = keys.windows(2).find(|pair| pair[0].as_bytes() >= pair[1].as_bytes());
                assert_eq!(wrong, None, "{name}.txt is not sorted");
                assert!(
                    lines.iter().all(|line| !line.is_empty() && line.trim() == *line),
                    "{name}.txt has spaces"
                );
            }
        }
    }

    #[test]
    fn what_reads_is_a_program_of_the_list() {
        let names = READERS.keys().filter(|name| !name.ends_with("-*"));
        assert_eq!(names.filter(|name| !programs::is_listed(name)).collect::<Vec<_>>(), Vec::<&&str>::new());
    }

    #[test]
    fn what_reads_has_a_source() {
        for line in READS.lines() {
            let fields: Vec<&str> = line.split('|').map(str::trim).collect();
            assert!(
                matches!(fields.as_slice(), [_, verbs, _, source] if !verbs.is_empty() && source.starts_with("https://")),
                "{line}"
            );
        }
    }
}

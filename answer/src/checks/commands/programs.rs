//! The programs that checks and quotations know, each with what it is. They are data: `programs.txt`, the one list of programs,
//! tells what each kind means; `reads.txt` has what of a program only reads.

use kb::lists;
use std::{collections::HashMap, sync::LazyLock};

/// `name<TAB>kinds<TAB>verbs`.
const FILE: &str = include_str!("programs.txt");

/// An entry of the list.
struct Program {
    kinds: Vec<Kind>,
    /// The name that it is looked up by.
    alias_of: Option<&'static str>,
    verbs: Vec<&'static str>,
}

static PROGRAMS: LazyLock<HashMap<&'static str, Program>> = LazyLock::new(|| {
    let program = |columns: &'static str| {
        let (kinds, verbs) = columns.split_once('\t').unwrap_or((columns, ""));
        Program {
            kinds: kinds.split_whitespace().filter_map(Kind::named).collect(),
            alias_of: kinds.split_whitespace().find_map(|kind| kind.strip_prefix("alias=")),
            verbs: verbs.split_whitespace().collect(),
        }
    };
    lists::pairs(FILE).map(|(name, columns)| (name, program(columns))).collect()
});

/// A property of a program; `programs.txt` explains each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    CloudStorage,
    CopiesFiles,
    Destroys,
    FeedsHost,
    HttpClient,
    Interpreter,
    NamesHosts,
    Ordinary,
    ReadsFiles,
    Resolver,
    RunsFiles,
    RunsImages,
    Seldom,
    Shell,
    Speaker,
    TakesArgument,
    TakesCommand,
    TwoWordVerbs,
    Unlisted,
    Verbless,
    Wrapper,
}

impl Kind {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "cloud-storage" => Self::CloudStorage,
            "copies-files" => Self::CopiesFiles,
            "destroys" => Self::Destroys,
            "feeds-host" => Self::FeedsHost,
            "http-client" => Self::HttpClient,
            "interpreter" => Self::Interpreter,
            "names-hosts" => Self::NamesHosts,
            "ordinary" => Self::Ordinary,
            "reads-files" => Self::ReadsFiles,
            "resolver" => Self::Resolver,
            "runs-files" => Self::RunsFiles,
            "runs-images" => Self::RunsImages,
            "seldom" => Self::Seldom,
            "shell" => Self::Shell,
            "speaker" => Self::Speaker,
            "takes-argument" => Self::TakesArgument,
            "takes-command" => Self::TakesCommand,
            "two-word-verbs" => Self::TwoWordVerbs,
            "unlisted" => Self::Unlisted,
            "verbless" => Self::Verbless,
            "wrapper" => Self::Wrapper,
            _ => return None,
        })
    }
}

/// Whether a program, by its name as `name_of` gives it, is of a kind.
pub fn is(name: &str, kind: Kind) -> bool {
    PROGRAMS.get(name).is_some_and(|program| program.kinds.contains(&kind))
}

/// Whether a name alone tells a program of the list.
pub fn is_listed(name: &str) -> bool {
    PROGRAMS.get(name).is_some_and(|program| !program.kinds.contains(&Kind::Unlisted))
}

/// The program that a name is another name of.
pub fn alias_of(name: &str) -> Option<&'static str> {
    PROGRAMS.get(name)?.alias_of
}

/// The verbs of a program that has some.
pub fn verbs_of(name: &str) -> Option<&'static [&'static str]> {
    PROGRAMS.get(name).map(|program| program.verbs.as_slice()).filter(|verbs| !verbs.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_sorted_and_of_known_kinds() {
        assert_eq!(lists::unsorted(FILE), None);
        let mut names: Vec<&str> = lists::pairs(FILE).map(|(name, _)| name).collect();
        names.dedup();
        assert_eq!(names.len(), lists::lines(FILE).count());
        for (name, columns) in lists::pairs(FILE) {
            let kinds = columns.split('\t').next().unwrap_or_default();
            let is_known = |kind: &str| kind.starts_with("alias=") || Kind::named(kind).is_some();
            assert!(kinds.split_whitespace().all(is_known), "{name}: {kinds}");
        }
    }
}

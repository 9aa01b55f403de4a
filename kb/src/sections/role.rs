//! The part that a section plays in a runbook, told by its heading. The vocabulary is data: `headings.txt`.

use std::sync::LazyLock;

/// A section's part in a runbook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// How the problem shows.
    Symptoms,
    /// Why it happens, and its meaning.
    Cause,
    /// How to find out more.
    Diagnosis,
    /// The steps against the problem.
    Steps,
    /// Remarks beside the problem: impact, escalation, versions, references.
    Aside,
}

/// A word or phrase of headings, with what it tells; `None` for a word that says nothing by itself.
struct Entry {
    /// The characters, without the `*` of an open ending.
    text: &'static str,
    is_open: bool,
    role: Option<Role>,
}

/// The vocabulary, the longest entries first, so that `recommended actions` is met before `actions`.
static ENTRIES: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    let lines = include_str!("headings.txt").lines().filter(|line| !line.starts_with('#'));
    let mut entries: Vec<Entry> = lines.filter_map(entry).collect();
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.text.len()));
    entries
});

fn entry(line: &'static str) -> Option<Entry> {
    let (role, text) = line.split_once('\t')?;
    let role = match role {
        "symptoms" => Some(Role::Symptoms),
        "cause" => Some(Role::Cause),
        "diagnosis" => Some(Role::Diagnosis),
        "steps" => Some(Role::Steps),
        "aside" => Some(Role::Aside),
        _ => None,
    };
    Some(Entry { text: text.trim_end_matches('*'), is_open: text.ends_with('*'), role })
}

/// The parts of a heading that decide its role.
struct Read {
    /// The roles in it, in the order of their places.
    roles: Vec<Role>,
    /// Whether it names anything besides.
    has_subject: bool,
}

/// Reads a heading from left to right, the longest entry first.
fn read(heading: &str) -> Read {
    let heading = heading.to_lowercase().replace('’', "'");
    let mut found = Read { roles: Vec::new(), has_subject: false };
    let mut rest = heading.as_str();
    let mut previous: Option<char> = None;
    while let Some(character) = rest.chars().next() {
        let at_start = !is_spaced(character) || previous.is_none_or(|previous| !is_word(previous));
        let matched = ENTRIES
            .iter()
            .filter(|_| at_start && is_word(character))
            .find_map(|entry| Some((entry, entry.length_in(rest)?)));
        let length = match matched {
            Some((entry, length)) => {
                found.roles.extend(entry.role);
                length
            }
            None => {
                // Numbers only count: `Step 2`, `1.`.
                found.has_subject |= character.is_alphabetic();
                character.len_utf8()
            }
        };
        previous = rest[..length].chars().next_back();
        rest = &rest[length..];
    }
    found
}

impl Entry {
    /// How many bytes the entry takes at the beginning of a text; `None` when the text does not begin with it.
    fn length_in(&self, text: &str) -> Option<usize> {
        let rest = text.strip_prefix(self.text)?;
        let is_unspaced = self.text.chars().next_back().is_some_and(|last| !is_spaced(last));
        let ending = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
        match (is_unspaced, self.is_open, ending) {
            (true, ..) | (false, _, 0) => Some(self.text.len()),
            (false, true, _) => Some(self.text.len() + ending),
            (false, false, _) => None,
        }
    }
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '\''
}

/// Whether words of the character's script stand apart from each other.
fn is_spaced(character: char) -> bool {
    !crate::analyzer::is_cjk(character)
}

impl Role {
    /// The role that a heading tells besides whatever else it names: `Diagnosis of the node`. `None` when it tells none.
    pub fn told_by(heading: &str) -> Option<Self> {
        let roles = read(heading).roles;
        // `Resolution steps after the root cause is known` is about the resolution.
        roles.iter().find(|role| **role == Role::Steps).or_else(|| roles.first()).copied()
    }

    /// The role of a heading that tells nothing else: `Possible root cause`, `處理方式`, but not `Fix a broken certificate`.
    pub fn alone_in(heading: &str) -> Option<Self> {
        let found = read(heading);
        if found.has_subject { None } else { Self::told_by(heading) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vocabulary_is_sorted_and_unique() {
        let lines: Vec<&str> =
            include_str!("headings.txt").lines().filter(|line| !line.starts_with('#')).collect();
        assert!(lines.is_sorted(), "sort headings.txt");
        let mut words: Vec<&str> = lines.iter().map(|line| line.split_once('\t').expect("a tab").1).collect();
        words.sort_unstable();
        let all = words.len();
        words.dedup();
        assert_eq!(words.len(), all, "a word stands twice");
    }

    #[test]
    fn headings_tell_roles() {
        for (heading, told, alone) in [
            ("Symptoms", Some(Role::Symptoms), Some(Role::Symptoms)),
            ("Possible Solution", Some(Role::Steps), Some(Role::Steps)),
            ("2. Root cause", Some(Role::Cause), Some(Role::Cause)),
            ("Reason", Some(Role::Cause), Some(Role::Cause)),
            ("How to **fix**:", Some(Role::Steps), Some(Role::Steps)),
            ("Applicable versions", Some(Role::Aside), Some(Role::Aside)),
            ("What should I do?", Some(Role::Steps), Some(Role::Steps)),
            ("Diagnosis of the node", Some(Role::Diagnosis), None),
            ("Fix a broken certificate", Some(Role::Steps), None),
            ("Prefix of the article", None, None),
            ("處理方式", Some(Role::Steps), Some(Role::Steps)),
            ("可能的原因", Some(Role::Cause), Some(Role::Cause)),
            ("节点磁盘告警的处理", Some(Role::Steps), None),
            ("Cách xử lý", Some(Role::Steps), Some(Role::Steps)),
            ("Cách xử lý máy in", Some(Role::Steps), None),
            ("Penyebab masalah", Some(Role::Cause), Some(Role::Cause)),
            ("KubePodCrashLooping", None, None),
        ] {
            assert_eq!((Role::told_by(heading), Role::alone_in(heading)), (told, alone), "{heading}");
        }
    }
}

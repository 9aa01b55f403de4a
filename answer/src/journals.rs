//! Journals read: of one server, or of several as if one had written them. Each replica has a state directory of its own.
//!
//! Records come by time. A record that is in several journals, as in a copy, counts as often as in the one that has it most;
//! one server may well write the same line twice. A rating is joined with its answer, whichever server gave it. A torn or
//! foreign line is left out, and nothing else with it.

use crate::journal::{self, AnswerRecord, Feedback, Given, Unanswered};
use jiff::Timestamp;
use kb::document::ContentHash;
use serde::{Serialize, de::DeserializeOwned};
use std::{
    collections::{BTreeSet, HashMap},
    fs::{self, File},
    io::{self, BufRead, BufReader, ErrorKind, Read},
    path::{Path, PathBuf},
};

/// A larger file was not written by a server.
const MAX_FILE_BYTES: u64 = 4 * journal::MAX_FILE_BYTES;
/// All files of one kind together: those of 64 servers that have written as much as they keep.
const MAX_BYTES: u64 = 1 << 30;
/// Longest line that is read.
const MAX_LINE_BYTES: u64 = 64 << 10;

/// The journals of some servers.
#[derive(Debug)]
pub struct Journals {
    /// State directories, sorted.
    directories: BTreeSet<PathBuf>,
    /// The named directories that hold no journal.
    empty: Vec<PathBuf>,
}

/// A kind of question that was not answered, with how often.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Gap {
    /// The subject of the questions.
    pub pattern: String,
    /// How many there were.
    pub count: usize,
    /// The last of them.
    pub last_at: Timestamp,
    /// The text of one of the questions.
    pub example: String,
    /// The documents that came nearest to it.
    pub nearest: Vec<String>,
}

impl Journals {
    /// A server's own journal, which need not have begun.
    pub fn own(directory: &Path) -> Self {
        Self { directories: BTreeSet::from([directory.to_owned()]), empty: Vec::new() }
    }

    /// Journals by the names of their state directories, or of folders that hold such. Each name must be there, and one of
    /// them hold a journal; what holds none is told by [`Self::empty`].
    pub fn named(paths: &[PathBuf]) -> io::Result<Self> {
        let mut journals = Self { directories: BTreeSet::new(), empty: Vec::new() };
        for path in paths {
            let found = journals_of(path).map_err(|error| about(path, &error))?;
            if found.is_empty() {
                journals.empty.push(path.clone());
            }
            journals.directories.extend(found);
        }
        match journals.directories.is_empty() {
            false => Ok(journals),
            true => {
                let names: Vec<String> = paths.iter().map(|path| format!("`{}`", path.display())).collect();
                let detail = format!("{}: no journal there, nor in a folder below", names.join(", "));
                Err(io::Error::new(ErrorKind::NotFound, detail))
            }
        }
    }

    /// The named directories that hold no journal: that of a server which was never asked, or a wrong one.
    pub fn empty(&self) -> &[PathBuf] {
        &self.empty
    }

    /// Every rating, by time, with the answer where one of the journals has it.
    pub fn feedback(&self) -> io::Result<Vec<Feedback>> {
        let mut ratings: Vec<Feedback> = Vec::new();
        self.records(journal::FEEDBACK, |rating| ratings.push(rating))?;
        // Stable: at the same time, in the order of the journals.
        ratings.sort_by_key(|rating| rating.at);
        let mut wanted: HashMap<String, Option<Given>> = ratings
            .iter()
            .filter(|rating| rating.answer.is_none())
            .map(|rating| (rating.id.clone(), None))
            .collect();
        if wanted.is_empty() {
            return Ok(ratings);
        }
        self.lines(journal::ANSWERED, |_, line| {
            if let Ok(answered) = serde_json::from_slice::<AnswerRecord>(line)
                && let Some(answer @ None) = wanted.get_mut(&answered.id)
            {
                *answer = Some(answered.answer);
            }
        })?;
        for rating in &mut ratings {
            if rating.answer.is_none() {
                rating.answer = wanted.get(&rating.id).cloned().flatten();
            }
        }
        Ok(ratings)
    }

    /// Every question that was not answered, in no order.
    pub fn unanswered(&self, take: impl FnMut(Unanswered)) -> io::Result<()> {
        self.records(journal::UNANSWERED, take)
    }

    /// The gaps of a knowledge base, most asked first: the runbooks worth writing.
    pub fn gaps(&self) -> io::Result<Vec<Gap>> {
        let mut gaps: HashMap<String, Gap> = HashMap::new();
        self.unanswered(|Unanswered { at, pattern, question, nearest }| {
            let gap = gaps.entry(pattern.clone()).or_insert_with(|| Gap {
                pattern,
                count: 0,
                last_at: at,
                example: String::new(),
                nearest: Vec::new(),
            });
            gap.count += 1;
            // The same result whatever the order of the journals.
            if (at, &question, &nearest) >= (gap.last_at, &gap.example, &gap.nearest) {
                (gap.last_at, gap.example, gap.nearest) = (at, question, nearest);
            }
        })?;
        let mut gaps: Vec<Gap> = gaps.into_values().collect();
        gaps.sort_by(|a, b| {
            b.count.cmp(&a.count).then(b.last_at.cmp(&a.last_at)).then(a.pattern.cmp(&b.pattern))
        });
        Ok(gaps)
    }

    /// The records of one kind, each as often as the journal that has it most. Only their hashes are kept.
    fn records<T: DeserializeOwned>(&self, name: &str, mut take: impl FnMut(T)) -> io::Result<()> {
        let mut taken: HashMap<ContentHash, u32> = HashMap::new();
        let mut here: HashMap<ContentHash, u32> = HashMap::new();
        let mut current = None;
        self.lines(name, |directory, line| {
            let Ok(record) = serde_json::from_slice::<T>(line) else { return };
            if self.directories.len() > 1 {
                if current.replace(directory) != Some(directory) {
                    here.clear();
                }
                let hash = ContentHash::of(&[line.trim_ascii_end()]);
                let (times, known) = (here.entry(hash).or_default(), taken.entry(hash).or_default());
                *times += 1;
                if *times <= *known {
                    return;
                }
                *known = *times;
            }
            take(record);
        })
    }

    /// The lines of all files of one kind, with the directory that each is in: a journal after the other, of each first the
    /// file that was set aside.
    fn lines<'j>(&'j self, name: &str, mut take: impl FnMut(&'j Path, &[u8])) -> io::Result<()> {
        let mut left = MAX_BYTES;
        for directory in &self.directories {
            for path in [journal::set_aside(directory, name), directory.join(name)] {
                let mut each = |line: &[u8]| take(directory, line);
                match kb::files::open(&path) {
                    Ok(file) => {
                        left = lines_of(file, left, &mut each).map_err(|error| about(&path, &error))?
                    }
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    Err(error) => return Err(about(&path, &error)),
                }
            }
        }
        Ok(())
    }
}

/// The lines of one file; how many bytes may still be read.
fn lines_of(file: File, left: u64, take: &mut impl FnMut(&[u8])) -> io::Result<u64> {
    let length = file.metadata()?.len();
    let too_large = |detail: String| Err(io::Error::new(ErrorKind::FileTooLarge, detail));
    if length > MAX_FILE_BYTES {
        return too_large(format!("it is larger than {MAX_FILE_BYTES} bytes, which no journal becomes"));
    }
    let Some(left) = left.checked_sub(length) else {
        return too_large(format!("the journals are more than {MAX_BYTES} bytes; name fewer at once"));
    };
    // Lines that a server adds meanwhile are left for the next time.
    let mut lines = BufReader::new(file.take(length));
    let mut line = Vec::new();
    while lines.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line)? > 0 {
        take(&line);
        line.clear();
    }
    Ok(left)
}

/// The state directory of this name, or those in the folder.
fn journals_of(path: &Path) -> io::Result<Vec<PathBuf>> {
    let within = fs::read_dir(path)?;
    if holds_journal(path) {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    for entry in within {
        found.extend(Some(entry?.path()).filter(|path| holds_journal(path)));
    }
    Ok(found)
}

/// Whether one of a journal's files is in a directory.
fn holds_journal(directory: &Path) -> bool {
    [journal::FEEDBACK, journal::ANSWERED, journal::UNANSWERED].iter().any(|name| {
        [journal::set_aside(directory, name), directory.join(name)].iter().any(|path| path.exists())
    })
}

/// The error with the file that it is about.
fn about(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("`{}`: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Rating;

    /// A folder with journals of some servers; each line of a file as `unanswered` or `rating` writes it.
    fn folder(journals: &[(&str, &str, &[String])]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a directory");
        for (server, file, lines) in journals {
            let directory = folder.path().join(server);
            fs::create_dir_all(&directory).expect("created");
            let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
            fs::write(directory.join(file), text).expect("written");
        }
        folder
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    fn unanswered(second: i64, pattern: &str) -> String {
        let record = Unanswered {
            at: at(second),
            pattern: pattern.to_owned(),
            question: format!("{pattern}, asked at {second}"),
            nearest: vec![],
        };
        serde_json::to_string(&record).expect("JSON")
    }

    fn rating(second: i64, id: &str, answer: Option<&str>) -> String {
        let answer = answer.map(|question| Given {
            question: question.to_owned(),
            status: kb::answerable::Status::Answered,
            documents: vec!["a.md".to_owned()],
        });
        let record =
            Feedback { at: at(second), id: id.to_owned(), rating: Rating::Up, comment: None, answer };
        serde_json::to_string(&record).expect("JSON")
    }

    fn counts(journals: &Journals) -> Vec<(String, usize, String)> {
        let gaps = journals.gaps().expect("read");
        gaps.into_iter().map(|gap| (gap.pattern, gap.count, gap.example)).collect()
    }

    #[test]
    fn a_record_counts_once_however_often_it_was_copied() {
        let (a, b, c) = (unanswered(1, "a"), unanswered(2, "b"), unanswered(3, "a"));
        let folder = folder(&[
            ("one", "unanswered.1.jsonl", &[a.clone(), a.clone()]),
            ("one", "unanswered.jsonl", std::slice::from_ref(&b)),
            // A copy from before the file was set aside, whose last line is torn.
            ("copy", "unanswered.jsonl", &[a.clone(), a.clone(), b.clone(), b[..20].to_owned()]),
            ("two", "unanswered.jsonl", &["no JSON".to_owned(), c, a[..20].to_owned()]),
        ]);
        let expected =
            [("a".to_owned(), 3, "a, asked at 3".to_owned()), ("b".into(), 1, "b, asked at 2".into())];
        let path = |name: &str| folder.path().join(name);
        for named in [
            vec![folder.path().to_owned()],
            vec![path("two"), path("copy"), path("one")],
            vec![path("one"), path("two"), path("one")],
            vec![folder.path().to_owned(), path("two")],
        ] {
            assert_eq!(counts(&Journals::named(&named).expect("there")), expected, "{named:?}");
        }
        assert_eq!(counts(&Journals::own(&path("one")))[0], ("a".into(), 2, "a, asked at 1".into()));
    }

    #[test]
    fn ratings_come_by_time_with_answers_of_any_journal() {
        let answered = |id: &str| {
            let answer = rating(1, id, Some("why?"));
            answer.replace("\"rating\":\"up\",", "").replace("\"comment\":null,", "")
        };
        let folder = folder(&[
            ("one", "answers.1.jsonl", &[answered("x")]),
            ("one", "answers.jsonl", &["{".to_owned(), answered("y")]),
            ("one", "feedback.jsonl", &[rating(4, "z", None), rating(5, "y", Some("why?"))]),
            ("two", "feedback.jsonl", &[rating(3, "x", None), rating(4, "x", Some("why not?"))]),
        ]);
        let ratings = Journals::named(&[folder.path().to_owned()]).expect("there").feedback().expect("read");
        let found: Vec<(&str, Option<&str>)> = ratings
            .iter()
            .map(|rating| (rating.id.as_str(), rating.answer.as_ref().map(|answer| answer.question.as_str())))
            .collect();
        assert_eq!(found, [("x", Some("why?")), ("z", None), ("x", Some("why not?")), ("y", Some("why?"))]);
    }

    #[test]
    fn what_is_not_there_is_said() {
        let folder = folder(&[("one", "feedback.jsonl", &[]), ("other", "notes.txt", &[])]);
        let path = |name: &str| folder.path().join(name);
        let named = Journals::named(&[path("one"), path("other")]).expect("one is there");
        assert_eq!(named.empty(), [path("other")]);
        for (name, says) in [
            ("missing", "missing`: No such file"),
            ("one/feedback.jsonl", "feedback.jsonl`: Not a directory"),
            ("other", "other`: no journal there"),
        ] {
            let error = Journals::named(&[path(name)]).expect_err(says).to_string();
            assert!(error.contains(says), "{error}");
        }
        File::create(path("one/unanswered.jsonl")).and_then(|file| file.set_len(1 << 40)).expect("a hole");
        let error = Journals::own(&path("one")).gaps().expect_err("too large").to_string();
        assert!(error.contains("unanswered.jsonl`: it is larger than"), "{error}");
    }
}

//! What the server writes down: ratings of answers, and questions it could not answer. Append-only JSON lines in the
//! state directory, capped, rotated once, a torn last line tolerated. Questions are written after their secrets were
//! masked.

use crate::{answer::Answer, request::Request, text::clipped};
use jiff::Timestamp;
use kb::{
    answerable::Status,
    question::{IdentifierKind, Question},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    collections::{HashMap, VecDeque},
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError, mpsc},
};

/// A file is set aside when it has grown to this; the one set aside before is dropped.
const MAX_FILE_BYTES: u64 = 8 << 20;
/// A larger file was not written here.
const MAX_READ_BYTES: u64 = 4 * MAX_FILE_BYTES;
/// Answers that can be rated.
const MAX_REMEMBERED: usize = 4_096;
/// Longest question that is written, in characters.
const MAX_QUESTION_CHARS: usize = 1_000;
/// Longest line that is read.
const MAX_LINE_BYTES: u64 = 64 << 10;
/// Unanswered questions waiting to be written; more are dropped.
const MAX_WAITING: usize = 256;

const FEEDBACK: &str = "feedback.jsonl";
const UNANSWERED: &str = "unanswered.jsonl";

/// What a reader thought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rating {
    /// It helped.
    Up,
    /// It did not.
    Down,
}

/// A rating as written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Feedback {
    /// When.
    pub at: Timestamp,
    /// The answer's id.
    pub id: String,
    /// The rating.
    pub rating: Rating,
    /// The reader's words.
    #[serde(default)]
    pub comment: Option<String>,
    /// What was asked.
    pub question: String,
    /// What the answer was worth.
    pub status: Status,
    /// The documents it cited.
    #[serde(default)]
    pub documents: Vec<String>,
}

/// A question that was not answered, as written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unanswered {
    /// When.
    pub at: Timestamp,
    /// What it is about, the same for every object it happens to.
    pub pattern: String,
    /// What was asked.
    pub question: String,
    /// The documents that came nearest.
    #[serde(default)]
    pub nearest: Vec<String>,
}

/// Why something was not written.
#[derive(Debug, thiserror::Error)]
pub enum NoteError {
    /// No answer with this id is remembered.
    #[error("no such answer")]
    Unknown,
    /// The state directory is `none`.
    #[error("the state directory is switched off")]
    Off,
    /// The file system failed.
    #[error("failed to write `{path}`")]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

/// Writes what is to be remembered.
pub struct Journal {
    directory: Option<PathBuf>,
    answers: Mutex<Remembered>,
    /// Unanswered questions go through a thread of their own: a slow disk must not slow answers.
    waiting: Option<mpsc::SyncSender<Unanswered>>,
    files: Mutex<()>,
}

#[derive(Default)]
struct Remembered {
    by_id: HashMap<String, RememberedAnswer>,
    order: VecDeque<String>,
}

#[derive(Clone)]
struct RememberedAnswer {
    question: String,
    status: Status,
    documents: Vec<String>,
}

impl Journal {
    /// A journal in a directory, which is created when it is first needed; without one nothing is written.
    pub fn new(directory: Option<PathBuf>) -> Self {
        let waiting = directory.clone().and_then(|directory| {
            let (sender, receiver) = mpsc::sync_channel::<Unanswered>(MAX_WAITING);
            let writer = move || {
                let mut complained = false;
                for unanswered in receiver {
                    match append(&directory, UNANSWERED, &unanswered) {
                        Ok(()) => complained = false,
                        Err(error) if !complained => {
                            tracing::error!(
                                target: "runbookd::journal",
                                error = kb::causes::with_causes(&error),
                                "cannot count unanswered questions"
                            );
                            complained = true;
                        }
                        Err(_) => {}
                    }
                }
            };
            std::thread::Builder::new().name("journal".to_owned()).spawn(writer).ok().map(|_| sender)
        });
        Self { directory, answers: Mutex::default(), waiting, files: Mutex::new(()) }
    }

    /// Remembers an answer for its rating, and counts one that nobody could give.
    pub fn note(&self, request: &Request, answer: &Answer) {
        if self.directory.is_none() {
            return;
        }
        let question = clipped(request.question.text(), MAX_QUESTION_CHARS);
        if answer.status == Status::Unknown
            && let Some(waiting) = &self.waiting
        {
            let unanswered = Unanswered {
                at: answer.created_at,
                pattern: pattern(&request.question),
                question: question.clone(),
                nearest: answer.nearest.iter().map(|near| near.document.clone()).collect(),
            };
            // A full queue means a disk that cannot follow; the count is worth less than the answers.
            let _ = waiting.try_send(unanswered);
        }
        let mut documents: Vec<String> =
            answer.citations.iter().map(|citation| citation.document.clone()).collect();
        documents.dedup();
        let remembered = RememberedAnswer { question, status: answer.status, documents };
        let mut answers = self.answers();
        if answers.by_id.insert(answer.id.clone(), remembered).is_none() {
            answers.order.push_back(answer.id.clone());
        }
        while answers.order.len() > MAX_REMEMBERED {
            if let Some(oldest) = answers.order.pop_front() {
                answers.by_id.remove(&oldest);
            }
        }
    }

    /// Writes a rating. Blocks for the disk.
    pub fn rate(&self, id: &str, rating: Rating, comment: Option<&str>) -> Result<(), NoteError> {
        let directory = self.directory.as_ref().ok_or(NoteError::Off)?;
        let RememberedAnswer { question, status, documents } =
            self.answers().by_id.get(id).cloned().ok_or(NoteError::Unknown)?;
        let comment = comment.map(|comment| kb::redact::redact(comment).text.into_owned());
        let feedback = Feedback {
            at: Timestamp::now(),
            id: id.to_owned(),
            rating,
            comment,
            question,
            status,
            documents,
        };
        let _one_at_a_time = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        append(directory, FEEDBACK, &feedback)
    }

    fn answers(&self) -> MutexGuard<'_, Remembered> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Every rating in a state directory, oldest first.
pub fn feedback(directory: &Path) -> io::Result<Vec<Feedback>> {
    read(directory, FEEDBACK)
}

/// A kind of question that was not answered, with how often.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Gap {
    /// What the questions are about.
    pub pattern: String,
    /// How many there were.
    pub count: usize,
    /// The last of them.
    pub last_at: Timestamp,
    /// Its text.
    pub example: String,
    /// The documents that came nearest to it.
    pub nearest: Vec<String>,
}

/// The gaps of a knowledge base, most asked first: the runbooks worth writing.
pub fn gaps(directory: &Path) -> io::Result<Vec<Gap>> {
    let mut gaps: HashMap<String, Gap> = HashMap::new();
    for Unanswered { at, pattern, question, nearest } in read(directory, UNANSWERED)? {
        let gap = gaps.entry(pattern.clone()).or_insert_with(|| Gap {
            pattern,
            count: 0,
            last_at: at,
            example: String::new(),
            nearest: Vec::new(),
        });
        gap.count += 1;
        (gap.last_at, gap.example, gap.nearest) = (at, question, nearest);
    }
    let mut gaps: Vec<Gap> = gaps.into_values().collect();
    gaps.sort_by(|a, b| {
        b.count.cmp(&a.count).then(b.last_at.cmp(&a.last_at)).then(a.pattern.cmp(&b.pattern))
    });
    Ok(gaps)
}

/// Every question that was not answered, oldest first.
pub fn unanswered(directory: &Path) -> io::Result<Vec<Unanswered>> {
    read(directory, UNANSWERED)
}

/// What a failure is about, the same for every object it happens to: what it names but for names and quantities, else
/// what is searched for.
fn pattern(question: &Question) -> String {
    const TELLING: [IdentifierKind; 8] = IdentifierKind::TELLING;
    let mut named: Vec<&str> = TELLING.iter().flat_map(|kind| question.named(*kind)).collect();
    named.dedup();
    // A kind alone says too little to write a runbook by.
    match question.identifiers().iter().any(|id| TELLING[1..].contains(&id.kind)) {
        true => named.join(" "),
        false => clipped(&crate::text::one_line(question.search_text()).to_lowercase(), 120),
    }
}

fn append(directory: &Path, name: &str, record: &impl Serialize) -> Result<(), NoteError> {
    let path = directory.join(name);
    let written = (|| {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        if fs::metadata(&path).is_ok_and(|metadata| metadata.len() >= MAX_FILE_BYTES) {
            fs::rename(&path, set_aside(directory, name))?;
        }
        // Questions are for those who run the server.
        let mut options = OpenOptions::new();
        options.create(true).append(true).read(true).mode(0o600);
        let mut file = kb::files::without_waiting(&mut options).open(&path)?;
        kb::files::check(&file.metadata()?)?;
        let mut line = serde_json::to_vec(record).map_err(io::Error::other)?;
        line.push(b'\n');
        if ends_torn(&mut file)? {
            line.insert(0, b'\n');
        }
        file.write_all(&line)
    })();
    written.map_err(|source| NoteError::Write { path, source })
}

/// Whether the last line has no end: its writer was killed.
fn ends_torn(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

fn set_aside(directory: &Path, name: &str) -> PathBuf {
    directory.join(name.replace(".jsonl", ".1.jsonl"))
}

/// The error with the file that it is about: a directory has several.
fn about(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("`{}`: {error}", path.display()))
}

/// The records of a file and of the one set aside before it; lines that are torn or foreign are left out.
fn read<T: DeserializeOwned>(directory: &Path, name: &str) -> io::Result<Vec<T>> {
    let mut records = Vec::new();
    for path in [set_aside(directory, name), directory.join(name)] {
        let file = match kb::files::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(about(&path, &error)),
        };
        if file.metadata()?.len() > MAX_READ_BYTES {
            let detail = format!("it is larger than {MAX_READ_BYTES} bytes, which no journal becomes");
            return Err(about(&path, &io::Error::new(io::ErrorKind::FileTooLarge, detail)));
        }
        let mut lines = BufReader::new(file);
        let mut line = Vec::new();
        loop {
            line.clear();
            if lines.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line)? == 0 {
                break;
            }
            records.extend(serde_json::from_slice::<T>(&line).ok());
        }
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unanswered_record(pattern: &str) -> Unanswered {
        Unanswered {
            at: Timestamp::UNIX_EPOCH,
            pattern: pattern.to_owned(),
            question: "q".to_owned(),
            nearest: vec![],
        }
    }

    #[test]
    fn torn_lines_are_left_out_and_written_after() {
        let directory = tempfile::tempdir().expect("a directory");
        let write = |pattern: &str| {
            append(directory.path(), UNANSWERED, &unanswered_record(pattern)).expect("written")
        };
        write("a");
        write("b");
        let path = directory.path().join(UNANSWERED);
        let mut text = fs::read_to_string(&path).expect("a file");
        text.truncate(text.len() - 10);
        fs::write(&path, text).expect("torn");
        write("a");
        let found: Vec<String> =
            unanswered(directory.path()).expect("read").into_iter().map(|u| u.pattern).collect();
        assert_eq!(found, ["a", "a"]);
        let gaps = gaps(directory.path()).expect("read");
        assert_eq!((gaps.len(), gaps[0].count), (1, 2));
    }

    #[test]
    fn files_do_not_grow_for_ever() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join(UNANSWERED);
        fs::write(&path, vec![b'\n'; MAX_FILE_BYTES as usize]).expect("written");
        append(directory.path(), UNANSWERED, &unanswered_record("a")).expect("written");
        assert!(fs::metadata(&path).expect("a file").len() < 1_000);
        assert!(set_aside(directory.path(), UNANSWERED).exists());
        assert_eq!(unanswered(directory.path()).expect("read").len(), 1);
    }

    #[test]
    fn failures_of_different_objects_have_one_pattern() {
        let of = |text: &str| pattern(&Question::parse(text, None).expect("a question"));
        assert_eq!(
            of("the termination reason is OOMKilled exitCode=137 container=api pod=a-6b7f9d5c4-zz8rt"),
            of("the termination reason is OOMKilled exitCode=137 container=web pod=b-7c9d8b6f5-x2x7k"),
        );
        assert_eq!(of("How do I bake bread?"), "how do i bake bread?");
    }
}

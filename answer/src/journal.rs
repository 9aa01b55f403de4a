//! The server's journal: ratings of answers, the answers that can be rated, and questions it could not answer.
//! Append-only JSON lines in the state directory, capped, rotated once, a torn last line tolerated. Questions are
//! written after their secrets were masked. `journals.rs` reads them, of one server or of many.
//!
//! A rating may reach another server than the one that answered. It is written where it arrives, with no more than the
//! answer's id; the answer itself is in the other one's journal, and readers join the two.

use crate::{answer::Answer, request::Request, text::clipped};
use jiff::Timestamp;
use kb::{
    answerable::Status,
    question::{IdentifierKind, Question},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{HashMap, VecDeque},
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError, mpsc},
    thread::JoinHandle,
};

/// A file is set aside when it has grown to this; the one set aside before is dropped.
pub(crate) const MAX_FILE_BYTES: u64 = 8 << 20;
/// Answers that are remembered, so that a rating is written with what it is about.
const MAX_REMEMBERED: usize = 4_096;
/// Longest question that is written, in characters.
const MAX_QUESTION_CHARS: usize = 1_000;
/// Answers and unanswered questions waiting to be written; more are dropped.
const MAX_WAITING: usize = 1_024;

/// The file of [`Feedback`].
pub(crate) const FEEDBACK: &str = "feedback.jsonl";
/// The file of [`AnswerRecord`].
pub(crate) const ANSWERED: &str = "answers.jsonl";
/// The file of [`Unanswered`].
pub(crate) const UNANSWERED: &str = "unanswered.jsonl";

/// A reader's verdict on an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rating {
    /// The answer helped.
    Up,
    /// The answer did not help.
    Down,
}

/// A rating as written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Feedback {
    pub at: Timestamp,
    /// The id of the answer that is rated or was given.
    pub id: String,
    pub rating: Rating,
    /// The comment of the person who rated the answer.
    #[serde(default)]
    pub comment: Option<String>,
    /// The answer; absent where another server gave it, or this one so long ago that it does not remember.
    #[serde(flatten)]
    pub answer: Option<Given>,
}

/// As much of an answer as its rating needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Given {
    /// The question, with its secrets masked.
    pub question: String,
    pub status: Status,
    /// The documents it cited.
    #[serde(default)]
    pub documents: Vec<String>,
}

/// An answer as written, for ratings that reach another server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct AnswerRecord {
    pub at: Timestamp,
    pub id: String,
    #[serde(flatten)]
    pub answer: Given,
}

/// A question that was not answered, as written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unanswered {
    pub at: Timestamp,
    /// The subject, the same for every object that it happens to.
    pub pattern: String,
    /// The question, with its secrets masked.
    pub question: String,
    /// The documents that came nearest.
    #[serde(default)]
    pub nearest: Vec<String>,
}

/// Why something was not written.
#[derive(Debug, thiserror::Error)]
pub enum NoteError {
    /// No server gives an answer such an id.
    #[error("no such answer")]
    Unknown,
    /// The state directory is `none`.
    #[error("the state directory is switched off")]
    Off,
    /// The file system failed.
    #[error("failed to write `{path}`")]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// Writes what is to be remembered.
pub struct Journal {
    directory: Option<PathBuf>,
    answers: Mutex<Remembered>,
    /// Answers and unanswered questions go through a thread of their own: a slow disk must not slow answers.
    waiting: Option<mpsc::SyncSender<Waiting>>,
    writer: Option<JoinHandle<()>>,
    files: Mutex<()>,
}

#[derive(Default)]
struct Remembered {
    by_id: HashMap<String, Given>,
    order: VecDeque<String>,
}

enum Waiting {
    Answered(AnswerRecord),
    Unanswered(Unanswered),
}

impl Journal {
    /// A journal in a directory, which is created when it is first needed; without one nothing is written.
    pub fn new(directory: Option<PathBuf>) -> Self {
        let started = directory.clone().and_then(|directory| {
            let (sender, receiver) = mpsc::sync_channel::<Waiting>(MAX_WAITING);
            let writer = move || {
                let mut complained = false;
                for waiting in receiver {
                    let written = match &waiting {
                        Waiting::Answered(answered) => append(&directory, ANSWERED, answered),
                        Waiting::Unanswered(unanswered) => append(&directory, UNANSWERED, unanswered),
                    };
                    match written {
                        Ok(()) => complained = false,
                        Err(error) if !complained => {
                            tracing::error!(
                                target: "runbookd::journal",
                                error = kb::causes::with_causes(&error),
                                "cannot write down answers and unanswered questions"
                            );
                            complained = true;
                        }
                        Err(_) => {}
                    }
                }
            };
            let thread = std::thread::Builder::new().name("journal".to_owned()).spawn(writer).ok()?;
            Some((sender, thread))
        });
        let (waiting, writer) = started.unzip();
        Self { directory, answers: Mutex::default(), waiting, writer, files: Mutex::new(()) }
    }

    /// Keeps an answer for its rating, and writes down a question without an answer.
    pub fn note(&self, request: &Request, answer: &Answer) {
        if self.directory.is_none() {
            return;
        }
        let question = clipped(request.question.text(), MAX_QUESTION_CHARS);
        if answer.status == Status::Unknown {
            self.write_later(Waiting::Unanswered(Unanswered {
                at: answer.created_at,
                pattern: pattern(&request.question),
                question: question.clone(),
                nearest: answer.nearest.iter().map(|near| near.document.clone()).collect(),
            }));
        }
        let mut documents: Vec<String> =
            answer.citations.iter().map(|citation| citation.document.clone()).collect();
        documents.dedup();
        let given = Given { question, status: answer.status, documents };
        self.write_later(Waiting::Answered(AnswerRecord {
            at: answer.created_at,
            id: answer.id.clone(),
            answer: given.clone(),
        }));
        let mut answers = self.answers();
        if answers.by_id.insert(answer.id.clone(), given).is_none() {
            answers.order.push_back(answer.id.clone());
        }
        while answers.order.len() > MAX_REMEMBERED {
            if let Some(oldest) = answers.order.pop_front() {
                answers.by_id.remove(&oldest);
            }
        }
    }

    /// Writes a rating, also of an answer that another server gave. Blocks for the disk.
    pub fn rate(&self, id: &str, rating: Rating, comment: Option<&str>) -> Result<(), NoteError> {
        let directory = self.directory.as_ref().ok_or(NoteError::Off)?;
        let answer = self.answers().by_id.get(id).cloned();
        if answer.is_none() && !is_answer_id(id) {
            return Err(NoteError::Unknown);
        }
        let comment = comment.map(|comment| kb::redact::redact(comment).text.into_owned());
        let feedback = Feedback { at: Timestamp::now(), id: id.to_owned(), rating, comment, answer };
        let _one_at_a_time = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        append(directory, FEEDBACK, &feedback)
    }

    fn write_later(&self, record: Waiting) {
        if let Some(waiting) = &self.waiting {
            // A full queue means a disk that cannot follow; the record is worth less than the answers.
            let _ = waiting.try_send(record);
        }
    }

    fn answers(&self) -> MutexGuard<'_, Remembered> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Journal {
    /// Writes the entries that wait in memory.
    fn drop(&mut self) {
        drop(self.waiting.take());
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

/// Whether a server may have given this id to an answer: 128 bits in hexadecimal, as [`Occasion::now`] draws them.
///
/// [`Occasion::now`]: crate::request::Occasion::now
fn is_answer_id(id: &str) -> bool {
    id.len() == 32 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The subject of a failure, the same for every object it happens to: its identifiers without names and quantities,
/// else the text that is searched for.
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

/// The file set aside before the one of this name.
pub(crate) fn set_aside(directory: &Path, name: &str) -> PathBuf {
    directory.join(name.replace(".jsonl", ".1.jsonl"))
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
    fn a_torn_line_is_ended_before_the_next() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join(UNANSWERED);
        fs::write(&path, "{\"at\":").expect("torn");
        append(directory.path(), UNANSWERED, &unanswered_record("a")).expect("written");
        let text = fs::read_to_string(&path).expect("a file");
        assert!(text.starts_with("{\"at\":\n{") && text.ends_with("}\n"), "{text}");
    }

    #[test]
    fn files_do_not_grow_for_ever() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join(UNANSWERED);
        fs::write(&path, vec![b'\n'; MAX_FILE_BYTES as usize]).expect("written");
        append(directory.path(), UNANSWERED, &unanswered_record("a")).expect("written");
        assert!(fs::metadata(&path).expect("a file").len() < 1_000);
        assert_eq!(
            fs::metadata(set_aside(directory.path(), UNANSWERED)).expect("a file").len(),
            MAX_FILE_BYTES
        );
    }

    #[test]
    fn only_ids_of_answers_can_be_rated_unseen() {
        let drawn = crate::request::Occasion::now(std::time::Duration::ZERO).id;
        assert!(is_answer_id(&drawn), "{drawn}");
        for other in ["", "unknown", &drawn[1..], &drawn.replace(|_| true, "g"), &format!("{drawn}0")] {
            assert!(!is_answer_id(other), "{other}");
        }
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

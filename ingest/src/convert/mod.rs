//! Files whose parsers may fail in any way are read in a child process of our own program: with bounds on its memory
//! and time, without environment or files, one process for each file. Every failure of it becomes a reason in a report.
//!
//! Entry points: [`pdf`] in the process that needs a file's text, [`serve_if_asked`] in the child. [`child`] is the
//! child's end of the pipe, [`limits`] its limits; [`extract`] and [`forms`] alone know the parser. The two processes
//! exchange lines of JSON: [`Told`].

mod child;
mod extract;
mod forms;
mod limits;

pub use child::serve_if_asked;

use serde::{Deserialize, Serialize};
use std::{
    io::{self, BufRead, BufReader, Read, Write},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Condvar, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// The first argument of the child; no user types it.
const ARGUMENT: &str = "__convert";

/// The name of our program.
const PROGRAM: &str = "ingest";

/// A child that takes longer is ended.
const MAX_SECONDS: u64 = 30;

/// More of what a child says is not read.
const MAX_OUTPUT_BYTES: u64 = 32 << 20;

/// At most this many children at once, for each may take [`limits::MAX_MEMORY_BYTES`].
const MAX_CHILDREN: usize = 4;

/// Why a file was not converted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConvertError {
    /// The program that would run as the child is not found.
    #[error("read by the program `{PROGRAM}`, which is not beside this one; install it there")]
    NoProgram,
    /// The program does not start.
    #[error("the process that reads it cannot be started: {0}")]
    Start(#[source] io::Error),
    /// It took too long.
    #[error("reading it takes more than {MAX_SECONDS} seconds")]
    TooLong,
    /// It took too long by the processor's clock.
    #[error("reading it takes more than {} seconds of processor time", limits::MAX_CPU_SECONDS)]
    TooMuchWork,
    /// It said too much.
    #[error("it has more text than is read of one file; split it")]
    TooMuchText,
    /// It was ended by the system.
    #[error("damaged, or made to harm: reading it needs more than {} MiB of memory or breaks the parser", limits::MAX_MEMORY_BYTES >> 20)]
    Broke,
    /// The child gives a reason.
    #[error("{0}")]
    Refused(String),
}

impl ConvertError {
    /// Whether another machine, or this one at another time, may read the file.
    pub(crate) fn is_of_this_machine(&self) -> bool {
        match self {
            Self::NoProgram | Self::Start(_) | Self::TooLong => true,
            Self::TooMuchWork | Self::TooMuchText | Self::Broke | Self::Refused(_) => false,
        }
    }

    /// Whether learning that took so long that it is not learnt in every run.
    pub(crate) fn is_slow(&self) -> bool {
        matches!(self, Self::TooLong)
    }
}

/// The content of a PDF file.
#[derive(Debug, Default)]
pub(crate) struct Pdf {
    /// The file's properties, by the names that they have in it.
    pub(crate) properties: Vec<(String, String)>,
    /// The pages, in order.
    pub(crate) pages: Vec<Page>,
    /// Numbers of pages that the parser failed on.
    pub(crate) unread: Vec<u32>,
    /// The titles of its outline, each with its level from 1.
    pub(crate) outline: Vec<(u8, String)>,
}

/// One page, as lines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Page {
    /// The page's number, from 1.
    pub(crate) number: u32,
    /// The lines, in the order of the file.
    pub(crate) lines: Vec<Line>,
}

/// Letters that stand in one line of a page. Lengths are in points.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Line {
    /// The left edge, from the left edge of the page.
    pub(crate) x: f32,
    /// The right edge, from the left edge of the page.
    pub(crate) end: f32,
    /// The base line, from the top of the page.
    pub(crate) y: f32,
    /// The size of most of its letters.
    pub(crate) size: f32,
    /// The width of a letter, where all are equally wide.
    pub(crate) letter: Option<f32>,
    /// Whether its font is surely one of equally wide letters, as code is set in.
    pub(crate) is_code: bool,
    /// The line's words.
    pub(crate) text: String,
}

/// A line of what a child says.
#[derive(Debug, Serialize, Deserialize)]
enum Told {
    Properties(Vec<(String, String)>),
    Page(Page),
    Unread(u32),
    Outline(Vec<(u8, String)>),
    /// Why the file is not read.
    Refused(String),
    /// The last message: no page follows.
    Done,
}

/// Reads a PDF file. Waits while as many files are being read as may be.
pub(crate) fn pdf(bytes: &[u8]) -> Result<Pdf, ConvertError> {
    let program = program().ok_or(ConvertError::NoProgram)?;
    let _turn = Turn::taken();
    let mut child = Command::new(program)
        .args([ARGUMENT, "pdf"])
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(ConvertError::Start)?;
    let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(ConvertError::Start(io::ErrorKind::BrokenPipe.into()));
    };
    let deadline = Instant::now() + Duration::from_secs(MAX_SECONDS);
    let (told, ended) = thread::scope(|scope| {
        // A child that ends early reads no further.
        scope.spawn(move || drop({ input }.write_all(bytes)));
        let (sender, receiver) = std::sync::mpsc::channel();
        scope.spawn(move || drop(sender.send(told_by(output))));
        let told = receiver.recv_timeout(Duration::from_secs(MAX_SECONDS)).ok();
        let left =
            if told.is_some() { deadline.saturating_duration_since(Instant::now()) } else { Duration::ZERO };
        (told, ended(&mut child, left))
    });
    match (told, ended) {
        (None, _) | (_, Err(None)) => Err(ConvertError::TooLong),
        (_, Err(Some(error))) => Err(ConvertError::Start(error)),
        (Some(Err(error)), Ok(status)) => Err(of_status(status).unwrap_or(error)),
        (Some(Ok(pdf)), Ok(status)) => of_status(status).map_or(Ok(pdf), Err),
    }
}

/// Reads the messages of a child to their end.
fn told_by(output: impl Read) -> Result<Pdf, ConvertError> {
    let mut output = BufReader::new(output.take(MAX_OUTPUT_BYTES));
    let mut pdf = Pdf::default();
    let mut line = String::new();
    loop {
        line.clear();
        output.read_line(&mut line).map_err(|_| ConvertError::Broke)?;
        match serde_json::from_str(&line) {
            Ok(Told::Properties(properties)) => pdf.properties = properties,
            Ok(Told::Page(page)) => pdf.pages.push(page),
            Ok(Told::Unread(number)) => pdf.unread.push(number),
            Ok(Told::Outline(outline)) => pdf.outline = outline,
            Ok(Told::Refused(reason)) => return Err(ConvertError::Refused(reason)),
            Ok(Told::Done) => return Ok(pdf),
            Err(_) if output.get_ref().limit() == 0 => return Err(ConvertError::TooMuchText),
            Err(_) => return Err(ConvertError::Broke),
        }
    }
}

/// Waits for a child that has said all, and ends it when it stays.
fn ended(child: &mut Child, left: Duration) -> Result<ExitStatus, Option<io::Error>> {
    /// How often it is looked at.
    const PAUSE: Duration = Duration::from_millis(2);
    /// A child that has said all goes at once; one that was not heard to its end may be ended.
    const MAX_WAIT: Duration = Duration::from_secs(1);
    let until = Instant::now() + left.min(MAX_WAIT);
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status),
            Ok(None) if Instant::now() < until => thread::sleep(PAUSE),
            Ok(None) => {
                let killed = child.kill().and_then(|()| child.wait());
                return if left.is_zero() { Err(None) } else { killed.map_err(Some) };
            }
            Err(error) => return Err(Some(error)),
        }
    }
}

/// The error of a child that ended other than well.
fn of_status(status: ExitStatus) -> Option<ConvertError> {
    #[cfg(unix)]
    {
        use rustix::process::Signal;
        use std::os::unix::process::ExitStatusExt;
        match status.signal() {
            Some(signal) if signal == Signal::XCPU.as_raw() => return Some(ConvertError::TooMuchWork),
            // It was ended here, after it had said all that is read.
            Some(signal) if signal == Signal::KILL.as_raw() => {}
            None => {}
            Some(_) => return Some(ConvertError::Broke),
        }
    }
    let _ = status;
    None
}

/// Our program: this process' own, or the one that stands beside it.
fn program() -> Option<PathBuf> {
    let own = std::env::current_exe().ok()?;
    let name = own.file_stem()?.to_str()?;
    // So the system names a program that was replaced since it was started.
    if name.trim_end_matches(" (deleted)") == PROGRAM {
        let running = PathBuf::from("/proc/self/exe");
        return Some(if running.exists() { running } else { own });
    }
    let file = format!("{PROGRAM}{}", std::env::consts::EXE_SUFFIX);
    // Tests stand in a folder beside the programs.
    own.ancestors().skip(1).take(2).map(|folder| folder.join(&file)).find(|path| path.is_file())
}

/// A turn among those that may have a child.
struct Turn;

static CHILDREN: Mutex<usize> = Mutex::new(0);
static ONE_ENDED: Condvar = Condvar::new();

impl Turn {
    fn taken() -> Self {
        let most = thread::available_parallelism().map_or(1, usize::from).min(MAX_CHILDREN);
        let children = CHILDREN.lock().unwrap_or_else(PoisonError::into_inner);
        let mut children = ONE_ENDED
            .wait_while(children, |children| *children >= most)
            .unwrap_or_else(PoisonError::into_inner);
        *children += 1;
        Self
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *CHILDREN.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        ONE_ENDED.notify_one();
    }
}

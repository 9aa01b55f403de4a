//! The calls of one scenario, as they were recorded: the requests, the replies, and which calls were under way at the
//! same time. The calls of a test run are compared with them.
//!
//! A call is taken for the first recorded one that is equal to it and was not asked yet. Every call that had its reply
//! before that one was made must have it now; so the order of calls that may depend on each other is that of the
//! recording, and calls that were under way at the same time may come in any order.

use super::messages::{first_difference, reply_text, request_text, text_of};
use std::{collections::BTreeSet, fmt::Write as _};
use tonic::{Code, Status};

/// A call with its reply, and with the calls that had their replies before it was made.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub method: String,
    /// The text of the request.
    pub request: String,
    /// Earlier calls that had no reply yet when this one was made, by their places.
    pub beside: BTreeSet<usize>,
    pub reply: Reply,
}

#[derive(Debug, Clone)]
pub(super) enum Reply {
    /// The encoded message of a call that succeeded.
    Message(Vec<u8>),
    Status(Code, String),
}

impl Call {
    /// A call that is written by hand.
    pub fn new(method: &str, request: &impl std::fmt::Debug, reply: Reply) -> Self {
        let request = text_of(request);
        Self { method: method.to_owned(), request, beside: BTreeSet::new(), reply }
    }
}

impl Reply {
    pub fn message(message: &impl prost::Message) -> Self {
        Self::Message(message.encode_to_vec())
    }

    pub fn of(status: &Status) -> Self {
        Self::Status(status.code(), status.message().to_owned())
    }
}

/// The calls as a file holds them: the method, the request indented, and the reply with everything that is no ASCII
/// escaped.
pub(super) fn written(calls: &[Call]) -> String {
    let mut text = String::new();
    for Call { method, request, beside, reply } in calls {
        text.push_str(method);
        if !beside.is_empty() {
            let places: Vec<String> = beside.iter().map(usize::to_string).collect();
            write!(text, " beside {}", places.join(" ")).expect("a text takes all");
        }
        text.push('\n');
        request.lines().for_each(|line| writeln!(text, " {line}").expect("a text takes all"));
        match reply {
            Reply::Message(bytes) => writeln!(text, "= {}", bytes.escape_ascii()),
            Reply::Status(code, message) => {
                writeln!(text, "! {} {}", i32::from(*code), message.as_bytes().escape_ascii())
            }
        }
        .expect("a text takes all");
    }
    text
}

/// Reads what [`written`] has written.
pub(super) fn read(text: &str) -> Vec<Call> {
    let mut calls: Vec<Call> = Vec::new();
    for line in text.lines() {
        if let Some(line) = line.strip_prefix(' ') {
            let call = calls.last_mut().expect("a request belongs to a call");
            call.request.push_str(line);
            call.request.push('\n');
        } else if let Some(bytes) = line.strip_prefix("= ").or((line == "=").then_some("")) {
            calls.last_mut().expect("a reply belongs to a call").reply = Reply::Message(unescaped(bytes));
        } else if let Some(status) = line.strip_prefix("! ") {
            let (code, message) = status.split_once(' ').expect("a code and a message");
            let code = Code::from_i32(code.parse().expect("a code is a number"));
            let message = String::from_utf8(unescaped(message)).expect("a message is a text");
            calls.last_mut().expect("a status belongs to a call").reply = Reply::Status(code, message);
        } else {
            let (method, beside) = line.split_once(" beside ").unwrap_or((line, ""));
            let beside = beside.split_whitespace().map(|place| place.parse().expect("places are numbers"));
            calls.push(Call {
                method: method.to_owned(),
                request: String::new(),
                beside: beside.collect(),
                reply: Reply::Status(Code::DataLoss, "the recording has no reply".to_owned()),
            });
        }
    }
    calls
}

/// The bytes of which `escape_ascii` made a text.
fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut left = text.bytes();
    while let Some(byte) = left.next() {
        bytes.push(match byte {
            b'\\' => match left.next().expect("something is escaped") {
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'x' => {
                    let mut digit = || left.next().and_then(|digit| char::from(digit).to_digit(16));
                    let (high, low) = digit().zip(digit()).expect("two digits");
                    (high * 16 + low) as u8
                }
                itself => itself,
            },
            byte => byte,
        });
    }
    bytes
}

/// Calls as they come, for a recording.
#[derive(Default)]
pub(super) struct Recorder {
    calls: Vec<Call>,
    under_way: BTreeSet<usize>,
}

impl Recorder {
    /// A call has come. Returns its place.
    pub fn begin(&mut self, method: &str, request: String) -> usize {
        let place = self.calls.len();
        let reply = Reply::Status(Code::DataLoss, "it had no reply".to_owned());
        self.calls.push(Call { method: method.to_owned(), request, beside: self.under_way.clone(), reply });
        self.under_way.insert(place);
        place
    }

    /// A call has its reply.
    pub fn end(&mut self, place: usize, reply: Reply) {
        self.calls[place].reply = reply;
        self.under_way.remove(&place);
    }

    /// The calls that were recorded. A reply that is equal to that of an earlier recording is kept byte for byte, for
    /// the maps in it come in any order.
    pub fn finish(mut self, earlier: &[Call]) -> Vec<Call> {
        for (call, before) in self.calls.iter_mut().zip(earlier) {
            if let (Reply::Message(now), Reply::Message(then)) = (&call.reply, &before.reply)
                && call.method == before.method
                && reply_text(&call.method, now) == reply_text(&call.method, then)
            {
                call.reply = before.reply.clone();
            }
        }
        self.calls
    }
}

/// The progress of a recorded call in a test run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// The call was not made yet.
    Due,
    Made,
    HasReply,
}

/// A recording that is played back.
pub(super) struct Playback {
    calls: Vec<Call>,
    progress: Vec<Progress>,
    /// The first deviation from the recording.
    deviation: Option<String>,
}

impl Playback {
    pub fn new(calls: Vec<Call>) -> Self {
        Self { progress: vec![Progress::Due; calls.len()], calls, deviation: None }
    }

    /// Begins a call that the engine makes. Returns its place in the recording, or `None` once a call was not as
    /// recorded.
    pub fn begin(&mut self, method: &str, request: &str) -> Option<usize> {
        if self.deviation.is_some() {
            return None;
        }
        let equal = (0..self.calls.len()).find(|&place| {
            let call = &self.calls[place];
            self.progress[place] == Progress::Due && call.method == method && call.request == request
        });
        let deviation = match equal {
            None => self.difference(method, request),
            Some(place) => match self.awaited(place) {
                None => {
                    self.progress[place] = Progress::Made;
                    return Some(place);
                }
                Some(before) => {
                    let what = match self.progress[before] {
                        Progress::Due => "was not made",
                        _ => "has no reply yet",
                    };
                    format!(
                        "call {place} ({method}) comes too early: call {before} ({}) {what}\n{}",
                        self.calls[before].method, self.calls[before].request
                    )
                }
            },
        };
        self.deviation = Some(deviation);
        None
    }

    /// The first call that must have its reply before another is made, and has none.
    fn awaited(&self, place: usize) -> Option<usize> {
        (0..place).find(|before| {
            self.progress[*before] != Progress::HasReply && !self.calls[place].beside.contains(before)
        })
    }

    /// How a call that was not recorded differs from the one that is due.
    fn difference(&self, method: &str, request: &str) -> String {
        let due: Vec<usize> = (0..self.calls.len())
            .filter(|&place| self.progress[place] == Progress::Due && self.awaited(place).is_none())
            .collect();
        let alike = due.iter().find(|&&place| self.calls[place].method == method);
        match (alike, due.first()) {
            (Some(&place), _) => {
                let difference = first_difference(&self.calls[place].request, request);
                format!("call {place} ({method}) is not as recorded: {difference}")
            }
            (None, Some(&place)) => {
                let expected = &self.calls[place];
                format!(
                    "a call of {method} comes where call {place} ({}) is due\n{request}instead of\n{}",
                    expected.method, expected.request
                )
            }
            (None, None) => format!("a call of {method} comes after all that was recorded\n{request}"),
        }
    }

    /// The reply of a call, which it has from now on.
    pub fn end(&mut self, place: usize) -> Reply {
        self.progress[place] = Progress::HasReply;
        self.calls[place].reply.clone()
    }

    /// Notes a deviation beside the request, such as another API key.
    pub fn deviates(&mut self, deviation: String) {
        self.deviation.get_or_insert(deviation);
    }

    /// An error unless everything was as recorded, and all of it.
    pub fn finish(self) -> Result<(), String> {
        if let Some(deviation) = self.deviation {
            return Err(deviation);
        }
        match self.progress.iter().position(|progress| *progress == Progress::Due) {
            None => Ok(()),
            Some(place) => {
                let Call { method, request, .. } = &self.calls[place];
                let missing = self.progress.iter().filter(|progress| **progress == Progress::Due).count();
                Err(format!(
                    "{missing} recorded calls were not made, the first of which is call {place} ({method})\n{request}"
                ))
            }
        }
    }
}

/// The text of a request, which must be one.
pub(super) fn request_of(method: &str, frame: &[u8]) -> Result<String, String> {
    match frame.split_at_checked(5) {
        Some((&[0, a, b, c, d], message)) if u32::from_be_bytes([a, b, c, d]) as usize == message.len() => {
            request_text(method, message)
        }
        _ => Err("its body is not one message without compression".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use qdrant_client::qdrant::{DeleteCollection, ListAliasesRequest};

    fn call(name: &str, beside: &[usize]) -> Call {
        let request = DeleteCollection { collection_name: name.to_owned(), timeout: None };
        let reply = Reply::Message(name.as_bytes().to_vec());
        let call = Call::new("/delete", &request, reply);
        Call { beside: beside.iter().copied().collect(), ..call }
    }

    /// Makes calls, each with its reply at once, and tells what deviates.
    fn played(recorded: &[Call], made: &[&str]) -> Result<(), String> {
        let mut playback = Playback::new(recorded.to_vec());
        for name in made {
            if let Some(place) = playback.begin("/delete", &call(name, &[]).request) {
                playback.end(place);
            }
        }
        playback.finish()
    }

    #[test]
    fn recordings_are_read_as_they_were_written() {
        let mut all_bytes = call("a", &[]);
        all_bytes.reply = Reply::Message((0..=255).collect());
        let mut status = call("b \"\n= x", &[0]);
        status.reply = Reply::Status(Code::NotFound, "no `b`:\n\u{fc}".to_owned());
        let list = Call::new("/list", &ListAliasesRequest {}, Reply::Message(Vec::new()));
        let calls = [all_bytes, status, list];
        assert_eq!(format!("{:?}", read(&written(&calls))), format!("{calls:?}"));
    }

    #[test]
    fn calls_beside_each_other_come_in_any_order_and_others_do_not() {
        let recorded = [call("a", &[]), call("b", &[]), call("c", &[1]), call("d", &[])];
        assert_eq!(played(&recorded, &["a", "b", "c", "d"]), Ok(()));
        assert_eq!(played(&recorded, &["a", "c", "b", "d"]), Ok(()));
        for (made, told) in [
            (&["b", "a", "c", "d"][..], "call 1 (/delete) comes too early: call 0 (/delete) was not made"),
            (&["a", "b", "d", "c"], "call 3 (/delete) comes too early: call 2 (/delete) was not made"),
            (&["a", "b", "c"], "1 recorded calls were not made, the first of which is call 3 (/delete)"),
            (&["a", "b", "c", "d", "d"], "a call of /delete comes after all that was recorded"),
            (&["a", "b", "x", "d"], "call 2 (/delete) is not as recorded: in \n  recorded: {"),
        ] {
            let deviation = played(&recorded, made).expect_err("it is not as recorded");
            assert!(deviation.starts_with(told), "{deviation}");
        }
        let mut playback = Playback::new(recorded.to_vec());
        assert_eq!(playback.begin("/delete", &recorded[0].request), Some(0));
        assert_eq!(playback.begin("/delete", &recorded[1].request), None);
        let deviation = playback.finish().expect_err("the first has no reply");
        assert!(deviation.contains("call 0 (/delete) has no reply yet"), "{deviation}");
    }

    #[test]
    fn calls_are_beside_those_that_have_no_reply_yet() {
        let mut recorder = Recorder::default();
        for name in ["a", "b", "c"] {
            recorder.begin("/delete", name.to_owned());
            if name == "b" {
                recorder.end(0, Reply::Message(Vec::new()));
            }
        }
        let beside: Vec<Vec<usize>> =
            recorder.finish(&[]).iter().map(|call| call.beside.iter().copied().collect()).collect();
        assert_eq!(beside, [vec![], vec![0], vec![1]]);
    }
}

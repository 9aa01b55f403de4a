//! The optional LLM judge, which marks an answer for its faithfulness to the evidence and its correctness. It is asked
//! only with `--judge`, and recorded like every other call; no gate needs it.
//!
//! The prompt is `eval/prompts/judge.md`. Only the small JSON object that it asks for is read; any other reply is an
//! error, never a guess.

use serde::{Deserialize, Serialize};

/// The system message of the judge.
pub const PROMPT: &str = include_str!("../prompts/judge.md");

/// The marks of the judge for one answer, 0..1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Marks {
    /// How far the evidence supports what the answer claims.
    pub faithfulness: f64,
    /// How far the answer solves the question, by the reference answer where there is one.
    pub correctness: f64,
    /// The reason in one sentence.
    pub reason: String,
}

/// Reads the judge's reply: one JSON object, possibly within a code fence or after a sentence. `None` for anything else
/// and for marks outside 0..1.
pub fn read_marks(reply: &str) -> Option<Marks> {
    let (start, end) = (reply.find('{')?, reply.rfind('}')?);
    let marks: Marks = serde_json::from_str(reply.get(start..=end)?).ok()?;
    [marks.faithfulness, marks.correctness].iter().all(|mark| (0.0..=1.0).contains(mark)).then_some(marks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_complete_marks_count() {
        let good = r#"{"faithfulness": 1, "correctness": 0.5, "reason": "one step is missing"}"#;
        for (reply, is_some) in [
            (good.to_owned(), true),
            (format!("Here it is:\n```json\n{good}\n```"), true),
            (r#"{"faithfulness": 1}"#.to_owned(), false),
            (r#"{"faithfulness": 7, "correctness": 1, "reason": ""}"#.to_owned(), false),
            ("It is fine.".to_owned(), false),
            ("}{".to_owned(), false),
        ] {
            assert_eq!(read_marks(&reply).is_some(), is_some, "{reply}");
        }
    }
}

//! The layout that the client asked for. k8sgpt sends one of four templates; other clients ask plainly.
//! Recognising a template is the business of `k8sgpt.rs`.

/// The layout of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Shape {
    /// Short Markdown: a cause and steps.
    #[default]
    Plain,
    /// `Error: ...` and `Solution: ...` on lines of their own.
    ErrorSolution,
    /// The same, the solution being a kubectl command only.
    ErrorCommand,
    /// k8sgpt's report on Prometheus scrape jobs.
    ScrapeReport,
}

/// The client's format instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Format {
    pub shape: Shape,
    /// The largest number of characters, with the citations and without the list of sources.
    pub max_chars: Option<usize>,
}

/// Characters that a model is taken to need for a sentence with its citation.
const SENTENCE_CHARS: usize = 90;

impl Format {
    /// The same format without its length.
    pub fn without_limit(self) -> Self {
        Self { max_chars: None, ..self }
    }

    /// The instruction to the model, in our own words; a client's text never becomes one. `only_asks` says that the request
    /// tells of no failure.
    pub fn instruction(&self, only_asks: bool) -> String {
        let mut text = match self.shape {
            Shape::Plain if only_asks => {
                "Answer in short Markdown: first the answer itself, then numbered steps where there is something to do."
                    .to_owned()
            }
            Shape::Plain => "Answer in short Markdown: first the cause, then numbered steps.".to_owned(),
            Shape::ErrorSolution => "Write the answer in exactly this format, two parts, plain text:\n\
                 Error: {explain the error here}\n\
                 Solution: {step by step solution here}"
                .to_owned(),
            Shape::ErrorCommand => "Write the answer in exactly this format; the solution is only a kubectl command \
                 taken from the documents, followed by its citation:\n\
                 Error: {explain the error here}\n\
                 Solution: {kubectl command}"
                .to_owned(),
            Shape::ScrapeReport => "Begin with these two lines:\n\
                 Discovered and parsed Prometheus scrape configurations.\n\
                 For targets to be scraped by Prometheus, ensure they are running with at least one of the following label sets:\n\
                 Then for each job write this list:\n\
                 - Job: {job_name}\n  - Service Labels:\n    - {list of service labels}\n  - Pod Labels:\n    - {list of pod labels}\n  \
                 - Namespaces:\n    - {list of namespaces}\n  - Ports:\n    - {list of ports}\n  - Containers:\n    - {list of container names}"
                .to_owned(),
        };
        if matches!(self.shape, Shape::ErrorSolution | Shape::ErrorCommand) {
            text.push_str(LABELS);
        }
        if let Some(max_chars) = self.max_chars {
            text.push_str(&in_sentences(max_chars));
        }
        text
    }
}

/// A program looks for the labels; readers of every language see them as they are.
const LABELS: &str = "\nA program reads the labels `Error:` and `Solution:`: write each once, at the beginning of a line, in English \
     whatever the language of the answer is, not bold and not as a heading. Begin each text on the line of its label.";

/// A client's length in what a model counts well: sentences and steps.
fn in_sentences(max_chars: usize) -> String {
    let sentences = (max_chars / SENTENCE_CHARS).max(2);
    let steps = sentences - sentences / 3;
    let count = |number: usize, noun: &str| match number {
        1 => format!("one {noun}"),
        2 => format!("two {noun}s"),
        _ => format!("{number} {noun}s"),
    };
    format!(
        "\nBe very short: {} to explain, then at most {}, each of one short sentence with its citation. What must not be done \
         comes first.",
        count((sentences / 3).max(1), "short sentence"),
        count(steps, "step"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_asked_for_in_sentences_and_steps() {
        for (max_chars, expected) in [
            (100, "one short sentence to explain, then at most two steps"),
            (280, "one short sentence to explain, then at most two steps"),
            (600, "two short sentences to explain, then at most 4 steps"),
        ] {
            let instruction =
                Format { shape: Shape::ErrorSolution, max_chars: Some(max_chars) }.instruction(false);
            assert!(instruction.contains(expected), "{max_chars}: {instruction}");
        }
    }
}

//! What the client asked the answer to look like. k8sgpt sends one of four templates; everybody else asks plainly.
//! Recognising a template is the business of `http/completions.rs`.

/// The layout of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Shape {
    /// Short Markdown.
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
    /// The layout.
    pub shape: Shape,
    /// Most characters, citations included, the list of sources not.
    pub max_chars: Option<usize>,
}

impl Format {
    /// The same format without its length.
    pub fn without_limit(self) -> Self {
        Self { max_chars: None, ..self }
    }

    /// The instruction to the model, in our own words; a client's text never becomes one.
    pub fn instruction(&self) -> String {
        let mut text = match self.shape {
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
        if let Some(max_chars) = self.max_chars {
            text.push('\n');
            text.push_str(&self.length_instruction(max_chars));
        }
        text
    }

    /// A length in what a model can count: sentences and steps, not characters.
    fn length_instruction(self, max_chars: usize) -> String {
        /// What one sentence or step takes, with its command and citation.
        const STEP_CHARS: usize = 100;
        let steps = (max_chars / STEP_CHARS).clamp(2, 6);
        match self.shape {
            Shape::ErrorCommand => "Be brief: one short sentence for the error, and one command.".to_owned(),
            Shape::ErrorSolution => {
                format!(
                    "Be brief: one short sentence for the error, and at most {steps} short steps, the most important first."
                )
            }
            Shape::Plain | Shape::ScrapeReport => {
                format!(
                    "Be brief: one short sentence for the cause, and at most {steps} short steps, the most important first."
                )
            }
        }
    }
}

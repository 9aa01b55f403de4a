//! A failure as k8sgpt sends it: its text, and one of its templates around it, which says in which form it wants the answer.
//!
//! Entry point: [`Form::request`].

use crate::{
    format::{Format, Shape},
    request::Request,
};

/// The parts of a request that k8sgpt fills.
#[derive(Debug, Clone, Copy, Default)]
pub struct Form<'a> {
    /// The failure, or one of k8sgpt's templates around it.
    pub prompt: &'a str,
    /// The failure's text; it is what is searched for.
    pub message: Option<&'a str>,
    /// Language of the answer, as free text.
    pub language: Option<&'a str>,
}

/// A request without a question, in the words of its keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neither `options.message` nor `prompt` holds a question")]
pub struct NoQuestion;

impl Form<'_> {
    /// The question, its language and the wanted format: from the message, else from the prompt without its template.
    pub fn request(&self) -> Result<Request, NoQuestion> {
        let template = Template::recognise(self.prompt);
        let format = template.as_ref().map(|template| template.format).unwrap_or_default();
        // k8sgpt gives up its whole run on a 400, so a failure without text is answered by what surrounds it.
        let message = self.message.or(template.as_ref().map(|template| template.message));
        let text = message.filter(|message| !message.trim().is_empty()).unwrap_or(self.prompt);
        let language = self.language.filter(|language| !language.trim().is_empty());
        let language = language.or(template.as_ref().map(|template| template.language));
        Request::parse(text, language, format).map_err(|_| NoQuestion)
    }
}

/// k8sgpt's default template, filled as k8sgpt fills it, for clients that imitate it.
pub fn default_prompt(language: &str, message: &str) -> String {
    format!(
        "Simplify the following Kubernetes error message delimited by triple dashes written in --- {language} --- language; --- {message} ---.\n\
         \tProvide the most possible solution in a step by step style in no more than 280 characters. Write the output in the following format:\n\
         \tError: {{Explain error here}}\n\tSolution: {{Step by step solution here}}"
    )
}

/// One of k8sgpt's prompts, taken apart.
#[derive(Debug, PartialEq, Eq)]
struct Template<'a> {
    message: &'a str,
    language: &'a str,
    format: Format,
}

impl<'a> Template<'a> {
    /// Takes a prompt apart, when it is one of the templates of k8sgpt 0.3 to 0.4.
    fn recognise(prompt: &'a str) -> Option<Self> {
        let prompt = prompt.trim();
        let (message, language, instruction) =
            if let Some(rest) = prompt.strip_prefix("Return your prompt in this language: ") {
                let (language, rest) = rest.split_once(", beginning with")?;
                let start = rest
                    .find("\n\t---\n")
                    .map(|at| at + "\n\t---\n".len())
                    .or_else(|| after_line(rest, "---"))?;
                let end = start + rest[start..].rfind("---\n").filter(|at| *at > 0)?;
                let format = Format { shape: Shape::ScrapeReport, max_chars: None };
                return Some(Self { message: rest[start..end].trim(), language: language.trim(), format });
            } else if let Some(rest) = prompt.strip_prefix("Simplify the following ") {
                match rest.split_once(" delimited by triple dashes written in --- ") {
                    Some((_, rest)) => {
                        let (language, rest) = rest.split_once(" --- language; --- ")?;
                        // The message may hold dashes itself: the last delimiter closes it.
                        let end = rest.rfind(" ---.")?;
                        (&rest[..end], language, &rest[end..])
                    }
                    None => {
                        let (_, rest) = rest.split_once(" and provide a solution in ")?;
                        let (language, message) = rest.split_once(": ")?;
                        (message, language, "")
                    }
                }
            } else {
                return None;
            };
        let shape = match instruction {
            _ if instruction.contains("Solution: {kubectl command}") => Shape::ErrorCommand,
            _ if instruction.contains("Solution:") => Shape::ErrorSolution,
            _ => Shape::Plain,
        };
        let format = Format { shape, max_chars: max_chars(instruction) };
        Some(Self { message: message.trim(), language: language.trim(), format })
    }
}

/// Where the line after the first line equal to `line` begins.
fn after_line(text: &str, line: &str) -> Option<usize> {
    let mut at = 0;
    for found in text.split_inclusive('\n') {
        at += found.len();
        if found.trim() == line {
            return Some(at);
        }
    }
    None
}

/// `in no more than 280 characters`.
fn max_chars(instruction: &str) -> Option<usize> {
    let (_, rest) = instruction.split_once("no more than ")?;
    let (number, _) = rest.split_once(" characters")?;
    number.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_taken_apart() {
        let check = |prompt: &str, message: &str, language: &str, shape: Shape, max_chars: Option<usize>| {
            let format = Format { shape, max_chars };
            assert_eq!(Template::recognise(prompt), Some(Template { message, language, format }), "{prompt}");
        };
        check(
            &default_prompt("english", "a --- b ---. c"),
            "a --- b ---. c",
            "english",
            Shape::ErrorSolution,
            Some(280),
        );
        check(&default_prompt("zh", "Back-off"), "Back-off", "zh", Shape::ErrorSolution, Some(280));
        check(
            "Simplify the following Prometheus error message delimited by triple dashes written in --- english --- language; --- bad config ---.\n\
             \tThis error came when validating the Prometheus configuration file.\n\
             \tWrite the output in the following format in no more than 300 characters:\n\tError: {Explain error here}\n\tSolution: {Step by step solution here}",
            "bad config",
            "english",
            Shape::ErrorSolution,
            Some(300),
        );
        check(
            "Simplify the following Kyverno warnings message delimited by triple dashes written in --- english --- language; --- policy x failed ---.\n\
             \tProvide the most probable solution as a kubectl command. \n\n\
             \tWrite the output in the following format, for the solution, only show the kubectl command:\n\t\n\
             \tError: {Explain error here}\n\n\tSolution: {kubectl command}",
            "policy x failed",
            "english",
            Shape::ErrorCommand,
            None,
        );
        check(
            "Return your prompt in this language: english, beginning with\n\tThe following is a list of the form:\n\tjob_name:\n\t{Prometheus job_name}\n\
             \t---\n\tjob_name: a\n\t---\n\tFor each job_name, describe the Kubernetes service.",
            "job_name: a",
            "english",
            Shape::ScrapeReport,
            None,
        );
        check(
            "Simplify the following Kubernetes error message and provide a solution in english: it fails: badly",
            "it fails: badly",
            "english",
            Shape::Plain,
            None,
        );
        assert_eq!(Template::recognise("Why does my pod restart?"), None);
    }
}

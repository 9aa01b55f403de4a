//! A model's reasoning, which is no part of its answer: `<think>...</think>` and the like, as it stands between the
//! lines of a reply. After an opening tag that is never closed, the rest of the reply is reasoning. Pure. Entry point:
//! [`Reasoning`].

use regex::Regex;
use std::sync::LazyLock;

/// Marks at which reasoning begins or ends: a tag, a tag in square brackets, and two that models use as tokens.
static MARK: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?xi)
        (?: < | \[ | ◁ ) \s* (?<end>/)? \s*
        (?: (?:seed:|antml:)? (?: think(?:ing)? | thoughts? | reason(?:ing)? | reflection | scratch_?pad | inner_monologue | chain_of_thought | analysis ) )
        \s* (?: > | \] | ▷ )
        | (?<channel><\|channel\|>\s*(?:analysis|commentary)\s*<\|message\|>)
        | (?<final><\|start\|>\s*assistant\s*)?<\|channel\|>\s*final\s*<\|message\|>
        | (?<stop><\|(?:end|return)\|>)",
    )
    .expect("the pattern is valid")
});

/// Takes the reasoning out of a reply that arrives line by line.
#[derive(Debug, Default)]
pub struct Reasoning {
    is_open: bool,
    /// The sign of the fence that is open, and how often it stands there.
    fence: Option<(char, usize)>,
}

/// A part of a reply that is no reasoning.
#[derive(Debug, PartialEq, Eq)]
pub struct Said {
    pub text: String,
    /// Whether reasoning ended before it of which no beginning was seen: all that came before was reasoning.
    pub restarts: bool,
}

impl Reasoning {
    /// The parts of whole lines that are not reasoning, in order; never empty.
    pub fn without(&mut self, lines: &str) -> Vec<Said> {
        let mut said = vec![Said { text: String::new(), restarts: false }];
        for line in lines.split_inclusive('\n') {
            self.read(line, &mut said);
        }
        said
    }

    fn read(&mut self, line: &str, said: &mut Vec<Said>) {
        let mut at = 0;
        let (mut counted, mut num_ticks) = (0, 0);
        if self.fence.is_none() || self.is_open {
            for mark in MARK.captures_iter(line) {
                let whole = mark.get(0).expect("group 0 is the match");
                // A tag in code is one that the reply writes about.
                num_ticks += line[counted..whole.start()].matches('`').count();
                counted = whole.start();
                if num_ticks % 2 == 1 {
                    continue;
                }
                if !self.is_open {
                    push(said, &line[at..whole.start()]);
                }
                at = whole.end();
                let ends = mark.name("end").is_some() || mark.name("stop").is_some();
                let begins = !ends && (mark.name("channel").is_some() || !whole.as_str().contains('|'));
                if mark.name("end").is_some() && !self.is_open {
                    said.push(Said { text: String::new(), restarts: true });
                }
                self.is_open = begins;
            }
        }
        match self.is_open {
            // The line's end keeps apart what stands around the reasoning.
            true if at > 0 && line.ends_with('\n') => push(said, "\n"),
            true => {}
            false => push(said, &line[at..]),
        }
        if !self.is_open && at == 0 {
            self.follow_fence(line);
        }
    }

    fn follow_fence(&mut self, line: &str) {
        let line = line.trim();
        let Some(sign) = line.chars().next().filter(|sign| matches!(sign, '`' | '~')) else { return };
        let length = line.chars().take_while(|c| *c == sign).count();
        let rest = &line[length..];
        match self.fence {
            Some((open, least)) if open == sign && length >= least && rest.trim().is_empty() => {
                self.fence = None;
            }
            None if length >= 3 && !(sign == '`' && rest.contains('`')) => self.fence = Some((sign, length)),
            _ => {}
        }
    }
}

fn push(said: &mut [Said], text: &str) {
    if let Some(last) = said.last_mut() {
        last.text.push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of a reply whose lines arrive one by one; `|` stands where all before it was reasoning.
    fn check(reply: &str, expected: &str) {
        let mut reasoning = Reasoning::default();
        let mut text = String::new();
        for line in reply.split_inclusive('\n') {
            for said in reasoning.without(line) {
                text.push_str(if said.restarts { "|" } else { "" });
                text.push_str(&said.text);
            }
        }
        assert_eq!(text, expected, "{reply:?}");
    }

    #[test]
    fn reasoning_is_taken_out() {
        check("<think>\nHm [1].\n\nMore.\n</think>\n\nCause [1].\n", "\n\n\nCause [1].\n");
        check("<think>Hm.</think>Cause [1].", "Cause [1].");
        check("<THINKING> a\n\nb </thinking>\nCause [1].", "\n\nCause [1].");
        check("Cause [1].\n<reasoning>\nand on\n\nand on", "Cause [1].\n\n");
        check("[THINK]hm[/THINK]Cause", "Cause");
        check("◁think▷hm◁/think▷Cause", "Cause");
        check("<seed:think>hm</seed:think>Cause", "Cause");
        check(
            "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>Cause",
            "Cause",
        );
        check("Hm, document 1.\n</think>\nCause [1].", "Hm, document 1.\n|\nCause [1].");
    }

    #[test]
    fn what_only_looks_like_reasoning_stays() {
        for reply in [
            "The tag `<think>` is not closed [1].\n",
            "```xml\n<think>\n```\nCause [1].\n",
            "~~~\n<thinking>\n~~~\n",
            "Set <thinker> and a < b [1].\n",
        ] {
            check(reply, reply);
        }
    }
}

//! Errors as one line.

use std::error::Error;

/// An error with its causes on one line; a cause that only repeats what was said is left out.
pub fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !said.contains(&text) {
            said.push_str(": ");
            said.push_str(&text);
        }
        cause = error.source();
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] Transparent);

    #[derive(Debug, thiserror::Error)]
    #[error(transparent)]
    struct Transparent(std::io::Error);

    #[test]
    fn causes_follow_and_repetitions_do_not() {
        let error = Outer(Transparent(std::io::Error::other("inner")));
        assert_eq!(with_causes(&error), "outer: inner");
    }
}

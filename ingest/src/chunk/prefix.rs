//! Titles and heading paths that leave room for the passage: together they take at most a third of the window.

use super::pieces::net_tokens;
use kb::{document::passage, embed::TokenCounter};

/// The title, shortened in the middle to at most a sixth of the window.
pub(super) fn fitting_title(title: &str, counter: &dyn TokenCounter, max_tokens: usize) -> String {
    shortened(title, counter, max_tokens / 6)
}

/// The heading path, so that it takes at most a third of the window together with the title: headings are shortened in
/// the middle, then those in the middle of the path are left out.
pub(super) fn fitting_path(
    title: &str,
    path: &[String],
    counter: &dyn TokenCounter,
    max_tokens: usize,
) -> Vec<String> {
    let budget = max_tokens / 3;
    let fits = |path: &[String]| counter.count(&passage(title, path, "")) <= budget;
    if fits(path) {
        return path.to_vec();
    }
    let room = budget.saturating_sub(counter.count(&passage(title, &[], "")));
    let each = (room / path.len().max(1)).saturating_sub(2).max(6);
    let mut path: Vec<String> = path.iter().map(|heading| shortened(heading, counter, each)).collect();
    while !fits(&path) && !path.is_empty() {
        // The innermost heading says most, then the outermost.
        let middle = if path.len() > 2 { path.len() / 2 } else { 0 };
        path.remove(middle);
    }
    path
}

/// The text with its middle replaced by `…` so that it has at most `max_tokens`.
fn shortened(text: &str, counter: &dyn TokenCounter, max_tokens: usize) -> String {
    if net_tokens(counter, text) <= max_tokens {
        return text.to_owned();
    }
    let characters: Vec<char> = text.chars().collect();
    let elided = |kept: usize| {
        let head: String = characters[..kept.div_ceil(2)].iter().collect();
        let tail: String = characters[characters.len() - kept / 2..].iter().collect();
        format!("{}…{}", head.trim_end(), tail.trim_start())
    };
    let (mut fits, mut too_many) = (0, characters.len());
    while fits + 1 < too_many {
        let kept = fits.midpoint(too_many);
        match net_tokens(counter, &elided(kept)) <= max_tokens {
            true => fits = kept,
            false => too_many = kept,
        }
    }
    elided(fits)
}

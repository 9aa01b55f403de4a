//! Which comments of an issue say what resolved it. Pure.

use super::Comment;
use jiff::{SignedDuration, Timestamp};
use std::{collections::HashSet, sync::LazyLock};

/// The phrases of comments, by role.
const PHRASES: &str = include_str!("phrases.txt");

/// A comment with a lower score resolves nothing.
const MIN_SCORE: f32 = 3.0;

/// So many letters and digits say something.
const MIN_SUBSTANCE: usize = 15;

/// A confirmation that is longer says itself what helped.
const MAX_CONFIRMATION: usize = 200;

/// Comments are written as an issue is closed, before or right after it.
const CLOSING: SignedDuration = SignedDuration::from_mins(10);

/// The phrases of a role.
fn phrases(role: &str) -> impl Iterator<Item = &'static str> + use<'_> {
    PHRASES
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .filter(move |(of, _)| *of == role)
        .map(|(_, words)| words)
}

static STATING: LazyLock<Vec<&'static str>> = LazyLock::new(|| phrases("states").collect());
static CONFIRMING: LazyLock<Vec<&'static str>> = LazyLock::new(|| phrases("confirms").collect());
static DENYING: LazyLock<Vec<&'static str>> = LazyLock::new(|| phrases("denies").collect());
static EMPTY: LazyLock<HashSet<&'static str>> = LazyLock::new(|| phrases("empty").collect());

/// Whether a comment says nothing: an agreement, a nudge, a command to a bot.
pub(super) fn is_noise(text: &str) -> bool {
    let text = text.trim();
    if text.len() > MAX_CONFIRMATION {
        return false;
    }
    let is_command = text.lines().all(|line| {
        let name = line.split_whitespace().next().map(|word| word.strip_prefix('/').unwrap_or_default());
        name.is_none_or(|name| !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'))
    });
    let edge =
        |c: char| c.is_whitespace() || (c.is_ascii_punctuation() && c != '+') || "！。，、…!:".contains(c);
    let words = text.trim_matches(edge).to_lowercase();
    is_command || EMPTY.contains(words.as_str()) || !text.chars().any(char::is_alphanumeric)
}

/// The comments that say what resolved an issue, the best first. They stand in the order of their times; `asker` has
/// the problem.
pub(super) fn resolving(
    comments: &[Comment],
    asker: Option<&str>,
    closed_at: Option<Timestamp>,
    limit: usize,
) -> Vec<usize> {
    let scores = scores(comments, asker, closed_at);
    let mut best: Vec<usize> = (0..comments.len()).filter(|at| scores[*at] >= MIN_SCORE).collect();
    best.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]).then(a.cmp(b)));
    best.truncate(limit);
    best
}

/// How much speaks for each comment.
pub(super) fn scores(comments: &[Comment], asker: Option<&str>, closed_at: Option<Timestamp>) -> Vec<f32> {
    let is_askers = |comment: &Comment| asker == Some(comment.author.as_str());
    let lower: Vec<String> = comments.iter().map(|comment| comment.text.to_lowercase()).collect();
    let says = |at: usize, phrases: &[&str]| phrases.iter().any(|phrase| lower[at].contains(phrase));
    let mut scores: Vec<f32> = (0..comments.len())
        .map(|at| {
            let comment = &comments[at];
            let has_fix =
                ["/pull/", "/merge_requests/", "/commit/"].iter().any(|path| lower[at].contains(path));
            let points = [
                (says(at, &STATING), 3.0),
                (has_fix, 2.0),
                (comment.role.is_some(), 1.0),
                (comment.text.contains("```"), 1.0),
            ];
            let points: f32 = points.iter().filter(|(is_so, _)| *is_so).map(|(_, points)| points).sum();
            points + (comment.agreeing.min(6) as f32) / 2.0
        })
        .collect();
    for (at, comment) in comments.iter().enumerate() {
        let confirms = is_askers(comment) && says(at, &CONFIRMING) && !says(at, &DENYING);
        if !confirms {
            continue;
        }
        let helping = (0..at).rev().find(|before| !is_askers(&comments[*before]));
        match helping {
            Some(helping) if lower[at].len() <= MAX_CONFIRMATION => scores[helping] += 4.0,
            _ => scores[at] += 3.0,
        }
    }
    let has_substance = |comment: &Comment| {
        comment.text.chars().filter(|c| c.is_alphanumeric()).take(MIN_SUBSTANCE).count() == MIN_SUBSTANCE
    };
    let before_closing = |comment: &Comment| {
        closed_at.is_none_or(|closed| comment.created_at.is_none_or(|at| at <= closed + CLOSING))
    };
    if let Some(last) = comments.iter().rposition(|comment| has_substance(comment) && before_closing(comment))
    {
        scores[last] += 2.0;
    }
    scores
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Comments as `author: text`, the asker is `ann`; expected are the numbers of those that resolve it.
    #[track_caller]
    fn check(comments: &[&str], expected: &[usize]) {
        let parsed: Vec<Comment> = (0..)
            .zip(comments)
            .map(|(second, comment)| {
                let (author, text) = comment.split_once(": ").expect("an author");
                let (author, role) = match author.strip_suffix('!') {
                    Some(author) => (author, Some("member")),
                    None => (author, None),
                };
                Comment {
                    author: author.to_owned(),
                    role,
                    created_at: Timestamp::from_second(second).ok(),
                    text: text.to_owned(),
                    ..Comment::default()
                }
            })
            .collect();
        assert_eq!(resolving(&parsed, Some("ann"), None, 3), expected, "{comments:?}");
    }

    #[test]
    fn comments_that_resolve_are_found() {
        check(&["bo: Have you tried the newest version of it?", "ann: No."], &[]);
        check(
            &[
                "bo!: Set `nodefs.available` to 10 %, then restart the kubelet.",
                "ann: That worked, thank you!",
            ],
            &[0],
        );
        check(&["bo!: Try to restart it.", "ann: That did not help, this worked before."], &[]);
        check(
            &["bo: I have the same on three of my clusters.", "cy!: Fixed by https://e.example/o/r/pull/7."],
            &[1],
        );
        check(&["ann: 找到了，根因是磁碟已滿，清掉舊的映像檔以後就恢復正常。"], &[0]);
        check(
            &[
                "bo: Nguyên nhân là đĩa đầy, xoá image cũ rồi khởi động lại kubelet.",
                "ann: Chạy được rồi, cảm ơn!",
            ],
            &[0],
        );
        check(
            &[
                "ann: It works now. I had to delete the stale lease first, which nobody had told me, and the controller\
            then took over within a minute or so; the next upgrade went through without any of this, so that the ticket can be closed.",
            ],
            &[0],
        );
    }

    #[test]
    fn comments_that_say_nothing_are_noise() {
        for (text, expected) in [
            ("+1", true),
            (" :+1: ", true),
            ("Same here!!", true),
            ("/lgtm\n/approve", true),
            ("/close not-planned", true),
            ("謝謝！", true),
            ("...", true),
            ("/var/lib is full", false),
            ("same here, on 1.29", false),
            ("Thanks, that worked", false),
        ] {
            assert_eq!(is_noise(text), expected, "{text}");
        }
    }
}

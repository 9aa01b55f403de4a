//! k8sgpt's masked tokens: the client puts the real names back by plain replacement, so a token that differs by one
//! character stays in the answer as noise.

use regex::Regex;
use std::{collections::BTreeSet, sync::LazyLock};

static BASE64_LIKE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"[A-Za-z0-9+/_-]{3,}={0,2}").expect("the pattern is valid"));

/// How a reply treats the masked tokens of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Echo {
    /// Every token in the reply is unchanged, byte for byte; `absent` lists the tokens that the reply does not mention.
    Intact {
        /// Tokens that the reply does not mention.
        absent: Vec<String>,
    },
    /// A token came back changed.
    Altered {
        /// The text in place of the token.
        found: String,
    },
}

/// Compares the tokens with what the reply made of them.
pub fn echo(reply: &str, masked: &[String]) -> Echo {
    let mut absent = Vec::new();
    let mut rest = reply.to_owned();
    // The longest first: one token may be part of another.
    let all: Vec<&str> = masked.iter().flat_map(|token| names_in(token)).collect();
    let mut tokens = all.clone();
    tokens.sort_by_key(|token| std::cmp::Reverse(token.len()));
    for token in tokens {
        match rest.contains(token) {
            true => rest = rest.replace(token, " "),
            false => match parts_found(token, &rest) {
                Some((found, missing)) => {
                    found.iter().for_each(|part| rest = rest.replace(part, " "));
                    absent.extend(missing.into_iter().map(str::to_owned));
                }
                None => absent.push(token.to_owned()),
            },
        }
    }
    for found in BASE64_LIKE.find_iter(&rest) {
        if absent.iter().any(|token| resembles(found.as_str(), token)) {
            return Echo::Altered { found: found.as_str().to_owned() };
        }
    }
    absent.sort_by_key(|token| all.iter().position(|other| other.contains(token.as_str())));
    Echo::Intact { absent }
}

/// `namespace/name`, both masked, is one word of base64 that has its padding in the middle; the client puts each back
/// by itself.
pub fn names_in(token: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut start = 0;
    while let Some(at) = token[start..].find("=/") {
        names.push(&token[start..start + at + 1]);
        start += at + 2;
    }
    names.push(&token[start..]);
    names
}

/// A shorter part of a token may be a word.
const MIN_PART: usize = 4;

/// Namespace and name of a token that has both, each told by itself: those that the text has, byte for byte, and the
/// other; `None` where it has neither. A slash may also stand within a name.
fn parts_found<'t>(token: &'t str, text: &str) -> Option<(Vec<&'t str>, Vec<&'t str>)> {
    let cuts = token.match_indices('/').map(|(at, _)| (&token[..at], &token[at + 1..]));
    let is_there = |part: &str| {
        part.len() >= MIN_PART && {
            let is_whole = |end: usize| !text[end..].starts_with(['…']) && !text[end..].starts_with("...");
            part.len() >= MIN_PART
                && BASE64_LIKE.find_iter(text).any(|word| word.as_str() == part && is_whole(word.end()))
        }
    };
    let found = cuts.map(|(namespace, name)| [namespace, name].into_iter().partition(|part| is_there(part)));
    found.max_by_key(|(found, _): &(Vec<&str>, Vec<&str>)| found.len()).filter(|(found, _)| !found.is_empty())
}

/// The text with each token whole that was cut short with an ellipsis, where it can be only that one.
pub fn completed(text: &str, masked: &[String]) -> String {
    static CUT: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"([A-Za-z0-9+/_-]{6,})(?:…|\.\.\.)").expect("the pattern is valid"));
    let completed = CUT.replace_all(text, |found: &regex::Captures<'_>| {
        let all = masked.iter().flat_map(|token| token.split('/').chain([token.as_str()]));
        let candidates: BTreeSet<&str> = all.filter(|token| token.starts_with(&found[1])).collect();
        let mut tokens = candidates.into_iter();
        match (tokens.next(), tokens.next()) {
            (Some(token), None) => token.to_owned(),
            _ => found[0].to_owned(),
        }
    });
    completed.into_owned()
}

/// Shorter words begin with the same letters by chance.
const MIN_TRUNCATED: usize = 6;

/// Whether `found` is most likely a damaged copy of `token`, or of a namespace or name within it: the same but for case
/// or padding, a truncation, or more than half of it in common at both ends.
fn resembles(found: &str, token: &str) -> bool {
    let (found, token) = (found.trim_end_matches('='), token.trim_end_matches('='));
    let is_respelled = |part: &str| found != part && found.eq_ignore_ascii_case(part);
    if token.split('/').any(|part| part.len() > 2 && is_respelled(part)) {
        return true;
    }
    if found.eq_ignore_ascii_case(token) || (found.len() >= MIN_TRUNCATED && token.starts_with(found)) {
        return true;
    }
    let prefix = found.chars().zip(token.chars()).take_while(|(a, b)| a == b).count();
    let suffix = found.chars().rev().zip(token.chars().rev()).take_while(|(a, b)| a == b).count();
    let common = (prefix + suffix).min(found.len()).min(token.len());
    common * 2 > token.len() && common >= 5
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_back_byte_for_byte_or_are_noticed() {
        let token = "UHRZOmdq/Jm1VPWgj==".to_owned();
        let check =
            |reply: &str, altered: bool, num_absent: usize| match echo(reply, std::slice::from_ref(&token)) {
                Echo::Altered { .. } => assert!(altered, "{reply}"),
                Echo::Intact { absent } => {
                    assert!(!altered && absent.len() == num_absent, "{reply}: {absent:?}")
                }
            };
        check("Deployment UHRZOmdq/Jm1VPWgj== is down", false, 0);
        check("The Deployment is down", false, 1);
        check("Deployment UHRZOmdq/Jm1VPWgj is down", true, 0);
        check("Deployment uhrzomdq/jm1vpwgj== is down", true, 0);
        check("Deployment UHRZOmdq/Jm1VPWgk== is down", true, 0);
        check("Deployment UHRZOmdq... is down", true, 0);
        check("kubernetes-dashboard restarts", false, 1);
        check("Deployment `Jm1VPWgj==` in namespace `UHRZOmdq`", false, 0);
        check("Deployment Jm1VPWgj== is down", false, 1);
        check("Deployment Jm1VPWgk== in UHRZOmdq", true, 0);
        assert_eq!(names_in("QUJD==/REVG"), ["QUJD==", "REVG"]);
        for (token, reply) in [
            ("UHRZOmdq/Jm1VPWgjQmVs", "Deployment Jm1VPWgjQmVs (namespace UHRZOmdq) is down"),
            ("UHRZOmdq/Jm1VPWgjQmVs", "StatefulSet **Jm1VPWgjQmVs** của namespace **UHRZOmdq**"),
            ("UHRZOmdq/Jm1VPWgjQmVs", "命名空间 UHRZOmdq 中的 Deployment Jm1VPWgjQmVs"),
            ("UHRZOmdq/Jm1V/WgjQmVs", "Pod Jm1V/WgjQmVs di namespace UHRZOmdq"),
            ("UHRZOmdq/Jm1VPWgjQmVs", "UHRZOmdq: Jm1VPWgjQmVs, twice Jm1VPWgjQmVs"),
        ] {
            let found = echo(reply, &[token.to_owned()]);
            assert_eq!(found, Echo::Intact { absent: Vec::new() }, "{reply}");
        }
        assert_eq!(
            completed("StatefulSet (TikveG49…)", &["TikveG49Xzt5Vm0oaS1o".to_owned()]),
            "StatefulSet (TikveG49Xzt5Vm0oaS1o)"
        );
        assert_eq!(
            completed("Pod Jm1VPW… and abc…", &["UHRZOmdq/Jm1VPWgjQmVs".to_owned()]),
            "Pod Jm1VPWgjQmVs and abc…"
        );
        for (token, reply) in [
            ("PDpeZDdG/Omd1b1Y4Rlcqbl9G", "The Deployment oMD1B1y4rLCQBL9g is down"),
            ("QFRN", "The Service qfrn is gone"),
        ] {
            let found = echo(reply, &[token.to_owned()]);
            assert!(matches!(found, Echo::Altered { .. }), "{reply}: {found:?}");
        }
    }
}

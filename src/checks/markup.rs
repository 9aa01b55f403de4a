//! No links but to cited sources, no images, no HTML: a reply cannot carry data out through what a reader's screen
//! loads or what a reader clicks. Works on the parsed tree, so every spelling of a link is the same link.

use crate::{
    markdown::{OPTIONS, is_placeholder},
    text::edited,
};
use pulldown_cmark::{Event, Parser, Tag, TagEnd, TextMergeWithOffset};
use regex::{Captures, Regex};
use std::{borrow::Cow, ops::Range, sync::LazyLock};

/// Stands where a link stood.
pub const REMOVED: &str = "[link removed]";

/// What a reader's screen may turn into a link: any scheme with `//`, a few without, and `www.`.
static URL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?i)(?:[a-z][a-z0-9+.\-]{0,30}:\\?/\\?/|\b(?:mailto|xmpp|javascript|vbscript|tel|sms):|\bdata:[a-z]+/|\bwww\.)[^\s<>"`|，。；）」]*"#)
        .expect("the pattern is valid")
});

/// A second pass finds what removing the first has joined; more never were needed, and the last resort is blunt.
const MAX_PASSES: usize = 4;

/// The reply with links resolved: a link to one of `cited` is written `text (url)`, any other is its text alone; images
/// and HTML are gone; URLs in running text that are not cited are replaced by [`REMOVED`]. In code, addresses of the
/// machine and the cluster stay.
pub fn clean(text: &str, cited: &[&str]) -> String {
    let mut text = text.to_owned();
    for _ in 0..MAX_PASSES {
        let edits = edits(&text, cited);
        if edits.is_empty() {
            return text;
        }
        text = apply(&text, edits);
    }
    // Still markup after so many passes: somebody is trying.
    blunted(&text, cited)
}

/// The last resort: a text of which no markup survives, wherever it stands.
pub fn blunted(text: &str, cited: &[&str]) -> String {
    let blunt = text.replace('<', "‹").replace("](", "] (").replace("![", "[").replace("]:", "] :");
    without_urls(&blunt, cited, false).into_owned()
}

/// A title or an id: no markup, no URL.
pub fn plain(text: &str) -> String {
    clean(&crate::text::one_line(text), &[])
}

fn edits(text: &str, cited: &[&str]) -> Vec<(Range<usize>, String)> {
    let parser = Parser::new_ext(text, OPTIONS);
    let mut edits: Vec<(Range<usize>, String)> = parser
        .reference_definitions()
        .iter()
        .map(|(_, definition)| (definition.span.clone(), String::new()))
        .collect();
    // What is inside a replaced range is not looked at again.
    let mut open: Option<(usize, TagEnd)> = None;
    let (mut depth, mut images) = (0usize, 0usize);
    let mut in_code_block = false;
    let mut link: Option<(Range<usize>, String, String)> = None;
    for (event, range) in TextMergeWithOffset::new(parser.into_offset_iter()) {
        if let Some((at, end)) = open {
            match &event {
                Event::Start(tag) => {
                    depth += 1;
                    images += usize::from(matches!(tag, Tag::Image { .. }));
                }
                Event::End(tag) if depth == at && *tag == end => open = None,
                Event::End(tag) => {
                    depth -= 1;
                    images -= usize::from(*tag == TagEnd::Image);
                }
                Event::Text(inner) if images == 0 => {
                    if let Some((_, _, label)) = &mut link {
                        label.push_str(inner);
                    }
                }
                Event::Code(inner) if images == 0 => {
                    if let Some((_, _, label)) = &mut link {
                        label.push_str(&format!("`{inner}`"));
                    }
                }
                _ => {}
            }
            if open.is_none()
                && let Some((range, url, label)) = link.take()
            {
                edits.push((range, written_link(&url, &label, cited)));
            }
            continue;
        }
        match event {
            Event::Start(Tag::Image { .. }) => {
                open = Some((depth, TagEnd::Image));
                edits.push((range, String::new()));
            }
            Event::Start(Tag::Link { dest_url, .. }) => {
                open = Some((depth, TagEnd::Link));
                link = Some((range, dest_url.into_string(), String::new()));
            }
            Event::Start(Tag::CodeBlock(_)) => in_code_block = true,
            Event::End(TagEnd::CodeBlock) => in_code_block = false,
            Event::Html(html) | Event::InlineHtml(html) => {
                let written = match is_placeholder(html.trim()) {
                    true => format!("{{{}}}", &html.trim()[1..html.trim().len() - 1]),
                    false => String::new(),
                };
                edits.push((range, written));
            }
            Event::Text(decoded) => {
                if let Cow::Owned(filtered) = without_urls(&decoded, cited, in_code_block) {
                    edits.push((range.clone(), filtered));
                } else if let Cow::Owned(filtered) = without_urls(&text[range.clone()], cited, in_code_block)
                {
                    edits.push((range, filtered));
                }
            }
            Event::Code(code) => {
                if let Cow::Owned(filtered) = without_urls(&code, cited, true) {
                    edits.push((range, format!("`{filtered}`")));
                }
            }
            _ => {}
        }
    }
    edits
}

/// Applies edits; where two overlap, the one that begins first counts.
fn apply(text: &str, mut edits: Vec<(Range<usize>, String)>) -> String {
    edits.sort_by_key(|(range, _)| (range.start, std::cmp::Reverse(range.end)));
    edited(text, edits)
}

fn written_link(url: &str, label: &str, cited: &[&str]) -> String {
    let label = label.replace(['[', ']'], "");
    let label = without_urls(&label, cited, false);
    match cited.contains(&url) {
        true if label.trim() == url || label.trim().is_empty() => url.to_owned(),
        true => format!("{} ({url})", label.trim()),
        false => label.trim().to_owned(),
    }
}

/// Replaces URLs that are not cited; borrowed when there is none.
fn without_urls<'t>(text: &'t str, cited: &[&str], in_code: bool) -> Cow<'t, str> {
    if !URL.find_iter(text).any(|found| !may_stay(found.as_str(), cited, in_code)) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(
        URL.replace_all(text, |found: &Captures<'_>| match may_stay(&found[0], cited, in_code) {
            true => found[0].to_owned(),
            false => {
                let end = trailing(&found[0]);
                format!("{REMOVED}{end}")
            }
        })
        .into_owned(),
    )
}

/// Punctuation after a URL that belongs to the sentence.
fn trailing(url: &str) -> &str {
    let body = url.trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']', '*', '_', '\'']);
    &url[body.len()..]
}

fn may_stay(url: &str, cited: &[&str], in_code: bool) -> bool {
    let bare = &url[..url.len() - trailing(url).len()];
    if cited.contains(&bare) || cited.contains(&url) {
        return true;
    }
    let Some((scheme, rest)) = bare.split_once("://") else { return false };
    if !in_code {
        return false;
    }
    if !matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https" | "ws" | "wss" | "ftp") {
        return INFRASTRUCTURE_SCHEMES.contains(&scheme.to_ascii_lowercase().as_str());
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    is_local(authority)
}

/// Schemes of commands that no browser follows.
const INFRASTRUCTURE_SCHEMES: [&str; 10] =
    ["oci", "docker", "containerd", "cri-o", "tcp", "udp", "unix", "postgres", "postgresql", "redis"];

/// A host of this machine or this cluster: a loopback address, a service name, a variable to fill in.
fn is_local(authority: &str) -> bool {
    if authority.contains(['@', '%', '\\']) {
        return false;
    }
    let host = match authority.strip_prefix('[') {
        Some(rest) => return rest.starts_with("::1]"),
        None => authority.split(':').next().unwrap_or_default().to_ascii_lowercase(),
    };
    if host.starts_with(['$', '{']) {
        return !host.contains('.');
    }
    let loopback =
        host.strip_prefix("127.").is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit() || c == '.'));
    let named = host.starts_with(|c: char| c.is_ascii_lowercase());
    let service =
        named && (!host.contains('.') || host.ends_with(".svc") || host.ends_with(".cluster.local"));
    loopback || service
}

#[cfg(test)]
mod tests {
    use super::*;

    const CITED: &str = "https://wiki.example.com/oom";

    fn check(text: &str, cleaned: &str) {
        assert_eq!(clean(text, &[CITED]), cleaned, "{text}");
    }

    #[test]
    fn only_links_to_cited_sources_stay() {
        check(
            "See [the page](https://wiki.example.com/oom).",
            "See the page (https://wiki.example.com/oom).",
        );
        check("See <https://wiki.example.com/oom>.", "See https://wiki.example.com/oom.");
        check("See https://wiki.example.com/oom.", "See https://wiki.example.com/oom.");
        check("[x](https://evil.example/?d=1)", "x");
        check("[x][r]\n\n[r]: https://evil.example", "x\n\n");
        check("<https://evil.example>", REMOVED);
        check("go to https://evil.example/?a=b, now", "go to [link removed], now");
        check("WWW.evil.example", REMOVED);
        check("mailto:a@evil.example", REMOVED);
        check("[x](javascript:alert(1))", "x");
        check("https://wiki.example.com/oom?leak=1", REMOVED);
        check("https&#58;//evil.example", REMOVED);
        check("`https://evil.example/x`", "`[link removed]`");
        check(
            "[https://evil.example](https://wiki.example.com/oom)",
            "[link removed] (https://wiki.example.com/oom)",
        );
    }

    #[test]
    fn images_and_html_are_removed() {
        check("a ![alt](https://evil.example/?q=1) b", "a  b");
        check("![alt][r]\n\n[r]: https://evil.example/i.png", "\n\n");
        check("[![alt](https://evil.example/i.png)](https://evil.example)", "");
        check("a <img src=\"https://evil.example\"> b", "a  b");
        check("<script>alert(1)</script>\n", "");
        check("a <b>bold</b> word", "a bold word");
        check("kubectl describe pod <pod-name>", "kubectl describe pod {pod-name}");
        check("<!-- hidden -->", "");
    }

    #[test]
    fn code_keeps_what_is_local() {
        check("`curl http://localhost:9090/-/ready`", "`curl http://localhost:9090/-/ready`");
        check("`curl http://payments.shop.svc:8080/healthz`", "`curl http://payments.shop.svc:8080/healthz`");
        check("`helm pull oci://registry/chart`", "`helm pull oci://registry/chart`");
        check("`curl http://localhost@evil.example/`", "`curl [link removed]`");
        check("`curl http://134744072/`", "`curl [link removed]`");
        check(
            "```\nkubectl get pods -o jsonpath='{.items[0]}' <x>\n```",
            "```\nkubectl get pods -o jsonpath='{.items[0]}' <x>\n```",
        );
    }

    #[test]
    fn nothing_comes_back_when_parts_are_joined() {
        for text in [
            "!<b></b>[a](https://evil.example/x)",
            "[a]<i></i>(https://evil.example/x)",
            "<<b>script>alert(1)<</b>/script>",
            "<im<b>g src=https://evil.example/x>",
            "ht<b></b>tps://evil.example/x",
            "[a\n](https://evil.example/x \"t\")",
            "\\[a](https://evil.example/x)",
        ] {
            let cleaned = clean(text, &[CITED]);
            assert!(!cleaned.contains("evil.example"), "{text} gave {cleaned}");
            let again = clean(&cleaned, &[CITED]);
            assert_eq!(again, cleaned, "not stable: {text}");
        }
    }
}

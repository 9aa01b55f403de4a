//! Addresses as they stand in a text, which a reader's screen may turn into links without any markup.

use super::{
    REMOVED,
    hosts::{
        asks_nothing, authority, is_local, is_private, is_public, leads_somewhere, leads_to_port,
        names_no_place, names_transport, stays_in_code,
    },
};
use crate::markdown;
use regex::{Captures, Regex};
use std::{borrow::Cow, collections::HashSet, ops::Range, sync::LazyLock};

/// Any scheme with `//`, a few without, and `www.`; then an address without a scheme, with `//` or a host and a path,
/// or with the number of a host, a port and a path; then what chat programs make a mention of; then an e-mail address.
/// A backslash may stand before a sign, as Markdown writes it, and a dot may be one of those that browsers read as
/// dots.
static ADDRESS: LazyLock<Regex> = LazyLock::new(|| {
    let dot = r"(?:\\?[.．。｡]|%2e)";
    let label = r"[\p{L}\p{N}_\-]+";
    let domain = format!(r"{label}(?:{dot}{label})*{dot}\p{{L}}[\p{{L}}\p{{N}}\-]+");
    let body = r#"[^\s<>"`|，。；）」]*"#;
    let before = r"(?:^|[^\p{L}\p{N}_./\\@\-])";
    let with_scheme = [
        format!(r"[a-z][a-z0-9+.\-]{{0,30}}\\?:(?:\\?/){{2}}{body}"),
        format!(r"(?:https?|ftps?|wss?)\\?:[/\\]+{body}"),
        format!(r"(?:(?-u:\b)|_)(?:mailto|xmpp|tel|sms)\\?:[^\s]{body}"),
        format!(r"(?:java|vb)script\\?:{body}"),
        format!(r"(?:(?-u:\b)|_)data\\?:(?:[a-z]+/|[;,]){body}"),
        format!(r"www{dot}[\p{{L}}\p{{N}}_\-]{body}"),
    ]
    .join("|");
    let userinfo = r#"(?:[^\s/\\@<>"`|]*@)?"#;
    let number = r"(?:[0-9]+\.){3}[0-9]+|[0-9]{6,}|0x[0-9a-f]+";
    let relative = format!(r"(?:^|[^\p{{L}}\p{{N}}./\\])(?:\\?/){{2,}}{userinfo}(?:{domain}|{number}){body}");
    let bare = format!(
        r"(?P<before>{before})(?P<bare>(?P<host>{domain})(?::[0-9]{{0,5}})?(?:/|\\?\?[^\s.,;:!?)'\]]){body})"
    );
    let number = format!(r"[0-9]{{1,3}}(?:{dot}[0-9]{{1,3}}){{3}}:[0-9]{{1,5}}");
    let number_6 = r"\\?\[[0-9a-f:.]*:[0-9a-f:.]*(?:%[^\]\s]{1,40})?\\?\](?::[0-9]{1,5})?";
    let numbered = format!(
        r"(?P<ahead>(?:^|[^\p{{L}}\p{{N}}_./\\\-]))(?P<numbered>(?P<number>{number}|{number_6})(?:/|\\?\?[^\s.,;:!?)'\]]){body})"
    );
    // Of a person or a group, of a channel, of everybody: as Slack and Discord send them.
    let mention = r"(?P<mention><(?:@[!&]?[\p{L}\p{N}._\-]+|(?-i:#[A-Z0-9]{2,})|!(?:here|channel|everyone|group|(?:subteam|date)\^[^<>\n]*))(?:\|[^<>\n]*)?>)";
    let everybody = format!(r"(?P<lead>{before})(?P<everybody>@(?:everyone|here|channel))(?-u:\b)");
    let mail = format!(r#"(?P<local>[^\s@(\[{{<,;])@(?P<at>{domain})"#);
    Regex::new(&format!(
        "(?i)(?P<url>{with_scheme})|(?P<relative>{relative})|{bare}|{numbered}|{mention}|{everybody}|{mail}"
    ))
    .expect("the pattern is valid")
});

/// The addresses that may stay.
#[derive(Debug, Clone, Copy, Default)]
pub struct Allowed<'a> {
    /// As they are: those of cited documents.
    cited: &'a [&'a str],
    /// As text of which nothing makes a link: in code.
    said: Option<&'a Said>,
}

impl Allowed<'_> {
    /// Whether an address is that of a cited document.
    pub fn links_to(&self, url: &str) -> bool {
        self.cited.contains(&url)
    }
}

impl<'a> From<&'a [&'a str]> for Allowed<'a> {
    fn from(cited: &'a [&'a str]) -> Self {
        Self { cited, said: None }
    }
}

impl<'a, const N: usize> From<&'a [&'a str; N]> for Allowed<'a> {
    fn from(cited: &'a [&'a str; N]) -> Self {
        Self { cited, said: None }
    }
}

impl<'a> From<&'a Vec<&'a str>> for Allowed<'a> {
    fn from(cited: &'a Vec<&'a str>) -> Self {
        Self { cited, said: None }
    }
}

impl<'a> From<(&'a Vec<&'a str>, &'a Said)> for Allowed<'a> {
    fn from((cited, said): (&'a Vec<&'a str>, &'a Said)) -> Self {
        Self { cited, said: Some(said) }
    }
}

/// Addresses that failure and documents have, word for word. An address with a query, a user or a fragment could carry
/// data to its host, and is left out.
#[derive(Debug, Default)]
pub struct Said {
    /// Addresses with a scheme.
    urls: HashSet<String>,
    /// Addresses without a scheme: images, labels, endpoints.
    names: HashSet<String>,
    /// Addresses and mentions that stand in code, in double quotes (as programs write what they called) or in the
    /// team's own sentences.
    displayable: HashSet<String>,
    /// Numbers of hosts, with and without their ports.
    hosts: HashSet<String>,
}

impl Said {
    /// The addresses of some texts.
    pub fn of<'t>(texts: impl Iterator<Item = &'t str>) -> Self {
        static HOST: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(r"(?-u:\b)[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?::[0-9]{1,5})?(?-u:\b)")
                .expect("the pattern is valid")
        });
        let mut said = Self::default();
        for text in texts {
            for host in HOST.find_iter(text) {
                let host = host.as_str();
                said.hosts.extend([host, host.split(':').next().unwrap_or(host)].map(str::to_owned));
            }
            let code = markdown::code_ranges(text);
            let mut from = 0;
            while let Some(found) = ADDRESS.captures_at(text, from) {
                let whole = found.get(0).expect("a match has a text");
                let next = code.partition_point(|range| range.end <= whole.start());
                let is_displayable = text[..whole.start()].ends_with('"')
                    || code.get(next).is_some_and(|range| range.contains(&whole.start()));
                let kept = match (found.name("url"), found.name("bare")) {
                    (Some(url), _) => Some((url, &mut said.urls)),
                    (_, Some(bare)) => Some((bare, &mut said.names)),
                    _ => found.name("numbered").map(|numbered| (numbered, &mut said.names)),
                };
                if let Some((address, kept)) = kept {
                    let written = address.as_str().trim_end_matches(trailing(address.as_str()));
                    let is_kept = found.name("url").is_none() || leads_somewhere(written);
                    if is_kept && asks_nothing(written) && written.is_ascii() {
                        kept.insert(written.to_owned());
                        said.displayable.extend(is_displayable.then(|| written.to_owned()));
                    }
                }
                if let Some(mention) = found.name("mention").filter(|_| is_displayable) {
                    said.displayable.insert(mention.as_str().to_owned());
                }
                from = whole.end();
            }
        }
        said
    }

    /// Shows the addresses too that stand as words in the sentences of these texts, which the team has written itself.
    pub fn with_words_of<'t>(mut self, texts: impl Iterator<Item = &'t str>) -> Self {
        for text in texts {
            for found in ADDRESS.captures_iter(text) {
                let Some(url) = found.name("url") else { continue };
                let written = url.as_str().trim_end_matches(trailing(url.as_str()));
                if is_word(text, &url.range()) && self.urls.contains(written) {
                    self.displayable.insert(written.to_owned());
                }
            }
        }
        self
    }

    /// Whether a host's number, port and path are those of a text, or lie on a host of one.
    fn has_numbered(&self, address: &str) -> bool {
        let is_near = is_private(address) && self.hosts.contains(authority(address));
        self.names.contains(address) || (is_near && asks_nothing(address))
    }

    fn has_url(&self, url: &str) -> bool {
        self.urls.contains(url)
            || (is_private(url) && self.hosts.contains(authority(url)) && asks_nothing(url))
    }
}

/// Whether a URL stands in a text as a word that a person wrote: in lower case up to its path, between spaces and the
/// punctuation of sentences. Within markup, scripts and quotes it stands for something else.
fn is_word(text: &str, url: &Range<usize>) -> bool {
    let before = text[..url.start].chars().next_back();
    let after = text[url.end..].chars().next();
    let stands_alone = |c: char| c.is_whitespace() || (!c.is_ascii() && !c.is_alphanumeric());
    let written = &text[url.clone()];
    before.is_none_or(|c| stands_alone(c) || c == '(')
        && after.is_none_or(|c| stands_alone(c) || c == ')')
        && !written.contains(['"', '\'', '(', '<', '>'])
        && !written.split('/').take(3).any(|part| part.contains(|c: char| c.is_ascii_uppercase()))
}

/// The place of a text from which addresses are taken out.
#[derive(Debug, Clone, Copy)]
pub enum Place<'a> {
    /// In running text, where what may stay as text only is written as code.
    Prose,
    /// The same, where code cannot be told from what stands around it.
    Torn,
    /// Inside of inline code or of a code block.
    Code,
    /// Anywhere, as a dialect may read it; in these ranges every one reads code.
    Anywhere(&'a [Range<usize>]),
}

impl Place<'_> {
    fn in_code(self) -> bool {
        matches!(self, Self::Code | Self::Anywhere(_))
    }

    /// Whether every reader takes what begins here for code.
    fn is_sure(self, at: usize) -> bool {
        match self {
            Self::Code => true,
            Self::Anywhere(ranges) => {
                let next = ranges.partition_point(|range| range.end <= at);
                ranges.get(next).is_some_and(|range| range.contains(&at))
            }
            Self::Prose | Self::Torn => false,
        }
    }
}

/// The text without the addresses that may not stay: of those with a scheme, cited ones may, and in code those of the
/// machine and the cluster and those that failure and documents have; of those without, names that are no place, and in
/// code what names an image. An e-mail address outside code is written so that it stays text. Borrowed when nothing
/// changes.
pub fn without<'t>(text: &'t str, allowed: Allowed<'_>, place: Place<'_>) -> Cow<'t, str> {
    let mut written = String::new();
    let (mut at, mut from) = (0, 0);
    while let Some(found) = ADDRESS.captures_at(text, from) {
        let whole = found.get(0).expect("a match has a text");
        // A match that stays may hold an address further on.
        let inner = ["bare", "numbered", "mention", "everybody", "at"]
            .into_iter()
            .find_map(|name| found.name(name))
            .map(|inner| inner.start());
        let Some(replacement) = replacement(&found, &text[whole.end()..], allowed, place) else {
            from = inner.map_or(whole.end(), |start| start.max(text.ceil_char_boundary(whole.start() + 1)));
            continue;
        };
        written.push_str(&text[at..whole.start()]);
        written.push_str(&replacement);
        (at, from) = (whole.end(), whole.end());
        if let Some(host) = found.name("at") {
            written.truncate(written.len() - host.len());
            (at, from) = (host.start(), host.start());
        }
    }
    match at {
        0 => Cow::Borrowed(text),
        _ => Cow::Owned(written + &text[at..]),
    }
}

/// The replacement of an address; `None` where it stays.
fn replacement(found: &Captures<'_>, after: &str, allowed: Allowed<'_>, place: Place<'_>) -> Option<String> {
    let (Allowed { cited, said }, in_code) = (allowed, place.in_code());
    let removed = |before: &str, address: &str| Some(format!("{before}{REMOVED}{}", trailing(address)));
    if let Some(url) = found.name("url") {
        let url = url.as_str();
        let bare = &url[..url.len() - trailing(url).len()];
        let is_cited = cited.contains(&bare) || cited.contains(&url);
        let is_local = in_code && stays_in_code(bare) && !goes_on_as_host(after);
        let has_url = said.is_some_and(|said| said.has_url(bare));
        let is_said = has_url && !may_grow(bare, &url[bare.len()..], after);
        let start = found.get(0).map_or(0, |whole| whole.start());
        if (is_said || fills_in_host(bare, after)) && place.is_sure(start) {
            return None;
        }
        let is_displayable = is_private(bare) || said.is_some_and(|said| said.displayable.contains(bare));
        if has_url
            && (is_said || ends_sentence(after))
            && !is_cited
            && matches!(place, Place::Prose)
            && is_displayable
        {
            return Some(format!("`{bare}`{}", &url[bare.len()..]));
        }
        if !(is_cited || is_local) {
            return removed("", url);
        }
        let kept = if cited.contains(&url) { url } else { bare };
        let tail = &url[kept.len()..];
        return may_grow(kept, tail, after).then(|| format!("{kept} {tail}"));
    }
    if let Some(relative) = found.name("relative") {
        let relative = relative.as_str();
        let start = relative.find(['/', '\\']).unwrap_or_default();
        return removed(&relative[..start], relative);
    }
    if let Some(bare) = found.name("bare") {
        let address = bare.as_str().trim_end_matches(trailing(bare.as_str()));
        let is_cited = cited.iter().any(|url| {
            let without_scheme = url.strip_prefix("https://").or(url.strip_prefix("http://"));
            without_scheme.is_some_and(|rest| rest == address || rest == bare.as_str())
        });
        let is_elsewhere = is_public(&found["host"]) || (!in_code && leads_to_port(address));
        let stays = is_cited || !is_elsewhere || names_no_place(address, in_code);
        let is_said = said.is_some_and(|said| said.names.contains(address));
        return match stays {
            true => None,
            false if is_said && matches!(place, Place::Prose) => {
                Some(format!("{}`{address}`{}", &found["before"], trailing(bare.as_str())))
            }
            false => removed(&found["before"], bare.as_str()),
        };
    }
    if let Some(numbered) = found.name("numbered") {
        let address = numbered.as_str().trim_end_matches(trailing(numbered.as_str()));
        if names_transport(address) {
            return None;
        }
        let is_known = is_local(authority(address)) || said.is_some_and(|said| said.has_numbered(address));
        return match place {
            Place::Code | Place::Anywhere(_) if is_known => None,
            Place::Prose if is_known => {
                Some(format!("{}`{address}`{}", &found["ahead"], trailing(numbered.as_str())))
            }
            _ => removed(&found["ahead"], numbered.as_str()),
        };
    }
    let start = found.get(0).map_or(0, |whole| whole.start());
    if let Some(mention) = found.name("mention") {
        let is_said = said.is_some_and(|said| said.displayable.contains(mention.as_str()));
        return (!(is_said && place.is_sure(start))).then(|| REMOVED.to_owned());
    }
    if let Some(everybody) = found.name("everybody") {
        let name = everybody.as_str().trim_start_matches('@');
        return (!place.is_sure(start)).then(|| format!("{}(at) {name}", &found["lead"]));
    }
    let host = &found["at"];
    let is_unit = host.rsplit('.').next().is_some_and(|suffix| UNITS.contains(&suffix));
    (!in_code && !is_unit).then(|| format!("{} (at) {host}", &found["local"]))
}

/// Whether a text begins with the punctuation of a script without spaces, and no name follows it that a URL could go on
/// with.
fn ends_sentence(text: &str) -> bool {
    let mut signs = text.chars();
    signs.next().is_some_and(|sign| "。，；、！？：）」』》".contains(sign))
        && signs.next().is_none_or(|next| !next.is_ascii_alphanumeric())
}

/// Whether a URL's host is left for the reader to fill in: `http://<your-domain>/x`.
fn fills_in_host(url: &str, after: &str) -> bool {
    static PLACEHOLDER: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^<[A-Za-z][A-Za-z0-9_ -]{0,40}>(?:[:/\s`\x22']|$)").expect("the pattern is valid")
    });
    matches!(url, "http://" | "https://") && PLACEHOLDER.is_match(after)
}

/// Punctuation after a URL that belongs to the sentence.
fn trailing(url: &str) -> &str {
    let body = url.trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']', '*', '_', '\'']);
    &url[body.len()..]
}

/// Whether a program that looks for links would read on after a URL: into a letter that is not ASCII, or, where the
/// host is its last part, into another host.
fn may_grow(url: &str, tail: &str, after: &str) -> bool {
    let first = tail.chars().chain(after.chars()).next();
    if first.is_some_and(|first| !first.is_ascii() && !first.is_whitespace()) {
        return true;
    }
    let rest = url.split_once("//").map_or(url, |(_, rest)| rest);
    if rest.contains(['/', '?', '#']) {
        return false;
    }
    let next: String = tail
        .chars()
        .chain(after.chars())
        .take_while(|next| !next.is_whitespace() && !matches!(next, '<' | '/' | '?' | '#'))
        .collect();
    let has_port = rest.rsplit(':').next().is_some_and(|port| port.chars().all(|c| c.is_ascii_digit()));
    let dots = ['.', '．', '。', '｡', '%'];
    let names_host = next.char_indices().any(|(at, character)| {
        dots.contains(&character) && next[at + character.len_utf8()..].starts_with(char::is_alphanumeric)
    });
    next.contains('@') || (!has_port && names_host)
}

/// Whether what follows an address would be read as more of its host, in the writing of another script.
fn goes_on_as_host(after: &str) -> bool {
    after.strip_prefix('。').is_some_and(|rest| rest.starts_with(char::is_alphanumeric))
}

/// Endings of units that have an `@` in their name.
const UNITS: [&str; 8] = ["service", "socket", "timer", "mount", "path", "slice", "target", "device"];

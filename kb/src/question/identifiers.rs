//! Recognises what a failure names: reasons, alerts, codes, kinds, names, images, probes, taints, API groups and
//! fields, quantities, components.
//!
//! One pass over the words for what is a word, and one pattern for each kind that is a phrase; every pass is linear.
//! Objects (which kind, namespace and name belong together) come from [`super::objects`].
//!
//! Entry point: [`recognise`].

use super::{
    alerts,
    known::Known,
    names::{Identifier, IdentifierKind, Label, Object},
    objects::{self, Word},
    vocabulary,
    volatile::{STAND_IN, stem},
};
use crate::analyzer::humps;
use regex::{Regex, RegexSet};
use std::{
    collections::HashSet,
    sync::{LazyLock, OnceLock},
};

/// The most identifiers of one failure; the writer of a question does not mean more, even with a pasted log.
const MAX_IDENTIFIERS: usize = 256;

/// The names in one failure.
pub(super) struct Recognised {
    /// Identifiers in order of appearance, without duplicates.
    pub identifiers: Vec<Identifier>,
    /// Objects in order of appearance.
    pub objects: Vec<Object>,
    /// Namespaces that stand by themselves.
    pub namespaces: Vec<Label>,
}

/// Recognises what a text names, in which anonymised names were replaced by [`STAND_IN`], beside what is known already.
pub(super) fn recognise(text: &str, known: &Known) -> Recognised {
    let words = objects::words(text);
    let mut found = objects::find(text, &words);
    let mut sink = Sink { found: Vec::new(), is_alert_known: known.alert.is_some() };
    let known_objects = known.settle(&mut found);
    known_identifiers(known, &known_objects, &mut sink);
    for (at, object) in &found.objects {
        if let Some(kind) = object.kind.as_deref() {
            sink.push(*at, IdentifierKind::Kind, kind);
        }
        if let Some(Label::Known(namespace)) = &object.namespace {
            sink.push(*at, IdentifierKind::Namespace, namespace);
        }
        if let Label::Known(name) = &object.name {
            let stem = without_suffixes(name);
            sink.push(*at, IdentifierKind::Name, stem);
            if object.kind.is_none()
                && let Some(kind) = kind_in_name(stem)
            {
                sink.push(*at, IdentifierKind::Kind, kind);
            }
        }
    }
    for (at, namespace) in &found.namespaces {
        sink.push(*at, IdentifierKind::Kind, "Namespace");
        if let Label::Known(namespace) = namespace {
            sink.push(*at, IdentifierKind::Namespace, namespace);
        }
    }
    for (at, kind) in &found.kinds {
        sink.push(*at, IdentifierKind::Kind, *kind);
    }
    for (at, container) in &found.containers {
        sink.push(*at, IdentifierKind::Name, stem(container));
    }
    for (i, word) in words.iter().enumerate() {
        if !word.is_cjk && word.text.len() <= 512 {
            word_identifiers(text, &words, i, &mut sink);
        }
    }
    phrases(text, &mut sink);
    Recognised {
        identifiers: sink.finish(),
        objects: known_objects
            .into_iter()
            .chain(found.objects.into_iter().map(|(_, object)| object))
            .take(MAX_IDENTIFIERS)
            .collect(),
        namespaces: known
            .namespace()
            .into_iter()
            .chain(found.namespaces.into_iter().map(|(_, namespace)| namespace))
            .take(MAX_IDENTIFIERS)
            .collect(),
    }
}

/// The identifiers of what is known, in front of those of the text.
fn known_identifiers(known: &Known, objects: &[Object], sink: &mut Sink) {
    if let Some(alert) = &known.alert {
        sink.found.push((0, Identifier { kind: IdentifierKind::Alert, text: alert.clone() }));
    }
    if let Some(reason) = &known.reason {
        sink.push(0, IdentifierKind::Reason, reason);
    }
    for object in objects {
        if let Some(kind) = &object.kind {
            sink.push(0, IdentifierKind::Kind, kind);
        }
        if let Some(Label::Known(namespace)) = &object.namespace {
            sink.push(0, IdentifierKind::Namespace, namespace);
        }
        if let Label::Known(name) = &object.name {
            sink.push(0, IdentifierKind::Name, without_suffixes(name));
        }
    }
    if let Some(kind) = &known.kind {
        sink.push(0, IdentifierKind::Kind, kind);
    }
    if let Some(Label::Known(namespace)) = known.namespace() {
        sink.push(0, IdentifierKind::Namespace, namespace);
    }
    if let Some(container) = known.container() {
        sink.push(0, IdentifierKind::Name, stem(container));
    }
}

/// A name without random suffixes, as identifiers have it.
fn without_suffixes(name: &str) -> &str {
    stem(name).trim_end_matches(['-', '.'])
}

struct Sink {
    found: Vec<(usize, Identifier)>,
    /// Whether the alert is known: then no other name in the text is that of an alert.
    is_alert_known: bool,
}

impl Sink {
    fn push(&mut self, at: usize, kind: IdentifierKind, text: impl Into<String>) {
        if self.is_alert_known && kind == IdentifierKind::Alert {
            return;
        }
        let text = text.into();
        if !text.is_empty() && !text.contains(STAND_IN) {
            self.found.push((at, Identifier { kind, text }));
        }
    }

    fn finish(mut self) -> Vec<Identifier> {
        self.found.sort_by_key(|(at, _)| *at);
        let mut seen = HashSet::new();
        self.found
            .into_iter()
            .map(|(_, identifier)| identifier)
            .filter(|identifier| seen.insert(identifier.clone()))
            .take(MAX_IDENTIFIERS)
            .collect()
    }
}

/// The kind a name ends in, where teams mean it: `dont-do-anything-deployment`. A name in `-service` or `-secret` is as
/// often that of something else.
fn kind_in_name(name: &str) -> Option<&'static str> {
    let last = name.rsplit_once('-')?.1;
    matches!(last, "deployment" | "statefulset" | "daemonset" | "cronjob" | "configmap" | "pvc" | "hpa")
        .then(|| vocabulary::kind_of_word(last))
        .flatten()
        .map(|kind| kind.canonical)
}

/// Recognises a single word, apart from objects and kinds.
fn word_identifiers(text: &str, words: &[Word<'_>], i: usize, sink: &mut Sink) {
    let word = &words[i];
    let at = word.start;
    if let Some(reason) = vocabulary::reason_of_word(word.text) {
        sink.push(at, IdentifierKind::Reason, reason);
        return;
    }
    if vocabulary::is_plain_reason(word.text) && follows_reason_word(text, words, i) {
        sink.push(at, IdentifierKind::Reason, word.text);
        return;
    }
    if let Some(alert) = alerts::named(text, words, i) {
        sink.push(at, IdentifierKind::Alert, alert);
        return;
    }
    component(words, i, sink);
    if let Some(key) = taint_key(word.text) {
        sink.push(at, IdentifierKind::Taint, key);
        return;
    }
    if let Some(group) = api_group(word.text) {
        sink.push(at, IdentifierKind::ApiGroup, group);
        return;
    }
    if let Some(image) = image(text, words, i) {
        sink.push(at, IdentifierKind::Image, image);
        return;
    }
    if is_api_field(word.text) {
        sink.push(at, IdentifierKind::ApiField, word.text.trim_start_matches('.'));
    }
}

/// `reason is Error`, `Reason: Evicted`, `reason=NotReady`, `status Unknown`.
fn follows_reason_word(text: &str, words: &[Word<'_>], i: usize) -> bool {
    let is_reason = |at: usize| {
        matches!(
            words[at].text.to_ascii_lowercase().as_str(),
            "reason" | "reason:" | "原因" | "理由" | "lý do" | "alasan"
        )
    };
    let beside = |at: usize| text[words[at].end..words[at + 1].start].chars().all(|c| " :=\"'：".contains(c));
    (i >= 1 && is_reason(i - 1) && beside(i - 1))
        || (i >= 2 && words[i - 1].text == "is" && is_reason(i - 2))
        || (i >= 1 && words[i].text == "Evicted" && !matches!(words[i - 1].text, "the" | "The"))
        || (i == 0 && words.len() == 1)
}

/// The component a word names, or two words do (`Home Assistant`, `cert manager`).
fn component(words: &[Word<'_>], i: usize, sink: &mut Sink) {
    let text = words[i].text;
    if let Some(next) = words.get(i + 1)
        && next.start == words[i].end + 1
        && let Some(component) = vocabulary::component_of_words(text, next.text)
    {
        sink.push(words[i].start, IdentifierKind::Component, component);
        return;
    }
    if let Some(component) = vocabulary::component_of_word(text) {
        sink.push(words[i].start, IdentifierKind::Component, component);
    }
}

/// A taint's key: `node-role.kubernetes.io/control-plane`, `node.kubernetes.io/not-ready:NoSchedule`.
fn taint_key(word: &str) -> Option<&str> {
    let (key, effect) = match word.rsplit_once(':') {
        Some((key, effect)) => (key, Some(effect)),
        None => (word, None),
    };
    let has_effect =
        effect.is_some_and(|effect| matches!(effect, "NoSchedule" | "NoExecute" | "PreferNoSchedule"));
    let is_known = key.starts_with("node.kubernetes.io/")
        || key.starts_with("node-role.kubernetes.io/")
        || key.starts_with("node.cloudprovider.kubernetes.io/");
    if has_effect {
        return Some(key.split('=').next().unwrap_or(key));
    }
    (is_known && effect.is_none()).then_some(key)
}

/// The API group of a word: `storage.k8s.io`, `networking.k8s.io/v1`, `apps/v1`, `storageclass.storage.k8s.io`.
fn api_group(word: &str) -> Option<String> {
    let (group, version) =
        word.split_once('/').map_or((word, None), |(group, version)| (group, Some(version)));
    let is_version = |version: &str| {
        version.strip_prefix('v').is_some_and(|rest| {
            rest.starts_with(|c: char| c.is_ascii_digit())
                && rest.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase())
                && rest.len() <= 12
        })
    };
    if let Some(version) = version
        && vocabulary::is_short_api_group(group)
        && is_version(version)
    {
        return Some(format!("{group}/{version}"));
    }
    if version.is_some_and(|version| !is_version(version)) {
        return None;
    }
    let base = group.split('.').next().unwrap_or(group);
    let group = match vocabulary::kind_of_word(base) {
        Some(_) if group.len() > base.len() => &group[base.len() + 1..],
        _ => group,
    };
    if vocabulary::is_short_api_group(group) && word.contains('.') {
        return Some(group.to_owned());
    }
    let is_group = vocabulary::is_api_group(group);
    let versioned = version.is_some()
        && group.contains('.')
        && group.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.'));
    if is_group || versioned {
        return Some(version.map_or_else(|| group.to_owned(), |version| format!("{group}/{version}")));
    }
    None
}

/// A container image, its digest left out: with a registry's host or a tag, or named as an image.
fn image<'t>(text: &'t str, words: &[Word<'t>], i: usize) -> Option<&'t str> {
    let word = words[i].text;
    let image = word.split('@').next().unwrap_or(word);
    let before = &text[..words[i].start];
    if image.contains("://")
        || before.ends_with("://")
        || !image.is_ascii()
        || image.starts_with(['/', '.', '-'])
    {
        return None;
    }
    let (path, tag) = match image.rsplit_once(':') {
        Some((path, tag)) if !tag.contains('/') => (path, Some(tag)),
        _ => (image, None),
    };
    let mut parts = path.split('/');
    let host = parts.next()?;
    let has_path = parts.next().is_some_and(|part| !part.is_empty());
    let has_host =
        has_path && (host.contains('.') || host.contains(':') || host == "localhost") && host.len() > 3;
    let is_tag = tag.is_some_and(|tag| {
        tag == "latest"
            || (tag.bytes().any(|b| b.is_ascii_digit())
                && tag.len() <= 128
                && !tag.bytes().all(|b| b.is_ascii_digit()))
    });
    let named = i > 0
        && matches!(
            words[i - 1].text,
            "image" | "images" | "reference" | "映像" | "映像檔" | "鏡像" | "镜像" | "hình" | "citra"
        )
        && words[i].start - words[i - 1].end <= 3;
    let quoted = before.ends_with(['"', '\'', '`']);
    let looks_right =
        path.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'/' | b':'))
            && path.bytes().any(|b| b.is_ascii_alphabetic())
            && !host.ends_with("k8s.io") | has_path;
    let is_file = tag.is_none()
        && image
            .rsplit('.')
            .next()
            .is_some_and(|end| matches!(end, "go" | "yaml" | "yml" | "md" | "html" | "sh"));
    let is_image = (has_host && (is_tag || named))
        || (is_tag && (named || has_path && quoted))
        || (is_tag
            && tag.is_some_and(|tag| tag.contains('.') || tag == "latest")
            && path.starts_with(|c: char| c.is_ascii_lowercase())
            && !path.contains('.'))
        || (named && quoted);
    (looks_right && is_image && !is_file).then_some(image)
}

/// A field of an object: `spec.selector`, `.status.phase`, `containers[0]`'s path, `storageClassName`.
fn is_api_field(word: &str) -> bool {
    if word.len() > 200 || !word.is_ascii() || word.contains(['/', ':', '@']) {
        return false;
    }
    let path = word.strip_prefix('.').unwrap_or(word);
    let root = path.split('.').next().unwrap_or(path);
    if path.contains('.') {
        return matches!(
            root,
            "spec"
                | "status"
                | "metadata"
                | "template"
                | "securityContext"
                | "limits"
                | "requests"
                | "data"
                | "roleRef"
                | "subjects"
        ) && path.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
            && path.split('.').all(|part| !part.is_empty());
    }
    let humps = humps(path);
    humps.len() >= 2
        && path.starts_with(|c: char| c.is_ascii_lowercase())
        && path.bytes().all(|b| b.is_ascii_alphanumeric())
        && humps[0].len() >= 2
        && !matches!(humps[0], "etcd" | "kube" | "exit" | "mac")
        && humps.iter().skip(1).all(|hump| hump.len() >= 2)
}

/// One automaton finds which phrases occur; only for those is the place searched.
static REASON_PHRASES: LazyLock<RegexSet> = LazyLock::new(|| {
    let patterns = vocabulary::reason_phrases().map(|(pattern, _)| reason_pattern(pattern));
    RegexSet::new(patterns).expect("the patterns are fixed")
});

/// A phrase that means a reason; most are never looked for.
struct ReasonPhrase {
    pattern: &'static str,
    compiled: OnceLock<Regex>,
    reason: &'static str,
}

static EACH_REASON_PHRASE: LazyLock<Vec<ReasonPhrase>> = LazyLock::new(|| {
    let phrase = |(pattern, reason)| ReasonPhrase { pattern, compiled: OnceLock::new(), reason };
    vocabulary::reason_phrases().map(phrase).collect()
});

fn reason_pattern(pattern: &str) -> String {
    // Unicode's cases and word boundaries would make the automata many times larger.
    if pattern.is_ascii() { format!("(?i-u:{pattern})") } else { format!("(?i:{pattern})") }
}

static ERRNOS: LazyLock<Regex> = LazyLock::new(|| {
    let sentences: Vec<String> = vocabulary::errnos()
        .map(|(sentence, _)| format!(r"(?-u:\b){}(?-u:\b)", regex::escape(sentence)))
        .collect();
    let symbols: Vec<&str> =
        vocabulary::errnos().map(|(_, symbol)| symbol).filter(|symbol| !symbol.is_empty()).collect();
    Regex::new(&format!(r"(?i:({}))|(?-u:\b)({})(?-u:\b)", sentences.join("|"), symbols.join("|")))
        .expect("the pattern is fixed")
});
static EXIT_CODE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?i)(?:exit ?(?:ed with )?(?:code|status)|exited with(?: code)?|退出[代状狀態态碼码]{1,3}|結束代碼|mã thoát|kode keluar)[ ]?(?:is |was |of |为|為|是|adalah |là )?[:=：]?\s{0,8}(-?[0-9]{1,3})(?-u:\b)",
    )
    .expect("the pattern is fixed")
});
static HTTP_STATUS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?ix)
        (?:(?-u:\b)http(?:/[0-9.]{1,3})?[\ ]\x22?(?:status[\ ])?(?:code[\ :=]{0,2})?|(?-u:\b)status(?:\ ?code)?[\ :=]{1,2}|(?-u:\b)code[=:][\ ]?|(?-u:\b)response[\ ](?:code[\ ])?|(?-u:\b)(?:returns?|returned|returning|got|gives)[\ ](?:an?[\ ])?(?:http[\ ])?)([1-5][0-9]{2})(?-u:\b)
        |(?-u:\b)([1-5][0-9]{2})[\ ](?:unauthorized|forbidden|not\ found|bad\ (?:request|gateway)|internal\ server\ error|service\ (?:temporarily\ )?unavailable|gateway\ time-?out|too\ many\ requests|conflict|method\ not\ allowed|request\ timeout|moved\ permanently|payload\ too\ large|unprocessable|(?:http\ )?errors?|responses?|status|code|錯誤|错误)",
    )
    .expect("the pattern is fixed")
});
static PROBE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)(?-u:\b)(liveness|readiness|startup)(?:[ -]?probes?(?-u:\b)|(?:/(?:liveness|readiness|startup))+ probes?(?-u:\b))|(存活|就緒|就绪|啟動|启动)(?:性)?(?:探針|探针|偵測)")
        .expect("the pattern is fixed")
});
static TAINT: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?i)(?-u:\b)taints? ?\{([^{}:=\s]{1,253})").expect("the pattern is fixed"));
static FIELD: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?-u:\b)(?:(?:unknown|invalid|missing|required) (?:field|key)|field) ["'`]?([a-zA-Z][a-zA-Z0-9_.\[\]]{1,120})["'`]? (?:not found|is (?:required|immutable|invalid|forbidden)|in type)|(?-u:\b)unknown field "([a-zA-Z][a-zA-Z0-9_.\[\]]{1,120})""#)
        .expect("the pattern is fixed")
});
static QUANTITY: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?-u:\b)([0-9]{1,12}(?:\.[0-9]{1,6})?)( ?)((?:[KMGTPE]i?B?|[kKMGTP]B|bytes|B|ms|us|µs|ns|minutes?|mins?|hours?|days?|seconds?|secs?|weeks?|cores?|m[0-9]{1,2}s|[smhd])(?-u:\b)|%|％)|([0-9]{1,4}) ?(秒|分鐘|分钟|小時|小时|天|phút|giờ|menit|jam)",
    )
    .expect("the pattern is fixed")
});

/// Recognises names of more than one word.
fn phrases(text: &str, sink: &mut Sink) {
    for index in REASON_PHRASES.matches(text) {
        let ReasonPhrase { pattern, compiled, reason } = &EACH_REASON_PHRASE[index];
        let phrase =
            compiled.get_or_init(|| Regex::new(&reason_pattern(pattern)).expect("the pattern is fixed"));
        if let Some(found) = phrase.find(text) {
            sink.push(found.start(), IdentifierKind::Reason, *reason);
        }
    }
    for found in ERRNOS.captures_iter(text) {
        let (Some(all), is_sentence) = (found.get(0), found.get(1).is_some()) else { continue };
        let canonical = vocabulary::errnos().find(|(sentence, symbol)| match is_sentence {
            true => all.as_str().eq_ignore_ascii_case(sentence),
            false => all.as_str() == *symbol,
        });
        if let Some((sentence, _)) = canonical {
            sink.push(all.start(), IdentifierKind::Errno, sentence);
        }
    }
    let first = |found: &regex::Captures<'_>| {
        found.iter().skip(1).flatten().next().map(|m| (m.start(), m.as_str().to_owned()))
    };
    for (at, code) in EXIT_CODE.captures_iter(text).filter_map(|found| first(&found)) {
        sink.push(at, IdentifierKind::ExitCode, code);
    }
    for (at, code) in HTTP_STATUS.captures_iter(text).filter_map(|found| first(&found)) {
        sink.push(at, IdentifierKind::HttpStatus, code);
    }
    for (at, probe) in PROBE.captures_iter(text).filter_map(|found| first(&found)) {
        let probe = match probe.to_lowercase().as_str() {
            "liveness" | "存活" => "liveness",
            "readiness" | "就緒" | "就绪" => "readiness",
            _ => "startup",
        };
        sink.push(at, IdentifierKind::Probe, probe);
    }
    for (at, taint) in TAINT.captures_iter(text).filter_map(|found| first(&found)) {
        sink.push(at, IdentifierKind::Taint, taint);
    }
    for (at, field) in FIELD.captures_iter(text).filter_map(|found| first(&found)) {
        sink.push(at, IdentifierKind::ApiField, field);
    }
    for found in QUANTITY.captures_iter(text) {
        if let Some(all) = found.get(0) {
            let quantity: String = all.as_str().split(' ').collect::<Vec<_>>().join(" ");
            sink.push(all.start(), IdentifierKind::Quantity, quantity);
        }
    }
}

//! Commands that show secrets or carry local data away, and images from unknown hosts. Pure.

use super::{
    grounds::Grounds,
    programs::{self, Kind},
    shell::{Feed, Invocation},
    vocabulary::{has, section},
};
use regex::Regex;
use std::{ops::Range, sync::LazyLock};

/// Whether a line decodes the values of secrets or reads the files that hold them.
pub fn shows_secrets(calls: &[Invocation]) -> bool {
    let lists = calls.iter().any(lists_values);
    (lists && calls.iter().any(decodes)) || calls.iter().any(reads_secret_file)
}

/// Whether a call prints secrets as objects.
fn lists_values(call: &Invocation) -> bool {
    let is_secret = |operand: String| {
        operand.split(',').any(|kind| matches!(kind.split('/').next(), Some("secret" | "secrets")))
    };
    matches!(call.program.as_str(), "kubectl" | "oc" | "k" | "kubecolor") && call.operands().any(is_secret)
}

/// Whether a call turns base64 into what it stands for.
fn decodes(call: &Invocation) -> bool {
    let has_word = |words: &[&str]| call.args.iter().any(|word| words.contains(&word.text.as_str()));
    let shapes = || {
        call.args.iter().any(|word| {
            let text = word.text.to_ascii_lowercase();
            text.contains("@base64d") || text.contains("base64decode") || text.contains("b64decode")
        })
    };
    match call.program.as_str() {
        "base64" | "gbase64" | "basenc" => has_word(&["-d", "-D", "-di", "-id", "--decode"]),
        "openssl" => has_word(&["base64", "enc"]) && has_word(&["-d"]),
        _ => shapes(),
    }
}

/// Whether a call reads a file that holds a secret.
fn reads_secret_file(call: &Invocation) -> bool {
    let is_secret = |text: &str| {
        let path = text.trim_start_matches(['@', '<']).rsplit([':', '=']).next().unwrap_or_default();
        path.contains('/') && section("secret files").iter().any(|place| path.contains(place))
    };
    let reads = matches!(call.program.as_str(), "kubectl" | "oc")
        && call.operands().next().as_deref() == Some("cp")
        || programs::is(&call.program, Kind::ReadsFiles);
    reads && call.args.iter().any(|word| is_secret(&word.text))
}

/// Whether a call carries local data to another host: what it is given, a file, or what another program says.
pub fn sends(call: &Invocation) -> bool {
    let args = || call.args.iter().map(|word| word.text.as_str());
    let is_given = call.fed == Feed::Other || args().any(|word| word.starts_with('<'));
    let is_remote = |word: &str| {
        word.split_once("://").is_some_and(|(scheme, _)| !scheme.is_empty())
            || word.split_once(':').is_some_and(|(host, path)| {
                (host.contains(['@', '.']) || path.starts_with('/')) && !host.starts_with(['/', '.', '-'])
            })
    };
    match call.program.as_str() {
        "curl" => {
            let gives = args().any(|word| match word.strip_prefix('-') {
                Some(long) if long.starts_with('-') => {
                    ["-data", "-form", "-json", "-upload-file"].iter().any(|flag| long.starts_with(flag))
                }
                Some(short) => {
                    short.chars().take_while(char::is_ascii_alphabetic).any(|c| matches!(c, 'd' | 'F' | 'T'))
                }
                None => false,
            });
            let uploads = args().any(|word| {
                word.starts_with("--upload-file")
                    || word
                        .strip_prefix('-')
                        .is_some_and(|short| !short.starts_with('-') && short.ends_with('T'))
            });
            let has_file =
                args().any(|word| word.starts_with('@') || word.contains("=@") || word.starts_with("-d@"));
            let says = args().any(tells_local);
            says || uploads || gives && (is_given || has_file)
        }
        program if programs::is(program, Kind::HttpClient) => {
            args().any(|word| {
                word.starts_with("--post-file") || word.starts_with("--body-file") || tells_local(word)
            }) || is_given && args().any(|word| word.starts_with("--post") || word.starts_with("--body"))
                || is_given && call.program != "wget"
        }
        program if programs::is(program, Kind::FeedsHost) => is_given,
        "openssl" => is_given && args().any(|word| word == "s_client"),
        program if programs::is(program, Kind::CopiesFiles) => {
            args().rfind(|word| !word.starts_with('-')).is_some_and(is_remote)
                && (args().filter(|word| !word.starts_with('-')).count() > 1 || is_given)
        }
        program if programs::is(program, Kind::CloudStorage) => {
            args().any(|word| {
                matches!(word, "cp" | "copy" | "put" | "sync" | "mv" | "move" | "rsync" | "upload" | "pipe")
            }) && args().next_back().is_some_and(is_remote)
        }
        "ssh" => is_given && !call.carries,
        program if programs::is(program, Kind::Resolver) => args().any(|word| {
            static JOINED: LazyLock<Regex> =
                LazyLock::new(|| Regex::new(r"(?:\)|`)\.[A-Za-z]").expect("the pattern is valid"));
            (word.contains("$(") || word.contains('`')) && (JOINED.is_match(word) || tells_local(word))
        }),
        _ => false,
    }
}

/// Whether a call that sends something leads to a host that no source names, or to one that does not show.
pub fn leads_astray(call: &Invocation, grounds: &Grounds) -> bool {
    let is_own = |host: &str| {
        matches!(host, "localhost" | "127.0.0.1" | "::1" | "0.0.0.0")
            || host.ends_with(".svc")
            || host.ends_with(".svc.cluster.local")
    };
    let hosts: Vec<&str> = call.args.iter().filter_map(|word| host_of(&word.text, &call.program)).collect();
    hosts.is_empty() || hosts.iter().any(|host| !is_own(host) && !grounds.say(host))
}

/// The host that a word of a program names.
fn host_of<'w>(word: &'w str, program: &str) -> Option<&'w str> {
    let bare = |word: &'w str| {
        let word = word.rsplit_once('@').map_or(word, |(_, host)| host);
        word.split(['/', '?', '#', ':']).next().filter(|host| !host.is_empty())
    };
    if word.starts_with(['-', '@', '<', '$']) {
        return None;
    }
    if let Some((_, rest)) = word.split_once("://") {
        return bare(rest);
    }
    let is_domain = |word: &str| {
        let host = word.split(['/', ':']).next().unwrap_or_default();
        host.contains('.') && !host.starts_with('.') && !word.contains('=') && !word.starts_with('/')
    };
    match program {
        "scp" | "rsync" | "sftp" | "ssh" => word.contains(':').then(|| bare(word)).flatten(),
        program if programs::is(program, Kind::NamesHosts) => is_domain(word).then(|| bare(word)).flatten(),
        _ => None,
    }
}

/// Whether a word brings in what the machine or the cluster holds: `$(cat /etc/passwd)`.
fn tells_local(word: &str) -> bool {
    static LOCAL: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?:\$\(|`)\s*(?:sudo\s+)?(?:cat|env|printenv|base64|xxd|tar|head|tail|grep|awk|sed|history|gzip|(?:kubectl|oc)\b[^)`]*\bsecrets?\b)")
            .expect("the pattern is valid")
    });
    LOCAL.is_match(word)
}

/// Whether a call runs an image from an unknown host.
pub fn runs_foreign_image(call: &Invocation, grounds: &Grounds) -> bool {
    let is_image_flag =
        |name: &str| name.trim_start_matches('-').ends_with("image") || name.ends_with("image.repository");
    let mut args = call.args.iter().map(|word| word.text.as_str()).peekable();
    let verb = call.operands().next().unwrap_or_default();
    let of_containers = programs::is(&call.program, Kind::RunsImages);
    let sets = matches!(call.program.as_str(), "kubectl" | "oc") && verb == "set";
    while let Some(word) = args.next() {
        let image = match word.split_once('=') {
            Some((name, image)) if is_image_flag(name) || sets => Some(image),
            None if word.starts_with("--") && is_image_flag(word) => args.peek().copied(),
            None if of_containers && !word.starts_with('-') => Some(word),
            _ => None,
        };
        if image.is_some_and(|image| origin(image, grounds) == Origin::Foreign) {
            return true;
        }
    }
    false
}

/// The origin of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A source names it, or everybody uses it.
    Known,
    /// A registry that everybody uses, and somebody's name there.
    Unknown,
    /// A host that no source names.
    Foreign,
}

/// The origin of an image, by its name.
pub fn origin(image: &str, grounds: &Grounds) -> Origin {
    let image = image.trim_matches(['"', '\'', '`']);
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/' | ':' | '@');
    let name = image.split(['@']).next().unwrap_or_default();
    let Some((first, rest)) = name.split_once('/') else { return Origin::Known };
    if !image.chars().all(is_name) || rest.is_empty() || grounds.say(image) || grounds.say(without_tag(name))
    {
        return Origin::Known;
    }
    let is_host = first.contains(['.', ':']) || first == "localhost";
    match () {
        () if has("vendors' registries", first) => Origin::Known,
        () if is_host && !has("shared registries", first) && !grounds.say(first) => Origin::Foreign,
        () if is_host && !has("shared registries", first) => Origin::Known,
        () => Origin::Unknown,
    }
}

/// `registry.example.com/team/app` of `registry.example.com/team/app:1.0`.
fn without_tag(image: &str) -> &str {
    let at = image.rfind('/').map_or(0, |slash| slash + 1);
    image[at..].find(':').map_or(image, |colon| &image[..at + colon])
}

/// The image that a line of a manifest names, by its place in the line.
pub fn image_of_line(line: &str) -> Option<Range<usize>> {
    static IMAGE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#"(?i)(?:^|[\s{,\-"'])["']?(?:image|imageName|repository)["']?\s*:\s*["']?([A-Za-z0-9][A-Za-z0-9._:/@-]*)"#)
            .expect("the pattern is valid")
    });
    IMAGE.captures(line)?.get(1).map(|image| image.range())
}

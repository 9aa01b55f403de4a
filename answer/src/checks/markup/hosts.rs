//! The place that an address leads to: this machine, the cluster, a private network, the internet, or nowhere, as the
//! name of an image or a label. The schemes and domains are data. Pure.

use kb::lists::{self, WordSet};
use regex::Regex;
use std::sync::LazyLock;

/// `scheme<TAB>attributes`: `host` where a host follows `//`, `inside` where no browser follows the address.
const SCHEMES: &str = include_str!("schemes.txt");
/// Domains of labels, resources, API groups and images, none of which a stranger can register.
const KEY_DOMAINS: &str = include_str!("key_domains.txt");
/// Top-level domains, without those of countries.
const TOP_LEVEL_DOMAINS: &str = include_str!("top_level.txt");

static TOP_LEVEL: LazyLock<WordSet> = LazyLock::new(|| lists::words(TOP_LEVEL_DOMAINS));

/// Whether a URL has a host: `data:` and `javascript:` hold their content themselves.
pub fn leads_somewhere(url: &str) -> bool {
    url.split_once("://").is_some_and(|(scheme, _)| is_scheme(scheme, "host"))
}

/// Whether an address has no query, user, fragment or escape by which it could tell its host something.
pub fn asks_nothing(address: &str) -> bool {
    !address.contains(['?', '@', '#', '%', '\\', '&', '`', '*', '[', ']'])
}

/// The host and port of a URL, with a user where it has one; of an address without a scheme as well.
pub fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

/// Whether a URL leads to the machine, the cluster or a private network.
pub fn is_private(url: &str) -> bool {
    static NUMBER: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^(?:0\.0\.0\.0|10\.\d+\.\d+\.\d+|192\.168\.\d+\.\d+|127\.\d+\.\d+\.\d+|172\.(?:1[6-9]|2\d|3[01])\.\d+\.\d+|100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.\d+\.\d+)(?::\d{1,5})?$")
            .expect("the pattern is valid")
    });
    let authority = authority(url);
    is_local(authority) || NUMBER.is_match(authority)
}

/// A host of this machine or this cluster: a loopback address, a service name, a variable to fill in.
pub fn is_local(authority: &str) -> bool {
    // A browser reads more as a dot than the dot, and drops or decodes what is not plain.
    if !authority.is_ascii() || authority.contains(['@', '%', '\\']) {
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
    loopback || service || host == "0.0.0.0"
}

/// Whether a host without a scheme is read as one of the internet: by its last label.
pub fn is_public(host: &str) -> bool {
    let label = host.rsplit(['.', '．', '。', '｡']).next().unwrap_or_default().to_lowercase();
    let is_country = label.chars().count() == 2 && !ENDINGS.contains(&label.as_str());
    is_country || !label.is_ascii() || label.starts_with("xn--") || TOP_LEVEL.contains(label.as_str())
}

/// Endings of files that look like a country.
const ENDINGS: [&str; 8] = ["bz", "db", "go", "gz", "js", "tf", "ts", "xz"];

/// Whether an address asks a host at a port for a path, and the host is not one of this machine or the cluster.
pub fn leads_to_port(address: &str) -> bool {
    let host = authority(address);
    host.contains(':') && !is_local(host) && !names_transport(address)
}

/// Whether what looks like a path is a port's protocol: `10.96.0.10:53/UDP`.
pub fn names_transport(address: &str) -> bool {
    let path = address.split_once('/').map_or("", |(_, path)| path);
    ["tcp", "udp", "sctp"].iter().any(|name| path.eq_ignore_ascii_case(name))
}

/// Whether a URL in code is one that leads nowhere outside.
pub fn stays_in_code(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else { return false };
    let scheme = scheme.to_ascii_lowercase();
    let authority = |rest: &str| rest.split(['/', '?', '#']).next().unwrap_or_default().to_owned();
    // Some readers look for addresses within a word, and browsers take more than two slashes for two.
    let lower = rest.to_ascii_lowercase();
    let holds_another =
        lower.contains("www.") || lower.contains(":\\") || lower.replace("://", "").contains(":/");
    if holds_another || rest.split("//").skip(1).any(|inner| !is_local(&authority(inner))) {
        return false;
    }
    match scheme.as_str() {
        "http" | "https" | "ws" | "wss" | "ftp" => is_local(&authority(rest)),
        scheme => is_scheme(scheme, "inside"),
    }
}

/// Whether `host/path` is a name rather than a place: an API version, a label or a resource of a well-known domain, an
/// image; in code, everything that asks nothing.
pub fn names_no_place(address: &str, in_code: bool) -> bool {
    static VERSION: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^[a-z0-9.\-]+/v[0-9]{1,2}(?:(?:alpha|beta)[0-9]{1,2})?$").expect("the pattern is valid")
    });
    let is_name =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | ':' | '@' | '=' | ',');
    if in_code {
        return !address.contains('?');
    }
    let host = address.split('/').next().unwrap_or_default();
    let is_known =
        |domain: &str| host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    VERSION.is_match(address) || (address.chars().all(is_name) && lists::lines(KEY_DOMAINS).any(is_known))
}

/// Whether a scheme has an attribute.
fn is_scheme(scheme: &str, attribute: &str) -> bool {
    let attributes = lists::pairs(SCHEMES).find(|(name, _)| scheme.eq_ignore_ascii_case(name));
    attributes.is_some_and(|(_, attributes)| attributes.split(' ').any(|known| known == attribute))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_and_domains_are_sorted_and_unique() {
        for file in [SCHEMES, KEY_DOMAINS, TOP_LEVEL_DOMAINS] {
            assert_eq!(lists::unsorted(file), None);
        }
        let is_known = |name: &str| ["host", "inside"].contains(&name);
        assert!(lists::pairs(SCHEMES).all(|(_, attributes)| attributes.split(' ').all(is_known)));
    }
}

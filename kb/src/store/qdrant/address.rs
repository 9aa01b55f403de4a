//! Where a knowledge base on a Qdrant server is: `qdrant://HOST[:PORT][,HOST[:PORT]...]/NAME[?OPTION=VALUE[&...]]`.
//!
//! `qdrants://` is the same over TLS. All hosts belong to one cluster; the next is asked when one does not answer. The
//! options are those of [`Settings`].

use std::{fmt, str::FromStr};

/// The port of Qdrant's gRPC interface.
const DEFAULT_PORT: u16 = 6334;

/// Longest name of a knowledge base; its collections have longer ones.
const MAX_NAME_BYTES: usize = 100;

/// A knowledge base on a Qdrant server. Compared by its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QdrantAddress {
    text: String,
    endpoints: Vec<String>,
    name: String,
    settings: Settings,
}

/// How a knowledge base is laid out and searched on the server. The layout counts when a generation is created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Settings {
    /// `exact=true`: vectors are compared with all others instead of along the graph.
    pub exact: bool,
    /// `ef=N`: candidates that a search of the graph keeps; more find more and take longer.
    pub ef: u64,
    /// `m=N`: edges of a vector in the graph.
    pub edges: u64,
    /// `ef_construct=N`: candidates that building the graph keeps.
    pub ef_construct: u64,
    /// `quantization=none|int8|binary`: the form of the vectors with which the graph is searched; the best are compared
    /// again by their floats.
    pub quantization: Quantization,
    /// `shards=N`: parts of a collection.
    pub shards: u32,
    /// `replicas=N`: copies of each part, on as many nodes.
    pub replicas: u32,
    /// `consistency=N`: copies that must have a change before it counts.
    pub consistency: u32,
}

/// Smaller copies of the vectors, held in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quantization {
    /// No copies: the graph is searched with the floats.
    None,
    /// A byte a dimension.
    Int8,
    /// A bit a dimension.
    Binary,
}

/// The text is no address of a knowledge base on a Qdrant server.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{text}` {detail}; an address is qdrant://HOST[:PORT][,HOST[:PORT]]/NAME, with options after `?`: exact=true, ef, m, ef_construct, quantization=none|int8|binary, shards, replicas, consistency"
)]
pub struct QdrantAddressError {
    text: String,
    detail: String,
}

impl QdrantAddress {
    /// The schemes of such an address.
    pub(in crate::store) const SCHEMES: [&'static str; 2] = ["qdrant", "qdrants"];

    /// The URLs of the servers' gRPC interfaces.
    pub(super) fn endpoints(&self) -> &[String] {
        &self.endpoints
    }

    /// The knowledge base's name: the alias of its current collection.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }
}

impl fmt::Display for QdrantAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for QdrantAddress {
    type Err = QdrantAddressError;

    fn from_str(text: &str) -> Result<Self, QdrantAddressError> {
        // The part before an `@` may be a password, so no error repeats it.
        let shown = match text.split_once("://") {
            Some((scheme, rest)) if rest.contains('@') => format!("{scheme}://..."),
            _ => text.to_owned(),
        };
        parse(text).map_err(|detail| QdrantAddressError { text: shown, detail })
    }
}

fn parse(text: &str) -> Result<QdrantAddress, String> {
    let (scheme, rest) = text.split_once("://").ok_or("has no scheme")?;
    let transport = match scheme {
        "qdrant" => "http",
        "qdrants" => "https",
        _ => return Err(format!("has the scheme `{scheme}`")),
    };
    if rest.contains('@') {
        let detail = "holds a name or a password; give the API key by RUNBOOKD_QDRANT_API_KEY_FILE";
        return Err(detail.to_owned());
    }
    let (place, options) = rest.split_once('?').unwrap_or((rest, ""));
    let (hosts, name) = place.split_once('/').ok_or("names no knowledge base")?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || name.len() > MAX_NAME_BYTES || !name.chars().all(is_plain) {
        return Err(format!(
            "has the name `{name}`, which must be 1 to {MAX_NAME_BYTES} letters, digits, `-` and `_`"
        ));
    }
    let endpoints =
        hosts.split(',').map(|host| endpoint(transport, host)).collect::<Result<Vec<String>, String>>()?;
    Ok(QdrantAddress {
        text: text.to_owned(),
        endpoints,
        name: name.to_owned(),
        settings: Settings::parse(options)?,
    })
}

/// The URL of a server.
fn endpoint(transport: &str, host: &str) -> Result<String, String> {
    let (name, port) = match host.rsplit_once(':') {
        // An IPv6 address has colons of its own, within brackets.
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    };
    let port = match port {
        None => DEFAULT_PORT,
        Some(port) => port.parse().map_err(|_| format!("has the port `{port}`"))?,
    };
    let is_host = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    let is_v6 = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'))
        .is_some_and(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok());
    match !name.is_empty() && (name.chars().all(is_host) || is_v6) {
        true => Ok(format!("{transport}://{name}:{port}")),
        false => Err(format!("has the host `{name}`")),
    }
}

impl Settings {
    /// The layout of a generation that is created with these settings, as text to compare.
    pub fn layout(&self) -> String {
        let Self { edges, ef_construct, quantization, shards, replicas, consistency, .. } = self;
        format!(
            "m={edges} ef_construct={ef_construct} quantization={quantization:?} shards={shards} replicas={replicas} \
             consistency={consistency}"
        )
    }

    fn parse(options: &str) -> Result<Self, String> {
        let mut settings = Self {
            exact: false,
            ef: 256,
            edges: 16,
            ef_construct: 128,
            quantization: Quantization::None,
            shards: 1,
            replicas: 1,
            consistency: 0,
        };
        for option in options.split('&').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            let wrong = || format!("has the option `{option}`");
            let number = |range: std::ops::RangeInclusive<u64>| {
                value.parse::<u64>().ok().filter(|number| range.contains(number)).ok_or_else(wrong)
            };
            match name {
                "exact" => settings.exact = value.parse().map_err(|_| wrong())?,
                "ef" => settings.ef = number(1..=10_000)?,
                "m" => settings.edges = number(2..=256)?,
                "ef_construct" => settings.ef_construct = number(4..=10_000)?,
                "shards" => settings.shards = number(1..=1_000)? as u32,
                "replicas" => settings.replicas = number(1..=20)? as u32,
                "consistency" => settings.consistency = number(1..=20)? as u32,
                "quantization" => {
                    settings.quantization = match value {
                        "none" => Quantization::None,
                        "int8" => Quantization::Int8,
                        "binary" => Quantization::Binary,
                        _ => return Err(wrong()),
                    };
                }
                _ => return Err(wrong()),
            }
        }
        if settings.consistency == 0 {
            // One of two copies, two of three: writing goes on after the loss of one node.
            settings.consistency = settings.replicas.div_ceil(2);
        }
        match settings.consistency > settings.replicas {
            true => Err("asks for more copies of a change than there are replicas".to_owned()),
            false => Ok(settings),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        let check = |text: &str, endpoints: &[&str], name: &str| {
            let address: QdrantAddress = text.parse().expect(text);
            assert_eq!(address.endpoints(), endpoints, "{text}");
            assert_eq!(address.name(), name, "{text}");
            assert_eq!(address.to_string(), text);
        };
        check("qdrant://localhost/kb", &["http://localhost:6334"], "kb");
        check("qdrants://q.example:7000/team-kb_2", &["https://q.example:7000"], "team-kb_2");
        check("qdrant://[::1]:1,[fe80::1]/kb", &["http://[::1]:1", "http://[fe80::1]:6334"], "kb");
        check("qdrant://a,b:2,c/kb?replicas=3", &["http://a:6334", "http://b:2", "http://c:6334"], "kb");
        let address: QdrantAddress =
            "qdrant://a/kb?exact=true&quantization=int8&replicas=3".parse().expect("whole");
        let Settings { exact, quantization, replicas, consistency, .. } = *address.settings();
        assert_eq!((exact, quantization, replicas, consistency), (true, Quantization::Int8, 3, 2));
    }

    #[test]
    fn bad_addresses_say_how_a_good_one_looks() {
        for text in [
            "qdrant://",
            "qdrant://host",
            "qdrant://host/",
            "qdrant:///kb",
            "qdrant://host,/kb",
            "qdrant://host:x/kb",
            "qdrant://ho st/kb",
            "qdrant://host/a/b",
            "qdrant://host/kb?ef=0",
            "qdrant://host/kb?shards",
            "qdrant://host/kb?colour=red",
            "qdrant://host/kb?replicas=2&consistency=3",
            "qdrant://[::g]/kb",
        ] {
            let error = text.parse::<QdrantAddress>().expect_err(text).to_string();
            assert!(error.contains("qdrant://HOST"), "{error}");
        }
        let error =
            "qdrant://me:s3cret@host/kb".parse::<QdrantAddress>().expect_err("no password").to_string();
        assert!(!error.contains("s3cret") && error.contains("RUNBOOKD_QDRANT_API_KEY_FILE"), "{error}");
    }
}

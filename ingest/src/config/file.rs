//! `ingest.toml`: the sources of a team. Keys that hold for every source are read here; the others are the source's
//! own. Paths are relative to the file. Credentials are never in it: see [`crate::credentials::Reference`].

use super::ConfigError;
use crate::{
    formats::Defaults,
    sources::{Source, confluence, folder::FolderSource, git, github, jira},
};
use kb::{causes::with_causes, document::Kind, language::normalised_tag};
use serde::{Deserialize, de::DeserializeOwned};
use std::{
    collections::HashSet,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// A larger file is refused.
const MAX_BYTES: u64 = 1 << 20;

/// Live sources are asked this often unless the file says otherwise.
pub(crate) const DEFAULT_INTERVAL: Duration = Duration::from_secs(15 * 60);

/// Shorter intervals than this would be a load on their systems.
const MIN_INTERVAL: Duration = Duration::from_secs(10);

/// The content of the file.
#[derive(Clone)]
pub struct Team {
    /// The knowledge base; a flag comes first.
    pub kb: Option<String>,
    /// The address where metrics and health are shown while folders are watched.
    pub listen: Option<SocketAddr>,
    /// The sources, in the file's order.
    pub sources: Vec<TeamSource>,
}

/// A source with how often it is asked.
#[derive(Clone)]
pub struct TeamSource {
    /// The source, opened.
    pub source: Arc<dyn Source>,
    /// How often it is read while ingest keeps running.
    pub interval: Duration,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    kb: Option<String>,
    cache: Option<PathBuf>,
    interval: Option<String>,
    listen: Option<SocketAddr>,
    #[serde(default, rename = "source")]
    sources: Vec<toml::Table>,
}

/// A folder's own keys.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FolderSettings {
    path: PathBuf,
}

/// The keys of a source that were not read yet.
struct Keys {
    table: toml::Table,
    /// How errors name the source.
    shown: String,
}

impl Keys {
    fn take<T: DeserializeOwned>(&mut self, key: &str) -> Result<Option<T>, String> {
        let Some(value) = self.table.remove(key) else { return Ok(None) };
        let value = value.try_into().map_err(|error| format!("{}: `{key}`: {error}", self.shown))?;
        Ok(Some(value))
    }

    /// Takes a key that has to be there.
    fn need<T: DeserializeOwned>(&mut self, key: &str) -> Result<T, String> {
        self.take(key)?.ok_or_else(|| format!("{} has no `{key}`", self.shown))
    }

    /// Makes relative paths relative to `root`.
    fn below(mut self, root: &Path) -> Self {
        for (key, value) in &mut self.table {
            let path = match value {
                toml::Value::String(path) if PATH_KEYS.contains(&key.as_str()) => path,
                toml::Value::Table(reference) => match reference.get_mut("file") {
                    Some(toml::Value::String(path)) => path,
                    _ => continue,
                },
                _ => continue,
            };
            *path = root.join(&path).display().to_string();
        }
        self
    }

    /// Reads all that is left.
    fn rest<T: DeserializeOwned>(self) -> Result<T, String> {
        let Self { table, shown } = self;
        table.try_into().map_err(|error| format!("{shown}: {}", error.to_string().trim_end()))
    }
}

/// Keys of sources whose values are paths.
const PATH_KEYS: [&str; 3] = ["ca_file", "export", "path"];

/// The types of sources.
const TYPES: [&str; 5] = ["confluence", "folder", "git", "github-issues", "jira"];

/// Reads `ingest.toml` and opens its sources; nothing is asked of them yet.
pub fn read(path: &Path) -> Result<Team, ConfigError> {
    let failed = |detail: String| ConfigError::File { path: path.to_owned(), detail };
    let text = kb::files::read_text(path, MAX_BYTES).map_err(|error| failed(error.to_string()))?;
    let file: File = toml::from_str(&text).map_err(|error| {
        // Not the line itself: somebody may have written a secret there.
        let line = error.span().map_or(1, |span| text[..span.start].lines().count().max(1));
        failed(format!("line {line}: {}", error.message()))
    })?;
    let root = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let kb = file.kb.map(|kb| match kb.contains("://") {
        true => kb,
        false => root.join(kb).display().to_string(),
    });
    let cache = match (file.cache, &kb) {
        (Some(cache), _) => root.join(cache),
        (None, Some(kb)) if !kb.contains("://") => PathBuf::from(format!("{kb}.cache")),
        (None, _) => users_cache().unwrap_or_else(|| root.join(".runbookd-cache")),
    };
    let common = match &file.interval {
        Some(text) => interval(text).map_err(|detail| failed(format!("`interval`: {detail}")))?,
        None => DEFAULT_INTERVAL,
    };
    if file.sources.is_empty() {
        return Err(failed("it lists no `[[source]]`".to_owned()));
    }
    let mut sources = Vec::with_capacity(file.sources.len());
    let mut names = HashSet::new();
    for (number, table) in (1..).zip(file.sources) {
        let source = source(table, number, &Places { root, cache: &cache }, common).map_err(failed)?;
        if !names.insert(source.source.name().to_owned()) {
            return Err(failed(format!("two sources are named `{}`", source.source.name())));
        }
        sources.push(source);
    }
    Ok(Team { kb, listen: file.listen, sources })
}

/// The folders that a source's paths and its fetched files are below.
struct Places<'a> {
    /// Relative paths of the source begin here.
    root: &'a Path,
    /// For what it fetches.
    cache: &'a Path,
}

/// The directory for what programs of this user may fetch again.
#[expect(clippy::disallowed_methods, reason = "this is the configuration")]
fn users_cache() -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(cache.join("runbookd"))
}

fn source(
    table: toml::Table,
    number: usize,
    places: &Places<'_>,
    common: Duration,
) -> Result<TeamSource, String> {
    let mut keys = Keys { table, shown: format!("source {number}") };
    let name: Option<String> = keys.take("name")?;
    if let Some(name) = &name {
        keys.shown = format!("source `{name}`");
        crate::sources::folder::check_name(name).map_err(|error| error.to_string())?;
    }
    let kind: String = keys.need("type")?;
    let interval = match keys.take::<String>("interval")? {
        Some(text) => interval(&text).map_err(|detail| format!("{}: `interval`: {detail}", keys.shown))?,
        None => common,
    };
    let defaults = defaults(&mut keys)?;
    let shown = keys.shown.clone();
    let source: Arc<dyn Source> = match kind.as_str() {
        "folder" => {
            let FolderSettings { path } = keys.below(places.root).rest()?;
            let folder = FolderSource::at(&path, name.as_deref(), defaults);
            Arc::new(folder.map_err(|error| format!("{shown}: {}", with_causes(&error)))?)
        }
        "git" => {
            let mut settings: git::Settings = keys.below(places.root).rest()?;
            if let Some(path) = git::local_path(&settings.url) {
                settings.url = places.root.join(path).display().to_string();
            }
            let name = name.or_else(|| git::default_name(&settings.url));
            let name = name.ok_or_else(|| format!("{shown} has no `name`"))?;
            let source = git::open(name, settings, defaults, places.cache);
            Arc::from(source.map_err(|error| with_causes(&error))?)
        }
        other if !TYPES.contains(&other) => {
            return Err(format!("{shown}: there is no type `{other}`; there are {}", TYPES.join(", ")));
        }
        other => {
            let name = name.ok_or_else(|| format!("{shown} has no `name`"))?;
            let keys = keys.below(places.root);
            let source = match other {
                "confluence" => confluence::open(name, keys.rest()?, defaults),
                "jira" => jira::open(name, keys.rest()?, defaults),
                _ => github::open(name, keys.rest()?, defaults),
            };
            Arc::from(source.map_err(|error| with_causes(&error))?)
        }
    };
    Ok(TeamSource { source, interval })
}

/// The metadata for documents that do not state it themselves.
fn defaults(keys: &mut Keys) -> Result<Defaults, String> {
    let shown = keys.shown.clone();
    let kind: Option<String> = keys.take("kind")?;
    let kind: Option<Kind> = kind
        .map(|kind| kind.parse())
        .transpose()
        .map_err(|error: kb::document::UnknownKind| format!("{shown}: `kind`: {error}"))?;
    let access: Vec<String> = keys.take("access")?.unwrap_or_default();
    let access: Vec<String> = access.iter().map(|tag| tag.trim().to_owned()).collect();
    if access.iter().any(String::is_empty) {
        return Err(format!("{shown}: `access`: a tag is empty"));
    }
    let language = match keys.take::<String>("language")? {
        Some(text) => Some(
            normalised_tag(&text)
                .ok_or_else(|| format!("{shown}: `language`: `{text}` is no tag such as `en` or `zh-TW`"))?,
        ),
        None => None,
    };
    Ok(Defaults { kind, access, language, ..Defaults::default() })
}

/// A length of time such as `15m` or `2h`.
fn interval(text: &str) -> Result<Duration, String> {
    let parsed: jiff::SignedDuration =
        text.parse().map_err(|_| format!("`{text}` is no length of time such as `15m` or `2h`"))?;
    match Duration::try_from(parsed) {
        Ok(interval) if interval >= MIN_INTERVAL => Ok(interval),
        _ => Err(format!("`{text}` is shorter than {} s", MIN_INTERVAL.as_secs())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// The error of a file with this text, or the names and intervals of its sources.
    fn read_text(text: &str) -> String {
        let directory = tempfile::tempdir().expect("a directory");
        fs::create_dir(directory.path().join("docs")).expect("the name is free");
        let path = directory.path().join("ingest.toml");
        fs::write(&path, text).expect("there is space");
        match read(&path) {
            Ok(team) => {
                let shown = |source: &TeamSource| {
                    format!("{} every {}s", source.source.name(), source.interval.as_secs())
                };
                team.sources.iter().map(shown).collect::<Vec<_>>().join(", ")
            }
            Err(ConfigError::File { detail, .. }) => detail,
            Err(error) => error.to_string(),
        }
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let said = read_text(text);
        assert!(said.contains(expected), "{said}");
    }

    #[test]
    fn sources_are_read() {
        let docs = "[[source]]\ntype = \"folder\"\npath = \"docs\"\n";
        check(docs, "docs every 900s");
        check(&format!("interval = \"1h 30m\"\n{docs}name = \"ours\"\nkind = \"sop\"\n"), "ours every 5400s");
        check(
            &format!("{docs}interval = \"30s\"\naccess = [\"ops\"]\nlanguage = \"zh_TW\""),
            "docs every 30s",
        );
        let token = "token = { env = \"DOCS_TOKEN\" }";
        for (url, name) in [("https://h.example/t/docs.git", "docs"), ("../team/pages/", "pages")] {
            let token = if url.starts_with("https") { token } else { "" };
            check(
                &format!("[[source]]\ntype = \"git\"\nurl = \"{url}\"\n{token}\n"),
                &format!("{name} every 900s"),
            );
        }
    }

    #[test]
    fn mistakes_name_their_source() {
        let docs = "[[source]]\nname = \"a\"\ntype = \"folder\"\npath = \"docs\"\n";
        check("", "lists no `[[source]]`");
        check("knowledge = 1", "unknown field");
        check(&format!("{docs}{docs}"), "two sources are named `a`");
        check("[[source]]\npath = \"docs\"", "source 1 has no `type`");
        check("[[source]]\ntype = \"wiki\"", "there is no type `wiki`");
        check(&format!("{docs}url = \"x\""), "source `a`: unknown field `url`");
        check(&format!("{docs}kind = \"page\""), "source `a`: `kind`: `page` is not a kind");
        check(&format!("{docs}access = [\" \"]"), "a tag is empty");
        check(&format!("{docs}language = \"?\""), "is no tag");
        check(&format!("{docs}interval = \"1s\""), "shorter than 10 s");
        check(&format!("{docs}interval = \"soon\""), "is no length of time");
        check("[[source]]\ntype = \"folder\"\npath = \"absent\"", "cannot read");
        check("[[source]]\ntype = \"git\"", "source 1: missing field `url`");
        check(
            "[[source]]\ntype = \"git\"\nurl = \"git@h.example:t/docs.git\"",
            "source `docs`: `url` is neither",
        );
        let secret = "[[source]]\ntype = \"git\"\nurl = \"https://h.example/docs\"\ntoken = \"canary\"";
        check(secret, "where the secret is");
        assert!(!read_text(secret).contains("canary"));
        let open = read_text("[[source]]\ntype = \"git\"\ntoken = \"canary\n");
        assert!(open.starts_with("line 3: ") && !open.contains("canary"), "{open}");
        check("[[source]]\nname = \"a/b\"\ntype = \"folder\"\npath = \"docs\"", "cannot name a source");
    }
}

//! Git repositories: the files of a folder at one commit, read without a work tree and without running a program.
//!
//! A repository on this machine is read in place. One behind HTTP is fetched into a bare repository of our own in the
//! cache directory ([`cache`], over [`transport`]), each time only the new objects. [`tree`] lists the files of the
//! commit, [`history`] finds when each file was last changed, [`address`] has the addresses where people read it.
//!
//! Listings are complete, so a file that a commit deletes is deleted here. While commits change other folders only, no
//! file is read.

mod address;
mod cache;
mod error;
mod history;
#[cfg(test)]
mod tests;
mod transport;
mod tree;

use super::{
    Item, Listing, Reader, Reading, Source, SourceError, SyncState,
    archive::is_archive,
    archives::{Archives, Expanded},
    files::{self, FileTree},
    folder::{check_name, visible},
};
use crate::{
    blocking::blocking,
    credentials::Reference,
    formats::{Defaults, Format},
};
use address::{Address, Web};
use async_trait::async_trait;
use cache::{Cache, Lock};
use error::GitError;
use gix::{ObjectId, Repository, ThreadSafeRepository};
use kb::{document::ContentHash, redact::redact};
use net::{Authorization, CallError, Client, Secret};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    num::NonZeroU32,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::runtime::Handle;
use tree::{CommitTree, Listed};

/// The user of tokens where none is configured: the one that GitHub asks for; other hosts take any.
const TOKEN_USER: &str = "x-access-token";
/// How often a pack that was cut is asked for.
const MAX_TRIES: usize = 3;
/// A larger file of certificates is refused.
const MAX_CERTIFICATE_BYTES: u64 = 1 << 20;
/// Changes when the same commit gives other documents.
const VERSION: u32 = 2;

/// A repository, as it is configured.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// An `https` address, a `file` address, or the path of a repository on this machine.
    pub url: String,
    /// The branch; the repository's own default when neither a tag nor a commit is said.
    #[serde(default)]
    pub branch: Option<String>,
    /// A tag, in place of a branch.
    #[serde(default)]
    pub tag: Option<String>,
    /// A commit's full id, in place of a branch.
    #[serde(default)]
    pub commit: Option<String>,
    /// The folder whose files are read; all of them when absent.
    #[serde(default)]
    pub folder: Option<String>,
    /// The address where people read a file: with `{path}`, and `{commit}` or `{branch}`. GitHub, GitLab, Gitea and
    /// Bitbucket are known by their names.
    #[serde(default)]
    pub web_url: Option<String>,
    /// The user that the token belongs to, where that matters.
    #[serde(default)]
    pub user: Option<String>,
    /// The reference to the token.
    #[serde(default)]
    pub token: Option<Reference>,
    /// How many commits are fetched; all when absent. Only files that those changed have a date of their own.
    #[serde(default)]
    pub depth: Option<NonZeroU32>,
    /// A file with certificates in PEM that are trusted beside the system's own.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
}

/// The path of a repository on this machine, where an address is one.
pub fn local_path(url: &str) -> Option<PathBuf> {
    match address::parse(url) {
        Ok((Address::Local(path), _)) => Some(path),
        _ => None,
    }
}

/// The name of a source that was given none: that of its repository.
pub fn default_name(url: &str) -> Option<String> {
    let url = url.trim().trim_end_matches('/');
    let name = url.strip_suffix("/.git").unwrap_or(url).rsplit(['/', ':']).next()?;
    let name = name.strip_suffix(".git").unwrap_or(name);
    check_name(name).is_ok().then(|| name.to_owned())
}

/// The commit of a repository that is read.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Target {
    /// The branch that the repository's HEAD names.
    Default,
    Branch(String),
    Tag(String),
    Commit(ObjectId),
}

impl Target {
    fn of(settings: &Settings) -> Result<Self, String> {
        let target = match (&settings.branch, &settings.tag, &settings.commit) {
            (None, None, None) => Self::Default,
            (Some(branch), None, None) => Self::Branch(branch.clone()),
            (None, Some(tag), None) => Self::Tag(tag.clone()),
            (None, None, Some(commit)) => match ObjectId::from_hex(commit.as_bytes()) {
                Ok(id) => Self::Commit(id),
                Err(_) => return Err(format!("`{commit}` is no commit's full id")),
            },
            _ => return Err("give one of `branch`, `tag` and `commit`".to_owned()),
        };
        match target.reference().map(gix::refs::FullName::try_from) {
            Some(Err(_)) => Err(format!("there can be no {}", target.shown())),
            _ => Ok(target),
        }
    }

    /// The full name of the reference; none of the default branch, whose name is not known yet, and of a commit.
    fn reference(&self) -> Option<String> {
        match self {
            Self::Branch(name) => Some(format!("refs/heads/{name}")),
            Self::Tag(name) => Some(format!("refs/tags/{name}")),
            Self::Default | Self::Commit(_) => None,
        }
    }

    fn shown(&self) -> String {
        match self {
            Self::Default => "default branch".to_owned(),
            Self::Branch(name) => format!("branch `{name}`"),
            Self::Tag(name) => format!("tag `{name}`"),
            Self::Commit(id) => format!("commit {id}"),
        }
    }
}

/// A repository at the commit that is read.
struct Found {
    repository: ThreadSafeRepository,
    commit: ObjectId,
    /// The branch or the tag that named it.
    branch: Option<String>,
    /// The lock of a repository in the cache.
    lock: Option<Arc<Lock>>,
}

/// Makes a source of a repository; `cache` is the directory that fetched repositories are kept in. The repository is
/// not read yet.
pub fn open(
    name: String,
    settings: Settings,
    defaults: Defaults,
    cache: &Path,
) -> Result<Box<dyn Source>, SourceError> {
    let failed = |reason: String| SourceError::failed(&name, reason);
    check_name(&name).map_err(|error| failed(error.to_string()))?;
    let (address, user) = address::parse(&settings.url).map_err(&failed)?;
    if settings.token.is_some() && address.is_open() {
        return Err(failed("a token is sent over `https` only".to_owned()));
    }
    let target = Target::of(&settings).map_err(&failed)?;
    let web = Web::of(settings.web_url.as_deref(), &address).map_err(&failed)?;
    let folder = tree::folder(settings.folder.as_deref().unwrap_or_default()).map_err(&failed)?;
    let shown = address.shown();
    let user = settings.user.clone().or(user);
    let cache = Cache::of(cache, &name, &[&shown, &format!("{target:?} {:?}", settings.depth)]);
    let inner = Inner { name, settings, address, user, target, folder, web, shown, defaults, cache };
    Ok(Box::new(GitSource { inner: Arc::new(inner) }))
}

struct GitSource {
    inner: Arc<Inner>,
}

struct Inner {
    name: String,
    settings: Settings,
    address: Address,
    user: Option<String>,
    target: Target,
    /// Without `/` at its ends; empty for all files.
    folder: String,
    web: Option<Web>,
    /// The repository, as reports name it.
    shown: String,
    defaults: Defaults,
    cache: Cache,
}

#[async_trait]
impl Source for GitSource {
    fn name(&self) -> &str {
        &self.inner.name
    }

    fn shown(&self) -> String {
        self.inner.shown.clone()
    }

    fn settings(&self) -> String {
        let Inner { settings, defaults, folder, target, shown, .. } = &*self.inner;
        let (web, depth) = (&settings.web_url, &settings.depth);
        let versions = (VERSION, kb::store::CHUNKER_VERSION, env!("CARGO_PKG_VERSION"));
        format!("{versions:?} {shown:?} {target:?} {folder:?} {web:?} {depth:?} {defaults:?}")
    }

    async fn list(&self, before: &SyncState) -> Result<Listing, SourceError> {
        let (inner, before, runtime) = (self.inner.clone(), before.clone(), Handle::current());
        // Work on a thread goes on after its caller gave up, unless it is told.
        let given_up = GivenUp(Arc::default());
        let stop = given_up.0.clone();
        let listed = blocking(move || inner.list(&before, &runtime, &stop)).await;
        listed.map_err(|error| SourceError::failed(&self.inner.name, error.to_string()))?
    }
}

/// Tells when it is dropped.
struct GivenUp(Arc<AtomicBool>);

impl Drop for GivenUp {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Inner {
    fn list(
        &self,
        before: &SyncState,
        runtime: &Handle,
        stop: &Arc<AtomicBool>,
    ) -> Result<Listing, SourceError> {
        let read = |is_second: bool| {
            let found = self.found(runtime, stop)?;
            let repository = found.repository.to_thread_local();
            let listed = tree::list(&repository, found.commit, &self.folder, &self.shown)?;
            match listed.is_whole || is_second || !self.is_fetched() {
                true => Ok((listed, found)),
                false => Err(GitError::Broken("objects are missing".to_owned())),
            }
        };
        let mut first = read(false);
        for _ in 1..MAX_TRIES {
            // The calls' own loop ends where a body begins.
            if !matches!(&first, Err(GitError::Call(CallError::Cut { .. }))) {
                break;
            }
            first = read(false);
        }
        let read = match first {
            // A run that was killed, or a disk that was full, leaves such a repository behind.
            Err(GitError::Broken(reason)) if self.is_fetched() => {
                tracing::warn!(source = self.name, reason, "the fetched repository is broken; fetched anew");
                self.cache.clear().and_then(|()| read(true))
            }
            read => read,
        };
        let (listed, found) = read.map_err(|error| self.error(error))?;
        Ok(self.listing(before, listed, found))
    }

    fn is_fetched(&self) -> bool {
        matches!(self.address, Address::Remote(_))
    }

    /// The repository at the commit that is to be read.
    fn found(&self, runtime: &Handle, stop: &Arc<AtomicBool>) -> Result<Found, GitError> {
        match &self.address {
            Address::Local(path) => local(path, &self.target),
            Address::Remote(url) => {
                let calls = transport::Calls::new(self.client(url.as_str())?, runtime.clone(), stop.clone());
                self.cache.fetched(url.as_str(), &self.target, self.settings.depth, calls)
            }
        }
    }

    fn client(&self, url: &str) -> Result<Client, GitError> {
        let authorization = match &self.settings.token {
            Some(token) => Authorization::Basic {
                user: self.user.clone().unwrap_or_else(|| TOKEN_USER.to_owned()),
                password: self.secret(token)?,
            },
            None => Authorization::None,
        };
        let roots = self.settings.ca_file.as_ref().map(|path| kb::files::read(path, MAX_CERTIFICATE_BYTES));
        let roots = roots.transpose().map_err(|error| GitError::Refused(format!("ca_file: {error}")))?;
        let settings =
            net::Settings::new(url, transport::POLICY).map(|settings| settings.with(authorization));
        let client = settings.and_then(|settings| Client::new(net::Settings { roots, ..settings }));
        client.map_err(|error| GitError::Refused(error.to_string()))
    }

    fn secret(&self, token: &Reference) -> Result<Secret, GitError> {
        token.read().map_err(|error| GitError::Credentials(error.to_string()))
    }

    /// The listing of a commit's tree; of nothing to read when the commit is the one that was read last.
    fn listing(&self, before: &SyncState, listed: Listed, found: Found) -> Listing {
        let Listed { items, files, rejected, root, .. } = listed;
        let tip = json!({ "commit": found.commit.to_string(), "branch": found.branch });
        let was =
            |part: &str, is: &Value| before.cursor.as_ref().and_then(|cursor| cursor.get(part)) == Some(is);
        let nothing = |expanded: Expanded, cursor: Option<Value>| {
            let Expanded { items, rejected, is_complete } = expanded;
            let unchanged = items.into_iter().map(|item| item.key).collect();
            let listing = Listing::new(Vec::new(), Arc::new(Nothing));
            Listing { unchanged, rejected, is_complete, cursor, ..listing }
        };
        let pages = files.iter().filter(|(key, _)| Format::of(key).is_ok() || is_archive(key));
        let wanted = pages.map(|(_, file)| file.real.clone()).collect();
        let repository = found.repository.to_thread_local();
        let mut tree = CommitTree {
            repository: found.repository,
            shown: self.shown.clone(),
            folder: self.folder.clone(),
            commit: found.commit,
            branch: found.branch,
            _lock: found.lock,
            files,
            changes: HashMap::new(),
            web: self.web.clone(),
            broken: self.is_fetched().then(|| self.cache.clone()),
            archives: Archives::default(),
        };
        let expanded = tree.expanded(items, rejected);
        if was("tip", &tip) {
            return nothing(expanded, before.cursor.clone());
        }
        let depth = self.settings.depth.map_or(usize::MAX, |depth| depth.get() as usize);
        tree.changes = history::last_changes(&repository, found.commit, &self.folder, wanted, depth);
        // Commits that change other folders change nothing of these documents, unless it is their dates.
        let folder = json!([root.to_string(), origins(&tree, &expanded.items).to_string()]);
        let is_same = was("folder", &folder);
        let cursor = Some(json!({ "tip": tip, "folder": folder }));
        if is_same {
            return nothing(expanded, cursor);
        }
        let Expanded { items, rejected, is_complete } = expanded;
        let listing = files::listing(
            &self.name,
            Arc::new(tree),
            items,
            is_complete,
            rejected,
            &self.defaults,
            before.looks.clone(),
        );
        Listing { cursor, ..listing }
    }

    /// An error as it is reported.
    fn error(&self, error: GitError) -> SourceError {
        let token = || self.settings.token.as_ref().map(ToString::to_string);
        let refused = match &error {
            GitError::Call(CallError::Status { status: 401 | 403, .. }) => Some("the repository was refused"),
            GitError::Call(CallError::Status { status: 404, .. }) => {
                Some("there is no such repository, or it is not shown to everybody")
            }
            GitError::Credentials(reason) => Some(reason.as_str()),
            _ => None,
        };
        match (refused, token()) {
            (Some(reason), Some(reference)) => {
                SourceError::Credentials { name: self.name.clone(), reason: reason.to_owned(), reference }
            }
            (Some(reason), None) => {
                SourceError::failed(&self.name, format!("{reason}; check `url`, or say where a `token` is"))
            }
            (None, _) => SourceError::failed(&self.name, format!("{}: {error}", self.shown)),
        }
    }
}

/// A hash of the dates and addresses that documents have of their commits.
fn origins(tree: &CommitTree, items: &[Item]) -> ContentHash {
    let of = |item: &Item| format!("{} {:?}\n", item.key, tree.origin(&item.key));
    let all: String = items.iter().filter(|item| Format::of(&item.key).is_ok()).map(of).collect();
    ContentHash::of(&[all.as_bytes()])
}

/// Opens a repository on this machine, where it is.
fn local(path: &Path, target: &Target) -> Result<Found, GitError> {
    let repository = ThreadSafeRepository::open_opts(path, cache::options());
    let unreadable = |error: gix::Error| GitError::Refused(format!("it cannot be opened: {error}"));
    let repository = repository.map_err(unreadable)?;
    let (commit, branch) = resolved(&repository.to_thread_local(), target)?;
    Ok(Found { repository, commit, branch, lock: None })
}

/// The commit that is meant, and the name of the branch or tag.
fn resolved(repository: &Repository, target: &Target) -> Result<(ObjectId, Option<String>), GitError> {
    let absent = || GitError::Absent(target.shown());
    match target {
        Target::Commit(id) => {
            let object = repository.try_find_object(*id)?.ok_or_else(absent)?;
            Ok((object.peel_to_commit().map_err(|_| absent())?.id, None))
        }
        Target::Default => {
            let name = repository.head_name()?.map(|name| name.shorten().to_string());
            Ok((repository.head_commit().map_err(|_| absent())?.id, name))
        }
        Target::Branch(name) | Target::Tag(name) => {
            let full = target.reference().unwrap_or_default();
            let mut reference = repository.try_find_reference(full.as_str())?.ok_or_else(absent)?;
            Ok((reference.peel_to_commit().map_err(|_| absent())?.id, Some(name.clone())))
        }
    }
}

/// How reports name a file of a repository. Control characters in a name would forge lines of a report.
fn shown_path(repository: &str, path: &str) -> String {
    let path: String = path.chars().map(visible).collect();
    redact(&format!("{repository}: {path}")).text.into_owned()
}

/// Reads nothing, for there is nothing to read.
struct Nothing;

#[async_trait]
impl Reader for Nothing {
    fn is_cheap(&self) -> bool {
        false
    }

    async fn read(&self, items: &[Item]) -> Vec<Reading> {
        let unlisted = |item: &Item| Reading::unknown(&item.key, "it was not listed");
        items.iter().map(unlisted).collect()
    }
}

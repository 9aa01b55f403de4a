//! Repositories that were fetched: a bare one for each source, with one reference to the last commit. It belongs to the
//! source alone, so any fault of it is mended by fetching anew. One process at a time uses it.

use super::{Found, GitError, Target, resolved, transport::Calls};
use gix::{
    Repository, ThreadSafeRepository,
    bstr::{BStr, ByteSlice},
    progress::Discard,
    protocol::handshake::Ref,
    remote::{Direction, fetch::Shallow, fetch::Tags, ref_map},
};
use kb::document::ContentHash;
use std::{
    fs::{self, File, TryLockError},
    num::NonZeroU32,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, Weak},
    time::{Duration, Instant},
};

/// The reference to the last commit that was fetched.
const FETCHED: &str = "refs/runbookd/fetched";
/// Every fetch adds a pack; with more of them the repository is fetched anew.
const MAX_PACKS: usize = 50;
/// The largest object, in bytes, that is unpacked.
const CONFIG: [&str; 2] = ["gitoxide.objects.allocLimit=268435456", "pack.threads=2"];
/// A file that says that an object could not be read.
const BROKEN: &str = "broken";

/// How a repository is opened: with its own configuration, and nothing of the environment or the user's.
pub(super) fn options() -> gix::open::Options {
    gix::open::Options::isolated().config_overrides(CONFIG)
}

/// Keeps other processes from a place, and is given back when it is dropped.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

/// Another run's lock is waited for so long.
const LOCK_WAIT: Duration = Duration::from_secs(1);

/// The pause between two tries to take the lock.
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// The directory of a source's repository.
#[derive(Clone)]
pub(super) struct Cache {
    directory: PathBuf,
    /// The lock while something uses the place.
    lock: Arc<Mutex<Weak<Lock>>>,
}

impl Cache {
    /// The place of the source `name`, another one for each value of `parts`.
    pub(super) fn of(root: &Path, name: &str, parts: &[&str]) -> Self {
        let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
        let hash = ContentHash::of(&parts).to_string();
        let is_plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let name: String = name.chars().filter(is_plain).take(40).collect();
        Self { directory: root.join(format!("{name}-{}.git", &hash[..16])), lock: Arc::default() }
    }

    /// Takes the place for this process.
    fn locked(&self) -> Result<Arc<Lock>, GitError> {
        let mut lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = lock.upgrade() {
            return Ok(held);
        }
        let path = self.directory.with_extension("lock");
        if let Some(root) = self.directory.parent() {
            fs::create_dir_all(root)?;
        }
        let file = File::options().create(true).truncate(false).write(true).open(&path)?;
        let until = Instant::now() + LOCK_WAIT;
        // A process that was started a moment ago holds what was open here until it runs its own program.
        let locked = loop {
            match file.try_lock() {
                Err(TryLockError::WouldBlock) if Instant::now() < until => std::thread::sleep(LOCK_PAUSE),
                locked => break locked,
            }
        };
        match locked {
            Ok(()) => {
                let held = Arc::new(Lock { _file: file });
                *lock = Arc::downgrade(&held);
                Ok(held)
            }
            Err(TryLockError::WouldBlock) => {
                let path = path.display();
                Err(GitError::Refused(format!("another run is using its cache (`{path}` is locked)")))
            }
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }

    /// Removes the repository from disk, under its lock.
    pub(super) fn clear(&self) -> Result<(), GitError> {
        let _lock = self.locked()?;
        match fs::remove_dir_all(&self.directory) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Notes that an object cannot be read, so that the next run fetches anew.
    pub(super) fn note_broken(&self) {
        // Without the note the next run fails in the same way, and says so.
        let _ = File::create(self.directory.join(BROKEN));
    }

    /// Opens the repository; an empty one if there is no usable one.
    fn opened(&self) -> Result<ThreadSafeRepository, GitError> {
        if self.is_usable() {
            let options = options().open_path_as_is(true);
            if let Ok(repository) = ThreadSafeRepository::open_opts(&self.directory, options) {
                return Ok(repository);
            }
        }
        self.clear()?;
        fs::create_dir_all(&self.directory)?;
        let (kind, created) = (gix::create::Kind::Bare, gix::create::Options::default());
        Ok(ThreadSafeRepository::init_opts(&self.directory, kind, created, options())?)
    }

    /// Whether the repository can be used as far as its directory shows; removes the leftovers of interrupted fetches.
    fn is_usable(&self) -> bool {
        if self.directory.join(BROKEN).exists() {
            return false;
        }
        let Ok(entries) = fs::read_dir(self.directory.join("objects/pack")) else { return false };
        let mut num_packs = 0;
        for path in entries.flatten().map(|entry| entry.path()) {
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("pack") => num_packs += 1,
                Some("idx" | "rev") => {}
                // A file that cannot be removed now does no harm, for a later call removes it, and no other program
                // writes here.
                _ => drop(fs::remove_file(path)),
            }
        }
        num_packs <= MAX_PACKS
    }

    /// The repository with the commit that `target` means now.
    pub(super) fn fetched(
        &self,
        url: &str,
        target: &Target,
        depth: Option<NonZeroU32>,
        calls: Calls,
    ) -> Result<Found, GitError> {
        let lock = self.locked()?;
        let repository = self.opened()?;
        let opened = repository.to_thread_local();
        if let Target::Commit(id) = target
            && opened.has_object(id)
        {
            // A commit never changes.
            let (commit, branch) = resolved(&opened, target)?;
            return Ok(Found { repository, commit, branch, lock: Some(lock) });
        }
        let branch = fetch(&opened, url, target, depth, calls)?;
        let mut fetched = opened.find_reference(FETCHED)?;
        let commit = fetched.peel_to_commit()?.id;
        Ok(Found { repository, commit, branch, lock: Some(lock) })
    }
}

/// Fetches the commit that `target` means, and gives the name of its branch or tag.
fn fetch(
    repository: &Repository,
    url: &str,
    target: &Target,
    depth: Option<NonZeroU32>,
    calls: Calls,
) -> Result<Option<String>, GitError> {
    let wanted = match target {
        Target::Default => "HEAD".to_owned(),
        Target::Commit(id) => id.to_string(),
        Target::Branch(_) | Target::Tag(_) => target.reference().unwrap_or_default(),
    };
    let spec = format!("+{wanted}:{FETCHED}");
    let (failure, stop) = (calls.failure(), calls.stop());
    // The failure of a call says more than the error that gix makes of it.
    let told = |error: gix::Error| match (failure.take(), stop.load(std::sync::atomic::Ordering::Relaxed)) {
        (_, true) => GitError::Interrupted,
        (Some(error), _) => GitError::Call(error),
        (None, _) => error.into(),
    };
    let remote = repository.remote_at_without_url_rewrite(url)?.with_fetch_tags(Tags::None);
    let remote = remote.with_refspecs([BStr::new(&spec)], Direction::Fetch)?;
    let connection = remote
        .to_connection_with_transport(calls.connection(url)?)
        // The fetch neither runs helper programs nor asks questions.
        .with_credentials(|_| Ok(None))
        .with_transport_options(Box::new(()));
    let prepared = connection.prepare_fetch(Discard, ref_map::Options::default()).map_err(told)?;
    let refs = prepared.ref_map();
    if refs.mappings.is_empty() {
        return Err(GitError::Absent(target.shown()));
    }
    let branch = match target {
        Target::Default => refs.remote_refs.iter().find_map(default_branch),
        Target::Branch(name) | Target::Tag(name) => Some(name.clone()),
        Target::Commit(_) => None,
    };
    let there = refs.mappings.first().and_then(|mapping| mapping.remote.as_id()).map(ToOwned::to_owned);
    let here = repository.try_find_reference(FETCHED)?.and_then(|fetched| Some(fetched.try_id()?.detach()));
    if here.is_some() && here == there {
        return Ok(branch);
    }
    let shallow = depth.map_or(Shallow::NoChange, Shallow::DepthAtRemote);
    prepared.with_shallow(shallow).receive(Discard, &stop).map_err(told)?;
    Ok(branch)
}

/// The branch that the HEAD of a server names.
fn default_branch(reference: &Ref) -> Option<String> {
    match reference {
        Ref::Symbolic { full_ref_name, target, .. } if full_ref_name == "HEAD" => {
            Some(target.strip_prefix(b"refs/heads/")?.to_str().ok()?.to_owned())
        }
        _ => None,
    }
}

//! Files that are read again when they change: certificates and tokens, which are replaced while the server runs.

use arc_swap::ArcSwap;
use std::{
    error::Error,
    fmt,
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// How often the files are looked at. A rotation leaves days for it.
const LOOK_EVERY: Duration = Duration::from_secs(10);

type Read<T> = dyn Fn() -> Result<T, Box<dyn Error + Send + Sync>> + Send + Sync;

/// A value read from files. Cheap to clone; the clones change together.
pub struct Followed<T>(Arc<Inner<T>>);

struct Inner<T> {
    /// Its name in the log.
    name: &'static str,
    origin: ArcSwap<Origin<T>>,
    current: ArcSwap<T>,
}

/// The files that it is read from.
struct Origin<T> {
    files: Vec<PathBuf>,
    read: Box<Read<T>>,
}

/// A time and a size for each file, by which a changed file is recognised. Links are followed, as a mounted secret
/// changes by its links. `None` stands for a file that is missing or cannot be looked at.
type Stamps = Vec<Option<(SystemTime, u64)>>;

impl<T: Send + Sync + 'static> Followed<T> {
    /// Reads for the first time; the error is `read`'s own. Blocks.
    pub fn load<E: Error + Send + Sync + 'static>(
        name: &'static str,
        files: Vec<PathBuf>,
        read: impl Fn() -> Result<T, E> + Send + Sync + 'static,
    ) -> Result<Self, E> {
        let current = ArcSwap::from_pointee(read()?);
        let read: Box<Read<T>> = Box::new(move || Ok(read()?));
        let origin = ArcSwap::from_pointee(Origin { files, read });
        Ok(Self(Arc::new(Inner { name, origin, current })))
    }

    /// The value that was read last without an error.
    pub fn current(&self) -> Arc<T> {
        self.0.current.load_full()
    }

    /// Takes over the value and the files of `new`, which was read in the meantime.
    pub fn become_as(&self, new: &Self) {
        self.0.origin.store(new.0.origin.load_full());
        self.0.current.store(new.current());
    }

    /// Follows the files for ever. Files that cannot be used leave what was read before in use.
    pub async fn follow(self) {
        let mut seen = None;
        loop {
            let (followed, before) = (self.clone(), seen.clone());
            let looking = tokio::task::spawn_blocking(move || followed.look(before.as_ref()));
            seen = looking.await.ok().or(seen);
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Reads the files again when they are not as `seen`; how they are now.
    fn look(&self, seen: Option<&Stamps>) -> Stamps {
        let Inner { name, origin, current } = &*self.0;
        let origin = origin.load_full();
        let Origin { files, read } = &*origin;
        let stamp = |path: &PathBuf| {
            let metadata = std::fs::metadata(path).ok()?;
            Some((metadata.modified().ok()?, metadata.len()))
        };
        let now: Stamps = files.iter().map(stamp).collect();
        // The first look follows the start, and a file may have changed in between.
        if Some(&now) != seen && !files.is_empty() {
            match read() {
                Ok(new) => {
                    current.store(Arc::new(new));
                    if seen.is_some() {
                        tracing::info!("the {name} changed, and what is new is in use");
                    }
                }
                Err(error) => tracing::error!(
                    error = kb::causes::with_causes(error.as_ref()),
                    "the {name} changed and cannot be used; what was read before stays in use"
                ),
            }
        }
        now
    }
}

impl<T> Clone for Followed<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: fmt::Debug> fmt::Debug for Followed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Followed").field(&self.0.current.load()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_is_new_is_taken_up_and_what_is_broken_is_not() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("number");
        fs::write(&path, "1").expect("written");
        let file = path.clone();
        let read = move || fs::read_to_string(&file).unwrap_or_default().parse::<u32>();
        let followed = Followed::load("number", vec![path.clone()], read).expect("a number");
        let first = followed.look(None);
        assert_eq!(followed.look(Some(&first)), first, "nothing has changed");
        for (text, expected) in [("broken", 1), ("22", 22)] {
            fs::write(&path, text).expect("written");
            assert_ne!(followed.look(Some(&first)), first);
            assert_eq!(*followed.clone().current(), expected, "{text}");
        }
        fs::remove_file(&path).expect("removed");
        assert_ne!(followed.look(Some(&first)), first);
        assert_eq!(*followed.current(), 22);
    }
}

//! Opens the knowledge base at an address with the engine that serves it. The one file that knows all engines.

#[cfg(feature = "qdrant")]
use super::copy;
#[cfg(feature = "qdrant")]
use super::qdrant::{self, QdrantAddress, QdrantAddressError};
use super::{
    embedded,
    error::StoreError,
    knowledge_base::KnowledgeBase,
    manifest::Identity,
    upkeep::{Copied, Verification},
    writer::{Commit, Writer},
};
use crate::document::ContentHash;
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
};

/// The place of a knowledge base, as `--kb` and `RUNBOOKD_KB` hold it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A directory of the embedded engine.
    Directory(PathBuf),
    /// A Qdrant server or cluster.
    #[cfg(feature = "qdrant")]
    Qdrant(QdrantAddress),
}

/// The reasons why a text is not the address of a knowledge base.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// The text is empty.
    #[error("the knowledge base's address is empty; give a directory")]
    Empty,
    /// The text begins like the address of a Qdrant server, and is not a valid one.
    #[cfg(feature = "qdrant")]
    #[error(transparent)]
    Qdrant(#[from] QdrantAddressError),
    /// The address has a scheme that no engine serves.
    #[error(
        "`{scheme}://` is not a kind of knowledge base this program knows; give a directory, or qdrant://HOST:6334/NAME"
    )]
    Scheme {
        /// The part before `://`.
        scheme: String,
    },
}

impl std::str::FromStr for Address {
    type Err = AddressError;
    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text.is_empty() {
            return Err(AddressError::Empty);
        }
        match text.split_once("://") {
            #[cfg(feature = "qdrant")]
            Some((scheme, _)) if QdrantAddress::SCHEMES.contains(&scheme) => {
                Ok(Address::Qdrant(text.parse()?))
            }
            Some((scheme, _)) => Err(AddressError::Scheme { scheme: scheme.to_owned() }),
            None => Ok(Address::Directory(PathBuf::from(text))),
        }
    }
}

impl Address {
    /// Whether the knowledge base is on servers.
    pub fn is_remote(&self) -> bool {
        !matches!(self, Address::Directory(_))
    }

    /// The directory of the cache of vectors that were computed for the knowledge base.
    pub fn embedding_cache(&self) -> PathBuf {
        crate::embed::embedding_cache(match self {
            Address::Directory(path) => Some(embedded::embedding_cache(path)),
            #[cfg(feature = "qdrant")]
            Address::Qdrant(_) => None,
        })
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Address::Directory(path) => path.display().fmt(f),
            #[cfg(feature = "qdrant")]
            Address::Qdrant(address) => address.fmt(f),
        }
    }
}

/// Opens a knowledge base for reading.
///
/// `identity` is what this program would build one with; a knowledge base built otherwise is refused with
/// [`StoreError::Mismatch`]. `None` accepts any (for `doctor`).
pub async fn open(
    address: &Address,
    identity: Option<&Identity>,
) -> Result<Arc<dyn KnowledgeBase>, StoreError> {
    match address {
        Address::Directory(path) => Ok(Arc::new(embedded::Reader::open(path, identity).await?)),
        #[cfg(feature = "qdrant")]
        Address::Qdrant(address) => Ok(Arc::new(qdrant::Reader::open(address, identity).await?)),
    }
}

/// Opens a knowledge base for writing, and creates it if it is missing. A second writer is refused with
/// [`StoreError::Locked`] within a second.
pub async fn open_writer(address: &Address, identity: &Identity) -> Result<Box<dyn Writer>, StoreError> {
    match address {
        Address::Directory(path) => Ok(Box::new(embedded::EmbeddedWriter::open(path, identity).await?)),
        #[cfg(feature = "qdrant")]
        Address::Qdrant(address) => Ok(Box::new(qdrant::QdrantWriter::open(address, identity).await?)),
    }
}

/// Opens a knowledge base to build it again, as though it had no documents. Readers go on with what is there, if it can
/// be read, until the first commit; vectors that were computed for it are still known.
pub async fn open_rebuilding(address: &Address, identity: &Identity) -> Result<Box<dyn Writer>, StoreError> {
    match address {
        Address::Directory(path) => {
            Ok(Box::new(embedded::EmbeddedWriter::open_rebuilding(path, identity).await?))
        }
        #[cfg(feature = "qdrant")]
        Address::Qdrant(address) => {
            Ok(Box::new(qdrant::QdrantWriter::open_rebuilding(address, identity).await?))
        }
    }
}

/// The documents that a knowledge base seems to have, by id, whatever state its files are in; `None` where they cannot
/// be read at all. Good for comparing, not for answering.
pub async fn documents_of_damaged(address: &Address) -> Option<HashMap<String, ContentHash>> {
    match address {
        Address::Directory(path) => embedded::documents_of_damaged(path).await,
        #[cfg(feature = "qdrant")]
        Address::Qdrant(address) => qdrant::documents(address).await,
    }
}

/// Goes back to the generation that was current before the last rebuilding, where an engine keeps it: readers move to
/// it as they do to a commit. Going back again returns to the later one.
pub async fn rollback(address: &Address) -> Result<Commit, StoreError> {
    match address {
        Address::Directory(path) => Err(StoreError::NoEarlier {
            address: path.display().to_string(),
            advice: "a directory keeps none; bring back a backup with `ingest restore`",
        }),
        #[cfg(feature = "qdrant")]
        Address::Qdrant(server) => qdrant::rollback(server).await,
    }
}

/// Reads every file of a knowledge base and compares it with its checksum. On servers, compares its records with what
/// was committed, and looks at the servers.
pub async fn verify(address: &Address) -> Result<Verification, StoreError> {
    match address {
        Address::Directory(path) => embedded::verify(path).await,
        #[cfg(feature = "qdrant")]
        Address::Qdrant(address) => qdrant::verify(address).await,
    }
}

/// Copies the newest state of a knowledge base into a new directory, while it may be read and written. The directory is
/// there when all of it is written and checked.
pub async fn backup(address: &Address, to: &Path) -> Result<Copied, StoreError> {
    match address {
        Address::Directory(path) => embedded::backup(path, to).await,
        #[cfg(feature = "qdrant")]
        Address::Qdrant(server) => copy::backup(server, to).await,
    }
}

/// Makes a backup the newest state of a knowledge base, which is created if it is missing. Readers move on to it as
/// they do to a commit; until then they see the previous state, even if the restoring fails.
pub async fn restore(from: &Path, address: &Address) -> Result<Copied, StoreError> {
    match address {
        Address::Directory(path) => embedded::restore(from, path).await,
        #[cfg(feature = "qdrant")]
        Address::Qdrant(server) => copy::restore(from, server).await,
    }
}

//! The contract, and what only this engine promises.

mod copies;
mod damage;
mod faults;
mod kill;
mod recall;

use super::{
    writer::{CompactionPolicy, EmbeddedWriter},
    *,
};
use crate::store::{
    Identity, KnowledgeBase, StoreError, Writer,
    contract::{EngineUnderTest, contract_tests},
};
use async_trait::async_trait;
use std::sync::Arc;

/// Places are directories below a temporary one.
struct InDirectory {
    directory: tempfile::TempDir,
    compaction: CompactionPolicy,
}

impl InDirectory {
    fn new(compaction: CompactionPolicy) -> Self {
        Self { directory: tempfile::tempdir().expect("a temporary directory"), compaction }
    }
}

#[async_trait]
impl EngineUnderTest for InDirectory {
    async fn writer(&self, name: &str, identity: &Identity) -> Result<Box<dyn Writer>, StoreError> {
        let path = self.directory.path().join(name);
        Ok(Box::new(EmbeddedWriter::open_with(&path, identity, self.compaction).await?))
    }

    async fn reader(
        &self,
        name: &str,
        identity: Option<&Identity>,
    ) -> Result<Arc<dyn KnowledgeBase>, StoreError> {
        Ok(Arc::new(Reader::open(&self.directory.path().join(name), identity).await?))
    }
}

mod contract {
    use super::*;
    contract_tests!(InDirectory::new(CompactionPolicy::default()));
}

/// The tests of the contract, with a compaction after nearly every commit.
mod contract_while_compacting {
    use super::*;
    contract_tests!(InDirectory::new(CompactionPolicy { dead_share: 0.05, dead_rows: 1 }));
}

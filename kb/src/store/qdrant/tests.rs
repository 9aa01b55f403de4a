//! The contract against a real server, named by `RUNBOOKD_TEST_QDRANT` (such as `http://127.0.0.1:6334`), and what only this
//! engine promises.

use super::*;
use crate::store::{
    Identity, KnowledgeBase, StoreError, Writer,
    contract::{EngineUnderTest, contract_tests},
};
use async_trait::async_trait;
use std::sync::Arc;

/// Places are knowledge bases whose names begin with a name of the test's own.
pub(super) struct OnServer {
    servers: String,
    prefix: String,
}

impl OnServer {
    /// `None` where no server is named.
    #[expect(clippy::disallowed_methods, reason = "tests find the server by this variable")]
    pub fn find() -> Option<Self> {
        let servers = std::env::var("RUNBOOKD_TEST_QDRANT").ok().filter(|servers| !servers.is_empty());
        let Some(servers) = servers else {
            println!("SKIPPED: RUNBOOKD_TEST_QDRANT is not set");
            return None;
        };
        Some(Self { servers, prefix: format!("test-{:016x}", rand::random::<u64>()) })
    }

    pub fn address(&self, name: &str) -> QdrantAddress {
        let name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        format!("qdrant://{}/{}-{name}?exact=true", self.servers, self.prefix).parse().expect("an address")
    }
}

#[async_trait]
impl EngineUnderTest for OnServer {
    async fn writer(&self, name: &str, identity: &Identity) -> Result<Box<dyn Writer>, StoreError> {
        Ok(Box::new(QdrantWriter::open(&self.address(name), identity).await?))
    }

    async fn reader(
        &self,
        name: &str,
        identity: Option<&Identity>,
    ) -> Result<Arc<dyn KnowledgeBase>, StoreError> {
        Ok(Arc::new(Reader::open(&self.address(name), identity).await?))
    }

    async fn clean(&self) {
        remove_all(self).await;
    }
}

/// Removes the collections of a test.
async fn remove_all(engine: &OnServer) {
    let cluster = client::Cluster::new(&engine.address("any")).expect("a client");
    let listed = cluster
        .call(client::Mode::Read, "list", |server| async move { server.list_collections().await })
        .await
        .expect("the server answers");
    for found in listed.collections.into_iter().filter(|found| found.name.starts_with(&engine.prefix)) {
        cluster
            .call(client::Mode::Write, "remove", |server| {
                let name = found.name.clone();
                async move { server.delete_collection(name).await }
            })
            .await
            .expect("the server answers");
    }
}

mod contract {
    use super::*;
    contract_tests!(@when OnServer::find());
}

//! The findings of `doctor` about a knowledge base on a server: whether the collection has as many records as the
//! manifest says, and the state of the cluster.

use super::{
    address::QdrantAddress,
    client::{Cluster, Mode},
    collection,
    points::{Sort, is_sort},
    reader::Reader,
};
use crate::store::{
    error::StoreError,
    filter::Filter,
    knowledge_base::KnowledgeBase as _,
    upkeep::{ServerHealth, Verification},
};
use qdrant_client::qdrant::{CollectionStatus, CountPoints, ReplicaState};

/// Compares the manifest with the collection.
pub(in crate::store) async fn verify(address: &QdrantAddress) -> Result<Verification, StoreError> {
    let reader = Reader::open(address, None).await?;
    let state = reader.state();
    let cluster = reader.cluster();
    let name = collection::name(cluster, state.manifest.generation);
    let mut found = Verification { version: Some(state.version()), ..Verification::default() };
    for (sort, expected) in [(Sort::Document, state.counts.documents), (Sort::Chunk, state.counts.chunks)] {
        let mut conditions = state.visible.filter();
        conditions.must.push(is_sort(sort));
        let counted = cluster
            .call(Mode::Read, "count records of", |server| {
                let request = CountPoints {
                    collection_name: name.clone(),
                    filter: Some(conditions.clone()),
                    exact: Some(true),
                    ..CountPoints::default()
                };
                async move { server.count(request).await }
            })
            .await?;
        let counted = counted.result.map(|result| result.count).unwrap_or_default();
        if counted != expected {
            found.damaged.push(StoreError::Damaged {
                path: format!("{address}, collection {name}").into(),
                detail: format!("it has {counted} {}s, but {expected} were committed", sort.as_str()),
            });
        }
    }
    let view = reader.view(&Filter::everything()).await?;
    found.version = Some(view.version().to_owned());
    found.servers = health(cluster, &name).await?;
    Ok(found)
}

/// A line for each thing that is to be known of the servers and of the collection's copies.
async fn health(cluster: &Cluster, name: &str) -> Result<Vec<ServerHealth>, StoreError> {
    let mut found = Vec::new();
    let mut tell = |is_well: bool, detail: String| found.push(ServerHealth { is_well, detail });
    for (endpoint, server) in cluster.servers() {
        let answer = tokio::time::timeout(std::time::Duration::from_secs(3), server.health_check()).await;
        match answer {
            Ok(Ok(reply)) => tell(true, format!("{endpoint}: {} {}", reply.title, reply.version)),
            Ok(Err(_)) | Err(_) => tell(false, format!("{endpoint}: no answer")),
        }
    }
    let info = cluster
        .call(Mode::Read, "look at", |server| {
            let name = name.to_owned();
            async move { server.collection_info(name).await }
        })
        .await?;
    if let Some(info) = info.result {
        let status = CollectionStatus::try_from(info.status).unwrap_or_default();
        let (points, indexed) =
            (info.points_count.unwrap_or_default(), info.indexed_vectors_count.unwrap_or_default());
        let detail = format!(
            "collection {name}: {}, {points} points in {} segments, {indexed} vectors indexed",
            status.as_str_name().to_lowercase(),
            info.segments_count
        );
        tell(status != CollectionStatus::Red, detail);
    }
    let shards = cluster
        .call(Mode::Read, "look at the copies of", |server| {
            let name = name.to_owned();
            async move { server.collection_cluster_info(name).await }
        })
        .await?;
    let states = shards
        .local_shards
        .iter()
        .map(|shard| (shard.shard_id, shard.state))
        .chain(shards.remote_shards.iter().map(|shard| (shard.shard_id, shard.state)));
    let (mut active, mut other) = (0, 0);
    for (shard, state) in states {
        match ReplicaState::try_from(state) {
            Ok(ReplicaState::Active) => active += 1,
            state => {
                other += 1;
                let state = state.map_or("unknown".to_owned(), |state| state.as_str_name().to_lowercase());
                tell(false, format!("shard {shard}: a copy is {state}"));
            }
        }
    }
    tell(other == 0, format!("copies: {active} active, {other} not, of {} shards", shards.shard_count));
    Ok(found)
}

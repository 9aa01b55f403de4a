//! The collections of a knowledge base: one a generation, `NAME-gN`, and the alias `NAME` that names the current one.

use super::{
    address::{Quantization, Settings},
    client::{CallFailure, Cluster, Mode, refused},
    points::{DENSE, FIELDS, PASSAGE, payload},
};
use crate::store::error::StoreError;
use qdrant_client::{
    QdrantError,
    qdrant::{
        BinaryQuantization, CreateAlias, CreateCollection, CreateFieldIndexCollection, Distance, FieldType,
        HnswConfigDiff, IntegerIndexParams, PayloadIndexParams, QuantizationConfig, QuantizationSearchParams,
        QuantizationType, ScalarQuantization, SparseVectorConfig, SparseVectorParams, VectorParams,
        VectorParamsMap, VectorsConfig, payload_index_params::IndexParams, quantization_config,
        vectors_config,
    },
};
use std::collections::HashMap;

/// How much more is looked at by the small copies than is compared again by the floats.
const OVERSAMPLING: f64 = 3.0;

impl Quantization {
    #[expect(deprecated, reason = "servers before 1.20 do not know what follows it")]
    fn config(self) -> Option<QuantizationConfig> {
        let quantization = match self {
            Quantization::None => return None,
            Quantization::Int8 => quantization_config::Quantization::Scalar(ScalarQuantization {
                r#type: QuantizationType::Int8.into(),
                quantile: None,
                always_ram: Some(true),
                ..ScalarQuantization::default()
            }),
            Quantization::Binary => quantization_config::Quantization::Binary(BinaryQuantization {
                always_ram: Some(true),
                ..BinaryQuantization::default()
            }),
        };
        Some(QuantizationConfig { quantization: Some(quantization) })
    }

    /// How a search uses the small copies.
    pub fn search_params(self) -> Option<QuantizationSearchParams> {
        (self != Quantization::None).then_some(QuantizationSearchParams {
            ignore: None,
            rescore: Some(true),
            oversampling: Some(OVERSAMPLING),
        })
    }
}

/// The name of a generation's collection.
pub(super) fn name(cluster: &Cluster, generation: u64) -> String {
    format!("{}-g{generation}", cluster.address().name())
}

/// The generation of a collection of this knowledge base.
fn generation_of(cluster: &Cluster, collection: &str) -> Option<u64> {
    collection.strip_prefix(cluster.address().name())?.strip_prefix("-g")?.parse().ok()
}

/// The generations that have a collection, in order.
pub(super) async fn generations(cluster: &Cluster) -> Result<Vec<u64>, StoreError> {
    let found = cluster
        .call(Mode::Read, "list the collections of", |server| async move { server.list_collections().await })
        .await?;
    let mut generations: Vec<u64> =
        found.collections.iter().filter_map(|found| generation_of(cluster, &found.name)).collect();
    generations.sort_unstable();
    Ok(generations)
}

/// The generation that the alias names; `None` when there is no alias.
pub(super) async fn current(cluster: &Cluster) -> Result<Option<u64>, StoreError> {
    let found = cluster
        .call(Mode::Read, "list the aliases of", |server| async move { server.list_aliases().await })
        .await?;
    let alias = found.aliases.iter().find(|alias| alias.alias_name == cluster.address().name());
    match alias {
        None => Ok(None),
        Some(alias) => match generation_of(cluster, &alias.collection_name) {
            Some(generation) => Ok(Some(generation)),
            None => Err(refused(
                cluster.address(),
                "use",
                &format!(
                    "its name is an alias of the collection `{}`, which is not ours; choose another name",
                    alias.collection_name
                ),
            )),
        },
    }
}

/// Makes a generation the current one, in one step.
pub(super) async fn publish(cluster: &Cluster, generation: u64) -> Result<(), StoreError> {
    let request = CreateAlias {
        collection_name: name(cluster, generation),
        alias_name: cluster.address().name().to_owned(),
    };
    cluster
        .call(Mode::Write, "publish a generation of", |server| {
            let request = request.clone();
            async move { server.create_alias(request).await }
        })
        .await
        .map(drop)
}

/// Deletes a generation's collection.
pub(super) async fn remove(cluster: &Cluster, generation: u64) -> Result<(), StoreError> {
    let collection = name(cluster, generation);
    let removed = cluster
        .try_call(Mode::Write, "remove a generation of", |server| {
            let collection = collection.clone();
            async move { server.delete_collection(collection).await }
        })
        .await;
    match removed {
        Ok(_) | Err(CallFailure::NotFound) => Ok(()),
        Err(CallFailure::Store(error)) => Err(error),
    }
}

/// Creates a collection unless there is one of its name.
pub(super) async fn create_once(cluster: &Cluster, request: CreateCollection) -> Result<(), StoreError> {
    cluster
        .call(Mode::Write, "create a collection of", |server| {
            let request = request.clone();
            async move {
                if server.collection_exists(&request.collection_name).await? {
                    return Ok(());
                }
                match server.create_collection(request.clone()).await {
                    // Another writer, or an earlier try of ours.
                    Err(QdrantError::ResponseError { .. })
                        if server.collection_exists(&request.collection_name).await? =>
                    {
                        Ok(())
                    }
                    created => created.map(drop),
                }
            }
        })
        .await
}

/// Creates the collection of a generation, with its indexes.
pub(super) async fn create(cluster: &Cluster, generation: u64, dimensions: usize) -> Result<(), StoreError> {
    let settings: &Settings = cluster.address().settings();
    let collection = name(cluster, generation);
    let dense = VectorParams {
        size: dimensions as u64,
        // Vectors have the length 1, but for those without any direction, which a cosine has no place for.
        distance: Distance::Dot.into(),
        ..VectorParams::default()
    };
    let sparse = |name: &str| (name.to_owned(), SparseVectorParams::default());
    let request = CreateCollection {
        collection_name: collection.clone(),
        vectors_config: Some(VectorsConfig {
            config: Some(vectors_config::Config::ParamsMap(VectorParamsMap {
                map: HashMap::from([(DENSE.to_owned(), dense)]),
            })),
        }),
        sparse_vectors_config: Some(SparseVectorConfig {
            map: HashMap::from([sparse(PASSAGE), sparse(FIELDS)]),
        }),
        hnsw_config: Some(HnswConfigDiff {
            m: Some(settings.edges),
            ef_construct: Some(settings.ef_construct),
            ..HnswConfigDiff::default()
        }),
        quantization_config: settings.quantization.config(),
        shard_number: Some(settings.shards),
        replication_factor: Some(settings.replicas),
        write_consistency_factor: Some(settings.consistency),
        ..CreateCollection::default()
    };
    create_once(cluster, request).await?;
    let whole = IntegerIndexParams { lookup: Some(true), range: Some(true), ..IntegerIndexParams::default() };
    let equal =
        IntegerIndexParams { lookup: Some(true), range: Some(false), ..IntegerIndexParams::default() };
    let integers = [
        (payload::KEY, equal.clone()),
        (payload::TARGET, equal.clone()),
        (payload::ORDINAL, equal),
        (payload::FROM, whole.clone()),
        (payload::UNTIL, whole),
    ];
    for (field, params) in integers {
        let params = PayloadIndexParams { index_params: Some(IndexParams::IntegerIndexParams(params)) };
        index(cluster, &collection, field, FieldType::Integer, Some(params)).await?;
    }
    for field in [payload::SORT, payload::FILTER] {
        index(cluster, &collection, field, FieldType::Keyword, None).await?;
    }
    Ok(())
}

async fn index(
    cluster: &Cluster,
    collection: &str,
    field: &str,
    kind: FieldType,
    params: Option<PayloadIndexParams>,
) -> Result<(), StoreError> {
    cluster
        .call(Mode::Write, "create an index of", |server| {
            let request = CreateFieldIndexCollection {
                collection_name: collection.to_owned(),
                wait: Some(true),
                field_name: field.to_owned(),
                field_type: Some(kind.into()),
                field_index_params: params.clone(),
                ..CreateFieldIndexCollection::default()
            };
            async move { server.create_field_index(request).await }
        })
        .await
        .map(drop)
}

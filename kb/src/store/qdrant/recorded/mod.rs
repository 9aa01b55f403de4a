//! The requests of the engine, compared with recordings, so that they are tested where there is no Qdrant server.
//!
//! Each scenario is a test with a recording of its own in `recordings/`: the calls that the engine made of a real
//! server, in order, with their replies. The test repeats the scenario against a server that has only the recording:
//! every call must be one of those recorded, to the last field and the last bit of a float, must carry the API key,
//! must come after the replies of the calls that it came after before (`script.rs`), and all must be made. The
//! comparison leaves no field out: the time, the names of sessions and the name of the knowledge base are those of the
//! test (`surroundings.rs`).
//!
//! After an intended change of the requests, record again and read the difference of the recordings:
//!
//! ```text
//! RUNBOOKD_RECORD_QDRANT=127.0.0.1:6334 cargo test -p runbookd-kb --lib store::qdrant::recorded
//! ```
//!
//! which needs a real server without an API key, and touches only its collections `recorded-*`.

mod failures;
mod messages;
mod scenarios;
mod script;
mod server;

use super::{
    QdrantAddress, QdrantWriter, Reader,
    client::Cluster,
    surroundings::{Set, Surroundings},
};
use crate::store::{Identity, StoreError};
use script::Call;
use server::Server;
use std::{future::Future, path::PathBuf, sync::Arc, time::Duration};

/// The key that calls carry. The server that is recorded asks for none.
const API_KEY: &str = "the-key-of-recordings";

/// No scenario takes so long.
const PATIENCE: Duration = Duration::from_secs(120);

/// The knowledge base of a scenario, which does not exist yet.
#[derive(Clone)]
struct Place {
    address: QdrantAddress,
    time: Arc<Set>,
}

impl Place {
    /// On servers with these addresses.
    fn on(servers: &[&Server], name: &str) -> Self {
        let servers: Vec<String> = servers.iter().map(|server| server.address()).collect();
        let address = format!("qdrant://{}/{name}?exact=true", servers.join(","));
        Self { address: address.parse().expect("an address"), time: Arc::new(Set::new()) }
    }

    fn cluster(&self) -> Arc<Cluster> {
        self.cluster_with(Some(API_KEY))
    }

    fn cluster_with(&self, api_key: Option<&str>) -> Arc<Cluster> {
        let surroundings = Surroundings::Set(self.time.clone());
        Cluster::within(&self.address, api_key.map(str::to_owned), surroundings).expect("clients")
    }

    async fn writer(&self, identity: &Identity) -> Result<QdrantWriter, StoreError> {
        QdrantWriter::open_on(self.cluster(), identity).await
    }

    async fn reader(&self, identity: Option<&Identity>) -> Result<Reader, StoreError> {
        Reader::open_on(self.cluster(), identity).await
    }

    /// Moves the time of the test on.
    fn pass(&self, time: Duration) {
        self.time.pass(time);
    }
}

/// Runs a scenario against its recording, or records it.
async fn recorded<F: Future<Output = Result<(), StoreError>> + Send + 'static>(
    name: &str,
    scenario: impl FnOnce(Place) -> F,
) {
    let result = match real_server() {
        Some(real) => record(&real, name, scenario).await,
        None => replay(name, script::read(&recording(name)), scenario).await,
    };
    if let Err(deviation) = result {
        panic!("{name}: {deviation}\n(to record again: see store/qdrant/recorded/mod.rs)");
    }
}

/// The real server to record from, if this run is to record.
#[expect(clippy::disallowed_methods, reason = "tests find the server by this variable")]
fn real_server() -> Option<String> {
    std::env::var("RUNBOOKD_RECORD_QDRANT").ok().filter(|server| !server.is_empty())
}

/// Runs a scenario against recorded calls. The error is the first deviation from the recording.
async fn replay<F: Future<Output = Result<(), StoreError>> + Send + 'static>(
    name: &str,
    calls: Vec<Call>,
    scenario: impl FnOnce(Place) -> F,
) -> Result<(), String> {
    let server = Server::replaying(calls, Some(API_KEY)).await;
    let place = Place::on(&[&server], &knowledge_base(name));
    let result = ended(scenario(place)).await;
    // A deviation is why the scenario failed.
    server.finish()?;
    result
}

async fn record<F: Future<Output = Result<(), StoreError>> + Send + 'static>(
    real: &str,
    name: &str,
    scenario: impl FnOnce(Place) -> F,
) -> Result<(), String> {
    remove_collections(real, name).await;
    let server = Server::recording(real, &knowledge_base(name), API_KEY).await;
    let place = Place::on(&[&server], &knowledge_base(name));
    let result = ended(scenario(place)).await;
    let recorder = server.finish()?.expect("it has recorded");
    remove_collections(real, name).await;
    result?;
    let calls = recorder.finish(&script::read(&recording(name)));
    std::fs::write(path(name), script::written(&calls)).map_err(|error| error.to_string())
}

/// Runs a scenario to its end.
async fn ended<F: Future<Output = Result<(), StoreError>> + Send + 'static>(
    scenario: F,
) -> Result<(), String> {
    match tokio::time::timeout(PATIENCE, tokio::spawn(scenario)).await {
        Err(_) => Err("the scenario does not end".to_owned()),
        Ok(Err(panic)) => Err(format!("the scenario failed: {panic}")),
        Ok(Ok(Err(error))) => Err(format!("the scenario failed: {}", crate::causes::with_causes(&error))),
        Ok(Ok(Ok(()))) => Ok(()),
    }
}

fn knowledge_base(name: &str) -> String {
    format!("recorded-{name}")
}

fn path(name: &str) -> PathBuf {
    let recordings = concat!(env!("CARGO_MANIFEST_DIR"), "/src/store/qdrant/recordings");
    PathBuf::from(recordings).join(format!("{name}.txt"))
}

/// The text of a scenario's recording; empty if it has not been recorded yet.
fn recording(name: &str) -> String {
    std::fs::read_to_string(path(name)).unwrap_or_default()
}

/// Removes the collections that a recording left on the real server.
async fn remove_collections(real: &str, name: &str) {
    let server =
        qdrant_client::Qdrant::from_url(&format!("http://{real}")).skip_compatibility_check().build();
    let server = server.expect("a client");
    let listed = server.list_collections().await.expect("the real server is there");
    let own = format!("{}-", knowledge_base(name));
    for found in listed.collections.iter().filter(|found| found.name.starts_with(&own)) {
        server.delete_collection(found.name.as_str()).await.expect("it can be removed");
    }
}

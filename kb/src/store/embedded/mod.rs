//! The embedded engine.
use super::*;
use std::path::Path;
/// Reader.
pub struct Reader;
impl Reader {
    /// Opens.
    pub async fn open(_path: &Path, _identity: Option<&Identity>) -> Result<Self, StoreError> { Err(StoreError::Missing { path: String::new() }) }
}
#[async_trait]
impl KnowledgeBase for Reader {
    fn identity(&self) -> Identity { unreachable!() }
    async fn view(&self, _filter: &Filter) -> Result<Arc<dyn View>, StoreError> { unreachable!() }
    async fn calibration(&self) -> Result<Option<serde_json::Value>, StoreError> { Ok(None) }
}
/// Writer.
pub struct EmbeddedWriter;
impl EmbeddedWriter {
    /// Opens.
    pub async fn open(_path: &Path, _identity: &Identity) -> Result<Self, StoreError> { Err(StoreError::Missing { path: String::new() }) }
}
#[async_trait]
impl Writer for EmbeddedWriter {
    async fn fingerprints(&mut self, _s: &[String]) -> Result<HashMap<String, ContentHash>, StoreError> { unreachable!() }
    async fn num_chunks(&mut self, _d: &str) -> Result<u64, StoreError> { unreachable!() }
    async fn replace(&mut self, _m: &DocumentMeta, _c: ContentHash, _k: &[Chunk], _v: &[Vec<f32>]) -> Result<(), StoreError> { unreachable!() }
    async fn remove(&mut self, _d: &str) -> Result<(), StoreError> { unreachable!() }
    async fn commit(&mut self) -> Result<Commit, StoreError> { unreachable!() }
    async fn cached_embeddings(&mut self, _k: &[ContentHash]) -> Result<Vec<Option<Vec<f32>>>, StoreError> { unreachable!() }
    async fn cache_embeddings(&mut self, _e: &[(ContentHash, Vec<f32>)]) -> Result<(), StoreError> { unreachable!() }
    async fn set_calibration(&mut self, _c: &serde_json::Value) -> Result<(), StoreError> { unreachable!() }
}

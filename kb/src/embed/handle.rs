//! The async handle to the embedding model, and the thread behind it.

use super::{
    error::EmbedError,
    identity::ModelIdentity,
    model::{EmbeddingModel, TokenCounter},
};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// Jobs that may wait; then callers do.
const QUEUE: usize = 32;
/// Tokens of one inference, padding included: beyond it memory grows and speed does not.
const BATCH_TOKENS: usize = 2_048;

/// Texts of one caller, prefixes added.
struct Job {
    texts: Vec<String>,
    /// Passages must fit the window; a question is cut by the model.
    must_fit: bool,
    reply: oneshot::Sender<Result<Vec<Vec<f32>>, EmbedError>>,
}

/// Turns texts into vectors. Cheap to clone; the model ends with the last clone.
#[derive(Clone)]
pub struct Embedder {
    jobs: mpsc::Sender<Job>,
    identity: Arc<ModelIdentity>,
    counter: Arc<dyn TokenCounter>,
}

impl std::fmt::Debug for Embedder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Embedder").field("model", &self.identity.name).finish_non_exhaustive()
    }
}

impl Embedder {
    /// Gives the model a thread of its own.
    pub fn spawn(model: Box<dyn EmbeddingModel>, counter: Arc<dyn TokenCounter>) -> Result<Self, EmbedError> {
        let identity = Arc::new(model.identity().clone());
        let (jobs, inbox) = mpsc::channel(QUEUE);
        let worker = Worker { model, counter: counter.clone(), max_tokens: identity.max_tokens };
        std::thread::Builder::new()
            .name("embedder".to_owned())
            .spawn(move || worker.run(inbox))
            .map_err(|error| EmbedError::Inference { detail: format!("no thread for the model: {error}") })?;
        Ok(Self { jobs, identity, counter })
    }

    /// The identity of the model, on which its vectors depend.
    pub fn identity(&self) -> &ModelIdentity {
        &self.identity
    }

    /// The counter of the model's tokens.
    pub fn token_counter(&self) -> Arc<dyn TokenCounter> {
        self.counter.clone()
    }

    /// The vector of a question: `dimensions` floats, L2-normalised. A question over the window is cut at its end.
    pub async fn embed_question(&self, text: &str) -> Result<Vec<f32>, EmbedError> {
        let text = format!("{}{text}", self.identity.query_prefix);
        let vectors = self.submit(vec![text], false).await?;
        vectors.into_iter().next().ok_or(EmbedError::Stopped)
    }

    /// The vectors of passages, in their order, each L2-normalised. Batches are formed inside, by length, so many
    /// passages at once are faster than few; memory grows with them. A passage over the window is an error.
    pub async fn embed_passages(&self, passages: Vec<String>) -> Result<Vec<Vec<f32>>, EmbedError> {
        if passages.is_empty() {
            return Ok(Vec::new());
        }
        let prefix = &self.identity.passage_prefix;
        let texts = match prefix.is_empty() {
            true => passages,
            false => passages.into_iter().map(|passage| format!("{prefix}{passage}")).collect(),
        };
        self.submit(texts, true).await
    }

    /// Whether the model's thread is alive.
    pub fn is_running(&self) -> bool {
        !self.jobs.is_closed()
    }

    /// Number of callers' jobs that wait for the model; the one it works on is not among them.
    pub fn num_waiting(&self) -> usize {
        self.jobs.max_capacity() - self.jobs.capacity()
    }

    async fn submit(&self, texts: Vec<String>, must_fit: bool) -> Result<Vec<Vec<f32>>, EmbedError> {
        let (reply, answer) = oneshot::channel();
        self.jobs.send(Job { texts, must_fit, reply }).await.map_err(|_| EmbedError::Stopped)?;
        answer.await.map_err(|_| EmbedError::Stopped)?
    }
}

/// The model's side of the queue.
struct Worker {
    model: Box<dyn EmbeddingModel>,
    counter: Arc<dyn TokenCounter>,
    max_tokens: usize,
}

impl Worker {
    fn run(mut self, mut inbox: mpsc::Receiver<Job>) {
        while let Some(mut job) = inbox.blocking_recv() {
            if job.reply.is_closed() {
                continue; // the asker hung up while queued
            }
            let texts = std::mem::take(&mut job.texts);
            let vectors = match texts.len() {
                1 if !job.must_fit => self.model.embed(&texts),
                _ => self.embed_in_batches(texts, &job),
            };
            let _ = job.reply.send(vectors);
        }
    }

    /// Sorts by length, so that little is padded, and embeds about [`BATCH_TOKENS`] at a time.
    fn embed_in_batches(&mut self, mut texts: Vec<String>, job: &Job) -> Result<Vec<Vec<f32>>, EmbedError> {
        let lengths: Vec<usize> = texts.iter().map(|text| self.counter.count(text)).collect();
        if let (true, Some(&tokens)) = (job.must_fit, lengths.iter().max())
            && tokens > self.max_tokens
        {
            return Err(EmbedError::TooLong { tokens, max: self.max_tokens });
        }
        let mut vectors = vec![Vec::new(); texts.len()];
        for batch in batches(&lengths, BATCH_TOKENS) {
            if job.reply.is_closed() {
                return Err(EmbedError::Stopped);
            }
            let batch_texts: Vec<String> = batch.iter().map(|&i| std::mem::take(&mut texts[i])).collect();
            for (&i, vector) in batch.iter().zip(self.model.embed(&batch_texts)?) {
                vectors[i] = vector;
            }
        }
        Ok(vectors)
    }
}

/// Indices grouped so that a group's longest length times its size stays within `budget` (a single longer one stands
/// alone). Shortest first.
fn batches(lengths: &[usize], budget: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|&i| (lengths[i], i));
    let mut batches: Vec<Vec<usize>> = Vec::new();
    for i in order {
        match batches.last_mut() {
            Some(batch) if (batch.len() + 1) * lengths[i] <= budget => batch.push(i),
            _ => batches.push(vec![i]),
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embed::hashed::{HashedModel, WordCounter};

    #[test]
    fn batches_keep_the_padded_size_within_the_budget() {
        let lengths = [10, 200, 30, 10, 120, 400];
        let batches = batches(&lengths, 128);
        assert_eq!(batches, [vec![0, 3, 2], vec![4], vec![1], vec![5]]);
    }

    #[tokio::test]
    async fn vectors_come_back_in_input_order() {
        let embedder =
            Embedder::spawn(Box::new(HashedModel::new()), Arc::new(WordCounter)).expect("a thread");
        let texts: Vec<String> = (0..100).map(|i| format!("word{i} {}", "filler ".repeat(i % 7))).collect();
        let together = embedder.embed_passages(texts.clone()).await.expect("it cannot fail");
        for (text, vector) in texts.iter().zip(&together) {
            assert_eq!(&embedder.embed_question(text).await.expect("it cannot fail"), vector);
        }
    }

    #[tokio::test]
    async fn a_passage_over_the_window_is_refused() {
        let embedder =
            Embedder::spawn(Box::new(HashedModel::new()), Arc::new(WordCounter)).expect("a thread");
        let error = embedder.embed_passages(vec!["word ".repeat(400)]).await.expect_err("it is too long");
        assert!(matches!(error, EmbedError::TooLong { max: 256, .. }), "{error}");
    }
}

//! How fast the embedded knowledge base is, side by side with the plain ways of doing the same.
//!
//! `cargo bench -p runbookd-kb --bench store [-- SIZE...]`, where a size is a number of chunks. Vectors and words are
//! synthetic: vectors lie in clusters, words have the frequencies of a natural text. Read ratios rather than absolutes on a machine that does
//! other things as well.

use kb::{
    document::{Chunk, ContentHash, DocumentMeta, Kind, Trust},
    store::{
        self, Address, DocumentKey, FieldWeights, Filter, Identity, KnowledgeBase, LexicalQuery,
        ModelIdentity, View, Writer,
    },
};
use simsimd::SpatialSimilarity as _;
use std::{
    hint::black_box,
    time::{Duration, Instant},
};

const DIMENSIONS: usize = 384;
const CHUNKS_PER_DOCUMENT: usize = 14;
const WORDS_PER_CHUNK: usize = 90;
const VOCABULARY: usize = 30_000;
const ROUNDS: usize = 200;

#[tokio::main]
async fn main() {
    let sizes: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let sizes = if sizes.is_empty() { vec![10_000, 15_000, 100_000] } else { sizes };
    for size in sizes {
        run(size).await;
    }
}

async fn run(size: usize) {
    println!(
        "== {size} chunks of {WORDS_PER_CHUNK} words in documents of {CHUNKS_PER_DOCUMENT}, {DIMENSIONS} dimensions"
    );
    let directory = tempfile::tempdir().expect("a temporary directory");
    let address = Address::Directory(directory.path().join("kb"));
    let mut corpus = Corpus::new(11);

    let mut writer = store::open_writer(&address, &identity()).await.expect("the place is free");
    let mut rows: Vec<f32> = Vec::with_capacity(size * DIMENSIONS);
    let mut writing = Duration::ZERO;
    for number in 0..size.div_ceil(CHUNKS_PER_DOCUMENT) {
        let document = corpus.document(number);
        document.vectors.iter().for_each(|vector| rows.extend(vector));
        let started = Instant::now();
        document.put(writer.as_mut()).await;
        writing += started.elapsed();
    }
    let started = Instant::now();
    writer.commit().await.expect("there is space");
    let commit = started.elapsed();
    let rate = size as f64 / (writing + commit).as_secs_f64();
    println!("write: {rate:.0} chunks/s, of which the commit took {commit:.0?}");
    drop(writer);

    let started = Instant::now();
    let kb = store::open(&address, Some(&identity())).await.expect("it was just written");
    println!("open for reading: {:.1?}", started.elapsed());
    let view = kb.view(&Filter::everything()).await.expect("readable");

    search(view.as_ref(), &rows, &mut corpus).await;
    drop(rows);
    write_again(&address, kb.as_ref(), &mut corpus).await;
}

async fn search(view: &dyn View, rows: &[f32], corpus: &mut Corpus) {
    let queries: Vec<Vec<f32>> = (0..ROUNDS).map(|_| corpus.vector()).collect();
    let mut dense = Vec::new();
    let mut floats = Vec::new();
    let mut hop = Vec::new();
    for query in &queries {
        dense.push(timed(async || view.search_dense(query, 50).await.expect("readable").len()).await);
        floats.push(timed(async || float_scan(rows, query)).await);
        hop.push(timed(async || tokio::task::spawn_blocking(|| 0).await.expect("no panic")).await);
    }
    let ratio = median(&floats).as_secs_f64() / median(&dense).as_secs_f64();
    report("vectors, top 50: int8 scan and rescore", &mut dense);
    report("vectors, top 50: f32 scan on one thread", &mut floats);
    println!("  f32 / int8: {ratio:.1}");
    report("hand-over to a blocking thread and back", &mut hop);

    let mut words = Vec::new();
    let mut nearness = Vec::new();
    let mut terms_of = Vec::new();
    let mut chunks = Vec::new();
    let mut documents = Vec::new();
    for _ in 0..ROUNDS {
        let terms: Vec<(String, f32)> = (0..8).map(|_| (corpus.word(), 1.0)).collect();
        let weights = FieldWeights { title: 2.0, name: 1.0, headings: 1.0, links: 1.0 };
        let query = LexicalQuery { terms: terms.clone(), weights };
        words.push(timed(async || view.search_lexical(&query, 1_000, 50).await.expect("readable")).await);
        let found = view.search_dense(&corpus.vector(), 50).await.expect("readable");
        let terms: Vec<String> = terms.into_iter().map(|(term, _)| term).collect();
        let document = found[0].document;
        terms_of.push(timed(async || view.terms_of(document, &terms).await.expect("readable").len()).await);
        let keys: Vec<_> = found.iter().map(|found| found.chunk).collect();
        chunks.push(timed(async || view.chunks(&keys).await.expect("readable").len()).await);
        let keys: Vec<DocumentKey> = found.iter().map(|found| found.document).collect();
        let vector = corpus.vector();
        nearness
            .push(timed(async || view.document_similarities(&vector, &keys).await.expect("readable")).await);
        documents.push(timed(async || view.documents(&keys).await.expect("readable").len()).await);
    }
    report("words, 8 terms: top 1000 passages, top 50 documents by 4 fields", &mut words);
    report("nearness of 50 documents", &mut nearness);
    report("which of 8 terms a document has", &mut terms_of);
    report("50 chunks", &mut chunks);
    report("50 document records", &mut documents);
}

async fn write_again(address: &Address, kb: &dyn KnowledgeBase, corpus: &mut Corpus) {
    let started = Instant::now();
    let mut writer = store::open_writer(address, &identity()).await.expect("the lock is free");
    println!("open for writing: {:.1?}", started.elapsed());
    let started = Instant::now();
    let known = writer.fingerprints(&["bench".to_owned()]).await.expect("readable").len();
    println!("fingerprints of {known} documents: {:.1?}", started.elapsed());
    let mut commits = Vec::new();
    let mut following = Vec::new();
    for number in 0..10 {
        let document = corpus.document(number);
        commits.push(
            timed(async || {
                document.put(writer.as_mut()).await;
                writer.commit().await.expect("there is space")
            })
            .await,
        );
        tokio::time::sleep(Duration::from_millis(110)).await;
        following.push(
            timed(async || kb.view(&Filter::everything()).await.expect("readable").version().len()).await,
        );
    }
    report("replace one document and commit", &mut commits);
    report("view after a commit", &mut following);
}

/// Scans all rows with f32 dot products, as the engine would without its bytes.
fn float_scan(rows: &[f32], query: &[f32]) -> usize {
    let mut scored: Vec<(f32, usize)> = rows
        .chunks_exact(DIMENSIONS)
        .enumerate()
        .map(|(row, vector)| (f32::dot(vector, query).expect("one length") as f32, row))
        .collect();
    let limit = 50.min(scored.len() - 1);
    scored.select_nth_unstable_by(limit, |a, b| b.0.total_cmp(&a.0));
    scored.truncate(50);
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    scored.len()
}

async fn timed<T>(work: impl AsyncFnOnce() -> T) -> Duration {
    let started = Instant::now();
    black_box(work().await);
    started.elapsed()
}

fn median(times: &[Duration]) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    times[times.len() / 2]
}

fn report(what: &str, times: &mut [Duration]) {
    times.sort_unstable();
    let (p50, p99) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    println!("{what}: p50 {:.3} ms, p99 {:.3} ms", p50.as_secs_f64() * 1e3, p99.as_secs_f64() * 1e3);
}

fn identity() -> Identity {
    Identity::current(ModelIdentity {
        name: "bench".to_owned(),
        dimensions: DIMENSIONS,
        hash: String::new(),
        pooling: "none".to_owned(),
        query_prefix: String::new(),
        passage_prefix: String::new(),
        max_tokens: 256,
        tokenizer: "none".to_owned(),
    })
}

struct BenchDocument {
    meta: DocumentMeta,
    chunks: Vec<Chunk>,
    vectors: Vec<Vec<f32>>,
}

impl BenchDocument {
    async fn put(&self, writer: &mut dyn Writer) {
        let hash = ContentHash::of(&[self.meta.id.as_bytes()]);
        writer.replace(&self.meta, hash, &self.chunks, &self.vectors).await.expect("there is space");
    }
}

/// Makes documents; repeatable.
struct Corpus {
    state: u64,
    centres: Vec<Vec<f32>>,
}

impl Corpus {
    fn new(seed: u64) -> Self {
        let mut corpus = Self { state: seed, centres: Vec::new() };
        corpus.centres = (0..60).map(|_| corpus.gaussian(1.0)).collect();
        corpus
    }

    fn uniform(&mut self) -> f32 {
        self.state =
            self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 40) as f32 / (1 << 24) as f32
    }

    fn gaussian(&mut self, spread: f32) -> Vec<f32> {
        (0..DIMENSIONS).map(|_| ((0..4).map(|_| self.uniform()).sum::<f32>() - 2.0) * spread).collect()
    }

    fn vector(&mut self) -> Vec<f32> {
        let centre = (self.uniform() * self.centres.len() as f32) as usize;
        let mut vector = self.gaussian(0.6);
        vector.iter_mut().zip(&self.centres[centre]).for_each(|(component, centre)| *component += centre);
        let length = vector.iter().map(|component| component * component).sum::<f32>().sqrt();
        vector.iter_mut().for_each(|component| *component /= length);
        vector
    }

    /// The word of rank r is about as frequent as 1/r.
    fn word(&mut self) -> String {
        let rank = (VOCABULARY as f32).powf(self.uniform()) as usize;
        format!("w{rank}")
    }

    fn words(&mut self, count: usize) -> String {
        (0..count).map(|_| self.word()).collect::<Vec<_>>().join(" ")
    }

    fn document(&mut self, number: usize) -> BenchDocument {
        let id = format!("bench/{}/{number}.md", self.word());
        let meta = DocumentMeta {
            url: Some(format!("https://docs.example/{id}")),
            trust: Trust::Official,
            labels: vec!["cluster:prod".to_owned()],
            product: Some("kubernetes".to_owned()),
            language: Some("en".to_owned()),
            links: (0..12)
                .map(|at| kb::document::Link {
                    target: format!("bench/{}.md", (number * 31 + at * 97) % 1_000),
                    text: self.words(3),
                    sentence: self.words(15),
                })
                .collect(),
            ..DocumentMeta::new(format!("bench/{number}.md"), "bench", self.words(5), Kind::Docs)
        };
        let chunks: Vec<Chunk> = (0..CHUNKS_PER_DOCUMENT)
            .map(|ordinal| Chunk {
                document: meta.id.clone(),
                ordinal: ordinal as u32,
                heading_path: vec![self.words(3)],
                anchor: None,
                text: self.words(WORDS_PER_CHUNK),
                start_byte: 0,
                end_byte: 1,
                tokens: 120,
                prohibitions: Vec::new(),
            })
            .collect();
        let vectors = chunks.iter().map(|_| self.vector()).collect();
        BenchDocument { meta, chunks, vectors }
    }
}

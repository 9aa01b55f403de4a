//! How fast the embedded knowledge base is, side by side with the plain ways of doing the same.
//!
//! `cargo bench -p runbookd-kb --bench store [-- SIZE... [--vectors FILE --queries FILE]]`, where a size is a number of
//! chunks. Vectors and words are synthetic: vectors lie in clusters, words have the frequencies of a natural text.
//! Files hold real vectors instead, normalised, as little-endian floats. Read ratios rather than absolutes on a machine that
//! does other things as well.

use kb::{
    document::{Chunk, ContentHash, DocumentMeta, Kind, Trust},
    store::{
        self, Address, DocumentKey, FieldWeights, Filter, Identity, KnowledgeBase, LexicalQuery,
        ModelIdentity, View, Writer,
    },
};
use rayon::prelude::*;
use simsimd::SpatialSimilarity as _;
use std::{
    hint::black_box,
    time::{Duration, Instant},
};

const DIMENSIONS: usize = 384;
const VOCABULARY: usize = 30_000;
const ROUNDS: usize = 200;

/// The same where a round takes long.
const LARGE_ROUNDS: usize = 60;

/// From this size on only the vectors are of interest, and texts are short.
const VECTORS_ALONE_FROM: usize = 200_000;

/// How many chunks a retrieval asks for.
const DEPTH: usize = 300;

/// What documents are like.
#[derive(Clone, Copy)]
struct Shape {
    chunks_per_document: usize,
    words_per_chunk: usize,
    links: usize,
}

#[tokio::main]
async fn main() {
    let (mut sizes, mut vectors, mut queries) = (Vec::new(), Vec::new(), Vec::new());
    let mut arguments = std::env::args();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--vectors" => vectors = read_vectors(&arguments.next().expect("a file")),
            "--queries" => queries = read_vectors(&arguments.next().expect("a file")),
            size => sizes.extend(size.parse::<usize>()),
        }
    }
    let sizes = if sizes.is_empty() { vec![10_000, 15_000, 100_000] } else { sizes };
    for size in sizes {
        run(size, &vectors, &queries).await;
    }
}

fn read_vectors(path: &str) -> Vec<f32> {
    let bytes = std::fs::read(path).expect("a file of vectors");
    bytes.as_chunks().0.iter().map(|component| f32::from_le_bytes(*component)).collect()
}

async fn run(size: usize, vectors: &[f32], queries: &[f32]) {
    let is_large = size >= VECTORS_ALONE_FROM;
    let shape = match is_large {
        true => Shape { chunks_per_document: 1_000, words_per_chunk: 4, links: 0 },
        false => Shape { chunks_per_document: 14, words_per_chunk: 90, links: 12 },
    };
    println!(
        "== {size} chunks of {} words in documents of {}, {DIMENSIONS} dimensions, {} vectors",
        shape.words_per_chunk,
        shape.chunks_per_document,
        if vectors.is_empty() { "synthetic" } else { "given" }
    );
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("kb");
    let address = Address::Directory(path.clone());
    let mut corpus = Corpus::new(11, shape, vectors);

    let mut writer = store::open_writer(&address, &identity()).await.expect("the place is free");
    let mut rows: Vec<f32> = Vec::with_capacity((size + shape.chunks_per_document) * DIMENSIONS);
    let mut writing = Duration::ZERO;
    for number in 0..size.div_ceil(shape.chunks_per_document) {
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
    let took = writing + commit;
    println!("write: {took:.1?}, {rate:.0} chunks/s, of which the commit took {commit:.0?}");
    drop(writer);
    for file in ["vectors.f32", "vectors.i8", "vectors.sums", "tantivy"] {
        let bytes = bytes_below(&path.join("g1").join(file));
        println!("  {file}: {bytes} bytes, {:.0} a chunk", bytes as f64 / size as f64);
    }

    let before = resident_bytes();
    let started = Instant::now();
    let kb = store::open(&address, Some(&identity())).await.expect("it was just written");
    println!("open for reading: {:.1?}", started.elapsed());
    let view = kb.view(&Filter::everything()).await.expect("readable");
    let resident = resident_bytes().saturating_sub(before);
    println!("  memory: {} MiB, {:.0} bytes a chunk", resident >> 20, resident as f64 / size as f64);

    let rounds = if is_large { LARGE_ROUNDS } else { ROUNDS };
    let queries: Vec<Vec<f32>> = match queries {
        [] => (0..rounds).map(|_| corpus.vector()).collect(),
        // Spread over the file, which may have one kind after the other.
        given => {
            let given: Vec<&[f32]> = given.chunks_exact(DIMENSIONS).collect();
            (0..rounds).map(|round| given[round * given.len() / rounds].to_vec()).collect()
        }
    };
    search_vectors(view.as_ref(), &rows, &queries).await;
    drop(rows);
    if !is_large {
        search_words(view.as_ref(), &mut corpus).await;
    }
    write_again(&address, kb.as_ref(), &mut corpus).await;
}

fn bytes_below(path: &std::path::Path) -> u64 {
    match std::fs::read_dir(path) {
        Ok(entries) => entries.map(|entry| bytes_below(&entry.expect("readable").path())).sum(),
        Err(_) => std::fs::metadata(path).expect("it is there").len(),
    }
}

/// What the process has in memory; nothing where the system does not say.
fn resident_bytes() -> u64 {
    kb::memory::give_back();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or_default() << 10
}

async fn search_vectors(view: &dyn View, rows: &[f32], queries: &[Vec<f32>]) {
    let quantised = Quantised::of(rows);
    let (mut dense, mut deep, mut bytes, mut floats, mut hop) = <[Vec<Duration>; 5]>::default().into();
    let (mut recall, mut deep_recall, mut bytes_recall) =
        (Recall::default(), Recall::default(), Recall::default());
    for query in queries {
        let mut found = Vec::new();
        dense.push(timed(async || found = view.search_dense(query, 10).await.expect("readable")).await);
        let mut found_deep = Vec::new();
        deep.push(
            timed(async || found_deep = view.search_dense(query, DEPTH).await.expect("readable")).await,
        );
        let mut by_bytes = Vec::new();
        bytes.push(timed(async || by_bytes = quantised.nearest(rows, query, 10)).await);
        let mut exact = Vec::new();
        floats.push(timed(async || exact = float_scan(rows, query, DEPTH)).await);
        hop.push(timed(async || tokio::task::spawn_blocking(|| 0).await.expect("no panic")).await);
        recall.add(found.iter().map(|found| found.score), &exact[..10]);
        deep_recall.add(found_deep.iter().map(|found| found.score), &exact);
        bytes_recall.add(by_bytes.into_iter(), &exact[..10]);
    }
    let ratio = |times: &[Duration]| median(times).as_secs_f64() / median(&dense).as_secs_f64();
    let ratios = (ratio(&bytes), ratio(&floats));
    report("vectors, top 10", &mut dense);
    println!("  recall@10 {:.4}", recall.share());
    report(&format!("vectors, top {DEPTH}"), &mut deep);
    println!("  recall@{DEPTH} {:.4}", deep_recall.share());
    report("plain: scan of all bytes on all cores, top 10", &mut bytes);
    println!("  recall@10 {:.4}; takes {:.2} times as long", bytes_recall.share(), ratios.0);
    report("plain: scan of all floats on one thread", &mut floats);
    println!("  takes {:.2} times as long", ratios.1);
    report("hand-over to a blocking thread and back", &mut hop);
}

/// How many of the nearest were found.
#[derive(Default)]
struct Recall {
    found: usize,
    wanted: usize,
}

impl Recall {
    /// By scores, for equal vectors have equal ones: what is as near as the last of the nearest counts.
    fn add(&mut self, found: impl Iterator<Item = f32>, exact: &[f32]) {
        let last = exact[exact.len() - 1];
        self.found += found.filter(|score| *score >= last - 1e-6).count().min(exact.len());
        self.wanted += exact.len();
    }

    fn share(&self) -> f64 {
        self.found as f64 / self.wanted as f64
    }
}

/// Rows as bytes with their scales, scanned as a whole.
struct Quantised {
    bytes: Vec<i8>,
    scales: Vec<f32>,
}

impl Quantised {
    fn of(rows: &[f32]) -> Self {
        let (mut bytes, mut scales) = (Vec::with_capacity(rows.len()), Vec::new());
        for row in rows.chunks_exact(DIMENSIONS) {
            let largest = row.iter().fold(0.0_f32, |largest, component| largest.max(component.abs()));
            bytes.extend(row.iter().map(|component| (component / largest * 127.0).round() as i8));
            scales.push(largest / 127.0);
        }
        Self { bytes, scales }
    }

    /// The cosines of the nearest rows, best first.
    fn nearest(&self, rows: &[f32], query: &[f32], limit: usize) -> Vec<f32> {
        const ROWS_PER_TASK: usize = 4_096;
        const RESCORED: usize = 200;
        let largest = query.iter().fold(0.0_f32, |largest, component| largest.max(component.abs()));
        let bytes: Vec<i8> =
            query.iter().map(|component| (component / largest * 127.0).round() as i8).collect();
        let tasks =
            self.bytes.par_chunks(ROWS_PER_TASK * DIMENSIONS).zip(self.scales.par_chunks(ROWS_PER_TASK));
        let scored = tasks.enumerate().flat_map_iter(|(task, (rows, scales))| {
            let rows = rows.chunks_exact(DIMENSIONS).zip(scales).enumerate();
            let score =
                |(row, scale): (&[i8], &f32)| i8::dot(row, &bytes).expect("one length") as f32 * scale;
            let scored = rows.map(|(at, row)| (score(row), task * ROWS_PER_TASK + at)).collect();
            best(scored, RESCORED)
        });
        let candidates = best(scored.collect(), RESCORED);
        let cosine =
            |row: usize| f32::dot(&rows[row * DIMENSIONS..][..DIMENSIONS], query).expect("one length");
        let scored = candidates.into_iter().map(|(_, row)| (cosine(row) as f32, row)).collect();
        best(scored, limit).into_iter().map(|(score, _)| score).collect()
    }
}

/// The best of scored rows, best first.
fn best(mut scored: Vec<(f32, usize)>, limit: usize) -> Vec<(f32, usize)> {
    if scored.len() > limit {
        scored.select_nth_unstable_by(limit, |a, b| b.0.total_cmp(&a.0));
        scored.truncate(limit);
    }
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    scored
}

/// The cosines of the nearest rows, by a scan of all floats.
fn float_scan(rows: &[f32], query: &[f32], limit: usize) -> Vec<f32> {
    let rows = rows.chunks_exact(DIMENSIONS).enumerate();
    let scored =
        rows.map(|(row, vector)| (f32::dot(vector, query).expect("one length") as f32, row)).collect();
    best(scored, limit).into_iter().map(|(score, _)| score).collect()
}

async fn search_words(view: &dyn View, corpus: &mut Corpus<'_>) {
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

async fn write_again(address: &Address, kb: &dyn KnowledgeBase, corpus: &mut Corpus<'_>) {
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
    let at = |part: usize| times[times.len() * part / 100].as_secs_f64() * 1e3;
    println!("{what}: p50 {:.3} ms, p99 {:.3} ms, best {:.3} ms", at(50), at(99), at(0));
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
struct Corpus<'a> {
    state: u64,
    shape: Shape,
    centres: Vec<Vec<f32>>,
    /// Vectors that are taken before any is made, one after the other.
    given: std::slice::ChunksExact<'a, f32>,
}

impl<'a> Corpus<'a> {
    fn new(seed: u64, shape: Shape, given: &'a [f32]) -> Self {
        let mut corpus =
            Self { state: seed, shape, centres: Vec::new(), given: given.chunks_exact(DIMENSIONS) };
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
        if let Some(given) = self.given.next() {
            return given.to_vec();
        }
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
            links: (0..self.shape.links)
                .map(|at| kb::document::Link {
                    target: format!("bench/{}.md", (number * 31 + at * 97) % 1_000),
                    text: self.words(3),
                    sentence: self.words(15),
                })
                .collect(),
            ..DocumentMeta::new(format!("bench/{number}.md"), "bench", self.words(5), Kind::Docs)
        };
        let chunks: Vec<Chunk> = (0..self.shape.chunks_per_document)
            .map(|ordinal| Chunk {
                document: meta.id.clone(),
                ordinal: ordinal as u32,
                heading_path: vec![self.words(3)],
                anchor: None,
                text: self.words(self.shape.words_per_chunk),
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

//! How long a retrieval takes, the question's embedding included, on a knowledge base that exists.
//!
//! One thread embeds, as `runbookd serve` has it.
//!
//! `cargo bench -p runbookd-kb --bench retrieval -- KB QUERIES.jsonl`: a line of queries holds `{"text": ..}`. Prints p50
//! and p99 in milliseconds of the whole retrieval and of the embedding alone, and how many there are in a second.

use kb::{
    embed::{EmbedderChoice, EmbedderSettings},
    question::Question,
    retrieve::{Options, Retriever},
    store::{self, Address, Filter},
};
use std::{num::NonZeroUsize, path::PathBuf, time::Instant};

/// Questions that warm the caches and are not counted.
const WARM_UP: usize = 20;

#[tokio::main]
async fn main() {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let [kb, queries] = arguments.as_slice() else {
        println!("SKIPPED: give a knowledge base and a file of queries");
        return;
    };
    let mut settings = EmbedderSettings::new(EmbedderChoice::Local);
    settings.threads = Some(NonZeroUsize::MIN);
    let embedder = settings.start().expect("`make setup` installs the model");
    let kb = store::open(&Address::Directory(PathBuf::from(kb)), None).await.expect("it is a knowledge base");
    let queries = std::fs::read_to_string(queries).expect("the queries can be read");
    let texts: Vec<String> = queries
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("a query is JSON"))
        .filter_map(|query| query["text"].as_str().map(str::to_owned))
        .collect();
    let retriever = Retriever::new(embedder.clone());
    let (mut embedding, mut retrieval) = (Vec::new(), Vec::new());
    for (at, text) in texts.iter().cycle().take(texts.len() + WARM_UP).enumerate() {
        let Ok(question) = Question::parse(text, None) else { continue };
        let started = Instant::now();
        embedder.embed_question(question.search_text()).await.expect("the model embeds");
        let embedded = started.elapsed();
        let started = Instant::now();
        let view = kb.view(&Filter::everything()).await.expect("the knowledge base is readable");
        retriever.retrieve(view, &question, &Options::default()).await.expect("it can be searched");
        if at >= WARM_UP {
            embedding.push(embedded.as_secs_f64() * 1e3);
            retrieval.push(started.elapsed().as_secs_f64() * 1e3);
        }
    }
    println!("retrieval, {} questions: {}", retrieval.len(), quantiles(&mut retrieval));
    println!("  of which embedding alone: {}", quantiles(&mut embedding));
}

fn quantiles(milliseconds: &mut [f64]) -> String {
    milliseconds.sort_by(f64::total_cmp);
    let at = |share: f64| milliseconds[((milliseconds.len() - 1) as f64 * share) as usize];
    let per_second = milliseconds.len() as f64 * 1e3 / milliseconds.iter().sum::<f64>();
    format!("p50 {:.1} ms, p99 {:.1} ms, {per_second:.1}/s", at(0.5), at(0.99))
}

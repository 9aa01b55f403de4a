//! How much of the model's speed an ingest keeps: `ingest` from files to commit, side by side with raw ONNX Runtime on
//! the same passages in the same batches, turn by turn.
//!
//! `cargo bench -p runbookd-ingest --bench embedding -- FOLDER`

use ingest::{
    pipeline::{Options, ingest},
    progress::Progress,
    sources::folder,
};
use kb::{
    embed::{EmbedderChoice, EmbedderSettings},
    store::{self, Address, DocumentKey, Filter},
};
use ort::{session::Session, value::Tensor};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};
use tokenizers::{PaddingParams, Tokenizer};

/// Turns of each.
const ROUNDS: usize = 2;
/// As the embedder batches: sorted by length among this many, up to this many padded tokens a batch.
const SORTED_TOGETHER: usize = 512;
const BATCH_TOKENS: usize = 2_048;

fn main() {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let folder = match arguments.as_slice() {
        [] => return println!("SKIPPED: give a folder of documents"),
        [folder] => folder.clone(),
        [_, passages, ..] => return embed_raw(Path::new(passages)),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let settings = EmbedderSettings::new(EmbedderChoice::Local);
    let mut ours = Duration::ZERO;
    let mut raw = Duration::ZERO;
    let mut tokens = 0;
    for round in 0..ROUNDS {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let kb = Address::Directory(directory.path().join("kb"));
        let options = Options {
            kb: kb.clone(),
            embedder: settings.clone(),
            sources: folder::sources(&[PathBuf::from(&folder)], None, &Default::default())
                .expect("the folder is there"),
            dry_run: false,
            force: false,
        };
        let started = Instant::now();
        let progress = Arc::new(Progress::hidden());
        runtime.block_on(ingest(&options, progress, std::future::pending())).expect("the folder can be read");
        ours += started.elapsed();

        // ONNX Runtime allows one environment a process, so the raw side has one of its own.
        let file = directory.path().join("passages.json");
        let passages = serde_json::to_vec(&runtime.block_on(passages(&kb))).expect("strings are JSON");
        std::fs::write(&file, passages).expect("there is space");
        let own = std::env::current_exe().expect("this bench has a path");
        let output = std::process::Command::new(own).arg("raw").arg(&file).output().expect("it runs itself");
        let measured: (f64, usize) =
            serde_json::from_slice(&output.stdout).expect("it prints seconds and tokens");
        raw += Duration::from_secs_f64(measured.0);
        tokens = measured.1;
        println!("round {}: ingest {ours:.1?}, raw ONNX Runtime {raw:.1?} (sums)", round + 1);
    }
    let rate = |time: Duration| (tokens * ROUNDS) as f64 / time.as_secs_f64();
    println!(
        "ingest {:.0} tokens/s, raw ONNX Runtime {:.0} tokens/s, ratio {:.2}",
        rate(ours),
        rate(raw),
        raw.as_secs_f64() / ours.as_secs_f64()
    );
}

/// The other process: embeds the passages of a file, and prints the seconds it took and the number of tokens.
fn embed_raw(passages: &Path) {
    let passages = std::fs::read(passages).expect("the passages can be read");
    let passages: Vec<String> = serde_json::from_slice(&passages).expect("they are strings");
    let mut model = RawModel::load(&EmbedderSettings::new(EmbedderChoice::Local));
    let started = Instant::now();
    let tokens = model.embed(&passages);
    println!("{}", serde_json::json!([started.elapsed().as_secs_f64(), tokens]));
}

async fn passages(kb: &Address) -> Vec<String> {
    let kb = store::open(kb, None).await.expect("it was just written");
    let view = kb.view(&Filter::everything()).await.expect("it is readable");
    let mut passages = Vec::new();
    for record in view.all_documents().await.expect("it is readable") {
        let chunks = view.chunks_of(DocumentKey::of(&record.meta.id)).await.expect("it is readable");
        passages.extend(chunks.iter().map(|(_, chunk)| chunk.passage(&record.meta.title)));
    }
    passages
}

/// The model without anything around it.
struct RawModel {
    session: Session,
    tokenizer: Tokenizer,
}

impl RawModel {
    fn load(settings: &EmbedderSettings) -> Self {
        let directory: PathBuf = settings.places.model_dir().expect("`make setup` installs the model");
        let library = settings.places.ort_library().expect("`make setup` installs the library");
        let environment = ort::init_from(library).expect("the library loads").build().expect("it starts");
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let session = Session::builder(&environment)
            .and_then(|builder| Ok(builder.with_intra_threads(threads)?))
            .and_then(|builder| Ok(builder.with_config_entry("session.intra_op.allow_spinning", "0")?))
            .and_then(|builder| {
                let disabled = "optimization.disable_specified_optimizers";
                Ok(builder.with_config_entry(disabled, "SkipLayerNormFusion")?)
            })
            .and_then(|mut builder| builder.commit_from_file(directory.join("model.onnx")))
            .expect("the model loads");
        Self { session, tokenizer: tokenizer(&directory) }
    }

    /// Embeds passages and throws the vectors away; the number of their tokens.
    fn embed(&mut self, passages: &[String]) -> usize {
        let mut tokens = 0;
        for together in passages.chunks(SORTED_TOGETHER) {
            let mut sorted: Vec<(usize, &str)> = together
                .iter()
                .map(|text| {
                    (self.tokenizer.encode_fast(text.as_str(), true).expect("text").len(), text.as_str())
                })
                .collect();
            sorted.sort();
            tokens += sorted.iter().map(|(length, _)| length).sum::<usize>();
            let mut start = 0;
            while start < sorted.len() {
                let mut end = start + 1;
                while end < sorted.len() && (end + 1 - start) * sorted[end].0 <= BATCH_TOKENS {
                    end += 1;
                }
                let texts: Vec<&str> = sorted[start..end].iter().map(|(_, text)| *text).collect();
                self.run(texts);
                start = end;
            }
        }
        tokens
    }

    fn run(&mut self, texts: Vec<&str>) {
        let encodings = self.tokenizer.encode_batch(texts, true).expect("text");
        let shape = [encodings.len(), encodings[0].len()];
        let tensor = |part: fn(&tokenizers::Encoding) -> &[u32]| {
            let flat: Vec<i64> =
                encodings.iter().flat_map(|e| part(e).iter().map(|&id| i64::from(id))).collect();
            Tensor::from_array((shape, flat)).expect("the shape is that of the data")
        };
        let inputs = ort::inputs![
            "input_ids" => tensor(tokenizers::Encoding::get_ids),
            "attention_mask" => tensor(tokenizers::Encoding::get_attention_mask),
            "token_type_ids" => tensor(tokenizers::Encoding::get_type_ids),
        ];
        let outputs = self.session.run(inputs).expect("the model runs");
        std::hint::black_box(outputs[0].try_extract_tensor::<f32>().expect("it gives floats"));
    }
}

fn tokenizer(directory: &Path) -> Tokenizer {
    let mut tokenizer = Tokenizer::from_file(directory.join("tokenizer.json")).expect("it is a tokenizer");
    tokenizer.with_padding(Some(PaddingParams::default()));
    tokenizer.with_truncation(None).expect("without truncation there is nothing to refuse");
    tokenizer
}

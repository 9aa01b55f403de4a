//! Language-model calls, recorded and replayed, so that answers can be evaluated offline and with the same result each
//! time.
//!
//! A recording is a file of its own, named by the hash of model, parameters and prompt (with the random fence left
//! blank). In replay a missing recording is a failure that the run reports at its end, never a call.

use crate::{
    error::EvalError,
    files::{json, read_text},
};
use answer::{
    llm::{Llm, LlmError, Reply},
    prompt::Prompt,
};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};
use tokio::time::Instant;

/// The file beside the recordings that names their model.
const MODEL_FILE: &str = "model.json";

/// The model whose replies are recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedModel {
    /// The name by which the model is asked for.
    pub model: String,
    /// The parameters that its replies depend on, such as the temperature, in words.
    pub parameters: String,
}

/// The file of one recorded call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Recording {
    /// The prompt, for people who review the file; it is found by its name.
    prompt: String,
    /// The model that answered, as the endpoint names it.
    model: String,
    /// The text of its reply.
    reply: String,
}

/// A model that replays recordings, and makes them when there is one to ask.
pub struct Recorder {
    directory: PathBuf,
    described: RecordedModel,
    /// The model whose replies are recorded; `None`: replies are only replayed.
    inner: Option<Arc<dyn Llm>>,
    used: Mutex<Used>,
}

#[derive(Default)]
struct Used {
    /// The names of the recordings that were asked for, without `.json`.
    keys: BTreeSet<String>,
    /// The failures of the recorder itself, in order.
    problems: Vec<String>,
}

impl Recorder {
    /// Replays from a directory.
    pub fn replay(directory: &Path) -> Result<Self, EvalError> {
        let path = directory.join(MODEL_FILE);
        let described = serde_json::from_str(&read_text(&path)?).map_err(|error| {
            EvalError::data(&path, format!("does not say which model was recorded: {error}"))
        })?;
        Ok(Self { directory: directory.to_owned(), described, inner: None, used: Mutex::default() })
    }

    /// Asks `inner` for the replies that are not recorded yet, and records them. A directory with recordings of another
    /// model is refused.
    pub fn record(directory: &Path, inner: Arc<dyn Llm>, parameters: &str) -> Result<Self, EvalError> {
        let described = RecordedModel { model: inner.model().to_owned(), parameters: parameters.to_owned() };
        let path = directory.join(MODEL_FILE);
        fs::create_dir_all(directory).map_err(EvalError::io("create", directory))?;
        match path.exists() {
            true => {
                let before = Self::replay(directory)?.described;
                if before != described {
                    let detail = format!(
                        "holds recordings of `{}` ({}), not of `{}` ({}); record into another directory",
                        before.model, before.parameters, described.model, described.parameters
                    );
                    return Err(EvalError::data(path, detail));
                }
            }
            false => {
                let text = json(&described)?;
                fs::write(&path, text).map_err(EvalError::io("write", &path))?;
            }
        }
        Ok(Self { directory: directory.to_owned(), described, inner: Some(inner), used: Mutex::default() })
    }

    /// The name of a prompt's recording.
    fn key(&self, prompt: &Prompt) -> String {
        let RecordedModel { model, parameters } = &self.described;
        let parts =
            [model.as_bytes(), parameters.as_bytes(), prompt.without_fence().as_bytes()].map(<[u8]>::to_vec);
        kb::document::ContentHash::of(&[&parts[0], &parts[1], &parts[2]]).to_string()[..32].to_owned()
    }

    /// The failures so far: missing or damaged recordings, and failed calls. A run with a failure has no result.
    pub fn problems(&self) -> Vec<String> {
        self.lock().problems.clone()
    }

    /// The file names of the recordings that were not asked for since the start: their prompts no longer occur.
    pub fn stale(&self) -> Result<Vec<String>, EvalError> {
        let used = self.lock().keys.clone();
        let mut stale = Vec::new();
        for entry in fs::read_dir(&self.directory).map_err(EvalError::io("list", &self.directory))? {
            let name = entry.map_err(EvalError::io("list", &self.directory))?.file_name();
            let Some(name) = name.to_str().map(str::to_owned) else { continue };
            if let Some(key) = name.strip_suffix(".json").filter(|_| name != MODEL_FILE)
                && !used.contains(key)
            {
                stale.push(name);
            }
        }
        stale.sort();
        Ok(stale)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn problem(&self, detail: String) -> LlmError {
        self.lock().problems.push(detail.clone());
        LlmError::Invalid { detail }
    }
}

#[async_trait]
impl Llm for Recorder {
    fn model(&self) -> &str {
        &self.described.model
    }

    async fn complete(&self, prompt: &Prompt, deadline: Instant) -> Result<Reply, LlmError> {
        let key = self.key(prompt);
        let path = self.directory.join(format!("{key}.json"));
        self.lock().keys.insert(key.clone());
        match tokio::fs::read_to_string(&path).await {
            Ok(text) => {
                let recording: Recording = serde_json::from_str(&text).map_err(|error| {
                    self.problem(format!("the recording `{key}.json` is damaged: {error}"))
                })?;
                return Ok(Reply { text: recording.reply, model: recording.model, usage: None });
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                return Err(self.problem(format!("the recording `{key}.json` cannot be read: {error}")));
            }
        }
        let Some(inner) = &self.inner else {
            return Err(self.problem(format!("there is no recording `{key}.json`; make it with `--record`")));
        };
        let reply = match inner.complete(prompt, deadline).await {
            Ok(reply) => reply,
            Err(error) => {
                self.lock().problems.push(format!("a call to record `{key}.json` failed: {error}"));
                return Err(error);
            }
        };
        let recording = Recording {
            prompt: prompt.without_fence(),
            model: reply.model.clone(),
            reply: reply.text.clone(),
        };
        let written = match json(&recording) {
            Ok(text) => tokio::fs::write(&path, text).await.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match written {
            Ok(()) => Ok(reply),
            Err(error) => Err(self.problem(format!("the recording `{key}.json` cannot be written: {error}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use answer::{format::Format, prompt::Fence};
    use kb::question::Question;
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        time::Duration,
    };

    #[derive(Default)]
    struct Counting(AtomicUsize);

    #[async_trait]
    impl Llm for Counting {
        fn model(&self) -> &str {
            "counting"
        }

        async fn complete(&self, _: &Prompt, _: Instant) -> Result<Reply, LlmError> {
            let call = self.0.fetch_add(1, Ordering::SeqCst) + 1;
            Ok(Reply { text: format!("reply {call}"), model: "counting-1".to_owned(), usage: None })
        }
    }

    fn prompt(text: &str) -> Prompt {
        let question = Question::parse(text, None).expect("a question");
        Prompt::grounded_in(&[], &question, &Format::default(), Fence::random())
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(5)
    }

    #[tokio::test]
    async fn a_recorded_call_is_replayed_whatever_its_fence() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let model = Arc::new(Counting::default());
        let recorder =
            Recorder::record(directory.path(), model.clone(), "temperature 0").expect("a recorder");
        let first = recorder.complete(&prompt("why?"), soon()).await.expect("a reply");
        let again = recorder.complete(&prompt("why?"), soon()).await.expect("a reply");
        assert_eq!((first.text.as_str(), model.0.load(Ordering::SeqCst)), ("reply 1", 1));
        assert_eq!(first, again);

        let replay = Recorder::replay(directory.path()).expect("recordings");
        assert_eq!(replay.complete(&prompt("why?"), soon()).await, Ok(first));
        assert_eq!(replay.model(), "counting");
        assert!(replay.problems().is_empty());
    }

    #[tokio::test]
    async fn a_miss_in_replay_is_a_failure_and_never_a_call() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let model = Arc::new(Counting::default());
        let recorder = Recorder::record(directory.path(), model.clone(), "").expect("a recorder");
        recorder.complete(&prompt("old"), soon()).await.expect("a reply");
        let replay = Recorder::replay(directory.path()).expect("recordings");
        assert!(replay.complete(&prompt("new"), soon()).await.is_err());
        assert_eq!(model.0.load(Ordering::SeqCst), 1);
        assert_eq!(replay.problems().len(), 1);
        assert!(replay.problems()[0].contains("--record"));
        assert_eq!(replay.stale().expect("a list").len(), 1, "nobody asked for `old`");
        assert!(recorder.stale().expect("a list").is_empty());
    }

    #[test]
    fn another_model_needs_another_directory() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let model = Arc::new(Counting::default());
        Recorder::record(directory.path(), model.clone(), "temperature 0").expect("a recorder");
        assert!(Recorder::record(directory.path(), model.clone(), "temperature 0").is_ok());
        assert!(Recorder::record(directory.path(), model, "temperature 1").is_err());
        assert!(Recorder::replay(&directory.path().join("none")).is_err());
    }
}

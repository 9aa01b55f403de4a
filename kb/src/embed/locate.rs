//! The places of ONNX Runtime and of the embedding model. The order is the same for every program: the flag or the
//! configuration, the environment, the executable's directory, the user's data directory.
//!
//! The only place that reads `RUNBOOKD_ORT_LIB`, `RUNBOOKD_MODEL_DIR` and `RUNBOOKD_EMBEDDING_CACHE`, because all three
//! programs need them.

use super::error::EmbedError;
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

/// Name of the default model's directory below `models/`.
pub const DEFAULT_MODEL: &str = "all-minilm-l6-v2-int8";

/// The pinned version of ONNX Runtime that setup installs.
pub const ORT_VERSION: &str = "1.31.1";

#[cfg(target_os = "macos")]
const ORT_LIBRARY: &str = "libonnxruntime.dylib";
#[cfg(target_os = "windows")]
const ORT_LIBRARY: &str = "onnxruntime.dll";
#[cfg(not(any(target_os = "macos", target_os = "windows")))]
const ORT_LIBRARY: &str = "libonnxruntime.so";

/// The places to look in, in the order of precedence.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// The library's file, or the directory that holds it, from a flag or the configuration.
    pub ort_library: Option<PathBuf>,
    /// The model's directory, from a flag or the configuration.
    pub model_dir: Option<PathBuf>,
    variable_ort_library: Option<PathBuf>,
    variable_model_dir: Option<PathBuf>,
    executable_dir: Option<PathBuf>,
    data_dir: Option<PathBuf>,
}

impl Places {
    /// The places of this process: its environment and its executable.
    pub fn of_this_process(ort_library: Option<PathBuf>, model_dir: Option<PathBuf>) -> Self {
        let data_home = variable("XDG_DATA_HOME")
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
            .or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(".local/share")));
        Self {
            ort_library,
            model_dir,
            variable_ort_library: variable("RUNBOOKD_ORT_LIB").map(PathBuf::from),
            variable_model_dir: variable("RUNBOOKD_MODEL_DIR").map(PathBuf::from),
            executable_dir: std::env::current_exe().ok().and_then(|path| path.parent().map(Path::to_owned)),
            data_dir: data_home.map(|home| home.join("runbookd")),
        }
    }

    /// The data directory that setup writes to.
    pub fn data_dir(&self) -> Option<&Path> {
        self.data_dir.as_deref()
    }

    /// ONNX Runtime's shared library.
    pub fn ort_library(&self) -> Result<PathBuf, EmbedError> {
        // A file that is named explicitly is used or refused; the search never falls through to another copy.
        if let Some(named) = self.ort_library.as_ref().or(self.variable_ort_library.as_ref()) {
            let candidates = vec![named.clone(), named.join(ORT_LIBRARY)];
            return first_file(candidates, "ONNX Runtime's library", "RUNBOOKD_ORT_LIB");
        }
        let mut candidates = Vec::new();
        if let Some(dir) = &self.executable_dir {
            candidates.push(dir.join(ORT_LIBRARY));
        }
        if let Some(dir) = &self.data_dir {
            candidates.push(dir.join("onnxruntime").join(ORT_VERSION).join(ORT_LIBRARY));
        }
        first_file(candidates, "ONNX Runtime's library", "RUNBOOKD_ORT_LIB")
    }

    /// The directory of the local embedding model: the one that holds `embedder.json`.
    pub fn model_dir(&self) -> Result<PathBuf, EmbedError> {
        let manifests = |dirs: Vec<PathBuf>| dirs.into_iter().map(|dir| dir.join("embedder.json")).collect();
        let found = if let Some(named) = self.model_dir.as_ref().or(self.variable_model_dir.as_ref()) {
            let dirs = vec![named.clone(), named.join(DEFAULT_MODEL)];
            first_file(manifests(dirs), "the embedding model (embedder.json)", "RUNBOOKD_MODEL_DIR")
        } else {
            let mut dirs = Vec::new();
            if let Some(dir) = &self.executable_dir {
                dirs.push(dir.join("models").join(DEFAULT_MODEL));
            }
            if let Some(dir) = &self.data_dir {
                dirs.push(dir.join("models").join(DEFAULT_MODEL));
            }
            first_file(manifests(dirs), "the embedding model (embedder.json)", "RUNBOOKD_MODEL_DIR")
        }?;
        Ok(found.parent().map(Path::to_owned).unwrap_or_default())
    }
}

/// The directory of the embedding cache: the one that `RUNBOOKD_EMBEDDING_CACHE` names, which several knowledge bases may
/// share; otherwise `own`, or the user's where the knowledge base has no directory of its own.
pub fn embedding_cache(own: Option<PathBuf>) -> PathBuf {
    let named = variable("RUNBOOKD_EMBEDDING_CACHE").map(PathBuf::from);
    let of_user = || {
        let home = variable("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let home = home.or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(".cache")));
        home.unwrap_or_else(std::env::temp_dir).join("runbookd").join("embeddings")
    };
    named.or(own).unwrap_or_else(of_user)
}

fn first_file(
    candidates: Vec<PathBuf>,
    what: &'static str,
    variable: &'static str,
) -> Result<PathBuf, EmbedError> {
    match candidates.iter().find(|path| path.is_file()) {
        Some(path) => Ok(path.clone()),
        None => Err(EmbedError::NotFound { what, variable, tried: candidates }),
    }
}

/// A variable that is set and not empty.
#[expect(clippy::disallowed_methods, reason = "the one place that looks for the model's files")]
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touch(path: &Path) {
        std::fs::create_dir_all(path.parent().expect("it has a parent")).expect("the directory can be made");
        std::fs::write(path, b"x").expect("the file can be written");
    }

    #[test]
    fn a_named_place_wins_and_never_falls_through() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let data = dir.path().join("data");
        touch(&data.join("models").join(DEFAULT_MODEL).join("embedder.json"));
        let mut places = Places { data_dir: Some(data.clone()), ..Places::default() };
        assert_eq!(places.model_dir().expect("it is there"), data.join("models").join(DEFAULT_MODEL));

        places.model_dir = Some(dir.path().join("elsewhere"));
        let error = places.model_dir().expect_err("nothing is there").to_string();
        assert!(error.contains("elsewhere") && error.contains("make setup"), "{error}");

        touch(&dir.path().join("elsewhere/embedder.json"));
        assert_eq!(places.model_dir().expect("now it is there"), dir.path().join("elsewhere"));
    }

    #[test]
    fn the_executables_own_directory_comes_before_the_data_directory() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (bin, data) = (dir.path().join("bin"), dir.path().join("data"));
        touch(&data.join("onnxruntime").join(ORT_VERSION).join(ORT_LIBRARY));
        let places =
            Places { executable_dir: Some(bin.clone()), data_dir: Some(data.clone()), ..Places::default() };
        assert!(places.ort_library().expect("the data directory has one").starts_with(&data));
        touch(&bin.join(ORT_LIBRARY));
        assert!(places.ort_library().expect("now the executable's has one").starts_with(&bin));
    }
}

//! Callers and their rights: bearer tokens, of which only hashes are kept.

use super::follow::Followed;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeSet,
    fmt, io,
    path::{Path, PathBuf},
};

/// Enough for tens of thousands of tokens.
const MAX_FILE_BYTES: u64 = 16 << 20;

/// The rights of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// To ask and to search.
    Ask,
    /// To rate answers.
    Feedback,
    /// To read metrics.
    Metrics,
    /// Everything.
    Admin,
}

impl Role {
    /// As a tokens file has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ask => "ask",
            Self::Feedback => "feedback",
            Self::Metrics => "metrics",
            Self::Admin => "admin",
        }
    }
}

#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    name: String,
    sha256: [u8; 32],
    roles: BTreeSet<Role>,
    access: BTreeSet<String>,
    sources: BTreeSet<String>,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("name", &self.name).field("roles", &self.roles).finish_non_exhaustive()
    }
}

impl Token {
    /// The one token of the environment: it may ask and give feedback, and sees untagged documents.
    pub fn from_environment(token: &str) -> Self {
        Self {
            name: "RUNBOOKD_TOKEN".to_owned(),
            sha256: Sha256::digest(token.as_bytes()).into(),
            roles: BTreeSet::from([Role::Ask, Role::Feedback]),
            access: BTreeSet::new(),
            sources: BTreeSet::new(),
        }
    }
}

/// Every token; none at all means that everybody may ask.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tokens(Vec<Token>);

/// Why a tokens file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TokensError {
    /// It cannot be read.
    #[error("`tokens_file (RUNBOOKD_TOKENS_FILE)` names `{path}`, which cannot be read")]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// It has another shape.
    #[error("the tokens file `{path}` is wrong: {detail}")]
    Shape {
        path: PathBuf,
        /// The error; the file holds no token's text.
        detail: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokensFile {
    #[serde(default)]
    token: Vec<TokenEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenEntry {
    name: String,
    sha256: String,
    roles: BTreeSet<Role>,
    #[serde(default)]
    access: BTreeSet<String>,
    #[serde(default)]
    sources: BTreeSet<String>,
}

impl Tokens {
    /// Reads a tokens file. A file without a token is an error: it would let every caller in.
    pub fn read(path: &Path) -> Result<Self, TokensError> {
        let text = kb::files::read_text(path, MAX_FILE_BYTES)
            .map_err(|source| TokensError::Read { path: path.to_owned(), source })?;
        let wrong = |detail: String| TokensError::Shape { path: path.to_owned(), detail };
        let file: TokensFile = toml::from_str(&text).map_err(|error| wrong(error.message().to_owned()))?;
        let mut tokens = Self::default();
        for entry in file.token {
            let sha256 = hexadecimal(&entry.sha256).ok_or_else(|| {
                wrong(format!("the sha256 of token `{}` is not 64 hexadecimal digits", entry.name))
            })?;
            let TokenEntry { name, roles, access, sources, .. } = entry;
            tokens.push(Token { name, sha256, roles, access, sources }).map_err(wrong)?;
        }
        match tokens.is_empty() {
            true => Err(wrong("it lists no `[[token]]`".to_owned())),
            false => Ok(tokens),
        }
    }

    /// The tokens of a file and that of the environment, as far as there are any. Whether there are does not change while
    /// the file does: one that lists none is an error.
    pub fn follow(file: Option<PathBuf>, own: Option<Token>) -> Result<Followed<Self>, TokensError> {
        Followed::load("tokens file", file.iter().cloned().collect(), move || {
            let mut tokens = file.as_deref().map(Self::read).transpose()?.unwrap_or_default();
            if let Some(own) = &own {
                tokens.push(own.clone()).map_err(|detail| TokensError::Shape {
                    path: file.clone().unwrap_or_default(),
                    detail,
                })?;
            }
            Ok(tokens)
        })
    }

    /// Adds a token, unless it would be somebody else's as well: only one of them could count.
    fn push(&mut self, token: Token) -> Result<(), String> {
        if self.0.iter().any(|other| other.name == token.name) {
            return Err(format!("two tokens are named `{}`", token.name));
        }
        if let Some(other) = self.0.iter().find(|other| other.sha256 == token.sha256) {
            return Err(format!("`{}` and `{}` have the same sha256", other.name, token.name));
        }
        self.0.push(token);
        Ok(())
    }

    /// Whether everybody may ask.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The caller with this `Authorization` header, if it may do what `role` allows.
    pub fn admit(&self, authorization: Option<&str>, role: Role) -> Result<Caller, Denied> {
        if self.0.is_empty() {
            return Ok(Caller::default());
        }
        let bearer = authorization
            .and_then(|header| header.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim())
            .ok_or(Denied::Unknown)?;
        let shown: [u8; 32] = Sha256::digest(bearer.as_bytes()).into();
        // Hashes are compared, and every one of them whole, so that time tells nothing.
        let found = self.0.iter().fold(None, |found, token| match same(&token.sha256, &shown) {
            true => Some(token),
            false => found,
        });
        let token = found.ok_or(Denied::Unknown)?;
        match token.roles.contains(&role) || token.roles.contains(&Role::Admin) {
            true => Ok(Caller { access: token.access.clone(), sources: token.sources.clone() }),
            false => Err(Denied::Role(role)),
        }
    }
}

/// The documents that a caller may see.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Caller {
    /// The access tags of the documents that the token may see.
    pub access: BTreeSet<String>,
    /// Only these sources; empty: all.
    pub sources: BTreeSet<String>,
}

/// Why a caller may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// No token, or an unknown one.
    Unknown,
    /// A token without this role.
    Role(Role),
}

fn same(one: &[u8; 32], two: &[u8; 32]) -> bool {
    one.iter().zip(two).fold(0u8, |difference, (a, b)| difference | (a ^ b)) == 0
}

fn hexadecimal(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0u8; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    // The SHA-256 of `secret`.
    const SECRET: &str = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";

    fn read(text: &str) -> Result<Tokens, TokensError> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), text).expect("written");
        Tokens::read(file.path())
    }

    #[test]
    fn tokens_admit_by_role() {
        let tokens = read(&format!(
            "[[token]]\nname = \"ci\"\nsha256 = \"{SECRET}\"\nroles = [\"ask\"]\naccess = [\"payments\"]\nsources = [\"sops\"]"
        ))
        .expect("it is right");
        let caller = tokens.admit(Some("Bearer secret"), Role::Ask).expect("it may ask");
        assert!(caller.access.contains("payments") && caller.sources.contains("sops"));
        assert_eq!(tokens.admit(Some("bearer secret"), Role::Metrics), Err(Denied::Role(Role::Metrics)));
        for header in
            [None, Some("Bearer wrong"), Some("Bearer "), Some("Basic secret"), Some("secret"), Some("")]
        {
            assert_eq!(tokens.admit(header, Role::Ask), Err(Denied::Unknown), "{header:?}");
        }
        assert!(Tokens::default().admit(None, Role::Ask).is_ok());
    }

    #[test]
    fn wrong_files_are_refused() {
        for text in [
            "",
            "[[token]]\nname = \"a\"\nsha256 = \"12\"\nroles = [\"ask\"]",
            "[[token]]\nname = \"a\"\ntoken = \"x\"",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
        let entry =
            |name: &str| format!("[[token]]\nname = \"{name}\"\nsha256 = \"{SECRET}\"\nroles = [\"ask\"]\n");
        for (second, says) in [("a", "two tokens are named `a`"), ("b", "`a` and `b` have the same sha256")] {
            let error = read(&(entry("a") + &entry(second))).expect_err(says).to_string();
            assert!(error.contains(says), "{error}");
        }
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), entry("a")).expect("written");
        let own = Some(Token::from_environment("secret"));
        let error = Tokens::follow(Some(file.path().to_owned()), own).expect_err("the same").to_string();
        assert!(error.contains("`a` and `RUNBOOKD_TOKEN` have the same sha256"), "{error}");
    }
}

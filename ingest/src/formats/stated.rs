//! The metadata that a document states, whatever it states them in.

use super::front_matter::{self, FrontMatterError};
use jiff::Timestamp;
use kb::document::{Kind, Rule, Trust};

/// The metadata that a document states, in front matter or in the fields that its system has for it. Absent fields are
/// `None` or empty.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stated {
    /// The title, one line.
    pub title: Option<String>,
    /// One sentence on the purpose of the page.
    pub description: Option<String>,
    /// The document's kind; `None` when the page does not state it.
    pub kind: Option<Kind>,
    /// Labels and tags, as written.
    pub labels: Vec<String>,
    /// The product that the page treats.
    pub product: Option<String>,
    /// Version of the product.
    pub version: Option<String>,
    /// The language's BCP 47 tag.
    pub language: Option<String>,
    /// Authors, joined by commas.
    pub author: Option<String>,
    /// When it was written.
    pub created_at: Option<Timestamp>,
    /// When it was last changed.
    pub updated_at: Option<Timestamp>,
    /// The address where a person reads it, `http` or `https`.
    pub url: Option<String>,
    /// How far the document is trusted; `None` when the page does not state it.
    pub trust: Option<Trust>,
    /// Access tags; `None` when it is not said.
    pub access: Option<Vec<String>>,
    /// The rules for the failures that the document applies to.
    pub applies_to: Vec<Rule>,
    /// Checks of the document lint that the document does not want.
    pub lint_ignore: Vec<String>,
    /// Fields that were ignored, and why.
    pub warnings: Vec<String>,
}

impl Stated {
    /// The statements of `self`, completed by those of `other`. It is an error when both say who may read the page.
    pub(crate) fn or(self, other: Self) -> Result<Self, FrontMatterError> {
        if self.access.is_some() && other.access.is_some() {
            return Err(FrontMatterError::Key {
                key: "access".to_owned(),
                detail: front_matter::TWICE.to_owned(),
            });
        }
        let list = |own: Vec<String>, other: Vec<String>| if own.is_empty() { other } else { own };
        Ok(Self {
            title: self.title.or(other.title),
            description: self.description.or(other.description),
            kind: self.kind.or(other.kind),
            labels: list(self.labels, other.labels),
            product: self.product.or(other.product),
            version: self.version.or(other.version),
            language: self.language.or(other.language),
            author: self.author.or(other.author),
            created_at: self.created_at.or(other.created_at),
            updated_at: self.updated_at.or(other.updated_at),
            url: self.url.or(other.url),
            trust: self.trust.or(other.trust),
            access: self.access.or(other.access),
            applies_to: if self.applies_to.is_empty() { other.applies_to } else { self.applies_to },
            lint_ignore: list(self.lint_ignore, other.lint_ignore),
            warnings: self.warnings.into_iter().chain(other.warnings).collect(),
        })
    }
}

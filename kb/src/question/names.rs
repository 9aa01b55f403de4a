//! The types of what a failure names.

use serde::{Deserialize, Serialize};

/// One failure of an object; k8sgpt joins several with a space.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// The failure's own text, as it arrived.
    pub text: String,
    /// The names in it, in order of appearance, without duplicates.
    #[serde(default)]
    pub identifiers: Vec<Identifier>,
    /// The objects it speaks of, in order of appearance.
    #[serde(default)]
    pub objects: Vec<Object>,
    /// Namespaces that it names by themselves (`in namespace payments`), in order of appearance.
    #[serde(default)]
    pub namespaces: Vec<Label>,
}

impl Failure {
    /// The identifiers of one kind.
    pub fn named(&self, kind: IdentifierKind) -> impl Iterator<Item = &str> {
        self.identifiers.iter().filter(move |identifier| identifier.kind == kind).map(|i| i.text.as_str())
    }
}

/// An object, as far as the text says which.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Object {
    /// The object's kind, in canonical spelling, if the text states one.
    pub kind: Option<String>,
    /// The object's namespace, if it stands beside the name.
    pub namespace: Option<Label>,
    /// The object's name, or the stand-in for it.
    pub name: Label,
}

/// A name or a namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Label {
    /// The name as it stands in the text, random suffixes included.
    Known(String),
    /// k8sgpt put an anonymised token in its place, wholly or in part.
    #[serde(rename = "masked")]
    Anonymised,
}

/// The kind of a recognised part of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentifierKind {
    /// A resource kind, in its canonical spelling: `Deployment`.
    Kind,
    /// The name of an object, or of a container, without random suffixes.
    Name,
    /// The namespace of an object.
    Namespace,
    /// A reason, in its canonical spelling: `OOMKilled` (also from `exit code 137`).
    Reason,
    /// An alert's name: `KubePodCrashLooping`.
    Alert,
    /// A process's exit code.
    ExitCode,
    /// The status code of an HTTP reply.
    HttpStatus,
    /// An errno or its sentence: `connection refused`.
    Errno,
    /// A container image without its registry's digest.
    Image,
    /// `liveness`, `readiness` or `startup`.
    Probe,
    /// The key of a node's taint.
    Taint,
    /// An API group or version: `storage.k8s.io`.
    ApiGroup,
    /// A field path: `spec.selector`.
    ApiField,
    /// A quantity with its unit.
    Quantity,
    /// A product or component: `kube-apiserver`, `cert-manager`.
    Component,
}

impl IdentifierKind {
    /// The kinds that tell the subject of a failure, the same for every object that it happens to; the most general
    /// first.
    pub const TELLING: [Self; 8] = [
        Self::Kind,
        Self::Reason,
        Self::Alert,
        Self::ExitCode,
        Self::HttpStatus,
        Self::Errno,
        Self::Component,
        Self::ApiField,
    ];
}

/// A recognised part of the text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Identifier {
    /// The kind of name.
    pub kind: IdentifierKind,
    /// The name in its canonical spelling.
    pub text: String,
}

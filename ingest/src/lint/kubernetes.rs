//! Examples for Kubernetes that do not work any more. A page that says it is for an older version is right.

use super::outline::Outline;
use crate::{
    findings::Check,
    kubernetes::{removed_command, removed_in},
};
use kb::{
    document::DocumentMeta,
    version::{Version, Versions},
};

/// The version of Kubernetes that a document says it is for.
fn version_of(meta: &DocumentMeta) -> Option<Version> {
    let product = meta.product.as_deref().unwrap_or_default().to_lowercase();
    let is_kubernetes = ["kubernetes", "k8s", "kubeadm", "kubectl"].iter().any(|name| product.contains(name));
    let version = Versions::of(meta.version.as_deref()?).newest().cloned()?;
    // If no product is named, the version may be that of another product.
    let first = Version::parse("1.5")?;
    (is_kubernetes || (product.is_empty() && version > first)).then_some(version)
}

/// The removed APIs and commands in a document's examples, each with its place and a message.
pub(super) fn removed(meta: &DocumentMeta, body: &str, outline: &Outline) -> Vec<(Check, usize, String)> {
    let version = version_of(meta);
    let mut found = Vec::new();
    for code in &outline.codes {
        let known = found.len();
        if code.is_block {
            let apis = removed_in(&code.text, version.as_ref());
            // The fence is a line before the code; where the document has none, it is as near.
            found.extend(apis.into_iter().map(|(_, message)| (Check::RemovedApi, code.start, message)));
        }
        for line in code.text.lines() {
            let gone = removed_command(line).filter(|command| !command.was_there(version.as_ref()));
            found.extend(gone.map(|command| (Check::RemovedCommand, code.start, command.message())));
        }
        if found.len() > known && code.is_forbidden(body) {
            // Code in a warning is not an example.
            found.truncate(known);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_for_older_versions_are_right() {
        let meta = |product: Option<&str>, version: Option<&str>| DocumentMeta {
            product: product.map(str::to_owned),
            version: version.map(str::to_owned),
            ..DocumentMeta::new("s/a.md", "s", "A", kb::document::Kind::Docs)
        };
        let text = "```yaml\napiVersion: batch/v1beta1\nkind: CronJob\n```\n";
        let outline = Outline::of(text);
        for (product, version, count) in [
            (None, None, 1),
            (Some("kubernetes"), Some("1.24"), 0),
            (Some("kubernetes"), Some("1.25"), 1),
            (Some("relay"), Some("1.2"), 1),
            (None, Some("1.21, 1.22"), 0),
        ] {
            assert_eq!(
                removed(&meta(product, version), text, &outline).len(),
                count,
                "{product:?} {version:?}"
            );
        }
    }
}

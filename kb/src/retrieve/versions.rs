//! Pages that exist in several versions: of such a page the edition is found that the question asks for, or the newest
//! if the question asks for no version. If no document describes the requested version, the result says so.

use super::order::{self, Ranked};
use crate::{
    analyzer::is_cjk,
    document::{DocumentMeta, DocumentRecord},
    question::Question,
    version::{self, Asked, Version, Versions},
};
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

/// Added to the score of a document on the version that was asked for.
const ASKED_BONUS: f32 = 0.05;
/// If the best documents are on other versions, another document must score this share of theirs to stay.
const WORTH_SHARE: f32 = 0.8;
/// The most documents that are named in place of a missing one.
const MAX_NAMED: usize = 3;

/// A version that was asked for and is not described, though others are.
#[derive(Debug, Clone)]
pub struct VersionGap {
    /// The version that was asked for.
    pub asked: String,
    /// The versions that are described, oldest first.
    pub described: Vec<String>,
    /// The best documents on those.
    pub documents: Vec<Arc<DocumentRecord>>,
}

/// A ranked document with a version.
struct Edition {
    at: usize,
    page: String,
    versions: Versions,
}

/// Of the pages that exist in several versions, keeps those that answer the question. The order stays, except that
/// documents on the requested version move up, or a page's newest edition if no version was requested.
pub(super) fn choose(ranked: &mut Vec<Ranked>, question: &Question) -> Option<VersionGap> {
    let editions: Vec<Edition> = ranked
        .iter()
        .enumerate()
        .filter_map(|(at, ranked)| {
            let meta = &ranked.record.meta;
            let versions = Versions::of(meta.version.as_deref()?);
            versions.newest()?;
            Some(Edition { at, page: page_of(meta), versions })
        })
        .collect();
    if editions.is_empty() {
        return None;
    }
    let asked: Vec<Asked> = version::asked(question.text())
        .into_iter()
        .filter(|asked| may_ask(asked, &editions, ranked))
        .collect();
    let fits = |edition: &Edition| asked.iter().any(|asked| edition.versions.tell_of(&asked.version));
    let mut left_out: BTreeSet<usize> = BTreeSet::new();
    let mut gap = None;
    if asked.is_empty() {
        leave_newest(&editions, &mut left_out, ranked);
    } else if editions.iter().any(fits) {
        left_out.extend(editions.iter().filter(|edition| !fits(edition)).map(|edition| edition.at));
        let fitting: Vec<Edition> =
            editions.into_iter().filter(|edition| !left_out.contains(&edition.at)).collect();
        for edition in &fitting {
            ranked[edition.at].score += ASKED_BONUS;
        }
        // `1.13` is told of by two pages for 1.13.1 and 1.13.2; of `from 1.11 to 1.13` both are wanted.
        if asked.len() == 1 {
            leave_newest(&fitting, &mut left_out, ranked);
        }
    } else if is_near_the_best(ranked, &editions[0]) {
        gap = Some(gap_of(&asked[0], &editions, ranked, &mut left_out));
    } else {
        leave_newest(&editions, &mut left_out, ranked);
    }
    if !left_out.is_empty() {
        let mut at = 0;
        ranked.retain(|_| {
            at += 1;
            !left_out.contains(&(at - 1))
        });
    }
    order::sort(ranked);
    gap
}

/// Whether the best edition is among the possible answers; otherwise no version is asked for.
fn is_near_the_best(ranked: &[Ranked], edition: &Edition) -> bool {
    let best = ranked.iter().map(|ranked| ranked.score).fold(f32::MIN, f32::max);
    ranked[edition.at].score >= WORTH_SHARE * best
}

/// Keeps the newest edition of each page, with the score of the best one.
fn leave_newest(editions: &[Edition], left_out: &mut BTreeSet<usize>, ranked: &mut [Ranked]) {
    let mut pages: HashMap<&str, Vec<&Edition>> = HashMap::new();
    for edition in editions {
        pages.entry(&edition.page).or_default().push(edition);
    }
    for page in pages.into_values() {
        let newest: Option<Version> =
            page.iter().filter_map(|edition| edition.versions.newest()).max().cloned();
        let best = page.iter().map(|edition| ranked[edition.at].score).fold(f32::MIN, f32::max);
        for edition in page {
            match edition.versions.newest() == newest.as_ref() {
                true => ranked[edition.at].score = best,
                false => drop(left_out.insert(edition.at)),
            }
        }
    }
}

/// The gap that is reported if no document is on the requested version. If several versions are described, no document
/// answers; a single one is shown together with this statement.
fn gap_of(
    asked: &Asked,
    editions: &[Edition],
    ranked: &mut [Ranked],
    left_out: &mut BTreeSet<usize>,
) -> VersionGap {
    let best_page = editions.first().map(|edition| edition.page.as_str());
    let same_page: BTreeSet<&Version> = editions
        .iter()
        .filter(|edition| Some(edition.page.as_str()) == best_page)
        .flat_map(|edition| edition.versions.newest())
        .collect();
    if same_page.len() > 1 {
        let best = editions.iter().map(|edition| ranked[edition.at].score).fold(f32::MIN, f32::max);
        left_out.extend(editions.iter().map(|edition| edition.at));
        let is_weak = |ranked: &Ranked| ranked.rule.is_none() && ranked.score < WORTH_SHARE * best;
        left_out.extend(ranked.iter().enumerate().filter(|(_, ranked)| is_weak(ranked)).map(|(at, _)| at));
    } else {
        leave_newest(editions, left_out, ranked);
    }
    let documents = editions.iter().filter(|edition| Some(edition.page.as_str()) == best_page);
    VersionGap {
        asked: asked.version.to_string(),
        described: same_page.iter().map(ToString::to_string).collect(),
        documents: documents.take(MAX_NAMED).map(|edition| Arc::clone(&ranked[edition.at].record)).collect(),
    }
}

/// Whether a number of the question asks for a version of these documents.
fn may_ask(asked: &Asked, editions: &[Edition], ranked: &[Ranked]) -> bool {
    if editions.iter().any(|edition| edition.versions.tell_of(&asked.version)) {
        return true;
    }
    // The version of something else, which the documents do not treat: `relay queue is stuck on kubernetes 1.29`.
    let best = &editions[0];
    let meta = &ranked[best.at].record.meta;
    let is_foreign = asked.product.as_deref().is_some_and(|product| {
        version::is_known_product(product) && !names(meta, version::names_of_product(product))
    });
    let is_alike = || best.versions.newest().is_some_and(|newest| newest.is_of_the_same_line(&asked.version));
    !is_foreign && (asked.is_said || is_alike())
}

/// Whether a document's own fields have one of some lower-case names.
fn names(meta: &DocumentMeta, products: &[&str]) -> bool {
    let fields = [meta.id.as_str(), &meta.title, meta.product.as_deref().unwrap_or_default()];
    let fields = fields.join(" ").to_lowercase();
    let mut words = fields.split(|c: char| !c.is_alphanumeric());
    words.any(|word| products.contains(&word))
}

/// The identity that the editions of a page share: the path without the version, or else the title without it.
fn page_of(meta: &DocumentMeta) -> String {
    if let Some((at, _)) = version::of_path(&meta.id) {
        let components = meta.id.split('/').enumerate();
        return components
            .map(|(i, component)| if i == at { "*" } else { component })
            .collect::<Vec<_>>()
            .join("/");
    }
    let title = match version::in_title(&meta.title) {
        Some((title, _)) => title,
        None => meta.title.to_lowercase(),
    };
    // Notes on a release are not replaced by those on the next.
    if [&title, &meta.id].into_iter().any(|text| version::is_of_one_release(text))
        || !title.chars().any(char::is_alphabetic)
    {
        return meta.id.clone();
    }
    // Many folders have an `Overview`, and they are not the same page.
    let folder = match title.split_whitespace().filter(|word| *word != "*").count() {
        0 | 1 if !title.chars().any(is_cjk) => meta.id.rsplit_once('/').map_or("", |(folder, _)| folder),
        _ => "",
    };
    format!("{folder}\n{title}\n{}", meta.language.as_deref().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Kind;

    #[test]
    fn editions_of_a_page_are_one_page() {
        let meta = |id: &str, title: &str| {
            DocumentMeta::new(id, id.split('/').next().unwrap_or(id), title, Kind::Docs)
        };
        for ((one, two), is_same) in [
            ((("s/1.11/a.md", "A"), ("s/1.13/a.md", "B")), true),
            ((("1.11/a.md", "A"), ("1.13/a.md", "A")), true),
            ((("s/1.11/a.md", "A"), ("s/1.13/b.md", "A")), false),
            ((("s/a.md", "Relay 1.11: limits"), ("s/b.md", "Relay v1.13: limits")), true),
            ((("s/a.md", "Limits of the relay"), ("t/b.md", "Limits of the relay")), true),
            ((("s/a/x.md", "Overview"), ("s/b/x.md", "Overview")), false),
            ((("s/a.md", "Relay 1.11 release notes"), ("s/b.md", "Relay 1.13 release notes")), false),
            (
                (("s/release-notes-1.11.md", "Release 1.11"), ("s/release-notes-1.13.md", "Release 1.13")),
                false,
            ),
            ((("s/CHANGELOG-1.11.md", "The changes"), ("s/CHANGELOG-1.13.md", "The changes")), false),
        ] {
            let (first, second) = (page_of(&meta(one.0, one.1)), page_of(&meta(two.0, two.1)));
            assert_eq!(first == second, is_same, "{one:?} and {two:?}: {first:?} and {second:?}");
        }
    }
}

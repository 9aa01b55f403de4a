//! How well the checks tell sentences that their passages say from sentences that they do not say: true sentences that
//! get a mark, untrue ones that get no mark. Each sentence is a reply of its own with one citation and goes the whole
//! way through the checks.
//!
//! Entry points: [`read`] for a file of sentences, [`judge`] for one of them, [`figures`]. The sentences are split by
//! document: the rule was fitted on one half, and is reported on the other.

use crate::{
    asking,
    error::EvalError,
    files::read_text,
    knowledge::Indexed,
    replies,
    results::{Half, JudgedSentence, SupportFigures},
};
use answer::{
    phrases::{self, Phrases},
    reply::Checks,
};
use std::path::Path;

/// A sentence about a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sentence {
    /// The half that its document belongs to.
    pub half: Half,
    /// A document, or `document#heading`.
    pub document: String,
    /// The asker's language, as free text.
    pub language: String,
    /// The way in which it was made: `paraphrase`, `translated`; `number`, `unit`, `negated`, `invented`, `object`,
    /// `version`.
    pub kind: String,
    /// The text of the sentence.
    pub text: String,
}

/// Reads a file of sentences: five columns with tabs between them, `#` begins a comment. A document belongs to one
/// half.
pub fn read(path: &Path) -> Result<Vec<Sentence>, EvalError> {
    let mut sentences: Vec<Sentence> = Vec::new();
    for (at, line) in read_text(path)?.lines().enumerate() {
        if line.starts_with('#') || line.trim().is_empty() {
            continue;
        }
        let bad = |detail: String| EvalError::at_line(path, at + 1, detail);
        let columns: Vec<&str> = line.split('\t').collect();
        let [half, document, language, kind, text] = columns[..] else {
            return Err(bad("needs half, document, language, kind and sentence".to_owned()));
        };
        let half = match half {
            "fit" => Half::Fit,
            "held" => Half::Held,
            other => return Err(bad(format!("`{other}` is neither `fit` nor `held`"))),
        };
        let file = |place: &str| place.split('#').next().unwrap_or_default().to_owned();
        if sentences.iter().any(|other| file(&other.document) == file(document) && other.half != half) {
            return Err(bad(format!("`{document}` is in both halves")));
        }
        sentences.push(Sentence {
            half,
            document: document.to_owned(),
            language: language.to_owned(),
            kind: kind.to_owned(),
            text: text.to_owned(),
        });
    }
    Ok(sentences)
}

/// Lets a sentence pass the checks as a reply that cites its document, and says whether it is marked.
pub async fn judge(
    indexed: &Indexed,
    sentence: &Sentence,
    is_faithful: bool,
) -> Result<JudgedSentence, EvalError> {
    // The question has no words, since those would lend a sentence support.
    let asked = Some("?!");
    let request = asking::request(&sentence.document, asked, None, Some(sentence.language.as_str()))?;
    let places = std::slice::from_ref(&sentence.document);
    let evidence = replies::evidence(indexed, places, &request.question, &sentence.document).await?;
    let mut checks = Checks::new(&evidence, &request.question, &request.format);
    checks.push(&format!("{} [1]", sentence.text));
    let Phrases { unsupported, unverified, removed, forbidden, .. } =
        phrases::phrases(request.question.language());
    let marks = [unsupported, unverified, removed, forbidden];
    // A name that no document has is marked where it stands. A sentence that does not leave counts as marked.
    let is_marked =
        checks.finish().map_or(true, |written| marks.iter().any(|mark| written.text.contains(**mark)));
    Ok(JudgedSentence {
        half: sentence.half,
        document: sentence.document.clone(),
        language: sentence.language.clone(),
        kind: sentence.kind.clone(),
        text: sentence.text.clone(),
        is_faithful,
        is_marked,
    })
}

/// The shares of both halves; NaN where a half has no sentences of a kind.
pub fn figures(sentences: &[JudgedSentence]) -> SupportFigures {
    let marked = |half: Half, is_faithful: bool| {
        let of_kind: Vec<&JudgedSentence> = sentences
            .iter()
            .filter(|sentence| sentence.half == half && sentence.is_faithful == is_faithful)
            .collect();
        // NaN fails every gate: without sentences a ceiling would hold by chance.
        match of_kind.len() {
            0 => f64::NAN,
            all => of_kind.iter().filter(|sentence| sentence.is_marked).count() as f64 / all as f64,
        }
    };
    SupportFigures {
        caught: marked(Half::Held, false),
        false_marks: marked(Half::Held, true),
        fit_caught: marked(Half::Fit, false),
        fit_false_marks: marked(Half::Fit, true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_given_sentences_are_many_and_split_by_document() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("suites/support");
        let mut halves: Vec<HashSet<String>> = vec![HashSet::new(), HashSet::new()];
        for file in ["faithful.tsv", "unfaithful.tsv"] {
            let sentences = read(&folder.join(file)).expect("the sentences");
            assert!(sentences.len() >= 200, "{file}: {}", sentences.len());
            let distinct: HashSet<&str> = sentences.iter().map(|sentence| sentence.text.as_str()).collect();
            assert_eq!(distinct.len(), sentences.len(), "{file} has each sentence once");
            for language in ["en", "zh-CN", "zh-TW", "vi", "id"] {
                assert!(sentences.iter().any(|sentence| sentence.language == language), "{file}: {language}");
            }
            for sentence in sentences {
                let at = usize::from(sentence.half == Half::Held);
                halves[at].insert(sentence.document.split('#').next().unwrap_or_default().to_owned());
            }
        }
        assert!(halves[0].is_disjoint(&halves[1]));
    }

    #[test]
    fn figures_are_shares_of_each_half() {
        let judged = |half, is_faithful, is_marked| JudgedSentence {
            half,
            document: "d".to_owned(),
            language: "en".to_owned(),
            kind: "number".to_owned(),
            text: "s".to_owned(),
            is_faithful,
            is_marked,
        };
        let found = figures(&[
            judged(Half::Held, false, true),
            judged(Half::Held, false, false),
            judged(Half::Held, true, false),
            judged(Half::Fit, false, true),
        ]);
        assert_eq!((found.caught, found.false_marks, found.fit_caught), (0.5, 0.0, 1.0));
        assert!(found.fit_false_marks.is_nan());
    }
}

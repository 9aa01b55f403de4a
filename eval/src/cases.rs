//! Asks a suite's cases the way clients ask, through the product's own [`Assistant`], and checks each answer.
//!
//! Entry point: [`run_cases`]. [`crate::asking`] fixes id, clock and fence.
//!
//! To add a check: a method of [`Seen`] that returns a [`Check`], its call in `Seen::checks`, and a field of
//! [`Case`](crate::suite::Case) if the check needs an expected value. Reports show each check by its name.

use crate::{
    answers, asking,
    error::EvalError,
    judge::{self, Marks},
    knowledge::Indexed,
    labels::Labels,
    results::{CaseResult, Check},
    suite::Case,
};
use answer::{
    Answer, Assistant, Request, answer::is_refusal, checks::masked, citations, llm::Llm, prompt::Prompt,
};
use kb::{
    answerable::Status,
    causes::with_causes,
    document::untranslated,
    store::{Access, DocumentKey, Filter},
};
use std::{collections::BTreeSet, sync::Arc};

/// The product with its judge.
pub struct Respondent<'a> {
    /// The product under test.
    pub assistant: &'a Assistant,
    /// The judge, where answers are to be judged.
    pub judge: Option<&'a Arc<dyn Llm>>,
}

/// Asks every case in order.
pub async fn run_cases(
    respondent: &Respondent<'_>,
    indexed: &Indexed,
    cases: &[Case],
) -> Result<Vec<CaseResult>, EvalError> {
    let judgements = cases.iter().map(|case| (case.id.clone(), case.judgements())).collect();
    let labels = Labels::new(&judgements, &indexed.documents);
    let mut results = Vec::with_capacity(cases.len());
    for case in cases {
        results.push(run_case(respondent, indexed, case, &labels).await?);
    }
    Ok(results)
}

async fn run_case(
    respondent: &Respondent<'_>,
    indexed: &Indexed,
    case: &Case,
    labels: &Labels,
) -> Result<CaseResult, EvalError> {
    let failed = |error: &(dyn std::error::Error + 'static)| EvalError::Answer {
        case: case.id.clone(),
        detail: with_causes(error),
    };
    let request = request_of(case)?;
    let occasion = asking::occasion(&case.id);
    let scope = Filter { access: Access::Tags(case.access.iter().cloned().collect()), ..Filter::default() };
    let answer =
        respondent.assistant.answer(&request, &scope, occasion).await.map_err(|error| failed(&error))?;
    let found = respondent.assistant.decide(&request.question, &scope).await;
    let retrieval = found.map_err(|error| failed(&error))?.retrieval;

    let mut cited: Vec<String> = Vec::new();
    for citation in &answer.citations {
        if !cited.contains(&citation.document) {
            cited.push(citation.document.clone());
        }
    }
    let mut cited_text = String::new();
    for document in &cited {
        let chunks =
            indexed.view.chunks_of(DocumentKey::of(document)).await.map_err(|error| failed(&error))?;
        for (_, chunk) in chunks {
            cited_text.push_str(&chunk.heading_path.join("\n"));
            cited_text.push('\n');
            cited_text.push_str(&chunk.text);
            cited_text.push('\n');
        }
    }
    let evidence: Vec<(String, String)> =
        retrieval.evidence.iter().map(|hit| (hit.chunk.document.clone(), hit.chunk.id())).collect();
    // An answer may name a section of the hits that fits as well, and cite the documents that a quotation links to.
    let found = retrieval.hits.iter().map(|hit| hit.chunk.document.as_str());
    let links = retrieval.evidence.iter().flat_map(|hit| &hit.document.meta.links);
    let beside: BTreeSet<&str> = found.chain(links.map(|link| link.target.as_str())).collect();
    let seen = Seen {
        case,
        request: &request,
        answer: &answer,
        evidence: &evidence,
        beside: &beside,
        cited_text: &cited_text,
    };
    let score = answers::citation_score(&cited, labels, &case.id);
    let against = |measure: fn(&str, &str) -> f64| {
        case.reference.as_deref().map(|reference| measure(&answer.text, reference))
    };
    let judged = match respondent.judge {
        Some(judge) if answer.status != Status::Unknown => {
            Some(ask_judge(judge.as_ref(), case, &answer, &retrieval.evidence).await?)
        }
        _ => None,
    };
    Ok(CaseResult {
        case: case.id.clone(),
        question: case.text().to_owned(),
        class: case.class().to_owned(),
        status: answer.status,
        confidence: f64::from(answer.confidence),
        answered_by: answer.answered_by.as_str().to_owned(),
        token_f1: against(answers::token_f1),
        rouge_l: against(answers::rouge_l),
        citation_precision: score.precision,
        citation_recall: score.recall,
        checks: seen.checks(),
        answer: answer.text.clone(),
        cited,
        judged,
    })
}

/// The request of a case.
fn request_of(case: &Case) -> Result<Request, EvalError> {
    asking::request(&case.id, case.question.as_deref(), case.k8sgpt.as_ref(), case.language.as_deref())
}

/// An answer with the facts that its checks need.
struct Seen<'a> {
    case: &'a Case,
    request: &'a Request,
    answer: &'a Answer,
    /// Document and chunk id of every passage of the evidence.
    evidence: &'a [(String, String)],
    /// Ids of the documents among the hits, and of those that the evidence links to.
    beside: &'a BTreeSet<&'a str>,
    /// The texts of the cited documents, with their headings.
    cited_text: &'a str,
}

impl Seen<'_> {
    fn checks(&self) -> Vec<Check> {
        let mut checks = vec![self.status(), self.citations_exist()];
        match self.answer.status {
            Status::Unknown => checks.push(self.says_so()),
            Status::Answered | Status::Partial => {
                checks.push(self.is_cited());
                checks.push(self.is_grounded());
                if !self.request.question.anonymised().is_empty() {
                    checks.push(self.keeps_masked_names());
                }
            }
        }
        checks.extend(self.case.first.as_ref().map(|first| self.comes_first(first)));
        checks.extend(self.case.answer_language.as_ref().map(|language| self.is_in(language)));
        checks.extend(self.case.must_mention.iter().map(|fact| {
            let mentions = answers::mentions(&self.answer.text, fact);
            check("mentions what it must", mentions, || format!("the answer lacks `{fact}`"))
        }));
        checks.extend(self.case.must_not_mention.iter().map(|fact| {
            let mentions = answers::mentions(&self.answer.text, fact);
            check("leaves out what it must", !mentions, || format!("the answer says `{fact}`"))
        }));
        checks
    }

    fn status(&self) -> Check {
        let found = self.answer.status;
        let holds = match self.case.status {
            Some(wanted) => found == wanted,
            None => self.case.answerable == (found != Status::Unknown),
        };
        check("status", holds, || {
            let wanted = match (self.case.status, self.case.answerable) {
                (Some(wanted), _) => format!("{wanted:?}"),
                (None, true) => "an answer".to_owned(),
                (None, false) => "Unknown".to_owned(),
            };
            format!(
                "{found:?} with confidence {:.3}, wanted {wanted}: {}",
                self.answer.confidence, self.answer.reason
            )
        })
    }

    /// Every `[n]` has a source, and every source is among evidence and hits, or the evidence links to it.
    fn citations_exist(&self) -> Check {
        let numbers: BTreeSet<usize> = self.answer.citations.iter().map(|citation| citation.n).collect();
        let unresolved = citations::resolve(&self.answer.text, |n| numbers.contains(&n)).removed;
        // One translation of a page is among the evidence, and the one in the asker's language is quoted.
        let given: BTreeSet<(&str, &str)> =
            self.evidence.iter().map(|(document, _)| untranslated(document)).collect();
        let foreign: Vec<&str> = self
            .answer
            .citations
            .iter()
            .filter(|citation| !given.contains(&untranslated(&citation.document)))
            .filter(|citation| !self.beside.contains(citation.document.as_str()))
            .map(|citation| citation.document.as_str())
            .collect();
        check("citations exist", unresolved.is_empty() && foreign.is_empty(), || {
            format!("without a source: {unresolved:?}; not among the evidence: {foreign:?}")
        })
    }

    fn is_cited(&self) -> Check {
        check("is cited", !self.answer.citations.is_empty(), || "the answer cites nothing".to_owned())
    }

    fn is_grounded(&self) -> Check {
        let quoted = answers::ungrounded(&self.answer.text, self.cited_text, self.request.question.text());
        check("quotes only its sources", quoted.is_empty(), || {
            let quoted: Vec<&str> = quoted.iter().map(|literal| literal.text()).collect();
            format!("in no cited document: {}", quoted.join(", "))
        })
    }

    fn keeps_masked_names(&self) -> Check {
        let echo = masked::echo(&self.answer.text, self.request.question.anonymised());
        let intact = echo == masked::Echo::Intact { absent: Vec::new() };
        check("masked names come back", intact, || format!("{echo:?}"))
    }

    fn says_so(&self) -> Check {
        let english = self.answer.language.0.starts_with("en");
        let holds = match english {
            true => self.answer.text.starts_with("I don't know"),
            false => is_refusal(&self.answer.text),
        };
        check("says that it does not know", holds, || {
            format!("begins with `{}`", self.answer.text.chars().take(60).collect::<String>())
        })
    }

    fn comes_first(&self, first: &str) -> Check {
        let found = self.evidence.first().map(|(document, _)| document.as_str()).unwrap_or("nothing");
        check("the right document comes first", found == first, || format!("`{found}` does"))
    }

    fn is_in(&self, language: &str) -> Check {
        let found = &self.answer.language.0;
        check("language", found == language, || format!("the answer is in `{found}`, wanted `{language}`"))
    }
}

fn check(name: &str, passed: bool, detail: impl FnOnce() -> String) -> Check {
    Check { name: name.to_owned(), passed, detail: if passed { String::new() } else { detail() } }
}

async fn ask_judge(
    judge: &dyn Llm,
    case: &Case,
    answer: &Answer,
    evidence: &[kb::retrieve::Hit],
) -> Result<Marks, EvalError> {
    let failed =
        |detail: String| EvalError::Answer { case: case.id.clone(), detail: format!("the judge: {detail}") };
    let mut passages = String::new();
    for (at, hit) in evidence.iter().enumerate() {
        passages.push_str(&format!("[{}] {}\n{}\n\n", at + 1, hit.document.meta.title, hit.chunk.text));
    }
    let mut blocks =
        vec![("QUESTION", case.text()), ("EVIDENCE", passages.as_str()), ("ANSWER", answer.text.as_str())];
    blocks.extend(case.reference.as_deref().map(|reference| ("REFERENCE", reference)));
    let prompt = Prompt::of_blocks(judge::PROMPT, &blocks, "Mark the answer.", asking::fence());
    let reply =
        judge.complete(&prompt, asking::deadline()).await.map_err(|error| failed(with_causes(&error)))?;
    judge::read_marks(&reply.text).ok_or_else(|| failed("its reply holds no marks".to_owned()))
}

//! The documents, questions and searches that the properties are told with.

use super::*;

/// Dimensions of the vectors in these tests.
pub(in crate::store) const DIMENSIONS: usize = 24;

/// The identity with which the knowledge bases of these tests are built.
pub(in crate::store) fn identity() -> Identity {
    Identity::current(ModelIdentity {
        name: "words".to_owned(),
        dimensions: DIMENSIONS,
        hash: String::new(),
        pooling: "sum".to_owned(),
        query_prefix: String::new(),
        passage_prefix: String::new(),
        max_tokens: 256,
        tokenizer: "words".to_owned(),
    })
}

/// A vector for a text: each of its terms adds a direction of its own.
pub(in crate::store) fn vector_of(text: &str) -> Vec<f32> {
    let mut vector = [0.0_f32; DIMENSIONS];
    for term in analyzer::tokens(text).into_iter().map(|token| token.term).chain([format!("whole {text}")]) {
        let mut stream = blake3::Hasher::new().update(term.as_bytes()).finalize_xof();
        for component in &mut vector {
            let mut bytes = [0; 2];
            stream.fill(&mut bytes);
            *component += f32::from(i16::from_le_bytes(bytes)) / 32_768.0;
        }
    }
    let length = vector.iter().map(|component| component * component).sum::<f32>().sqrt();
    vector.iter().map(|component| component / length).collect()
}

/// A document of a test.
#[derive(Debug, Clone)]
pub(in crate::store) struct TestDocument {
    pub meta: DocumentMeta,
    pub chunks: Vec<Chunk>,
}

/// A document with a title and no chunks.
pub(in crate::store) fn document(id: &str, title: &str) -> TestDocument {
    let source = id.split('/').next().unwrap_or(id).to_owned();
    let meta = DocumentMeta {
        url: Some(format!("https://docs.example/{id}")),
        trust: Trust::Official,
        language: Some("en".to_owned()),
        ..DocumentMeta::new(id, source, title, Kind::Docs)
    };
    TestDocument { meta, chunks: Vec::new() }
}

impl TestDocument {
    pub fn with(mut self, change: impl FnOnce(&mut DocumentMeta)) -> Self {
        change(&mut self.meta);
        self
    }

    pub fn chunk(self, text: &str) -> Self {
        self.chunk_under(&[], text)
    }

    pub fn chunk_under(mut self, headings: &[&str], text: &str) -> Self {
        let ordinal = self.chunks.len() as u32;
        self.chunks.push(Chunk {
            document: self.meta.id.clone(),
            ordinal,
            heading_path: headings.iter().map(|&heading| heading.to_owned()).collect(),
            anchor: None,
            text: text.to_owned(),
            start_byte: 0,
            end_byte: text.len() as u64,
            tokens: 1,
            prohibitions: Vec::new(),
        });
        self
    }

    pub fn link(self, target: &str, text: &str) -> Self {
        self.link_within(target, text, "")
    }

    pub fn link_within(self, target: &str, text: &str, sentence: &str) -> Self {
        let link = Link { target: target.to_owned(), text: text.to_owned(), sentence: sentence.to_owned() };
        self.with(|meta| meta.links.push(link))
    }

    pub fn access(self, tag: &str) -> Self {
        let tag = tag.to_owned();
        self.with(|meta| meta.access.push(tag))
    }

    pub fn key(&self) -> DocumentKey {
        DocumentKey::of(&self.meta.id)
    }

    pub fn hash(&self) -> ContentHash {
        ContentHash::of(&[format!("{self:?}").as_bytes()])
    }

    pub fn vectors(&self) -> Vec<Vec<f32>> {
        self.chunks.iter().map(|chunk| vector_of(&chunk.text)).collect()
    }
}

pub(in crate::store) async fn put(writer: &mut dyn Writer, document: &TestDocument) {
    writer
        .replace(&document.meta, document.hash(), &document.chunks, &document.vectors())
        .await
        .expect("the document can be stored");
}

/// Writes documents into a new place with one commit.
pub(super) async fn filled(
    engine: &dyn EngineUnderTest,
    name: &str,
    documents: &[TestDocument],
) -> Arc<dyn KnowledgeBase> {
    let mut writer = engine.writer(name, &identity()).await.expect("the place is free");
    for document in documents {
        put(writer.as_mut(), document).await;
    }
    writer.commit().await.expect("there is space");
    engine.reader(name, Some(&identity())).await.expect("it was just written")
}

/// A view of everything at `version`, waiting for the reader to notice it.
pub(in crate::store) async fn view_at(kb: &dyn KnowledgeBase, version: &str) -> Arc<dyn View> {
    let started = Instant::now();
    loop {
        let view = everything(kb).await;
        if view.version() == version {
            return view;
        }
        assert!(
            started.elapsed() < Duration::from_secs(5),
            "still at {} instead of {version}",
            view.version()
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub(in crate::store) async fn everything(kb: &dyn KnowledgeBase) -> Arc<dyn View> {
    kb.view(&Filter::everything()).await.expect("the knowledge base is there")
}

pub(in crate::store) async fn ids(view: &dyn View) -> Vec<String> {
    view.all_documents()
        .await
        .expect("records are readable")
        .iter()
        .map(|record| record.meta.id.clone())
        .collect()
}

pub(super) const NONE: FieldWeights = FieldWeights { title: 0.0, name: 0.0, headings: 0.0, links: 0.0 };
pub(super) const EVEN: FieldWeights = FieldWeights { title: 1.0, name: 1.0, headings: 1.0, links: 1.0 };
pub(super) const LINKS: FieldWeights = FieldWeights { links: 1.0, ..NONE };

pub(super) fn lexical(text: &str, weights: FieldWeights) -> LexicalQuery {
    let terms = analyzer::distinct_terms(text).into_iter().map(|term| (term, 1.0)).collect();
    LexicalQuery { terms, weights }
}

/// The term of a simple word.
pub(super) fn term(word: &str) -> analyzer::Term {
    analyzer::distinct_terms(word).pop().expect("a word has a term")
}

/// The ids of found chunks.
pub(super) async fn found(view: &dyn View, matches: &[Match]) -> Vec<String> {
    let keys: Vec<ChunkKey> = matches.iter().map(|found| found.chunk).collect();
    view.chunks(&keys).await.expect("found chunks are there").iter().map(Chunk::id).collect()
}

pub(super) async fn search(view: &dyn View, text: &str) -> Vec<String> {
    let matches = view.search_lexical(&lexical(text, EVEN), 100, 0).await.expect("the index is readable");
    assert!(matches.documents.is_empty(), "none were asked for");
    found(view, &matches.passages).await
}

/// The documents that have words in fields, with their scores.
pub(super) async fn search_fields(
    view: &dyn View,
    text: &str,
    weights: FieldWeights,
) -> Vec<(DocumentKey, f32)> {
    let matches = view.search_lexical(&lexical(text, weights), 0, 100).await.expect("the index is readable");
    assert!(matches.passages.is_empty(), "none were asked for");
    matches.documents
}

pub(super) async fn search_dense(view: &dyn View, text: &str) -> Vec<String> {
    let matches = view.search_dense(&vector_of(text), 100).await.expect("the vectors are readable");
    found(view, &matches).await
}

pub(super) const WORDS: [&str; 10] =
    ["pod", "node", "oomkilled", "kubelet", "image", "volume", "probe", "memory", "taint", "restart"];

/// Documents of three sources with words of very different frequency: no chunk or several, headings above them and
/// within them, names that say nothing, restricted documents, and links with and without sentences, of which few lead
/// to one of the sources.
pub(super) fn library() -> Vec<TestDocument> {
    let word = |number: usize, at: usize| WORDS[(number * number + at * at) % (1 + at % WORDS.len())];
    let id = |number: usize| match (["lib", "wiki", "notes"][number % 3], number) {
        (source, 6) => format!("{source}/README.md"),
        (source, 7) => format!("{source}/restart-loop/_index.md"),
        (source, _) => format!("{source}/{}/{}-{number}.md", word(number, 3), word(number, 4)),
    };
    (0..40_usize)
        .map(|number| {
            let word = |at: usize| word(number, at);
            let mut document = document(&id(number), &format!("About {} and {} {number}", word(5), word(7)));
            for chunk in 0..number % 4 {
                let words: Vec<&str> = (0..5 + number * (chunk + 1) % 90).map(word).collect();
                let mut text = words.join(" ");
                if number % 5 == 0 {
                    text = format!("{text}\n\n### The {} of {}\n\n{text}", word(chunk + 4), word(8));
                }
                document = document.chunk_under(&[word(chunk), "Diagnosis"], &text);
            }
            for at in 0..number % 5 {
                let target = (number * 7 + at) % 40;
                if target % 3 == 2 && target % 12 != 2 {
                    continue;
                }
                let text = format!("{} guide", WORDS[(number + at) % 10]);
                let sentence = match at {
                    0 => String::new(),
                    1 => format!("When a {} fails, see the {text} before you restart it.", word(6)),
                    _ => format!("{} as in the {text}", format!("{} ", word(9)).repeat(number * at)),
                };
                document = document.link_within(&id(target), &text, &sentence).link(&id(number), "myself");
            }
            match number {
                9 => document.link(&id(1), "").link("lib/never.md", "pod guide"),
                number if number % 11 == 3 => document.access("secret"),
                _ => document,
            }
        })
        .collect()
}

/// Questions about the library, with all that a query can hold.
pub(super) fn library_queries() -> Vec<LexicalQuery> {
    let texts = [
        "pod",
        "oomkilled memory",
        "kubelet taint restart probe guide",
        "about 17",
        "diagnosis of the restart loop",
        "see myself fail",
        "unheard-of",
    ];
    let weights = FieldWeights { title: 2.5, name: 1.5, headings: 0.5, links: 3.0 };
    let mut queries: Vec<LexicalQuery> = texts.iter().map(|text| lexical(text, weights)).collect();
    for query in &mut queries {
        for (at, (_, weight)) in query.terms.iter_mut().enumerate() {
            *weight = 1.0 + at as f32 / 4.0;
        }
    }
    queries
        .extend([NONE, LINKS, FieldWeights { headings: 1.0, ..NONE }].map(|only| lexical("pod guide", only)));
    let mut mixed = lexical("node volume image taint", weights);
    mixed.terms[1].1 = 0.0;
    mixed.terms.extend(lexical("node image", weights).terms.into_iter().map(|(term, _)| (term, 7.0)));
    queries.push(mixed);
    queries
}

pub(super) const LIBRARY_VECTORS: [&str; 3] = ["pod node", "restart the probe", "nothing of this"];

/// A small repeatable generator.
pub(in crate::store) struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit.max(1)
    }

    pub(super) fn maybe(&mut self, values: &[&str]) -> Option<String> {
        (self.below(3) > 0).then(|| values[self.below(values.len())].to_owned())
    }

    pub(super) fn some(&mut self, values: &[&str]) -> Vec<String> {
        let chosen: BTreeSet<String> =
            (0..self.below(4)).map(|_| values[self.below(values.len())].to_owned()).collect();
        chosen.into_iter().collect()
    }
}

//! Office files, PDF and archives, as the programs in `fixtures/make.py` made them: through the library for their
//! texts, through the `ingest` program, which starts itself again for every PDF, for everything else.

use ingest::formats::{self, Defaults, Document, Format, Parsed, Place, links::Pages, site::Site};
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

const WORD_FILES: [&str; 3] = ["python-docx.docx", "pandoc.docx", "libreoffice.docx"];
const PDF_FILES: [&str; 5] =
    ["reportlab.pdf", "fpdf.pdf", "typst.pdf", "owner-locked.pdf", "libreoffice.pdf"];

fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn parsed(name: &str, bytes: Vec<u8>) -> Parsed {
    let (pages, site, defaults) =
        (Pages::new("kb", ["sops/b.md"].into_iter()), Site::default(), Defaults::default());
    let place =
        Place { source: "kb", relative: name, shown: name, pages: &pages, site: &site, defaults: &defaults };
    formats::parse(Format::of(name).expect("it is read"), bytes, &place)
}

#[track_caller]
fn document(name: &str) -> Document {
    let mut parsed = parsed(name, fixture(name));
    assert!(parsed.rejected.is_empty(), "{:?}", parsed.rejected);
    assert_eq!(parsed.documents.len(), 1);
    parsed.documents.remove(0)
}

#[test]
fn a_word_document_of_python_docx() {
    let document = document("python-docx.docx");
    insta::assert_snapshot!(document.body.as_str(), @r"
    # Relay queue is stuck

    The relay has **no workers**. See [the dashboard](https://example.com/relay%281%29) (inserted)

    ## Diagnosis

    Run `kubectl get pods -n relay` and look:

    ```
    NAME      READY
    relay-0   0/1
    ```

    1. Scale it up:

       ```
       kubectl scale sts/relay --replicas=3
         -n relay
       ```
    2. Wait for the queue.
       - It is empty within minutes.
    3. Tell the team.

    ### Limits

    | Queue | Alert | Owner |
    | --- | --- | --- |
    | orders | 10 \| 20 | sre |
    | orders | 30 | ops |
    | all of them | | |

    Never delete the volume.

    Before the box.

    Words in a box.

    The key is [redacted:aws-access-key]
    ");
    let meta = &document.meta;
    assert_eq!((meta.title.as_str(), meta.author.as_deref()), ("Relay queue is stuck", Some("A. Author")));
    assert_eq!(meta.labels, ["oncall", "relay"]);
    assert_eq!(meta.updated_at.map(|time| time.to_string()).as_deref(), Some("2026-02-16T09:30:00Z"));
    for absent in ["HIDDEN", "DELETED", "COMMENT", "TWICE", "header", "footer", "AKIA"] {
        assert!(!document.body.as_str().contains(absent), "{absent}");
    }
}

#[test]
fn a_word_document_of_pandoc() {
    let document = document("pandoc.docx");
    insta::assert_snapshot!(document.body.as_str(), @r"
    # Cấu hình bộ điều phối

    A. Author

    B. Author

    ## Steps

    1. First (A note with words.)
       - inner
       - other

       ```
       kubectl get pods \
         -n relay
       ```
    2. Second, `inline`

    ## Table

    | Queue | Limit |
    | --- | --- |
    | a | 1 |

    See the SOP and [https://example.com](https://example.com).
    ");
    let meta = &document.meta;
    assert_eq!((meta.title.as_str(), meta.labels.join(" ")), ("Cấu hình bộ điều phối", "relay".to_owned()));
    assert_eq!(meta.links.len(), 1, "{:?}", meta.links);
    assert_eq!(meta.links[0].target, "kb/sops/b.md");
}

/// The text of a PDF with the page on which each block begins.
fn with_pages(document: &Document) -> String {
    let body = document.body.as_str();
    let mut shown = String::new();
    let mut page = None;
    let mut at = 0;
    for block in body.split_inclusive("\n\n") {
        let of_block = document.fragment_at(document.body.source_range(at..at + block.len()).start);
        if of_block != page {
            page = of_block;
            shown.push_str(&format!("<{}>\n", page.unwrap_or_default()));
        }
        shown.push_str(block);
        at += block.len();
    }
    shown
}

#[test]
fn a_pdf_of_reportlab() {
    let document = document("reportlab.pdf");
    insta::assert_snapshot!(with_pages(&document), @r"
    <page=1>
    # Relay queue is stuck

    The relay takes messages from the queue and hands them to its workers one by one, so that a slow worker holds up all that follow; the queue grows until the alert fires, and then the on-call engineer is paged.

    # Diagnosis

    Look at the pods first:

    ```
    kubectl get pods -n relay \
      -l app=relay

    kubectl logs relay-0
    ```

    ## Steps

    1. Scale the workers up.
    2. Wait until the queue is empty.
    3. Tell the team.

    <page=2>
    # Limits

    | Queue | Alert | Owner |
    | --- | --- | --- |
    | orders | 10 | sre |

    The relay takes messages from the queue and hands them to its workers one by one, so that a slow worker holds up all that follow; the queue grows until the alert fires, and then the on-call engineer is paged.

    <page=3>
    # Contacts

    Ask in the channel of the team.
    ");
    let meta = &document.meta;
    assert_eq!((meta.title.as_str(), meta.author.as_deref()), ("Relay", Some("A. Author")));
    assert_eq!(meta.labels, ["oncall", "relay"]);
}

#[test]
fn a_pdf_of_fpdf() {
    let document = document("fpdf.pdf");
    insta::assert_snapshot!(with_pages(&document), @r"
    <page=1>
    # Before

    Tell the team that the node will be drained, and that its pods move.

    <page=2>
    # Drain

    ```
    kubectl drain node-1 --ignore-daemonsets
    ```
    ");
    assert_eq!(document.meta.title, "Drain a node");
}

#[test]
fn a_pdf_of_typst() {
    let document = document("typst.pdf");
    insta::assert_snapshot!(with_pages(&document), @r#"
    <page=1>
    # Node not ready

    When the kubelet of a node stops reporting, the controller marks the node as unreachable and evicts its workloads after a configurable toleration; afterwards the scheduler distributes replacements over the remaining infrastructure.

    ## Investigation

    - Look at the conditions of the node.
    - Look at the log of the kubelet:

    ```
    journalctl -u kubelet --since "1 hour ago"
    for pod in $(crictl pods -q); do
      crictl inspectp "$pod"
    done
    ```

    <page=2>
    ## Mitigation

    1. Restart the kubelet.
    2. Uncordon the node.

    # Escalation

    Ask the infrastructure team.
    "#);
    assert_eq!(
        document.meta.updated_at.map(|time| time.to_string()).as_deref(),
        Some("2026-02-16T00:00:00Z")
    );
}

#[test]
fn a_word_document_and_a_pdf_of_libreoffice() {
    let word = document("libreoffice.docx");
    insta::assert_snapshot!(word.body.as_str(), @r"
    # Relay queue is stuck

    The relay has **no workers**. See [the dashboard](https://example.com/dash) and run `kubectl get pods`.

    ## Steps

    1. Scale the workers up:
       - in the cluster
       - not by hand
    2. Wait until the queue is empty.

    ```
    kubectl scale sts/relay --replicas=3 \
      -n relay
    ```

    ## Limits

    | Queue | Alert |
    | --- | --- |
    | orders | 10 |
    | mails | 20 |

    Ask the team.
    ");
    let pdf = document("libreoffice.pdf");
    // The same but for what a page does not tell: links, strong words, code in a sentence.
    let plain = |text: &str| {
        let text = text.replace("[the dashboard](https://example.com/dash)", "the dashboard");
        text.replace("**", "").replace("run `kubectl get pods`", "run kubectl get pods")
    };
    assert_eq!(pdf.body.as_str(), plain(word.body.as_str()));
    assert_eq!(
        (word.meta.title.as_str(), pdf.meta.title.as_str()),
        ("Relay queue is stuck", "Relay queue is stuck")
    );
}

#[test]
fn what_cannot_be_read_says_why() {
    for (name, reason) in [
        ("locked.pdf", "protected by a password: save it without one"),
        ("scan.pdf", "no text: its pages are pictures, as those of a scan; run OCR on it first"),
    ] {
        assert_eq!(parsed(name, fixture(name)).rejected[0].reason, reason, "{name}");
    }
    let document = document("owner-locked.pdf");
    assert_eq!(document.body.as_str().trim(), "Restart the relay when it is stuck.");
}

/// A PDF with these objects, numbered from 1; the first is the catalogue.
fn pdf_of(objects: &[Vec<u8>]) -> Vec<u8> {
    let mut pdf = b"%PDF-1.4\n".to_vec();
    let mut places = Vec::new();
    for (at, object) in objects.iter().enumerate() {
        places.push(pdf.len());
        pdf.extend(format!("{} 0 obj\n", at + 1).into_bytes());
        pdf.extend(object);
        pdf.extend(b"\nendobj\n");
    }
    let xref = pdf.len();
    let size = objects.len() + 1;
    pdf.extend(format!("xref\n0 {size}\n0000000000 65535 f \n").into_bytes());
    places.iter().for_each(|place| pdf.extend(format!("{place:010} 00000 n \n").as_bytes()));
    pdf.extend(format!("trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{xref}\n%%EOF\n").as_bytes());
    pdf
}

/// A stream with these entries of its dictionary.
fn stream(entries: &str, content: &[u8]) -> Vec<u8> {
    let head = format!("<< {entries} /Length {} >>\nstream\n", content.len());
    [head.as_bytes(), content, b"\nendstream"].concat()
}

const FORM: &str = "/Type /XObject /Subtype /Form /BBox [0 0 9 9]";

/// A PDF with one page whose content is the object 4; `more` follow it.
fn pdf_with(resources: &str, content: Vec<u8>, more: Vec<Vec<u8>>) -> Vec<u8> {
    let page = format!(
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << {resources} >> >>"
    );
    let head = [
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_vec(),
        page.into_bytes(),
        content,
    ];
    pdf_of(&[head.to_vec(), more].concat())
}

/// A PDF whose page has these lines.
fn pdf_of_lines(lines: &[&str]) -> Vec<u8> {
    let font =
        "/Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >> >>";
    let shown: String = lines.iter().map(|line| format!("({line}) Tj 0 -20 Td ")).collect();
    pdf_with(font, stream("", format!("BT /F 12 Tf 50 700 Td {shown}ET").as_bytes()), Vec::new())
}

/// A PDF whose page draws a form that draws the next one `times` times, and so on, `depth` deep.
fn pdf_of_forms(times: usize, depth: usize) -> Vec<u8> {
    let form = |at: usize| {
        let content = if at + 1 < depth { "/X Do ".repeat(times) } else { "0 0 m ".repeat(50) };
        stream(&format!("{FORM} /Resources << /XObject << /X {} 0 R >> >>", at + 6), content.as_bytes())
    };
    pdf_with("/XObject << /X 5 0 R >>", stream("", b"/X Do"), (0..depth).map(form).collect())
}

#[test]
fn harmful_pdfs_are_refused() {
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    let part = vec![b' '; 1 << 20];
    (0..300).for_each(|_| packed.write_all(&part).expect("it is written"));
    let bomb = packed.finish().expect("it ends");
    let itself = stream(&format!("{FORM} /Resources << /XObject << /X 4 0 R >> >>"), b"/X Do");
    let each_other = [
        stream(&format!("{FORM} /Resources << /XObject << /X 6 0 R >> >>"), b"/X Do"),
        stream(&format!("{FORM} /Resources << /XObject << /X 5 0 R >> >>"), b"/X Do /X Do"),
    ];
    let long = stream(FORM, &b"0 0 m ".repeat(100_000));
    for (bytes, part) in [
        (pdf_with("", stream("/Filter /FlateDecode", &bomb), Vec::new()), "more than 100 times its size"),
        (pdf_with("/XObject << /X 4 0 R >>", itself, Vec::new()), "draws itself"),
        (pdf_with("/XObject << /X 5 0 R >>", stream("", b"/X Do"), each_other.to_vec()), "draws itself"),
        (pdf_of_forms(2, 30), "more than 100000 forms"),
        (pdf_of_forms(1, 40), "more than 32 deep"),
        (pdf_with("/XObject << /X 5 0 R >>", stream("", &b"/X Do ".repeat(1_000)), vec![long]), "256 MiB"),
        (b"%PDF-1.7\n%%EOF".to_vec(), "damaged"),
        (b"%PDF-1.7".to_vec(), "damaged"),
    ] {
        let started = Instant::now();
        let parsed = parsed("a.pdf", bytes);
        let reason = &parsed.rejected[0].reason;
        assert!(reason.contains(part), "{part}: {reason}");
        assert!(started.elapsed() < Duration::from_secs(5), "{reason}");
    }
    // Forms in forms are nothing bad.
    assert_eq!(parsed("a.pdf", pdf_of_forms(3, 6)).rejected[0].reason.split(':').next(), Some("no text"));
}

/// An office file whose main part is this, in an otherwise usual package.
fn docx_with(part: &[u8]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("word/document.xml", zip::write::SimpleFileOptions::default()).expect("it begins");
    zip.write_all(part).expect("it is written");
    zip.finish().expect("it ends").into_inner()
}

fn words(inner: &str) -> Vec<u8> {
    format!(r#"<w:document xmlns:w="w"><w:body>{inner}</w:body></w:document>"#).into_bytes()
}

#[test]
fn harmful_word_documents_are_refused() {
    let deep = format!("{}{}", "<w:sdt>".repeat(5_000), "</w:sdt>".repeat(5_000));
    let zeros = words(&format!("<w:p><w:r><w:t>{}</w:t></w:r></w:p>", " ".repeat(100 << 20)));
    let many = words(&"<w:tbl><w:tr><w:tc/></w:tr></w:tbl>".repeat(100_000));
    let entities = br#"<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c SYSTEM "file:///etc/passwd">]>
        <w:document xmlns:w="w"><w:body><w:p><w:r><w:t>&b;&c;</w:t></w:r></w:p></w:body></w:document>"#;
    for (bytes, part) in [
        (docx_with(&words(&deep)), "in each other more than"),
        (docx_with(&zeros), "more than 100 times its size"),
        (docx_with(&many), "split the file"),
        (docx_with(entities), "no text"),
        (docx_with(b"<w:document xmlns:w=\"w\"><w:body><w:p>"), "damaged"),
        (docx_with(b"<a></b>"), "damaged"),
        (docx_with(b""), "no text"),
        (b"PK\x03\x04".to_vec(), "damaged"),
    ] {
        let started = Instant::now();
        let parsed = parsed("a.docx", bytes);
        assert!(parsed.documents.is_empty(), "{part}");
        let reason = &parsed.rejected[0].reason;
        assert!(reason.contains(part), "{part}: {reason}");
        assert!(started.elapsed() < Duration::from_secs(5), "{reason}: {:?}", started.elapsed());
    }
}

/// Whatever is changed in a file, it is indexed or listed with a reason.
#[test]
fn damaged_files_end_well() {
    let mut random = 1u64;
    let mut pick = |below: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % below
    };
    for name in WORD_FILES.into_iter().chain(PDF_FILES) {
        let original = fixture(name);
        for _ in 0..60 {
            let mut bytes = original.clone();
            for _ in 0..=pick(12) {
                let (at, length) = (pick(bytes.len()), pick(40) + 1);
                let end = (at + length).min(bytes.len());
                match pick(4) {
                    0 => bytes[at] = pick(256) as u8,
                    1 => drop(bytes.drain(at..end)),
                    2 => bytes[at..end].fill(b'0' + pick(10) as u8),
                    _ => {
                        let copied = bytes[at..end].to_vec();
                        bytes.splice(at..at, copied);
                    }
                }
            }
            let started = Instant::now();
            let parsed = parsed(name, bytes);
            assert_eq!(parsed.documents.len() + parsed.rejected.len(), 1, "{name}: {parsed:?}");
            assert!(started.elapsed() < Duration::from_secs(40), "{name}");
        }
    }
}

struct World {
    dir: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let world = Self { dir: tempfile::tempdir().expect("a temporary directory") };
        fs::create_dir(world.docs()).expect("it can be made");
        world
    }

    fn docs(&self) -> PathBuf {
        self.dir.path().join("docs")
    }

    /// What the program says, as JSON.
    fn ingest(&self) -> serde_json::Value {
        let output = Command::new(env!("CARGO_BIN_EXE_ingest"))
            .current_dir(self.dir.path())
            .args(["--kb", "kb", "--embedder", "hashed", "--json", "docs"])
            .output()
            .expect("it starts");
        serde_json::from_slice(&output.stdout).expect("it prints JSON")
    }

    fn chunks(&self) -> Vec<String> {
        let output = Command::new(env!("CARGO_BIN_EXE_ingest"))
            .current_dir(self.dir.path())
            .args(["chunks", "--kb", "kb"])
            .output()
            .expect("it starts");
        let lines = String::from_utf8(output.stdout).expect("it prints UTF-8");
        lines.lines().map(str::to_owned).collect()
    }
}

#[test]
fn archives_are_folders() {
    let world = World::new();
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in [
        ("sops/b.md", b"# SOP\n\nSee [the PDF](../a.pdf).\n".to_vec()),
        ("a.pdf", fixture("fpdf.pdf")),
        ("c.docx", fixture("pandoc.docx")),
        ("../out.md", b"# Out\n".to_vec()),
        ("picture.png", b"\x89PNG\r\n".to_vec()),
    ] {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).expect("it begins");
        zip.write_all(&content).expect("it is written");
    }
    let zip = zip.finish().expect("it ends").into_inner();
    fs::write(world.docs().join("export.zip"), &zip).expect("it is written");
    fs::write(world.docs().join("a.md"), "# A\n\nText.\n").expect("it is written");
    let report = world.ingest();
    assert_eq!(report["documents"]["added"], 4, "{report}");
    let rejected: Vec<&str> = report["rejected"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|entry| entry["path"].as_str())
        .collect();
    assert_eq!(rejected, ["docs/export.zip/../out.md", "docs/export.zip/picture.png"]);
    let chunks = world.chunks().join("\n");
    for id in ["docs/export.zip/sops/b.md", "docs/export.zip/a.pdf", "docs/export.zip/c.docx", "docs/a.md"] {
        assert!(chunks.contains(&format!("\"document\":\"{id}\"")), "{id}: {chunks}");
    }
    let again = world.ingest();
    assert_eq!(again["documents"]["unchanged"], 4, "{again}");
    // Gone with the archive; the guard lets three go.
    fs::remove_file(world.docs().join("export.zip")).expect("it can be removed");
    assert_eq!(world.ingest()["documents"]["removed"], 3);
}

#[test]
fn the_child_answers_nobody_else() {
    let run = |argument: &str, input: &[u8]| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_ingest"))
            .args(["__convert", argument])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        child.stdin.take().expect("it has one").write_all(input).expect("it reads");
        child.wait_with_output().expect("it ends")
    };
    assert!(!run("exe", b"").status.success());
    let output = run("pdf", b"nothing");
    assert!(output.status.success() && output.stderr.is_empty());
    assert_eq!(output.stdout, b"{\"Refused\":\"damaged, or written as no program should: it cannot be opened as a PDF file; print it to PDF again\"}\n");
    let help = Command::new(env!("CARGO_BIN_EXE_ingest")).arg("--help").output().expect("it starts");
    assert!(!String::from_utf8_lossy(&help.stdout).contains("__convert"));
}

/// A run over office files that did not change says of them what the run before said, and writes nothing.
#[test]
fn an_unchanged_pdf_is_told_as_it_was() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let docs = dir.path().join("docs");
    fs::create_dir(&docs).expect("the name is free");
    for name in ["reportlab.pdf", "scan.pdf"] {
        fs::write(docs.join(name), fixture(name)).expect("there is space");
    }
    let key = format!("AKIA{}", "Q7RLMXVTN2ZPWK4D");
    const WORDS: &str = "the relay takes each message from its queue and hands it to one of the workers that are free so a slow worker \
                         holds up all others when the queue grows an alert fires and somebody on call looks at pods logs and limits";
    let known: Vec<&str> = WORDS.split_whitespace().collect();
    let words: Vec<&str> = (0..160).map(|at| known[(at * 7 + at / 9) % known.len()]).collect();
    let words: Vec<String> = words.chunks(10).map(|line| line.join(" ")).collect();
    let lines = |first: &'static str| {
        [&[first], words.iter().map(String::as_str).collect::<Vec<_>>().as_slice()].concat()
    };
    for (name, pdf) in [
        (
            "key.pdf",
            pdf_of_lines(&[
                &format!("The key is {key} for the bucket."),
                "Run kubectl get pods --export now.",
            ]),
        ),
        ("one.pdf", pdf_of_lines(&lines("One of two papers."))),
        ("two.pdf", pdf_of_lines(&lines("The other paper of the two."))),
        ("forms.pdf", pdf_of_forms(2, 30)),
        ("broken.docx", b"PK\x03\x04".to_vec()),
    ] {
        fs::write(docs.join(name), pdf).expect("there is space");
    }
    let run = |flags: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ingest"));
        command.args(["--kb", "kb", "--embedder", "hashed", "--json", "docs"]).args(flags);
        let output = command.current_dir(dir.path()).output().expect("the program runs");
        serde_json::from_slice::<serde_json::Value>(&output.stdout).expect("one JSON object")
    };
    let (first, second) = (run(&[]), run(&[]));
    assert_eq!((&first["documents"]["added"], &second["documents"]["unchanged"]), (&4.into(), &4.into()));
    assert_eq!(first["kb_version"], second["kb_version"]);
    for part in ["rejected", "warnings", "redacted", "secrets", "lint"] {
        assert_eq!(first[part], second[part], "{part}");
    }
    assert_eq!(
        first["secrets"],
        serde_json::json!([{ "path": "docs/key.pdf", "rule": "aws-access-key", "count": 1 }])
    );
    assert_eq!(
        (&first["lint"]["secret"], &first["lint"]["near-duplicate"]),
        (&1.into(), &1.into()),
        "{first}"
    );
    let rejected: Vec<&str> = first["rejected"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|entry| entry["path"].as_str())
        .collect();
    assert_eq!(rejected, ["docs/broken.docx", "docs/forms.pdf", "docs/scan.pdf"]);

    // Of one file nothing is forgotten about the others, which are told under the path that was typed.
    let program = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ingest"));
        let output = command.args(args).current_dir(dir.path()).output().expect("the program runs");
        assert!(output.status.success(), "{args:?}");
        output.stdout
    };
    program(&["--kb", "kb", "--embedder", "hashed", "docs/key.pdf"]);
    let typed = program(&["--kb", "kb", "--embedder", "hashed", "--json", "./docs"]);
    let typed: serde_json::Value = serde_json::from_slice(&typed).expect("one JSON object");
    assert_eq!(typed["secrets"][0]["path"], "./docs/key.pdf");
    assert_eq!(typed["lint"], first["lint"]);
    assert_eq!(typed["rejected"][1]["path"], "./docs/forms.pdf");

    // The knowledge base knows the rule that stands in the secret's place, and what the last run left out.
    let stored = program(&["lint", "--kb", "kb", "--json", "--fail-on", "never"]);
    let stored: serde_json::Value = serde_json::from_slice(&stored).expect("one JSON object");
    assert_eq!(
        (&stored["counts"]["secret"], &stored["counts"]["not-indexed"]),
        (&1.into(), &3.into()),
        "{stored}"
    );
    assert!(!stored.to_string().contains(&key));

    assert_eq!(run(&["--access", "ops"])["documents"]["changed"], 4, "what documents depend on is compared");
    assert_eq!(run(&["--access", "ops"])["documents"]["unchanged"], 4);

    // Under another name it is the same source.
    fs::rename(&docs, dir.path().join("papers")).expect("the name is free");
    program(&["rename", "--kb", "kb", "docs", "papers"]);
    let report = program(&["--kb", "kb", "--embedder", "hashed", "--json", "papers", "--access", "ops"]);
    let report = serde_json::from_slice::<serde_json::Value>(&report).expect("one JSON object");
    assert_eq!((&report["documents"]["unchanged"], &report["documents"]["removed"]), (&4.into(), &0.into()));
    assert_eq!(report["lint"], first["lint"]);
    assert_eq!(report["secrets"][0]["path"], "papers/key.pdf");
}

use super::*;
use crate::{
    convert::{Line, Page},
    formats::{Defaults, links::Pages, site::Site},
};

/// A line that stands at a place, in letters of a size.
fn line(x: f32, y: f32, size: f32, text: &str) -> Line {
    let end = x + text.chars().count() as f32 * size * 0.5;
    Line { x, end, y, size, letter: None, is_code: false, text: text.to_owned() }
}

/// A line of code, whose letters are six points wide.
fn code(x: f32, y: f32, text: &str) -> Line {
    let end = x + text.chars().count() as f32 * 6.0;
    Line { x, end, y, size: 10.0, letter: Some(6.0), is_code: text.len() > 3, text: text.to_owned() }
}

fn read(pdf: &Pdf) -> Parsed {
    let (pages, site, defaults) = (Pages::default(), Site::default(), Defaults::default());
    let place = Place {
        source: "kb",
        relative: "a.pdf",
        shown: "a.pdf",
        pages: &pages,
        site: &site,
        defaults: &defaults,
    };
    parsed(pdf, &place)
}

fn page(number: u32, lines: Vec<Line>) -> Page {
    Page { number, lines }
}

#[test]
fn lines_become_blocks() {
    let furniture = |number: u32| {
        [line(50.0, 20.0, 8.0, "Acme runbooks"), line(300.0, 780.0, 8.0, &format!("Page {number} of 3"))]
    };
    let mut first = vec![
        line(50.0, 60.0, 20.0, "Node down"),
        line(50.0, 90.0, 10.0, "The node does not answer and all its pods are being resched-"),
        line(50.0, 102.0, 10.0, "uled. The kube-proxy of the node may hang, or the kube-"),
        line(50.0, 114.0, 10.0, "proxy pod is gone."),
        line(50.0, 150.0, 14.0, "Steps"),
        line(60.0, 170.0, 10.0, "1. Look at the node:"),
        code(75.0, 186.0, "kubectl get node"),
        code(87.0, 198.0, "-o"),
        code(75.0, 222.0, "systemctl status kubelet"),
        line(60.0, 240.0, 10.0, "2. Drain it, and wait"),
        line(72.0, 252.0, 10.0, "until its pods are gone"),
    ];
    first.extend(furniture(1));
    let mut second = vec![
        line(72.0, 60.0, 10.0, "from the list."),
        line(60.0, 80.0, 10.0, "• with *care*"),
        line(50.0, 110.0, 14.0, "After that"),
        line(50.0, 130.0, 10.0, "Uncordon it."),
    ];
    second.extend(furniture(2));
    let mut third = vec![line(50.0, 60.0, 10.0, "The end.")];
    third.extend(furniture(3));
    let pdf = Pdf { pages: vec![page(1, first), page(2, second), page(3, third)], ..Pdf::default() };
    let parsed = read(&pdf);
    let [document] = parsed.documents.as_slice() else { panic!("one document: {parsed:?}") };
    insta::assert_snapshot!(document.body.as_str(), @r"
    # Node down

    The node does not answer and all its pods are being rescheduled. The kube-proxy of the node may hang, or the kube-proxy pod is gone.

    ## Steps

    1. Look at the node:

       ```
       kubectl get node
         -o

       systemctl status kubelet
       ```
    2. Drain it, and wait until its pods are gone from the list.

    - with \*care\*

    ## After that

    Uncordon it.

    The end.
    ");
    assert_eq!(document.meta.title, "Node down");
    let at = |words: &str| {
        let start = document.body.as_str().find(words).expect("it is there");
        document.fragment_at(document.body.source_range(start..start + words.len()).start)
    };
    assert_eq!(
        (at("Steps"), at("Uncordon"), at("The end")),
        (Some("page=1"), Some("page=2"), Some("page=3"))
    );
}

#[test]
fn the_outline_names_headings() {
    let lines = vec![
        line(50.0, 60.0, 10.0, "Overview"),
        line(50.0, 90.0, 10.0, "Overview"),
        line(50.0, 110.0, 10.0, "Some words."),
        line(50.0, 140.0, 12.0, "1.1 Details"),
        line(50.0, 160.0, 10.0, "More words."),
    ];
    let outline = vec![(1, "Overview".to_owned()), (2, "1.1 Details".to_owned())];
    let parsed = read(&Pdf { pages: vec![page(1, lines)], outline, ..Pdf::default() });
    let body = parsed.documents[0].body.as_str();
    assert!(body.starts_with("# Overview\n"), "{body}");
    assert!(body.contains("## 1.1 Details\n\nMore words."), "{body}");
}

#[test]
fn what_has_no_text_is_reported() {
    for (pdf, part) in [
        (Pdf { pages: vec![page(1, Vec::new())], ..Pdf::default() }, "run OCR"),
        (Pdf { unread: vec![1], ..Pdf::default() }, "none of its pages"),
        (
            Pdf {
                pages: vec![page(1, vec![line(0.0, 0.0, 10.0, "text")])],
                properties: vec![("Access".to_owned(), String::new())],
                ..Pdf::default()
            },
            "access",
        ),
    ] {
        let parsed = read(&pdf);
        assert!(parsed.documents.is_empty());
        assert!(parsed.rejected[0].reason.contains(part), "{:?}", parsed.rejected);
    }
    let pages = vec![page(1, vec![line(0.0, 0.0, 10.0, "text")]), page(2, Vec::new())];
    let parsed = read(&Pdf { pages, unread: vec![3, 4], ..Pdf::default() });
    let warnings: Vec<&str> = parsed.warnings.iter().map(|warning| warning.message.as_str()).collect();
    assert_eq!(
        warnings,
        ["pages 3, 4 cannot be read, or not to the end", "page 2 without text: pictures are not read"]
    );
}

#[test]
fn properties_are_read_as_front_matter() {
    let properties = [
        ("Title", "Microsoft Word - a.docx"),
        ("Author", "A. Author"),
        ("Keywords", "relay; oncall"),
        ("ModDate", "D:20240115093000+07'00'"),
        ("CreationDate", "D:2023"),
        ("access", "sre, oncall"),
    ];
    let properties = properties.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec();
    let pages = vec![page(1, vec![line(0.0, 0.0, 10.0, "text")])];
    let parsed = read(&Pdf { pages, properties, ..Pdf::default() });
    let meta = &parsed.documents[0].meta;
    assert_eq!((meta.title.as_str(), meta.author.as_deref()), ("a", Some("A. Author")));
    assert_eq!(
        (meta.labels.join(" "), meta.access.join(" ")),
        ("oncall relay".to_owned(), "oncall sre".to_owned())
    );
    assert_eq!(meta.updated_at.map(|time| time.to_string()).as_deref(), Some("2024-01-15T02:30:00Z"));
    assert_eq!(meta.created_at.map(|time| time.to_string()).as_deref(), Some("2023-01-01T00:00:00Z"));
}

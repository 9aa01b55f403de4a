//! Claims without a source, marked as a reader would see them: a citation covers what it stands in, what it ends and what it
//! introduces. What stands uncited between cited claims and says something is marked, a list with one note. Pure.
//!
//! Blocks come one by one; each is given back when nothing that follows can cover it any more. Entry points: [`Sources`],
//! and [`marked`] for a whole text.

use super::{
    citations,
    commands::{self, is_known_program},
};
use crate::{
    blocks::{Block, Blocks},
    markdown::{self, Leaf, Outline},
    phrases::Phrases,
};
use kb::{analyzer::is_cjk, prohibition};
use regex::Regex;
use std::{collections::BTreeSet, ops::Range, sync::LazyLock};

/// Shortest text that is a claim, in letters; a character of a script without spaces counts as three.
const MIN_CLAIM_LETTERS: usize = 20;

/// Most bytes that wait for a citation.
const MAX_WAITING: usize = 4 << 10;

/// How many levels up a citation is looked for that covers a claim.
const MAX_LEVELS: usize = 16;

/// A block that is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The text, with its marks.
    pub text: String,
    /// Whether a blank line stands before it.
    pub after_blank: bool,
    /// The citations outside of it that cover it.
    pub covered_by: BTreeSet<usize>,
}

/// The whole text with its marks; `held` looks at each block that is decided.
pub fn marked(
    text: &str,
    phrases: &Phrases,
    urls: &[&str],
    mut held: impl FnMut(&Placed) -> String,
) -> String {
    let mut blocks = Blocks::default();
    let mut found = blocks.push(text);
    found.extend(blocks.finish());
    let mut sources = Sources::new(phrases);
    let mut placed: Vec<Placed> = Vec::new();
    for Block { text, after_blank, .. } in found {
        placed.extend(sources.push(text, after_blank, urls));
    }
    placed.extend(sources.finish());
    let mut marked = String::with_capacity(text.len());
    for block in placed {
        if !marked.is_empty() {
            marked.push_str(if block.after_blank { "\n\n" } else { "\n" });
        }
        marked.push_str(&held(&block));
    }
    marked
}

/// Blocks on their way through, in order.
pub struct Sources<'a> {
    phrases: &'a Phrases,
    waiting: Vec<Waiting>,
    waiting_bytes: usize,
    /// Whether the sentence or heading that introduces what comes now has a citation.
    is_introduced: bool,
    /// Those citations.
    introduction: BTreeSet<usize>,
    /// The citations of the heading above, which cover its section.
    heading: BTreeSet<usize>,
    /// All citations so far, which cover a summary.
    so_far: BTreeSet<usize>,
    /// Whether the last block was an item.
    in_list: bool,
    /// Of the list that is open: how many items there were, and how many of them cite.
    num_items: usize,
    num_cited: usize,
}

/// A block that waits.
struct Waiting {
    text: String,
    after_blank: bool,
    /// Its place in its list, as a reader counts it.
    item: Option<usize>,
    /// What it cites.
    cited: BTreeSet<usize>,
    cites: bool,
    /// Where its uncovered claims end.
    claims: Vec<usize>,
    /// The citations outside of it that cover it.
    covered_by: BTreeSet<usize>,
}

impl<'a> Sources<'a> {
    /// Marks with these phrases.
    pub fn new(phrases: &'a Phrases) -> Self {
        Self {
            phrases,
            waiting: Vec::new(),
            waiting_bytes: 0,
            is_introduced: false,
            introduction: BTreeSet::new(),
            heading: BTreeSet::new(),
            so_far: BTreeSet::new(),
            in_list: false,
            num_items: 0,
            num_cited: 0,
        }
    }

    /// The texts that wait.
    pub fn waiting(&self) -> impl Iterator<Item = &str> {
        self.waiting.iter().map(|waiting| waiting.text.as_str())
    }

    /// Takes the next block; returns those that are decided. Whatever has one of `urls` has a source.
    pub fn push(&mut self, text: String, after_blank: bool, urls: &[&str]) -> Vec<Placed> {
        let summary = Summary::of(&text, self.phrases, urls);
        let mut placed = Vec::new();
        let was_in_list = std::mem::replace(&mut self.in_list, summary.item.is_some());
        if was_in_list && summary.item.is_none() {
            self.end_list();
        }
        let mut claims = summary.claims;
        let item = summary.item.map(|number| {
            if !was_in_list {
                (self.num_items, self.num_cited) = (0, 0);
            }
            self.num_items += 1;
            number.unwrap_or(self.num_items)
        });
        let cited = citations::resolve(&text, |n| n > 0).cited;
        let mut covered_by = BTreeSet::new();
        if !summary.cites && summary.kind != Kind::Heading && !claims.is_empty() {
            let sums_up = matches!(summary.kind, Kind::Text) && SUMMARY.is_match(&text);
            for around in [Some(&self.heading), sums_up.then_some(&self.so_far)].into_iter().flatten() {
                if !around.is_empty() {
                    claims.clear();
                    covered_by.extend(around);
                }
            }
        }
        self.so_far.extend(&cited);
        match summary.kind {
            Kind::Item => {
                if self.is_introduced {
                    claims.clear();
                    covered_by.clone_from(&self.introduction);
                }
                self.num_cited += usize::from(summary.cites);
            }
            Kind::Heading => {
                placed = self.release();
                self.is_introduced = summary.cites;
                self.introduction.clone_from(&cited);
                self.heading.clone_from(&cited);
            }
            Kind::Lone => {
                self.waiting.iter_mut().for_each(|waiting| waiting.be_covered_by(&cited));
                self.is_introduced = false;
            }
            Kind::Quotation if !summary.cites => {
                if std::mem::take(&mut self.is_introduced) {
                    claims.clear();
                    covered_by.clone_from(&self.introduction);
                }
            }
            Kind::Text | Kind::Quotation if summary.cites => {
                if REASON.is_match(&text)
                    && let Some(answer) = self.waiting.last_mut().filter(|last| last.item.is_none())
                {
                    answer.be_covered_by(&cited);
                }
                placed = self.release();
                self.is_introduced = summary.introduces;
                self.introduction.clone_from(&cited);
            }
            Kind::Text | Kind::Quotation => self.is_introduced = false,
            Kind::Shown => {}
        }
        self.waiting_bytes += text.len();
        self.waiting.push(Waiting {
            text,
            after_blank,
            item,
            cited,
            cites: summary.cites,
            claims,
            covered_by,
        });
        let is_decided = self.waiting.iter().all(|waiting| waiting.claims.is_empty());
        if is_decided || self.waiting_bytes > MAX_WAITING {
            placed.extend(self.release());
        }
        placed
    }

    /// What still waits when the text has ended.
    pub fn finish(&mut self) -> Vec<Placed> {
        if self.in_list {
            self.end_list();
        }
        self.release()
    }

    /// A list whose only citation ends it is covered by it.
    fn end_list(&mut self) {
        let ends_cited = self.waiting.last().is_some_and(|last| last.item.is_some() && last.cites);
        if ends_cited && self.num_cited == 1 {
            let cited = self.waiting.last().map(|last| last.cited.clone()).unwrap_or_default();
            let items = self.waiting.iter_mut().rev().take_while(|waiting| waiting.item.is_some());
            items.for_each(|waiting| waiting.be_covered_by(&cited));
        }
    }

    /// Gives out what waits, with its marks: one for each claim, and one for all items of a list.
    fn release(&mut self) -> Vec<Placed> {
        self.waiting_bytes = 0;
        let mut placed: Vec<Placed> = Vec::new();
        let waiting = std::mem::take(&mut self.waiting);
        for group in waiting.chunk_by(|one, next| one.item.is_some() && next.item.is_some()) {
            let uncovered: Vec<&Waiting> =
                group.iter().filter(|waiting| !waiting.claims.is_empty()).collect();
            let one_note = uncovered.len() > 1;
            for Waiting { text, after_blank, claims, covered_by, .. } in group {
                let mut text = text.clone();
                for end in claims.iter().rev().filter(|_| !one_note) {
                    text.insert_str(*end, &format!(" ({})", self.phrases.uncited));
                }
                placed.push(Placed { text, after_blank: *after_blank, covered_by: covered_by.clone() });
            }
            if one_note {
                let numbers = uncovered.iter().filter_map(|waiting| waiting.item);
                let text = format!("({})", self.phrases.uncited_items(numbers));
                placed.push(Placed { text, after_blank: true, covered_by: BTreeSet::new() });
            }
        }
        placed
    }
}

impl Waiting {
    /// Takes citations outside of it for its own.
    fn be_covered_by(&mut self, cited: &BTreeSet<usize>) {
        self.claims.clear();
        self.covered_by.extend(cited);
    }
}

/// How a sentence begins that sums up what was said.
static SUMMARY: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?xi)^[\W_]*(?: (?:in\ (?:short|brief|summary|a\ nutshell|one\ sentence|other\ words) | to\ (?:summari[sz]e|sum\ up|recap|conclude)
        | (?:the\ )?bottom\ line | tl;?\ ?dr | summary | recap | overall | conclusion | key\ takeaway s?
        | tóm\ lại | tóm\ tắt | nói\ (?:ngắn\ gọn|tóm\ lại) | kết\ luận
        | singkatnya | ringkasnya | ringkasan | intinya | kesimpulan(?:nya)?) \b
        | 总之 | 總之 | 总结 | 總結 | 小结 | 小結 | 简而言之 | 簡而言之 | 简言之 | 簡言之 | 一句话 | 一句話 | 综上 | 綜上 | 结论 | 結論 )",
    )
    .expect("the pattern is valid")
});

/// How a paragraph begins that gives the reason of the one before.
static REASON: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?xi)^[\W_]*(?: (?:why | reason s? | the\ reason | because | background | explanation | details | lý\ do | vì\ sao | tại\ sao | giải\ thích
        | alasan(?:nya)? | sebab(?:nya)? | mengapa | kenapa | penjelasan) \b | 原因 | 理由 | 为什么 | 為什麼 | 因为 | 因為 | 说明 | 說明 | 依据 | 依據 )",
    )
    .expect("the pattern is valid")
});

/// Signs in front of items that are no list to Markdown.
const BULLETS: &str = "☐☑☒✅✔✓❌✗•●○▪▫■□▸►‣⁃·→➤➜";

/// What a block is to those around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Item,
    Heading,
    /// Nothing but citations.
    Lone,
    Text,
    /// What a document says, word for word.
    Quotation,
    /// Code, a table, a line: no claim.
    Shown,
}

struct Summary {
    kind: Kind,
    /// Of an item: its number, where it has one.
    item: Option<Option<usize>>,
    cites: bool,
    introduces: bool,
    claims: Vec<usize>,
}

/// Running text within a block: a paragraph, an item's own text, a labelled line.
struct Part {
    range: Range<usize>,
    /// The list item or quotation that it stands in.
    parent: Option<usize>,
    cites: bool,
    /// Whether its citations stand at its end only.
    ends_cited: bool,
    introduces: bool,
    is_claim: bool,
}

impl Summary {
    fn of(text: &str, phrases: &Phrases, urls: &[&str]) -> Self {
        let outline = markdown::outline(text);
        let mut parts: Vec<Part> = Vec::new();
        for leaf in outline.leaves.iter().filter(|leaf| leaf.is_running_text) {
            parts.extend(
                labelled_lines(text, leaf).map(|range| Part::of(text, range, leaf.parent, phrases, urls)),
            );
        }
        let cites = parts.iter().any(|part| part.cites)
            || outline.leaves.iter().any(|leaf| {
                !leaf.is_running_text && !leaf.is_code && is_cited(&text[leaf.range.clone()], urls)
            });
        let start = text.trim_start();
        // Signs that people write in front of items, and Markdown does not know.
        let is_bulleted = start.starts_with(|c| BULLETS.contains(c));
        let item = outline.item_numbers.first().copied().or(is_bulleted.then_some(None));
        let is_heading = outline.leaves.first().is_some_and(|leaf| leaf.is_heading);
        let kind = match parts.first() {
            _ if item.is_some() => Kind::Item,
            _ if is_heading => Kind::Heading,
            None => Kind::Shown,
            Some(part) if parts.len() == 1 && part.cites && is_lone(&text[part.range.clone()]) => Kind::Lone,
            Some(_) if start.starts_with('|') => Kind::Shown,
            Some(_) if start.starts_with('>') => Kind::Quotation,
            Some(_) => Kind::Text,
        };
        let introduces = parts.last().is_some_and(|part| part.introduces);
        Self { kind, item, cites, introduces, claims: uncovered(&parts, &outline) }
    }
}

/// Where the claims end that no citation of their block covers. An item and what stands below it counts once.
fn uncovered(parts: &[Part], outline: &Outline) -> Vec<usize> {
    let mut own_cites = vec![false; outline.parents.len()];
    let mut seen = vec![false; outline.parents.len()];
    for part in parts {
        if let Some(parent) = part.parent
            && !std::mem::replace(&mut seen[parent], true)
        {
            own_cites[parent] = part.cites;
        }
    }
    let num_cited = parts.iter().filter(|part| part.cites).count();
    if num_cited == 1 && parts.last().is_some_and(|part| part.cites && part.ends_cited) {
        return Vec::new();
    }
    let ancestors = |part: &Part| {
        std::iter::successors(part.parent, |parent| outline.parents[*parent])
            .take(MAX_LEVELS)
            .collect::<Vec<_>>()
    };
    let mut introduction: Option<&Part> = None;
    let mut claims: Vec<&Part> = Vec::new();
    for part in parts {
        let around = ancestors(part);
        // What introduces a list covers its items and those below them.
        let is_introduced = introduction.is_some_and(|introduction| {
            introduction.parent != part.parent
                && introduction.parent.is_none_or(|parent| around.contains(&parent))
        });
        if part.is_claim && !part.cites && !is_introduced && !around.iter().any(|parent| own_cites[*parent]) {
            claims.push(part);
        }
        if part.introduces && part.cites {
            introduction = Some(part);
        } else if !is_introduced {
            introduction = None;
        }
    }
    let is_item = parts.first().is_some_and(|part| part.parent.is_some());
    match parts.first().filter(|first| is_item && !first.cites && claims.len() > 1) {
        Some(own) => vec![own.range.end],
        None => claims.iter().map(|part| part.range.end).collect(),
    }
}

impl Part {
    fn of(text: &str, range: Range<usize>, parent: Option<usize>, phrases: &Phrases, urls: &[&str]) -> Self {
        let raw = &text[range.clone()];
        let end = range.start + raw.trim_end().len();
        let without = citations::resolve(raw, |_| false).text;
        let cites = is_cited(raw, urls);
        let body = raw.trim_end().trim_end_matches(['.', '。', '*', '_', ')', '）', ' ']);
        let num_markers = citations::resolve(raw, |n| n > 0).cited.len();
        let tail = citations::tail(body);
        let ends_cited = cites && citations::resolve(tail, |n| n > 0).cited.len() == num_markers;
        let bare = without.trim_end().trim_end_matches(['*', '_', ' ']);
        let is_lead = bare.ends_with([':', '：']);
        let introduces = is_lead || leads_on(bare);
        let is_claim =
            !is_lead && !raw.trim_start().starts_with(['#', '|']) && says_something(&without, phrases);
        Self { range: range.start..end, parent, cites, ends_cited, introduces, is_claim }
    }
}

/// Whether a text without a colon introduces what comes next: it says so, or it is as short as a heading and no sentence.
fn leads_on(text: &str) -> bool {
    const MAX_HEADING_CHARS: usize = 60;
    static LEAD: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?i)\b(?:following|as follows|below|in this order|these (?:steps|causes|commands|checks|reasons))\b|以下|如下|下列|依序|依次|sau đây|như sau|dưới đây|berikut")
            .expect("the pattern is valid")
    });
    let last = markdown::sentences(text).last().copied().unwrap_or_default();
    let is_sentence = text.ends_with(['.', '。', '!', '！', '?', '？', ';', '；']);
    LEAD.is_match(last) || (!is_sentence && text.chars().count() <= MAX_HEADING_CHARS)
}

fn is_cited(raw: &str, urls: &[&str]) -> bool {
    !citations::resolve(raw, |n| n > 0).cited.is_empty() || urls.iter().any(|url| raw.contains(url))
}

/// Whether a text is nothing but citations, and a word such as `Source:`.
fn is_lone(raw: &str) -> bool {
    const WORDS: [&str; 18] = [
        "source",
        "sources",
        "reference",
        "references",
        "ref",
        "see",
        "sumber",
        "referensi",
        "lihat",
        "nguồn",
        "thamkhảo",
        "xem",
        "来源",
        "來源",
        "参考",
        "參考",
        "参见",
        "參見",
    ];
    let rest = citations::resolve(raw, |_| false).text;
    let word: String = rest.chars().filter(|c| c.is_alphanumeric()).collect();
    word.is_empty() || WORDS.contains(&word.to_lowercase().as_str())
}

/// The lines of running text that a label begins; the whole where none does.
fn labelled_lines(text: &str, leaf: &Leaf) -> impl Iterator<Item = Range<usize>> {
    let raw = &text[leaf.range.clone()];
    let starts = raw.match_indices('\n').map(|(at, _)| at + 1);
    let mut starts: Vec<usize> = starts.filter(|at| is_label(&raw[*at..])).collect();
    starts.insert(0, 0);
    let ends: Vec<usize> = starts.iter().skip(1).copied().chain([raw.len()]).collect();
    let begin = leaf.range.start;
    starts.into_iter().zip(ends).map(move |(start, end)| begin + start..begin + end)
}

fn is_label(line: &str) -> bool {
    let line = line.trim_start_matches([' ', '*', '_']);
    ["Error:", "Solution:"].iter().any(|label| line.starts_with(label))
}

/// Whether a text without its citations says something that needs a source: what only shows commands, greets, or tells
/// what the documents lack does not.
fn says_something(text: &str, phrases: &Phrases) -> bool {
    let mut text = text.to_owned();
    for mark in [
        phrases.unverified,
        phrases.destructive,
        phrases.removed,
        phrases.forbidden,
        phrases.uncited,
        phrases.unsupported,
    ] {
        text = text.replace(mark, "");
    }
    let code = markdown::code_ranges(&text);
    let is_command = |code: &str| {
        let mut words = code.trim_matches(['`', ' ', '$']).split_whitespace();
        words.next().is_some_and(is_known_program) && words.next().is_some()
    };
    let mut hidden: Vec<Range<usize>> =
        code.into_iter().filter(|range| is_command(&text[range.clone()])).collect();
    hidden.extend(commands::in_sentences(&text));
    hidden.sort_by_key(|range| range.start);
    let said =
        crate::text::edited(&text, hidden.into_iter().map(|range| (range, String::new()))).replace('\n', " ");
    let weight = |c: char| if is_cjk(c) { 3 } else { usize::from(c.is_alphabetic()) };
    let claims = markdown::sentences(&said).into_iter().filter(|sentence| !claims_nothing(sentence));
    claims.flat_map(str::chars).map(weight).sum::<usize>() >= MIN_CLAIM_LETTERS
}

/// Whether a sentence needs no source: it greets, or tells what the documents lack or the author cannot see.
pub(super) fn claims_nothing(sentence: &str) -> bool {
    is_courtesy(sentence) || tells_of_documents(sentence) || tells_of_author(sentence)
}

/// Greetings and offers, each as it begins a sentence: lower case, sorted.
static COURTESIES: LazyLock<Vec<&str>> = LazyLock::new(|| include_str!("courtesies.txt").lines().collect());

/// Whether a sentence greets, thanks, wishes or offers; not if much follows.
fn is_courtesy(sentence: &str) -> bool {
    const INTERJECTIONS: [&str; 20] = [
        "certainly",
        "chào bạn",
        "halo",
        "hello",
        "hey",
        "hi",
        "of course",
        "okay",
        "ok",
        "sure",
        "thank you",
        "thanks",
        "xin chào",
        "vâng",
        "你好",
        "好的",
        "您好",
        "感謝",
        "感谢",
        "当然",
    ];
    const MAX_REST_CHARS: usize = 48;
    let lower = sentence.replace('’', "'").to_lowercase();
    let mut rest = lower.as_str();
    // What follows an interjection is judged by itself.
    loop {
        rest = rest.trim_start_matches(|c: char| !c.is_alphanumeric());
        let after = INTERJECTIONS.iter().find_map(|word| rest.strip_prefix(word));
        match after.filter(|after| !after.starts_with(|c: char| c.is_alphanumeric() && !is_cjk(c))) {
            Some(after) => rest = after,
            None => break,
        }
    }
    rest.is_empty()
        || COURTESIES.iter().any(|beginning| {
            rest.strip_prefix(beginning).is_some_and(|rest| {
                let is_word = beginning.ends_with(is_cjk) || !rest.starts_with(char::is_alphanumeric);
                is_word && rest.chars().count() <= MAX_REST_CHARS && !rest.contains('`')
            })
        })
}

/// Whether a sentence says what the answer's author cannot see or do, which no document can prove; not if much follows.
fn tells_of_author(sentence: &str) -> bool {
    const MAX_CHARS: usize = 140;
    static LIMIT: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r"(?xi)^[\W_]*(?:but\ |though\ |however,?\ )?(?:
            (?:i|we)\ (?:can(?:not|\ not|['’]t)|could(?:\ not|n['’]t)|do(?:\ not|n['’]t)|have(?:\ no|n['’]t)|am\ (?:not\ able|unable))\b.{0,30}?\b(?:see|access|look|check|inspect|view|tell|know|verify|reach|connect|log\ in)\b
            | (?:tôi|mình|em)\ (?:không|chưa)\ (?:thể\ |có\ quyền\ |có\ cách\ )?(?:xem|thấy|truy\ cập|kiểm\ tra|biết|nhìn|vào|kết\ nối)
            | (?:saya|aku|kami)\ (?:tidak|belum)\ (?:dapat\ |bisa\ |punya\ |memiliki\ )?(?:melihat|mengakses|akses|memeriksa|mengecek|tahu|masuk|terhubung)
            | (?:我|本人)(?:无法|無法|不能|看不到|看不見|没有|沒有|没法|沒法|不清楚|不知道).{0,12}?(?:查看|访问|訪問|看到|存取|连接|連接|連線|检查|檢查|权限|權限|你的|您的|集群|叢集)
            )",
        )
        .expect("the pattern is valid")
    });
    sentence.chars().count() <= MAX_CHARS
        && !sentence.contains('`')
        && LIMIT.is_match(sentence)
        && prohibition::advised(sentence).is_empty()
}

/// Whether a sentence says what the documents do not hold, which no document can prove.
fn tells_of_documents(sentence: &str) -> bool {
    static LACK: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r"(?xi)
            \b(?:documents?|docs|documentation|runbooks?|knowledge\ base|evidence|sources?)\b [^.;]{0,40}?
              (?: \b(?:only|partly|partially|barely|but\ not)\b
                | \b(?:do(?:es)?|did)(?:\ not|n['’]t)\ (?:\w+\ )?(?:cover|say|tell|mention|contain|describe|explain|include|provide|give|list|show|state|specify|name|go|hold)\b
                | \bno\ (?:fix|information|details?|steps?|answer|solution|guidance|mention)\b )
            | ^\W*(?:what\ )?i\ (?:could|can|did)(?:\ not|n['’]t)\ find\b | \bnot\ (?:covered|mentioned|described|documented)\b [^.;]{0,20} \b(?:documents?|docs|runbooks?)\b
            | (?:文档|文件|文檔|知识库|知識庫|资料|資料)[^。；]{0,12}(?:没有|沒有|未|并不|並不|不包含|只涵盖|只涵蓋|仅涵盖|僅涵蓋)[^。；]{0,16}
            | \btài\ liệu\b[^.;]{0,30}\b(?:không|chưa|chỉ)\b[^.;]{0,12}\b(?:có|nói|đề\ cập|bao\ gồm|mô\ tả|nêu|chứa|nhắc)\b
            | \bdokumen\b[^.;]{0,30}\b(?:tidak|belum|hanya)\b[^.;]{0,12}\b(?:memuat|mencakup|menyebut\w*|menjelaskan|berisi|membahas|ada)\b",
        )
        .expect("the pattern is valid")
    });
    LACK.is_match(sentence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kb::question::Language;

    /// `?` stands for the mark of one claim, `? 1, 2` for that of items.
    fn check(text: &str, expected: &str) {
        for tag in ["en", "vi"] {
            let phrases = crate::phrases::phrases(&Language(tag.to_owned()));
            let urls = ["https://wiki.example.com/drain"];
            let mut found = marked(text, phrases, &urls, |placed| placed.text.clone());
            for items in [vec![1, 2], vec![2, 3], vec![1, 2, 3], vec![1, 3]] {
                let written: Vec<String> = items.iter().map(usize::to_string).collect();
                let short = format!("? {}", written.join(", "));
                found = found.replace(&phrases.uncited_items(items.iter().copied()), &short);
            }
            assert_eq!(found.replace(phrases.uncited, "?"), expected, "{tag}: {text}");
        }
    }

    fn stays(text: &str) {
        check(text, text);
    }

    #[test]
    fn data_is_sorted_and_unique() {
        assert!(COURTESIES.is_sorted() && COURTESIES.windows(2).all(|pair| pair[0] != pair[1]));
        assert!(COURTESIES.iter().all(|line| !line.is_empty() && line.to_lowercase() == **line));
    }

    #[test]
    fn claims_without_a_citation_are_marked() {
        check("The container was killed by the kernel.", "The container was killed by the kernel. (?)");
        check(
            "Error: the container was killed [1].\nSolution: raise the memory limit now.",
            "Error: the container was killed [1].\nSolution: raise the memory limit now. (?)",
        );
        check("馬上把整個叢集刪掉。", "馬上把整個叢集刪掉。 (?)");
        check(
            "Look at containers[0] of the failing workload.",
            "Look at containers[0] of the failing workload. (?)",
        );
        check(
            "The kernel wrote `oom [1]` into its own log.",
            "The kernel wrote `oom [1]` into its own log. (?)",
        );
        check("```x``` is what the container has written.", "```x``` is what the container has written. (?)");
        check(
            "The kernel killed the container now.\n\nRaise the limit of it [1].",
            "The kernel killed the container now. (?)\n\nRaise the limit of it [1].",
        );
    }

    #[test]
    fn wishes_and_introduced_quotations_need_no_source() {
        stays("Only with the approval of the owner [1].\n\nChúc bạn trực ca thuận lợi, mọi việc suôn sẻ!");
        stays("Only with the approval of the owner [1].\n\nHave a quiet rest of your shift.");
        stays("Only with the approval of the owner [1].\n\nSemoga shift Anda berjalan lancar.");
        stays("只有在負責人同意之後才可以 [1]。\n\n祝值班順利，一切平安，早點休息。");
        stays(
            "No, and the runbook is explicit about it [1]:\n\n> Do not silence the alert. It sends customers to pods.",
        );
        check(
            "No, and the runbook is explicit about it [1]:\n\n> Do not silence the alert.\n\nRestart all of the pods now.",
            "No, and the runbook is explicit about it [1]:\n\n> Do not silence the alert.\n\nRestart all of the pods now. (?)",
        );
        check("> Do not silence the alert of it.", "> Do not silence the alert of it. (?)");
    }

    #[test]
    fn a_reader_sees_what_covers_a_claim() {
        // A heading covers its section, and no other.
        check(
            "### Is it urgent? [1]\n\nIt can wait until the next morning, as nothing is lost.\n\n### And then\n\nDelete the volume of the pod.",
            "### Is it urgent? [1]\n\nIt can wait until the next morning, as nothing is lost.\n\n### And then\n\nDelete the volume of the pod. (?)",
        );
        // A summary repeats what stands above; where nothing is cited, it is a claim.
        stays("The dependency is down [1].\n\n*In short: fix the dependency, leave the pods alone.*");
        stays("The dependency is down [1].\n\nSingkatnya, perbaiki dependensinya dan biarkan pod-nya.");
        stays("依賴的服務故障 [1]。\n\n總之，先修好依賴的服務，不要動 Pod。");
        check("In short: fix the dependency of the pods.", "In short: fix the dependency of the pods. (?)");
        // An answer, and then its reason.
        stays(
            "Don't delete it while migrate is running.\n\n**Why:** the pod holds the lock of the database [1].",
        );
        stays("Jangan hapus Job itu selama migrasi berjalan.\n\nAlasannya: pod memegang kunci [1].");
        // Signs in front of items.
        stays(
            "Three have to agree [1]:\n\n☐ the owner of the service\n\n☐ the database team on duty\n\n• the incident commander",
        );
        // What the author cannot see.
        stays("I can't see your cluster, but here is where I'd start.\n\nLook at the pod [1].");
        stays(
            "I don't have access to your cluster, so I can't tell which one it is.\n\nLook at the pod [1].",
        );
        check(
            "I can't see your cluster, so delete the namespace of it.\n\nLook at the pod [1].",
            "I can't see your cluster, so delete the namespace of it. (?)\n\nLook at the pod [1].",
        );
        stays("Tôi không thể truy cập cụm của bạn.\n\nXem pod [1].");
        stays("我無法存取你的叢集，所以只能依文件說明。\n\n查看 Pod [1]。");
    }

    #[test]
    fn what_stands_between_cited_claims_is_marked() {
        check(
            "1. Look at the log of the pod [1]\n2. Delete the volume of the pod\n3. Wait for the new pod [1]",
            "1. Look at the log of the pod [1]\n2. Delete the volume of the pod (?)\n3. Wait for the new pod [1]",
        );
        check(
            "1. Look at the log of the pod [1]\n2. Delete the volume of the pod\n3. Wipe the disk of the node\n4. Wait for it [1]",
            "1. Look at the log of the pod [1]\n2. Delete the volume of the pod\n3. Wipe the disk of the node\n4. Wait for it [1]\n\n(? 2, 3)",
        );
        check(
            "It was killed by the kernel [1].\n\nSo delete the whole cluster now.\n\nThen wait for it [1].",
            "It was killed by the kernel [1].\n\nSo delete the whole cluster now. (?)\n\nThen wait for it [1].",
        );
        check(
            "1. Do this [1]:\n   - look at the log of the pod\n2. Delete all volumes of the shop\n3. Wait for it [2]",
            "1. Do this [1]:\n   - look at the log of the pod\n2. Delete all volumes of the shop (?)\n3. Wait for it [2]",
        );
    }

    #[test]
    fn a_list_has_one_note() {
        check(
            "Steps:\n1. Look at the log of the pod\n2. Delete the volume of the pod\n3. Wait for the new pod of it",
            "Steps:\n1. Look at the log of the pod\n2. Delete the volume of the pod\n3. Wait for the new pod of it\n\n(? 1, 2, 3)",
        );
        check(
            "- Look at the log of the pod\n- Delete it\n- Wait for the new pod of it\n\nIt is fine [1].",
            "- Look at the log of the pod\n- Delete it\n- Wait for the new pod of it\n\n(? 1, 3)\n\nIt is fine [1].",
        );
        check(
            "1. Look [1]\n2. Verify:\n   - the pods of the shop are ready\n   - the nodes of the pool are ready\n3. Done [1]",
            "1. Look [1]\n2. Verify: (?)\n   - the pods of the shop are ready\n   - the nodes of the pool are ready\n3. Done [1]",
        );
    }

    #[test]
    fn a_citation_covers_what_it_ends() {
        stays("1. Look at the log of the pod\n2. Raise the limit of the pod\n3. Wait for the new pod [1]");
        stays(
            "The disk of the node is too slow.\n\n1. Look at the log of it\n2. Stop the backup on the node\n\n[1]",
        );
        stays("- Look at the log of the pod\n- Wait for the new pod of it\n\nSource: [1]");
        stays(
            "Error: The Deployment was scaled a moment ago.\nSolution: Wait two minutes; it settles. [1][2]",
        );
        stays("Error: 两个 Pod 尚未就绪，Service 没有端点。\nSolution: 1. 查看事件；2. 检查探针与日志。[1]");
        stays(
            "1. Stop what competes for the disk.\n   It needs low latency and a disk of its own [1].\n2. Wait for it [1]",
        );
        stays("Look at the disk of the node. It is slow, and others write to it [1].");
    }

    #[test]
    fn a_citation_covers_what_it_introduces() {
        stays(
            "The likely causes are [1]:\n\n- That node's disk, or a neighbour\n- Storage backend, snapshot or backup",
        );
        stays(
            "Steps (all from [1]):\n\n1. Stop what competes for the disk\n2. Do not restart the members of it",
        );
        stays("可能的原因 [1]：\n\n- 節點的磁碟太慢，或鄰居在寫入\n- 備份或快照正在執行");
        stays(
            "Check the following, in order [1].\n\n- The disk of the node, or a neighbour of it\n- Storage backend, snapshot or backup",
        );
        stays(
            "**Possible causes** [1]\n\n- The disk of the node, or a neighbour of it\n- Storage backend, snapshot or backup",
        );
        stays(
            "Lakukan langkah berikut [1].\n\n1. Periksa log dari pod yang gagal itu\n2. Naikkan batas memori dari pod itu",
        );
        stays("## Steps [1]\n\n1. Stop what competes for the disk\n2. Do not restart the members of it");
        stays("Các bước [1]:\n- Kiểm tra nhật ký của pod này\n- Tăng giới hạn bộ nhớ của nó");
        stays(
            "1. Check how devices are selected [1][2]:\n   - `useAllDevices: true` – all local devices\n   - devices must show up under `/dev`",
        );
        stays(
            "1. **Check the pods** [1]\n    * Look at the pods of etcd on each node.\n        * Those on the control plane come first.",
        );
        stays("依結束代碼判斷 [1]：\n   - `137`：SIGKILL，可能是記憶體不足\n   - `127`：找不到指令");
    }

    #[test]
    fn nested_items_cite_for_themselves() {
        stays("1.  Check:\n    -   Look at the log of the member for slow writes [1].");
        stays(
            "* Nested\n    * deeper item about the disk of the node [1]\n        * deepest item about the backup [1]",
        );
        stays(
            "1. Check:\n   - Look at the disk of the node [1].\n     - deeper: look at the storage backend [1].\n       - deepest: look at the log shipping [1].",
        );
    }

    #[test]
    fn what_needs_no_source_is_not_marked() {
        for text in [
            "# A heading that is quite long enough\n\n```\nkubectl get pods --all-namespaces\n```",
            "> ```\n> kubectl apply -f /tmp/some-file.yaml\n> ```",
            "Semoga membantu! 😊",
            "Hope this helps! Let me know if you need more details.",
            "Sure, here's what to do.",
            "希望对你有帮助！如有疑问，请随时告诉我。",
            "Chúc bạn thành công! Nếu cần thêm thông tin, hãy hỏi tôi.",
            "See the page: draining a node safely (https://wiki.example.com/drain).",
            "Step 3:\n    kubectl -n kube-system logs etcd-cp-1 --since=15m",
            "3. Verify:\n   - `kubectl -n kube-system get pods -l k8s-app=kube-dns`\n   - `kubectl -n karpenter logs -l app=karpenter`",
            "The documents only partly cover this.",
            "The documents show the error but not its fix; they don't describe the steps.",
            "What I could not find: how to trigger the operator again.",
            "文件沒有說明如何修復這個問題。",
            "Tài liệu không nói cách khắc phục lỗi này.",
            "Dokumen tidak menjelaskan cara memperbaikinya.",
            "| Finding | Do |\n|---|---|\n| The disk of the node is slow | stop the backup |",
        ] {
            stays(text);
        }
    }

    #[test]
    fn courtesies_hide_no_claim() {
        check(
            "Hope this helps. Delete the whole namespace of the shop.",
            "Hope this helps. Delete the whole namespace of the shop. (?)",
        );
        check(
            "Sure, and then you should delete the whole namespace of the shop at once.",
            "Sure, and then you should delete the whole namespace of the shop at once. (?)",
        );
        check("Okay, delete the namespace of the shop.", "Okay, delete the namespace of the shop. (?)");
        check(
            "It was killed by the kernel [1].\n\n1. Delete the namespace of the shop\n2. Wipe the disks of the nodes",
            "It was killed by the kernel [1].\n\n1. Delete the namespace of the shop\n2. Wipe the disks of the nodes\n\n(? 1, 2)",
        );
    }
}

//! The actions that one sentence forbids or advises. Pure.

use super::vocabulary::{
    Expressions, HARMLESS_MARK, Mark, Marked, NAME, Reach, classes_in, folded, languages, marked,
};
use regex::Regex;
use std::{collections::BTreeSet, ops::Range, sync::LazyLock};

/// A longer sentence is read up to here.
const MAX_SENTENCE_BYTES: usize = 4 << 10;

/// The action of a sentence that forbids every action, such as `never touch it`.
pub const ANY: &str = "any";

/// The prohibition that a sentence states.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The actions, by their names in `actions.txt`; a verb that is not there by itself.
    pub actions: BTreeSet<String>,
    /// The places in the marked text that state the prohibition, each with the clause that follows.
    said: Vec<Range<usize>>,
    /// The offset in the marked text of the first expression that forbids.
    begins: Option<usize>,
    /// Whether the expression ends with the sentence, so that the forbidden things are named by what follows.
    pub is_lead: bool,
}

/// The prohibition that a sentence states; `None` if it forbids nothing.
pub fn forbidden(sentence: &str) -> Option<Found> {
    let sentence = &sentence[..sentence.floor_char_boundary(MAX_SENTENCE_BYTES)];
    let folded = folded(sentence);
    let languages = languages(&folded);
    match languages.is_empty() {
        true => None,
        false => forbidden_in(&marked(&folded, &languages), &languages),
    }
}

/// A sentence with its marks, and the prohibition that it states.
fn read(sentence: &str) -> (Marked, Option<Found>) {
    let folded = folded(&sentence[..sentence.floor_char_boundary(MAX_SENTENCE_BYTES)]);
    let languages = languages(&folded);
    let marked = marked(&folded, &languages);
    let found = forbidden_in(&marked, &languages);
    (marked, found)
}

fn forbidden_in(marked: &Marked, languages: &[&Expressions]) -> Option<Found> {
    let text = marked.text.as_str();
    let trimmed = text.trim_end_matches(['"', '\'', ')', '）', ' ']);
    // A question asks; a heading that asks for the list of what is forbidden is one all the same.
    if trimmed.ends_with(['?', '？']) && !LISTS.is_match(text) {
        return None;
    }
    let mut found = Found::default();
    for (reach, at) in languages.iter().flat_map(|language| language.find(text)) {
        let said = match reach {
            Reach::Any => at.clone(),
            Reach::All | Reach::Act => 0..text.len(),
            Reach::After => at.start..end_of_clause(text, at.start, at.end),
        };
        let within: Vec<&str> = marked
            .actions
            .iter()
            .filter(|(place, ..)| said.contains(place))
            .map(|(_, _, action)| *action)
            .collect();
        match reach {
            Reach::Act if within.is_empty() => continue,
            Reach::Any => {
                found.actions.insert(ANY.to_owned());
            }
            Reach::After if within.is_empty() => {
                let ends = is_end(&text[at.end..]);
                found.is_lead |= ends;
                // `Severely forbidden` says it after what it forbids.
                let all = marked.actions.iter().map(|(_, _, action)| (*action).to_owned());
                match ends {
                    true => found.actions.extend(all),
                    false => found.actions.extend(next_word(&text[at.end..])),
                }
            }
            _ => found.actions.extend(within.into_iter().map(str::to_owned)),
        }
        found.begins = Some(found.begins.map_or(at.start, |begins| begins.min(at.start)));
        found.said.push(said);
    }
    if LISTS.is_match(text) {
        found.is_lead = true;
        found.said.push(0..text.len());
    }
    (!found.said.is_empty()).then_some(found)
}

/// Headings and sentences that introduce a list of what is forbidden.
static LISTS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?x)\b(?:what\ (?:not\ to\ do|(?:you\ )?(?:must|should|may)\ (?:you\ )?not\b|is\ (?:forbidden|prohibited|not\ allowed))|do\ not'?s\b
        |(?:forbidden|prohibited|banned|disallowed)\ (?:actions|operations|commands|steps|things|changes)|things\ (?:you\ )?(?:must|should)\ (?:not|never)\b
        |(?:do\ not|never)(?:\ ever)?(?:\ do)?(?:\ any\ of)?(?:\ (?:the\ following|these|this))?\s*[:：]?\s*$|not\ allowed\s*[:：]?\s*$)
        |(?:禁止|严禁|禁忌|不可|不得|不能|不要)(?:的)?(?:事项|操作|行为|动作|做的事|进行|执行)(?:的操作|以下操作|下列操作)?\s*[:：]?\s*$
        |^(?:请)?(?:不要|禁止|严禁|不得|切勿|勿|不可|不许)\s*[:：]?\s*$
        |\b(?:những\ (?:việc|điều|thao\ tác)\ (?:không\ được|cấm|không\ nên)|các\ thao\ tác\ bị\ cấm|điều\ cấm)|^(?:đừng|không\ được|cấm|nghiêm\ cấm|không\ nên)\s*[:：]?\s*$
        |\b(?:yang\ (?:tidak\ boleh|dilarang)(?:\ dilakukan)?|larangan|tindakan\ terlarang)\b|^(?:jangan|dilarang|tidak\ boleh)\s*[:：]?\s*$",
    )
    .expect("the pattern is valid")
});

fn is_end(rest: &str) -> bool {
    !rest.contains(|c: char| c.is_alphanumeric() || Mark::of(c).is_some())
}

/// The word after an expression: a verb that no list knows.
fn next_word(rest: &str) -> Option<String> {
    const PASSED: [&str; 12] =
        ["ever", "just", "simply", "be", "to", "blindly", "even", "try", "attempt", "run", "do", "start"];
    // Words that only point at the words after them.
    const POINTERS: [&str; 6] = ["done", "any", "the", "this", "these", "either"];
    let words = rest.split(|c: char| !(c.is_alphanumeric() || c == '-')).filter(|word| !word.is_empty());
    let mut words = words.skip_while(|word| PASSED.contains(word));
    let word = words.next().filter(|word| word.is_ascii() && word.len() > 2)?;
    (!POINTERS.contains(&word)).then(|| word.to_owned())
}

/// Marks and words with which the other half of a sentence begins, often one with the action to take instead.
static TURNS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"[.;:!?。；：！？]| — | – | - |\b(?:but|instead|rather|unless|nhưng|mà hãy|thay vào đó|tetapi|tapi|melainkan|namun|sebaliknya)\b|但|而是|而应|改为|请先|要先",
    )
    .expect("the pattern is valid")
});

/// A list goes on behind a comma where one of these joins it.
static JOINS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\b(?:or|nor|hoặc|hay|atau|maupun|ataupun)\b|或|、|也不|亦不").expect("the pattern is valid")
});

/// Words after a comma with which a new statement of the sentence begins.
static BREAKS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^\s*(?:just|instead|then|first|use|only|call|ask|please|hãy|chỉ|rồi|cukup|lalu|kemudian|silakan|先|再|请|只|而)")
        .expect("the pattern is valid")
});

/// The end of the clause that begins with an expression which ends at `end`.
fn end_of_clause(text: &str, start: usize, end: usize) -> usize {
    let rest = &text[end..];
    // An expression that begins a list stands before its colon.
    let rest_start = rest.len() - rest.trim_start_matches([' ', ':', '：']).len();
    let has_mark = |until: usize| text[start..end + until].contains(|c: char| Mark::of(c).is_some());
    let mut turns = TURNS.find_iter(rest).filter(|turn| turn.start() >= rest_start);
    // The forbidden actions may follow a colon.
    let turn = turns.find(|turn| has_mark(turn.start()) || !matches!(turn.as_str(), ":" | "："));
    let limit = turn.map_or(rest.len(), |turn| turn.start());
    let rest = &rest[..limit];
    let joined_until = JOINS.find_iter(rest).last().map_or(0, |join| join.end());
    for (at, comma) in rest.match_indices([',', '，']) {
        let after = &rest[at + comma.len()..];
        // `Do not, under any circumstances, ...`
        if rest[..at].trim().is_empty()
            || rest.trim_start().starts_with(',') && rest[..at].matches(',').count() == 1
        {
            continue;
        }
        let before = text[start..end + at].trim_end().chars().next_back();
        let is_list = before.is_some_and(|character| Mark::of(character).is_some()) || at < joined_until;
        let is_gerund = after.trim_start().chars().next().and_then(Mark::of) == Some(Mark::Gerund);
        if !(is_list || is_gerund) || BREAKS.is_match(after) {
            return end + at;
        }
    }
    end + limit
}

/// Words that tie an action to a condition.
static CONDITIONS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?x)\b(?:while|during|until|till|unless|without|before|except|outside|after|once|only|when|if|as\ long\ as
        |with\ (?:(?:the|that|this|their|its|an|your|written)\ )?(?:approval|consent|agreement|permission|go-ahead)
        |(?:needs?|requires?)\ (?:\w+\ ){0,3}(?:word|approval|consent|permission)|dengan\ persetujuan|seizin|được\ sự\ đồng\ ý
        |khi|trong\ khi|trước|sau|nếu|trừ|cho\ đến|chưa|chỉ|trong\ giờ
        |saat|selama|sebelum|sampai|kecuali|tanpa|setelah|hanya|jika|bila|ketika|hingga)\b
        |之前|以前|期间|时|之后|后|未经|除非|只有|除外|如果|直到|仅|须经|需经|经.*?同意|经.*?批准|前提",
    )
    .expect("the pattern is valid")
});

/// Whether a sentence ties what it says to a condition.
pub fn is_conditional(sentence: &str) -> bool {
    CONDITIONS.is_match(&folded(sentence))
}

/// The words directly before an action that is reported and not advised.
static TOLD_BEFORE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?x)(?:\b(?:before|if|when|whenever|unless|because|why|until|after|since|whether|that|which|who|it|they|kubelet|controller|will|would|did|does|had|was|were|not|never|or\ else\ it)
        (?:\ (?:you|we|they|anyone|someone|a|the|any|to|it))?(?:\ [a-z]+ly)?
        |\bwhether\b[^.;]*
        |\b(?:asks?|contacts?|lets?|page|request|have|had|wait\ for|tell|told)\b[^.;]*?\bto
        |\b(?:sẽ|đã|bị|nếu|khi|tự\ động|trước\ khi|sau\ khi|không\ thể|không|đừng|chưa|lần)
        |\b(?:akan|sudah|telah|jika|kalau|saat|ketika|sebelum|setelah|otomatis|karena|belum|sedang|tidak|jangan|bila)
        |(?:被|已经|已|曾|反复|不断|频繁|自动|会|将|在|正在|因|由|一旦|如果|若|次|不|勿|为何|为什么|导致))\s*$",
    )
    .expect("the pattern is valid")
});

/// The words directly after an action that is reported and not advised.
static TOLD_AFTER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?x)^\s*(?:\b(?:counts?|policy|loop|backoff|back-off|history|reason|would|will|loses|causes|destroys|event)\b
        |\b(?:sẽ|làm\ mất|gây|có\ thể\ gây|bởi)\b|\b(?:akan|menyebabkan|membuat|menghilangkan|oleh)\b
        |次数|会|将|导致|的|过|原因|策略|了|失败|之?前|期间|造成)",
    )
    .expect("the pattern is valid")
});

/// Words before a base form that make it advice.
static ADVISED_BEFORE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?x)(?:^|[.,;:!?()\[\]–—…>•*\x22+'\-|\d]\s*|\b(?:and|but|or|so|then|please|also|just|instead|simply|safely|first|finally|next|now|to|can|could|should|must|may|might|shall|let\ us|let's|manually|quickly|gracefully|
        try|solution|answer|fix|either|coba|silakan|tolong|bisa|dapat|harus|segera|hãy|nên|thử|cần|có\ thể|phải|try\ to|again|only|always|ahead|will)\ |[\u{4e00}-\u{9fff}]\ ?)$",
    )
    .expect("the pattern is valid")
});

/// Words that recommend what else would only be told.
static POSITIVE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?x)\b(?:safe|safely|fine|ok|okay|harmless|helps?|fix(?:es)?|resolves?|solves?|recommend(?:ed)?|suggest(?:ed)?|allowed|possible|advisable|best|works|enough
        |sufficient|needed|required|necessary|perform|trigger|do\ a|try|consider|start\ (?:by|with)|begin\ (?:by|with)|worth|clears\ it|go\ ahead|you\ can|should|no\ problem|cure|cures)\b",
    )
    .expect("the pattern is valid")
});

/// Words between `should` and a participle.
static PASSIVE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\b(?:should|can|may|could|must|needs? to|has to|have to|is to|are to|safe to|ok to|okay to|to) (?:[a-z]+ ){0,2}?(?:be|get) (?:[a-z]+ly )?$|\bget (?:it|them) $")
        .expect("the pattern is valid")
});

/// The actions that a sentence of a reply advises. An action that it forbids, asks about or reports is not advice.
pub fn advised(sentence: &str) -> BTreeSet<String> {
    let (marked, found) = read(sentence);
    let text = marked.text.as_str();
    let mut advised = BTreeSet::new();
    if marked.actions.is_empty() || text.trim_end().ends_with(['?', '？']) {
        return advised;
    }
    let said = found.map(|found| found.said).unwrap_or_default();
    let is_positive = POSITIVE.is_match(text);
    let mut last_is_advised = false;
    for (at, mark, action) in &marked.actions {
        if *action == ANY || said.iter().any(|range| range.contains(at)) {
            last_is_advised = false;
            continue;
        }
        let length = text[*at..].chars().next().map_or(1, char::len_utf8);
        let (before, after) = (&text[..*at], &text[at + length..]);
        let clause = &before
            [before.rfind(['.', ';', ',', '。', '；', '，', HARMLESS_MARK]).map_or(0, |start| start)..];
        let is_told = TOLD_BEFORE.is_match(clause) || TOLD_AFTER.is_match(after);
        let is_base = match mark {
            Mark::Base => ADVISED_BEFORE.is_match(before) || (is_positive && !before.ends_with(NAME)),
            // Other languages do not mark advice.
            Mark::Word => true,
            Mark::Participle => PASSIVE.is_match(before),
            Mark::Gerund | Mark::Third => is_positive,
        };
        let goes_on = last_is_advised && before.trim_end().ends_with([',', '、', '，']);
        last_is_advised = !is_told && (is_base || goes_on);
        if last_is_advised {
            advised.insert((*action).to_owned());
        }
    }
    advised
}

/// The actions that a sentence speaks of in whatever way.
pub fn spoken_of(sentence: &str) -> BTreeSet<String> {
    let (marked, _) = read(sentence);
    let actions = marked.actions.into_iter().map(|(_, _, action)| action.to_owned());
    actions.filter(|action| action != ANY).collect()
}

/// The words of a sentence that are not within what it forbids, for verbs that no list knows.
pub fn words_outside(sentence: &str) -> BTreeSet<String> {
    let (marked, found) = read(sentence);
    let said = found.map(|found| found.said).unwrap_or_default();
    let mut words = BTreeSet::new();
    let mut start = None;
    let text = marked.text.as_str();
    for (at, character) in text.char_indices().chain([(text.len(), ' ')]) {
        match (character.is_alphanumeric() || character == '-', start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                if !said.iter().any(|range| range.contains(&from)) {
                    words.insert(text[from..at].to_owned());
                }
                start = None;
            }
            _ => {}
        }
    }
    words
}

/// Words after which a sentence gives its reason.
static REASONS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"[.,;:!?。，；：！？]|\b(?:because|since|otherwise|or else|as it|so that|lest|kẻo|vì|nếu không|bởi vì|karena|sebab|atau data)\b|否则|因为|以免|不然",
    )
    .expect("the pattern is valid")
});

/// The kinds of objects that a sentence's actions are about, not those of its reasons.
pub fn object_classes(sentence: &str) -> Vec<&'static str> {
    let (marked, _) = read(sentence);
    let text = marked.text.as_str();
    if marked.actions.is_empty() {
        return classes_in(text);
    }
    let mut classes = BTreeSet::new();
    let mut at = 0;
    for end in REASONS.find_iter(text).map(|reason| reason.end()).chain([text.len()]) {
        if marked.actions.iter().any(|(place, ..)| (at..end).contains(place)) {
            classes.extend(classes_in(&text[at..end]));
        }
        at = end;
    }
    classes.into_iter().collect()
}

/// The offset at which the prohibition begins, as a share of the sentence's length: a shortened sentence must keep it.
pub fn begins_at(sentence: &str) -> f32 {
    let (marked, found) = read(sentence);
    let length = marked.text.len().max(1) as f32;
    found.and_then(|found| found.begins).map_or(0.0, |begins| begins as f32 / length)
}

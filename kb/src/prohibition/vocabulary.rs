//! The words and expressions with which people forbid, in the languages that users write; the data lies beside this
//! file.
//!
//! A sentence is folded first: lower case, one script of Chinese, contractions written out. Names become one character,
//! words for actions become a [`Mark`]; the expressions of `forbidding.txt` and `harmless.txt` are read over that.

use crate::analyzer::is_cjk;
use regex::{Captures, Regex, RegexSet};
use std::{collections::HashMap, ops::Range, sync::LazyLock};
use unicode_normalization::UnicodeNormalization;

/// `word<TAB>verb or word<TAB>action`: a verb is English and inflected, a word stands as it is. The action `none` makes
/// a word that holds another one harmless.
const ACTIONS: &str = include_str!("actions.txt");
/// One expression a line: `language<TAB>reach<TAB>expression`.
const FORBIDDING: &str = include_str!("forbidding.txt");
/// `language<TAB>expression`: expressions that negate and do not forbid.
const HARMLESS: &str = include_str!("harmless.txt");
/// `word<TAB>class`: the kinds of objects.
const OBJECTS: &str = include_str!("objects.txt");
/// `language<TAB>text`: a sentence without any of them holds no expression of that language.
const TRIGGERS: &str = include_str!("triggers.txt");
/// Traditional characters of the vocabulary with their simplified forms.
const SCRIPTS: &str = include_str!("scripts.txt");

/// Stands for a name. The marks are control characters, which no text that is read here holds: text that is ASCII stays
/// so, and is matched far faster.
pub const NAME: char = '\u{6}';
/// Stands for a harmless expression.
pub const HARMLESS_MARK: char = '\u{7}';

/// The grammatical form of a word for an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// The base form: `restart`.
    Base,
    /// The gerund: `restarting`.
    Gerund,
    /// The past participle: `restarted`.
    Participle,
    /// The third person: `restarts`.
    Third,
    /// A word without inflection: a noun, or another language.
    Word,
}

impl Mark {
    const ALL: [(Self, char); 5] = [
        (Self::Base, '\u{1}'),
        (Self::Gerund, '\u{2}'),
        (Self::Participle, '\u{3}'),
        (Self::Third, '\u{4}'),
        (Self::Word, '\u{5}'),
    ];

    fn character(self) -> char {
        Self::ALL.iter().find(|(mark, _)| *mark == self).map_or(NAME, |(_, character)| *character)
    }

    /// The form that a marking character stands for; `None` for another character.
    pub fn of(character: char) -> Option<Self> {
        Self::ALL.iter().find(|(_, own)| *own == character).map(|(mark, _)| *mark)
    }
}

/// The place of the forbidden actions, relative to the expression that forbids them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// After it, to the end of its clause.
    After,
    /// Anywhere in the sentence.
    All,
    /// Anywhere in the sentence, and without one the expression forbids nothing.
    Act,
    /// The expression forbids all actions by itself.
    Any,
}

/// A sentence made ready for the expressions.
#[derive(Debug, Clone)]
pub struct Marked {
    /// The folded text with its marks.
    pub text: String,
    /// For each mark, in order: its offset in `text`, its form, and its action.
    pub actions: Vec<(usize, Mark, &'static str)>,
}

static SIMPLIFIED: LazyLock<HashMap<char, char>> = LazyLock::new(|| {
    let pairs = SCRIPTS.lines().filter_map(|line| {
        let mut characters = line.chars();
        Some((characters.next()?, characters.next()?))
    });
    pairs.collect()
});

/// `don't`, `cannot`, and the like.
static CONTRACTIONS: LazyLock<Vec<(Regex, &'static str)>> = LazyLock::new(|| {
    [
        (r"\b(do|does|did|is|are|was|were|has|have|had|must|should|would|could|might|need|ought|may) ?n['´`]t\b", "$1 not"),
        (r"\b(?:cannot|can['´`]t|cant)\b", "can not"),
        (r"\bwon['´`]t\b", "will not"),
        (r"\b(do|does|must|should|is|are)nt\b", "$1 not"),
        (r"\bshan['´`]t\b", "shall not"),
        (r"\bit['´`]s\b", "it is"),
        // `Roll the deployment back`: the verb in one piece.
        (
            r"\b(roll|rolled|rolling|scale|scaled|scaling|shut|shutting|tear|tearing|take|taking|power|switch|turn|clean) ((?:[a-z][a-z'-]* ){1,4}?)(back|down|off|up)\b",
            "$1 $3 $2",
        ),
    ]
    .map(|(pattern, written_out)| (compiled(pattern), written_out))
    .into()
});

/// Names of objects and files: a digit, two hyphens, a slash, a dot or an underscore within.
static NAMES: LazyLock<Regex> = LazyLock::new(|| {
    compiled(
        r"[a-z0-9]+(?:[-._/][a-z0-9]+)*(?:[_/][a-z0-9]+|\.[a-z][a-z0-9]+)(?:[-._/][a-z0-9]+)*|\b[a-z0-9]*[a-z]-[a-z]+-[a-z0-9-]*[a-z0-9]\b|\b[a-z][a-z-]*-[0-9][a-z0-9-]*\b|\bprod-[a-z0-9-]+\b",
    )
});

/// Compounds that look like names.
const COMPOUNDS: [&str; 8] = [
    "do-not-touch",
    "n/a",
    "and/or",
    "out-of-bounds",
    "me-re-start",
    "di-re-start",
    "stop-and-start",
    "clean-up-of",
];

/// The expressions of one language.
pub struct Expressions {
    triggers: Regex,
    /// Read over words, and over marks.
    harmless: [Option<Regex>; 2],
    /// All that forbid, to see which are there.
    set: RegexSet,
    /// Each by itself, with its reach.
    each: Vec<(Reach, Regex)>,
}

impl Expressions {
    fn of(language: &'static str) -> Self {
        let own = |data: &'static str| {
            data.lines().filter_map(move |line| line.strip_prefix(language)?.strip_prefix('\t'))
        };
        let triggers: Vec<String> = own(TRIGGERS).map(regex::escape).collect();
        let (of_marks, of_words): (Vec<&str>, Vec<&str>) =
            own(HARMLESS).partition(|line| line.contains("{v}") || line.contains("{p}"));
        let harmless = [of_words, of_marks].map(|lines| {
            let lines: Vec<String> = lines.iter().map(|line| filled(line, language)).collect();
            (!lines.is_empty()).then(|| compiled(&lines.join("|")))
        });
        let forbidding: Vec<(Reach, String)> = own(FORBIDDING)
            .filter_map(|line| {
                let (reach, expression) = line.split_once('\t')?;
                let reach = match reach {
                    "after" => Reach::After,
                    "all" => Reach::All,
                    "act" => Reach::Act,
                    _ => Reach::Any,
                };
                Some((reach, filled(expression, language)))
            })
            .collect();
        let set = RegexSet::new(forbidding.iter().map(|(_, expression)| expression))
            .expect("the patterns are valid");
        let each = forbidding.iter().map(|(reach, expression)| (*reach, compiled(expression))).collect();
        Self { triggers: compiled(&triggers.join("|")), harmless, set, each }
    }

    /// The places of the expressions in a marked text, with their reaches.
    pub fn find<'t>(&'t self, text: &'t str) -> impl Iterator<Item = (Reach, Range<usize>)> + 't {
        self.set.matches(text).into_iter().flat_map(move |index| {
            let (reach, expression) = &self.each[index];
            expression.find_iter(text).map(move |found| (*reach, found.range()))
        })
    }
}

static LANGUAGES: LazyLock<[Expressions; 4]> =
    LazyLock::new(|| ["en", "zh", "vi", "id"].map(Expressions::of));

/// The languages that a folded sentence may forbid in.
pub fn languages(folded: &str) -> Vec<&'static Expressions> {
    LANGUAGES.iter().filter(|language| language.triggers.is_match(folded)).collect()
}

/// Shorter words take no Indonesian suffix.
const MIN_SUFFIXED_BYTES: usize = 4;

/// Every form of every word for an action.
static FORMS: LazyLock<HashMap<String, (Mark, &'static str)>> = LazyLock::new(|| {
    let mut forms = HashMap::new();
    for line in ACTIONS.lines() {
        let mut columns = line.split('\t');
        let (Some(word), Some(sort), Some(action)) = (columns.next(), columns.next(), columns.next()) else {
            continue;
        };
        match sort {
            "verb" => {
                for (mark, form) in inflected(word) {
                    forms.entry(form).or_insert((mark, action));
                }
            }
            _ => {
                // `menyentuhnya`: to touch it.
                if word.is_ascii() && word.len() >= MIN_SUFFIXED_BYTES {
                    for suffix in ["nya", "-nya", "lah"] {
                        forms.entry(format!("{word}{suffix}")).or_insert((Mark::Word, action));
                    }
                }
                forms.insert(word.to_owned(), (Mark::Word, action));
            }
        }
    }
    forms
});

static WORDS: LazyLock<Vec<Regex>> = LazyLock::new(|| word_lists(FORMS.keys().map(String::as_str).collect()));

static OBJECT_CLASSES: LazyLock<HashMap<&'static str, &'static str>> =
    LazyLock::new(|| OBJECTS.lines().filter_map(|line| line.split_once('\t')).collect());

static OBJECT_WORDS: LazyLock<Vec<Regex>> =
    LazyLock::new(|| word_lists(OBJECT_CLASSES.keys().copied().collect()));

/// Words as patterns: those of scripts without spaces, those in ASCII, others.
fn word_lists(mut words: Vec<&str>) -> Vec<Regex> {
    // The longest first: one may begin another.
    words.sort_by_key(|word| (std::cmp::Reverse(word.len()), *word));
    let joined = |words: Vec<&str>| words.into_iter().map(regex::escape).collect::<Vec<_>>().join("|");
    let (unspaced, spaced): (Vec<&str>, Vec<&str>) =
        words.into_iter().partition(|word| word.contains(is_cjk));
    let (ascii, others): (Vec<&str>, Vec<&str>) = spaced.into_iter().partition(|word| word.is_ascii());
    vec![
        compiled(&joined(unspaced)),
        compiled(&format!(r"(?-u:\b)(?:{})(?-u:\b)", joined(ascii))),
        compiled(&format!(r"\b(?:{})\b", joined(others))),
    ]
}

/// The places of the lists' words; of two that overlap, the one that begins first, then the longer one.
fn words_in(lists: &[Regex], text: &str) -> Vec<Range<usize>> {
    let is_ascii = text.is_ascii();
    let of_text = lists.iter().enumerate().filter(|(at, _)| *at == 1 || !is_ascii);
    let mut found: Vec<Range<usize>> =
        of_text.flat_map(|(_, list)| list.find_iter(text).map(|word| word.range())).collect();
    found.sort_by_key(|range| (range.start, std::cmp::Reverse(range.end)));
    let mut end = 0;
    found.retain(|range| {
        let is_free = range.start >= end;
        if is_free {
            end = range.end;
        }
        is_free
    });
    found
}

fn compiled(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is valid")
}

/// An expression with its short forms written out.
fn filled(expression: &str, language: &str) -> String {
    let begins = concat!(
        r"(?:^|[.,;:!?()\[\]–—…>•，。；：！？、（「\x22-]\s*|\b(?:and|but|or|so|then|please|also|just|instead|therefore|otherwise",
        r"|however|yet|simply|still|thus|hence|nor|again|first|finally|always|note|remember|important|warning|caution",
        r"|danger|dan|tetapi|tapi|và|nhưng|hoặc|atau|lalu|thì|nên|maka)[,:]? )"
    );
    let filled = [
        ("{b}", begins),
        ("{v}", r"[\x01-\x05]"),
        ("{a}", r"[\x01\x05]"),
        ("{g}", r"[\x02\x05]"),
        ("{p}", r"\x03"),
        ("{s}", r"\x04"),
        ("{n}", r"[\x01\x02\x04\x05]"),
        ("{t}", r"[\x04\x05]"),
        ("{o}", r"\x06"),
        ("{w}", r"[^\s,;:.!?()，。；：！？]+"),
    ]
    .iter()
    .fold(expression.to_owned(), |text, (short, long)| text.replace(short, long));
    // The boundaries of ASCII words are found far faster.
    match language {
        "vi" => filled,
        _ => filled.replace(r"\b", r"(?-u:\b)"),
    }
}

/// The forms of an English verb; `+` after it doubles its last letter.
fn inflected(verb: &str) -> Vec<(Mark, String)> {
    let (first, rest) = verb.split_once(' ').map_or((verb, ""), |(first, rest)| (first, rest));
    let doubled = first.ends_with('+');
    let base = first.trim_end_matches('+');
    let stem = match doubled {
        true => format!("{base}{}", &base[base.len() - 1..]),
        false => base.to_owned(),
    };
    let before_y = base.strip_suffix('y').filter(|stem| !stem.ends_with(['a', 'e', 'o', 'u']));
    let before_e = base.strip_suffix('e');
    let third = match before_y {
        Some(stem) => format!("{stem}ies"),
        None if base.ends_with("sh") || base.ends_with("ch") || base.ends_with(['s', 'x', 'z']) => {
            format!("{base}es")
        }
        None => format!("{base}s"),
    };
    let irregular = match base {
        "shut" | "set" | "put" => Some(base.to_owned()),
        "take" => Some("taken".to_owned()),
        "overwrite" => Some("overwritten".to_owned()),
        "rewrite" => Some("rewritten".to_owned()),
        "rebuild" => Some("rebuilt".to_owned()),
        "do" => Some("done".to_owned()),
        "go" | "come" | "run" => Some(base.to_owned()),
        "tear" => Some("torn".to_owned()),
        "lay" => Some("laid".to_owned()),
        "mess" => Some("messed".to_owned()),
        _ => None,
    };
    let participle = irregular.unwrap_or_else(|| match (before_y, before_e) {
        (Some(stem), _) => format!("{stem}ied"),
        (_, Some(_)) => format!("{base}d"),
        _ => format!("{stem}ed"),
    });
    let gerund = match (base, before_e) {
        ("shut", _) => "shutting".to_owned(),
        ("set" | "put" | "run", _) => format!("{base}{}ing", &base[base.len() - 1..]),
        (_, Some(stem)) => format!("{stem}ing"),
        _ => format!("{stem}ing"),
    };
    let whole = |form: String| match rest {
        "" => form,
        rest => format!("{form} {rest}"),
    };
    vec![
        (Mark::Base, whole(base.to_owned())),
        (Mark::Gerund, whole(gerund)),
        (Mark::Participle, whole(participle)),
        (Mark::Third, whole(third)),
    ]
}

/// A sign that only illustrates, as emoji do.
fn is_pictograph(character: char) -> bool {
    matches!(character, '\u{2600}'..='\u{27bf}' | '\u{2b1b}'..='\u{2b55}' | '\u{fe0f}' | '\u{200d}' | '\u{1f000}'..='\u{1faff}')
}

/// The text as expressions are read over it, without marks yet.
pub fn folded(text: &str) -> String {
    let mut folded = String::with_capacity(text.len() + text.len() / 8);
    let mut previous: Option<char> = None;
    for character in text.nfc().flat_map(char::to_lowercase) {
        let character = match character {
            '’' | '‘' | '´' => '\'',
            '`' | '*' | '"' | '“' | '”' | '「' | '」' | '『' | '』' => continue,
            other if other.is_whitespace() || is_pictograph(other) => ' ',
            other => SIMPLIFIED.get(&other).copied().unwrap_or(other),
        };
        let is_seam = previous.is_some_and(|previous| {
            (is_cjk(previous) && character.is_ascii_alphanumeric())
                || (previous.is_ascii_alphanumeric() && is_cjk(character))
        });
        if is_seam {
            folded.push(' ');
        }
        if character != ' ' || !matches!(previous, None | Some(' ')) {
            folded.push(character);
            previous = Some(character);
        }
    }
    for (contraction, written_out) in CONTRACTIONS.iter() {
        if contraction.is_match(&folded) {
            folded = contraction.replace_all(&folded, *written_out).into_owned();
        }
    }
    folded.trim().to_owned()
}

/// A folded text with its marks; a harmless expression of one of `languages` becomes a [`HARMLESS_MARK`].
pub fn marked(folded: &str, languages: &[&Expressions]) -> Marked {
    let harmless = HARMLESS_MARK.to_string();
    let mut text = NAMES
        .replace_all(folded, |found: &Captures<'_>| match COMPOUNDS.contains(&&found[0]) {
            true => found[0].to_owned(),
            false => NAME.to_string(),
        })
        .into_owned();
    for expressions in languages {
        if let [Some(of_words), _] = &expressions.harmless {
            text = of_words.replace_all(&text, harmless.as_str()).into_owned();
        }
    }
    let mut marked = Marked { text: String::with_capacity(text.len()), actions: Vec::new() };
    let mut at = 0;
    for word in words_in(&WORDS, &text) {
        marked.text.push_str(&text[at..word.start]);
        at = word.end;
        match FORMS.get(&text[word]) {
            Some((mark, action)) if *action != "none" => {
                marked.actions.push((marked.text.len(), *mark, action));
                marked.text.push(mark.character());
            }
            _ => marked.text.push(HARMLESS_MARK),
        }
    }
    marked.text.push_str(&text[at..]);
    for expressions in languages {
        if let [_, Some(of_marks)] = &expressions.harmless {
            marked.blank(of_marks);
        }
    }
    marked
}

impl Marked {
    /// Blanks what matches, each byte by itself, so that places stay.
    fn blank(&mut self, pattern: &Regex) {
        let found: Vec<Range<usize>> = pattern.find_iter(&self.text).map(|found| found.range()).collect();
        for range in found {
            let blank = HARMLESS_MARK.to_string().repeat(range.len());
            self.text.replace_range(range.clone(), &blank);
            self.actions.retain(|(at, ..)| !range.contains(at));
        }
    }
}

/// The classes of objects that a folded text speaks of.
pub fn classes_in(folded: &str) -> Vec<&'static str> {
    let words = words_in(&OBJECT_WORDS, folded).into_iter().filter(|found| {
        let (before, after) = (&folded[..found.start], &folded[found.end..]);
        !before.ends_with(['-', '/', '_', '.']) && !after.starts_with(['-', '/', '_'])
    });
    let mut classes: Vec<&'static str> =
        words.filter_map(|found| OBJECT_CLASSES.get(&folded[found]).copied()).collect();
    classes.sort_unstable();
    classes.dedup();
    classes
}

/// The names in a text, lower case: words with a hyphen, a slash or a digit within, and single words in backticks.
pub fn names(text: &str) -> Vec<String> {
    let folded = folded(text);
    let mut names: Vec<String> = NAMES.find_iter(&folded).map(|found| found.as_str().to_owned()).collect();
    names.extend(spans(text).filter(|span| !span.contains(' ')).map(str::to_lowercase));
    names.retain(|name| !COMPOUNDS.contains(&name.as_str()) && !name.starts_with('-') && !is_doubled(name));
    names.sort();
    names.dedup();
    names
}

/// `pod-pod`, `pod-podnya`: an Indonesian plural.
fn is_doubled(name: &str) -> bool {
    name.split_once('-').is_some_and(|(first, rest)| {
        let ending = rest.strip_prefix(first).map(|ending| ending.trim_start_matches('-'));
        first.chars().all(|c| c.is_ascii_lowercase())
            && matches!(ending, Some("" | "nya" | "mu" | "ku" | "lah"))
    })
}

/// The texts in backticks.
fn spans(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2).filter(|span| !span.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_is_sorted_and_read_whole() {
        for (name, data, num_columns) in [
            ("actions.txt", ACTIONS, 3),
            ("forbidding.txt", FORBIDDING, 3),
            ("harmless.txt", HARMLESS, 2),
            ("objects.txt", OBJECTS, 2),
            ("scripts.txt", SCRIPTS, 1),
            ("triggers.txt", TRIGGERS, 2),
        ] {
            let lines: Vec<&str> = data.lines().collect();
            assert!(lines.is_sorted_by(|a, b| a < b), "{name} is sorted and holds each line once");
            for line in lines {
                assert_eq!(line.split('\t').count(), num_columns, "{name}: {line}");
            }
        }
        let num_read: usize = LANGUAGES.iter().map(|language| language.each.len()).sum();
        assert_eq!(num_read, FORBIDDING.lines().count());
        let reaches = FORBIDDING.lines().map(|line| line.split('\t').nth(1).unwrap_or_default());
        assert!(reaches.into_iter().all(|reach| ["act", "after", "all", "any"].contains(&reach)));
    }

    #[test]
    fn english_verbs_are_inflected() {
        for (verb, forms) in [
            ("restart", ["restart", "restarting", "restarted", "restarts"]),
            ("stop+", ["stop", "stopping", "stopped", "stops"]),
            ("delete", ["delete", "deleting", "deleted", "deletes"]),
            ("roll back", ["roll back", "rolling back", "rolled back", "rolls back"]),
            ("patch", ["patch", "patching", "patched", "patches"]),
            ("modify", ["modify", "modifying", "modified", "modifies"]),
        ] {
            let found: Vec<String> = inflected(verb).into_iter().map(|(_, form)| form).collect();
            assert_eq!(found, forms);
        }
    }
}

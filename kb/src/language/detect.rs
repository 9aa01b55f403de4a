//! The language an answer is written in: the asker's wish if it can be understood, else the question's own.
//!
//! Operational text is short and half English whatever its language, so statistics over letters mislead: script and
//! function words decide first, and `whatlang` only for longer prose in other languages.

use super::{Habit, Language, is, tag_of_wish};
use crate::{
    analyzer::is_cjk,
    lists::{pairs, words},
};
use rustc_hash::{FxHashMap, FxHashSet};
use std::{collections::HashSet, sync::LazyLock};

const FUNCTION_WORDS_FILE: &str = include_str!("function_words.txt");
const INDONESIAN_FILE: &str = include_str!("indonesian.txt");

/// The language to answer in.
pub(crate) fn choose(text: &str, wish: Option<&str>) -> Language {
    Language(match wish.and_then(tag_of_wish) {
        // Plain Chinese: the question's own script decides which.
        Some(tag) if tag == "zh" => chinese(text).to_owned(),
        Some(tag) => tag,
        None => detect(text).to_owned(),
    })
}

/// The language that a document's prose is written in, when it is clear. Chinese is told apart by its characters.
pub fn of_prose(prose: &str) -> Option<&'static str> {
    let info = whatlang::detect(prose)?;
    match info.lang() {
        whatlang::Lang::Cmn => Some(chinese(prose)),
        language if info.is_reliable() => two_letters(language),
        _ => None,
    }
}

/// The language a text is written in; English for failure texts and whatever cannot be told.
pub(crate) fn detect(text: &str) -> &'static str {
    let (mut han, mut kana, mut hangul, mut vietnamese, mut latin, mut other) =
        (0usize, 0, 0, 0, 0usize, 0usize);
    for character in text.chars() {
        match character {
            'a'..='z' | 'A'..='Z' => latin += 1,
            '\u{3041}'..='\u{30fa}' => kana += 1,
            '\u{ac00}'..='\u{d7af}' => hangul += 1,
            '\u{1ea0}'..='\u{1ef9}' | 'ă' | 'Ă' | 'đ' | 'Đ' | 'ơ' | 'Ơ' | 'ư' | 'Ư' => {
                vietnamese += 1
            }
            _ if is_cjk(character) => han += 1,
            _ if character.is_alphabetic() && !matches!(character, '\u{c0}'..='\u{24f}') => other += 1,
            _ => {}
        }
    }
    if kana >= 2 && kana * 10 >= han {
        return "ja";
    }
    if hangul >= 2 {
        return "ko";
    }
    // A pasted line of English has more letters than a short question, but does not show which language the asker
    // speaks.
    if han >= 4 || (han >= 1 && han * 6 >= latin) {
        return chinese(text);
    }
    if vietnamese >= 2 || (vietnamese == 1 && latin < 40) {
        return "vi";
    }
    let words = FunctionWords::count(text);
    if words.indonesian >= 2 && words.indonesian * 7 >= words.all && words.indonesian > words.english {
        return "id";
    }
    let is_mostly = |some: usize| some >= 2 && some * 3 >= words.all;
    if (words.vietnamese >= 3 && words.vietnamese > words.english)
        || (is_mostly(words.vietnamese) && words.vietnamese >= words.english)
    {
        return "vi";
    }
    let is_other_script = other * 2 > latin && other >= 4;
    if is_other_script || (words.european >= 2 && words.european > words.english) {
        return by_statistics(text).unwrap_or("en");
    }
    "en"
}

/// The share of the letters of a text, which is written in `language`, that stand in words of a language other than
/// English: every letter of another script, and in a sentence of another language every word but identifiers and words
/// that English has.
pub(crate) fn unread_share(text: &str, language: &str) -> f32 {
    let (mut unread, mut all) = (0usize, 0usize);
    for word in
        text.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '?' | '!' | '(' | ')' | '"'))
    {
        let letters = word.chars().filter(|c| c.is_alphanumeric()).count();
        all += letters;
        if word.is_ascii() {
            let is_plain = word.trim_end_matches(['.', ':']).bytes().all(|byte| byte.is_ascii_lowercase());
            let is_capitalised = || {
                word.trim_end_matches(['.', ':'])
                    .char_indices()
                    .all(|(at, c)| c.is_ascii_lowercase() || at == 0)
            };
            let is_foreign =
                language != "en" && (is_plain || is_capitalised()) && FunctionWords::count(word).english == 0;
            unread += if is_foreign { letters } else { 0 };
        } else if word.chars().any(is_cjk) {
            unread += word.chars().filter(|c| c.is_alphabetic() && !c.is_ascii()).count();
        } else {
            unread += letters;
        }
    }
    if all == 0 { 0.0 } else { unread as f32 / all as f32 }
}

/// Whether a lower-case word is Indonesian by itself: one that nearly every text has, or by prefix and suffix. FunctionWords that
/// English has too are in neither.
fn is_indonesian(word: &str) -> bool {
    static COMMON: LazyLock<FxHashSet<&str>> = LazyLock::new(|| words(INDONESIAN_FILE));
    let has_affix = ["meng", "meny"].iter().any(|prefix| word.starts_with(prefix))
        || ["kan", "nya"].iter().any(|suffix| word.ends_with(suffix));
    COMMON.contains(word) || (word.len() > 6 && has_affix)
}

/// The languages that function words tell.
enum Told {
    English,
    Indonesian,
    Vietnamese,
    European,
}

static FUNCTION_WORDS: LazyLock<FxHashMap<&str, Told>> = LazyLock::new(|| {
    let told = |(language, word)| {
        let told = match language {
            "english" => Told::English,
            "indonesian" => Told::Indonesian,
            "vietnamese" => Told::Vietnamese,
            "european" => Told::European,
            _ => return None,
        };
        Some((word, told))
    };
    pairs(FUNCTION_WORDS_FILE).filter_map(told).collect()
});

/// Function words of the languages that share the Latin letters with failure texts.
#[derive(Default)]
struct FunctionWords {
    all: usize,
    english: usize,
    indonesian: usize,
    vietnamese: usize,
    /// German, French, Spanish, Portuguese, Italian, Dutch, Polish, Turkish; those that English has too are left out.
    european: usize,
}

impl FunctionWords {
    fn count(text: &str) -> Self {
        let mut words = Self::default();
        // A word with digits is a quantity or a name, such as `4Gi`.
        let has_digit = |word: &str| word.contains(|c: char| c.is_ascii_digit());
        let plain = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        for word in plain.filter(|word| !has_digit(word)) {
            words.all += 1;
            if word.len() > 12 {
                continue;
            }
            let word = word.to_ascii_lowercase();
            match FUNCTION_WORDS.get(word.as_str()) {
                Some(Told::English) => words.english += 1,
                Some(Told::Indonesian) => words.indonesian += 1,
                Some(Told::Vietnamese) => words.vietnamese += 1,
                Some(Told::European) => words.european += 1,
                None => words.indonesian += usize::from(is_indonesian(&word)),
            }
        }
        words
    }
}

/// The opinion of `whatlang`, used only if another sign shows that the text is not English.
fn by_statistics(text: &str) -> Option<&'static str> {
    // Trigrams saturate long before; a long pasted log would only cost time.
    let end = text.char_indices().nth(2_000).map_or(text.len(), |(at, _)| at);
    let info = whatlang::detect(&text[..end])?;
    two_letters(info.lang()).filter(|tag| is(tag, Habit::Told))
}

/// Characters that only one of the two scripts uses, common in questions of this field.
static TRADITIONAL: &str = "個們來這裡說時會對為後過開關無問題應該點節網絡錯誤執動啟動業務參數資訊記憶體滿處理請檢查狀態連線設錄檔\
    權限驗證緒備份還儲存叢類別據應當復發現麼嗎沒從讓給與於實際當測試環異負載間權佈構運營簡單傳輸標準調整級壞\
    經進選擇遠離斷層級邏輯機輪樣須許讀寫導讓聲庫電腦團隊長邊緣夠減顯維護屬議歸變異帳號產線條術語閘計畫該見觀規覽譯護東車門單嗎";
static SIMPLIFIED: &str = "个们来这里说时会对为后过开关无问题应该点节网络错误执动启业务参数资讯记忆体满处请检查状态连线设录档\
    权限验证绪备还储丛类别据应当复发现么吗没从让给与于实际当测试环异负载间构运营简单传输标准调级坏\
    经进选择远离断层逻辑机轮样须许读写导声库电脑团队长边缘够减显维护属议归变帐号产条术语闸计划该见观规览译护东车门单";

/// `zh-TW` or `zh-CN`, by the common characters that only one of the two scripts uses.
fn chinese(text: &str) -> &'static str {
    static ONLY: LazyLock<(HashSet<char>, HashSet<char>)> = LazyLock::new(|| {
        let traditional: HashSet<char> = TRADITIONAL.chars().filter(|c| is_cjk(*c)).collect();
        let simplified: HashSet<char> = SIMPLIFIED.chars().filter(|c| is_cjk(*c)).collect();
        (&traditional - &simplified, &simplified - &traditional)
    });
    let (mut traditional, mut simplified) = (0usize, 0usize);
    for character in text.chars().filter(|c| is_cjk(*c)) {
        traditional += usize::from(ONLY.0.contains(&character));
        simplified += usize::from(ONLY.1.contains(&character));
    }
    // Brackets tell where the characters do not.
    let is_traditional =
        traditional > simplified || (traditional == simplified && text.contains(['「', '」', '『', '』']));
    if is_traditional { "zh-TW" } else { "zh-CN" }
}

/// The tag of a language that the statistics tell.
fn two_letters(lang: whatlang::Lang) -> Option<&'static str> {
    use whatlang::Lang;
    Some(match lang {
        Lang::Ara => "ar",
        Lang::Ben => "bn",
        Lang::Bul => "bg",
        Lang::Cat => "ca",
        Lang::Ces => "cs",
        Lang::Dan => "da",
        Lang::Deu => "de",
        Lang::Ell => "el",
        Lang::Eng => "en",
        Lang::Spa => "es",
        Lang::Est => "et",
        Lang::Pes => "fa",
        Lang::Fin => "fi",
        Lang::Fra => "fr",
        Lang::Heb => "he",
        Lang::Hin => "hi",
        Lang::Hrv => "hr",
        Lang::Hun => "hu",
        Lang::Ind => "id",
        Lang::Ita => "it",
        Lang::Jpn => "ja",
        Lang::Kor => "ko",
        Lang::Lit => "lt",
        Lang::Lav => "lv",
        Lang::Nld => "nl",
        Lang::Pol => "pl",
        Lang::Por => "pt",
        Lang::Ron => "ro",
        Lang::Rus => "ru",
        Lang::Slk => "sk",
        Lang::Swe => "sv",
        Lang::Tha => "th",
        Lang::Tur => "tr",
        Lang::Ukr => "uk",
        Lang::Vie => "vi",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lists::{lines, unsorted};

    #[test]
    fn the_lists_are_sorted_and_read_whole() {
        assert_eq!(unsorted(FUNCTION_WORDS_FILE), None, "sort function_words.txt");
        assert_eq!(unsorted(INDONESIAN_FILE), None, "sort indonesian.txt");
        assert_eq!(FUNCTION_WORDS.len(), lines(FUNCTION_WORDS_FILE).count());
    }

    #[test]
    fn a_wish_is_understood_in_many_spellings() {
        for (wish, tag) in [
            ("english", "en"),
            ("English", "en"),
            ("en_US", "en-US"),
            ("Traditional Chinese", "zh-TW"),
            ("繁體中文", "zh-TW"),
            ("zh-Hant-HK", "zh-TW"),
            ("zh_TW.UTF-8", "zh-TW"),
            ("zh-HK", "zh-HK"),
            ("Simplified Chinese", "zh-CN"),
            ("zh", "zh-CN"),
            ("chinese", "zh-CN"),
            ("vietnamese", "vi"),
            ("Tiếng Việt", "vi"),
            ("Bahasa Indonesia", "id"),
            ("japanese", "ja"),
            ("pt-br", "pt-BR"),
        ] {
            assert_eq!(choose("Pod is failing", Some(wish)).0, tag, "{wish}");
        }
        assert_eq!(choose("這個節點怎麼了？", Some("zh")).0, "zh-TW");
        for nonsense in ["", "  ", "klingon", "xx", "no idea what to say here, please help"] {
            assert_eq!(choose("這個節點怎麼了？", Some(nonsense)).0, "zh-TW", "{nonsense}");
        }
    }

    #[test]
    fn without_a_wish_the_question_decides() {
        for (text, tag) in [
            ("Back-off pulling image \"registry.example.com/payments/api:1.42.0\"", "en"),
            ("OOMKilled", "en"),
            ("why?", "en"),
            ("Job has reached the specified backoff limit", "en"),
            ("the termination reason is Error exitCode=137 container=api pod=search-api", "en"),
            ("PersistentVolumeClaim postgres-data-0 is in Lost state", "en"),
            ("可以重啟 dont-do-anything-deployment 嗎？", "zh-TW"),
            ("可以重启 dont-do-anything-deployment 吗？", "zh-CN"),
            ("Pod 一直重啟怎麼辦", "zh-TW"),
            ("节点未就绪", "zh-CN"),
            ("節點未就緒", "zh-TW"),
            ("Tôi có thể khởi động lại deployment này không?", "vi"),
            ("Pod bị lỗi", "vi"),
            ("Apakah saya boleh memulai ulang dont-do-anything-deployment?", "id"),
            ("Bagaimana cara memperbaiki pod yang gagal?", "id"),
            ("proyektor ruang rapat tidak menyala", "id"),
            ("kata sandi laptop lupa", "id"),
            ("sertifikat kedaluwarsa", "id"),
            ("quen mat khau thi lam sao", "vi"),
            ("may in khong in duoc", "vi"),
            ("the admission controller rejects the manifest", "en"),
            ("ポッドが起動しません。どうすればいいですか", "ja"),
            ("파드가 계속 재시작됩니다", "ko"),
            ("Под не запускается, что делать?", "ru"),
            ("Warum startet mein Container nach dem letzten Update nicht mehr richtig?", "de"),
        ] {
            assert_eq!(choose(text, None).0, tag, "{text}");
        }
    }
}

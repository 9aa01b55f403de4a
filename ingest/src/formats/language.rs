//! Which language a document is in: said by its path, or seen in its text.

/// Languages whose two letters in a path name a language and nothing else.
const CODES: [&str; 36] = [
    "ar", "bn", "bg", "ca", "cs", "da", "de", "el", "en", "es", "et", "fa", "fi", "fr", "he", "hi", "hr",
    "hu", "id", "it", "ja", "ko", "lt", "lv", "nl", "pl", "pt", "ro", "ru", "sk", "sv", "th", "tr", "uk",
    "vi", "zh",
];

/// Text beyond this adds nothing to the guess.
const MAX_DETECTED_CHARS: usize = 800;

/// A tag in its usual case: `zh-tw` and `zh_TW` become `zh-TW`, `EN` becomes `en`. `None` when it is no language tag.
pub fn normalised_tag(text: &str) -> Option<String> {
    let mut parts = text.trim().split(['-', '_']);
    let language = parts.next().filter(|part| matches!(part.len(), 2 | 3) && is_letters(part))?;
    let mut tag = language.to_ascii_lowercase();
    for part in parts {
        if part.is_empty() || part.len() > 8 || !part.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        tag.push('-');
        match part.len() {
            2 => tag.push_str(&part.to_ascii_uppercase()),
            4 if is_letters(part) => {
                tag.push_str(&part[..1].to_ascii_uppercase());
                tag.push_str(&part[1..].to_ascii_lowercase());
            }
            _ => tag.push_str(&part.to_ascii_lowercase()),
        }
    }
    Some(tag)
}

fn is_letters(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphabetic())
}

/// The language that a path names: `page.zh-TW.md`, or a folder such as `zh-cn`. A folder of two letters counts only
/// at the top, where translations live; deeper ones (`cmd/id`) mean other things.
pub fn of_path(relative: &str) -> Option<String> {
    let mut components: Vec<&str> = relative.split('/').collect();
    let file = components.pop()?;
    let mut dots = file.rsplit('.');
    let (_extension, suffix) = (dots.next(), dots.next());
    if let (Some(suffix), Some(_)) = (suffix, dots.next())
        && let Some(tag) = known_tag(suffix)
    {
        return Some(tag);
    }
    components
        .iter()
        .enumerate()
        .find_map(|(depth, component)| known_tag(component).filter(|tag| depth == 0 || tag.contains('-')))
}

/// A file's name, its extension left out already, without the language at its end: `page.zh-TW` gives `page`.
pub fn without_suffix(stem: &str) -> &str {
    match stem.rsplit_once('.') {
        Some((name, suffix)) if !name.is_empty() && known_tag(suffix).is_some() => name,
        _ => stem,
    }
}

/// A tag of a language in the list, with at most a region or script.
fn known_tag(text: &str) -> Option<String> {
    let tag = normalised_tag(text)?;
    let mut parts = tag.split('-');
    let is_known = parts.next().is_some_and(|language| CODES.contains(&language));
    let rest = parts.next().is_none_or(|part| matches!(part.len(), 2 | 4)) && parts.next().is_none();
    (is_known && rest).then_some(tag)
}

/// The language that a Markdown text is written in, when it is clear. Chinese is told apart by its characters.
pub fn of_text(text: &str) -> Option<String> {
    let prose = prose_start(text);
    let info = whatlang::detect(&prose)?;
    if info.lang() == whatlang::Lang::Cmn {
        return Some(chinese(&prose).to_owned());
    }
    if !info.is_reliable() {
        return None;
    }
    two_letters(info.lang()).map(str::to_owned)
}

/// The first words outside fenced code.
fn prose_start(text: &str) -> String {
    let mut prose = String::new();
    let mut in_fence = false;
    let mut chars = 0;
    for line in text.lines() {
        let trimmed = line.trim_start();
        if trimmed.starts_with("```") || trimmed.starts_with("~~~") {
            in_fence = !in_fence;
        } else if !in_fence && !trimmed.is_empty() {
            for character in trimmed.chars().take(MAX_DETECTED_CHARS - chars) {
                prose.push(character);
                chars += 1;
            }
            prose.push(' ');
        }
        if chars >= MAX_DETECTED_CHARS {
            break;
        }
    }
    prose
}

/// `zh-TW` or `zh-CN`, by the common characters that only one of the two scripts uses.
fn chinese(text: &str) -> &'static str {
    const TRADITIONAL: &str = "個們這來時對說會國學開關點還後過樣經應該發現問題運動為務網頁錯誤請將於與從無節點設備檢查啟動狀態資處數據";
    const SIMPLIFIED: &str = "个们这来时对说会国学开关点还后过样经应该发现问题运动为务网页错误请将于与从无节点设备检查启动状态资处数据";
    let (mut traditional, mut simplified) = (0usize, 0usize);
    for character in text.chars() {
        let (t, s) = (TRADITIONAL.contains(character), SIMPLIFIED.contains(character));
        traditional += usize::from(t && !s);
        simplified += usize::from(s && !t);
    }
    if traditional > simplified { "zh-TW" } else { "zh-CN" }
}

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

    #[test]
    fn paths_name_languages() {
        for (path, tag) in [
            ("sops/freeze.zh-TW.md", Some("zh-TW")),
            ("storage.vi.md", Some("vi")),
            ("zh-cn/docs/page.md", Some("zh-CN")),
            ("content/zh-cn/docs/page.md", Some("zh-CN")),
            ("en/page.md", Some("en")),
            ("cmd/id/page.md", None),
            ("tasks/debug-pod.md", None),
            ("release-1.2.md", None),
            ("notes.txt", None),
            ("it", None),
        ] {
            assert_eq!(of_path(path).as_deref(), tag, "{path}");
        }
    }

    #[test]
    fn texts_show_their_language() {
        let english =
            "# Node\n\nWhen a node is not ready, check the network and the disk before you restart anything.";
        for (text, tag) in [
            (english, Some("en")),
            ("當節點狀態變為未就緒時，請先檢查網路與磁碟，然後重新啟動服務。", Some("zh-TW")),
            ("当节点状态变为未就绪时，先检查网络与磁盘，然后重新启动服务。", Some("zh-CN")),
            (
                "Khi một nút không sẵn sàng, hãy kiểm tra mạng và đĩa trước khi khởi động lại dịch vụ.",
                Some("vi"),
            ),
            ("```\nfoo bar\n```\n", None),
            ("", None),
        ] {
            assert_eq!(of_text(text).as_deref(), tag, "{text}");
        }
    }
}

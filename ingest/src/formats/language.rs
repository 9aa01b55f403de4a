//! Which language a document is in: said by its path, or seen in its text.

use kb::language::{Habit, is, normalised_tag, of_prose};

/// Text beyond this adds nothing to the guess.
const MAX_DETECTED_CHARS: usize = 800;

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
    let is_known = parts.next().is_some_and(|language| is(language, Habit::InPaths));
    let rest = parts.next().is_none_or(|part| matches!(part.len(), 2 | 4)) && parts.next().is_none();
    (is_known && rest).then_some(tag)
}

/// The language that a Markdown text is written in, when it is clear. Chinese is told apart by its characters.
pub fn of_text(text: &str) -> Option<String> {
    of_prose(&prose_start(text)).map(str::to_owned)
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

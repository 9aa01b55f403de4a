//! The sentences we say ourselves, in the languages we say them in. Sentences of documents are quoted as they are.

use kb::question::Language;

/// The sentences of one language.
#[derive(Debug, PartialEq)]
pub struct Phrases {
    /// Begins every refusal.
    pub dont_know: &'static str,
    /// Follows [`Phrases::dont_know`]: what the reason is.
    pub not_covered: &'static str,
    /// Before the list of what the question names and no document does.
    pub missing: &'static str,
    /// Before the list of nearest documents.
    pub nearest: &'static str,
    /// Before the explanation.
    pub cause: &'static str,
    /// Before the steps.
    pub steps: &'static str,
    /// Before commands that only look.
    pub look: &'static str,
    /// Before a section that fits about as well as the one that is quoted.
    pub fits_as_well: &'static str,
    /// Before documents worth reading as well.
    pub see_also: &'static str,
    /// Before the list of sources.
    pub sources: &'static str,
    /// Marks a warning.
    pub warning: &'static str,
    /// Names are masked; before the list of documents with rules of their own.
    pub behind_mask: &'static str,
    /// Before the masked names the answer is about.
    pub concerns: &'static str,
    /// Follows a command that changes or destroys.
    pub destructive: &'static str,
    /// Follows a command that no document has.
    pub unverified: &'static str,
    /// Stands where a destructive command stood that no document has.
    pub removed: &'static str,
    /// Follows a command that shows secrets.
    pub discloses: &'static str,
    /// Stands where something stood that gives data away or leads to a host that no document has.
    pub withheld: &'static str,
    /// Stands where advice stood that a document of the object forbids.
    pub forbidden: &'static str,
    /// Follows a sentence that the passage it cites does not say.
    pub unsupported: &'static str,
    /// Follows a claim without a citation.
    pub uncited: &'static str,
    /// Stands below a list, of which `{items}` have no citation; [`Phrases::uncited_items`] fills it in.
    uncited_items: &'static str,
    /// When only a part is covered.
    pub partial: &'static str,
    /// Says that `{n}` more steps or items follow; a source comes after it.
    pub more: &'static str,
    /// The note of other versions than the one that was asked for; [`Phrases::version_gap`] fills it in.
    version_gap: &'static str,
    /// Before a date.
    pub updated: &'static str,
    /// Between items of a list within a sentence.
    pub comma: &'static str,
    /// Between a label and its text.
    pub colon: &'static str,
    /// Ends a sentence.
    pub full_stop: &'static str,
}

impl Phrases {
    /// Says that other versions are described than the one that was asked for.
    pub fn version_gap(&self, described: &[String], asked: &str) -> String {
        self.version_gap.replace("{described}", &described.join(self.comma)).replace("{asked}", asked)
    }

    /// Says that the items with these numbers have no citation.
    pub fn uncited_items(&self, items: impl Iterator<Item = usize>) -> String {
        let items: Vec<String> = items.map(|item| item.to_string()).collect();
        self.uncited_items.replace("{items}", &items.join(self.comma))
    }
}

const ENGLISH: Phrases = Phrases {
    dont_know: "I don't know",
    not_covered: "the knowledge base does not cover this",
    missing: "Not found in any document",
    nearest: "Nearest documents",
    cause: "Cause",
    steps: "Steps",
    look: "Look first",
    fits_as_well: "Another section fits about as well",
    see_also: "See also",
    sources: "Sources",
    warning: "WARNING",
    behind_mask: "Names are masked here. First check that this is not one of these, which have rules of their own",
    concerns: "Object",
    destructive: "destructive: check before running",
    unverified: "not in the documents: check before running",
    removed: "command removed: it destroys, and is not in the documents",
    discloses: "shows secrets: check before running",
    withheld: "removed: it gives data away or leads to a host that is not in the documents",
    forbidden: "advice removed: the documents forbid it",
    unsupported: "not in the source",
    uncited: "no source",
    uncited_items: "no source for items {items}",
    partial: "The documents may cover only a part of this.",
    more: "{n} more:",
    version_gap: "The documents describe version {described}, not {asked}.",
    updated: "updated",
    comma: ", ",
    colon: ": ",
    full_stop: ".",
};

const TRADITIONAL_CHINESE: Phrases = Phrases {
    dont_know: "我不知道",
    not_covered: "知識庫沒有涵蓋這個問題",
    missing: "文件中找不到",
    nearest: "最接近的文件",
    cause: "原因",
    steps: "處理步驟",
    look: "先檢查",
    fits_as_well: "另一節同樣可能適用",
    see_also: "另請參閱",
    sources: "來源",
    warning: "警告",
    behind_mask: "名稱已遮蔽。請先確認這不是下列另有規定的物件",
    concerns: "物件",
    destructive: "具破壞性：執行前請確認",
    unverified: "文件中沒有：執行前請確認",
    removed: "已移除指令：具破壞性，且文件中沒有",
    discloses: "會顯示機密：執行前請確認",
    withheld: "已移除：會外洩資料，或連到文件中沒有的主機",
    forbidden: "已移除建議：文件禁止這麼做",
    unsupported: "來源中沒有",
    uncited: "沒有來源",
    uncited_items: "第 {items} 項沒有來源",
    partial: "文件可能只涵蓋其中一部分。",
    more: "另有 {n} 項：",
    version_gap: "文件說明的是 {described} 版，沒有 {asked} 版。",
    updated: "更新於",
    comma: "、",
    colon: "：",
    full_stop: "。",
};

const SIMPLIFIED_CHINESE: Phrases = Phrases {
    dont_know: "我不知道",
    not_covered: "知识库没有涵盖这个问题",
    missing: "文档中找不到",
    nearest: "最接近的文档",
    cause: "原因",
    steps: "处理步骤",
    look: "先检查",
    fits_as_well: "另一节同样可能适用",
    see_also: "另请参阅",
    sources: "来源",
    warning: "警告",
    behind_mask: "名称已脱敏。请先确认这不是下列另有规定的对象",
    concerns: "对象",
    destructive: "具破坏性：执行前请确认",
    unverified: "文档中没有：执行前请确认",
    removed: "已移除命令：具破坏性，且文档中没有",
    discloses: "会显示机密：执行前请确认",
    withheld: "已移除：会泄露数据，或连到文档中没有的主机",
    forbidden: "已移除建议：文档禁止这样做",
    unsupported: "来源中没有",
    uncited: "没有来源",
    uncited_items: "第 {items} 项没有来源",
    partial: "文档可能只涵盖其中一部分。",
    more: "另有 {n} 项：",
    version_gap: "文档说明的是 {described} 版，没有 {asked} 版。",
    updated: "更新于",
    comma: "、",
    colon: "：",
    full_stop: "。",
};

const VIETNAMESE: Phrases = Phrases {
    dont_know: "Tôi không biết",
    not_covered: "kho tri thức không có nội dung này",
    missing: "Không có trong tài liệu nào",
    nearest: "Tài liệu gần nhất",
    cause: "Nguyên nhân",
    steps: "Các bước xử lý",
    look: "Kiểm tra trước",
    fits_as_well: "Một mục khác cũng có thể phù hợp",
    see_also: "Xem thêm",
    sources: "Nguồn",
    warning: "CẢNH BÁO",
    behind_mask: "Tên đã bị che. Trước hết hãy kiểm tra đây không phải là một trong các đối tượng có quy định riêng",
    concerns: "Đối tượng",
    destructive: "có thể gây mất mát: kiểm tra trước khi chạy",
    unverified: "không có trong tài liệu: kiểm tra trước khi chạy",
    removed: "đã bỏ lệnh: có thể gây mất mát và không có trong tài liệu",
    discloses: "làm lộ bí mật: kiểm tra trước khi chạy",
    withheld: "đã bỏ: làm lộ dữ liệu hoặc dẫn tới máy chủ không có trong tài liệu",
    forbidden: "đã bỏ lời khuyên: tài liệu cấm việc này",
    unsupported: "không có trong nguồn",
    uncited: "không có nguồn",
    uncited_items: "không có nguồn cho các mục {items}",
    partial: "Tài liệu có thể chỉ đề cập một phần.",
    more: "còn {n} mục nữa:",
    version_gap: "Tài liệu mô tả phiên bản {described}, không có phiên bản {asked}.",
    updated: "cập nhật",
    comma: ", ",
    colon: ": ",
    full_stop: ".",
};

const INDONESIAN: Phrases = Phrases {
    dont_know: "Saya tidak tahu",
    not_covered: "basis pengetahuan tidak mencakup hal ini",
    missing: "Tidak ada di dokumen mana pun",
    nearest: "Dokumen terdekat",
    cause: "Penyebab",
    steps: "Langkah penanganan",
    look: "Periksa dulu",
    fits_as_well: "Bagian lain juga mungkin cocok",
    see_also: "Lihat juga",
    sources: "Sumber",
    warning: "PERINGATAN",
    behind_mask: "Nama disamarkan. Pastikan dulu ini bukan salah satu objek yang punya aturan sendiri",
    concerns: "Objek",
    destructive: "merusak: periksa sebelum menjalankan",
    unverified: "tidak ada di dokumen: periksa sebelum menjalankan",
    removed: "perintah dihapus: merusak dan tidak ada di dokumen",
    discloses: "menampilkan rahasia: periksa sebelum menjalankan",
    withheld: "dihapus: membocorkan data atau menuju host yang tidak ada di dokumen",
    forbidden: "saran dihapus: dilarang oleh dokumen",
    unsupported: "tidak ada di sumber",
    uncited: "tanpa sumber",
    uncited_items: "tanpa sumber untuk butir {items}",
    partial: "Dokumen mungkin hanya mencakup sebagian.",
    more: "masih ada {n} lagi:",
    version_gap: "Dokumen menjelaskan versi {described}, bukan versi {asked}.",
    updated: "diperbarui",
    comma: ", ",
    colon: ": ",
    full_stop: ".",
};

/// The sentences in a language; English where we have none of our own.
pub fn phrases(language: &Language) -> &'static Phrases {
    let tag = language.0.to_ascii_lowercase();
    let mut parts = tag.split(['-', '_']);
    match parts.next() {
        Some("zh") => match parts.any(|part| matches!(part, "tw" | "hk" | "mo" | "hant")) {
            true => &TRADITIONAL_CHINESE,
            false => &SIMPLIFIED_CHINESE,
        },
        Some("vi") => &VIETNAMESE,
        Some("id" | "ms") => &INDONESIAN,
        _ => &ENGLISH,
    }
}

/// Whether two tags are the same language to a reader; Chinese in its two scripts is two.
pub fn is_same_language(one: &str, two: &str) -> bool {
    let first = |tag: &str| tag.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
    let own = |tag: &str| phrases(&Language(tag.to_owned()));
    first(one) == first(two) && (first(one) != "zh" || own(one) == own(two))
}

/// Every set of sentences; a model's refusal is recognised in any of them.
pub fn all() -> [&'static Phrases; 5] {
    [&ENGLISH, &TRADITIONAL_CHINESE, &SIMPLIFIED_CHINESE, &VIETNAMESE, &INDONESIAN]
}

/// The language's English name, for the prompt; the tag itself where we know no name.
pub fn english_name(language: &Language) -> String {
    let tag = language.0.to_ascii_lowercase();
    let name = match tag.split(['-', '_']).next().unwrap_or_default() {
        "zh" if std::ptr::eq(phrases(language), &TRADITIONAL_CHINESE) => "Traditional Chinese",
        "zh" => "Simplified Chinese",
        "en" => "English",
        "vi" => "Vietnamese",
        "id" => "Indonesian",
        "ms" => "Malay",
        "th" => "Thai",
        "ja" => "Japanese",
        "ko" => "Korean",
        "de" => "German",
        "fr" => "French",
        "es" => "Spanish",
        "pt" => "Portuguese",
        "it" => "Italian",
        "nl" => "Dutch",
        "pl" => "Polish",
        "ru" => "Russian",
        "uk" => "Ukrainian",
        "tr" => "Turkish",
        "ar" => "Arabic",
        "hi" => "Hindi",
        _ => return format!("the language with the tag `{}`", language.0.escape_default()),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_tells_of_versions() {
        for phrases in all() {
            let said = phrases.version_gap(&["1.11".to_owned(), "1.13".to_owned()], "1.12");
            assert!(["1.11", "1.12", "1.13"].iter().all(|version| said.contains(version)), "{said}");
            assert!(!said.contains(['{', '}']) && said.ends_with(phrases.full_stop), "{said}");
        }
    }

    #[test]
    fn languages_fall_back_to_english() {
        for (tag, dont_know) in [
            ("en", "I don't know"),
            ("zh-TW", "我不知道"),
            ("zh-Hant", "我不知道"),
            ("zh-CN", "我不知道"),
            ("vi", "Tôi không biết"),
            ("id", "Saya tidak tahu"),
            ("de", "I don't know"),
            ("", "I don't know"),
        ] {
            assert_eq!(phrases(&Language(tag.to_owned())).dont_know, dont_know, "{tag}");
        }
        assert_eq!(phrases(&Language("zh-TW".to_owned())).sources, "來源");
        assert_eq!(phrases(&Language("zh".to_owned())).sources, "来源");
        assert!(is_same_language("en", "en-US") && is_same_language("zh", "zh-CN"));
        assert!(!is_same_language("zh-TW", "zh-CN") && !is_same_language("en", "de"));
    }
}

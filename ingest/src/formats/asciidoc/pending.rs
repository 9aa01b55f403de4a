//! The lines before a block that belong to it: its title, and its attributes in brackets.

/// The title, id and attributes from the lines before a block.
#[derive(Default, Clone)]
pub(super) struct Pending {
    pub(super) title: Option<String>,
    pub(super) id: Option<String>,
    /// The first word between the brackets: `source`, `NOTE`.
    pub(super) style: String,
    pub(super) language: String,
    /// The whole text between the brackets.
    pub(super) attributes: String,
}

impl Pending {
    /// Reads the text between brackets: style, id, language and other attributes.
    pub(super) fn read(&mut self, inside: &str) {
        let mut parts = inside.split(',').map(str::trim);
        let first = parts.next().unwrap_or_default();
        let style_end = first.find(['.', '#', '%']).unwrap_or(first.len());
        if !first.contains('=') {
            let style = first[..style_end].trim_matches('"');
            if !style.is_empty() {
                self.style = style.to_owned();
            }
            if let Some((_, id)) = first.split_once('#') {
                self.id = id.split(['.', '%']).next().map(str::to_owned);
            }
            let language = parts.next().filter(|language| !language.contains('='));
            if let (true, Some(language)) = (style.is_empty() || style == "source", language) {
                self.style = "source".to_owned();
                self.language = language.trim_matches('"').to_owned();
            }
        }
        self.attributes.push_str(inside);
        self.attributes.push(',');
    }

    /// Whether the block is code by its style.
    pub(super) fn is_code(&self) -> bool {
        matches!(self.style.as_str(), "source" | "listing" | "literal")
    }
}

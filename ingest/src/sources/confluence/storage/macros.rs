//! Macros and links of the storage format.

use super::Reading;
use crate::formats::web_page::{Element, Event};
use std::borrow::Cow;

/// Macros that show nothing of the page itself: lists of other pages, search boxes, and foreign HTML; one a line,
/// sorted.
const DROPPED_MACROS: &str = include_str!("dropped_macros.txt");

/// Parameters that hold what a macro is called, in the order in which they are asked for.
const TITLE_PARAMETERS: [&str; 3] = ["title", "label", "name"];

/// Macros whose parameters of these names are not shown.
const NAMELESS_MACROS: [&str; 4] = ["column", "details", "excerpt", "section"];

impl Reading<'_, '_> {
    /// The value of an attribute that is written as an element of its own.
    pub(super) fn adf_attribute(&self, number: usize, key: &str) -> Option<String> {
        let is_it = |child: &usize| {
            let child = &self.storage.elements[*child];
            child.name == "ac:adf-attribute" && child.attribute("key") == Some(key)
        };
        self.children(number).find(is_it).map(|child| self.storage.text_of(child).trim().to_owned())
    }

    /// The element of a macro's parameter. The one without a name is named "".
    fn parameter_element(&self, number: usize, name: &str) -> Option<usize> {
        let is_it = |child: &usize| {
            let child = &self.storage.elements[*child];
            match child.name.as_str() {
                "ac:parameter" => child.attribute("ac:name").unwrap_or_default() == name,
                "ac:default-parameter" => name.is_empty(),
                _ => false,
            }
        };
        self.children(number).find(is_it)
    }

    fn parameter(&self, number: usize, name: &str) -> Option<String> {
        let words = self.storage.text_of(self.parameter_element(number, name)?);
        Some(words.trim().to_owned()).filter(|words| !words.is_empty())
    }

    /// Begins a macro. Returns whether its content is to be read.
    pub(super) fn begin_macro(&mut self, number: usize) -> bool {
        let storage = self.storage;
        let element = &storage.elements[number];
        let place = &element.place;
        let name = element.attribute("ac:name").unwrap_or_default().to_ascii_lowercase();
        match name.as_str() {
            "code" | "code-block" | "codeblock" | "noformat" | "code-pro" => {
                if let Some(title) = self.parameter(number, "title") {
                    self.label(&title, place);
                }
                if let Some(body) = self.child(number, "ac:plain-text-body") {
                    let language = self.parameter(number, "language").unwrap_or_default();
                    let place = place.start..storage.elements[body].place.end;
                    self.code(&language, &storage.text_of(body), &place);
                    return false;
                }
                true
            }
            "info" | "note" | "warning" | "tip" | "panel" => {
                let title = self.parameter(number, "title");
                self.begin_box(&name, title.as_deref(), place);
                true
            }
            "expand" | "ui-expand" => {
                self.push("details", Vec::new(), place);
                if let Some(title) = self.parameter(number, "title") {
                    self.element_with("summary", Vec::new(), &title, place);
                }
                true
            }
            "status" => {
                let words = self.parameter(number, "title").unwrap_or_default();
                self.text(Cow::Owned(words), place);
                false
            }
            "jira" | "jiraissues" => {
                let key = self.parameter(number, "key").or_else(|| self.parameter(number, "issuekey"));
                self.text(Cow::Owned(key.unwrap_or_default()), place);
                false
            }
            "include" | "excerpt-include" | "include-page" | "excerpt-include-plus" => {
                self.include(number);
                false
            }
            "quote" => {
                self.push("blockquote", Vec::new(), place);
                true
            }
            "view-file" | "viewpdf" | "viewdoc" | "viewxls" | "viewppt" | "multimedia" => {
                let file = self.resource(number).and_then(|resource| {
                    storage.elements[resource].attribute("ri:filename").map(str::to_owned)
                });
                let file = file.or_else(|| self.parameter(number, "name")).unwrap_or_default();
                self.text(Cow::Owned(file), place);
                false
            }
            name if DROPPED_MACROS.lines().any(|dropped| dropped == name) => false,
            _ => {
                let is_rich = self.child(number, "ac:rich-text-body").is_some();
                let is_plain = self.child(number, "ac:plain-text-body").is_some();
                let is_inline =
                    self.parameter(number, "atlassian-macro-output-type").as_deref() == Some("INLINE");
                if (is_rich || is_plain) && !is_inline {
                    self.push("div", Vec::new(), place);
                    let is_nameless = NAMELESS_MACROS.contains(&name.as_str());
                    let title = TITLE_PARAMETERS
                        .iter()
                        .filter(|_| !is_nameless)
                        .find_map(|name| self.parameter(number, name));
                    if let Some(title) = title {
                        self.label(&title, place);
                    }
                }
                true
            }
        }
    }

    /// The first resource that stands in an element.
    fn resource(&self, number: usize) -> Option<usize> {
        let element = &self.storage.elements[number];
        let inside = &self.storage.events[element.opens + 1..element.closes];
        inside.iter().find_map(|event| match event {
            Event::Open(inner) if self.storage.elements[*inner].name.starts_with("ri:") => Some(*inner),
            _ => None,
        })
    }

    /// Writes a link in the place of what another page lends.
    fn include(&mut self, number: usize) {
        let storage = self.storage;
        let place = &storage.elements[number].place;
        let found = self.child(number, "ac:parameter").and_then(|_| self.resource(number));
        let (words, address) = match found {
            Some(resource) => self.target(&storage.elements[resource], ""),
            None => {
                let written = self.parameter(number, "").or_else(|| self.parameter(number, "pageTitle"));
                let written = written.unwrap_or_default();
                let (space, title) = written.split_once(':').unwrap_or((self.space, &written));
                match self.addresses.page_named(space, title) {
                    Some(page) => (title.to_owned(), Some(page.to_owned())),
                    None => {
                        let page = self.addresses.page_named(self.space, &written).map(str::to_owned);
                        (written.clone(), page)
                    }
                }
            }
        };
        if words.is_empty() {
            return;
        }
        self.push("p", Vec::new(), place);
        self.element_with("a", address.map(|to| ("href", to)).into_iter().collect(), &words, place);
        self.pop();
    }

    /// The name of a resource, and its address if that is known.
    fn target(&self, resource: &Element, anchor: &str) -> (String, Option<String>) {
        let attribute = |name| resource.attribute(name).unwrap_or_default();
        match resource.name.as_str() {
            "ri:page" | "ri:blog-post" => {
                let space = resource.attribute("ri:space-key").unwrap_or(self.space);
                let title = attribute("ri:content-title");
                let page = self.addresses.page_named(space, title).map(str::to_owned);
                (title.to_owned(), page)
            }
            "ri:content-entity" => (String::new(), Some(attribute("ri:content-id").to_owned())),
            "ri:attachment" => (attribute("ri:filename").to_owned(), None),
            "ri:space" => (attribute("ri:space-key").to_owned(), None),
            "ri:url" => (attribute("ri:value").to_owned(), Some(attribute("ri:value").to_owned())),
            "ri:user" => match attribute("ri:username") {
                "" => (String::new(), None),
                name => (format!("@{name}"), None),
            },
            "ri:shortcut" => (format!("{}@{}", attribute("ri:key"), attribute("ri:parameter")), None),
            _ => (anchor.to_owned(), None),
        }
    }

    /// Begins a link. Returns whether its content is to be read.
    pub(super) fn begin_link(&mut self, number: usize) -> bool {
        let storage = self.storage;
        let element = &storage.elements[number];
        let place = &element.place;
        let anchor = element.attribute("ac:anchor").unwrap_or_default();
        let resource = self.children(number).find(|&child| storage.elements[child].name.starts_with("ri:"));
        let (words, address) = match resource {
            Some(resource) => self.target(&storage.elements[resource], anchor),
            None => (anchor.to_owned(), None),
        };
        let body = self.children(number).find(|&child| {
            matches!(
                storage.elements[child].name.as_str(),
                "ac:link-body" | "ac:plain-text-link-body" | "ac:image"
            )
        });
        let has_words = body.is_some_and(|body| {
            let body = &storage.elements[body];
            self.steps.take(body.closes - body.opens);
            storage.events[body.opens..body.closes].iter().any(|event| match event {
                Event::Text(words, _) => !words.trim().is_empty(),
                Event::Open(inner) => {
                    let name = storage.elements[*inner].name.as_str();
                    matches!(name, "ac:image" | "ac:emoticon" | "ac:structured-macro")
                }
                Event::Close(_) => false,
            })
        });
        if let Some(address) = address.filter(|address| !address.is_empty()) {
            self.push("a", vec![("href", address)], place);
        }
        if !has_words {
            self.text(Cow::Owned(words), place);
        }
        has_words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropped_macros_are_sorted() {
        let names: Vec<&str> = DROPPED_MACROS.lines().collect();
        assert!(names.is_sorted_by(|a, b| a < b), "sorted, each once");
    }
}

//! Text that was edited and still maps each byte to its origin. All steps between a file's decoded text and its chunks
//! (redaction, cleaning) are edits on a [`MappedText`]. So a chunk can always name its byte range in the file, and a
//! secret that shows only in the rendered text is redacted at its place in the source.

use std::ops::Range;

/// Replaces a range of the current text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// Bytes of the current text, on character boundaries.
    pub range: Range<usize>,
    /// The text that replaces the range.
    pub replacement: String,
}

impl Edit {
    /// An edit that removes a range.
    pub fn delete(range: Range<usize>) -> Self {
        Self { range, replacement: String::new() }
    }

    /// Puts `replacement` in the place of a range.
    pub fn replace(range: Range<usize>, replacement: impl Into<String>) -> Self {
        Self { range, replacement: replacement.into() }
    }
}

/// Goes through edits, each a range with what it carries, in the order of their starts: one that begins within the one before
/// it does not count.
fn apart<T>(edits: impl IntoIterator<Item = (Range<usize>, T)>) -> impl Iterator<Item = (Range<usize>, T)> {
    let mut done = 0;
    edits.into_iter().filter(move |(range, _)| {
        let counts = range.start >= done;
        if counts {
            done = range.end;
        }
        counts
    })
}

/// The text with edits applied, which come in the order of their starts; one that begins within the one before it does
/// not count. For texts that need not know where they came from.
pub fn edited(text: &str, edits: impl IntoIterator<Item = (Range<usize>, String)>) -> String {
    let mut written = String::with_capacity(text.len());
    let mut at = 0;
    for (range, replacement) in apart(edits) {
        written.push_str(&text[at..range.start]);
        written.push_str(&replacement);
        at = range.end;
    }
    written.push_str(&text[at..]);
    written
}

/// A text with a map to the text it was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappedText {
    text: String,
    /// Ordered by `at`, covering `text` without gaps.
    segments: Vec<Segment>,
}

/// A run of the text: copied byte for byte, or standing for a source range as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Segment {
    at: usize,
    source: Range<usize>,
    copied: bool,
}

impl MappedText {
    /// A text that is its own source.
    pub fn new(text: String) -> Self {
        let segments = match text.is_empty() {
            true => Vec::new(),
            false => vec![Segment { at: 0, source: 0..text.len(), copied: true }],
        };
        Self { text, segments }
    }

    /// A text that stands as a whole for a range of its source.
    pub fn standing_for(text: String, source: Range<usize>) -> Self {
        let segments = match text.is_empty() {
            true => Vec::new(),
            false => vec![Segment { at: 0, source, copied: false }],
        };
        Self { text, segments }
    }

    /// Appends a text that stands as a whole for a range of the source. Ranges that follow each other must not go back.
    pub fn push_standing_for(&mut self, text: &str, source: Range<usize>) {
        if !text.is_empty() {
            self.segments.push(Segment { at: self.text.len(), source, copied: false });
            self.text.push_str(text);
        }
    }

    /// The text with all edits so far.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The source range of a range of the current text. Ranges that follow each other map to ranges that do not go
    /// back.
    pub fn source_range(&self, range: Range<usize>) -> Range<usize> {
        if range.is_empty() {
            let at = self.source_at(range.start);
            return at..at;
        }
        let last = self.segment_of(range.end - 1);
        let end = match last {
            Some(segment) if segment.copied => segment.source.start + (range.end - segment.at),
            Some(segment) => segment.source.end,
            None => 0,
        };
        self.source_at(range.start)..end
    }

    fn source_at(&self, offset: usize) -> usize {
        match self.segment_of(offset) {
            Some(segment) if segment.copied => {
                segment.source.start + (offset - segment.at).min(segment.source.len())
            }
            Some(segment) => segment.source.start,
            None => 0,
        }
    }

    fn segment_of(&self, offset: usize) -> Option<&Segment> {
        let after = self.segments.partition_point(|segment| segment.at <= offset);
        self.segments.get(after.checked_sub(1)?)
    }

    /// Applies edits. They may come in any order; one that overlaps an earlier-starting one is left out.
    pub fn edited(self, mut edits: Vec<Edit>) -> Self {
        if edits.is_empty() {
            return self;
        }
        edits.sort_by_key(|edit| (edit.range.start, edit.range.end));
        let mut result = Self {
            text: String::with_capacity(self.text.len()),
            segments: Vec::with_capacity(edits.len() * 2),
        };
        let mut done = 0;
        let mut next_segment = 0;
        for (range, replacement) in apart(edits.into_iter().map(|edit| (edit.range, edit.replacement))) {
            result.copy(&self, done..range.start, &mut next_segment);
            if !replacement.is_empty() {
                let source = self.source_range(range.clone());
                result.segments.push(Segment { at: result.text.len(), source, copied: false });
                result.text.push_str(&replacement);
            }
            done = range.end;
        }
        result.copy(&self, done..self.text.len(), &mut next_segment);
        result
    }

    /// Appends a range of another text with its map. `next_segment` is where the search starts; ranges must go
    /// forward.
    fn copy(&mut self, from: &Self, range: Range<usize>, next_segment: &mut usize) {
        if range.is_empty() {
            return;
        }
        let segment_end =
            |index: usize| from.segments.get(index + 1).map_or(from.text.len(), |following| following.at);
        while segment_end(*next_segment) <= range.start {
            *next_segment += 1;
        }
        let mut index = *next_segment;
        while let Some(segment) = from.segments.get(index).filter(|segment| segment.at < range.end) {
            let (start, end) = (segment.at.max(range.start), segment_end(index).min(range.end));
            let source = match segment.copied {
                true => {
                    segment.source.start + (start - segment.at)..segment.source.start + (end - segment.at)
                }
                false => segment.source.clone(),
            };
            let at = self.text.len() + (start - range.start);
            self.segments.push(Segment { at, source, copied: segment.copied });
            index += 1;
        }
        self.text.push_str(&from.text[range]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_applied_in_order() {
        let edits = [(0..3, "One"), (2..5, "lost"), (4..4, "and "), (8..8, "!")];
        let edits = edits.map(|(range, text)| (range, text.to_owned()));
        assert_eq!(edited("one two ", edits), "One and two !");
    }

    #[test]
    fn edited_text_remembers_its_source() {
        let source = "one {{x}} two <b>three</b> four";
        let at = |needle: &str| {
            let start = source.find(needle).expect("it is there");
            start..start + needle.len()
        };
        let text = MappedText::new(source.to_owned()).edited(vec![
            Edit::replace(at("{{x}}"), "shortcode"),
            Edit::delete(at("<b>")),
            Edit::delete(at("</b>")),
        ]);
        assert_eq!(text.as_str(), "one shortcode two three four");
        let range_of = |text: &MappedText, needle: &str| {
            let start = text.as_str().find(needle).expect("it is there");
            source[text.source_range(start..start + needle.len())].to_owned()
        };
        assert_eq!(range_of(&text, "three"), "three");
        assert_eq!(range_of(&text, "two three four"), "two <b>three</b> four");
        assert_eq!(range_of(&text, "code"), "{{x}}", "a replacement stands for all it replaces");

        let start = text.as_str().find("three").expect("it is there");
        let again = text.clone().edited(vec![Edit::replace(start..start + 5, "3"), Edit::delete(0..4)]);
        assert_eq!(again.as_str(), "shortcode two 3 four");
        assert_eq!(range_of(&again, "3"), "three");
        assert_eq!(range_of(&again, "four"), "four");
    }

    #[test]
    fn texts_are_put_together() {
        let mut text = MappedText::new(String::new());
        text.push_standing_for("one ", 3..5);
        text.push_standing_for("", 5..6);
        text.push_standing_for("two", 8..20);
        assert_eq!(
            (text.as_str(), text.source_range(0..2), text.source_range(2..6)),
            ("one two", 3..5, 3..20)
        );
        let text = text.edited(vec![Edit::delete(0..4)]);
        assert_eq!((text.as_str(), text.source_range(0..3)), ("two", 8..20));
    }

    #[test]
    fn overlapping_edits_do_not_harm() {
        let text = MappedText::new("abcdef".to_owned()).edited(vec![
            Edit::delete(1..4),
            Edit::replace(2..3, "x"),
            Edit::delete(5..6),
        ]);
        assert_eq!(text.as_str(), "ae");
        assert_eq!(text.source_range(0..2), 0..5);
    }
}

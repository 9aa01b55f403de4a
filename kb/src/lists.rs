//! Lists that lie beside the code as data files: vocabularies, headings, facts. A file has one entry a line, columns apart by
//! tabs, and comments on lines that begin with `#`; it is sorted and has each line once, which a test of its room holds
//! against it with [`unsorted`]. A room parses its lists once, when it first needs them.

use rustc_hash::FxHashSet;

/// The entries of a list, in the order of the file.
pub fn lines(file: &'static str) -> impl DoubleEndedIterator<Item = &'static str> + Clone {
    file.lines().filter(|line| !line.starts_with('#'))
}

/// The entries of a list of two columns; one without a second column has an empty one.
pub fn pairs(file: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> + Clone {
    lines(file).map(|line| line.split_once('\t').unwrap_or((line, "")))
}

/// Words to be asked for single ones.
pub type WordSet = FxHashSet<&'static str>;

/// The entries of a list of words.
pub fn words(file: &'static str) -> WordSet {
    lines(file).collect()
}

/// The first entry of a list that does not come after the one before it; for tests.
pub fn unsorted(file: &'static str) -> Option<&'static str> {
    lines(file).zip(lines(file).skip(1)).find(|(before, line)| before >= line).map(|(_, line)| line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_without_their_comments() {
        const FILE: &str = "# Words, and what they mean.\na\tfirst\nb\nc\tthird\tand more\n";
        assert_eq!(lines(FILE).collect::<Vec<_>>(), ["a\tfirst", "b", "c\tthird\tand more"]);
        assert_eq!(pairs(FILE).collect::<Vec<_>>(), [("a", "first"), ("b", ""), ("c", "third\tand more")]);
        assert!(words(FILE).contains("b"));
        assert_eq!(unsorted(FILE), None);
    }

    #[test]
    fn an_entry_out_of_order_is_told() {
        assert_eq!(unsorted("a\nc\nb\n"), Some("b"));
        assert_eq!(unsorted("a\nb\nb\n"), Some("b"));
    }
}

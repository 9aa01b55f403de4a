//! Checked blocks put together, at such distances that they mean together what each means alone.

use super::{blocks, cleaning::Cleaning};

/// Most bytes without a blank line, where they hold what may begin a link or a tag.
const MAX_PARAGRAPH: usize = 4 << 10;

/// The text that is checked so far.
#[derive(Default)]
pub struct Joined {
    pub text: String,
    /// Where its first block ends.
    pub first_end: usize,
    /// Where its last block begins.
    last_start: usize,
    /// Where its last paragraph begins, which a blank line ends, and whether a link or a tag may begin in it.
    paragraph_start: usize,
    may_link: bool,
}

impl Joined {
    pub fn first_block(&self) -> &str {
        &self.text[..self.first_end]
    }

    pub fn last_block(&self) -> &str {
        &self.text[self.last_start..]
    }

    /// Takes another text for its own, as one block.
    pub fn become_one(&mut self, text: String) {
        self.first_end = text.len();
        self.text = text;
    }

    /// Adds a checked block, at such a distance that the two mean together what each means alone.
    pub fn append(&mut self, block: &str, after_blank: bool, cleaning: &Cleaning<'_, '_>) {
        if self.text.is_empty() {
            self.text = block.to_owned();
            self.first_end = self.text.len();
            return self.follow_paragraph(0);
        }
        let last = self.last_block();
        // A label or a tag may go on over many lines, but not over a blank one.
        let paragraph = &self.text[self.paragraph_start..];
        let is_sealed = |between: &str| {
            between.len() > 1
                || paragraph.len() == last.len()
                || !self.may_link
                || (paragraph.len() < MAX_PARAGRAPH
                    && cleaning.is_sealed(&format!("{paragraph}{between}{block}")))
        };
        let keeps_apart = |between: &str| {
            let both = format!("{last}{between}{block}");
            blocks::begins_at(&both, last.len() + between.len())
                && cleaning.is_clean(&both)
                && is_sealed(between)
        };
        let (between, block) = if !after_blank && keeps_apart("\n") {
            ("\n", block.to_owned())
        } else if keeps_apart("\n\n") {
            ("\n\n", block.to_owned())
        } else {
            ("\n\n", cleaning.blunted(block.trim_start()))
        };
        self.text.push_str(between);
        self.last_start = self.text.len();
        self.text.push_str(&block);
        self.follow_paragraph(self.last_start - between.len());
    }

    /// Notes where the last paragraph begins, by what is new from `from` on.
    fn follow_paragraph(&mut self, from: usize) {
        if let Some(blank) = self.text[from..].rfind("\n\n") {
            self.paragraph_start = (from + blank + 2).min(self.last_start);
            self.may_link = false;
        }
        self.may_link |= self.text[self.paragraph_start.max(from)..].contains(['[', '<']);
    }
}

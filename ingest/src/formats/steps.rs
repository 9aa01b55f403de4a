//! The work that a file's markup may take, in steps and not in seconds, so that a file is refused on every machine or
//! on none. A step is a byte or a thing that a pass looks at beyond reading the text once.

use std::cell::Cell;

/// Steps that every file may take.
const FREE: u64 = 1 << 20;

/// Steps for each byte beyond that. Ordinary pages take less than one.
const PER_BYTE: u64 = 64;

/// The budget of steps that reading one file may take.
#[derive(Debug)]
pub(crate) struct Steps {
    taken: Cell<u64>,
    most: u64,
}

impl Steps {
    /// The budget of a text.
    pub(crate) fn for_text(text: &str) -> Self {
        Self { taken: Cell::new(0), most: FREE + PER_BYTE * text.len() as u64 }
    }

    /// Takes steps; `false` when the budget is spent, and the pass may stop.
    pub(crate) fn take(&self, steps: usize) -> bool {
        self.taken.set(self.taken.get().saturating_add(steps as u64));
        !self.are_spent()
    }

    /// Whether more was taken than there was.
    pub(crate) fn are_spent(&self) -> bool {
        self.taken.get() > self.most
    }

    /// Why a file that took more is refused.
    pub(crate) fn refusal(&self) -> String {
        format!(
            "its markup takes more than {} steps to read, more than its size allows; split the file",
            self.most
        )
    }

    /// How many were taken.
    #[cfg(test)]
    pub(crate) fn taken(&self) -> u64 {
        self.taken.get()
    }
}

//! How much memory all bodies take together while they are read.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

/// Bytes of all bodies that are being read: each is small, but there may be as many as connections.
const MAX_BYTES_TOGETHER: usize = 64 << 20;

/// How much all bodies hold while they are read, and whether there was a large one.
#[derive(Clone, Default)]
pub struct Bodies(Arc<Together>);

#[derive(Default)]
struct Together {
    bytes: AtomicUsize,
    was_large: AtomicBool,
}

/// A body from which on memory is given back to the system afterwards.
const LARGE_BYTES: usize = 128 << 10;

/// The room that one body takes, until it is dropped.
pub struct Held {
    bodies: Bodies,
    bytes: usize,
}

impl Bodies {
    /// Whether large bodies were read since the last time that this was so, and none is being read now.
    pub fn were_large(&self) -> bool {
        self.0.bytes.load(Ordering::Relaxed) < LARGE_BYTES && self.0.was_large.swap(false, Ordering::Relaxed)
    }

    /// The room of a body that begins: nothing yet.
    pub fn hold(&self) -> Held {
        Held { bodies: self.clone(), bytes: 0 }
    }
}

impl Held {
    /// Takes room for this many bytes more; whether there was room.
    pub fn grow(&mut self, bytes: usize) -> bool {
        let before = self.bodies.0.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.bytes += bytes;
        if self.bytes >= LARGE_BYTES {
            self.bodies.0.was_large.store(true, Ordering::Relaxed);
        }
        before + bytes <= MAX_BYTES_TOGETHER
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.bodies.0.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

//! The limits of a child. It sets them itself, before it reads anything; they cannot be raised again.

use std::io;

/// Memory, all that is mapped included.
pub(super) const MAX_MEMORY_BYTES: u64 = 768 << 20;

/// Time of the processor.
pub(super) const MAX_CPU_SECONDS: u64 = 10;

/// Sets the limits of this process.
#[cfg(unix)]
pub(super) fn set() -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let limits = [
        (Resource::As, MAX_MEMORY_BYTES),
        (Resource::Cpu, MAX_CPU_SECONDS),
        // The child writes neither an image of its memory nor any other file.
        (Resource::Core, 0),
        (Resource::Fsize, 0),
        (Resource::Nofile, 16),
    ];
    for (resource, most) in limits {
        let maximum = most + u64::from(most == MAX_CPU_SECONDS);
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(maximum) })?;
    }
    Ok(())
}

/// This system has no such limits.
#[cfg(not(unix))]
pub(super) fn set() -> io::Result<()> {
    Ok(())
}

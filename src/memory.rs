//! Memory that the process does not need any more.

/// Gives what was freed back to the system, where the allocator keeps it: after large requests that is most of what is
/// resident. Takes milliseconds; blocks.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it takes the allocator's own locks and touches only what nobody holds.
    unsafe {
        libc::malloc_trim(0);
    }
}

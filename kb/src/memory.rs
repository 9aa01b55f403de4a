//! Memory that a process holds without needing it.

/// Gives freed memory back to the system, where the allocator keeps it: after large requests most resident memory is
/// freed memory. Takes milliseconds; blocks.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it takes the allocator's own locks and touches only memory that is not in use.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Lets threads share few pools of memory, for programs whose threads hand large batches to each other: memory that one
/// thread frees in another's pool is kept there. To be called before there are threads.
pub fn share_pools() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it sets a number of the allocator.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 2);
    }
}

//! What a child may take. It sets the limits itself, before it reads anything; they cannot be raised again.

use std::io;

/// Memory, all that is mapped included.
pub(super) const MAX_MEMORY_BYTES: u64 = 768 << 20;

/// Time of the processor.
pub(super) const MAX_CPU_SECONDS: u64 = 10;

/// Sets the limits of this process.
#[cfg(unix)]
pub(super) fn set() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    type Resource = libc::__rlimit_resource_t;
    #[cfg(not(target_os = "linux"))]
    type Resource = libc::c_int;
    let limits: [(Resource, u64); 5] = [
        (libc::RLIMIT_AS as Resource, MAX_MEMORY_BYTES),
        (libc::RLIMIT_CPU as Resource, MAX_CPU_SECONDS),
        // Neither a picture of its memory nor any other file.
        (libc::RLIMIT_CORE as Resource, 0),
        (libc::RLIMIT_FSIZE as Resource, 0),
        (libc::RLIMIT_NOFILE as Resource, 16),
    ];
    for (resource, most) in limits {
        let limit = libc::rlimit { rlim_cur: most, rlim_max: most + u64::from(most == MAX_CPU_SECONDS) };
        // SAFETY: it reads the limit that it is given, and sets numbers of this process.
        if unsafe { libc::setrlimit(resource, &limit) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// There are none on this system.
#[cfg(not(unix))]
pub(super) fn set() -> io::Result<()> {
    Ok(())
}

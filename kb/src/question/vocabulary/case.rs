//! Words in lower case, as the lists have them.

/// Longest word of the lists.
pub(super) const MAX_WORD_BYTES: usize = 40;

/// The word in lower case, without an allocation for each word of a text; `None` if no list can hold it.
pub(super) fn lower<'b>(word: &str, buffer: &'b mut [u8; MAX_WORD_BYTES]) -> Option<&'b str> {
    let buffer = buffer.get_mut(..word.len())?;
    buffer.copy_from_slice(word.as_bytes());
    buffer.make_ascii_lowercase();
    std::str::from_utf8(buffer).ok()
}

//! Whether a component is all there: a file that is still being copied ends in the middle of a section.

const MAGIC: [u8; 4] = *b"\0asm";

/// False where `bytes` are the beginning of a WebAssembly file, and something is missing at their end. What is no
/// WebAssembly at all is as whole as it will ever be.
pub(super) fn is_whole(bytes: &[u8]) -> bool {
    if bytes.len() < 8 {
        return !MAGIC.starts_with(bytes.get(..4).unwrap_or(bytes));
    }
    let Some(mut rest) = bytes.strip_prefix(&MAGIC).and_then(|rest| rest.get(4..)) else { return true };
    while let Some((_, sized)) = rest.split_first() {
        match section(sized) {
            Section::Ends(after) => rest = after,
            Section::IsCut => return false,
            // Damaged: no more bytes will mend it.
            Section::HasNoLength => return true,
        }
    }
    true
}

enum Section<'a> {
    Ends(&'a [u8]),
    IsCut,
    HasNoLength,
}

/// Skips a section that begins with its length, in LEB128.
fn section(bytes: &[u8]) -> Section<'_> {
    let mut length = 0u64;
    for (index, byte) in bytes.iter().enumerate().take(5) {
        length |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            let end = usize::try_from(length).ok().and_then(|length| length.checked_add(index + 1));
            return end.and_then(|end| bytes.get(end..)).map_or(Section::IsCut, Section::Ends);
        }
    }
    if bytes.len() < 5 { Section::IsCut } else { Section::HasNoLength }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_is_whole_at_its_end_and_at_the_ends_of_its_sections() {
        let component = tidegate_bundled::LOG_HANDLER;
        assert!(is_whole(component));
        let cuts: Vec<usize> = (0..component.len()).filter(|end| is_whole(&component[..*end])).collect();
        assert!((1..200).contains(&cuts.len()), "{} prefixes look whole", cuts.len());
        // All those lack the exports, which stand near the end, or nothing but names.
        for (bytes, whole) in [
            (b"".as_slice(), false),
            (b"\0as", false),
            (b"\0asm\x0d\0\x01", false),
            (b"\0asm\x0d\0\x01\0", true),
            (b"\0asm\x0d\0\x01\0\x01", false),
            (b"\0asm\x0d\0\x01\0\x01\xff\xff\xff\xff\xff\xff", true),
            (b"#!/bin/sh\n", true),
            (b"abc", true),
        ] {
            assert_eq!(is_whole(bytes), whole, "{bytes:?}");
        }
    }
}

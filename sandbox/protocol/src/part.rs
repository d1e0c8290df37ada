//! The structure of a file as the looking child walked it: segments, chunks, blocks, boxes.

use crate::wire::{Reader, WireError, Writer};

/// One piece of a file, or a row of pieces of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// 0 for the file's own pieces, 1 for what lies within one of them, and so on.
    pub depth: u8,
    /// The name that the format gives it, padded with spaces: printable ASCII only.
    pub name: [u8; Self::NAME_BYTES],
    /// Where the first begins, in bytes from the start of the file.
    pub offset: u64,
    /// Bytes of all together.
    pub length: u64,
    /// How many follow each other.
    pub count: u32,
}

impl Part {
    pub const NAME_BYTES: usize = 8;

    /// One piece whose name is cut to eight characters, with everything unprintable replaced.
    pub fn new(depth: u8, untrusted_name: &[u8], offset: u64, length: u64) -> Self {
        let mut name = [b' '; Self::NAME_BYTES];
        for (to, from) in name.iter_mut().zip(untrusted_name) {
            *to = if is_plain(*from) { *from } else { b'?' };
        }
        Self { depth, name, offset, length, count: 1 }
    }

    /// The name without its padding.
    pub fn name(&self) -> &str {
        std::str::from_utf8(&self.name).unwrap_or_default().trim_end()
    }

    pub(crate) fn write(self, out: &mut Writer) {
        out.u8(self.depth);
        self.name.iter().for_each(|byte| out.u8(*byte));
        out.u64(self.offset);
        out.u64(self.length);
        out.u32(self.count);
    }

    pub(crate) fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let depth = input.u8()?;
        let mut name = [0; Self::NAME_BYTES];
        for byte in &mut name {
            *byte = input.u8()?;
        }
        if !name.iter().all(|byte| is_plain(*byte)) {
            return Err(WireError::BadText);
        }
        Ok(Self { depth, name, offset: input.u64()?, length: input.u64()?, count: input.u32()? })
    }
}

const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_graphic() || byte == b' '
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_from_a_file_is_cut_and_printable() {
        let part = Part::new(0, b"\x1b[31m<script>", 0, 0);
        assert_eq!(part.name(), "?[31m<sc");
        assert_eq!(Part::new(0, b"ab", 0, 0).name(), "ab");
    }

    #[test]
    fn a_name_with_a_control_character_is_refused_on_the_wire() {
        let mut out = Writer::default();
        Part { name: *b"ab\x1bdefgh", ..Part::new(0, b"", 1, 2) }.write(&mut out);
        let bytes = out.into_bytes();
        assert_eq!(Part::read(&mut Reader::new(&bytes)), Err(WireError::BadText));
    }
}

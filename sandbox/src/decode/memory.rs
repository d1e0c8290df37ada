//! What a child may still take. Decoders that keep a whole picture reckon by its header what they will need, so that a
//! picture over the limit is refused by name instead of ending the child.

use std::cell::Cell;

use sekisho_protocol::{DecodeLimits, FindingCode};

/// Bytes that are left of a child's memory.
#[derive(Debug)]
pub(super) struct Memory(Cell<u64>);

impl Memory {
    /// What remains beside the file and the output, which are mapped whole.
    pub(super) fn beside(limits: &DecodeLimits, file: usize, output: usize) -> Self {
        let mapped = (file as u64).saturating_add(output as u64).saturating_add(SPARE);
        Self(Cell::new(limits.max_memory.saturating_sub(mapped)))
    }

    /// Sets `bytes` aside until the picture is done.
    pub(super) fn take(&self, bytes: u64) -> Result<(), FindingCode> {
        self.expect(bytes)?;
        self.0.set(self.0.get() - bytes);
        Ok(())
    }

    /// Makes sure of `bytes` that are given back before more is asked for.
    pub(super) fn expect(&self, bytes: u64) -> Result<(), FindingCode> {
        if bytes > self.0.get() { Err(FindingCode::MemoryLimit) } else { Ok(()) }
    }
}

/// Stack, tables, rows, colour conversion, and what the allocator holds back.
const SPARE: u64 = 24 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_holds_at_under_and_over() {
        let limits = DecodeLimits { max_memory: SPARE + 100, ..DecodeLimits::default() };
        let memory = Memory::beside(&limits, 30, 20);
        assert_eq!(memory.expect(51), Err(FindingCode::MemoryLimit));
        assert_eq!(memory.expect(50), Ok(()));
        assert_eq!(memory.take(49), Ok(()));
        assert_eq!(memory.take(2), Err(FindingCode::MemoryLimit));
        assert_eq!(memory.take(1), Ok(()));
        assert_eq!(memory.expect(1), Err(FindingCode::MemoryLimit));
        let none = Memory::beside(&limits, usize::MAX, usize::MAX);
        assert_eq!(none.take(1), Err(FindingCode::MemoryLimit));
    }
}

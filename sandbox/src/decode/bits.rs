//! The bits of a JPEG scan: Huffman codes read only to know how long they are.

use sekisho_protocol::FindingCode;

/// A Huffman table. Empty until it was defined; an empty one knows no code.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// For each beginning of a code, its length (high byte, 0 if longer) and value.
    short: Vec<u16>,
    /// For each [`WINDOW`] of bits, the whole coefficients of a baseline block whose codes it shows: the bits of all of
    /// them (high byte), whether they end the block, and how many places they go on, such an end included.
    /// [`LONGER`] if it does not show the first code whole. Absent until [`Table::prepare`].
    runs: Option<Box<[u16; 1 << WINDOW]>>,
    /// For the lengths 1 to 16: the first code that is longer, aligned to sixteen bits.
    limits: [u32; 16],
    /// What to add to a code of this length to get its place among the values.
    offsets: [i32; 16],
    values: Vec<u8>,
}

impl Table {
    pub(super) fn new(counts: &[u8; 16], values: &[u8]) -> Option<Self> {
        let short = vec![0; 1 << SHORT];
        let mut table = Self { short, values: values.to_vec(), ..Self::default() };
        let (mut code, mut place) = (0u32, 0usize);
        let mut rest = values;
        for (length, count) in (1u32..).zip(counts) {
            let index = length as usize - 1;
            *table.offsets.get_mut(index)? =
                i32::try_from(place).ok()? - i32::try_from(code).ok()?;
            for _ in 0..*count {
                let (value, others) = rest.split_first()?;
                rest = others;
                if length <= SHORT {
                    let from = (code << (SHORT - length)) as usize;
                    let same = from..from + (1 << (SHORT - length));
                    let short = u16::try_from(length << 8).ok()? | u16::from(*value);
                    table.short.get_mut(same)?.fill(short);
                }
                code += 1;
                place += 1;
            }
            (code <= 1 << length).then_some(())?;
            *table.limits.get_mut(index)? = code << (16 - length);
            code <<= 1;
        }
        Some(table)
    }

    /// Makes a table ready for [`Bits::baseline`]. Costs as much as a small picture, so it is done for a scan, not for
    /// every table that a file defines.
    pub(super) fn prepare(&mut self) {
        if self.runs.is_none() {
            let runs: Box<[u16]> = (0..1 << WINDOW).map(|bits| self.run_in(bits)).collect();
            self.runs = runs.try_into().ok();
        }
    }

    fn run_in(&self, window: u16) -> u16 {
        let (mut used, mut onward, mut ends) = (0, 0, 0);
        while used < WINDOW && ends == 0 {
            let rest = u32::from(window) << used & WINDOW_MASK;
            let short = self.short.get((rest >> (WINDOW - SHORT)) as usize).copied().unwrap_or(0);
            let (length, value) = (u32::from(short >> 8), short & 0xFF);
            if length == 0 || length > WINDOW - used {
                break;
            }
            let (zeros, size) = (value >> 4, value & 15);
            if size == 0 && zeros < 15 {
                (used, ends) = (used + length, ENDS_BLOCK);
            } else if onward + zeros + 1 < 64 {
                (used, onward) = (used + length + u32::from(size), onward + zeros + 1);
            } else {
                break;
            }
        }
        if used == 0 {
            return LONGER;
        }
        let places = onward + u16::from(ends > 0);
        // At most twelve bits and a coefficient's own fifteen.
        u16::try_from(used).unwrap_or(0) << 8 | ends | places
    }
}

/// A position in the bits of a scan.
#[derive(Debug)]
pub(super) struct Bits<'a> {
    data: &'a [u8],
    rest: &'a [u8],
    /// The next bits, from the top.
    buffer: u64,
    left: u32,
}

impl<'a> Bits<'a> {
    pub(super) const fn new(data: &'a [u8]) -> Self {
        Self { data, rest: data, buffer: 0, left: 0 }
    }

    pub(super) fn skip(&mut self, count: u32) -> Result<(), FindingCode> {
        self.take(count).map(drop)
    }

    /// One block of a baseline scan.
    #[inline]
    pub(super) fn baseline(&mut self, dc: &Table, ac: &Table) -> Result<(), FindingCode> {
        self.refill();
        self.first_dc(dc)?;
        let runs = ac.runs.as_ref().ok_or(FindingCode::Malformed)?;
        let mut place = 1;
        while place < 64 {
            // Enough for two, which have 27 bits each at most.
            self.refill();
            for _ in 0..2 {
                let window = (self.buffer >> (64 - WINDOW)) as usize;
                let run = runs.get(window).copied().unwrap_or(LONGER);
                let used = u32::from(run >> 8);
                let after = place + u32::from(run & PLACES);
                if used > self.left || after > 64 {
                    // A long code, the end of the data, or codes that are no longer of this block.
                    let (zeros, size) = self.coefficient(ac)?;
                    if size == 0 && zeros < 15 {
                        return Ok(());
                    }
                    place += zeros + 1;
                    break;
                }
                self.buffer <<= used;
                self.left -= used;
                if run & ENDS_BLOCK != 0 {
                    return Ok(());
                }
                place = after;
                if place == 64 {
                    break;
                }
            }
        }
        if place == 64 { Ok(()) } else { Err(FindingCode::Malformed) }
    }

    #[inline]
    pub(super) fn first_dc(&mut self, table: &Table) -> Result<(), FindingCode> {
        let short = table.short.get((self.buffer >> (64 - SHORT)) as usize).copied().unwrap_or(0);
        let both = u32::from(short >> 8) + u32::from(short & 15);
        if short > 0 && short & 0xF0 == 0 && both <= self.left {
            self.buffer <<= both;
            self.left -= both;
            return Ok(());
        }
        let size = self.symbol(table)?;
        if size > 16 {
            return Err(FindingCode::Malformed);
        }
        self.skip(size)
    }

    /// One block of a scan that brings a band of coefficients. `run`: blocks to come that have none.
    pub(super) fn first_ac(
        &mut self,
        table: &Table,
        (first, last): (u32, u32),
        run: &mut u32,
        nonzero: &mut u64,
    ) -> Result<(), FindingCode> {
        if *run > 0 {
            *run -= 1;
            return Ok(());
        }
        let mut place = first;
        while place <= last {
            let (zeros, size) = self.coefficient(table)?;
            if size == 0 && zeros < 15 {
                *run = self.run(zeros)? - 1;
                return Ok(());
            }
            place += zeros;
            if size > 0 {
                *nonzero |= 1u64.checked_shl(place).ok_or(FindingCode::Malformed)?;
            }
            place += 1;
        }
        if place == last + 1 { Ok(()) } else { Err(FindingCode::Malformed) }
    }

    /// One block of a scan that brings a further bit of a band of coefficients.
    pub(super) fn refine_ac(
        &mut self,
        table: &Table,
        (first, last): (u32, u32),
        run: &mut u32,
        nonzero: &mut u64,
    ) -> Result<(), FindingCode> {
        let mut place = first;
        while *run == 0 && place <= last {
            let symbol = self.symbol(table)?;
            let (mut zeros, size) = (symbol >> 4, symbol & 15);
            if size == 0 && zeros < 15 {
                *run = self.run(zeros)?;
                break;
            }
            if size > 1 {
                return Err(FindingCode::Malformed);
            }
            self.skip(size)?;
            while place <= last {
                if *nonzero & 1 << place != 0 {
                    self.skip(1)?;
                } else if zeros == 0 {
                    break;
                } else {
                    zeros -= 1;
                }
                place += 1;
            }
            if size > 0 && place > last {
                return Err(FindingCode::Malformed);
            }
            if size > 0 {
                *nonzero |= 1 << place;
            }
            place += 1;
        }
        if *run > 0 {
            *run -= 1;
            let known = if place > last { 0 } else { *nonzero >> place << (63 - last + place) };
            for _ in 0..known.count_ones() {
                self.skip(1)?;
            }
        }
        Ok(())
    }

    /// Passes the restart marker that has to come here.
    pub(super) fn restart(&mut self, number: u8) -> Result<(), FindingCode> {
        let used = self.end()?;
        let marker = self.data.get(used..).unwrap_or_default();
        let fill = marker.iter().take_while(|byte| **byte == 0xFF).count();
        if fill == 0 || marker.get(fill) != Some(&(0xD0 + number)) {
            return Err(FindingCode::Malformed);
        }
        *self = Self::new(self.data);
        self.rest = marker.get(fill + 1..).unwrap_or_default();
        Ok(())
    }

    /// How many bytes the scan has, up to the marker behind it, if nothing but a little filling is left.
    pub(super) fn end(&self) -> Result<usize, FindingCode> {
        let mut rest = self.rest;
        let mut spare = self.left as usize / 8;
        loop {
            rest = match rest {
                [0xFF, 0x00, rest @ ..] => rest,
                [0xFF, ..] | [] => break,
                [_, rest @ ..] => rest,
            };
            spare += 1;
            if spare > MAX_SPARE {
                return Err(FindingCode::Malformed);
            }
        }
        Ok(self.data.len() - rest.len())
    }

    /// Zeros and size of the next coefficient, whose own bits are passed.
    #[inline]
    fn coefficient(&mut self, table: &Table) -> Result<(u32, u32), FindingCode> {
        let symbol = self.symbol(table)?;
        let (zeros, size) = (symbol >> 4, symbol & 15);
        self.skip(size)?;
        Ok((zeros, size))
    }

    /// The length of a run of blocks that have no more coefficients, this one included.
    fn run(&mut self, size: u32) -> Result<u32, FindingCode> {
        Ok((1 << size) + self.take(size)?)
    }

    #[inline]
    fn symbol(&mut self, table: &Table) -> Result<u32, FindingCode> {
        if self.left < 32 {
            self.refill();
        }
        let short = table.short.get((self.buffer >> (64 - SHORT)) as usize).copied().unwrap_or(0);
        if short != 0 {
            self.skip(u32::from(short >> 8))?;
            return Ok(u32::from(short & 0xFF));
        }
        self.long_symbol(table)
    }

    #[cold]
    fn long_symbol(&mut self, table: &Table) -> Result<u32, FindingCode> {
        let next = u32::try_from(self.buffer >> 48).unwrap_or(0);
        let lengths = (1u32..).zip(table.limits.iter().zip(&table.offsets));
        let found = lengths.skip(SHORT as usize).find(|(_, (limit, _))| next < **limit);
        let (length, (_, offset)) = found.ok_or(FindingCode::Malformed)?;
        self.skip(length)?;
        let place = i32::try_from(next >> (16 - length)).unwrap_or(0) + offset;
        let value = usize::try_from(place).ok().and_then(|place| table.values.get(place));
        value.map(|value| u32::from(*value)).ok_or(FindingCode::Malformed)
    }

    /// The next bits, at most sixteen.
    #[inline]
    fn take(&mut self, count: u32) -> Result<u32, FindingCode> {
        if count > self.left {
            self.refill();
            if count > self.left {
                return Err(FindingCode::Truncated);
            }
        }
        // Twice, as a shift by 64 is none.
        let bits = self.buffer >> 1 >> (63 - count);
        self.buffer <<= count;
        self.left -= count;
        Ok(u32::try_from(bits).unwrap_or(0))
    }

    /// To at least 56 bits, and less than 64, unless the data end before.
    #[inline]
    fn refill(&mut self) {
        if let Some(eight) = self.rest.first_chunk::<8>() {
            let word = u64::from_be_bytes(*eight);
            if !holds_ff(word) {
                let bytes = (63 - self.left) / 8;
                // What is behind the last whole byte is brought again the next time.
                self.buffer |= word >> self.left;
                self.left += bytes * 8;
                self.rest = self.rest.get(bytes as usize..).unwrap_or_default();
                return;
            }
        }
        while self.left < 56 {
            let (byte, rest) = match self.rest {
                [0xFF, 0x00, rest @ ..] => (0xFF, rest),
                [0xFF, ..] | [] => return,
                [byte, rest @ ..] => (*byte, rest),
            };
            self.buffer |= u64::from(byte) << (56 - self.left);
            self.left += 8;
            self.rest = rest;
        }
    }
}

/// Whether one of eight bytes is 0xFF.
const fn holds_ff(word: u64) -> bool {
    let inverse = !word;
    inverse.wrapping_sub(0x0101_0101_0101_0101) & word & 0x8080_8080_8080_8080 != 0
}

/// Bits that are looked at together: two or three coefficients of a photo.
const WINDOW: u32 = 13;
const WINDOW_MASK: u32 = (1 << WINDOW) - 1;
/// Beside a number of places, of which a block has 64.
const ENDS_BLOCK: u16 = 128;
const PLACES: u16 = 127;
/// More bits than there ever are.
const LONGER: u16 = 0xFF00;
/// Codes of up to this length are found by one look.
const SHORT: u32 = 10;
/// Some cameras leave a few bytes of filling before a marker; a row of blocks is longer.
pub(super) const MAX_SPARE: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    /// Every length of code from 2 to 16, ends of blocks and runs of zeros among them.
    fn table() -> Table {
        let counts = [0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 25];
        let first = [0x01, 0x00, 0x02, 0x11, 0x03, 0xF0, 0x21, 0x04, 0x31, 0x12, 0x05, 0x41, 0x06];
        let others = (0x07..=0xFFu8).filter(|value| value & 15 > 0 && !first.contains(value));
        let values: Vec<u8> = first.into_iter().chain(others).take(62).collect();
        Table::new(&counts, &values).unwrap()
    }

    #[test]
    fn what_follows_a_full_block_is_left_to_the_next() {
        let mut table = table();
        table.prepare();
        // A difference of no bits, 63 coefficients of one bit, and the code that would end a block.
        let bits = ["01", &"001".repeat(63), "01", &"0".repeat(80)].concat();
        let byte = |bits: &[u8]| bits.iter().fold(0, |byte, bit| byte << 1 | (bit & 1));
        let data: Vec<u8> = bits.as_bytes().chunks_exact(8).map(byte).collect();
        let mut bits = Bits::new(&data);
        assert_eq!(bits.baseline(&table, &table), Ok(()));
        assert_eq!(data.len() * 8 - bits.rest.len() * 8 - bits.left as usize, 2 + 63 * 3);
    }

    #[test]
    fn coefficients_taken_together_are_the_ones_taken_one_by_one() {
        let (mut single, mut together) = (table(), table());
        single.runs = Some(Box::new([LONGER; 1 << WINDOW]));
        together.prepare();
        let mut state = 11u32;
        let mut whole = 0;
        for _ in 0..300 {
            let mut byte = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                // Many ends of blocks and few of the codes that would mean data beyond the block.
                state.to_be_bytes()[0] & state.to_be_bytes()[1]
            };
            let data: Vec<u8> = (0..400).map(|_| byte()).collect();
            let (mut one, mut two) = (Bits::new(&data), Bits::new(&data));
            loop {
                let ends = (one.baseline(&single, &single), two.baseline(&together, &together));
                assert_eq!(ends.0, ends.1);
                let place = |bits: &Bits<'_>| bits.rest.len() * 8 + bits.left as usize;
                assert_eq!(place(&one), place(&two));
                if ends.0.is_err() {
                    break;
                }
                whole += 1;
            }
        }
        assert!(whole > 1000, "{whole} blocks");
    }
}

//! Whether the scans of a JPEG hold exactly the picture that its header promises.
//!
//! Lenient decoders fill what is missing with grey and never look at what is left over, so a cut or lying file would come
//! out as a picture. This walks every code word of every scan and keeps nothing but, for progressive files, one bit a
//! coefficient. A scan that ends early, goes on, or never comes is refused. Arithmetic coding is not known here.

use std::iter::repeat_n;

use sekisho_protocol::FindingCode;

use super::bits::{Bits, Table};
use crate::look::notes::Cursor;

/// Checks a picture from its first to its last byte. Its markers have been walked before, and its scans were not too many.
pub(super) fn check(picture: &[u8]) -> Result<(), FindingCode> {
    let mut scans = Scans::default();
    let mut cursor = Cursor::at(picture, MARKER_LEN);
    loop {
        let marker = next_marker(&mut cursor)?;
        if marker == EOI {
            return scans.whole();
        }
        let len =
            cursor.u16_be().and_then(|len| len.checked_sub(2)).ok_or(FindingCode::Malformed)?;
        let body = cursor.take(len.into()).ok_or(FindingCode::Truncated)?;
        match marker {
            DHT => scans.tables(body).ok_or(FindingCode::Malformed)?,
            DRI => scans.restart = Cursor::at(body, 0).u16_be().ok_or(FindingCode::Malformed)?,
            SOF0..=SOF2 => scans.frame(body, marker == SOF2).ok_or(FindingCode::Malformed)?,
            SOS => {
                let scan = scans.header(body).ok_or(FindingCode::Malformed)?;
                let used = scans.scan(&scan, cursor.rest())?;
                cursor.skip(used).ok_or(FindingCode::Truncated)?;
            }
            _ => {}
        }
    }
}

#[derive(Debug, Default)]
struct Scans {
    components: Vec<Component>,
    progressive: bool,
    restart: u16,
    /// MCUs in a row and rows of them, where all components take turns.
    grid: (usize, usize),
    dc: [Table; 4],
    ac: [Table; 4],
}

#[derive(Debug, Default)]
struct Component {
    id: u8,
    /// Blocks in an MCU, across and down.
    factors: (usize, usize),
    /// Blocks that hold picture, across and down.
    blocks: (usize, usize),
    /// Blocks in a row of whole MCUs.
    stride: usize,
    /// For each block, which coefficients are not zero. Only kept for progressive pictures.
    nonzero: Vec<u64>,
    /// Coefficients that came to their last bit.
    complete: u64,
}

#[derive(Debug)]
struct Scan {
    /// Component, DC table, AC table.
    parts: Vec<(usize, usize, usize)>,
    /// The first and the last coefficient.
    band: (u32, u32),
    /// An earlier scan brought the higher bits.
    refining: bool,
    last_bit: bool,
}

impl Scans {
    fn tables(&mut self, body: &[u8]) -> Option<()> {
        let mut cursor = Cursor::at(body, 0);
        while let Some(place) = cursor.u8() {
            let counts: [u8; 16] = cursor.array()?;
            let values = cursor.take(counts.iter().map(|count| usize::from(*count)).sum())?;
            let set = if place >> 4 == 0 { &mut self.dc } else { &mut self.ac };
            *set.get_mut(usize::from(place & 15))? = Table::new(&counts, values)?;
        }
        Some(())
    }

    fn frame(&mut self, body: &[u8], progressive: bool) -> Option<()> {
        let mut cursor = Cursor::at(body, 1);
        let (height, width) = (usize::from(cursor.u16_be()?), usize::from(cursor.u16_be()?));
        for _ in 0..cursor.u8()? {
            let [id, factors, _] = cursor.array()?;
            let factors = (usize::from(factors >> 4), usize::from(factors & 15));
            self.components.push(Component { id, factors, ..Component::default() });
        }
        let largest = |side: fn(&Component) -> usize| self.components.iter().map(side).max();
        let (across, down) = (largest(|c| c.factors.0)?.max(1), largest(|c| c.factors.1)?.max(1));
        self.grid = (width.div_ceil(8 * across), height.div_ceil(8 * down));
        for component in &mut self.components {
            let (h, v) = component.factors;
            component.blocks = ((width * h).div_ceil(8 * across), (height * v).div_ceil(8 * down));
            component.stride = self.grid.0 * h;
            if progressive {
                component.nonzero = vec![0; component.stride * self.grid.1 * v];
            }
        }
        self.progressive = progressive;
        Some(())
    }

    fn header(&self, body: &[u8]) -> Option<Scan> {
        let mut cursor = Cursor::at(body, 0);
        let mut parts = Vec::new();
        for _ in 0..cursor.u8()? {
            let [id, tables] = cursor.array()?;
            let index = self.components.iter().position(|component| component.id == id)?;
            let (dc, ac) = (usize::from(tables >> 4), usize::from(tables & 15));
            (dc < 4 && ac < 4).then(|| parts.push((index, dc, ac)))?;
        }
        let [first, last, bits] = cursor.array()?;
        if !self.progressive {
            // Some old writers leave zeros where the whole block has to stand.
            let is_whole = matches!([first, last, bits], [0, 63 | 0, 0]);
            return is_whole.then_some(Scan {
                parts,
                band: (0, 63),
                refining: false,
                last_bit: true,
            });
        }
        let sound = first <= last && last < 64 && (first > 0 || last == 0);
        (sound && (first == 0 || parts.len() == 1)).then_some(Scan {
            parts,
            band: (first.into(), last.into()),
            refining: bits >> 4 > 0,
            last_bit: bits.trailing_zeros() >= 4,
        })
    }

    /// Walks one scan; returns how many bytes it has.
    fn scan(&mut self, scan: &Scan, data: &[u8]) -> Result<usize, FindingCode> {
        for (.., ac) in scan.parts.iter().filter(|_| !self.progressive) {
            self.ac.get_mut(*ac).ok_or(FindingCode::Malformed)?.prepare();
        }
        let mut bits = Bits::new(data);
        let mut run = 0;
        // One component alone comes block by block, without the blocks that only fill up an MCU.
        let alone = match scan.parts.as_slice() {
            [(index, ..)] => self.components.get(*index).map(|component| component.blocks),
            _ => None,
        };
        let (columns, rows) = alone.unwrap_or(self.grid);
        // The tables of each block of an MCU.
        let mut blocks = Vec::new();
        for (index, dc, ac) in scan.parts.iter().filter(|_| !self.progressive) {
            let tables = self.dc.get(*dc).zip(self.ac.get(*ac)).ok_or(FindingCode::Malformed)?;
            let (h, v) = self.components.get(*index).map_or((1, 1), |component| component.factors);
            blocks.extend(repeat_n(tables, if alone.is_some() { 1 } else { h * v }));
        }
        let mut until_restart = self.restart;
        let mut restarts = 0;
        for unit in 0..columns * rows {
            if self.restart > 0 && until_restart == 0 {
                expect_run_out(run)?;
                bits.restart(restarts)?;
                restarts = (restarts + 1) % 8;
                until_restart = self.restart;
            }
            until_restart = until_restart.wrapping_sub(1);
            for (dc, ac) in &blocks {
                bits.baseline(dc, ac)?;
            }
            for (index, dc, ac) in scan.parts.iter().filter(|_| self.progressive) {
                let tables = self.dc.get(*dc).zip(self.ac.get(*ac));
                let (dc, ac) = tables.ok_or(FindingCode::Malformed)?;
                let component = self.components.get_mut(*index).ok_or(FindingCode::Malformed)?;
                let (h, v) = if alone.is_some() { (1, 1) } else { component.factors };
                for block in 0..h * v {
                    let column = unit % columns * h + block % h;
                    let row = unit / columns * v + block / h;
                    let block = component.nonzero.get_mut(row * component.stride + column);
                    let block = block.ok_or(FindingCode::Malformed)?;
                    match (scan.band.0, scan.refining) {
                        (0, false) => bits.first_dc(dc)?,
                        (0, true) => bits.skip(1)?,
                        (_, false) => bits.first_ac(ac, scan.band, &mut run, block)?,
                        (_, true) => bits.refine_ac(ac, scan.band, &mut run, block)?,
                    }
                }
            }
        }
        expect_run_out(run)?;
        for (index, ..) in scan.parts.iter().filter(|_| scan.last_bit) {
            if let Some(component) = self.components.get_mut(*index) {
                component.complete |= u64::MAX >> (63 - scan.band.1) & u64::MAX << scan.band.0;
            }
        }
        let end = bits.end()?;
        // Scanners write a restart where the next stretch would begin, behind the last one, too.
        let restart = [0xFF, RST0 + restarts];
        let is_there = data.get(end..).is_some_and(|rest| rest.starts_with(&restart));
        let is_due = self.restart > 0 && until_restart == 0;
        Ok(if is_due && is_there { end + restart.len() } else { end })
    }

    /// A picture whose last scans were cut off would be blurred or without colour.
    fn whole(&self) -> Result<(), FindingCode> {
        let complete = |component: &Component| component.complete == u64::MAX;
        if self.components.iter().all(complete) { Ok(()) } else { Err(FindingCode::Truncated) }
    }
}

/// Blocks without coefficients that are promised behind the last block of a stretch were cut off.
fn expect_run_out(run: u32) -> Result<(), FindingCode> {
    if run == 0 { Ok(()) } else { Err(FindingCode::Malformed) }
}

fn next_marker(cursor: &mut Cursor<'_>) -> Result<u8, FindingCode> {
    if cursor.u8() != Some(0xFF) {
        return Err(FindingCode::Malformed);
    }
    loop {
        match cursor.u8().ok_or(FindingCode::Truncated)? {
            0xFF => {}
            marker => return Ok(marker),
        }
    }
}

const MARKER_LEN: usize = 2;
const SOF0: u8 = 0xC0;
const SOF2: u8 = 0xC2;
const DHT: u8 = 0xC4;
const RST0: u8 = 0xD0;
const EOI: u8 = 0xD9;
const SOS: u8 = 0xDA;
const DRI: u8 = 0xDD;

#[cfg(test)]
mod tests {
    use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

    use super::super::bits::MAX_SPARE;
    use super::*;

    /// 100 × 70 pixels of coarse noise, so that no block is empty.
    fn picture(progressive: bool, sampling: SamplingFactor, restart: u16) -> Vec<u8> {
        let mut state = 7u32;
        let noise = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        });
        let pixels: Vec<u8> = noise.take(100 * 70 * 3).collect();
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, 80);
        encoder.set_progressive(progressive);
        encoder.set_sampling_factor(sampling);
        encoder.set_restart_interval(restart);
        encoder.encode(&pixels, 100, 70, ColorType::Rgb).unwrap();
        bytes
    }

    fn pictures() -> Vec<Vec<u8>> {
        let (fine, coarse) = (SamplingFactor::R_4_4_4, SamplingFactor::R_4_2_0);
        let mut all = Vec::new();
        for progressive in [false, true] {
            for sampling in [fine, coarse, SamplingFactor::R_4_2_2] {
                all.extend([0, 5].map(|restart| picture(progressive, sampling, restart)));
            }
        }
        all
    }

    fn claiming(picture: &[u8], width: u16, height: u16) -> Vec<u8> {
        let frame = [[0xFF, 0xC0], [0xFF, 0xC2]];
        let start = picture.windows(2).position(|pair| frame.iter().any(|f| f == pair)).unwrap();
        let mut bytes = picture.to_vec();
        bytes[start + 5..start + 7].copy_from_slice(&height.to_be_bytes());
        bytes[start + 7..start + 9].copy_from_slice(&width.to_be_bytes());
        bytes
    }

    #[test]
    fn whole_pictures_of_every_kind_pass() {
        for (index, picture) in pictures().iter().enumerate() {
            assert_eq!(check(picture), Ok(()), "{index}");
            // The same number of blocks, so the same data.
            assert_eq!(check(&claiming(picture, 98, 67)), Ok(()), "{index}");
        }
    }

    #[test]
    fn a_cut_picture_with_an_end_is_refused_wherever_it_was_cut() {
        for (index, picture) in pictures().iter().enumerate() {
            let first = picture.windows(2).position(|pair| pair == [0xFF, SOS]).unwrap();
            for cut in (first..picture.len() - 2).step_by(13).chain([picture.len() - 3]) {
                let ended = [&picture[..cut], &[0xFF, EOI]].concat();
                assert!(check(&ended).is_err(), "{index}, cut at {cut}");
            }
        }
    }

    #[test]
    fn a_size_that_the_data_do_not_have_is_refused() {
        for (index, picture) in pictures().iter().enumerate() {
            for (width, height) in [(100, 140), (100, 35), (200, 70), (50, 70)] {
                let lie = claiming(picture, width, height);
                assert!(check(&lie).is_err(), "{index}, {width} × {height}");
            }
        }
    }

    #[test]
    fn a_little_filling_before_the_end_passes_and_more_does_not() {
        let picture = picture(false, SamplingFactor::R_4_4_4, 0);
        let body = &picture[..picture.len() - 2];
        let filled = |len| [body, &vec![0; len], &[0xFF, EOI]].concat();
        for len in [1, MAX_SPARE - 1] {
            assert_eq!(check(&filled(len)), Ok(()), "{len}");
        }
        assert_eq!(check(&filled(MAX_SPARE + 1)), Err(FindingCode::Malformed));
    }

    #[test]
    fn one_restart_behind_the_last_stretch_passes_and_no_other() {
        // 13 × 9 blocks: thirteen stretches, or eleven and a part of one.
        for (interval, is_due) in [(9, true), (10, false)] {
            let picture = picture(false, SamplingFactor::R_4_4_4, interval);
            let ended = |more: &[u8]| [&picture[..picture.len() - 2], more, &[0xFF, EOI]].concat();
            for number in RST0..RST0 + 8 {
                let is_next = number == RST0 + 12 % 8;
                let passes = check(&ended(&[0xFF, number])).is_ok();
                assert_eq!(passes, is_due && is_next, "{interval}, {number:x}");
            }
            assert!(check(&ended(&[0xFF, RST0 + 4, 0xFF, RST0 + 5])).is_err());
        }
    }

    /// A grey picture of one block: its first coefficient, a first scan of those to `last`, and more scans.
    fn block(last: u8, first_data: &[u8], more: &[u8]) -> Vec<u8> {
        // By three codes of two bits: one coefficient, an end, and in tables of the second a run or a wrong size.
        let table = |place: u8, values: [u8; 3]| {
            [&[0xFF, DHT, 0, 22, place, 0, 3][..], &[0; 14], &values].concat()
        };
        let scan =
            |band: [u8; 3], data: &[u8]| [&[0xFF, SOS, 0, 8, 1, 1, 0][..], &band, data].concat();
        [
            &[0xFF, 0xD8, 0xFF, SOF2, 0, 11, 8, 0, 8, 0, 8, 1, 1, 0x11, 0][..],
            &table(0x00, [0, 1, 2]),
            &table(0x10, [0x01, 0x00, 0x10]),
            &scan([0, 0, 0], &[0b0011_1111]),
            &scan([1, last, 0x01], first_data),
            more,
            &[0xFF, EOI],
        ]
        .concat()
    }

    #[test]
    fn a_refining_scan_keeps_to_its_bits_its_band_and_its_blocks() {
        let refined = |values: [u8; 3], data: u8| {
            let table = [&[0xFF, DHT, 0, 22, 0x10, 0, 3][..], &[0; 14], &values].concat();
            let scan = [0xFF, SOS, 0, 8, 1, 1, 0, 1, 63, 0x10, data];
            // The first scan ends at once: `01`, filled up with ones.
            check(&block(63, &[0b0111_1111], &[&table[..], &scan].concat()))
        };
        // One new coefficient, and the end.
        assert_eq!(refined([0x01, 0x00, 0x10], 0b0010_1111), Ok(()));
        // One of two bits.
        assert_eq!(refined([0x02, 0x00, 0x10], 0b0010_1111), Err(FindingCode::Malformed));
        // An end of this block and one or two more.
        assert_eq!(refined([0x01, 0x00, 0x10], 0b1001_1111), Err(FindingCode::Malformed));
        // A coefficient behind 15 zeros, four times, and one more: the last would be the 65th.
        let table = [&[0xFF, DHT, 0, 22, 0x10, 0, 3][..], &[0; 14], &[0xF1, 0x00, 0x10]].concat();
        let scan = [0xFF, SOS, 0, 8, 1, 1, 0, 1, 63, 0x10, 0b0010_0100, 0b1001_0111];
        let beyond = block(63, &[0b0111_1111], &[&table[..], &scan].concat());
        assert_eq!(check(&beyond), Err(FindingCode::Malformed));
    }

    #[test]
    fn a_first_scan_that_promises_more_blocks_than_there_are_is_refused() {
        // `10` is a run of two or three blocks, of which there is one.
        assert_eq!(check(&block(63, &[0b1001_1111], &[])), Err(FindingCode::Malformed));
    }

    #[test]
    fn a_sequential_scan_brings_whole_blocks() {
        let whole = picture(false, SamplingFactor::R_4_4_4, 0);
        let at = whole.windows(2).position(|pair| pair == [0xFF, SOS]).unwrap() + 11;
        let with = |band: [u8; 3]| {
            let mut bytes = whole.clone();
            bytes[at..at + 3].copy_from_slice(&band);
            check(&bytes)
        };
        assert_eq!(with([0, 63, 0]), Ok(()));
        assert_eq!(with([0, 0, 0]), Ok(()));
        for band in [[1, 63, 0], [0, 5, 0], [0, 63, 1], [0, 63, 0x10]] {
            assert_eq!(with(band), Err(FindingCode::Malformed), "{band:?}");
        }
    }

    #[test]
    fn nonsense_is_refused_and_does_no_harm() {
        let whole = picture(true, SamplingFactor::R_4_2_0, 5);
        let mut state = 3u32;
        for _ in 0..2000 {
            let mut bytes = whole.clone();
            for _ in 0..3 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let place = state as usize % bytes.len();
                bytes[place] = (state >> 13).to_le_bytes()[0];
            }
            let _ = check(&bytes);
        }
    }
}

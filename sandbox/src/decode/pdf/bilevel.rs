//! How large a JBIG2 picture is, by the heads of its segments, and whether all of it is there.
//!
//! The renderer draws what it can decode and passes over the rest. Here every segment must come to its end and decode,
//! with what it refers to.

use hayro_jbig2::{DecodeSettings, Decoder, Globals, Page};

use crate::look::notes::Cursor;

/// The size of a picture, and the bytes of the bitmaps that it is put together from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Size {
    /// Pixels across and down.
    pub(super) sides: (u64, u64),
    pub(super) bytes: u64,
}

/// Reads the segments as far as they can be followed.
pub(super) fn size(file: &[u8]) -> Size {
    let mut size = Size::default();
    let mut cursor = Cursor::at(file, 0);
    for _ in 0..MOST_SEGMENTS {
        if segment(&mut cursor, &mut size).is_none() {
            break;
        }
    }
    size.bytes = size.bytes.min(MOST_BYTES);
    size
}

/// Whether a picture of so many rows can be put together from its own segments and those that it shares with others.
pub(super) fn is_whole(own: &[u8], shared: &[u8], rows: u64) -> bool {
    let (Some(own), Some(shared)) = (Segments::of(own), Segments::of(shared)) else { return false };
    let settings = DecodeSettings { strict: true };
    let draws = || {
        let shared = Globals::new(shared.data, &settings)?;
        let page = Page::new_embedded(own.data, Some(&shared), &settings)?;
        page.decode(&mut Nowhere)
    };
    own.reach(rows) && draws().is_ok()
}

/// Segments, each of which came to its end.
struct Segments<'a> {
    data: &'a [u8],
    /// The page's, and what was drawn of it up to the last mark in between.
    rows: Option<u64>,
    drawn: Option<u64>,
    /// Something was drawn since: the last stripe may go without its mark.
    goes_on: bool,
    /// Some are drawn.
    are_seen: bool,
    /// The mark of their end was there.
    are_ended: bool,
}

impl<'a> Segments<'a> {
    /// `None` if one is cut, or out of its order: the renderer draws them by their numbers.
    fn of(data: &'a [u8]) -> Option<Self> {
        let (rows, drawn) = (None, None);
        let mut all = Self { data, rows, drawn, goes_on: false, are_seen: false, are_ended: false };
        let (mut cursor, mut last) = (Cursor::at(data, 0), 0);
        loop {
            let left = cursor.rest();
            // What writers fill up with is too short for a head.
            if left.len() < SHORTEST && left.iter().all(|byte| FILLING.contains(byte)) {
                all.data = data.get(..cursor.position())?;
                return Some(all);
            }
            let head = head(&mut cursor)?;
            if head.number < last || (all.are_ended && head.kind < END_OF_PAGE) {
                return None;
            }
            last = head.number;
            let is_seen = (REGIONS..OTHERS).contains(&head.kind) && head.kind & SEEN != 0;
            all.are_seen |= is_seen;
            all.goes_on = (all.goes_on && head.kind != END_OF_STRIPE) || is_seen;
            all.are_ended |= matches!(head.kind, END_OF_PAGE | END_OF_FILE);
            if head.length == u32::MAX {
                // The decoder finds its end, and what follows.
                return Some(all);
            }
            let body = cursor.take(usize::try_from(head.length).ok()?)?;
            match head.kind {
                PAGE => all.rows = Some(Cursor::at(body, 4).u32_be()?.into()),
                END_OF_STRIPE => all.drawn = Some(u64::from(Cursor::at(body, 0).u32_be()?) + 1),
                _ => {}
            }
        }
    }

    /// Whether they are a page of so many rows at least. A page on which nothing is drawn must say that it ends there.
    fn reach(&self, rows: u64) -> bool {
        let stated = self.rows.filter(|stated| *stated != u64::from(u32::MAX)).or(self.drawn);
        let is_drawn = |stated| self.goes_on || self.drawn.is_none_or(|drawn| drawn >= stated);
        stated.is_some_and(|stated| stated >= rows && is_drawn(stated))
            && (self.are_seen || self.are_ended)
    }
}

/// Draws nothing: that it can be drawn is enough.
struct Nowhere;

impl Decoder for Nowhere {
    fn push_pixel(&mut self, _: bool) {}
    fn push_pixel_chunk(&mut self, _: bool, _: u32) {}
    fn next_line(&mut self) {}
}

fn segment(cursor: &mut Cursor<'_>, size: &mut Size) -> Option<()> {
    let Head { kind, length, .. } = head(cursor)?;
    let body = cursor.rest();
    let mut sides = Cursor::at(body, 0);
    let (width, height) = (u64::from(sides.u32_be()?), u64::from(sides.u32_be()?));
    match kind {
        PAGE => {
            let height = if height == u64::from(u32::MAX) { TALLEST } else { height };
            size.sides = (width, height);
            // Once for the page, once for what is taken out of it.
            size.bytes = size.bytes.saturating_add(bitmap(width, height).saturating_mul(2));
        }
        REGIONS.. if kind < OTHERS => {
            size.bytes = size.bytes.saturating_add(bitmap(width, height));
        }
        _ => {}
    }
    // A region of unknown length is followed by nothing that could be found.
    cursor.skip(usize::try_from(length).ok().filter(|_| length != u32::MAX)?)
}

/// The begin of a segment.
struct Head {
    number: u32,
    kind: u8,
    /// Of its data.
    length: u32,
}

fn head(cursor: &mut Cursor<'_>) -> Option<Head> {
    let number = cursor.u32_be()?;
    let flags = cursor.u8()?;
    let count = cursor.u8()?;
    let referred = if count >> 5 == 7 {
        let count = [count & 0x1F, cursor.u8()?, cursor.u8()?, cursor.u8()?];
        let count = usize::try_from(u32::from_be_bytes(count)).ok()?;
        cursor.skip(count.checked_add(1)?.div_ceil(8))?;
        count
    } else {
        usize::from(count >> 5)
    };
    let bytes_each = match number {
        0..=256 => 1,
        257..=65_536 => 2,
        _ => 4,
    };
    let of_page = if flags & 0x40 == 0 { 1 } else { 4 };
    cursor.skip(referred.checked_mul(bytes_each)?.checked_add(of_page)?)?;
    Some(Head { number, kind: flags & 0x3F, length: cursor.u32_be()? })
}

/// A bit a pixel, each row filled up to words.
const fn bitmap(width: u64, height: u64) -> u64 {
    width.div_ceil(32).saturating_mul(4).saturating_mul(height)
}

/// The segment that has the size of the page.
const PAGE: u8 = 48;
/// Text, patterns, pictures and what refines them begin with their size.
const REGIONS: u8 = 4;
const OTHERS: u8 = 44;
/// Of regions, those that are drawn where they stand.
const SEEN: u8 = 2;
const END_OF_PAGE: u8 = 49;
const END_OF_STRIPE: u8 = 50;
const END_OF_FILE: u8 = 51;
/// Bytes of the shortest head.
const SHORTEST: usize = 11;
const FILLING: [u8; 3] = [0, b'\r', b'\n'];
/// Rows of a page that does not say how many it has.
const TALLEST: u64 = 65_535;
const MOST_SEGMENTS: u32 = 1_000_000;
/// More than there is, whatever is added to it.
const MOST_BYTES: u64 = 1 << 40;

#[cfg(test)]
mod tests {
    use super::*;

    /// A page of so many rows, on which a region of two patterns places them.
    fn picture(rows: u32) -> [Vec<u8>; 3] {
        let (sides, grid) = ([64, rows, 0, 0].map(u32::to_be_bytes).concat(), [0, 0, 0, 4]);
        let page = segment(1, PAGE, None, &[&sides, &[0; 3]]);
        let place = [grid, grid, [0; 4], [0; 4], [0x10, 0, 0, 0]].concat();
        let codes = b"\x23\xA2\x3A\xFF\xF0\x01\0\x10";
        let sides = [64, 64, 0, 0].map(u32::to_be_bytes).concat();
        let region = segment(2, 23, Some(0), &[&sides, &[0, 1], &place, codes]);
        let codes = b"\x35\x02\xFF\xFF\xFF\xFF\x80\x08\0\x80";
        let patterns = segment(0, 16, None, &[&[1, 16, 16, 0, 0, 0, 1], codes]);
        [page, region, patterns]
    }

    fn segment(number: u8, kind: u8, referred: Option<u8>, data: &[&[u8]]) -> Vec<u8> {
        let data = data.concat();
        let length = u32::try_from(data.len()).unwrap().to_be_bytes();
        let count = if referred.is_some() { 0x20 } else { 0 };
        let referred = referred.as_slice();
        [&[0, 0, 0, number, kind, count], referred, &[u8::from(number > 0)], &length, &data]
            .concat()
    }

    #[test]
    fn a_picture_is_whole_with_all_that_it_refers_to_and_not_cut_anywhere() {
        let [page, region, patterns] = picture(64);
        let own = [page, region].concat();
        assert!(is_whole(&own, &patterns, 64));
        assert!(!is_whole(&own, &patterns, 65));
        // What writers fill up with.
        let [filled, filled_too] = [&own, &patterns].map(|data| [data, &b"\r\n\0"[..]].concat());
        assert!(is_whole(&filled, &filled_too, 64));
        for cut in 0..own.len() {
            assert!(!is_whole(&own[..cut], &patterns, 64), "{cut}");
        }
        for cut in 0..patterns.len() {
            assert!(!is_whole(&own, &patterns[..cut], 64), "{cut}");
        }
    }

    #[test]
    fn a_page_on_which_nothing_is_drawn_says_that_it_ends() {
        let [page, region, patterns] = picture(64);
        let end = segment(3, END_OF_PAGE, None, &[]);
        assert!(!is_whole(&page, &[], 64));
        assert!(is_whole(&[&page[..], &end].concat(), &[], 64));
        // The renderer draws nothing behind the end, wherever it stands.
        assert!(!is_whole(&[&page[..], &end, &region].concat(), &patterns, 64));
        let early = segment(0, END_OF_PAGE, None, &[]);
        assert!(!is_whole(&[&page[..], &region, &early].concat(), &patterns, 64));
    }

    #[test]
    fn a_page_in_stripes_reaches_its_last_row() {
        let stripe = |row: u32| segment(3, END_OF_STRIPE, None, &[&row.to_be_bytes()]);
        for (rows, last, is_there) in
            [(64, 63, true), (64, 31, false), (u32::MAX, 63, true), (u32::MAX, 31, false)]
        {
            let [page, region, patterns] = picture(rows);
            let own = [page, region, stripe(last)].concat();
            assert_eq!(is_whole(&own, &patterns, 64), is_there, "{rows}, {last}");
        }
        let [page, region, patterns] = picture(u32::MAX);
        assert!(!is_whole(&[page, region].concat(), &patterns, 64));
        // Writers leave out the mark of the last stripe, behind which nothing comes.
        let [page, region, patterns] = picture(64);
        let mut second = region.clone();
        second[..4].copy_from_slice(&4_u32.to_be_bytes());
        let cut = [page, region, stripe(31)].concat();
        assert!(!is_whole(&cut, &patterns, 64));
        assert!(is_whole(&[cut, second].concat(), &patterns, 64));
    }
}

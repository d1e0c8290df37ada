//! A PDF of nothing but pictures of pages, and the way back from it to one of them.
//!
//! The same pages give the same bytes: no date, no identifier, no metadata. The pictures come first, one after another,
//! each behind a head of fixed shape; so one is cut out by reading those heads, which is no reading of PDF: what was not
//! written here, byte for byte, is refused.

use std::fmt::Write as _;
use std::num::NonZero;
use std::ops::Range;

use zeroize::Zeroizing;

/// A document that grows by a page at a time.
#[derive(Debug)]
pub struct Document {
    bytes: Zeroizing<Vec<u8>>,
    pages: Vec<Page>,
}

#[derive(Clone, Copy, Debug)]
struct Page {
    /// Where its picture's object begins.
    at: usize,
    /// Size on paper, in hundredths of a point.
    across: u64,
    down: u64,
}

impl Default for Document {
    fn default() -> Self {
        Self { bytes: Zeroizing::new(HEADER.to_vec()), pages: Vec::new() }
    }
}

impl Document {
    /// Bytes so far.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether it has no page yet.
    pub fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }

    /// Adds a page: an RGB JPEG of this size in pixels, at so many dots an inch.
    pub fn add(&mut self, jpeg: &[u8], width: u32, height: u32, dots: NonZero<u16>) {
        let number = self.pages.len() + 1;
        let paper = |pixels: u32| u64::from(pixels) * 7200 / u64::from(dots.get());
        let page = Page { at: self.bytes.len(), across: paper(width), down: paper(height) };
        self.pages.push(page);
        let len = jpeg.len();
        self.write(
            format!("{number}{OBJECT}{width}{HEIGHT}{height}{COLOUR}{len}{STREAM}").as_bytes(),
        );
        self.write(jpeg);
        self.write(END.as_bytes());
    }

    /// The whole file.
    pub fn finish(mut self) -> Zeroizing<Vec<u8>> {
        let count = self.pages.len();
        let pages = std::mem::take(&mut self.pages);
        let mut table: Vec<usize> = pages.iter().map(|page| page.at).collect();
        let (tree, catalog) = (3 * count + 1, 3 * count + 2);
        let mut kids = String::new();
        for (page, picture) in pages.iter().zip(1..) {
            let (content, leaf) = (count + 2 * picture - 1, count + 2 * picture);
            let [across, down] = [page.across, page.down].map(Points);
            let drawing = format!("{across} 0 0 {down} 0 0 cm/P Do");
            table.push(self.len());
            self.object(
                content,
                &format!("<</Length {}>>\nstream\n{drawing}\nendstream", drawing.len()),
            );
            table.push(self.len());
            self.object(
                leaf,
                &format!(
                    "<</Type/Page/Parent {tree} 0 R/MediaBox[0 0 {across} {down}]\
                 /Resources<</XObject<</P {picture} 0 R>>>>/Contents {content} 0 R>>"
                ),
            );
            // Writing to a string cannot fail.
            let _ = write!(kids, "{leaf} 0 R ");
        }
        table.push(self.len());
        self.object(tree, &format!("<</Type/Pages/Count {count}/Kids[{}]>>", kids.trim_end()));
        table.push(self.len());
        self.object(catalog, &format!("<</Type/Catalog/Pages {tree} 0 R>>"));
        self.table(&table, catalog);
        self.bytes
    }

    fn object(&mut self, number: usize, body: &str) {
        self.write(format!("{number} 0 obj\n{body}\nendobj\n").as_bytes());
    }

    fn table(&mut self, places: &[usize], catalog: usize) {
        let (at, count) = (self.len(), places.len() + 1);
        let mut text = format!("xref\n0 {count}\n0000000000 65535 f \n");
        for place in places {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{place:010} 00000 n ");
        }
        let _ =
            write!(text, "trailer\n<</Size {count}/Root {catalog} 0 R>>\nstartxref\n{at}\n%%EOF\n");
        self.write(text.as_bytes());
    }

    /// Grows by moving to twice the room, so that what is left behind is wiped.
    fn write(&mut self, bytes: &[u8]) {
        let needed = self.bytes.len() + bytes.len();
        if needed > self.bytes.capacity() {
            let mut roomier = Zeroizing::new(Vec::with_capacity(needed.max(2 * self.len())));
            roomier.extend_from_slice(&self.bytes);
            self.bytes = roomier;
        }
        self.bytes.extend_from_slice(bytes);
    }
}

/// Where the JPEG of a page, from 0, lies in a finished [`Document`]. `None` if there is no such page, or if the bytes
/// are not such a document up to there.
pub fn page_of(document: &[u8], page: usize) -> Option<Range<usize>> {
    let mut rest = document.strip_prefix(HEADER)?;
    for number in 1..=page + 1 {
        rest = rest.strip_prefix(number.to_string().as_bytes())?;
        rest = rest.strip_prefix(OBJECT.as_bytes())?;
        rest = number_before(rest, HEIGHT)?.1;
        rest = number_before(rest, COLOUR)?.1;
        let (len, picture) = number_before(rest, STREAM)?;
        let start = document.len() - picture.len();
        let (_, behind) = picture.split_at_checked(len)?;
        rest = behind.strip_prefix(END.as_bytes())?;
        if number == page + 1 {
            return Some(start..start + len);
        }
    }
    None
}

/// The number that `bytes` begin with, and what follows the `word` behind it.
fn number_before<'a>(bytes: &'a [u8], word: &str) -> Option<(usize, &'a [u8])> {
    let digits = bytes.iter().take(MOST_DIGITS).take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = bytes.split_at_checked(digits)?;
    let number = std::str::from_utf8(number).ok()?.parse().ok()?;
    Some((number, rest.strip_prefix(word.as_bytes())?))
}

/// Hundredths of a point, as PDF writes numbers.
#[derive(Clone, Copy)]
struct Points(u64);

impl std::fmt::Display for Points {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

/// Version, and bytes that say the file is not text.
const HEADER: &[u8] = b"%PDF-1.4\n%\xE9\x96\xA2\xE6\x89\x80\n";
const OBJECT: &str = " 0 obj\n<</Type/XObject/Subtype/Image/Width ";
const HEIGHT: &str = "/Height ";
const COLOUR: &str = "/ColorSpace/DeviceRGB/BitsPerComponent 8/Filter/DCTDecode/Length ";
const STREAM: &str = ">>\nstream\n";
const END: &str = "\nendstream\nendobj\n";
const MOST_DIGITS: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    fn document(pages: &[&[u8]]) -> Zeroizing<Vec<u8>> {
        let mut document = Document::default();
        for (jpeg, width) in pages.iter().zip(300..) {
            document.add(jpeg, width, 400, NonZero::new(200).unwrap());
        }
        document.finish()
    }

    #[test]
    fn each_page_is_cut_out_as_it_was_put_in() {
        let pages: Vec<Vec<u8>> =
            (0..12_u8).map(|page| vec![page; usize::from(page) * 37]).collect();
        let pages: Vec<&[u8]> = pages.iter().map(Vec::as_slice).collect();
        let bytes = document(&pages);
        for (number, page) in pages.iter().enumerate() {
            assert_eq!(&bytes[page_of(&bytes, number).unwrap()], *page);
        }
        assert_eq!(page_of(&bytes, pages.len()), None);
        assert_eq!(page_of(&bytes, usize::MAX - 1), None);
    }

    #[test]
    fn what_was_not_written_here_is_not_cut() {
        let bytes = document(&[b"one", b"two"]);
        let heads = page_of(&bytes, 1).unwrap().end;
        for place in (0..heads).filter(|place| !page_of(&bytes, 0).unwrap().contains(place)) {
            let mut changed = bytes.to_vec();
            changed[place] ^= 0x80;
            let whole = |page| page_of(&changed, page).is_some();
            assert!(!whole(0) || !whole(1) || page_of(&bytes, 1).unwrap().contains(&place));
        }
        assert_eq!(page_of(b"", 0), None);
        assert_eq!(page_of(&bytes[..heads], 1), None);
    }

    #[test]
    fn the_same_pages_give_the_same_bytes_and_every_object_is_where_the_table_says() {
        let bytes = document(&[b"one", b"two", b"three"]);
        assert_eq!(bytes, document(&[b"one", b"two", b"three"]));
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let table = text.split("xref\n").nth(1).unwrap();
        for (number, line) in table.lines().skip(2).take(11).enumerate() {
            let place: usize = line[..10].parse().unwrap();
            let head = format!("{} 0 obj", number + 1);
            assert!(bytes[place..].starts_with(head.as_bytes()), "{head}");
        }
        assert!(text.contains("/MediaBox[0 0 108.00 144.00]"));
        for word in ["/Info", "/ID", "/Metadata", "/Producer"] {
            assert!(!text.contains(word));
        }
    }
}

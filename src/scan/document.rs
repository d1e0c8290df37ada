//! A document, page by page: each is drawn by a child of its own, encoded here, and put into a fresh
//! PDF made of nothing but such pictures.
//!
//! Two pages are in hand at a time, so pixels do not add up with the number of pages. What a child
//! says about the document must be what the first one said; a page that is refused refuses all.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future;
use rustix::time::ClockId;
use sekisho_encoder::{Document, EncodeError, Pixels as _, SamplingFactor, Threads, jpeg};
use zeroize::Zeroizing;

use super::encode::Encoded;
use super::jail::{
    DecodeLimits, Decoded, DecodedPage, FileKind, FindingCode, Jail, JailFault, PATIENCE,
};
use crate::domain::state::Media;
use crate::memory::SealedMemory;

/// What a document may come to as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DocumentLimits {
    /// Of each page.
    pub(super) page: DecodeLimits,
    /// Pixels of all pages.
    pub(super) pixels: u64,
    /// Bytes of the rendition.
    pub(super) bytes: u64,
    /// Processor time of each of the [`HANDS`]: how long a document takes where each has a core.
    pub(super) deadline: Duration,
}

/// The rendition of a document.
#[derive(Debug)]
pub(super) struct Pages {
    pub(super) encoded: Encoded,
    /// What encoding took in all, in microseconds.
    pub(super) encode_us: u64,
}

/// Why a document has no rendition.
#[derive(Debug)]
pub(super) enum NoPages {
    Refused(FindingCode),
    Fault(JailFault),
    /// `None`: the encoder ended without an answer.
    Encode(Option<EncodeError>),
}

/// Draws and encodes every page: the first one alone, as it says how many there are, then each hand the next that nobody has.
pub(super) async fn make(
    jail: &Jail,
    file: &SealedMemory,
    limits: &DocumentLimits,
) -> Result<Pages, NoPages> {
    let work = Work { jail, file, limits, next: AtomicU32::new(1) };
    let mut time = Time::new(limits.deadline, Instant::now());
    let first = work.sheet(0, &mut time).await?;
    let (pages, width, height) = (first.pages, first.width, first.height);
    let sheets = Mutex::new(Sheets::new(*limits, pages));
    add(&sheets, 0, first)?;
    let hands = (0..HANDS).map(|_| work.draw(pages, time, &sheets));
    let refused = future::join_all(hands).await.into_iter().filter_map(Result::err);
    // The gravest; of the others the same one each time, whichever hand was quicker.
    let is_attack = |why: &NoPages| matches!(why, NoPages::Fault(JailFault::FilterViolation));
    if let Some((_, why)) = refused.min_by_key(|(number, why)| (!is_attack(why), *number)) {
        return Err(why);
    }
    let Sheets { document, encode_us, .. } =
        sheets.into_inner().unwrap_or_else(PoisonError::into_inner);
    let encoded = Encoded { media: Media::Pdf, bytes: document.finish(), width, height, pages };
    Ok(Pages { encoded, encode_us })
}

/// The pages of a document that nobody has drawn yet.
struct Work<'a> {
    jail: &'a Jail,
    file: &'a SealedMemory,
    limits: &'a DocumentLimits,
    next: AtomicU32,
}

impl Work<'_> {
    /// Draws page after page until there is none, or one is refused: that one is told, and no other is begun.
    async fn draw(
        &self,
        pages: u32,
        mut time: Time,
        sheets: &Mutex<Sheets>,
    ) -> Result<(), (u32, NoPages)> {
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= pages {
                return Ok(());
            }
            let sheet = self.sheet(number, &mut time).await;
            if let Err(why) = sheet.and_then(|sheet| add(sheets, number, sheet)) {
                self.next.store(pages, Ordering::Relaxed);
                return Err((number, why));
            }
        }
    }

    /// Draws and encodes a page, and takes what both took from the time.
    async fn sheet(&self, number: u32, time: &mut Time) -> Result<Sheet, NoPages> {
        let left = time.left(Instant::now()).map_err(NoPages::Fault)?;
        let limits = &self.limits.page;
        let drawn = self.jail.decode_early(self.file, (FileKind::Pdf, number), limits, left);
        let (drawn, end) = drawn.await.map_err(NoPages::Fault)?;
        let sheet = match drawn {
            Decoded::Page(page) => encode(page).await.map(|(sheet, processor)| {
                time.spend(processor);
                sheet
            }),
            Decoded::Refused(code) => Err(NoPages::Refused(code)),
            Decoded::Image(_) | Decoded::Text(_) => Err(NoPages::Fault(JailFault::Garbage)),
        };
        time.spend(end.processor().await.map_err(NoPages::Fault)?);
        sheet
    }
}

/// The time of one hand.
#[derive(Clone, Copy)]
struct Time {
    /// On the processor: what takes longer is the document's fault.
    left: Duration,
    /// On the clock, for a machine that has no time for it, which is nobody's fault.
    until: Option<Instant>,
}

impl Time {
    fn new(deadline: Duration, begun: Instant) -> Self {
        Self { left: deadline, until: begun.checked_add(deadline.saturating_mul(PATIENCE)) }
    }

    fn spend(&mut self, processor: Duration) {
        self.left = self.left.saturating_sub(processor);
    }

    fn left(&self, now: Instant) -> Result<Duration, JailFault> {
        match self.left {
            Duration::ZERO => Err(JailFault::Timeout),
            _ if self.until.is_some_and(|until| now >= until) => Err(JailFault::Late),
            left => Ok(left),
        }
    }
}

/// One page, encoded.
struct Sheet {
    jpeg: Zeroizing<Vec<u8>>,
    width: u32,
    height: u32,
    dots: NonZero<u16>,
    /// How many pages there are, by the word of this page's child.
    pages: u32,
    encode_us: u64,
}

/// Text and drawings lose their edges where colour is coarser than brightness, so it is not. Tells the processor time, too.
async fn encode(page: DecodedPage) -> Result<(Sheet, Duration), NoPages> {
    let begun = Instant::now();
    let DecodedPage { pixels, dots, pages } = page;
    let (width, height) = (pixels.width(), pixels.height());
    let job = tokio::task::spawn_blocking(move || {
        let before = thread_time();
        let jpeg = jpeg(&pixels, QUALITY, SamplingFactor::R_4_4_4, Threads::ONE)?;
        Ok::<_, EncodeError>((jpeg, thread_time().saturating_sub(before)))
    });
    let (jpeg, processor) = job
        .await
        .map_err(|_| NoPages::Encode(None))?
        .map_err(|error| NoPages::Encode(Some(error)))?;
    let encode_us = super::engines::micros(begun);
    Ok((Sheet { jpeg, width, height, dots, pages, encode_us }, processor))
}

/// The processor time of this thread.
fn thread_time() -> Duration {
    Duration::try_from(rustix::time::clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

/// The document as far as it has come, and what is left of its limits.
struct Sheets {
    document: Document,
    limits: DocumentLimits,
    /// How many pages there must be.
    pages: u32,
    /// How many are in the document, and those that came before one that is to stand before them.
    added: u32,
    early: BTreeMap<u32, Sheet>,
    pixels: u64,
    bytes: u64,
    encode_us: u64,
}

impl Sheets {
    fn new(limits: DocumentLimits, pages: u32) -> Self {
        let document = Document::default();
        let bytes = (document.len() + ROOM_FOR_OBJECTS) as u64;
        let early = BTreeMap::new();
        Self { document, limits, pages, added: 0, early, pixels: 0, bytes, encode_us: 0 }
    }

    fn add(&mut self, number: u32, sheet: Sheet) -> Result<(), NoPages> {
        if sheet.pages != self.pages {
            return Err(NoPages::Fault(JailFault::Garbage));
        }
        self.pixels += u64::from(sheet.width) * u64::from(sheet.height);
        if self.pixels > self.limits.pixels {
            return Err(NoPages::Refused(FindingCode::TooManyPixels));
        }
        self.bytes += sheet.jpeg.len() as u64;
        if self.bytes > self.limits.bytes {
            return Err(NoPages::Refused(FindingCode::ExpansionLimit));
        }
        self.encode_us += sheet.encode_us;
        self.early.insert(number, sheet);
        while let Some(sheet) = self.early.remove(&self.added) {
            self.document.add(&sheet.jpeg, sheet.width, sheet.height, sheet.dots);
            self.added += 1;
        }
        Ok(())
    }
}

fn add(sheets: &Mutex<Sheets>, number: u32, sheet: Sheet) -> Result<(), NoPages> {
    sheets.lock().unwrap_or_else(PoisonError::into_inner).add(number, sheet)
}

/// Each has one page at a time.
const HANDS: usize = 2;
/// Print shows the traces of JPEG sooner than a photograph does.
const QUALITY: u8 = 92;
/// More than what stands around the pictures of as many pages as any configuration allows.
const ROOM_FOR_OBJECTS: usize = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet(pages: u32) -> Sheet {
        Sheet {
            jpeg: Zeroizing::new(vec![7; 1000]),
            width: 10,
            height: 10,
            dots: NonZero::<u16>::MIN,
            pages,
            encode_us: 1,
        }
    }

    fn sheets(pixels: u64, bytes: u64) -> Sheets {
        let limits = DocumentLimits {
            page: DecodeLimits::default(),
            pixels,
            bytes,
            deadline: Duration::MAX,
        };
        Sheets::new(limits, 2)
    }

    #[test]
    fn pixels_of_all_pages_are_held_at_and_over() {
        let two = |limit| {
            let mut sheets = sheets(limit, u64::MAX);
            sheets.add(0, sheet(2)).and_then(|()| sheets.add(1, sheet(2)))
        };
        assert!(two(201).is_ok() && two(200).is_ok());
        assert!(matches!(two(199), Err(NoPages::Refused(FindingCode::TooManyPixels))));
    }

    #[test]
    fn processor_time_is_the_documents_fault_and_waiting_is_nobodys() {
        let begun = Instant::now();
        let left = |spent_ms, waited_ms| {
            let mut time = Time::new(Duration::from_secs(7), begun);
            time.spend(Duration::from_millis(spent_ms));
            time.left(begun + Duration::from_millis(waited_ms))
        };
        assert_eq!(left(0, 20_999), Ok(Duration::from_secs(7)));
        assert_eq!(left(6_999, 0), Ok(Duration::from_millis(1)));
        assert_eq!(left(7_000, 0), Err(JailFault::Timeout));
        assert_eq!(left(7_001, 21_000), Err(JailFault::Timeout));
        assert_eq!(left(6_999, 21_000), Err(JailFault::Late));
    }

    #[test]
    fn the_rendition_is_held_to_what_a_door_opens() {
        let empty = Document::default().len() as u64;
        let needed = empty + 1000 + ROOM_FOR_OBJECTS as u64;
        let one = |limit| sheets(u64::MAX, limit).add(0, sheet(2));
        assert!(one(needed + 1).is_ok() && one(needed).is_ok());
        assert!(matches!(one(needed - 1), Err(NoPages::Refused(FindingCode::ExpansionLimit))));
    }

    #[test]
    fn a_page_that_counts_other_pages_than_the_first_is_not_believed() {
        let mut sheets = sheets(u64::MAX, u64::MAX);
        assert!(sheets.add(0, sheet(2)).is_ok());
        assert!(matches!(sheets.add(1, sheet(3)), Err(NoPages::Fault(JailFault::Garbage))));
    }

    #[test]
    fn pages_stand_in_their_order_whichever_is_done_first() {
        let made = |order: [u32; 3]| {
            let mut sheets = Sheets { pages: 3, ..sheets(u64::MAX, u64::MAX) };
            for number in order {
                let jpeg = Zeroizing::new(vec![7; 1000 + number as usize]);
                assert!(sheets.add(number, Sheet { jpeg, ..sheet(3) }).is_ok());
            }
            sheets.document.finish()
        };
        let wanted = made([0, 1, 2]);
        assert!([[0, 2, 1], [2, 1, 0]].into_iter().all(|order| *made(order) == *wanted));
    }
}

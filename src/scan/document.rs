//! A document, page by page: each is drawn by a child of its own, encoded here, and put into a fresh
//! PDF made of nothing but such pictures.
//!
//! Two pages are in hand at a time, so memory does not grow with the number of pages. What a child
//! says about the document must be what the first one said; a page that is refused refuses all.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::{Stream, StreamExt as _};
use sekisho_encoder::{Document, EncodeError, Pixels as _, SamplingFactor, Threads, jpeg};
use zeroize::Zeroizing;

use super::encode::Encoded;
use super::jail::{
    DecodeLimits, Decoded, DecodedPage, FileKind, FindingCode, Jail, JailFault, PATIENCE,
};
use super::pixels::PixelMemory;
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
    /// Processor time that drawing one page may take.
    pub(super) page_deadline: Duration,
    /// Processor time that all of them may take beyond their pace.
    pub(super) deadline: Duration,
    /// Processor time of a page that does not count against that.
    pub(super) pace: Duration,
    /// Most of such time, of all pages.
    pub(super) paced: Duration,
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

/// Draws and encodes every page.
pub(super) async fn make(
    jail: &Jail,
    file: &SealedMemory,
    limits: &DocumentLimits,
) -> Result<Pages, NoPages> {
    let budget = &Budget::new(limits);
    let first = encode(page(jail, file, 0, limits, budget).await?).await?;
    let (count, width, height) = (first.pages, first.pixels.width(), first.pixels.height());
    let rest = (1..count)
        .map(|number| async move { encode(page(jail, file, number, limits, budget).await?).await });
    let rest = futures_util::stream::iter(rest).buffered(AT_ONCE);
    let mut sheets = Sheets::new(*limits);
    sheets.add(&first)?;
    sheets.add_all(rest, count).await?;
    let encoded =
        Encoded { media: Media::Pdf, bytes: sheets.document.finish(), width, height, pages: count };
    Ok(Pages { encoded, encode_us: sheets.encode_us })
}

/// The processor time of all pages. What comes at an honest pace goes on, until that is more than a document may take in
/// all; what does not is refused once the rest of the time is spent. Pages that are in hand at the same time may overdraw it
/// once.
struct Budget {
    limits: DocumentLimits,
    /// At the pace, and within what may be.
    paced_us: AtomicU64,
    /// Beyond it.
    spent_us: AtomicU64,
    done: AtomicU32,
    begun: Instant,
}

impl Budget {
    fn new(limits: &DocumentLimits) -> Self {
        Self {
            limits: *limits,
            paced_us: AtomicU64::new(0),
            spent_us: AtomicU64::new(0),
            done: AtomicU32::new(0),
            begun: Instant::now(),
        }
    }

    /// A page is done. What it took less than its pace is nobody's gain: the next may be a slow one.
    fn spend(&self, processor: Duration) {
        let paced = processor.min(self.limits.pace);
        let paced_before = self.paced_us.fetch_add(whole_micros(paced), Ordering::Relaxed);
        let paced_left = self.limits.paced.saturating_sub(Duration::from_micros(paced_before));
        let beyond = processor.saturating_sub(paced.min(paced_left));
        self.spent_us.fetch_add(whole_micros(beyond), Ordering::Relaxed);
        self.done.fetch_add(1, Ordering::Relaxed);
    }

    fn left(&self, now: Instant) -> Result<Duration, JailFault> {
        let spent = Duration::from_micros(self.spent_us.load(Ordering::Relaxed));
        match self.limits.deadline.saturating_sub(spent) {
            Duration::ZERO => Err(JailFault::Timeout),
            _ if now.saturating_duration_since(self.begun) >= self.patience() => {
                Err(JailFault::Late)
            }
            left => Ok(left),
        }
    }

    /// How long a machine that has no time for the pages is waited for.
    fn patience(&self) -> Duration {
        let paced = self.limits.pace.saturating_mul(self.done.load(Ordering::Relaxed));
        let free = paced.min(self.limits.paced);
        self.limits.deadline.saturating_add(free).saturating_mul(PATIENCE)
    }
}

fn whole_micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// One page, encoded, with its pixels.
struct Sheet {
    jpeg: Zeroizing<Vec<u8>>,
    pixels: PixelMemory,
    dots: std::num::NonZero<u16>,
    pages: u32,
    encode_us: u64,
}

async fn page(
    jail: &Jail,
    file: &SealedMemory,
    number: u32,
    limits: &DocumentLimits,
    budget: &Budget,
) -> Result<DecodedPage, NoPages> {
    let left = budget.left(Instant::now()).map_err(NoPages::Fault)?.min(limits.page_deadline);
    match jail.decode_page(file, FileKind::Pdf, number, &limits.page, left).await {
        Ok(Decoded::Page(page)) => {
            budget.spend(page.processor);
            Ok(page)
        }
        Ok(Decoded::Refused(code)) => Err(NoPages::Refused(code)),
        Ok(Decoded::Image(_) | Decoded::Text(_)) => Err(NoPages::Fault(JailFault::Garbage)),
        Err(fault) => Err(NoPages::Fault(fault)),
    }
}

/// Text and drawings lose their edges where colour is coarser than brightness, so it is not.
async fn encode(page: DecodedPage) -> Result<Sheet, NoPages> {
    let begun = Instant::now();
    let job = tokio::task::spawn_blocking(move || {
        let jpeg = jpeg(&page.pixels, QUALITY, SamplingFactor::R_4_4_4, Threads::ONE)?;
        Ok::<_, EncodeError>((jpeg, page))
    });
    let (jpeg, page) = job
        .await
        .map_err(|_| NoPages::Encode(None))?
        .map_err(|error| NoPages::Encode(Some(error)))?;
    let DecodedPage { pixels, dots, pages, .. } = page;
    Ok(Sheet { jpeg, pixels, dots, pages, encode_us: super::engines::micros(begun) })
}

/// The document as far as it has come, and what is left of its limits.
struct Sheets {
    document: Document,
    limits: DocumentLimits,
    pixels: u64,
    encode_us: u64,
}

impl Sheets {
    fn new(limits: DocumentLimits) -> Self {
        Self { document: Document::default(), limits, pixels: 0, encode_us: 0 }
    }

    async fn add_all(
        &mut self,
        sheets: impl Stream<Item = Result<Sheet, NoPages>>,
        count: u32,
    ) -> Result<(), NoPages> {
        let mut sheets = std::pin::pin!(sheets);
        while let Some(sheet) = sheets.next().await {
            let sheet = sheet?;
            if sheet.pages != count {
                return Err(NoPages::Fault(JailFault::Garbage));
            }
            self.add(&sheet)?;
        }
        Ok(())
    }

    fn add(&mut self, sheet: &Sheet) -> Result<(), NoPages> {
        let (width, height) = (sheet.pixels.width(), sheet.pixels.height());
        self.pixels += u64::from(width) * u64::from(height);
        if self.pixels > self.limits.pixels {
            return Err(NoPages::Refused(FindingCode::TooManyPixels));
        }
        let bytes = self.document.len() + sheet.jpeg.len() + ROOM_FOR_OBJECTS;
        if bytes as u64 > self.limits.bytes {
            return Err(NoPages::Refused(FindingCode::ExpansionLimit));
        }
        self.document.add(&sheet.jpeg, width, height, sheet.dots);
        self.encode_us += sheet.encode_us;
        Ok(())
    }
}

/// Pages in hand at a time.
const AT_ONCE: usize = 2;
/// Print shows the traces of JPEG sooner than a photograph does.
const QUALITY: u8 = 92;
/// More than what stands around the pictures of as many pages as any configuration allows.
const ROOM_FOR_OBJECTS: usize = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::super::encode::tests::picture;
    use super::*;

    fn sheet(pages: u32) -> Sheet {
        Sheet {
            jpeg: Zeroizing::new(vec![7; 1000]),
            pixels: picture(10, 10, |_, _| [0; 3]),
            dots: std::num::NonZero::<u16>::MIN,
            pages,
            encode_us: 1,
        }
    }

    fn sheets(pixels: u64, bytes: u64) -> Sheets {
        Sheets::new(DocumentLimits { pixels, bytes, ..limits() })
    }

    fn limits() -> DocumentLimits {
        DocumentLimits {
            page: DecodeLimits::default(),
            pixels: u64::MAX,
            bytes: u64::MAX,
            page_deadline: Duration::MAX,
            deadline: Duration::from_secs(8),
            pace: Duration::from_millis(250),
            paced: Duration::MAX,
        }
    }

    #[test]
    fn pixels_of_all_pages_are_held_at_and_over() {
        let two = |limit| {
            let mut sheets = sheets(limit, u64::MAX);
            sheets.add(&sheet(2)).and_then(|()| sheets.add(&sheet(2)))
        };
        assert!(two(201).is_ok() && two(200).is_ok());
        assert!(matches!(two(199), Err(NoPages::Refused(FindingCode::TooManyPixels))));
    }

    #[test]
    fn processor_time_beyond_the_pace_of_pages_is_the_files_fault() {
        let budget = Budget::new(&limits());
        let left = || budget.left(budget.begun);
        assert_eq!(left(), Ok(Duration::from_secs(8)));
        // At, under and over the pace. What is under it is not saved up.
        for (took, left_ms) in [(250, 8000), (1, 8000), (251, 7999), (7_250, 999)] {
            budget.spend(Duration::from_millis(took));
            assert_eq!(left(), Ok(Duration::from_millis(left_ms)));
        }
        (0..1000).for_each(|_| budget.spend(Duration::from_millis(250)));
        assert_eq!(left(), Ok(Duration::from_millis(999)));
        budget.spend(Duration::from_millis(1248));
        assert_eq!(left(), Ok(Duration::from_millis(1)));
        budget.spend(Duration::from_millis(251));
        assert_eq!(left(), Err(JailFault::Timeout));
    }

    #[test]
    fn pages_at_their_pace_count_whole_once_they_have_taken_all_that_is_free() {
        let budget = Budget::new(&DocumentLimits { paced: Duration::from_secs(12), ..limits() });
        let left = || budget.left(budget.begun);
        (0..47).for_each(|_| budget.spend(Duration::from_millis(250)));
        // Under, at and over twelve seconds.
        for (took, left_ms) in [(249, 8000), (1, 8000), (50, 7950), (7_949, 1)] {
            budget.spend(Duration::from_millis(took));
            assert_eq!(left(), Ok(Duration::from_millis(left_ms)), "{took}");
        }
        budget.spend(Duration::from_millis(1));
        assert_eq!(left(), Err(JailFault::Timeout));
    }

    #[test]
    fn waiting_is_nobodys_fault_and_longer_the_more_pages_came() {
        let budget = Budget::new(&limits());
        let left = |after_ms| budget.left(budget.begun + Duration::from_millis(after_ms));
        assert_eq!(left(23_999), Ok(Duration::from_secs(8)));
        assert_eq!(left(24_000), Err(JailFault::Late));
        budget.spend(Duration::ZERO);
        assert_eq!(left(24_749), Ok(Duration::from_secs(8)));
        assert_eq!(left(24_750), Err(JailFault::Late));
        budget.spend(Duration::from_secs(9));
        assert_eq!(left(99_999), Err(JailFault::Timeout));
    }

    #[test]
    fn the_rendition_is_held_to_what_a_door_opens() {
        let empty = Document::default().len() as u64;
        let needed = empty + 1000 + ROOM_FOR_OBJECTS as u64;
        let one = |limit| sheets(u64::MAX, limit).add(&sheet(1));
        assert!(one(needed + 1).is_ok() && one(needed).is_ok());
        assert!(matches!(one(needed - 1), Err(NoPages::Refused(FindingCode::ExpansionLimit))));
    }

    #[tokio::test]
    async fn a_page_that_counts_other_pages_than_the_first_is_not_believed() {
        let later = |pages| futures_util::stream::iter([Ok(sheet(pages))]);
        assert!(sheets(999, u64::MAX).add_all(later(2), 2).await.is_ok());
        let odd = sheets(999, u64::MAX).add_all(later(3), 2).await;
        assert!(matches!(odd, Err(NoPages::Fault(JailFault::Garbage))));
    }
}

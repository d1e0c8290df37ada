//! What a child answers: its report, taken when it is written, and its end.
//!
//! A report was written by code that read a hostile file. What it claims is compared with what was asked for.

use std::num::NonZero;
use std::pin::Pin;
use std::time::Duration;

use sekisho_encoder::Layout;
use sekisho_protocol::{
    ColourTreatment, DecodeLimits, DecodeReport, FileKind, FindingCode, MAX_REPORT_BYTES,
    PixelLayout, SourceCoding,
};
use tokio::task::JoinHandle;

use super::super::pixels::PixelMemory;
use super::fault::JailFault;
use super::socket::PacketSocket;
use crate::memory::{FrozenMemory, OutputMemory};

/// What the decoding child made of a file.
#[derive(Debug)]
pub enum Decoded {
    Image(DecodedImage),
    /// Inert text: no control character but the line feed, everything invisible spelled out.
    Text(String),
    Page(DecodedPage),
    Refused(FindingCode),
}

/// A picture, upright, in sRGB.
#[derive(Debug)]
pub struct DecodedImage {
    pub pixels: PixelMemory,
    pub source: SourceCoding,
    /// The EXIF orientation (1 to 8) that was undone.
    pub orientation: u8,
    pub colour: ColourTreatment,
    pub frames_ignored: u32,
}

/// One page of a document, upright, in sRGB, over white.
#[derive(Debug)]
pub struct DecodedPage {
    pub pixels: PixelMemory,
    /// Dots an inch at which it was drawn.
    pub dots: NonZero<u16>,
    /// How many pages the document has, by the word of this page's child.
    pub pages: u32,
}

/// A request, its child's end, and the way by which the report comes, in one packet.
pub(super) struct Asked {
    end: End,
    report: PacketSocket,
}

/// Comes to a child's processor time, once it is gone.
type End = Pin<Box<dyn Future<Output = Result<Duration, JailFault>> + Send>>;

impl Asked {
    pub(super) fn new(end: End, report: PacketSocket) -> Self {
        Self { end, report }
    }

    /// The report as soon as it is there. Giving a child's memory back takes longer than all else around a look, so what
    /// comes next begins before that; the child keeps its slot, and its deadline holds.
    pub(super) async fn reported(mut self) -> Result<(Vec<u8>, Ending), JailFault> {
        tokio::select! {
            biased;
            Ok(Some(untrusted)) = self.report.receive(MAX_REPORT_BYTES) => {
                Ok((untrusted, Ending::Awaited(tokio::spawn(self.end))))
            }
            end = &mut self.end => {
                let processor = end?;
                Ok((left(&self.report)?, Ending::Seen(processor)))
            }
        }
    }

    /// What a child made of a file. It is perhaps still there: what it has mapped for writing cannot be frozen, and what is
    /// frozen it cannot write.
    pub(super) async fn decoded(
        self,
        output: OutputMemory,
        (kind, page): (FileKind, u32),
        limits: &DecodeLimits,
    ) -> Result<(Decoded, Ending), JailFault> {
        let (untrusted, end) = match self.reported().await {
            // What decoding takes is reckoned before it is taken. Where a header does not tell, the child finds out.
            Err(JailFault::Memory) => {
                return Ok((
                    Decoded::Refused(FindingCode::MemoryLimit),
                    Ending::Seen(Duration::ZERO),
                ));
            }
            answer => answer?,
        };
        let frozen = output.freeze().inspect_err(|error| {
            tracing::warn!(%error, "what a child left behind could not be closed");
        });
        let decoded = match (DecodeReport::decode(&untrusted), frozen) {
            (Ok(report), Ok(frozen)) => accept(report, frozen, (kind, page), limits),
            _ => None,
        };
        match decoded {
            Some(decoded) => Ok((decoded, end)),
            None => Err(end.of_garbage().await),
        }
    }
}

/// How a child that has reported ends. What it reported is worth nothing before that is known to be well: a child that was
/// taken over may first say what is wanted of it.
#[derive(Debug)]
#[must_use]
pub enum Ending {
    Seen(Duration),
    Awaited(JoinHandle<Result<Duration, JailFault>>),
}

impl Ending {
    /// The child's processor time, once it is gone.
    pub async fn processor(self) -> Result<Duration, JailFault> {
        match self {
            Self::Seen(processor) => Ok(processor),
            Self::Awaited(end) => end.await.map_err(|_| JailFault::Absent)?,
        }
    }

    /// The fault of a child that reported what cannot be: how it ended, unless that was well.
    pub(super) async fn of_garbage(self) -> JailFault {
        self.processor().await.err().unwrap_or(JailFault::Garbage)
    }
}

/// The report of a child that is gone.
fn left(report: &PacketSocket) -> Result<Vec<u8>, JailFault> {
    report.take(MAX_REPORT_BYTES).ok().flatten().ok_or(JailFault::Garbage)
}

/// Compares what a child claims with what it was asked for and allowed. `None`: it claims what cannot be.
fn accept(
    report: DecodeReport,
    frozen: FrozenMemory,
    (kind, page): (FileKind, u32),
    limits: &DecodeLimits,
) -> Option<Decoded> {
    let asked = match report {
        DecodeReport::Page { .. } => kind == FileKind::Pdf,
        DecodeReport::Text { .. } => kind == FileKind::Text,
        DecodeReport::Image { .. } => !matches!(kind, FileKind::Pdf | FileKind::Text),
        DecodeReport::Refused { .. } => true,
    };
    if !asked {
        return None;
    }
    match report {
        DecodeReport::Page { width, height, dots, pages } => {
            let pixels = u64::from(width) * u64::from(height);
            let is_there = page < pages && pages <= limits.max_pages;
            if !is_there
                || pixels > limits.max_page_pixels
                || width.max(height) > limits.max_dimension
            {
                return None;
            }
            let pixels = PixelMemory::new(frozen, width, height, Layout::Rgb)?;
            let dots = NonZero::new(dots)?;
            Some(Decoded::Page(DecodedPage { pixels, dots, pages }))
        }
        DecodeReport::Image {
            width,
            height,
            layout,
            source,
            orientation,
            colour,
            frames_ignored,
        } => {
            let pixels = u64::from(width) * u64::from(height);
            if pixels > limits.max_pixels || width.max(height) > limits.max_dimension {
                return None;
            }
            let pixels = PixelMemory::new(frozen, width, height, accept_layout(layout, source)?)?;
            let image = DecodedImage { pixels, source, orientation, colour, frames_ignored };
            Some(Decoded::Image(image))
        }
        DecodeReport::Text { bytes } => {
            let text = String::from_utf8(frozen.read_start(bytes).ok()??).ok()?;
            let most = limits.max_text_chars as usize * MAX_CHARS_FOR_ONE;
            let inert = text.chars().all(|character| character == '\n' || !character.is_control());
            (inert && text.chars().count() <= most).then_some(Decoded::Text(text))
        }
        DecodeReport::Refused { code } => Some(Decoded::Refused(code)),
    }
}

/// Only a source whose own chroma is halved may come with halved chroma.
fn accept_layout(layout: PixelLayout, source: SourceCoding) -> Option<Layout> {
    match (layout, source) {
        (PixelLayout::Rgb, _) => Some(Layout::Rgb),
        (PixelLayout::HalvedChroma, SourceCoding::Lossy { chroma_h: 2.., chroma_v: 2.. }) => {
            Some(Layout::HalvedChroma)
        }
        (PixelLayout::HalvedChroma, _) => None,
    }
}

/// An invisible character is spelled out as at most `⟦U+10FFFF⟧`: ten characters, fourteen bytes.
const MAX_CHARS_FOR_ONE: usize = 10;
pub(super) const MAX_BYTES_FOR_ONE: u64 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_may_leave_what_it_was_asked_for_and_nothing_else() {
        let page = DecodeReport::Page { width: 4, height: 2, dots: 100, pages: 1 };
        let text = DecodeReport::Text { bytes: 3 };
        let image = DecodeReport::Image {
            width: 4,
            height: 2,
            layout: PixelLayout::Rgb,
            source: SourceCoding::Lossless,
            orientation: 1,
            colour: ColourTreatment::Unchanged,
            frames_ignored: 0,
        };
        let refused = DecodeReport::Refused { code: FindingCode::Malformed };
        for kind in FileKind::ALL.iter().copied().filter(|kind| kind.is_decodable()) {
            let of_text = kind == FileKind::Text;
            let of_pages = kind == FileKind::Pdf;
            for (report, expected) in
                [(page, of_pages), (text, of_text), (image, !of_text && !of_pages), (refused, true)]
            {
                let output = OutputMemory::new(24).unwrap();
                // Zeros are no inert text.
                rustix::io::write(output.share().unwrap(), b"abc").unwrap();
                let limits = DecodeLimits::default();
                let frozen = output.freeze().unwrap();
                let taken = accept(report, frozen, (kind, 0), &limits);
                assert_eq!(taken.is_some(), expected, "{kind} {report:?}");
            }
        }
    }
}

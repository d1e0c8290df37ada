//! Renditions: a fresh encoding made from pixels or from inert text, and nothing else.
//!
//! Pixels are read strip by strip from frozen memory, never mapped and never held whole; a JPEG is
//! encoded on all cores, as a patient's photo often comes alone. The output
//! has no metadata; its samples are sRGB. A row that cannot be read fails the whole rendition: a
//! wrong picture is worse than none. No decoder is known here.

use sekisho_encoder::{EncodeError, Pixels, SamplingFactor, Threads, jpeg, png};
use zeroize::Zeroizing;

use super::jail::{DecodedImage, SourceCoding};
use crate::domain::state::Media;

/// A rendition in the clear, wiped when dropped.
#[derive(Debug)]
pub struct Encoded {
    pub media: Media,
    pub bytes: Zeroizing<Vec<u8>>,
    /// Pixels; zero for text.
    pub width: u32,
    /// See `width`; of a document, its first page's.
    pub height: u32,
    /// Pages of a document; zero for what has none.
    pub pages: u32,
}

impl Encoded {
    /// The rendition of a picture: JPEG for a lossy source, PNG for a lossless one.
    pub fn from_image(image: &DecodedImage) -> Result<Self, EncodeError> {
        let pixels = &image.pixels;
        let (media, bytes) = match sampling(image.source) {
            Some(sampling) => (Media::Jpeg, jpeg(pixels, QUALITY, sampling, Threads::all())?),
            None => (Media::Png, png(pixels)?),
        };
        Ok(Self { media, bytes, width: pixels.width(), height: pixels.height(), pages: 0 })
    }

    /// The rendition of a message: its inert text as it is.
    pub fn from_text(inert: &str) -> Self {
        let bytes = Zeroizing::new(inert.as_bytes().to_vec());
        Self { media: Media::Text, bytes, width: 0, height: 0, pages: 0 }
    }
}

/// JPEG's chroma sampling for a source: its own or the next finer one that every viewer knows.
/// `None`: the source is lossless and stays so.
fn sampling(source: SourceCoding) -> Option<SamplingFactor> {
    match source {
        SourceCoding::Lossless => None,
        SourceCoding::Lossy { chroma_h, chroma_v } => Some(match (chroma_h > 1, chroma_v > 1) {
            (true, true) => SamplingFactor::R_4_2_0,
            (true, false) => SamplingFactor::R_4_2_2,
            (false, true) => SamplingFactor::R_4_4_0,
            (false, false) => SamplingFactor::R_4_4_4,
        }),
    }
}

/// 44 dB on camera photos at 4:4:4; 88 would be 36 dB.
const QUALITY: u8 = 92;

#[cfg(test)]
#[path = "encode_tests.rs"]
pub(super) mod tests;

//! Renditions: a fresh encoding made from pixels or from inert text, and nothing else.
//!
//! Pixels are read strip by strip from frozen memory, never mapped and never held whole. The output
//! has no metadata; its samples are sRGB. A row that cannot be read fails the whole rendition: a
//! wrong picture is worse than none. No decoder is known here.

use std::cell::RefCell;
use std::io;

use jpeg_encoder::{ImageBuffer, JpegColorType, SamplingFactor, rgb_to_ycbcr};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::jail::{DecodedImage, SourceCoding};
use crate::domain::state::{Media, Sha256Hex};
use crate::memory::PixelMemory;

/// A rendition in the clear, wiped when dropped.
#[derive(Debug)]
pub struct Encoded {
    pub media: Media,
    pub bytes: Zeroizing<Vec<u8>>,
    /// Pixels; zero for text.
    pub width: u32,
    /// See `width`.
    pub height: u32,
    pub sha256: Sha256Hex,
}

/// Why pixels did not become a rendition.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    #[error("a row of pixels could not be read")]
    Pixels(#[source] io::Error),
    #[error("a side is longer than the format can say")]
    TooLong,
    #[error("the JPEG encoder failed")]
    Jpeg(#[source] jpeg_encoder::EncodingError),
    #[error("the PNG encoder failed")]
    Png(#[source] png::EncodingError),
}

impl Encoded {
    /// The rendition of a picture: JPEG for a lossy source, PNG for a lossless one.
    pub fn from_image(image: &DecodedImage) -> Result<Self, EncodeError> {
        let pixels = &image.pixels;
        let (media, bytes) = match sampling(image.source) {
            Some(sampling) => (Media::Jpeg, jpeg(pixels, QUALITY, sampling)?),
            None => (Media::Png, png(pixels)?),
        };
        Ok(Self::new(media, bytes, pixels.width(), pixels.height()))
    }

    /// The rendition of a message: its inert text as it is.
    pub fn from_text(inert: &str) -> Self {
        let bytes = Zeroizing::new(inert.as_bytes().to_vec());
        Self::new(Media::Text, bytes, 0, 0)
    }

    fn new(media: Media, bytes: Zeroizing<Vec<u8>>, width: u32, height: u32) -> Self {
        let sha256 = Sha256Hex::of_digest(Sha256::digest(&*bytes).into());
        Self {
            media,
            bytes,
            width,
            height,
            sha256,
        }
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

/// Baseline JPEG with the JFIF header and no other segment of an application.
pub(super) fn jpeg(
    pixels: &PixelMemory,
    quality: u8,
    sampling: SamplingFactor,
) -> Result<Zeroizing<Vec<u8>>, EncodeError> {
    encode_rows(JpegRows::new(pixels)?, quality, sampling)
}

fn encode_rows(
    rows: JpegRows<'_>,
    quality: u8,
    sampling: SamplingFactor,
) -> Result<Zeroizing<Vec<u8>>, EncodeError> {
    let mut bytes = output(rows.pixels);
    let mut encoder = jpeg_encoder::Encoder::new(&mut *bytes, quality);
    encoder.set_sampling_factor(sampling);
    encoder.encode_image(&rows).map_err(EncodeError::Jpeg)?;
    match rows.strip.into_inner().failure {
        None => Ok(bytes),
        Some(error) => Err(EncodeError::Pixels(error)),
    }
}

fn png(pixels: &PixelMemory) -> Result<Zeroizing<Vec<u8>>, EncodeError> {
    let mut bytes = output(pixels);
    let mut encoder = png::Encoder::new(&mut *bytes, pixels.width(), pixels.height());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header().map_err(EncodeError::Png)?;
    let mut stream = writer.stream_writer().map_err(EncodeError::Png)?;
    for_each_row(pixels, |row| io::Write::write_all(&mut stream, row))
        .map_err(EncodeError::Pixels)?;
    stream.finish().map_err(EncodeError::Png)?;
    writer.finish().map_err(EncodeError::Png)?;
    Ok(bytes)
}

/// Reads all rows from the top, a strip at a time.
pub(super) fn for_each_row(
    pixels: &PixelMemory,
    mut take: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut buffer = Zeroizing::new(Vec::new());
    let mut first = 0;
    while first < pixels.height() {
        let count = STRIP.min(pixels.height() - first);
        buffer.resize(pixels.row_len() * count as usize, 0);
        pixels.read_rows(first, count, &mut buffer)?;
        for row in buffer.chunks_exact(pixels.row_len()) {
            take(row)?;
        }
        first += count;
    }
    Ok(())
}

/// Room for most renditions, so that growing does not leave copies of a picture behind.
fn output(pixels: &PixelMemory) -> Zeroizing<Vec<u8>> {
    let half = u64::from(pixels.width()) * u64::from(pixels.height()) / 2;
    Zeroizing::new(Vec::with_capacity(
        usize::try_from(half).unwrap_or_default() + 4096,
    ))
}

/// Rows for the JPEG encoder, which asks for them in order and cannot be told of a failure.
struct JpegRows<'a> {
    pixels: &'a PixelMemory,
    width: u16,
    height: u16,
    strip: RefCell<Strip>,
}

struct Strip {
    rows: std::ops::Range<u32>,
    bytes: Zeroizing<Vec<u8>>,
    failure: Option<io::Error>,
}

impl<'a> JpegRows<'a> {
    fn new(pixels: &'a PixelMemory) -> Result<Self, EncodeError> {
        let side = |length| u16::try_from(length).map_err(|_| EncodeError::TooLong);
        Ok(Self {
            pixels,
            width: side(pixels.width())?,
            height: side(pixels.height())?,
            strip: RefCell::new(Strip {
                rows: 0..0,
                bytes: Zeroizing::new(Vec::new()),
                failure: None,
            }),
        })
    }
}

impl Strip {
    /// The row, reading the strip that it begins if need be.
    fn row(&mut self, y: u32, pixels: &PixelMemory) -> io::Result<&[u8]> {
        if !self.rows.contains(&y) {
            let count = STRIP.min(pixels.height().saturating_sub(y));
            self.rows = 0..0;
            self.bytes.resize(pixels.row_len() * count as usize, 0);
            pixels.read_rows(y, count, &mut self.bytes)?;
            self.rows = y..y + count;
        }
        let start = (y - self.rows.start) as usize * pixels.row_len();
        let row = self.bytes.get(start..start + pixels.row_len());
        row.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

impl ImageBuffer for &JpegRows<'_> {
    fn get_jpeg_color_type(&self) -> JpegColorType {
        JpegColorType::Ycbcr
    }

    fn width(&self) -> u16 {
        self.width
    }

    fn height(&self) -> u16 {
        self.height
    }

    /// The encoder needs a row of full length in any case; after a failure it gets a grey one, and
    /// what it makes of it is thrown away.
    fn fill_buffers(&self, y: u16, buffers: &mut [Vec<u8>; 4]) {
        let mut strip = self.strip.borrow_mut();
        if strip.failure.is_none() {
            match strip.row(u32::from(y), self.pixels) {
                Ok(row) => return convert(row, buffers),
                Err(error) => strip.failure = Some(error),
            }
        }
        for buffer in buffers.iter_mut().take(3) {
            buffer.resize(buffer.len() + usize::from(self.width), 128);
        }
    }
}

/// To luma and chroma, sixteen pixels at a time so that the compiler uses vectors.
fn convert(row: &[u8], [luma, blue, red, _]: &mut [Vec<u8>; 4]) {
    let (blocks, rest) = row.as_chunks::<48>();
    for block in blocks {
        let (mut ys, mut bs, mut rs) = ([0; 16], [0; 16], [0; 16]);
        let places = ys.iter_mut().zip(&mut bs).zip(&mut rs);
        for ([r, g, b], ((y, cb), cr)) in block.as_chunks().0.iter().zip(places) {
            (*y, *cb, *cr) = rgb_to_ycbcr(*r, *g, *b);
        }
        luma.extend_from_slice(&ys);
        blue.extend_from_slice(&bs);
        red.extend_from_slice(&rs);
    }
    for [r, g, b] in rest.as_chunks().0 {
        let (y, cb, cr) = rgb_to_ycbcr(*r, *g, *b);
        luma.push(y);
        blue.push(cb);
        red.push(cr);
    }
}

/// 44 dB on camera photos at 4:4:4; 88 would be 36 dB.
const QUALITY: u8 = 92;
/// Rows read at once: a third of a megabyte for a 12-megapixel photo, which stays in the cache.
const STRIP: u32 = 32;

#[cfg(test)]
#[path = "encode_tests.rs"]
pub(super) mod tests;

//! Encoders that read rows of pixels as they need them: JPEG and PNG, without metadata, sRGB.
//!
//! A crate of its own because the encoders are generic and are compiled where they are used: here
//! they can be optimised while the service itself stays quick to build. Pixels come strip by strip
//! and are never held whole. A row that cannot be read fails the whole picture: a wrong picture is
//! worse than none. No decoder is known here.

mod document;
mod jpeg;
mod layout;

use std::io;

pub use document::{Document, page_of};
pub use jpeg::{Threads, jpeg};
pub use jpeg_encoder::SamplingFactor;
pub use layout::{Layout, Plane};
use layout::{Row, Strip};
use zeroize::Zeroizing;

/// A picture, eight bits a sample, rows from the top.
pub trait Pixels {
    /// In pixels.
    fn width(&self) -> u32;
    /// In pixels.
    fn height(&self) -> u32;
    fn layout(&self) -> Layout;
    /// Fills `buffer` with `count` rows of a plane from its row `first` on.
    ///
    /// # Errors
    /// If the rows cannot be read.
    fn read_rows(&self, plane: Plane, first: u32, count: u32, buffer: &mut [u8]) -> io::Result<()>;
}

/// Why pixels were not encoded.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    #[error("a row of pixels could not be read")]
    Pixels(#[source] io::Error),
    #[error("a side is longer than the format can say")]
    TooLong,
    #[error("the JPEG encoder failed")]
    Jpeg(#[source] jpeg_encoder::EncodingError),
    #[error("the format or a viewer does not know this sampling")]
    Sampling,
    #[error("the strips of a JPEG do not join")]
    Strip,
    #[error("the PNG encoder failed")]
    Png(#[source] png::EncodingError),
}

/// A small picture already in memory as RGB: a preview.
///
/// # Errors
/// [`EncodeError::Jpeg`] if the bytes are not `width × height` pixels.
pub fn jpeg_of_rgb(
    rgb: &[u8],
    (width, height): (u16, u16),
    quality: u8,
) -> Result<Zeroizing<Vec<u8>>, EncodeError> {
    let mut bytes = Zeroizing::new(Vec::new());
    jpeg_encoder::Encoder::new(&mut *bytes, quality)
        .encode(rgb, width, height, jpeg_encoder::ColorType::Rgb)
        .map_err(EncodeError::Jpeg)?;
    Ok(bytes)
}

/// PNG in its fast mode.
///
/// # Errors
/// [`EncodeError`]; nothing of the picture is given then.
pub fn png(pixels: &dyn Pixels) -> Result<Zeroizing<Vec<u8>>, EncodeError> {
    if pixels.layout() != Layout::Rgb {
        return Err(EncodeError::Sampling);
    }
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

/// Reads all rows from the top, a strip at a time, and hands them over as RGB.
///
/// # Errors
/// Those of reading and of `take`.
pub fn for_each_row(
    pixels: &dyn Pixels,
    mut take: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut strip = Strip::default();
    let mut rgb = Zeroizing::new(Vec::new());
    for y in 0..pixels.height() {
        match strip.row(y, pixels)? {
            Row::Rgb(row) => take(row)?,
            Row::HalvedChroma { luma, blue, red } => {
                rgb.clear();
                layout::to_rgb(luma, blue, red, &mut rgb);
                take(&rgb)?;
            }
        }
    }
    Ok(())
}

/// Room for most renditions, so that growing does not leave copies of a picture behind.
fn output(pixels: &dyn Pixels) -> Zeroizing<Vec<u8>> {
    let half = u64::from(pixels.width()) * u64::from(pixels.height()) / 2;
    Zeroizing::new(Vec::with_capacity(usize::try_from(half).unwrap_or_default() + 4096))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A grey picture whose rows cannot be read from some row on.
    struct Torn {
        readable: u32,
    }

    impl Pixels for Torn {
        fn width(&self) -> u32 {
            64
        }

        fn height(&self) -> u32 {
            64
        }

        fn layout(&self) -> Layout {
            Layout::Rgb
        }

        fn read_rows(&self, _: Plane, first: u32, count: u32, buffer: &mut [u8]) -> io::Result<()> {
            if first + count > self.readable {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            buffer.fill(128);
            Ok(())
        }
    }

    #[test]
    fn a_row_that_cannot_be_read_fails_the_whole_picture() {
        let encode = |readable| {
            let torn = Torn { readable };
            (jpeg(&torn, 92, SamplingFactor::R_4_4_4, Threads::ONE), png(&torn))
        };
        assert!(matches!(encode(64), (Ok(_), Ok(_))));
        for readable in [0, 63] {
            let (jpeg, png) = encode(readable);
            assert!(matches!(jpeg, Err(EncodeError::Pixels(_))), "{readable}");
            assert!(matches!(png, Err(EncodeError::Pixels(_))), "{readable}");
        }
    }
}

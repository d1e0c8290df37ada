//! How samples lie, and reading them a strip of rows at a time.

use std::io;
use std::ops::Range;

use zeroize::Zeroizing;

use super::Pixels;

/// How the samples of a picture lie.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Layout {
    /// Red, green and blue of each pixel, one after the other.
    Rgb,
    /// JPEG's luma of each pixel, then the blue and the red chroma of two by two pixels each. Both
    /// sides are even.
    HalvedChroma,
}

/// Samples that lie together, row by row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Plane {
    Rgb,
    Luma,
    BlueChroma,
    RedChroma,
}

impl Layout {
    /// Its planes, in the order in which they lie.
    pub const fn planes(self) -> &'static [Plane] {
        match self {
            Self::Rgb => &[Plane::Rgb],
            Self::HalvedChroma => &[Plane::Luma, Plane::BlueChroma, Plane::RedChroma],
        }
    }
}

impl Plane {
    /// Bytes in one of its rows, for a picture of this width in pixels.
    pub const fn row_len(self, width: u32) -> usize {
        match self {
            Self::Rgb => width as usize * 3,
            Self::Luma => width as usize,
            Self::BlueChroma | Self::RedChroma => width as usize / 2,
        }
    }

    /// Rows of the picture that one of its rows stands for.
    pub const fn step(self) -> u32 {
        match self {
            Self::Rgb | Self::Luma => 1,
            Self::BlueChroma | Self::RedChroma => 2,
        }
    }
}

/// One row of a picture, with the row of chroma that stands for it.
#[derive(Debug)]
pub(super) enum Row<'a> {
    Rgb(&'a [u8]),
    HalvedChroma { luma: &'a [u8], blue: &'a [u8], red: &'a [u8] },
}

/// Rows that were read together.
#[derive(Default, Debug)]
pub(super) struct Strip {
    rows: Range<u32>,
    planes: [Zeroizing<Vec<u8>>; 3],
}

impl Strip {
    /// A row, reading the strip in which it is if need be.
    pub(super) fn row(&mut self, y: u32, pixels: &dyn Pixels) -> io::Result<Row<'_>> {
        if !self.rows.contains(&y) {
            self.read(y - y % ROWS, pixels)?;
        }
        let below = y - self.rows.start;
        let line = |plane: Plane, bytes: &'_ Zeroizing<Vec<u8>>| {
            let len = plane.row_len(pixels.width());
            let start = (below / plane.step()) as usize * len;
            start..(start + len).min(bytes.len())
        };
        let [first, second, third] = &self.planes;
        let row = match pixels.layout() {
            Layout::Rgb => first.get(line(Plane::Rgb, first)).map(Row::Rgb),
            Layout::HalvedChroma => first
                .get(line(Plane::Luma, first))
                .zip(second.get(line(Plane::BlueChroma, second)))
                .zip(third.get(line(Plane::RedChroma, third)))
                .map(|((luma, blue), red)| Row::HalvedChroma { luma, blue, red }),
        };
        row.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    fn read(&mut self, first: u32, pixels: &dyn Pixels) -> io::Result<()> {
        let count = ROWS.min(pixels.height().saturating_sub(first));
        self.rows = 0..0;
        for (plane, bytes) in pixels.layout().planes().iter().zip(&mut self.planes) {
            let (first, count) = (first / plane.step(), count / plane.step());
            bytes.resize(plane.row_len(pixels.width()) * count as usize, 0);
            pixels.read_rows(*plane, first, count, bytes)?;
        }
        self.rows = first..first + count;
        Ok(())
    }
}

/// A row in RGB, by JPEG's definition, each sample of chroma for two pixels.
pub(super) fn to_rgb(luma: &[u8], blue: &[u8], red: &[u8], rgb: &mut Vec<u8>) {
    for (pair, (blue, red)) in luma.as_chunks::<2>().0.iter().zip(blue.iter().zip(red)) {
        let (blue, red) = (i32::from(*blue) - 128, i32::from(*red) - 128);
        for luma in pair {
            // 1.402, 0.344136, 0.714136 and 1.772 in steps of 1/65536.
            let luma = (i32::from(*luma) << 16) + (1 << 15);
            let parts =
                [luma + 91_881 * red, luma - 22_554 * blue - 46_802 * red, luma + 116_130 * blue];
            rgb.extend(parts.map(|part| u8::try_from((part >> 16).clamp(0, 255)).unwrap_or(0)));
        }
    }
}

/// Rows read at once: a third of a megabyte for a 12-megapixel photo, which stays in the cache. Even.
const ROWS: u32 = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn luma_and_chroma_come_back_as_the_colours_that_they_stand_for() {
        for colour in [[0; 3], [255; 3], [255, 0, 0], [0, 255, 0], [0, 0, 255], [200, 120, 100]] {
            let [r, g, b] = colour;
            let (luma, blue, red) = jpeg_encoder::rgb_to_ycbcr(r, g, b);
            let mut rgb = Vec::new();
            to_rgb(&[luma; 4], &[blue; 2], &[red; 2], &mut rgb);
            let close = |got: &[u8; 3]| got.iter().zip(&colour).all(|(a, b)| a.abs_diff(*b) <= 2);
            assert!(rgb.as_chunks().0.iter().all(close), "{colour:?}: {rgb:?}");
            assert_eq!(rgb.len(), 12);
        }
    }
}

//! Luma and halved chroma, as the source stored them: half the bytes to hand over, and nothing left to convert for the
//! encoder.
//!
//! Bands of rows go through colour conversion, halving and turning while they are in the processor's caches.

use sekisho_protocol::FindingCode;
use yuv::{
    BufferStoreMut, YuvConversionMode, YuvPlanarImageMut, YuvRange, YuvStandardMatrix,
    rgb_to_yuv420,
};

use super::colour::Conversion;
use super::orient;

/// Lays a stored picture of even `width` × `height` RGB pixels into `output`, upright: luma, blue chroma, red chroma.
/// `rgb` is used up.
pub(super) fn lay(
    rgb: &mut [u8],
    (width, height): (usize, usize),
    orientation: u8,
    conversion: &mut Conversion,
    output: &mut [u8],
) -> Result<(), FindingCode> {
    let pixels = width * height;
    let (luma, chroma) = output.split_at_mut_checked(pixels).ok_or(FindingCode::Malformed)?;
    let (blue, red) = chroma.split_at_mut_checked(pixels / 4).ok_or(FindingCode::Malformed)?;
    let mut upright = [
        Plane { samples: luma, width, height },
        Plane { samples: blue, width: width / 2, height: height / 2 },
        Plane { samples: red, width: width / 2, height: height / 2 },
    ];
    let mut band = [vec![0; width * BAND], vec![0; width * BAND / 4], vec![0; width * BAND / 4]];
    let tops = (0..height).step_by(BAND);
    for (rows, top) in rgb.chunks_mut((width * BAND * 3).max(1)).zip(tops) {
        conversion.apply(rows)?;
        let used = rows.len() / 3;
        let mut parts = band.each_mut().map(Vec::as_mut_slice);
        for (part, used) in parts.iter_mut().zip([used, used / 4, used / 4]) {
            *part = std::mem::take(part).get_mut(..used).ok_or(FindingCode::Malformed)?;
        }
        halve(rows, width, &mut parts)?;
        for ((part, plane), top) in parts.iter().zip(&mut upright).zip([top, top / 2, top / 2]) {
            plane.place(part, top, orientation);
        }
    }
    Ok(())
}

/// A plane of the upright picture, with the size that it has in the stored one.
struct Plane<'a> {
    samples: &'a mut [u8],
    width: usize,
    height: usize,
}

impl Plane<'_> {
    /// Puts stored rows where they belong upright.
    fn place(&mut self, rows: &[u8], top: usize, orientation: u8) {
        let width = self.width.max(1);
        let count = rows.len() / width;
        if orient::changes_shape(orientation) {
            orient::turn_rows(rows, (self.width, self.height), top, orientation, self.samples);
            return;
        }
        let upside_down = matches!(orientation, 3 | 4);
        let first = if upside_down { self.height.saturating_sub(top + count) } else { top };
        let Some(places) = self.samples.get_mut(first * width..(first + count) * width) else {
            return;
        };
        if upside_down {
            let lines = places.chunks_exact_mut(width).rev().zip(rows.chunks_exact(width));
            lines.for_each(|(line, row)| line.copy_from_slice(row));
        } else {
            places.copy_from_slice(rows);
        }
        if matches!(orientation, 2 | 3) {
            places.chunks_exact_mut(width).for_each(<[u8]>::reverse);
        }
    }
}

/// RGB rows to luma and to the mean chroma of each two by two pixels, as JPEG defines them.
fn halve(
    rgb: &[u8],
    width: usize,
    [luma, blue, red]: &mut [&mut [u8]; 3],
) -> Result<(), FindingCode> {
    let side = |length: usize| u32::try_from(length).map_err(|_| FindingCode::DimensionLimit);
    let mut planes = YuvPlanarImageMut {
        y_plane: BufferStoreMut::Borrowed(luma),
        y_stride: side(width)?,
        u_plane: BufferStoreMut::Borrowed(blue),
        u_stride: side(width / 2)?,
        v_plane: BufferStoreMut::Borrowed(red),
        v_stride: side(width / 2)?,
        width: side(width)?,
        height: side(rgb.len() / (width * 3).max(1))?,
    };
    let (range, matrix) = (YuvRange::Full, YuvStandardMatrix::Bt601);
    let mode = YuvConversionMode::Balanced;
    rgb_to_yuv420(&mut planes, rgb, side(width * 3)?, range, matrix, mode)
        .map_err(|_| FindingCode::Malformed)
}

/// Rows in a band: a line of the processor's cache when they have become columns. Even.
const BAND: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    /// Colours that change slowly, so that halving keeps them.
    fn picture(width: usize, height: usize) -> Vec<u8> {
        let level = |part: usize, whole: usize| u8::try_from(part * 200 / whole).unwrap();
        let colour = |x: usize, y: usize| [level(x, width), level(y, height), 90];
        (0..height).flat_map(|y| (0..width).flat_map(move |x| colour(x, y))).collect()
    }

    /// Luma, blue and red chroma of a colour by JPEG's definition.
    fn by_definition([r, g, b]: [u8; 3]) -> [f64; 3] {
        let [r, g, b] = [r, g, b].map(f64::from);
        [
            0.299 * r + 0.587 * g + 0.114 * b,
            128.0 - 0.168_736 * r - 0.331_264 * g + 0.5 * b,
            128.0 + 0.5 * r - 0.418_688 * g - 0.081_312 * b,
        ]
    }

    #[test]
    fn every_orientation_lies_upright_in_its_planes_over_band_edges() {
        for (width, height) in [(2, 2), (40, 64), (66, 62), (34, 130), (128, 66)] {
            for orientation in 1..=8 {
                let stored = picture(width, height);
                let mut upright = stored.clone();
                if orient::changes_shape(orientation) {
                    orient::turn(&stored, width, height, orientation, &mut upright);
                } else {
                    orient::flip(&mut upright, width, orientation);
                }
                let turned = orient::changes_shape(orientation);
                let across = if turned { height } else { width };
                let mut output = vec![0; width * height * 3 / 2];
                let mut none = Conversion::from(None);
                let mut rgb = stored.clone();
                lay(&mut rgb, (width, height), orientation, &mut none, &mut output).unwrap();
                let (luma, chroma) = output.split_at(width * height);
                let (blue, red) = chroma.split_at(width * height / 4);
                for (pixel, place) in upright.as_chunks::<3>().0.iter().zip(0..) {
                    let (x, y) = (place % across, place / across);
                    let halved = y / 2 * (across / 2) + x / 2;
                    let got = [luma[place], blue[halved], red[halved]].map(f64::from);
                    // Neighbours that share a sample differ by what two pixels make.
                    let side = u32::try_from(width.min(height)).unwrap();
                    let step = 201.0 / f64::from(side);
                    let near = |(a, b): (f64, f64)| (a - b).abs() <= 1.5 + step;
                    assert!(
                        got.into_iter().zip(by_definition(*pixel)).all(near),
                        "{width} × {height}, orientation {orientation}, at {x}, {y}: {got:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn one_colour_stays_that_colour() {
        let mut rgb = [210, 140, 120].repeat(64 * 64);
        let mut output = vec![0; 64 * 64 * 3 / 2];
        lay(&mut rgb, (64, 64), 1, &mut Conversion::from(None), &mut output).unwrap();
        let wanted = by_definition([210, 140, 120]);
        for (samples, wanted) in
            [(0..4096, wanted[0]), (4096..5120, wanted[1]), (5120..6144, wanted[2])]
        {
            let near = |sample: &u8| (f64::from(*sample) - wanted).abs() <= 1.0;
            assert!(output[samples].iter().all(near), "{wanted}");
        }
    }
}

//! From a decoder's planes to RGB, a band of rows at a time, so that a large picture never exists twice.

use std::ops::Range;

use heifer::color::{ColorParams, frame_to_rgba_into};
use heifer_hevc_dec::recon::Frame;

use super::Coded;
use crate::decode::canvas::over_white;

/// The part of the stored picture that is shown, in pixels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Window {
    pub(super) left: u32,
    pub(super) top: u32,
    pub(super) width: u32,
    pub(super) height: u32,
}

/// What painting does to the pixels that are there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ink {
    /// Takes their place.
    Colour,
    /// Is their opacity over white.
    Opacity,
    /// The same, for colours that were multiplied with it before.
    OpacityAlreadyIn,
}

/// RGB pixels of the window.
#[derive(Debug)]
pub(super) struct Sheet<'a> {
    pixels: &'a mut [u8],
    window: Window,
    ink: Ink,
}

impl<'a> Sheet<'a> {
    pub(super) fn new(pixels: &'a mut [u8], window: Window, ink: Ink) -> Self {
        Self { pixels, window, ink }
    }

    pub(super) fn ink(&self) -> Ink {
        self.ink
    }

    /// Puts one row of RGBA whose first pixel lies at `left`, `top` of the stored picture.
    fn put(&mut self, row: &[u8], left: u32, top: u32) {
        let Window { left: from, top: first, width, height } = self.window;
        let Some(line) = top.checked_sub(first).filter(|line| *line < height) else {
            return;
        };
        let stride = width as usize * 3;
        let hidden = from.saturating_sub(left) as usize;
        let start = line as usize * stride + left.saturating_sub(from) as usize * 3;
        let end = (line as usize + 1) * stride;
        let Some(target) = self.pixels.get_mut(start..end) else {
            return;
        };
        let pixels = row.as_chunks::<4>().0.iter().skip(hidden);
        for (to, [red, green, blue, _]) in target.as_chunks_mut::<3>().0.iter_mut().zip(pixels) {
            *to = match (self.ink, *to) {
                (Ink::Colour, _) => [*red, *green, *blue],
                (Ink::Opacity, [r, g, b]) => over_white([r, g, b, *red]),
                (Ink::OpacityAlreadyIn, under) => {
                    under.map(|value| value.saturating_add(255 - red))
                }
            };
        }
    }
}

/// Paints the first `size` pixels of a decoded item at a place of the stored picture.
pub(super) fn paint(
    coded: &Coded,
    params: ColorParams,
    (width, height): (u32, u32),
    (left, top): (u32, u32),
    sheet: &mut Sheet<'_>,
) {
    let stride = width as usize * 4;
    let mut rgba = vec![0u8; stride * (BAND + OVERLAP)];
    let mut first = 0;
    while first < height as usize {
        let rows = (height as usize - first).min(BAND + OVERLAP);
        let band = coded.band(first..first + rows, params);
        let mut lines: Vec<&mut [u8]> = rgba.chunks_exact_mut(stride.max(1)).take(rows).collect();
        frame_to_rgba_into(&band, params, &mut lines, width as usize, rows);
        for (line, number) in lines.iter().zip(first..height as usize).take(BAND) {
            // Both sides are below the limit on a picture's height.
            sheet.put(line, left, top + u32::try_from(number).unwrap_or(u32::MAX));
        }
        first += BAND;
    }
}

/// Some rows of a frame, with the chroma that goes with them.
pub(super) fn cut(frame: &Frame, rows: Range<usize>) -> Frame {
    let [width, across, _] = frame.widths;
    let per_chroma = if frame.chroma_format == 1 { 2 } else { 1 };
    let plane = |number: usize, width: u32, rows: Range<usize>| {
        let width = width as usize;
        let samples = frame.planes.get(number).map_or(&[][..], Vec::as_slice);
        let end = (rows.end * width).min(samples.len());
        samples.get((rows.start * width).min(end)..end).unwrap_or_default().to_vec()
    };
    let luma = plane(0, width, rows.clone());
    let chroma_rows = rows.start / per_chroma..rows.end.div_ceil(per_chroma);
    let blue = plane(1, across, chroma_rows.clone());
    let red = plane(2, across, chroma_rows);
    let height = |samples: &[u16], width: u32| {
        u32::try_from(samples.len()).unwrap_or(u32::MAX) / width.max(1)
    };
    let (down, up) = (height(&luma, width), height(&blue, across));
    Frame {
        widths: frame.widths,
        heights: [down, up, up],
        planes: [luma, blue, red],
        bit_depth: frame.bit_depth,
        chroma_format: frame.chroma_format,
        full_range: frame.full_range,
        matrix_coeffs: frame.matrix_coeffs,
    }
}

/// Rows converted at a time, and the rows below that their chroma is interpolated with. Both even.
const BAND: usize = 64;
const OVERLAP: usize = 2;

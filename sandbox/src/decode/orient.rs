//! Turning pictures upright, by EXIF's eight orientations.

/// Whether width and height change places.
pub(super) const fn changes_shape(orientation: u8) -> bool {
    orientation >= 5
}

/// Orientations 1 to 4, in place.
pub(super) fn flip(pixels: &mut [u8], width: usize, orientation: u8) {
    match orientation {
        2 => rows(pixels, width).for_each(|row| row.as_chunks_mut::<3>().0.reverse()),
        3 => pixels.as_chunks_mut::<3>().0.reverse(),
        4 => {
            let stride = width * 3;
            let half = pixels.len() / stride.max(1) / 2 * stride;
            let (top, rest) = pixels.split_at_mut(half);
            let bottom = rest.chunks_exact_mut(stride.max(1)).rev();
            top.chunks_exact_mut(stride.max(1))
                .zip(bottom)
                .for_each(|(upper, lower)| upper.swap_with_slice(lower));
        }
        _ => {}
    }
}

/// Orientations 5 to 8: from `source` (`width` × `height`) to `target` (`height` × `width`).
///
/// Works on bands of target rows, so that both sides stay in the processor's caches.
pub(super) fn turn(source: &[u8], width: usize, height: usize, orientation: u8, target: &mut [u8]) {
    let source = source.as_chunks::<3>().0;
    let target = target.as_chunks_mut::<3>().0;
    // 5: mirrored along the main diagonal. 6: a quarter to the right. 7: along the other. 8: a quarter to the left.
    let from_bottom = matches!(orientation, 6 | 7);
    let from_right = matches!(orientation, 7 | 8);
    for (band, number) in target.chunks_mut((height * BAND).max(1)).zip(0..) {
        let lines = band.len() / height.max(1);
        let first = number * BAND;
        let left = if from_right {
            width.saturating_sub(first + lines)
        } else {
            first
        };
        for (row, y) in source.chunks_exact(width.max(1)).zip(0..height) {
            let column = if from_bottom { height - 1 - y } else { y };
            let Some(piece) = row.get(left..left + lines) else {
                continue;
            };
            for (pixel, index) in piece.iter().zip(0..) {
                let line = if from_right { lines - 1 - index } else { index };
                if let Some(place) = band.get_mut(line * height + column) {
                    *place = *pixel;
                }
            }
        }
    }
}

fn rows(pixels: &mut [u8], width: usize) -> impl Iterator<Item = &mut [u8]> {
    pixels.chunks_exact_mut((width * 3).max(1))
}

/// Target rows at a time: so many streams fit the first cache.
const BAND: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture of `width` × `height` whose pixels name their place.
    fn picture(width: usize, height: usize) -> Vec<u8> {
        let place = |x: usize, y: usize| [x as u8, y as u8, 7];
        (0..height)
            .flat_map(|y| (0..width).flat_map(move |x| place(x, y)))
            .collect()
    }

    /// The upright picture by the definition of each orientation, one pixel at a time.
    fn by_definition(stored: &[u8], width: usize, height: usize, orientation: u8) -> Vec<u8> {
        let (w, h) = if orientation >= 5 {
            (height, width)
        } else {
            (width, height)
        };
        let mut upright = vec![0; stored.len()];
        for y in 0..height {
            for x in 0..width {
                let (to_x, to_y) = match orientation {
                    1 => (x, y),
                    2 => (width - 1 - x, y),
                    3 => (width - 1 - x, height - 1 - y),
                    4 => (x, height - 1 - y),
                    5 => (y, x),
                    6 => (height - 1 - y, x),
                    7 => (height - 1 - y, width - 1 - x),
                    _ => (y, width - 1 - x),
                };
                assert!(to_x < w && to_y < h);
                let (from, to) = ((y * width + x) * 3, (to_y * w + to_x) * 3);
                upright[to..to + 3].copy_from_slice(&stored[from..from + 3]);
            }
        }
        upright
    }

    #[test]
    fn every_orientation_is_undone_at_every_band_edge() {
        for (width, height) in [(1, 1), (5, 3), (31, 2), (32, 7), (33, 64), (97, 50)] {
            let stored = picture(width, height);
            for orientation in 1..=8 {
                let mut upright = stored.clone();
                if changes_shape(orientation) {
                    turn(&stored, width, height, orientation, &mut upright);
                } else {
                    flip(&mut upright, width, orientation);
                }
                let wanted = by_definition(&stored, width, height, orientation);
                assert_eq!(
                    upright, wanted,
                    "{width} × {height}, orientation {orientation}"
                );
            }
        }
    }
}

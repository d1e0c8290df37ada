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
pub(super) fn turn(source: &[u8], width: usize, height: usize, orientation: u8, target: &mut [u8]) {
    let (source, target) = (source.as_chunks::<3>().0, target.as_chunks_mut::<3>().0);
    for (rows, top) in source.chunks((width * BAND).max(1)).zip((0..height).step_by(BAND)) {
        turn_rows(rows, (width, height), top, orientation, target);
    }
}

/// The same for the rows from `top` on, of a picture or of one of its planes. Quick for about as many rows as a line of
/// the processor's first cache has bytes.
pub(super) fn turn_rows<T: Copy>(
    rows: &[T],
    (width, height): (usize, usize),
    top: usize,
    orientation: u8,
    target: &mut [T],
) {
    // 5: mirrored along the main diagonal. 6: a quarter to the right. 7: along the other. 8: a quarter to the left.
    let from_bottom = matches!(orientation, 6 | 7);
    let from_right = matches!(orientation, 7 | 8);
    let count = rows.len() / width.max(1);
    let left = if from_bottom { height.saturating_sub(top + count) } else { top };
    for (line, number) in target.chunks_exact_mut(height.max(1)).zip(0..width) {
        let x = if from_right { width - 1 - number } else { number };
        let Some(places) = line.get_mut(left..left + count) else {
            continue;
        };
        let column = rows.iter().skip(x).step_by(width.max(1));
        if from_bottom {
            places.iter_mut().rev().zip(column).for_each(|(to, from)| *to = *from);
        } else {
            places.iter_mut().zip(column).for_each(|(to, from)| *to = *from);
        }
    }
}

fn rows(pixels: &mut [u8], width: usize) -> impl Iterator<Item = &mut [u8]> {
    pixels.chunks_exact_mut((width * 3).max(1))
}

/// Source rows that are turned together.
const BAND: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture of `width` × `height` whose pixels name their place.
    fn picture(width: usize, height: usize) -> Vec<u8> {
        let place = |x: usize, y: usize| [u8::try_from(x).unwrap(), u8::try_from(y).unwrap(), 7];
        (0..height).flat_map(|y| (0..width).flat_map(move |x| place(x, y))).collect()
    }

    /// The upright picture by the definition of each orientation, one pixel at a time.
    fn by_definition(stored: &[u8], width: usize, height: usize, orientation: u8) -> Vec<u8> {
        let (w, h) = if orientation >= 5 { (height, width) } else { (width, height) };
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
                assert_eq!(upright, wanted, "{width} × {height}, orientation {orientation}");
            }
        }
    }
}

//! Whether the renderer draws a shading. One that it cannot read to its end it leaves out without a word: one corner too many,
//! and a whole mesh is not there.

use hayro::hayro_interpret::Function;
use hayro::hayro_syntax::object::{Array, Dict, Object};

use super::samples::components;

/// Whether its functions make colours, and its data, if it is a mesh, are corners and patches to their end.
pub(super) fn is_whole(dict: &Dict<'_>, data: Option<&[u8]>) -> bool {
    let kind = dict.get::<u8>(b"ShadingType");
    has_working_functions(dict, kind)
        && match (kind, data) {
            (Some(1..=3), _) => dict.contains_key(b"Function"),
            (Some(4..=7), Some(data)) => {
                Mesh::of(dict).is_some_and(|mesh| mesh.is_whole(kind, data))
            }
            _ => false,
        }
}

/// A function for all parts of a colour, or one for each.
fn has_working_functions(dict: &Dict<'_>, kind: Option<u8>) -> bool {
    match dict.get::<Object<'_>>(b"Function") {
        Some(Object::Array(all)) => {
            let parts = dict.get::<Object<'_>>(b"ColorSpace").map_or(0, |it| components(&it));
            let places = places(dict, kind);
            let working = |one: &Object<'_>| {
                Function::new(one).is_some_and(|one| one.num_outputs() == 1 && works(&one, &places))
            };
            let count = all.raw_iter().count();
            count as u64 == parts && all.iter::<Object<'_>>().filter(working).count() == count
        }
        Some(one) => Function::new(&one).is_some_and(|one| works(&one, &places(dict, kind))),
        None => !dict.contains_key(b"Function"),
    }
}

/// Whether a function answers wherever it is tried.
fn works(function: &Function, places: &[Vec<f32>]) -> bool {
    let mut colour = vec![0.0; function.num_outputs()];
    places.iter().all(|place| function.eval(place, &mut colour).is_some())
}

/// Where the functions of a shading are asked for colours, from end to end: places on the page, or numbers along it.
fn places(dict: &Dict<'_>, kind: Option<u8>) -> Vec<Vec<f32>> {
    let key: &[u8] = if kind > Some(3) { b"Decode" } else { b"Domain" };
    let ends = dict.get::<Array<'_>>(key);
    let mut ends: Vec<f32> = ends.map(|ends| ends.iter::<f32>().collect()).unwrap_or_default();
    if kind > Some(3) {
        // Those of the place stand before that of the colour.
        ends.drain(..ends.len().min(4));
        ends.truncate(2);
    }
    let inputs = if kind == Some(1) { 2 } else { 1 };
    if ends.len() != 2 * inputs {
        ends = [0.0, 1.0].repeat(inputs);
    }
    let along = |ends: &[f32]| -> Vec<f32> {
        let (from, to) = (ends.first().copied(), ends.get(1).copied());
        let (from, to) = (from.unwrap_or(0.0), to.unwrap_or(1.0));
        (0..=STEPS).map(|step| from + (to - from) * f32::from(step) / f32::from(STEPS)).collect()
    };
    let (first, second) = ends.split_at(2);
    match inputs {
        1 => along(first).into_iter().map(|x| vec![x]).collect(),
        _ => {
            let down = along(second);
            let across = along(first).into_iter();
            across.flat_map(|x| down.iter().map(move |y| vec![x, *y])).collect()
        }
    }
}

/// How finely a function is tried: no power of two, as what repeats itself often does so by halves.
const STEPS: u8 = 13;

/// How many bits each part of a mesh takes.
struct Mesh {
    flag: usize,
    point: usize,
    colour: usize,
    /// Corners in a row, of a mesh of rows.
    row: usize,
}

impl Mesh {
    fn of(dict: &Dict<'_>) -> Option<Self> {
        let bits = |key: &[u8]| dict.get::<u8>(key).map(usize::from);
        // Four numbers for the place, two for each part of a colour; a function makes a colour of one.
        let decode = dict.get::<Array<'_>>(b"Decode")?.iter::<f32>().count();
        let colours = decode.checked_sub(4)? / 2;
        let colours = if dict.contains_key(b"Function") { 1 } else { colours };
        Some(Self {
            flag: bits(b"BitsPerFlag").unwrap_or(0),
            point: 2 * bits(b"BitsPerCoordinate").filter(|bits| *bits > 0)?,
            colour: bits(b"BitsPerComponent").filter(|bits| *bits > 0)? * colours,
            row: dict.get::<u32>(b"VerticesPerRow").map_or(0, |row| row as usize),
        })
    }

    fn is_whole(&self, kind: Option<u8>, data: &[u8]) -> bool {
        match kind {
            Some(4) => self.are_triangles(data),
            Some(5) => self.are_rows(data),
            Some(6) => self.are_patches(data, 12),
            _ => self.are_patches(data, 16),
        }
    }

    /// Corners one by one, each to a whole byte; a flag of nought begins three.
    fn are_triangles(&self, data: &[u8]) -> bool {
        let len = (self.flag + self.point + self.colour).div_ceil(8);
        let mut corners = data.chunks(len);
        let mut is_begun = false;
        while let Some(corner) = corners.next() {
            is_begun = match flag(corner, 0, self.flag) {
                Some(0) => corners.next().is_some() && corners.next().is_some(),
                Some(1 | 2) => is_begun,
                _ => false,
            };
            if !is_begun {
                return false;
            }
        }
        data.len().is_multiple_of(len)
    }

    fn are_rows(&self, data: &[u8]) -> bool {
        let len = (self.point + self.colour).div_ceil(8);
        let row = len.saturating_mul(self.row);
        self.row > 1 && data.len() >= 2 * row && data.len().is_multiple_of(row)
    }

    /// Patches bit after bit: all points and colours where the flag is nought, else four points and two colours fewer.
    fn are_patches(&self, data: &[u8], points: usize) -> bool {
        let bits = data.len() * 8;
        let (mut at, mut is_begun) = (0, false);
        // What is left of the last byte is no patch.
        while bits - at >= 8 {
            let (points, colours) = match flag(data, at, self.flag) {
                Some(0) => (points, 4),
                Some(1..=3) if is_begun => (points - 4, 2),
                _ => return false,
            };
            at += self.flag + points * self.point + colours * self.colour;
            is_begun = true;
            if at > bits {
                return false;
            }
        }
        is_begun
    }
}

/// So many bits, at most eight, as a number.
fn flag(data: &[u8], at: usize, bits: usize) -> Option<u16> {
    let pair = [*data.get(at / 8)?, data.get(at / 8 + 1).copied().unwrap_or(0)];
    let shift = 16_usize.checked_sub(at % 8 + bits)?;
    (1..=8).contains(&bits).then(|| u16::from_be_bytes(pair) >> shift & ((1 << bits) - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRIANGLES: Mesh = Mesh { flag: 8, point: 16, colour: 8, row: 0 };

    #[test]
    fn a_mesh_is_corners_to_its_end() {
        let corner = |flag: u8| [flag, 1, 2, 3];
        let mesh = |flags: &[u8]| {
            TRIANGLES.are_triangles(&flags.iter().flat_map(|it| corner(*it)).collect::<Vec<_>>())
        };
        assert!(mesh(&[0, 9, 9]));
        assert!(mesh(&[0, 0, 0, 1, 2, 0, 0, 0]));
        for cut in [&[0, 0][..], &[1], &[0, 0, 0, 0], &[0, 0, 0, 3]] {
            assert!(!mesh(cut), "{cut:?}");
        }
        assert!(!TRIANGLES.are_triangles(&[0; 13]));
    }

    #[test]
    fn a_mesh_of_rows_has_two_whole_ones() {
        let rows = Mesh { flag: 0, point: 16, colour: 8, row: 3 };
        assert!(rows.are_rows(&[0; 18]));
        assert!(!rows.are_rows(&[0; 9]));
        assert!(!rows.are_rows(&[0; 21]));
    }

    #[test]
    fn patches_lean_on_those_before_them() {
        // Two bits of flag, twelve points of eight bits, four colours of four: 114 bits; 76 the others.
        let mesh = Mesh { flag: 2, point: 8, colour: 4, row: 0 };
        let with_flags = |flags: &[(usize, u8)], len: usize| {
            let mut data = vec![0; len];
            for (at, flag) in flags {
                let bits = u16::from(*flag) << (14 - at % 8);
                data[at / 8] |= bits.to_be_bytes()[0];
                data[at / 8 + 1] |= bits.to_be_bytes()[1];
            }
            mesh.are_patches(&data, 12)
        };
        assert!(with_flags(&[], 15));
        assert!(with_flags(&[(114, 2)], 24));
        assert!(!with_flags(&[(114, 2)], 23));
        assert!(!with_flags(&[(0, 1)], 24));
        assert!(!with_flags(&[], 14));
        assert!(!with_flags(&[], 16));
    }
}

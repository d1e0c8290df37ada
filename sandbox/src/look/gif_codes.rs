//! Where the codes of a GIF's pixels end. They are followed only as far as their lengths: nothing is painted.

/// The place of the byte with which `pixels` are complete, or that holds the code that ends them. `None` if neither comes.
pub(super) fn end(
    least_bits: u8,
    mut pixels: u64,
    bytes: impl Iterator<Item = (usize, u8)>,
) -> Option<usize> {
    if !(1..=11).contains(&least_bits) {
        return None;
    }
    let clear = 1usize << least_bits;
    let (mut width, mut next, mut before) = (least_bits + 1, clear + 2, None);
    // How many pixels each code stands for.
    let mut lens = vec![1u64; MOST_CODES];
    let (mut bits, mut count) = (0u32, 0);
    for (place, byte) in bytes {
        bits |= u32::from(byte) << count;
        count += 8;
        while count >= width {
            let code = (bits & ((1 << width) - 1)) as usize;
            (bits, count) = (bits >> width, count - width);
            if code == clear {
                (width, next, before) = (least_bits + 1, clear + 2, None);
                continue;
            }
            // A code that comes before it is complete stands for the last one and one pixel more.
            let last = before.unwrap_or(0);
            let len = if code < next { lens.get(code).copied()? } else { last + 1 };
            pixels = pixels.saturating_sub(len);
            if pixels == 0 || code == clear + 1 {
                return Some(place);
            }
            if before.is_some() && next < MOST_CODES {
                *lens.get_mut(next)? = last + 1;
                next += 1;
                width += u8::from(next == 1 << width && width < MOST_BITS);
            }
            before = Some(len);
        }
    }
    None
}

const MOST_BITS: u8 = 12;
const MOST_CODES: usize = 1 << MOST_BITS;

#[cfg(test)]
mod tests {
    use super::*;

    /// Noise and even areas, so that codes of every length come, and the table is begun anew.
    fn pixels(len: usize) -> Vec<u8> {
        let mut state = 7u32;
        let mut noise = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0] % 16
        };
        (0..len).map(|place| if place % 700 < 300 { 3 } else { noise() }).collect()
    }

    #[test]
    fn the_end_is_found_to_the_byte_with_an_end_code_and_without() {
        for len in [1, 2, 1000, 40_000] {
            let mut encoder = weezl::encode::Encoder::new(weezl::BitOrder::Lsb, 4);
            let codes = encoder.encode(&pixels(len)).unwrap();
            let last = codes.len() - 1;
            let more = [&codes[..], b"more"].concat();
            let place = |pixels: u64| end(4, pixels, more.iter().copied().enumerate());
            assert_eq!(place(u64::MAX), Some(last), "{len}");
            // The end code may lie in the byte behind.
            assert!(place(len as u64).is_some_and(|place| place + 2 >= last), "{len}");
        }
    }

    #[test]
    fn nonsense_has_no_end_and_does_no_harm() {
        let bytes = || (0..5000usize).map(|place| (place, ((place * 37) >> 3).to_le_bytes()[0]));
        for bits in 0..=255 {
            let _ = end(bits, u64::MAX, bytes());
        }
        assert_eq!(end(8, 10, std::iter::empty()), None);
        assert_eq!(end(0, 10, bytes()), None);
    }
}

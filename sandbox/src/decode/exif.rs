//! The one field of EXIF that matters: how the camera was held.

use crate::look::notes::Cursor;

/// The orientation (1 to 8) in an EXIF block that begins with its TIFF header. 1 if there is none worth believing.
pub(super) fn orientation(exif: &[u8]) -> u8 {
    find(exif).filter(|value| (1..=8).contains(value)).unwrap_or(1)
}

fn find(exif: &[u8]) -> Option<u8> {
    let exif = exif.strip_prefix(b"Exif\0\0").unwrap_or(exif);
    let little = match exif.first_chunk()? {
        b"II*\0" => true,
        b"MM\0*" => false,
        _ => return None,
    };
    let u16 = |cursor: &mut Cursor<'_>| {
        if little { cursor.u16_le() } else { cursor.u16_be() }
    };
    let u32 = |cursor: &mut Cursor<'_>| {
        if little { cursor.u32_le() } else { cursor.u32_be() }
    };
    let start = usize::try_from(u32(&mut Cursor::at(exif, 4))?).ok()?;
    let mut directory = Cursor::at(exif, start);
    let entries = u16(&mut directory)?.min(MAX_ENTRIES);
    for _ in 0..entries {
        let tag = u16(&mut directory)?;
        let kind = u16(&mut directory)?;
        let count = u32(&mut directory)?;
        let place = directory.position();
        directory.skip(4)?;
        if tag == ORIENTATION {
            let mut value = Cursor::at(exif, place);
            // Writers are to write a short; readers heed any whole number.
            let value = match kind {
                BYTE => value.u8().map(u32::from),
                SHORT | SIGNED_SHORT => u16(&mut value).map(u32::from),
                LONG | SIGNED_LONG => u32(&mut value),
                _ => None,
            };
            return value.filter(|_| count == 1).and_then(|value| u8::try_from(value).ok());
        }
    }
    None
}

const ORIENTATION: u16 = 0x0112;
const BYTE: u16 = 1;
const SHORT: u16 = 3;
const LONG: u16 = 4;
const SIGNED_SHORT: u16 = 8;
const SIGNED_LONG: u16 = 9;
const MAX_ENTRIES: u16 = 512;

#[cfg(test)]
mod tests {
    use super::*;

    fn block(little: bool, value: u16) -> Vec<u8> {
        let mut bytes = if little { b"II*\0".to_vec() } else { b"MM\0*".to_vec() };
        let two = |v: u16| {
            if little { v.to_le_bytes() } else { v.to_be_bytes() }
        };
        let four = |v: u32| {
            if little { v.to_le_bytes() } else { v.to_be_bytes() }
        };
        bytes.extend(four(8));
        bytes.extend(two(1));
        bytes.extend(two(ORIENTATION));
        bytes.extend(two(SHORT));
        bytes.extend(four(1));
        bytes.extend(two(value));
        bytes.extend([0, 0]);
        bytes
    }

    #[test]
    fn both_byte_orders_are_read() {
        for value in 1..=8u16 {
            assert_eq!(u16::from(orientation(&block(true, value))), value);
            assert_eq!(u16::from(orientation(&block(false, value))), value);
        }
    }

    #[test]
    fn any_whole_number_is_heeded() {
        for (kind, value) in
            [(1, [6, 0, 0, 0]), (4, [6, 0, 0, 0]), (8, [6, 0, 9, 9]), (9, [6, 0, 0, 0])]
        {
            let mut bytes = block(true, 0);
            bytes[12..14].copy_from_slice(&u16::to_le_bytes(kind));
            bytes[18..22].copy_from_slice(&value);
            assert_eq!(orientation(&bytes), 6, "{kind}");
        }
        let mut fraction = block(true, 6);
        fraction[12] = 5;
        assert_eq!(orientation(&fraction), 1);
    }

    #[test]
    fn nonsense_is_upright() {
        assert_eq!(orientation(&block(true, 0)), 1);
        assert_eq!(orientation(&block(true, 9)), 1);
        assert_eq!(orientation(&block(true, 0x0106)), 1);
        let whole = block(false, 6);
        assert!((0..whole.len() - 2).all(|end| orientation(&whole[..end]) == 1));
    }
}

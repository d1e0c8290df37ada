//! Pictures that nobody has seen before: each file of a run carries its own number.

use jpeg_encoder::{ColorType, Encoder};

use super::ChaosError;

/// A JPEG whose blocks show `number`; two numbers give two files.
///
/// # Errors
/// If it cannot be encoded.
pub fn jpeg(number: u64, width: u16, height: u16) -> Result<Vec<u8>, ChaosError> {
    let mut pixels = Vec::with_capacity(usize::from(width) * usize::from(height) * 3);
    for y in 0..height {
        for x in 0..width {
            // 8 × 8 blocks, one a bit: black or white survives any encoder.
            let block = u64::from(y / 8) * 8 + u64::from(x / 8) % 8;
            let bit = number >> (block % 64) & 1;
            let shade = if bit == 1 { 235 } else { 20 };
            pixels.extend([shade, shade, u8::try_from(x % 200).unwrap_or(0)]);
        }
    }
    let mut file = Vec::new();
    Encoder::new(&mut file, 90).encode(&pixels, width, height, ColorType::Rgb)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_numbers_give_two_files() -> Result<(), ChaosError> {
        assert_ne!(jpeg(1, 64, 64)?, jpeg(2, 64, 64)?);
        assert_eq!(jpeg(7, 64, 64)?, jpeg(7, 64, 64)?);
        Ok(())
    }
}

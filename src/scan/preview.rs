//! What a reviewer sees of a file: a small picture or the beginning of a text.
//!
//! Made of pixels like those of the rendition, by averaging whole boxes of them, row by row. The
//! file is decoded once more for it, as only then is it known that somebody has to look.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sekisho_encoder::{EncodeError, Pixels as _, for_each_row, jpeg_of_rgb};
use zeroize::Zeroizing;

use super::document::DocumentLimits;
use super::jail::{Decoded, FileKind, Jail};
use super::pixels::PixelMemory;
use crate::domain::content::Preview;
use crate::memory::SealedMemory;

/// Of a file that was decoded as `kind`; of a document its first page. Evidence without a preview
/// is still evidence.
pub(super) async fn make(
    jail: &Jail,
    file: &SealedMemory,
    kind: FileKind,
    limits: &DocumentLimits,
) -> Option<Preview> {
    let decoded = match kind {
        FileKind::Pdf => jail.decode_page(file, kind, 0, &limits.page, limits.deadline).await,
        _ => jail.decode(file, kind, &limits.page).await,
    };
    let pixels = match decoded.ok()? {
        Decoded::Text(text) => return Some(of_text(&text)),
        Decoded::Image(image) => image.pixels,
        Decoded::Page(page) => page.pixels,
        Decoded::Refused(_) => return None,
    };
    tokio::task::spawn_blocking(move || of_image(&pixels)).await.ok()?.ok()
}

/// A JPEG of at most [`SIDE_LIMIT`] pixels a side.
fn of_image(pixels: &PixelMemory) -> Result<Preview, EncodeError> {
    let (width, height, small) = shrink(pixels)?;
    let jpeg = jpeg_of_rgb(&small, (width, height), QUALITY)?;
    Ok(Preview::Image { jpeg_base64: STANDARD.encode(&*jpeg) })
}

/// At most [`TEXT_LIMIT`] characters of inert text.
fn of_text(inert: &str) -> Preview {
    Preview::Text { text: inert.chars().take(TEXT_LIMIT).collect() }
}

/// Each pixel is the mean of a box of `factor × factor`, smaller at the right and lower edge.
fn shrink(pixels: &PixelMemory) -> Result<(u16, u16, Zeroizing<Vec<u8>>), EncodeError> {
    let longer = pixels.width().max(pixels.height());
    let factor = longer.div_ceil(SIDE_LIMIT).max(1);
    let side =
        |length: u32| u16::try_from(length.div_ceil(factor)).map_err(|_| EncodeError::TooLong);
    let (width, height) = (side(pixels.width())?, side(pixels.height())?);
    let mut small =
        Zeroizing::new(Vec::with_capacity(usize::from(width) * usize::from(height) * 3));
    let box_bytes = factor as usize * 3;
    let mut sums = vec![0_u32; usize::from(width) * 3];
    let mut rows = 0;
    let mut left = pixels.height();
    for_each_row(pixels, |row| {
        add_row(row, box_bytes, &mut sums);
        rows += 1;
        left -= 1;
        if rows == factor || left == 0 {
            emit(&sums, row.len(), box_bytes, rows, &mut small);
            sums.fill(0);
            rows = 0;
        }
        Ok(())
    })
    .map_err(EncodeError::Pixels)?;
    Ok((width, height, small))
}

fn add_row(row: &[u8], box_bytes: usize, sums: &mut [u32]) {
    for (part, sum) in row.chunks(box_bytes).zip(sums.as_chunks_mut::<3>().0) {
        for pixel in part.as_chunks::<3>().0 {
            for (sum, sample) in sum.iter_mut().zip(pixel) {
                *sum += u32::from(*sample);
            }
        }
    }
}

fn emit(sums: &[u32], row_len: usize, box_bytes: usize, rows: u32, small: &mut Vec<u8>) {
    let mut left = row_len;
    for sum in sums.as_chunks::<3>().0 {
        let pixels = left.min(box_bytes) / 3;
        left = left.saturating_sub(box_bytes);
        // A box has at most 64 × 64 pixels, and the mean of bytes is a byte.
        let count = u32::try_from(pixels).unwrap_or(1).max(1) * rows;
        small.extend(sum.map(|sum| u8::try_from((sum + count / 2) / count).unwrap_or(u8::MAX)));
    }
}

/// Longest side of a preview, in pixels.
pub(super) const SIDE_LIMIT: u32 = 1024;
/// Longest preview of a text, in characters.
pub(super) const TEXT_LIMIT: usize = 2000;
/// Enough to see what it is.
const QUALITY: u8 = 85;

#[cfg(test)]
mod tests {
    use super::super::encode::tests::picture;
    use super::*;

    fn sides(width: u32, height: u32) -> (u16, u16, usize) {
        let pixels = picture(width, height, |_, _| [10, 20, 30]);
        let (w, h, small) = shrink(&pixels).unwrap();
        assert!(small.as_chunks::<3>().0.iter().all(|p| *p == [10, 20, 30]));
        (w, h, small.len())
    }

    #[test]
    fn a_picture_at_the_limit_keeps_its_size_and_one_over_is_halved() {
        assert_eq!(sides(1023, 2), (1023, 2, 1023 * 2 * 3));
        assert_eq!(sides(1024, 2), (1024, 2, 1024 * 2 * 3));
        assert_eq!(sides(1025, 3), (513, 2, 513 * 2 * 3));
        assert_eq!(sides(1, 1), (1, 1, 3));
        assert_eq!(sides(3, 5000), (1, 1000, 3000));
    }

    #[test]
    fn a_box_becomes_its_mean() {
        let black_and_white = |x, _| if x % 2 == 0 { [0; 3] } else { [255; 3] };
        let pixels = picture(2048, 2, black_and_white);
        let (_, _, small) = shrink(&pixels).unwrap();
        assert!(small.iter().all(|sample| *sample == 128));
    }

    #[test]
    fn a_text_is_cut_at_its_limit() {
        let text = |count| match of_text(&"関".repeat(count)) {
            Preview::Text { text } => text.chars().count(),
            Preview::Image { .. } => 0,
        };
        assert_eq!(text(TEXT_LIMIT - 1), TEXT_LIMIT - 1);
        assert_eq!(text(TEXT_LIMIT), TEXT_LIMIT);
        assert_eq!(text(TEXT_LIMIT + 1), TEXT_LIMIT);
    }
}

//! Baseline JPEG in strips that are encoded side by side.
//!
//! A strip is encoded as a picture of its own, with a restart marker due where it ends; the strips'
//! data joined by those markers is one picture, pixel for pixel the one that a single encoder would
//! have made. The bytes do not depend on the number of threads.

use std::cell::RefCell;
use std::io;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};

use jpeg_encoder::{
    ChromaSubsamplingMethod, Encoder, ImageBuffer, JpegColorType, SamplingFactor, rgb_to_ycbcr,
};
use zeroize::Zeroizing;

use super::layout::{Layout, Row, Strip};
use super::{EncodeError, Pixels};

/// How many threads may work on one picture.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Threads(NonZero<usize>);

impl Threads {
    /// The caller's own.
    pub const ONE: Self = Self(NonZero::<usize>::MIN);

    /// One for each core.
    pub fn all() -> Self {
        Self(std::thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN))
    }
}

/// Baseline JPEG with the JFIF header and no other segment of an application.
///
/// # Errors
/// [`EncodeError`]; nothing of the picture is given then.
pub fn jpeg(
    pixels: &(dyn Pixels + Sync),
    quality: u8,
    sampling: SamplingFactor,
    threads: Threads,
) -> Result<Zeroizing<Vec<u8>>, EncodeError> {
    let strips = Strips::of(pixels, quality, sampling)?;
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some(strip) = strips.get(next.fetch_add(1, Ordering::Relaxed)) {
            done.push((strip.number, strip.encode()?));
        }
        Ok::<_, EncodeError>(done)
    };
    let helpers = threads.0.get().min(strips.count()) - 1;
    let mut encoded = std::thread::scope(|scope| {
        let helpers: Vec<_> = (0..helpers).map(|_| scope.spawn(work)).collect();
        let mut done = work()?;
        for helper in helpers {
            done.extend(helper.join().map_err(|_| EncodeError::Strip)??);
        }
        Ok::<_, EncodeError>(done)
    })?;
    encoded.sort_by_key(|(number, _)| *number);
    join(encoded.into_iter().map(|(_, strip)| strip), strips.height).ok_or(EncodeError::Strip)
}

/// A picture cut into strips of equal height; the last may be shorter.
struct Strips<'a> {
    pixels: &'a (dyn Pixels + Sync),
    quality: u8,
    sampling: SamplingFactor,
    width: u16,
    height: u16,
    /// Pixel rows of a strip.
    rows: u16,
    /// Units of coding after which a restart is due: those of a strip.
    units: u16,
}

struct StripOf<'a> {
    number: usize,
    rows: JpegRows<'a>,
    quality: u8,
    sampling: SamplingFactor,
    units: u16,
}

impl<'a> Strips<'a> {
    fn of(
        pixels: &'a (dyn Pixels + Sync),
        quality: u8,
        sampling: SamplingFactor,
    ) -> Result<Self, EncodeError> {
        let side = |length| u16::try_from(length).map_err(|_| EncodeError::TooLong);
        let (width, height) = (side(pixels.width())?, side(pixels.height())?);
        let (across, down) = unit(sampling).ok_or(EncodeError::Sampling)?;
        if pixels.layout() == Layout::HalvedChroma && sampling != SamplingFactor::R_4_2_0 {
            return Err(EncodeError::Sampling);
        }
        let in_row = width.div_ceil(across).max(1);
        // As many as the format can count, and no more than make strips for several threads.
        let unit_rows = (u16::MAX / in_row).min(ROWS / down).max(1);
        let rows = unit_rows * down;
        let units = if height > rows { unit_rows * in_row } else { 0 };
        Ok(Self { pixels, quality, sampling, width, height, rows, units })
    }

    fn count(&self) -> usize {
        usize::from(self.height.div_ceil(self.rows)).max(1)
    }

    fn get(&self, number: usize) -> Option<StripOf<'a>> {
        let number = Some(number).filter(|number| *number < self.count())?;
        let first = u16::try_from(number * usize::from(self.rows)).ok()?;
        let height = self.rows.min(self.height - first);
        let rows = JpegRows::new(self.pixels, first, self.width, height);
        let (quality, sampling, units) = (self.quality, self.sampling, self.units);
        Some(StripOf { number, rows, quality, sampling, units })
    }
}

impl StripOf<'_> {
    fn encode(self) -> Result<Zeroizing<Vec<u8>>, EncodeError> {
        // Room for most, so that growing does not leave copies of a picture behind.
        let half = usize::from(self.rows.width) * usize::from(self.rows.height) / 2;
        let mut bytes = Zeroizing::new(Vec::with_capacity(half + 4096));
        let mut encoder = Encoder::new(&mut *bytes, self.quality);
        encoder.set_sampling_factor(self.sampling);
        // Zero means never: a picture of one strip needs none.
        encoder.set_restart_interval(self.units);
        encoder.set_chroma_subsampling_method(match self.rows.pixels.layout() {
            // The library's own choice, one pixel of four, would leave jagged edges of colour.
            Layout::Rgb => ChromaSubsamplingMethod::Average,
            Layout::HalvedChroma => ChromaSubsamplingMethod::Nearest,
        });
        encoder.encode_image(&self.rows).map_err(EncodeError::Jpeg)?;
        match self.rows.read.into_inner().failure {
            None => Ok(bytes),
            Some(error) => Err(EncodeError::Pixels(error)),
        }
    }
}

/// Pixels of one unit of coding, across and down. `None` for what not every viewer knows.
const fn unit(sampling: SamplingFactor) -> Option<(u16, u16)> {
    match sampling {
        SamplingFactor::R_4_4_4 => Some((8, 8)),
        SamplingFactor::R_4_2_0 => Some((16, 16)),
        SamplingFactor::R_4_2_2 => Some((16, 8)),
        SamplingFactor::R_4_4_0 => Some((8, 16)),
        _ => None,
    }
}

/// The first strip's headers with the height of the whole picture, then the data of all.
fn join(
    mut strips: impl Iterator<Item = Zeroizing<Vec<u8>>>,
    height: u16,
) -> Option<Zeroizing<Vec<u8>>> {
    let first = strips.next()?;
    let head = Head::of(&first)?;
    let strips: Vec<_> = strips.collect();
    let len = strips.iter().map(|strip| strip.len()).sum::<usize>() + first.len();
    let mut whole = Zeroizing::new(Vec::with_capacity(len));
    whole.extend_from_slice(first.strip_suffix(END)?);
    whole.get_mut(head.height..head.height + 2)?.copy_from_slice(&height.to_be_bytes());
    for (strip, restart) in strips.iter().zip((0..RESTARTS).cycle()) {
        // Every strip was written with the same headers.
        let data = Head::of(strip).filter(|other| other.data == head.data)?.data;
        whole.extend_from_slice(&[0xFF, 0xD0 + restart]);
        whole.extend_from_slice(strip.get(data..)?.strip_suffix(END)?);
    }
    whole.extend_from_slice(END);
    Some(whole)
}

/// Where things are in an encoder's own output.
struct Head {
    /// The two bytes of the height.
    height: usize,
    /// The first byte of the coded data.
    data: usize,
}

impl Head {
    fn of(jpeg: &[u8]) -> Option<Self> {
        let mut height = None;
        let mut at = 2;
        loop {
            let [0xFF, marker, high, low] = *jpeg.get(at..)?.first_chunk()? else { return None };
            let next = at + 2 + usize::from(u16::from_be_bytes([high, low]));
            match marker {
                // Behind marker, length and precision.
                FRAME => height = Some(at + 5),
                SCAN => return Some(Self { height: height?, data: next }),
                _ => {}
            }
            at = next;
        }
    }
}

/// Rows of a strip for the JPEG encoder, which asks for them in order and cannot be told of a failure.
struct JpegRows<'a> {
    pixels: &'a (dyn Pixels + Sync),
    /// The strip's first row in the picture.
    first: u16,
    width: u16,
    height: u16,
    read: RefCell<Read>,
}

#[derive(Default)]
struct Read {
    strip: Strip,
    failure: Option<io::Error>,
}

impl<'a> JpegRows<'a> {
    fn new(pixels: &'a (dyn Pixels + Sync), first: u16, width: u16, height: u16) -> Self {
        Self { pixels, first, width, height, read: RefCell::default() }
    }
}

impl ImageBuffer for &JpegRows<'_> {
    fn get_jpeg_color_type(&self) -> JpegColorType {
        JpegColorType::Ycbcr
    }

    fn width(&self) -> u16 {
        self.width
    }

    fn height(&self) -> u16 {
        self.height
    }

    /// The encoder needs a row of full length in any case; after a failure it gets a grey one, and
    /// what it makes of it is thrown away.
    fn fill_buffers(&self, y: u16, buffers: &mut [Vec<u8>; 4]) {
        let Read { strip, failure } = &mut *self.read.borrow_mut();
        if failure.is_none() {
            match strip.row(u32::from(self.first) + u32::from(y), self.pixels) {
                Ok(Row::Rgb(row)) => return convert(row, buffers),
                Ok(Row::HalvedChroma { luma, blue, red }) => {
                    let [lumas, blues, reds, _] = buffers;
                    lumas.extend_from_slice(luma);
                    widen(blue, blues);
                    return widen(red, reds);
                }
                Err(error) => *failure = Some(error),
            }
        }
        for buffer in buffers.iter_mut().take(3) {
            buffer.resize(buffer.len() + usize::from(self.width), 128);
        }
    }
}

/// Each sample twice: the encoder takes rows of full length and picks every other sample again.
fn widen(half: &[u8], whole: &mut Vec<u8>) {
    let start = whole.len();
    whole.resize(start + half.len() * 2, 0);
    let pairs = whole.get_mut(start..).unwrap_or_default().as_chunks_mut::<2>().0;
    // Multiplied, as the compiler makes vectors of that.
    let twice = |sample: u8| (u16::from(sample) * 0x0101).to_ne_bytes();
    pairs.iter_mut().zip(half).for_each(|(pair, sample)| *pair = twice(*sample));
}

/// To luma and chroma, sixteen pixels at a time so that the compiler uses vectors.
fn convert(row: &[u8], [luma, blue, red, _]: &mut [Vec<u8>; 4]) {
    let (blocks, rest) = row.as_chunks::<48>();
    for block in blocks {
        let (mut ys, mut bs, mut rs) = ([0; 16], [0; 16], [0; 16]);
        let places = ys.iter_mut().zip(&mut bs).zip(&mut rs);
        for ([r, g, b], ((y, cb), cr)) in block.as_chunks().0.iter().zip(places) {
            (*y, *cb, *cr) = rgb_to_ycbcr(*r, *g, *b);
        }
        luma.extend_from_slice(&ys);
        blue.extend_from_slice(&bs);
        red.extend_from_slice(&rs);
    }
    for [r, g, b] in rest.as_chunks().0 {
        let (y, cb, cr) = rgb_to_ycbcr(*r, *g, *b);
        luma.push(y);
        blue.push(cb);
        red.push(cr);
    }
}

/// Rows of pixels in a strip, a multiple of every unit: a dozen strips for a photo.
const ROWS: u16 = 256;
/// Restart markers are numbered from 0 to 7, again and again.
const RESTARTS: u8 = 8;
const FRAME: u8 = 0xC0;
const SCAN: u8 = 0xDA;
const END: &[u8] = &[0xFF, 0xD9];

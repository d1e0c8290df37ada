//! A decoded picture in frozen memory, as the encoders read it.

use std::io;

use sekisho_encoder::{Layout, Pixels, Plane};

use crate::memory::FrozenMemory;

/// Frozen samples of a picture, plane after plane, each row by row.
#[derive(Debug)]
pub struct PixelMemory {
    memory: FrozenMemory,
    width: u32,
    height: u32,
    layout: Layout,
}

impl PixelMemory {
    /// `None` if the memory is too short for a picture of this size, or there is no such picture.
    pub fn new(memory: FrozenMemory, width: u32, height: u32, layout: Layout) -> Option<Self> {
        let pixels = u64::from(width).checked_mul(u64::from(height))?;
        let needed = match layout {
            Layout::Rgb => pixels.checked_mul(3)?,
            Layout::HalvedChroma if width % 2 + height % 2 > 0 => return None,
            Layout::HalvedChroma => pixels.checked_mul(3)? / 2,
        };
        let fits = needed > 0 && needed <= memory.len();
        fits.then_some(Self { memory, width, height, layout })
    }

    /// Where a plane begins.
    fn start(&self, plane: Plane) -> u64 {
        let planes = self.layout.planes().iter();
        planes.take_while(|other| **other != plane).map(|before| self.bytes(*before)).sum()
    }

    fn rows(&self, plane: Plane) -> u32 {
        self.height / plane.step()
    }

    fn bytes(&self, plane: Plane) -> u64 {
        plane.row_len(self.width) as u64 * u64::from(self.rows(plane))
    }
}

impl Pixels for PixelMemory {
    fn width(&self) -> u32 {
        self.width
    }

    fn height(&self) -> u32 {
        self.height
    }

    fn layout(&self) -> Layout {
        self.layout
    }

    fn read_rows(&self, plane: Plane, first: u32, count: u32, buffer: &mut [u8]) -> io::Result<()> {
        let row = plane.row_len(self.width);
        let end = first.checked_add(count).filter(|end| *end <= self.rows(plane));
        let known = self.layout.planes().contains(&plane);
        if end.is_none() || !known || buffer.len() != row * count as usize {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "rows outside the picture"));
        }
        let offset = self.start(plane) + u64::from(first) * row as u64;
        if self.memory.read_at(buffer, offset)? == buffer.len() {
            Ok(())
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::OutputMemory;

    fn frozen(bytes: &[u8]) -> FrozenMemory {
        let output = OutputMemory::new(bytes.len() as u64).unwrap();
        let shared = output.share().unwrap();
        assert_eq!(rustix::io::pwrite(&shared, bytes, 0), Ok(bytes.len()));
        drop(shared);
        output.freeze().unwrap()
    }

    #[test]
    fn a_picture_must_fit_its_memory() {
        let new = |len, width, height, layout| {
            PixelMemory::new(frozen(&vec![1; len]), width, height, layout)
        };
        assert!(new(17, 2, 3, Layout::Rgb).is_none());
        assert!(new(18, 0, 3, Layout::Rgb).is_none());
        assert!(new(18, u32::MAX, u32::MAX, Layout::Rgb).is_none());
        let pixels = new(18, 2, 3, Layout::Rgb).unwrap();
        let read = |first, count, len| {
            pixels.read_rows(Plane::Rgb, first, count, &mut vec![0; len]).is_ok()
        };
        assert!(read(0, 3, 18));
        assert!(!read(1, 3, 18) && !read(0, 3, 17) && !read(u32::MAX, 2, 12));
        assert!(pixels.read_rows(Plane::Luma, 0, 1, &mut [0; 2]).is_err());
    }

    #[test]
    fn planes_with_halved_chroma_are_even_and_lie_one_after_the_other() {
        let layout = Layout::HalvedChroma;
        let bytes: Vec<u8> = (0..12).collect();
        assert!(PixelMemory::new(frozen(&bytes[..11]), 4, 2, layout).is_none());
        assert!(PixelMemory::new(frozen(&bytes), 3, 2, layout).is_none());
        assert!(PixelMemory::new(frozen(&bytes), 2, 3, layout).is_none());
        let pixels = PixelMemory::new(frozen(&bytes), 4, 2, layout).unwrap();
        let read = |plane, first, len| {
            let mut buffer = vec![0; len];
            pixels.read_rows(plane, first, 1, &mut buffer).unwrap();
            buffer
        };
        assert_eq!(read(Plane::Luma, 1, 4), [4, 5, 6, 7]);
        assert_eq!(read(Plane::BlueChroma, 0, 2), [8, 9]);
        assert_eq!(read(Plane::RedChroma, 0, 2), [10, 11]);
        assert!(pixels.read_rows(Plane::BlueChroma, 1, 1, &mut [0; 2]).is_err());
    }
}

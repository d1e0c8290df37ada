//! How much the streams of a document expand to, counted without keeping it.

use flate2::{Decompress, FlushDecompress, Status};
use hayro::hayro_syntax::Filter;
use hayro::hayro_syntax::object::Stream;

/// What is left of the bytes that streams may expand to.
#[derive(Debug)]
pub(super) struct Budget(u64);

impl Budget {
    pub(super) const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// Counts a stream. False once the budget is spent.
    pub(super) fn take(&mut self, stream: &Stream<'_>) -> bool {
        let filters = stream.filters();
        match filters.iter().filter(|filter| **filter == Filter::FlateDecode).count() {
            0 => true,
            1 if filters.first() == Some(&Filter::FlateDecode) => self.inflate(&stream.raw_data()),
            // Nobody compresses twice who does not want to hide or to overwhelm.
            _ => stream.decoded_data().map_or(0, |data| data.len() as u64) <= self.0,
        }
    }

    fn inflate(&mut self, data: &[u8]) -> bool {
        let mut inflate = Decompress::new(true);
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let (read, written) = (inflate.total_in(), inflate.total_out());
            let rest = usize::try_from(read).ok().and_then(|read| data.get(read..));
            let status =
                inflate.decompress(rest.unwrap_or_default(), &mut buffer, FlushDecompress::None);
            let new = inflate.total_out() - written;
            if new > self.0 {
                return false;
            }
            self.0 -= new;
            // Broken data ends the count as it ends the decoder's work.
            if !matches!(status, Ok(Status::Ok)) || (new == 0 && inflate.total_in() == read) {
                return true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_holds_at_and_over() {
        // 300,000 zeros: three stored numbers and a long run.
        let mut deflate = flate2::Compress::new(flate2::Compression::fast(), true);
        let mut packed = vec![0; 100_000];
        let zeros = vec![0; 300_000];
        deflate.compress(&zeros, &mut packed, flate2::FlushCompress::Finish).unwrap();
        packed.truncate(usize::try_from(deflate.total_out()).unwrap());
        assert!(Budget::new(300_000).inflate(&packed));
        assert!(!Budget::new(299_999).inflate(&packed));
        let mut budget = Budget::new(599_999);
        assert!(budget.inflate(&packed) && !budget.inflate(&packed));
    }
}

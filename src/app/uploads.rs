//! How many requests bring uploads at this moment, and how long the parts are that they are sealed in. Each holds a
//! thread that seals what comes, for as long as its sender takes: without a bound, senders who wait would leave none
//! for anything else.
//!
//! A part on its way to a bucket is held in memory, as it goes in one piece. Memory for whole parts goes to whoever
//! comes first; the others seal in short ones, for which there always is some. So nobody waits for another's line, and
//! all together hold no more than the limits say.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::domain::LinkId;
use crate::domain::limits::Limits;
use crate::ops::shares::{Share, Shares};
use crate::vault::Vault;

/// The places of one intake process.
#[derive(Debug)]
pub struct Uploads {
    places: Arc<Semaphore>,
    of_links: Arc<Shares<LinkId>>,
    /// As many whole parts as there is memory for beside short ones.
    whole_parts: Arc<Semaphore>,
    whole_bytes: u64,
    short_bytes: u64,
}

/// One request's place; free again when it is dropped.
#[derive(Debug)]
pub struct UploadPlace {
    _place: OwnedSemaphorePermit,
    _of_link: Share<LinkId>,
    _whole_part: Option<OwnedSemaphorePermit>,
    part_bytes: u64,
}

impl Uploads {
    /// As many as the limits say.
    pub fn within(limits: &Limits, vault: &Vault) -> Self {
        let whole_parts = match vault {
            // What is written to a disk is not held.
            Vault::Local(_) => Semaphore::MAX_PERMITS,
            Vault::S3(_) => whole_parts(limits),
        };
        Self::with(limits, whole_parts)
    }

    fn with(limits: &Limits, whole_parts: usize) -> Self {
        let places = usize::try_from(limits.uploads).unwrap_or(Semaphore::MAX_PERMITS);
        Self {
            places: Arc::new(Semaphore::new(places)),
            of_links: Shares::of(limits.link_uploads),
            whole_parts: Arc::new(Semaphore::new(whole_parts)),
            whole_bytes: limits.part_bytes,
            short_bytes: limits.short_part_bytes(),
        }
    }

    /// A place for a request that came through a link; `None` if there is none.
    pub fn take_place(&self, link: LinkId) -> Option<UploadPlace> {
        let of_link = self.of_links.take(link)?;
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let whole_part = Arc::clone(&self.whole_parts).try_acquire_owned().ok();
        let part_bytes = if whole_part.is_some() { self.whole_bytes } else { self.short_bytes };
        Some(UploadPlace { _place: place, _of_link: of_link, _whole_part: whole_part, part_bytes })
    }
}

impl UploadPlace {
    /// Plaintext of each part, in bytes.
    pub const fn part_bytes(&self) -> u64 {
        self.part_bytes
    }
}

/// How many parts may be whole, so that these and a short one for each other place fit into memory.
fn whole_parts(limits: &Limits) -> usize {
    let beyond_short = limits.part_bytes - limits.short_part_bytes();
    let parts = limits.part_memory_bytes.checked_div(beyond_short);
    let parts = parts.and_then(|parts| usize::try_from(parts).ok());
    parts.unwrap_or(Semaphore::MAX_PERMITS).min(Semaphore::MAX_PERMITS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;

    fn link(number: u16) -> LinkId {
        let mut random = [0; 10];
        random[..2].copy_from_slice(&number.to_be_bytes());
        LinkId::new(Timestamp::from_millis(1_795_000_000_000), random)
    }

    #[test]
    fn as_many_as_may_come_hold_no_more_memory_than_the_limits_say_and_nobody_holds_none() {
        const MIB: u64 = 1024 * 1024;
        for (part_bytes, part_memory_bytes, uploads, whole) in
            [(4 * MIB, 64 * MIB, 256, 17), (MIB, 3 * MIB, 40, 4), (4 * MIB, 0, 9, 0)]
        {
            let limits = Limits { part_bytes, part_memory_bytes, uploads, ..Limits::default() };
            let all = Uploads::with(&limits, whole_parts(&limits));
            let places: Vec<_> = (0..).map_while(|number| all.take_place(link(number))).collect();
            assert_eq!(places.len(), usize::try_from(uploads).unwrap());
            let held: u64 = places.iter().map(UploadPlace::part_bytes).sum();
            let short = limits.short_part_bytes();
            assert!(held <= part_memory_bytes + u64::from(uploads) * short, "{held}");
            let lengths: Vec<_> = places.iter().map(UploadPlace::part_bytes).collect();
            assert!(lengths.iter().take(whole).all(|length| *length == part_bytes), "{lengths:?}");
            assert!(lengths.iter().skip(whole).all(|length| *length == short), "{lengths:?}");
        }
    }

    #[test]
    fn memory_for_a_whole_part_is_given_back() {
        let limits = Limits { uploads: 3, ..Limits::default() };
        let (all, short) = (Uploads::with(&limits, 1), limits.short_part_bytes());
        let first = all.take_place(link(1)).unwrap();
        assert_eq!(all.take_place(link(2)).unwrap().part_bytes(), short);
        drop(first);
        assert_eq!(all.take_place(link(2)).unwrap().part_bytes(), limits.part_bytes);
    }

    #[test]
    fn the_largest_file_there_may_be_has_few_parts_however_short() {
        for file_bytes in [1, 50_000_000, 2 << 30] {
            let limits = Limits { file_bytes, ..Limits::default() };
            let short = limits.short_part_bytes();
            assert!(short.is_multiple_of(64) && short <= limits.part_bytes);
            assert!(file_bytes.div_ceil(short) <= 2048, "{file_bytes}");
        }
    }
}

//! Objects of a bucket, page by page. Keys come in order, so an object's parts follow one another.

use std::collections::VecDeque;

use super::{S3Store, failed};
use crate::domain::content::Area;
use crate::domain::id::ObjectId;
use crate::domain::time::Timestamp;
use crate::vault::{StoredObject, VaultError};

pub(super) struct Listing {
    store: S3Store,
    area: Area,
    found: VecDeque<StoredObject>,
    next: Next,
    page: i32,
    pages_left: u32,
}

/// Pages of a list: more than any clinic has, so that a server cannot go on for ever.
const PAGES: u32 = 1_000_000;

enum Next {
    Page(Option<String>),
    Nothing,
}

impl Listing {
    pub(super) fn new(store: S3Store, area: Area, page: i32) -> Self {
        let next = Next::Page(None);
        Self { store, area, found: VecDeque::new(), next, page, pages_left: PAGES }
    }

    /// Fetches a page behind what is held. The last object of a page may have more parts on the
    /// next one.
    fn fetch(&mut self, token: Option<String>) -> Result<(), VaultError> {
        let left = self.pages_left.checked_sub(1);
        self.pages_left = left.ok_or(VaultError::Unsafe("its list does not end"))?;
        let bucket = self.store.settings.bucket(self.area);
        let page = self.store.client.list_objects_v2().bucket(bucket);
        let page = page.max_keys(self.page).set_continuation_token(token).send();
        let page = self.store.runtime.block_on(page).map_err(|error| failed(&error))?;
        for part in page.contents() {
            // Names that are not an object's are not ours, and passed over.
            let object = part.key().and_then(|key| key.split_once('/')?.0.parse().ok());
            let Some(object) = object else { continue };
            let modified = part.last_modified().and_then(|at| at.to_millis().ok());
            // Without a time it counts as new: too young for any sweep.
            let modified = Timestamp::from_millis(modified.unwrap_or(i64::MAX));
            self.add(object, modified);
        }
        self.next = match page.next_continuation_token() {
            Some(token) if page.is_truncated() == Some(true) => Next::Page(Some(token.to_owned())),
            _ => Next::Nothing,
        };
        Ok(())
    }

    fn add(&mut self, object: ObjectId, modified: Timestamp) {
        match self.found.back_mut().filter(|last| last.object == object) {
            Some(last) => last.modified = last.modified.max(modified),
            None => self.found.push_back(StoredObject { object, modified }),
        }
    }
}

impl Iterator for Listing {
    type Item = Result<StoredObject, VaultError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.found.len() < 2 {
            let Next::Page(token) = &mut self.next else { break };
            let token = token.take();
            if let Err(error) = self.fetch(token) {
                self.next = Next::Nothing;
                return Some(Err(error));
            }
        }
        self.found.pop_front().map(Ok)
    }
}

//! The log a page at a time: one of years is never in memory whole.

use super::FlowError;
use crate::app::App;
use crate::audit::SequencedEvent;

/// Entries in memory at once.
pub(super) const PAGE: u32 = 500;

/// Where a reader of the log is.
pub(super) struct Pages<'a> {
    app: &'a App,
    /// The number from which the next page begins; none after the last.
    from: Option<i64>,
    read: u64,
}

impl<'a> Pages<'a> {
    /// Before every entry: also before what somebody numbered below one.
    pub(super) const fn of(app: &'a App) -> Self {
        Self { app, from: Some(i64::MIN), read: 0 }
    }

    /// The next entries in order; none at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<SequencedEvent>>, FlowError> {
        self.next_below(u64::MAX).await
    }

    /// The same, and no more than `most` in all.
    pub(super) async fn next_below(
        &mut self,
        most: u64,
    ) -> Result<Option<Vec<SequencedEvent>>, FlowError> {
        let left = u32::try_from(most.saturating_sub(self.read)).unwrap_or(u32::MAX);
        let Some(from) = self.from.filter(|_| left > 0) else { return Ok(None) };
        let page = self.app.db.sequenced_events(from, PAGE.min(left)).await?;
        self.from = page.last().and_then(|last| last.seq.checked_add(1));
        self.read += page.len() as u64;
        Ok((!page.is_empty()).then_some(page))
    }
}

//! The access log.

use super::super::{
    Answer, AuditFilter, Db, DbError, LogTree, Logged, QueuedEvent, RefusalCount, Unsealed,
    is_no_text,
};
use crate::audit::SequencedEvent;
use crate::domain::{ArtifactId, Event, StaffId, Timestamp};

impl Db {
    /// Appends an event that changes nothing else.
    pub async fn append(&self, event: &Event) -> Answer<()> {
        engine!(self, db => db.append(event).await)
    }

    /// Counts refusals of strangers, in the minute of `at`.
    pub async fn count_refusals(
        &self,
        at: Timestamp,
        door: &str,
        code: &str,
        count: u64,
    ) -> Answer<()> {
        engine!(self, db => db.count_refusals(at, door, code, count).await)
    }

    /// Windows that ended before a time.
    pub async fn ended_refusal_windows(&self, before: Timestamp) -> Answer<Vec<RefusalCount>> {
        engine!(self, db => db.ended_refusal_windows(before).await)
    }

    /// Turns an ended window into its one event.
    pub async fn close_refusal_window(&self, window: &RefusalCount, event: &Event) -> Answer<()> {
        engine!(self, db => db.close_refusal_window(window, event).await)
    }

    /// Events that wait for their sequence number, in order.
    pub async fn queued_events(&self, limit: u32) -> Answer<Vec<QueuedEvent>> {
        engine!(self, db => db.queued_events(limit).await)
    }

    pub async fn log_tree(&self) -> Answer<LogTree> {
        engine!(self, db => db.log_tree().await)
    }

    /// Gives queued events the sequence numbers after `before.size`.
    ///
    /// # Errors
    /// [`DbError::Conflict`](crate::db::DbError::Conflict) if another sequencer was faster.
    pub async fn extend_log(
        &self,
        before: &LogTree,
        after: &LogTree,
        events: &[QueuedEvent],
    ) -> Answer<()> {
        engine!(self, db => db.extend_log(before, after, events).await)
    }

    pub async fn add_checkpoint(&self, size: u64, at: Timestamp, note: &str) -> Answer<()> {
        engine!(self, db => db.add_checkpoint(size, at, note).await)
    }

    /// The signed note of the checkpoint at this size.
    pub async fn checkpoint_note(&self, size: u64) -> Answer<Option<String>> {
        engine!(self, db => db.checkpoint_note(size).await)
    }

    /// The signed note of the checkpoint of most events.
    pub async fn last_checkpoint_note(&self) -> Answer<Option<String>> {
        engine!(self, db => db.last_checkpoint_note().await)
    }

    /// The signed notes of checkpoints of more events than these, in order.
    pub async fn checkpoint_notes(&self, after: u64, limit: u32) -> Answer<Vec<(u64, String)>> {
        engine!(self, db => db.checkpoint_notes(after, limit).await)
    }

    /// What is not among the first `sealed` entries of the log.
    pub async fn unsealed_events(&self, sealed: u64) -> Answer<Unsealed> {
        engine!(self, db => db.unsealed_events(sealed).await)
    }

    /// Sequenced events from a sequence number on, in order.
    pub async fn sequenced_events(&self, from: i64, limit: u32) -> Answer<Vec<SequencedEvent>> {
        engine!(self, db => db.sequenced_events(from, limit).await)
    }

    /// Events without a sequence number of the log that are not waiting for one: there must be none.
    pub async fn lost_events(&self, limit: u32) -> Answer<Vec<String>> {
        engine!(self, db => db.lost_events(limit).await)
    }

    /// Staff who viewed an artifact, each with the last time, latest first.
    pub async fn viewers_of(&self, artifact: ArtifactId) -> Answer<Vec<(StaffId, Timestamp)>> {
        engine!(self, db => db.viewers_of(artifact).await)
    }

    /// Events that match, newest first.
    ///
    /// # Errors
    /// [`DbError::Corrupt`] if one of them does not read.
    pub async fn search_events(&self, filter: &AuditFilter) -> Answer<Vec<Event>> {
        let found = self.logged_events(filter).await?.into_iter();
        found.map(|entry| entry.event().ok_or(DbError::Corrupt("events"))).collect()
    }

    /// Entries that match, newest first, also those that do not read.
    pub async fn logged_events(&self, filter: &AuditFilter) -> Answer<Vec<Logged>> {
        if [&filter.artifact, &filter.actor, &filter.action]
            .into_iter()
            .flatten()
            .any(|it| is_no_text(it))
        {
            return Ok(Vec::new());
        }
        engine!(self, db => db.logged_events(filter).await)
    }
}

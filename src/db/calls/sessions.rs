//! Sessions, tries and factors.

use std::time::Duration;

use super::super::{Answer, Db};
use crate::domain::authority::Signed;
use crate::domain::staff::Session;
use crate::domain::{Event, StaffId, Timestamp};

impl Db {
    pub async fn begin_session(
        &self,
        row: &Signed<Session>,
        session: &Session,
        event: Option<&Event>,
    ) -> Answer<()> {
        engine!(self, db => db.begin_session(row, session, event).await)
    }

    /// Writes when a session was last seen; false if it ended or was changed since it was `read`.
    pub async fn renew_session(
        &self,
        read: &Signed<Session>,
        row: &Signed<Session>,
        session: &Session,
    ) -> Answer<bool> {
        engine!(self, db => db.renew_session(read, row, session).await)
    }

    pub async fn session(&self, digest: &str) -> Answer<Option<Signed<Session>>> {
        engine!(self, db => db.session(digest).await)
    }

    /// Ends a session; false if it had ended.
    pub async fn end_session(&self, digest: &str, event: Option<&Event>) -> Answer<bool> {
        engine!(self, db => db.end_session(digest, event).await)
    }

    /// Removes sessions not seen since a time.
    pub async fn sweep_sessions(&self, not_seen_since: Timestamp) -> Answer<u64> {
        engine!(self, db => db.sweep_sessions(not_seen_since).await)
    }

    /// Counts a try before its secret is compared, so that a race gains none; how many there were.
    pub async fn add_try(&self, subject: &str, now: Timestamp) -> Answer<u32> {
        engine!(self, db => db.add_try(subject, now).await)
    }

    /// Counts a try as [`Self::add_try`] does, up to `most`; false once they are used up. They begin
    /// anew `wait` after the last that was counted: one that was refused prolongs nothing.
    pub async fn take_try(
        &self,
        subject: &str,
        now: Timestamp,
        wait: Duration,
        most: u32,
    ) -> Answer<bool> {
        engine!(self, db => db.take_try(subject, now, wait, most).await)
    }

    /// How many tries were counted under each of these; of those that have none nothing is said.
    pub async fn tries_of(&self, subjects: &[String]) -> Answer<Vec<(String, u32)>> {
        engine!(self, db => db.tries_of(subjects).await)
    }

    /// Gives a try back of which no secret was compared.
    pub async fn give_try_back(&self, subject: &str) -> Answer<()> {
        engine!(self, db => db.give_try_back(subject).await)
    }

    pub async fn clear_tries(&self, subject: &str) -> Answer<()> {
        engine!(self, db => db.clear_tries(subject).await)
    }

    /// Removes tries of sign-ins whose last was at a time or before, as anybody can leave one under any
    /// login, and counts of announcements, which end with their sessions. Those of links stay, as they
    /// never begin anew.
    pub async fn sweep_tries(&self, sign_ins: Timestamp, announcements: Timestamp) -> Answer<u64> {
        engine!(self, db => db.sweep_tries(sign_ins, announcements).await)
    }

    /// Spends a TOTP step; false if it or a later one was spent already.
    pub async fn spend_factor_step(&self, staff: StaffId, step: i64) -> Answer<bool> {
        engine!(self, db => db.spend_factor_step(staff, step).await)
    }
}

//! Suspensions, and what they count.

use std::collections::BTreeMap;

use super::super::{Answer, Db, Slice, Strike};
use crate::domain::network::Network;
use crate::domain::suspension::{Lifted, Subject, Suspension, Target};
use crate::domain::{Action, Event, SuspensionId, Timestamp};

impl Db {
    /// Suspends a link or an address.
    ///
    /// # Errors
    /// [`DbError::Exists`](crate::db::DbError::Exists) if another worker did, under the same number.
    pub async fn suspend(&self, suspension: &Suspension, event: &Event) -> Answer<()> {
        engine!(self, db => db.suspend(suspension, event).await)
    }

    /// Lifts a suspension; false if it has ended, or there is none.
    pub async fn lift_suspension(
        &self,
        id: SuspensionId,
        lifted: &Lifted,
        event: &Event,
    ) -> Answer<bool> {
        engine!(self, db => db.lift_suspension(id, lifted, event).await)
    }

    pub async fn suspension(&self, id: SuspensionId) -> Answer<Option<Suspension>> {
        engine!(self, db => db.suspension(id).await)
    }

    /// The last suspension of a link or an address, whether it has ended or not.
    pub async fn last_suspension(&self, subject: Subject) -> Answer<Option<Suspension>> {
        engine!(self, db => db.last_suspension(subject).await)
    }

    /// Suspensions that hold, newest first.
    pub async fn active_suspensions(
        &self,
        now: Timestamp,
        slice: Slice,
    ) -> Answer<Vec<Suspension>> {
        engine!(self, db => db.active_suspensions(now, slice).await)
    }

    /// Suspensions that ended by themselves or were lifted, latest first.
    pub async fn ended_suspensions(&self, now: Timestamp, slice: Slice) -> Answer<Vec<Suspension>> {
        engine!(self, db => db.ended_suspensions(now, slice).await)
    }

    /// How many suspensions hold, and how many of those that ended are kept.
    pub async fn count_suspensions(&self, now: Timestamp) -> Answer<(u64, u64)> {
        engine!(self, db => db.count_suspensions(now).await)
    }

    /// How many links or addresses are suspended.
    pub async fn count_suspended(&self, what: Target, now: Timestamp) -> Answer<u64> {
        engine!(self, db => db.count_suspended(what, now).await)
    }

    /// Addresses that are suspended, with the end of each.
    pub async fn suspended_addresses(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Answer<Vec<(Network, Timestamp)>> {
        engine!(self, db => db.suspended_addresses(now, limit).await)
    }

    /// Removes suspensions that ended before a time.
    pub async fn sweep_suspensions(&self, before: Timestamp) -> Answer<u64> {
        engine!(self, db => db.sweep_suspensions(before).await)
    }

    /// Adds so many wrong secrets to those of each minute and network.
    pub async fn add_guesses(&self, guesses: &BTreeMap<(Timestamp, Network), u64>) -> Answer<()> {
        engine!(self, db => db.add_guesses(guesses).await)
    }

    /// Who gave so many wrong secrets since a time and is not suspended now, those with most first.
    pub async fn guessing(
        &self,
        from: Timestamp,
        least: u32,
        now: Timestamp,
    ) -> Answer<Vec<Network>> {
        engine!(self, db => db.guessing(from, least, now).await)
    }

    /// How many wrong secrets came from there in the minutes that began since a time.
    pub async fn guesses_of(&self, network: Network, from: Timestamp) -> Answer<u64> {
        engine!(self, db => db.guesses_of(network, from).await)
    }

    /// Removes wrong secrets of minutes that began before a time.
    pub async fn sweep_guesses(&self, before: Timestamp) -> Answer<u64> {
        engine!(self, db => db.sweep_guesses(before).await)
    }

    /// What the log tells of an action about artifacts since a time, newest first, each with what
    /// the artifact came over.
    pub async fn strikes(
        &self,
        action: Action,
        from: Timestamp,
        limit: u32,
    ) -> Answer<Vec<Strike>> {
        engine!(self, db => db.strikes(action, from, limit).await)
    }
}

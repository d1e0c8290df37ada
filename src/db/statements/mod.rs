//! What every engine stores and asks, written once and compiled for each.
//!
//! An engine's file includes this folder as a module of its own and gives it what differs: the
//! driver's types, the [`Store`] with its pools, how a transaction begins, what it must lock by
//! itself, and how a deleted key is forgotten. The SQL uses `$n` and portable types only.
//!
//! Nothing here relies on there being one writer. A transaction decides by what its own writes met
//! (a version, a fence, a size, a unique key), never by what it read before them, unless it holds what
//! all who write the same hold.

mod alerts;
mod artifacts;
mod deliveries;
mod events;
mod grants;
mod known_bad;
mod leases;
mod lists;
mod log;
mod rescans;
mod rows;
mod sensor;
mod sessions;
mod suspensions;
mod uploads;
mod wraps;

use sqlx::QueryBuilder;

use super::{
    Answer, DbError, Engine, SKIP_LOCKED, Store, announce, forget_deleted, hold_artifact, hold_link,
};

type Row = <Engine as sqlx::Database>::Row;
type Connection = <Engine as sqlx::Database>::Connection;

/// Ends a list of ids that a statement has begun.
fn push_all<T: ToString>(query: &mut QueryBuilder<Engine>, ids: &[T]) {
    let mut list = query.separated(", ");
    // Not every engine knows a list of nothing.
    list.push("NULL");
    for id in ids {
        list.push_bind(id.to_string());
    }
    query.push(")");
}

//! What is asked of the database, one file a subject, as the statements are.

mod artifacts;
mod deliveries;
mod grants;
mod known_bad;
mod leases;
mod log;
mod sensor;
mod sessions;
mod signatures;
mod suspensions;
mod uploads;
mod wraps;

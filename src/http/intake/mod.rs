//! The patients' door.

use axum::Router;

use super::{Door, door, with_deadline};
use crate::app::Intake;
use crate::config::Config;

/// The patients' door.
pub fn router(intake: Intake, config: &Config) -> Router {
    door(Door::new(intake, config), with_deadline(Router::new()))
}

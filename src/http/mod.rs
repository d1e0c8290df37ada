//! The doors: what browsers see. Pages are server HTML that works without scripts.
//!
//! A handler extracts, calls one flow function, answers. Everything common stands here: [`door`]
//! puts the layers around a door's routes, [`Page`] renders in the visitor's language, [`session`]
//! says who asks, and [`Failure`] is the one way a request ends badly. A handler returns the
//! failure; the outermost layer logs it once if it is ours and words it for the visitor.

mod assets;
mod failure;
pub mod intake;
mod language;
mod layers;
pub mod machines;
#[cfg(test)]
mod matrix;
mod page;
pub mod portal;
pub mod review;
mod routes;
mod session;
mod show;
mod staff;

use std::sync::Arc;

use failure::problem_json;
pub use failure::{Failure, Problem};
pub use language::Language;
pub use layers::door;
use layers::with_deadline;
pub use page::Page;
pub use routes::{Route, Routes, Verb};
pub use session::{
    Allowed, HalfSession, PatientSession, Permit, SendingPatient, StaffSession, Watching,
    end_cookie, permits, session_cookie,
};

use crate::app::{App, Clinic, Intake, Portal, Review};
use crate::config::Config;
use crate::domain::event::Role;
use crate::domain::retention::Retention;
use crate::domain::secret::MacKey;

/// The roles that have a door.
pub trait Doorkeeper: Clone + Send + Sync + 'static {
    fn app(&self) -> &App;
    fn session_key(&self) -> &MacKey;
}

/// The state of a door's handlers: the role, and what its pages say.
#[derive(Clone)]
pub struct Door<R> {
    pub role: R,
    pub site: Arc<Site>,
}

/// What every page of a door needs and no request changes.
#[derive(Debug)]
pub struct Site {
    pub door: Role,
    /// The one host name this door answers to.
    pub host: String,
    pub clinic: Arc<Clinic>,
    /// A demonstration says so on every page.
    pub demo: bool,
    pub retention: Retention,
}

impl<R: Doorkeeper> Door<R> {
    /// A door for this role, under the host name the configuration gives it.
    pub fn new(role: R, config: &Config) -> Self {
        let app = role.app();
        let door = match app.role {
            Role::Intake => &config.doors.intake,
            Role::Review => &config.doors.review,
            // The worker and the sensor have no door; they never come here.
            Role::Portal | Role::Worker | Role::Sensor => &config.doors.portal,
        };
        let site = Site {
            door: app.role,
            host: door.host.clone(),
            clinic: Arc::clone(&app.clinic),
            demo: config.demo,
            retention: app.retention,
        };
        Self { role, site: Arc::new(site) }
    }
}

impl Doorkeeper for Intake {
    fn app(&self) -> &App {
        &self.app
    }

    fn session_key(&self) -> &MacKey {
        &self.keys.session_key
    }
}

impl Doorkeeper for Portal {
    fn app(&self) -> &App {
        &self.app
    }

    fn session_key(&self) -> &MacKey {
        &self.keys.session_key
    }
}

impl Doorkeeper for Review {
    fn app(&self) -> &App {
        &self.app
    }

    fn session_key(&self) -> &MacKey {
        &self.keys.session_key
    }
}

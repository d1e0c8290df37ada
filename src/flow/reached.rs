//! Whom an artifact has reached, for those who recall it: who viewed it, which machine pulled it, and
//! whether that machine has removed it since, had it no longer, or has another file in its place.

use super::{FlowError, people};
use crate::app::Review;
use crate::domain::{Artifact, StaffId, Timestamp};

/// Everybody an artifact has reached.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Reached {
    /// Each with the last time.
    pub viewers: Vec<Viewer>,
    pub machines: Vec<Pulled>,
}

/// A doctor who viewed it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Viewer {
    pub name: String,
    pub at: Timestamp,
}

/// A machine that pulled it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pulled {
    pub machine: String,
    /// Whose machine it is.
    pub doctor: String,
    pub at: Timestamp,
    /// When it said that it removed the recalled file.
    pub removed_at: Option<Timestamp>,
    /// When it said instead that it had the file no longer: there may be copies.
    pub not_here_at: Option<Timestamp>,
    /// When it said instead that another file stands in its place: a person must look.
    pub changed_at: Option<Timestamp>,
}

/// Whom an artifact has reached so far.
pub async fn of(review: &Review, artifact: &Artifact) -> Result<Reached, FlowError> {
    Ok(Reached {
        viewers: viewers(review, artifact).await?,
        machines: machines(review, artifact).await?,
    })
}

impl Reached {
    /// Whether it has reached nobody.
    pub const fn is_empty(&self) -> bool {
        self.viewers.is_empty() && self.machines.is_empty()
    }
}

async fn viewers(review: &Review, artifact: &Artifact) -> Result<Vec<Viewer>, FlowError> {
    let mut viewers = Vec::new();
    for (id, at) in review.app.db.viewers_of(artifact.id).await? {
        viewers.push(Viewer { name: name(review, id).await?, at });
    }
    Ok(viewers)
}

async fn machines(review: &Review, artifact: &Artifact) -> Result<Vec<Pulled>, FlowError> {
    let delivered = review.app.db.deliveries_of(artifact.id).await?;
    if delivered.is_empty() {
        return Ok(Vec::new());
    }
    let rows = review.app.db.all_machines().await?;
    let known: Vec<_> =
        rows.iter().filter_map(|row| row.verify(&review.app.public.grant).ok()).collect();
    let mut pulled = Vec::new();
    for delivery in delivered {
        let id = delivery.machine;
        let machine = known.iter().find(|machine| machine.id == id);
        pulled.push(Pulled {
            machine: machine.map_or_else(|| id.to_string(), |machine| machine.name.clone()),
            doctor: match machine {
                Some(machine) => name(review, machine.doctor).await?,
                None => String::new(),
            },
            at: delivery.pulled_at,
            removed_at: delivery.recalled_at,
            not_here_at: delivery.not_here_at,
            changed_at: delivery.changed_at,
        });
    }
    Ok(pulled)
}

async fn name(review: &Review, id: StaffId) -> Result<String, FlowError> {
    // Who is not believed any more is still the one who looked.
    let staff = match people::staff(&review.app, id).await {
        Err(FlowError::NotGranted(_)) => None,
        staff => staff?,
    };
    Ok(staff.map_or_else(|| id.to_string(), |staff| staff.display_name))
}

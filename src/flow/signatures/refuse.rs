//! How a new set is refused: loudly, and for good where it is the set's own fault. One that no engine
//! could try may be as good as any: it is tried again, after a longer while each time, and told of once.

use super::Held;
use super::choose::Unusable;
use crate::app::{SetProofFault, Shelf, Worker};
use crate::domain::signatures::{Candidate, CandidateStanding, SetFault, SetId};
use crate::domain::{Action, Timestamp};
use crate::flow::FlowError;

impl Held {
    /// Whether no engine could try the candidate, and it was left alone for long enough since.
    pub(super) fn is_to_be_tried_again(&self, now: Timestamp) -> bool {
        let Some(Candidate { id: Some(id), standing, .. }) = &self.candidate else { return false };
        match standing {
            CandidateStanding::Refused { fault } => {
                fault.is_of_the_engine() && self.put_off(id, now).is_none()
            }
            CandidateStanding::Waiting | CandidateStanding::RolledBack => false,
        }
    }
}

/// A set that is worse than the one in force is told of where people look: in the log, in the access
/// log, in `sekisho check` and on the reviewers' page.
pub(super) async fn refuse(
    worker: &Worker,
    shelf: &Shelf,
    held: &mut Held,
    id: Option<SetId>,
    fault: SetFault,
    detail: &str,
) -> Result<bool, FlowError> {
    let (app, kind) = (&worker.app, shelf.kind.as_str());
    if let Some(id) = id.as_ref().filter(|_| fault.is_of_the_engine()) {
        let told = CandidateStanding::Refused { fault: fault.clone() };
        let is_told = |it: &Candidate| it.id.as_ref() == Some(id) && it.standing == told;
        held.leave_alone(id.clone(), Unusable::DoesNotStart, app.clock.read());
        if held.candidate.as_ref().is_some_and(is_told) {
            shelf.tidy();
            return Ok(false);
        }
    }
    let event = app.event(app.itself(), Action::SignaturesRefuse)?.fact("engine", kind);
    let event =
        event.fact("fault", &fault.code).fact("file", &fault.file).fact("rule", &fault.rule);
    let event = match &id {
        Some(id) => event.fact("set", id),
        None => event,
    };
    app.db.append(&event.refused(fault.code.clone())).await?;
    let set = id.as_ref().map_or("none", SetId::short);
    tracing::error!(kind, set, %fault, detail, "a new signature set is refused; the old one stays");
    shelf.tidy();
    Ok(hold(worker, held, id, CandidateStanding::Refused { fault }))
}

pub(super) async fn unreadable(
    worker: &Worker,
    shelf: &Shelf,
    held: &mut Held,
    file: &str,
    error: &str,
) -> Result<bool, FlowError> {
    (held.glimpse, held.decided) = (None, None);
    let fault = SetFault::new("unreadable", file, "", 1);
    let told = CandidateStanding::Refused { fault: fault.clone() };
    if held.candidate.as_ref().is_some_and(|it| it.standing == told) {
        return Ok(false);
    }
    refuse(worker, shelf, held, None, fault, error).await
}

pub(super) fn hold(
    worker: &Worker,
    held: &mut Held,
    id: Option<SetId>,
    standing: CandidateStanding,
) -> bool {
    let at = worker.app.clock.read();
    held.candidate = Some(Candidate { id, standing, at });
    true
}

pub(super) fn in_words(fault: &SetProofFault) -> String {
    let words = [fault.kind.as_str(), &fault.file, &fault.rule, &fault.detail];
    words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

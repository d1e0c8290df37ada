//! What people say of a set, signed.

use super::about;
use crate::app::{App, Review};
use crate::domain::authority::Signed;
use crate::domain::signatures::{Choice, Decision, SetId, SetKind, Subject};
use crate::domain::{Action, Actor};
use crate::flow::FlowError;

/// Decides about a set, on every machine that has it: it may come into force, or must not be.
///
/// # Errors
/// [`FlowError::NotFound`] if no worker has such a set.
pub async fn decide(
    review: &Review,
    by: Actor,
    kind: SetKind,
    id: &SetId,
    choice: Choice,
) -> Result<(), FlowError> {
    let app = &review.app;
    let action = match choice {
        Choice::Promote => Action::SignaturesPromote,
        Choice::RollBack => Action::SignaturesRollBack,
        Choice::GoOn | Choice::Stop => return Err(FlowError::Internal("not about a set")),
    };
    let about_set = Subject::Set { kind, id: id.clone() };
    let decision = Decision { about: about_set, choice, by, at: app.clock.trusted()? };
    let row = Signed::sign(&decision, &review.keys.grant_signer)?;
    let event = about(app, by, action, kind, id)?.fact("asked", "1");
    Ok(app.db.decide(&row, &decision, &event).await?)
}

/// What somebody who may said last about a set. A row that was not signed, or not for this set, says
/// nothing.
pub(super) async fn decision(
    app: &App,
    kind: SetKind,
    id: &SetId,
) -> Result<Option<Decision>, FlowError> {
    decided(app, &Subject::Set { kind, id: id.clone() }).await
}

/// The same about anything.
pub(in crate::flow) async fn decided(
    app: &App,
    about: &Subject,
) -> Result<Option<Decision>, FlowError> {
    let row = app.db.decision(&about.key()).await?;
    let decision = row.and_then(|row| row.verify(&app.public.grant).ok());
    Ok(decision.filter(|decision| decision.about == *about))
}

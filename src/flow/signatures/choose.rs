//! The set that an engine starts with, and the one that it goes back to: never one whose files are
//! not those that its name tells of, and none that somebody took back.

use super::super::FlowError;
use super::super::seal::blocking;
use super::{about, decision, stage, unkept};
use crate::app::{App, Shelf};
use crate::domain::signatures::{Choice, SetId, SetKind};
use crate::domain::{Action, Code, Event};

/// Why a set is not used, as a code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unusable {
    Absent,
    TakenBack,
    Altered,
    DoesNotStart,
}

impl Unusable {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::TakenBack => "taken_back",
            Self::Altered => "altered",
            Self::DoesNotStart => "does_not_start",
        }
    }
}

/// The set to start with: the one in force, or the one before it, or what lies in the watched folder,
/// which nothing proves. What is in force stays if there is nothing to go back to, whatever was said
/// of it. `None` if there is nothing that could be copied.
///
/// # Errors
/// [`FlowError::SetTakenBack`] if what lies in the folder is all there is, and was taken back.
pub async fn first(app: &App, shelf: &Shelf) -> Result<Option<SetId>, FlowError> {
    let kind = shelf.kind.as_str();
    let mut stays = None;
    for id in [shelf.in_force(), shelf.before()].into_iter().flatten() {
        match usable(app, shelf, &id).await? {
            Ok(()) => return Ok(Some(id)),
            Err(why) => {
                let (set, why) = (id.short(), why.as_str());
                tracing::error!(kind, set, why, "a signature set that was in force is not used");
            }
        }
        if shelf.in_force().as_ref() == Some(&id) && is_intact(shelf, &id).await? {
            stays = Some(id);
        }
    }
    if stays.is_some() {
        tracing::error!(kind, "a signature set that was taken back stays: there is no other");
        return Ok(stays);
    }
    let id = match stage(shelf).await? {
        Ok(id) => id,
        Err(error) => {
            tracing::error!(kind, error, "a signature set cannot be copied");
            return Ok(None);
        }
    };
    if !is_taken_back(app, shelf.kind, &id).await? {
        return Ok(Some(id));
    }
    let event = about(app, app.itself(), Action::SignaturesRefuse, shelf.kind, &id)?;
    app.db.append(&event.refused(Code::fixed(Unusable::TakenBack.as_str()))).await?;
    shelf.tidy();
    Err(FlowError::SetTakenBack(kind))
}

/// Puts in force what the engines were started with.
pub async fn take_first(app: &App, shelf: &Shelf, id: &SetId) -> Result<(), FlowError> {
    if shelf.in_force().as_ref() == Some(id) {
        return Ok(());
    }
    if shelf.before().as_ref() == Some(id) {
        app.db.append(&going_back(app, shelf, id)?).await?;
        return shelf.go_back(id).map_err(|error| unkept(&error));
    }
    let event = about(app, app.itself(), Action::SignaturesPromote, shelf.kind, id)?;
    app.db.append(&event.fact("first", "1")).await?;
    shelf.promote(id).map_err(|error| unkept(&error))
}

/// What the log says when the set before comes back in its place.
pub(super) fn going_back(app: &App, shelf: &Shelf, before: &SetId) -> Result<Event, FlowError> {
    let event = about(app, app.itself(), Action::SignaturesRollBack, shelf.kind, before)?;
    Ok(match shelf.in_force() {
        Some(current) => event.fact("instead_of", &current),
        None => event,
    })
}

pub(super) async fn is_taken_back(app: &App, kind: SetKind, id: &SetId) -> Result<bool, FlowError> {
    let said = decision(app, kind, id).await?;
    Ok(said.is_some_and(|it| it.choice == Choice::RollBack))
}

/// Whether a set may be in force, and is what it was.
pub(super) async fn usable(
    app: &App,
    shelf: &Shelf,
    id: &SetId,
) -> Result<Result<(), Unusable>, FlowError> {
    if is_taken_back(app, shelf.kind, id).await? {
        return Ok(Err(Unusable::TakenBack));
    }
    Ok(if is_intact(shelf, id).await? { Ok(()) } else { Err(Unusable::Altered) })
}

async fn is_intact(shelf: &Shelf, id: &SetId) -> Result<bool, FlowError> {
    let (shelf, id) = (shelf.clone(), id.clone());
    blocking(move || shelf.is_intact(&id)).await
}

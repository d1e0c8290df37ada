//! Why a step was not taken. A refusal has a stable code and, at the doors, one clear sentence in
//! each language; every other error is ours, is logged once where it is handled, and tells the
//! caller nothing.

use crate::app::{App, CheckpointsError, ClockJumped, DbError, NoRandomness, Repeated, VaultError};
use crate::backup::BackupError;
use crate::domain::artifact::TransitionError;
use crate::domain::authority::NotGranted;
use crate::domain::{Action, Actor, Code, Event};

/// A step that was not taken.
#[derive(Debug, thiserror::Error)]
pub enum FlowError {
    /// The caller may not, or may not like this.
    #[error("refused: {0}")]
    Refused(Refusal),
    /// There is no such thing, or none for this caller: the two are not told apart.
    #[error("not found")]
    NotFound,
    /// The artifact moved on meanwhile.
    #[error(transparent)]
    Transition(#[from] TransitionError),
    #[error(transparent)]
    Db(#[from] DbError),
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error(transparent)]
    Clock(#[from] ClockJumped),
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    #[error(transparent)]
    Checkpoints(#[from] CheckpointsError),
    /// A row that grants authority was not written by the role that may.
    #[error(transparent)]
    NotGranted(#[from] NotGranted),
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// A backup of wrapped keys must not outlive content.
    #[error("the time of this backup of keys is over: what it opens must be gone")]
    BackupExpired,
    /// A backup is put into an empty place only.
    #[error("the database to restore into is not empty")]
    NotEmpty,
    #[error("the backup or the database is of a later schema than this restore can meet")]
    NewerSchema,
    /// The database is of an earlier day than its signed log.
    #[error(
        "the database was put back: its log has {has} entries, and {signed} were signed. If that is \
         meant, say so with `sekisho audit accept-loss --has {has} --signed {signed}`"
    )]
    PutBack { has: u64, signed: u64 },
    /// Nothing may be scanned with it, and there is no other.
    #[error("the only {0} signature set here was taken back: put another one into its folder")]
    SetTakenBack(&'static str),
    /// The access log could not be written in time, so the access was refused.
    #[error("the access log could not be written in time")]
    AuditDeadline,
    /// A background task ended before its answer, or sealed memory could not be had.
    #[error("an internal task failed: {0}")]
    Internal(&'static str),
}

/// Refusals, each with the stable code the caller is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    #[error("link_not_open")]
    LinkNotOpen,
    /// As many submissions as may begin through it have begun.
    #[error("link_used_up")]
    LinkUsedUp,
    /// For a time, because of what came through it.
    #[error("link_suspended")]
    LinkSuspended,
    /// Nobody is left who would see what comes through it.
    #[error("link_without_reader")]
    LinkWithoutReader,
    /// For a time, because of what came from it.
    #[error("address_suspended")]
    AddressSuspended,
    #[error("second_secret_wrong")]
    SecondSecretWrong,
    #[error("agreement_needed")]
    AgreementNeeded,
    #[error("agreement_changed")]
    AgreementChanged,
    #[error("nothing_sent")]
    NothingSent,
    #[error("file_too_large")]
    FileTooLarge,
    #[error("too_many_files")]
    TooManyFiles,
    #[error("submission_too_large")]
    SubmissionTooLarge,
    #[error("message_too_long")]
    MessageTooLong,
    #[error("upload_interrupted")]
    UploadInterrupted,
    /// More precedes a field of a form than any form has.
    #[error("form_unreadable")]
    FormUnreadable,
    /// This link, or all together, send as much at once as may be.
    #[error("too_many_uploads")]
    TooManyUploads,
    /// There is no such upload, or none that this browser began: the two are not told apart.
    #[error("upload_unknown")]
    UploadUnknown,
    #[error("upload_expired")]
    UploadExpired,
    /// The piece does not begin where the upload has come to.
    #[error("upload_offset")]
    UploadOffset,
    /// Another request goes on with it.
    #[error("upload_taken")]
    UploadTaken,
    #[error("upload_in_too_many_pieces")]
    UploadInTooManyPieces,
    #[error("checksum_wrong")]
    ChecksumWrong,
    #[error("sign_in_wrong")]
    SignInWrong,
    #[error("sign_in_wait")]
    SignInWait,
    #[error("factor_wrong")]
    FactorWrong,
    #[error("step_up_needed")]
    StepUpNeeded,
    #[error("session_ended")]
    SessionEnded,
    #[error("not_allowed")]
    NotAllowed,
    #[error("not_releasable")]
    NotReleasable,
    #[error("same_reviewer")]
    SameReviewer,
    #[error("evidence_invalid")]
    EvidenceInvalid,
    #[error("moved_on")]
    MovedOn,
    #[error("password_too_short")]
    PasswordTooShort,
    #[error("bad_input")]
    BadInput,
    #[error("exists_already")]
    ExistsAlready,
    #[error("list_full")]
    ListFull,
    /// Whoever disables themselves may leave nobody who could undo it.
    #[error("own_account")]
    OwnAccount,
}

impl Refusal {
    /// Every refusal, for tests that hold each to a sentence.
    pub const ALL: [Self; 37] = [
        Self::LinkNotOpen,
        Self::LinkUsedUp,
        Self::LinkSuspended,
        Self::LinkWithoutReader,
        Self::AddressSuspended,
        Self::SecondSecretWrong,
        Self::AgreementNeeded,
        Self::AgreementChanged,
        Self::NothingSent,
        Self::FileTooLarge,
        Self::TooManyFiles,
        Self::SubmissionTooLarge,
        Self::MessageTooLong,
        Self::UploadInterrupted,
        Self::FormUnreadable,
        Self::TooManyUploads,
        Self::UploadUnknown,
        Self::UploadExpired,
        Self::UploadOffset,
        Self::UploadTaken,
        Self::UploadInTooManyPieces,
        Self::ChecksumWrong,
        Self::SignInWrong,
        Self::SignInWait,
        Self::FactorWrong,
        Self::StepUpNeeded,
        Self::SessionEnded,
        Self::NotAllowed,
        Self::NotReleasable,
        Self::SameReviewer,
        Self::EvidenceInvalid,
        Self::MovedOn,
        Self::PasswordTooShort,
        Self::BadInput,
        Self::ExistsAlready,
        Self::ListFull,
        Self::OwnAccount,
    ];

    /// The stable code.
    pub fn code(self) -> Code {
        // Every code above is a code by its alphabet; the fallback is never taken.
        Code::try_from(self.to_string()).unwrap_or(Code::fixed("refused"))
    }
}

impl From<Refusal> for FlowError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Records that someone known was refused, then gives the refusal back. If it cannot be recorded,
/// that is the error: still a refusal to the caller, and seen by operators.
pub async fn refused(app: &App, actor: Actor, action: Action, refusal: Refusal) -> FlowError {
    record(app, app.event(actor, action).map(|event| event.refused(refusal.code())), refusal).await
}

/// As [`refused`], with an event that already names its subject.
pub(super) async fn refused_event(app: &App, event: Event, refusal: Refusal) -> FlowError {
    record(app, Ok(event.refused(refusal.code())), refusal).await
}

/// What somebody known chose from a list. `None`, as it was not offered, is a refusal with the event.
pub(super) async fn chosen<T>(app: &App, event: Event, choice: Option<T>) -> Result<T, FlowError> {
    match choice {
        Some(chosen) => Ok(chosen),
        None => Err(refused_event(app, event, Refusal::BadInput).await),
    }
}

/// As [`refused_event`], of whoever came through a link and can ask without end: the first few of a
/// kind are events, the others are counted with those of strangers.
pub(super) async fn refused_sender(app: &App, event: Event, refusal: Refusal) -> FlowError {
    let Event { link, submission, .. } = event;
    if app.refusals.is_to_be_told(Repeated { link, submission, code: refusal.code() }) {
        return refused_event(app, event, refusal).await;
    }
    refused_stranger(app, refusal.code());
    refusal.into()
}

/// Counts a refusal of someone who has not proven who they are: by the minute, not a row each, so
/// that a flood cannot fill the log, and in memory, so that it costs no write of its own.
pub fn refused_stranger(app: &App, code: Code) {
    app.refusals.count(app.clock.read(), app.role.as_str(), code);
}

async fn record(app: &App, event: Result<Event, NoRandomness>, refusal: Refusal) -> FlowError {
    let written = match event {
        Ok(event) => app.db.append(&event).await.map_err(FlowError::from),
        Err(error) => Err(error.into()),
    };
    written.map_or_else(|error| error, |()| refusal.into())
}

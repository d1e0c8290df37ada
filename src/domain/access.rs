//! Who may do what: one table for every door and page.

use super::staff::StaffRole;

/// What a member of staff asks to do.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Permission {
    /// See the list of cleared submissions.
    ListReleased,
    /// View a rendition.
    ViewRendition,
    /// See the quarantine queue.
    ListQueue,
    /// Open sealed evidence, with a reason.
    OpenEvidence,
    /// Approve, reject or send an artifact to be scanned again.
    Decide,
    /// Stop an artifact's expiry for a time, and let it go on.
    Hold,
    /// See what is suspended, and lift it.
    Unsuspend,
    /// See and change the list of known-bad files.
    KeepKnownBad,
    /// Issue and revoke intake links, and print them.
    IssueLinks,
    /// Add and disable staff and machines.
    ManagePeople,
    /// Search the access log.
    SearchAudit,
}

impl Permission {
    /// Every permission, for tests that walk the table.
    pub const ALL: [Self; 11] = [
        Self::ListReleased,
        Self::ViewRendition,
        Self::ListQueue,
        Self::OpenEvidence,
        Self::Decide,
        Self::Hold,
        Self::Unsuspend,
        Self::KeepKnownBad,
        Self::IssueLinks,
        Self::ManagePeople,
        Self::SearchAudit,
    ];

    /// Whether a role has this permission.
    pub const fn is_granted_to(self, role: StaffRole) -> bool {
        match self {
            Self::ListReleased | Self::ViewRendition => matches!(role, StaffRole::Doctor),
            Self::ListQueue
            | Self::OpenEvidence
            | Self::Decide
            | Self::Unsuspend
            | Self::KeepKnownBad
            | Self::SearchAudit => matches!(role, StaffRole::Reviewer),
            Self::Hold => matches!(role, StaffRole::Reviewer | StaffRole::Administrator),
            Self::IssueLinks => matches!(role, StaffRole::Reception),
            Self::ManagePeople => matches!(role, StaffRole::Administrator),
        }
    }
}

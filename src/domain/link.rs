//! Intake links: what reception issues and a patient opens.

use serde::{Deserialize, Serialize};

use super::authority::{Edition, Grant};
use super::event::Actor;
use super::id::{ClinicId, LinkId, StaffId};
use super::time::Timestamp;
use super::typed;

/// An intake link: a grant signed by the review role. Holds no secret, only digests.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Link {
    pub id: LinkId,
    /// Counts changes, from 1.
    pub version: u32,
    pub clinic: ClinicId,
    /// The doctor who asks, and to whom what is sent is addressed.
    pub doctor: StaffId,
    /// The doctor's care team when the link was issued.
    pub team: Option<String>,
    pub sender: Sender,
    pub purpose: Purpose,
    /// Patient number (and a proxy's name), sealed to the release and review recipients (age,
    /// base64): the internet side has no use for it and cannot read it.
    pub patient_sealed: String,
    /// Digest of the secret in the fragment.
    pub secret_digest: String,
    /// Keyed digest of the short code.
    pub code_digest: String,
    /// When the short code stops working; the link itself works on.
    pub code_until: Timestamp,
    pub second_secret: SecondSecret,
    /// Keyed argon2id digest of the second secret, in PHC form.
    pub second_secret_hash: String,
    pub issued_by: Actor,
    pub issued_at: Timestamp,
    pub until: Timestamp,
    pub revoked_at: Option<Timestamp>,
}

impl Grant for Link {
    const KIND: &'static str = "link";

    fn edition(&self) -> Option<Edition> {
        Some(Edition { id: self.id.to_string(), version: self.version })
    }
}

/// Who holds the link.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sender {
    /// The patient.
    Patient,
    /// A named person acting for the patient.
    Proxy,
}

/// Why the clinic asks. A list, so that it can be said in both languages and holds no free text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Before an online consultation.
    BeforeConsultation,
    /// Course after treatment.
    FollowUp,
    /// A wound or skin condition.
    Skin,
    /// Papers such as a medication notebook.
    Papers,
}

impl Purpose {
    /// Every purpose, in the order pages list them.
    pub const ALL: [Self; 4] = [Self::BeforeConsultation, Self::FollowUp, Self::Skin, Self::Papers];

    /// The purpose's name in forms and rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BeforeConsultation => "before_consultation",
            Self::FollowUp => "follow_up",
            Self::Skin => "skin",
            Self::Papers => "papers",
        }
    }
}

/// What the second secret is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecondSecret {
    /// The patient's date of birth, as eight digits.
    BirthDate,
    /// A code the clinic told the patient by another way.
    ClinicCode,
}

impl SecondSecret {
    /// Brings what was typed to the one form that is hashed: digits only for a date, trimmed upper
    /// case for a code, of any width. `None` if it cannot be one.
    pub fn normalise(self, untrusted_text: &str) -> Option<String> {
        let typed = typed::plain(&untrusted_text.trim().chars().take(40).collect::<String>());
        let typed = typed.chars();
        match self {
            Self::BirthDate => {
                let kept: String = typed.filter(|c| !"-/. 年月日".contains(*c)).collect();
                let digits = kept.len() == 8 && kept.bytes().all(|b| b.is_ascii_digit());
                digits.then_some(kept)
            }
            Self::ClinicCode => {
                let kept: String = typed.filter(|c| !"- ".contains(*c)).collect();
                let kept = kept.to_ascii_uppercase();
                let plain = kept.bytes().all(|b| b.is_ascii_alphanumeric());
                ((6..=20).contains(&kept.len()) && plain).then_some(kept)
            }
        }
    }
}

/// Who the link is for; kept sealed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Patient {
    /// The clinic's own number for the patient, at most 40 characters.
    pub number: String,
    /// The proxy's name, at most 60 characters.
    pub proxy_name: Option<String>,
}

/// Why a link does not open. What the person is told is one sentence for all of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LinkRefusal {
    Unknown,
    Expired,
    Revoked,
    TooManyTries,
    WrongSecondSecret,
}

impl LinkRefusal {
    /// The code in audit events.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unknown => "link_unknown",
            Self::Expired => "link_expired",
            Self::Revoked => "link_revoked",
            Self::TooManyTries => "link_too_many_tries",
            Self::WrongSecondSecret => "link_wrong_second_secret",
        }
    }
}

/// What has become of a link, for whoever issued it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LinkState {
    Open,
    /// For a time, because of what came through it.
    Suspended {
        until: Timestamp,
    },
    /// Nobody is left who would see what comes through it, so it opens no new visit.
    WithoutReader,
    /// By too many wrong second secrets: only another link helps.
    Closed,
    Expired,
    Revoked,
}

impl LinkState {
    /// The name in lists and keys of words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Suspended { .. } => "suspended",
            Self::WithoutReader => "without_reader",
            Self::Closed => "closed",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }

    /// Whether there is something left to revoke.
    pub const fn may_be_revoked(self) -> bool {
        match self {
            Self::Open | Self::Suspended { .. } | Self::WithoutReader | Self::Closed => true,
            Self::Expired | Self::Revoked => false,
        }
    }
}

/// Whether a link can still be used, for lists of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    Open,
    /// It expired, or was revoked.
    Ended,
}

impl Standing {
    /// Both, in the order of lists.
    pub const ALL: [Self; 2] = [Self::Open, Self::Ended];

    /// The name in addresses and keys of words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Ended => "ended",
        }
    }
}

impl Link {
    /// When it ends or ended: it expires, or was revoked before.
    pub fn ends_at(&self) -> Timestamp {
        self.revoked_at.map_or(self.until, |at| at.min(self.until))
    }

    /// Whether the link may be used at `now` after `tries` wrong second secrets.
    ///
    /// # Errors
    /// The refusal, most final cause first.
    pub fn check(&self, now: Timestamp, tries: u32, max_tries: u32) -> Result<(), LinkRefusal> {
        match () {
            () if self.revoked_at.is_some() => Err(LinkRefusal::Revoked),
            () if now >= self.until => Err(LinkRefusal::Expired),
            () if tries >= max_tries => Err(LinkRefusal::TooManyTries),
            () => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_birth_date_is_read_as_people_type_it() {
        for typed in [
            "19480203",
            "1948-02-03",
            "1948/02/03",
            "１９４８年０２月０３日",
            "１９４８－０２ー０３",
            " 19480203 ",
        ] {
            let read = SecondSecret::BirthDate.normalise(typed);
            assert_eq!(read.as_deref(), Some("19480203"), "{typed}");
        }
        for bad in ["", "480203", "1948-2-3x", "abcdefgh"] {
            assert_eq!(SecondSecret::BirthDate.normalise(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_clinic_code_has_a_length() {
        for typed in ["ab-12 cd", "ＡＢー１２　ｃｄ"] {
            assert_eq!(SecondSecret::ClinicCode.normalise(typed).as_deref(), Some("AB12CD"));
        }
        assert_eq!(SecondSecret::ClinicCode.normalise("ab12c"), None);
    }
}

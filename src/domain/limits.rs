//! Every limit, with its name, its default and its unit. The names are the configuration keys.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The limits of the service. See the configuration reference for the reason behind each default.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Largest file, in bytes.
    pub file_bytes: u64,
    /// Most files in one submission.
    pub submission_files: u16,
    /// Largest submission, in bytes.
    pub submission_bytes: u64,
    /// Longest message, in characters.
    pub message_chars: u32,
    /// Most pixels of an image.
    pub image_pixels: u64,
    /// Longest side of an image, in pixels.
    pub image_side: u32,
    /// Most frames of an animation; only the first is kept.
    pub image_frames: u32,
    /// Most segments, chunks, blocks or boxes of a file.
    pub image_segments: u32,
    /// Most scans of a progressive picture.
    pub image_scans: u32,
    /// Most pages of a document.
    pub document_pages: u32,
    /// Most objects of a document.
    pub document_objects: u32,
    /// Most pixels of all pages of a document as they are drawn.
    pub document_pixels: u64,
    /// Most pixels of one page: a larger page is drawn in fewer, down to a legible least.
    pub page_pixels: u64,
    /// Most bytes that the compressed streams of a document but its pictures expand to.
    pub document_expanded_bytes: u64,
    /// How long drawing and encoding the pages of a document may take where two cores have nothing else to do: two pages are
    /// in hand at a time, and each hand may use as much processor time.
    #[serde(with = "seconds")]
    pub document_deadline: Duration,
    /// Free space of a local store below which nothing more is received, in bytes.
    pub store_free_bytes: u64,
    /// Sealed part length of plaintext, in bytes.
    pub part_bytes: u64,
    /// Memory for parts on their way to a bucket, of all requests of one intake process that bring something, beyond a
    /// short part ([`Self::short_part_bytes`]) for each of them. In bytes.
    pub part_memory_bytes: u64,
    /// Largest rendition or evidence that a door opens into memory, in bytes.
    pub opened_bytes: u64,
    /// Longest an upload may pause between two reads.
    #[serde(with = "seconds")]
    pub upload_stall: Duration,
    /// Longest that one request may take to bring its form, or its piece of a file.
    #[serde(with = "seconds")]
    pub upload_deadline: Duration,
    /// Most requests of one intake process that bring forms and pieces at once. Each holds a thread.
    pub uploads: u32,
    /// Most of them that came through one link.
    pub link_uploads: u32,
    /// How long a file sent in pieces may take from its announcement to its end.
    #[serde(with = "seconds")]
    pub upload_life: Duration,
    /// Most requests that bring pieces of one file.
    pub upload_pieces: u32,
    /// Processor time of one jail child. It may be there three times as long, on a busy machine.
    #[serde(with = "seconds")]
    pub jail_deadline: Duration,
    /// Most memory of one jail child, in bytes.
    pub jail_bytes: u64,
    /// Longest wait for clamd's answer.
    #[serde(with = "seconds")]
    pub clamd_deadline: Duration,
    /// Longest wait for the audit event of an access; past it the access is refused.
    #[serde(with = "seconds")]
    pub audit_deadline: Duration,
    /// Longest wait for one answer of a database server.
    #[serde(with = "seconds")]
    pub database_deadline: Duration,
    /// How long a fault may keep an artifact from being scanned before security staff are asked.
    #[serde(with = "seconds")]
    pub fault_to_review: Duration,
    /// How long a worker owns an artifact without renewing.
    #[serde(with = "seconds")]
    pub lease: Duration,
    /// Life of an intake link.
    #[serde(with = "seconds")]
    pub link_life: Duration,
    /// Life of a short code.
    #[serde(with = "seconds")]
    pub short_code_life: Duration,
    /// Most submissions that begin through one link.
    pub link_submissions: u16,
    /// Wrong second secrets before a link closes.
    pub link_tries: u32,
    /// Wrong passwords or factors before a sign-in waits.
    pub sign_in_tries: u32,
    /// How long a sign-in waits after too many tries.
    #[serde(with = "seconds")]
    pub sign_in_wait: Duration,
    /// Shortest password, in characters.
    pub password_chars: u32,
    /// Most connections of one door from one client network: an address, or of IPv6 a /64.
    pub network_connections: u16,
    /// Longest a page may take, with what its request brings.
    #[serde(with = "seconds")]
    pub page_deadline: Duration,
    /// Idle life of a staff session.
    #[serde(with = "seconds")]
    pub session_idle: Duration,
    /// Idle life of a doctor's session.
    #[serde(with = "seconds")]
    pub session_idle_doctor: Duration,
    /// Idle life of a patient's session.
    #[serde(with = "seconds")]
    pub session_idle_patient: Duration,
    /// Life of a session that has not given its factor.
    #[serde(with = "seconds")]
    pub session_half_signed_in: Duration,
    /// Absolute life of any session.
    #[serde(with = "seconds")]
    pub session_absolute: Duration,
    /// How recent a factor must be for a step-up action.
    #[serde(with = "seconds")]
    pub step_up: Duration,
    /// How long an artifact may wait in review before the queue marks it as escalated.
    #[serde(with = "seconds")]
    pub review_escalation: Duration,
    /// Longest that one hold may stop expiry.
    #[serde(with = "seconds")]
    pub hold_most: Duration,
    /// Most visits on one page of a doctor's list; the next page has the rest.
    pub list_visits: u32,
    /// Most files that a machine is told of at once, to pull and to remove each; then it asks again.
    pub list_files: u32,
    /// Most addresses that are suspended at once.
    pub suspended_addresses: u32,
    /// Most entries of the list of known-bad files.
    pub known_bad_files: u32,
    /// Most stored files that one worker scans again in a minute, after its signatures changed.
    pub rescan_rate: u32,
    /// Share of what is stored that a change of signatures may recall or reject by itself, in percent.
    pub recall_share: u32,
    /// So many files it may recall or reject by itself however few are stored.
    pub recall_least: u32,
    /// How far two clocks may differ before time is not trusted.
    #[serde(with = "seconds")]
    pub clock_tolerance: Duration,
    /// How long the service may have been away. What a clock says that is further ahead of what the
    /// database saw last is not believed.
    #[serde(with = "seconds")]
    pub clock_absence: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes: 50 * 1000 * 1000,
            submission_files: 20,
            submission_bytes: 200 * 1000 * 1000,
            message_chars: 20_000,
            image_pixels: 50_000_000,
            image_side: 20_000,
            image_frames: 2_000,
            // A 50 MB file of chunks of 8 KiB has about 6,000.
            image_segments: 100_000,
            // Cameras write ten.
            image_scans: 100,
            document_pages: 200,
            document_objects: 100_000,
            // So many sheets as they are drawn.
            document_pixels: 1_000_000_000,
            page_pixels: 25_000_000,
            document_expanded_bytes: 200_000_000,
            // With what is around it, and clamd beside it, less than ten seconds on the clock.
            document_deadline: Duration::from_secs(7),
            store_free_bytes: 512 * 1024 * 1024,
            part_bytes: 4 * 1024 * 1024,
            // Whole parts for seventeen at once; as much again is short ones, if all come that may.
            part_memory_bytes: 64 * 1024 * 1024,
            // 50 megapixels that compress not at all.
            opened_bytes: 160 * 1000 * 1000,
            upload_stall: Duration::from_mins(1),
            // The largest form over a quarter of a megabit a second.
            upload_deadline: Duration::from_hours(2),
            uploads: 256,
            // Sending in pieces leaves one behind for a while with each connection that breaks.
            link_uploads: 16,
            upload_life: Duration::from_hours(12),
            // A piece of 64 KiB each brings the largest file; each leaves a part to delete.
            upload_pieces: 250,
            jail_deadline: Duration::from_secs(10),
            jail_bytes: 512 * 1024 * 1024,
            clamd_deadline: Duration::from_secs(30),
            audit_deadline: Duration::from_secs(2),
            // Longer than a lock is waited for.
            database_deadline: Duration::from_secs(30),
            fault_to_review: Duration::from_mins(30),
            lease: Duration::from_mins(2),
            link_life: Duration::from_hours(7 * 24),
            short_code_life: Duration::from_hours(24),
            // Whoever comes back after a pause begins another.
            link_submissions: 20,
            link_tries: 5,
            sign_in_tries: 5,
            sign_in_wait: Duration::from_mins(15),
            password_chars: 15,
            // A quarter of a door: carriers and clinics put many behind one address.
            network_connections: 512,
            page_deadline: Duration::from_secs(30),
            session_idle: Duration::from_mins(15),
            session_idle_doctor: Duration::from_mins(30),
            session_idle_patient: Duration::from_mins(30),
            session_half_signed_in: Duration::from_mins(5),
            session_absolute: Duration::from_hours(12),
            step_up: Duration::from_mins(5),
            review_escalation: Duration::from_hours(48),
            hold_most: Duration::from_hours(180 * 24),
            list_visits: 100,
            list_files: 500,
            suspended_addresses: 10_000,
            known_bad_files: 100_000,
            // Ten thousand files in seventeen minutes.
            rescan_rate: 600,
            recall_share: 1,
            recall_least: 5,
            clock_tolerance: Duration::from_mins(5),
            clock_absence: Duration::from_hours(60 * 24),
        }
    }
}

/// A short part costs a bucket two requests for each quarter of a megabyte, and fills a fast line all the same.
const SHORT_PART_BYTES: u64 = 256 * 1024;
/// Short parts of the largest file: an object is deleted part by part.
const MOST_SHORT_PARTS: u64 = 2048;
/// What a part's length is a multiple of: a block of the hash.
const BLOCK_BYTES: u64 = 64;

impl Limits {
    /// Plaintext of the parts of an upload for whose whole parts no memory is left.
    pub fn short_part_bytes(&self) -> u64 {
        let least = self.file_bytes.div_ceil(MOST_SHORT_PARTS).next_multiple_of(BLOCK_BYTES);
        least.max(SHORT_PART_BYTES).min(self.part_bytes)
    }
}

/// Durations are written in the configuration as whole seconds.
mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(span.as_secs())
    }

    pub(super) fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_secs)
    }
}

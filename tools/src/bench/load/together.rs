//! Many uploads that are all open at the same time, and what they cost the intake in memory.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use serde::Serialize;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::super::process;
use super::BenchError;
use super::patients::Patients;
use crate::chaos::ChaosError;
use crate::chaos::patient::{self, Visitor};
use crate::chaos::service::Service;

/// The intake's peaks of memory, by the kernel's count of what was resident since the uploads began.
#[derive(Clone, Debug, Serialize)]
pub struct Together {
    /// Bytes of each file.
    pub file_bytes: usize,
    pub few: Peak,
    pub many: Peak,
}

/// After so many uploads at once.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Peak {
    pub uploads: u32,
    pub refused: u32,
    /// Before the first of them.
    pub before_bytes: u64,
    pub resident_bytes: u64,
}

const FILE_BYTES: usize = 20_000_000;
/// The first of the two, so that what one upload costs can be told from what a process costs.
const FEW: u32 = 10;
/// Every upload stands still here until all of them do.
const FIRST_HALF: usize = FILE_BYTES / 2;
const CHUNK: usize = 256 * 1024;

pub(super) async fn measure(
    service: &Service,
    most: u32,
    say: impl Fn(&str),
) -> Result<Together, BenchError> {
    let patients = Patients::open(service, most).await?;
    // A header and noise: it is received as a photo is, and nothing decodes it for long.
    let content = noise();
    let mut peaks = Vec::new();
    for uploads in [FEW.min(most), most] {
        say(&format!("{uploads} uploads of {} MB at once", FILE_BYTES / 1_000_000));
        let together: Vec<Visitor> =
            patients.all().iter().zip(0..uploads).map(|(visitor, _)| visitor.clone()).collect();
        let intake = service.role_pid("intake").ok_or(ChaosError::Unread("the intake"))?;
        process::forget_peak(intake)?;
        let before_bytes = process::status_bytes(intake, "VmRSS").unwrap_or(0);
        let refused = all_at_once(together, &content).await?;
        let resident_bytes = process::status_bytes(intake, "VmHWM").unwrap_or(0);
        peaks.push(Peak { uploads, refused, before_bytes, resident_bytes });
    }
    let peak = |place: usize| peaks.get(place).copied().ok_or(ChaosError::Unread("the peaks"));
    Ok(Together { file_bytes: FILE_BYTES, few: peak(0)?, many: peak(1)? })
}

/// Sends from everyone; how many were refused.
async fn all_at_once(visitors: Vec<Visitor>, content: &Bytes) -> Result<u32, BenchError> {
    let half = Arc::new(Barrier::new(visitors.len()));
    let mut sending = JoinSet::new();
    for visitor in visitors {
        let (content, half) = (content.clone(), Arc::clone(&half));
        sending.spawn(async move { one(&visitor, content, half).await });
    }
    let mut refused = 0;
    while let Some(done) = sending.join_next().await {
        let taken = done.map_err(|_| BenchError::Bare("a patient's task ended".to_owned()))?;
        refused += u32::from(taken.is_err());
    }
    Ok(refused)
}

async fn one(visitor: &Visitor, content: Bytes, half: Arc<Barrier>) -> Result<(), BenchError> {
    let head = patient::field("photos", Some(("photo.jpg", "image/jpeg")));
    let starts = (0..content.len()).step_by(CHUNK);
    let mut pieces = vec![Bytes::from(head)];
    pieces.extend(starts.map(|start| content.slice(start..content.len().min(start + CHUNK))));
    pieces.push(patient::end().into());
    let pieces = pieces.into_iter().zip(0_usize..);
    let body = stream::unfold(pieces, move |mut pieces| {
        let half = Arc::clone(&half);
        async move {
            let (piece, number) = pieces.next()?;
            if number == FIRST_HALF / CHUNK {
                // Whoever was refused before this would keep the others waiting, and whoever waits for
                // longer is taken for gone.
                let _ = tokio::time::timeout(Duration::from_secs(45), half.wait()).await;
            }
            Some((Ok(piece), pieces))
        }
    });
    patient::expect("take a file", visitor.send_stream(body).await?).await?;
    Ok(())
}

fn noise() -> Bytes {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(FILE_BYTES);
    bytes.extend([0xff, 0xd8, 0xff, 0xe0]);
    while bytes.len() < FILE_BYTES {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_le_bytes());
    }
    bytes.truncate(FILE_BYTES);
    bytes.into()
}

//! From a sealed file to its fresh encoding: decode in the jail, encode here.
//!
//! Encoding begins the moment the pixels are there, beside engines that still look. Whether the
//! result may be used is not known here.

use std::time::{Duration, Instant};

use sekisho_encoder::EncodeError;

use super::document::{self, DocumentLimits, NoPages};
use super::encode::Encoded;
use super::engines::micros;
use super::findings;
use super::jail::{ColourTreatment, Decoded, DecodedImage, FileKind, Jail, JailFault};
use crate::domain::artifact::ArtifactKind;
use crate::domain::finding::{Code, Engine, EngineOutcome, EngineReport, Finding, Severity};
use crate::memory::SealedMemory;

/// What decoding and encoding came to.
#[derive(Debug)]
pub(super) struct Made {
    /// What it was decoded as, if it was.
    pub(super) decoded_as: Option<FileKind>,
    pub(super) encoded: Option<Encoded>,
    reports: Vec<EngineReport>,
    pub(super) decode_us: u64,
    pub(super) encode_us: u64,
}

/// Decodes as `kind` and encodes what comes out. `kind` is unknown when the looking child failed;
/// its own report says so, and nothing is decoded.
pub(super) async fn make(
    jail: &Jail,
    file: &SealedMemory,
    kind: Option<FileKind>,
    limits: &DocumentLimits,
) -> Made {
    let begun = Instant::now();
    let Some(kind) = kind else {
        let code = Code::fixed("type_unknown");
        return Made::undecoded(EngineOutcome::PassingFault(code), Vec::new(), begun);
    };
    if !kind.is_decodable() {
        let findings = vec![findings::unsupported(kind)];
        return Made::undecoded(EngineOutcome::Complete, findings, begun);
    }
    if kind == FileKind::Pdf {
        return encode_document(jail, file, limits, begun).await;
    }
    let faulty = |fault| Made::undecoded(findings::outcome(fault), Vec::new(), begun);
    let decoded = jail.decode_early(file, (kind, 0), &limits.page, Duration::MAX).await;
    let (decoded, end) = match decoded {
        Ok(decoded) => decoded,
        Err(fault) => return faulty(fault),
    };
    let made = match decoded {
        Decoded::Image(image) => encode_image(kind, image, begun).await,
        Decoded::Text(text) => encode_text(kind, &text, begun),
        // Pages come of documents only.
        Decoded::Page(_) => faulty(JailFault::Garbage),
        Decoded::Refused(code) => {
            Made::undecoded(EngineOutcome::Complete, vec![findings::refused(code)], begun)
        }
    };
    end.processor().await.map_or_else(faulty, |_| made)
}

async fn encode_image(kind: FileKind, image: DecodedImage, begun: Instant) -> Made {
    let decode_us = micros(begun);
    let notes = notes(&image);
    let begun = Instant::now();
    let job = tokio::task::spawn_blocking(move || Encoded::from_image(&image));
    let mut reports = vec![report(EngineOutcome::Complete, notes, decode_us)];
    let encoded = match job.await {
        Ok(Ok(encoded)) => Some(encoded),
        Ok(Err(error)) => {
            tracing::error!(%error, "pixels could not be encoded");
            reports.push(encode_failed(Some(&error), micros(begun)));
            None
        }
        Err(error) => {
            tracing::error!(%error, "the encoder ended without an answer");
            reports.push(encode_failed(None, micros(begun)));
            None
        }
    };
    Made { decoded_as: Some(kind), encoded, reports, decode_us, encode_us: micros(begun) }
}

async fn encode_document(
    jail: &Jail,
    file: &SealedMemory,
    limits: &DocumentLimits,
    begun: Instant,
) -> Made {
    let refused =
        |code| Made::undecoded(EngineOutcome::Complete, vec![findings::refused(code)], begun);
    match document::make(jail, file, limits).await {
        Ok(pages) => {
            let decode_us = micros(begun);
            Made {
                decoded_as: Some(FileKind::Pdf),
                encoded: Some(pages.encoded),
                reports: vec![report(EngineOutcome::Complete, Vec::new(), decode_us)],
                decode_us,
                encode_us: pages.encode_us,
            }
        }
        Err(NoPages::Refused(code)) => refused(code),
        Err(NoPages::Fault(fault)) => Made::undecoded(findings::outcome(fault), Vec::new(), begun),
        Err(NoPages::Encode(error)) => {
            tracing::error!(?error, "a page could not be encoded");
            let mut made = Made::undecoded(EngineOutcome::Complete, Vec::new(), begun);
            made.reports.push(encode_failed(error.as_ref(), micros(begun)));
            made
        }
    }
}

fn encode_text(kind: FileKind, text: &str, begun: Instant) -> Made {
    let decode_us = micros(begun);
    Made {
        decoded_as: Some(kind),
        encoded: Some(Encoded::from_text(text)),
        reports: vec![report(EngineOutcome::Complete, Vec::new(), decode_us)],
        decode_us,
        encode_us: 0,
    }
}

impl Made {
    fn undecoded(outcome: EngineOutcome, findings: Vec<Finding>, begun: Instant) -> Self {
        let decode_us = micros(begun);
        Self {
            decoded_as: None,
            encoded: None,
            reports: vec![report(outcome, findings, decode_us)],
            decode_us,
            encode_us: 0,
        }
    }

    /// Drops a rendition of something else than what the looking child saw, and says so.
    pub(super) fn must_agree(&mut self, artifact: ArtifactKind, seen: FileKind) {
        let decoded = self.decoded_as;
        let odd = decoded.and_then(|decoded| findings::disagreement(artifact, seen, decoded));
        if let (Some(odd), Some(report)) = (odd, self.reports.first_mut()) {
            report.findings.push(odd);
            self.encoded = None;
        }
    }

    pub(super) fn move_reports(&mut self, to: &mut Vec<EngineReport>) {
        to.append(&mut self.reports);
    }
}

/// What the decoder did that a reviewer may want to know.
fn notes(image: &DecodedImage) -> Vec<Finding> {
    let ignored = image.colour == ColourTreatment::ProfileIgnored;
    let code = Code::fixed("colour_profile_ignored");
    let note = || Finding::new(Engine::Decode, code, Severity::Info, "");
    ignored.then(note).into_iter().collect()
}

fn report(outcome: EngineOutcome, findings: Vec<Finding>, took_us: u64) -> EngineReport {
    EngineReport { engine: Engine::Decode, outcome, findings, set: None, took_us }
}

/// Pixels that cannot be read may be there the next time; pixels that cannot be encoded stay so.
fn encode_failed(error: Option<&EncodeError>, took_us: u64) -> EngineReport {
    let code = Code::fixed("encode_failed");
    let outcome = match error {
        None | Some(EncodeError::Pixels(_)) => EngineOutcome::PassingFault(code),
        Some(
            EncodeError::TooLong
            | EncodeError::Sampling
            | EncodeError::Strip
            | EncodeError::Jpeg(_)
            | EncodeError::Png(_),
        ) => EngineOutcome::LastingFault(code),
    };
    EngineReport { engine: Engine::Pipeline, ..report(outcome, Vec::new(), took_us) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rendition_of_another_kind_than_was_seen_is_dropped() {
        let made = || encode_text(FileKind::Text, "text", Instant::now());
        let mut agreed = made();
        agreed.must_agree(ArtifactKind::Photo, FileKind::Text);
        assert!(agreed.encoded.is_some());
        let mut misled = made();
        misled.must_agree(ArtifactKind::Photo, FileKind::Executable);
        assert!(misled.encoded.is_none());
        let mut reports = Vec::new();
        misled.move_reports(&mut reports);
        assert_eq!(reports[0].findings[0].severity, Severity::Unscannable);
    }
}

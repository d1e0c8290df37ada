//! What the jail saw, put into the words of the domain.
//!
//! Pure. Each code of the jail gets the weight it has for a release here and nowhere else, and each
//! way of not answering gets its fault. Nothing here decides what a file is worth: that is policy.

use super::jail::{
    FileKind, Finding as Seen, FindingCode, JailFault, LookReport, Ready, RuleHit,
    Severity as RuleSeverity, TextEncoding,
};
use super::{Subject, declared};
use crate::domain::artifact::ArtifactKind;
use crate::domain::finding::{
    Code, Engine, EngineOutcome, EngineReport, Finding, Severity, SignatureSet,
};

/// The reports of the looking child: type and structure, YARA, and the text of what is text.
pub(super) fn of_look(
    look: &Result<LookReport, JailFault>,
    subject: &Subject<'_>,
    rules: Rules<'_>,
    took_us: u64,
) -> Vec<EngineReport> {
    let report = |engine, outcome, findings| EngineReport {
        engine,
        outcome,
        findings,
        set: (engine == Engine::Yara).then(|| rules.set.clone()),
        took_us,
    };
    let is_message = subject.kind == ArtifactKind::Message;
    let look = match look {
        Ok(look) => look,
        Err(fault) => {
            let engines: &[Engine] = if is_message {
                &[Engine::Type, Engine::Yara, Engine::Text]
            } else {
                &[Engine::Type, Engine::Yara]
            };
            let failed = |engine: &Engine| report(*engine, outcome(*fault), Vec::new());
            return engines.iter().map(failed).collect();
        }
    };
    let (text, structure): (Vec<&Seen>, Vec<&Seen>) = look
        .findings
        .iter()
        // The decoder's report says whether the type is supported.
        .filter(|seen| seen.code != FindingCode::UnsupportedType)
        .partition(|seen| is_about_text(seen.code));
    let weigh = |engine, seen: Vec<&Seen>| -> Vec<Finding> {
        seen.into_iter().map(|seen| finding(engine, *seen)).collect()
    };
    // A message is typed into a form, which sends UTF-8 only.
    let foreign = text.iter().find(|seen| is_message && seen.code == FindingCode::TextEncoding);
    let not_utf8 = foreign
        .map(|seen| finding(Engine::Text, Seen { code: FindingCode::NotUtf8, value: 0, ..**seen }));
    let mut typed = weigh(Engine::Type, structure);
    if is_message {
        // A message is typed into a form; it has no name or type to be wrong about.
        typed.extend(active_message(look.kind));
    } else {
        typed.extend(declared::mismatch(subject.declared, look.kind));
        typed.extend(declared::deceptive_name(subject.declared));
    }
    let hits = look.rule_hits.iter();
    let hits = hits.map(|hit| rule_match(*hit, rules.ready)).collect();
    let mut reports = vec![
        report(Engine::Type, EngineOutcome::Complete, typed),
        report(Engine::Yara, EngineOutcome::Complete, hits),
    ];
    let mut text = weigh(Engine::Text, text);
    text.extend(not_utf8);
    if is_message || look.kind == FileKind::Text || !text.is_empty() {
        reports.push(report(Engine::Text, EngineOutcome::Complete, text));
    }
    reports
}

/// The YARA rules in force.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules<'a> {
    pub(super) ready: &'a Ready,
    pub(super) set: &'a SignatureSet,
}

/// The decoder's refusal of what it could not or would not decode.
pub(super) fn refused(code: FindingCode) -> Finding {
    let weight = severity(code).max(Severity::Unscannable);
    Finding::new(Engine::Decode, Code::fixed(code.as_str()), weight, "")
}

/// There is no decoder for this kind, or not in this place.
pub(super) fn unsupported(kind: FileKind) -> Finding {
    let code = Code::fixed(FindingCode::UnsupportedType.as_str());
    let kind = kind.as_str();
    Finding::new(Engine::Decode, code, Severity::Unscannable, kind)
}

/// What was decoded is not of the kind that the looking child saw: one of the two was misled.
/// A message is always decoded as text, and pages and scripts are text too.
pub(super) fn disagreement(
    artifact: ArtifactKind,
    seen: FileKind,
    decoded: FileKind,
) -> Option<Finding> {
    let agree = match artifact {
        ArtifactKind::Photo => seen == decoded,
        ArtifactKind::Message => seen == FileKind::Text || active_message(seen).is_some(),
    };
    if agree {
        return None;
    }
    let detail = format!("{} decoded as {}", seen.as_str(), decoded.as_str());
    let code = Code::fixed("type_disagreement");
    let weight = Severity::Unscannable;
    Some(Finding::new(Engine::Decode, code, weight, &detail))
}

/// A message that is a page or a script as a whole. Its rendition is inert text, yet nobody types
/// that to a doctor.
fn active_message(kind: FileKind) -> Option<Finding> {
    let active = matches!(kind, FileKind::Html | FileKind::Svg | FileKind::Script);
    let code = Code::fixed("type_mismatch");
    active.then(|| Finding::new(Engine::Type, code, Severity::Suspicious, kind.as_str()))
}

/// clamd's word on broken pictures, weighed beside our own: it objects to any order of segments that it does not know,
/// which honest cameras write. A picture that our strict decoder read to its last bit is whole, and only its pixels go
/// on, so the objection is then a note. It stays suspicious for everything else.
pub(super) fn weigh_broken_media(reports: &mut [EngineReport], strictly_decoded: bool) {
    let findings = reports.iter_mut().flat_map(|report| &mut report.findings);
    for finding in findings.filter(|_| strictly_decoded) {
        if finding.engine == Engine::Clamav && finding.code.as_str() == "broken_media" {
            finding.severity = Severity::Info;
        }
    }
}

/// What a missing answer of the jail means. What a child did with this file it would do again; a
/// jail that is not there, an answer that is none, or what was done to a child says nothing about the
/// file.
pub(super) const fn outcome(fault: JailFault) -> EngineOutcome {
    match fault {
        JailFault::Timeout => EngineOutcome::LastingFault(Code::fixed("jail_timeout")),
        JailFault::Crashed(_) => EngineOutcome::LastingFault(Code::fixed("jail_crashed")),
        JailFault::Memory => EngineOutcome::LastingFault(Code::fixed("jail_memory")),
        JailFault::FilterViolation => EngineOutcome::LastingFault(Code::fixed("jail_violation")),
        JailFault::Late => EngineOutcome::PassingFault(Code::fixed("jail_late")),
        JailFault::Killed => EngineOutcome::PassingFault(Code::fixed("jail_killed")),
        JailFault::Failed => EngineOutcome::PassingFault(Code::fixed("jail_failed")),
        JailFault::Garbage => EngineOutcome::PassingFault(Code::fixed("jail_garbage")),
        JailFault::Absent => EngineOutcome::PassingFault(Code::fixed("jail_absent")),
    }
}

fn finding(engine: Engine, seen: Seen) -> Finding {
    let detail = match seen.code {
        FindingCode::SecondFormat => u8::try_from(seen.value)
            .ok()
            .and_then(FileKind::from_code)
            .unwrap_or(FileKind::Unknown)
            .as_str()
            .to_owned(),
        FindingCode::TextEncoding => u8::try_from(seen.value)
            .ok()
            .and_then(TextEncoding::from_code)
            .map_or("", TextEncoding::as_str)
            .to_owned(),
        _ if seen.value == 0 => String::new(),
        _ => seen.value.to_string(),
    };
    let code = Code::fixed(seen.code.as_str());
    Finding::new(engine, code, severity(seen.code), &detail).at(seen.offset)
}

/// A rule's place is checked by the jail's client; a place without a rule still objects.
fn rule_match(hit: RuleHit, ready: &Ready) -> Finding {
    let rule = usize::try_from(hit.rule).ok().and_then(|place| ready.rules.get(place));
    let severity = match rule.map(|rule| rule.severity) {
        Some(RuleSeverity::Info) => Severity::Info,
        Some(RuleSeverity::Suspicious) => Severity::Suspicious,
        Some(RuleSeverity::Malicious) | None => Severity::Malicious,
    };
    let name = rule.map_or("", |rule| rule.name.as_str());
    let code = Code::fixed("rule_match");
    Finding::new(Engine::Yara, code, severity, name).at(hit.offset)
}

/// What each observation weighs.
const fn severity(code: FindingCode) -> Severity {
    match code {
        FindingCode::MultiPicture
        | FindingCode::MotionPhoto
        | FindingCode::MakerTrailer
        | FindingCode::Padding
        | FindingCode::FramesIgnored
        | FindingCode::TextEncoding
        | FindingCode::PdfLinks
        | FindingCode::PdfForm
        | FindingCode::PdfRevisions
        | FindingCode::PdfBrokenTable
        | FindingCode::PdfEmptyPassword
        | FindingCode::PdfPrintsItself => Severity::Info,
        FindingCode::TrailingBytes
        | FindingCode::PrependedBytes
        | FindingCode::SecondFormat
        | FindingCode::OverlongHeader
        | FindingCode::LyingHeader
        | FindingCode::HiddenPicture
        | FindingCode::InvisibleCharacters
        | FindingCode::BidiOverride
        | FindingCode::ControlCharacters
        | FindingCode::TerminalEscape
        | FindingCode::ActiveLink
        | FindingCode::DeceptiveLink
        | FindingCode::Markup
        | FindingCode::Formula
        | FindingCode::LogInjection
        | FindingCode::PdfScript
        | FindingCode::PdfLaunch
        | FindingCode::PdfEmbeddedFile
        | FindingCode::PdfRichMedia
        | FindingCode::PdfXfa
        | FindingCode::PdfSubmitForm
        | FindingCode::PdfRemoteGoTo
        | FindingCode::PdfAutoAction
        | FindingCode::PdfHiddenName
        | FindingCode::PdfOutsidePart => Severity::Suspicious,
        FindingCode::EmptyFile
        | FindingCode::UnsupportedType
        | FindingCode::Encrypted
        | FindingCode::Truncated
        | FindingCode::Malformed
        | FindingCode::TooManyPixels
        | FindingCode::DimensionLimit
        | FindingCode::MemoryLimit
        | FindingCode::FrameLimit
        | FindingCode::ExpansionLimit
        | FindingCode::NotUtf8
        | FindingCode::TextLimit
        | FindingCode::PageLimit
        | FindingCode::ObjectLimit
        | FindingCode::FontMissing
        | FindingCode::PageIncomplete
        // What else there was is not known, and might have weighed more.
        | FindingCode::MoreFindings => Severity::Unscannable,
    }
}

const fn is_about_text(code: FindingCode) -> bool {
    matches!(
        code,
        FindingCode::NotUtf8
            | FindingCode::TextLimit
            | FindingCode::InvisibleCharacters
            | FindingCode::BidiOverride
            | FindingCode::ControlCharacters
            | FindingCode::TerminalEscape
            | FindingCode::ActiveLink
            | FindingCode::DeceptiveLink
            | FindingCode::Markup
            | FindingCode::Formula
            | FindingCode::LogInjection
            | FindingCode::TextEncoding
    )
}

#[cfg(test)]
#[path = "findings_tests.rs"]
mod tests;

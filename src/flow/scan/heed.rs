//! What the sensor says of an artifact, as one more report of its scan.
//!
//! A release waits until the sensor has told of the very upload, or until its time is over; then
//! every alert counts that was joined meanwhile.

use std::cmp::Reverse;
use std::time::{Duration, Instant};

use super::{FlowError, Standing};
use crate::app::App;
use crate::domain::finding::{EngineOutcome, EngineReport, Finding};
use crate::domain::sensor::{Hearing, Watch};
use crate::domain::sighting::Alert;
use crate::domain::{Artifact, Code, Engine, Severity};
use crate::flow::sensor;

/// Between two looks for the sensor's answer.
const LOOK: Duration = Duration::from_millis(100);

/// What was heard of an artifact.
pub(super) struct Heeded {
    pub(super) report: EngineReport,
    /// All alerts of the artifact, those that were acted on before among them.
    pub(super) alerts: Vec<Alert>,
}

/// Waits for the sensor where that can matter, and reports what it says.
pub(super) async fn heed(
    app: &App,
    artifact: &Artifact,
    watch: &Watch,
    others: &[EngineReport],
) -> Result<Heeded, FlowError> {
    let begun = Instant::now();
    let now = app.clock.trusted()?;
    let heard = sensor::heard(app, now).await?;
    let hearing = watch.hearing_of(heard, artifact.received_at, now);
    let mut answered = sensor::look_for(app, artifact, watch).await?;
    // What is stopped anyway need not wait, and who is silent will not answer.
    let can_matter = others.iter().all(EngineReport::is_quiet) && hearing == Hearing::Heard;
    let mut alerts = app.db.alerts_of(artifact.id).await?;
    while can_matter
        && !answered
        && !alerts.iter().any(Alert::stops)
        && !sensor::settled(watch, artifact, app.clock.trusted()?)
    {
        tokio::time::sleep(LOOK).await;
        answered = sensor::look_for(app, artifact, watch).await?;
        alerts = app.db.alerts_of(artifact.id).await?;
    }
    let mut findings: Vec<Finding> = alerts.iter().map(Alert::finding).collect();
    // There may be more than there is room for.
    findings.sort_by_key(|finding| Reverse(finding.severity));
    findings.truncate(EngineReport::FINDINGS_LIMIT - 1);
    if hearing != Hearing::Heard {
        let code = Code::fixed(hearing.as_str());
        findings.push(Finding::new(Engine::Sensor, code, Severity::Suspicious, ""));
    }
    let report = EngineReport {
        engine: Engine::Sensor,
        outcome: EngineOutcome::Complete,
        findings,
        set: None,
        took_us: u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX),
    };
    Ok(Heeded { report, alerts })
}

impl Heeded {
    /// Where an approved artifact stands if the reviewers cannot have known of an alert.
    pub(super) fn weigh(&self, standing: Standing) -> Standing {
        let is_new = |alert: &Alert| alert.stops() && alert.acted_at.is_none();
        match standing {
            Standing::Approved if self.alerts.iter().any(is_new) => Standing::Warned,
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sensor::RuleId;
    use crate::domain::sighting::Why;
    use crate::domain::{ArtifactId, Timestamp};
    use crate::flow::sensor::tests::World;

    const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);

    fn heeded(severity: Severity, acted_at: Option<Timestamp>) -> Heeded {
        let alert = Alert {
            artifact: ArtifactId::new(NOW, [1; 10]),
            sighting: "digest".into(),
            rule: RuleId { generator: 1, signature: 9 },
            signature: "words".into(),
            severity,
            why: Why::Connection,
            seen_at: NOW,
            joined_at: NOW,
            acted_at,
        };
        let report = EngineReport {
            engine: Engine::Sensor,
            outcome: EngineOutcome::Complete,
            findings: vec![alert.finding()],
            set: None,
            took_us: 0,
        };
        Heeded { report, alerts: vec![alert] }
    }

    #[tokio::test]
    async fn of_more_alerts_than_a_report_has_room_for_the_gravest_are_told() {
        let world = World::new().await;
        let artifact = world.one().await;
        let notes: Vec<_> = (0..63)
            .map(|number| {
                let mut note = world.alert(None, Severity::Info);
                note.transaction.flow = Some(1000 + number);
                note
            })
            .collect();
        world.tell(notes).await;
        sensor::step(&world.worker).await.unwrap();
        world.app.hand.advance(Duration::from_millis(1));
        world.tell(vec![world.alert(None, Severity::Suspicious)]).await;
        let watch = world.worker.policy.sensor.unwrap();
        let Heeded { report, .. } = heed(&world.worker, &artifact, &watch, &[]).await.unwrap();
        assert_eq!(report.findings.len(), EngineReport::FINDINGS_LIMIT - 1);
        assert!(report.findings.iter().any(|it| it.severity == Severity::Suspicious));
    }

    #[test]
    fn two_words_do_not_count_for_an_alert_that_came_after_them() {
        let stops = |acted_at| heeded(Severity::Suspicious, acted_at);
        assert_eq!(stops(None).weigh(Standing::Approved), Standing::Warned);
        assert_eq!(stops(Some(NOW)).weigh(Standing::Approved), Standing::Approved);
        assert_eq!(stops(None).weigh(Standing::Quarantined), Standing::Quarantined);
        assert_eq!(heeded(Severity::Info, None).weigh(Standing::Approved), Standing::Approved);
    }
}

//! Every check of a configured value, in one place. A refusal names the key and says why.

use super::suspend::{LEAST_SECONDS, MOST_DURATION, MOST_THRESHOLD, MOST_WINDOW};
use super::{Config, ConfigError, Database, DatabaseAddress};
use crate::domain::ClinicId;
use crate::domain::limits::Limits;
use crate::domain::retention::Retention;

/// Refuses what the service must not start with.
pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    unsafe_settings(config)?;
    clinic(config)?;
    database(config)?;
    store(config)?;
    checkpoints(config)?;
    doors(config)?;
    sensor(config)?;
    suspend(config)?;
    limits(&config.limits)?;
    retention(&config.retention)?;
    // Below 1000 are the system's own users; the five ids must not run over the end.
    within("users.base", config.users.base.into(), 1000, u64::from(u32::MAX) - 16)?;
    within("policy.signature_max_age_hours", config.policy.signature_max_age_hours.into(), 1, 168)?;
    text("policy.version", &config.policy.version, 40)
}

fn unsafe_settings(config: &Config) -> Result<(), ConfigError> {
    let set = config.unsafe_settings;
    let demo_set_outside = config.policy.accept_demo_set && !config.demo;
    let refused = [
        (set.clamd_off, "unsafe.clamd_off", "no file is cleared without the virus scanner"),
        (set.yara_off, "unsafe.yara_off", "no file is cleared without the pattern rules"),
        (set.jail_off, "unsafe.jail_off", "contents are decoded in the jail only"),
        (set.audit_log_off, "unsafe.audit_log_off", "no access happens without its event"),
        (set.mfa_off, "unsafe.mfa_off", "staff sign in with two factors"),
        (set.fsync_off, "unsafe.fsync_off", "what is acknowledged must survive a power cut"),
        (set.tls_off, "unsafe.tls_off", "every door speaks TLS"),
        (
            demo_set_outside,
            "policy.accept_demo_set",
            "the demonstration signature set clears nothing outside a demo",
        ),
    ];
    match refused.iter().find(|(is_set, ..)| *is_set) {
        Some((_, key, reason)) => {
            Err(ConfigError::UnsafeSetting { key: (*key).to_owned(), reason })
        }
        None => Ok(()),
    }
}

fn clinic(config: &Config) -> Result<(), ConfigError> {
    let clinic = &config.clinic;
    if clinic.id.parse::<ClinicId>().is_err() {
        return refuse("clinic.id", "not a clinic id");
    }
    text("clinic.name_ja", &clinic.name_ja, 80)?;
    text("clinic.name_en", &clinic.name_en, 80)?;
    text("clinic.telephone", &clinic.telephone, 40)
}

fn database(config: &Config) -> Result<(), ConfigError> {
    match &config.database {
        Database::Sqlite {} => Ok(()),
        Database::Postgres { url, .. } => match DatabaseAddress::parse(url) {
            Ok(_) => Ok(()),
            Err(reason) => refuse("database.url", reason),
        },
    }
}

/// Also where anything else is sent: the allow list is one for all.
fn store(config: &Config) -> Result<(), ConfigError> {
    match config.store.fault().or_else(|| config.egress.fault(config)) {
        Some((key, reason)) => refuse(key, reason),
        None => Ok(()),
    }
}

fn checkpoints(config: &Config) -> Result<(), ConfigError> {
    let Some(bucket) = &config.checkpoints else { return Ok(()) };
    if let Some((key, reason)) = bucket.fault(&config.store) {
        return refuse(key, reason);
    }
    within("checkpoints.retain_days", bucket.retain_days.into(), 1, 36_600)
}

fn doors(config: &Config) -> Result<(), ConfigError> {
    let all = config.doors.all();
    for (index, (name, door)) in all.iter().enumerate() {
        if !is_host_name(&door.host) {
            return refuse(&format!("doors.{name}.host"), "not a host name in lower case");
        }
        for (other_name, other) in all.iter().take(index) {
            let is_fixed_port = door.listen.port() != 0;
            if is_fixed_port && door.listen == other.listen {
                let reason = format!("doors.{other_name} listens there already");
                return refuse(&format!("doors.{name}.listen"), &reason);
            }
            // Machines bring certificates, not cookies, so they may share the portal's name.
            if door.host == other.host && *name != "machines" {
                let reason = format!("doors.{other_name} has it; cookies would be shared");
                return refuse(&format!("doors.{name}.host"), &reason);
            }
        }
    }
    Ok(())
}

fn sensor(config: &Config) -> Result<(), ConfigError> {
    let sensor = &config.sensor;
    if let Some((key, reason)) = sensor.fault() {
        return refuse(key, reason);
    }
    // Shorter than the sensor's own pace it would always be silent; a longer settling would outlast
    // the worker's lease.
    within("sensor.silence", sensor.silence, 10, 3600)?;
    within("sensor.settle", sensor.settle, 0, 30)?;
    within("sensor.window", sensor.window, 1, 300)?;
    if sensor.is_configured() && sensor.settle.saturating_mul(2) > config.limits.lease.as_secs() {
        return refuse("sensor.settle", "must be at most half of limits.lease");
    }
    if let Some(replay) = &sensor.replay {
        within("sensor.replay.deadline", replay.deadline, 1, 300)?;
        if replay.deadline.saturating_mul(2) > config.limits.lease.as_secs() {
            return refuse("sensor.replay.deadline", "must be at most half of limits.lease");
        }
    }
    Ok(())
}

fn suspend(config: &Config) -> Result<(), ConfigError> {
    let section = &config.suspend;
    if let Some((key, reason)) = section.fault() {
        return refuse(key, reason);
    }
    for (index, rule) in section.rules.iter().enumerate() {
        let key = |name: &str| format!("suspend.rules.{index}.{name}");
        within(&key("threshold"), rule.threshold.into(), 1, MOST_THRESHOLD)?;
        within(&key("window"), rule.window, LEAST_SECONDS, MOST_WINDOW)?;
        within(&key("duration"), rule.duration, LEAST_SECONDS, MOST_DURATION)?;
    }
    Ok(())
}

fn limits(limits: &Limits) -> Result<(), ConfigError> {
    const GIB: u64 = 1 << 30;
    // Hash blocks are 64 bytes; parts end on block bounds so that no plaintext lingers in the
    // running hash.
    if !limits.part_bytes.is_multiple_of(64) {
        return refuse("limits.part_bytes", "must be a multiple of 64");
    }
    for (key, value, low, high) in [
        ("limits.part_bytes", limits.part_bytes, 1 << 20, 4 << 20),
        ("limits.part_memory_bytes", limits.part_memory_bytes, 0, 64 * GIB),
        ("limits.file_bytes", limits.file_bytes, 1, 2 * GIB),
        ("limits.submission_bytes", limits.submission_bytes, limits.file_bytes, 16 * GIB),
        ("limits.submission_files", limits.submission_files.into(), 1, 200),
        ("limits.uploads", limits.uploads.into(), 1, 4096),
        ("limits.link_uploads", limits.link_uploads.into(), 1, limits.uploads.into()),
        // Each leaves a part at least; a bucket's object is deleted in so many at most.
        ("limits.upload_pieces", limits.upload_pieces.into(), 16, 1000),
        ("limits.message_chars", limits.message_chars.into(), 1, 100_000),
        ("limits.image_pixels", limits.image_pixels, 1, 200_000_000),
        ("limits.opened_bytes", limits.opened_bytes, largest_rendition(limits), 2 * GIB),
        ("limits.document_pages", limits.document_pages.into(), 1, 1000),
        ("limits.document_objects", limits.document_objects.into(), 1, 10_000_000),
        ("limits.document_pixels", limits.document_pixels, 1, 20_000_000_000),
        ("limits.page_pixels", limits.page_pixels, 1, 200_000_000),
        ("limits.document_expanded_bytes", limits.document_expanded_bytes, 1, 8 * GIB),
        ("limits.image_side", limits.image_side.into(), 1, 65_535),
        ("limits.image_frames", limits.image_frames.into(), 1, 100_000),
        ("limits.image_segments", limits.image_segments.into(), 16, 1_000_000),
        ("limits.image_scans", limits.image_scans.into(), 1, 1_000),
        ("limits.store_free_bytes", limits.store_free_bytes, 0, 1024 * GIB),
        ("limits.jail_bytes", limits.jail_bytes, 64 << 20, 8 * GIB),
        ("limits.list_visits", limits.list_visits.into(), 1, 500),
        // What a machine reads of a list has a limit of its own.
        ("limits.list_files", limits.list_files.into(), 1, 1000),
        ("limits.suspended_addresses", limits.suspended_addresses.into(), 1, 100_000),
        ("limits.known_bad_files", limits.known_bad_files.into(), 1, 1_000_000),
        ("limits.link_submissions", limits.link_submissions.into(), 1, 1000),
        ("limits.link_tries", limits.link_tries.into(), 1, 20),
        ("limits.sign_in_tries", limits.sign_in_tries.into(), 1, 20),
        ("limits.rescan_rate", limits.rescan_rate.into(), 1, 60_000),
        ("limits.recall_share", limits.recall_share.into(), 0, 100),
        ("limits.recall_least", limits.recall_least.into(), 0, 1_000_000),
        // A door takes as many in all.
        ("limits.network_connections", limits.network_connections.into(), 1, 2048),
        ("limits.password_chars", limits.password_chars.into(), 15, 128),
    ] {
        within(key, value, low, high)?;
    }
    spans(limits)
}

/// Pixels that compress not at all, with what a PNG adds: what is released must open again.
const fn largest_rendition(limits: &Limits) -> u64 {
    limits.image_pixels.saturating_mul(3).saturating_add(limits.image_pixels / 50)
}

/// Durations, in seconds.
fn spans(limits: &Limits) -> Result<(), ConfigError> {
    const DAY: u64 = 24 * 3600;
    for (key, span, high) in [
        ("limits.upload_stall", limits.upload_stall, 600),
        ("limits.upload_deadline", limits.upload_deadline, DAY),
        // Less than the day after which the sweep takes an object without a row for abandoned.
        ("limits.upload_life", limits.upload_life, 20 * 3600),
        ("limits.jail_deadline", limits.jail_deadline, 120),
        ("limits.document_deadline", limits.document_deadline, 120),
        ("limits.clamd_deadline", limits.clamd_deadline, 300),
        ("limits.audit_deadline", limits.audit_deadline, 30),
        ("limits.database_deadline", limits.database_deadline, 300),
        ("limits.fault_to_review", limits.fault_to_review, DAY),
        ("limits.lease", limits.lease, 3600),
        ("limits.link_life", limits.link_life, 31 * DAY),
        ("limits.short_code_life", limits.short_code_life, DAY),
        ("limits.sign_in_wait", limits.sign_in_wait, DAY),
        ("limits.page_deadline", limits.page_deadline, 300),
        ("limits.session_idle", limits.session_idle, 3600),
        ("limits.session_idle_doctor", limits.session_idle_doctor, 3600),
        ("limits.session_idle_patient", limits.session_idle_patient, 3600),
        ("limits.session_half_signed_in", limits.session_half_signed_in, 900),
        ("limits.session_absolute", limits.session_absolute, DAY),
        ("limits.step_up", limits.step_up, 3600),
        ("limits.hold_most", limits.hold_most, 3660 * DAY),
        ("limits.clock_tolerance", limits.clock_tolerance, 3600),
        ("limits.clock_absence", limits.clock_absence, 3660 * DAY),
    ] {
        within(key, span.as_secs(), 1, high)?;
    }
    Ok(())
}

fn retention(retention: &Retention) -> Result<(), ConfigError> {
    for (key, days, high) in [
        ("retention.quarantined_days", retention.quarantined_days, 90),
        ("retention.in_review_days", retention.in_review_days, 90),
        ("retention.approved_days", retention.approved_days, 90),
        ("retention.released_days", retention.released_days, 366),
        ("retention.rejected_days", retention.rejected_days, 366),
        ("retention.audit_days", retention.audit_days, 36_600),
    ] {
        within(key, days.into(), 1, high)?;
    }
    Ok(())
}

fn within(key: &str, value: u64, low: u64, high: u64) -> Result<(), ConfigError> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    refuse(key, &format!("must be from {low} to {high}"))
}

fn text(key: &str, value: &str, most_chars: usize) -> Result<(), ConfigError> {
    let is_plain = !value.trim().is_empty() && !value.chars().any(char::is_control);
    if is_plain && value.chars().count() <= most_chars {
        return Ok(());
    }
    refuse(key, &format!("must be 1 to {most_chars} characters without control characters"))
}

fn is_host_name(host: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.len() <= 253 && host.split('.').all(is_label)
}

fn refuse(key: &str, reason: &str) -> Result<(), ConfigError> {
    Err(ConfigError::Refused { key: key.to_owned(), reason: reason.to_owned() })
}

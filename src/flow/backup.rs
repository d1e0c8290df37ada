//! Backups are made, looked into and restored; and nothing that was purged comes back with one.
//!
//! Content stays in the store as it is, sealed; a backup of the data lists what must be there. What
//! is put back is first brought to today: what has expired since is purged, and keys that no row
//! asks for any more are destroyed, before the caller lets any door open it.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::FlowError;
use super::expire::{self, Kept};
use crate::app::{App, Whole};
use crate::backup::{Backup, Facts, Identity, Recipient, Writer};
use crate::domain::authority::Signer;
use crate::domain::backup::{Manifest, Which};
use crate::domain::content::Area;
use crate::domain::state::{Release, Sha256Hex, State};
use crate::domain::{Action, Actor, ArtifactId, ObjectId, Timestamp};

/// What a backup is made with.
pub struct Order<'a> {
    pub which: Which,
    /// The folder of backups of this database.
    pub folder: &'a Path,
    /// The operator's key, which this machine need not have.
    pub recipient: &'a Recipient,
    pub signer: &'a Signer,
}

/// What a backup brings, as far as it can be said without restoring it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Contents {
    pub rows: u64,
    /// Artifacts whose time is over: they are purged when it is restored.
    pub due: u64,
}

/// What was done to what was put back before anybody may see it.
#[derive(Debug, Default)]
pub struct Settled {
    /// Artifacts purged.
    pub purged: u64,
    /// Those past their time that could not be; the worker goes on trying.
    pub kept: Vec<Kept>,
    /// Keys destroyed: what they open was purged, recalled or forgotten since.
    pub keys_destroyed: u64,
}

/// Told of how many rows are done.
pub type Progress<'a> = &'a mut (dyn FnMut(u64) + Send);

/// Rows put in with one statement, and their bytes.
const BATCH: usize = 200;
const BATCH_BYTES: usize = 1024 * 1024;
/// Wrapped keys looked at in one step.
const KEYS: u32 = 200;

/// Makes a backup; without its event there is none.
pub async fn create(
    app: &App,
    mut source: Whole,
    order: &Order<'_>,
    actor: Actor,
    progress: Progress<'_>,
) -> Result<(PathBuf, Manifest), FlowError> {
    let at = app.clock.trusted()?;
    let mark = hex::encode(app.random.bytes::<8>()?);
    let mut writer = Writer::create(order.folder, &mark, order.recipient)?;
    let (mut needed, mut done, mut log_size) = (Needed::default(), 0, 0);
    let schema = source
        .read(&mut |table, row| {
            done += 1;
            progress(done);
            log_size += u64::from(table == "log_leaves");
            needed.see(table, row)?;
            writer.row(table, row)
        })
        .await?;
    source.close().await?;
    let is_data = order.which == Which::Data;
    let facts = Facts {
        clinic: app.clinic.id,
        which: order.which,
        at,
        schema,
        log_size: is_data.then_some(log_size),
        expires_at: (!is_data).then(|| at.plus(app.retention.longest_stay())),
    };
    let objects = is_data.then(|| needed.lines(app));
    let (folder, manifest) = writer.finish(&facts, objects.as_deref(), order.signer)?;
    if let Err(error) = app.db.append(&event(app, actor, Action::BackupCreate, &manifest)?).await {
        // Gone as far as it can be; the error says that there is no backup.
        let _ = std::fs::remove_dir_all(&folder);
        return Err(error.into());
    }
    Ok((folder, manifest))
}

/// Opens a backup whole and counts what it brings; nothing is changed.
///
/// # Errors
/// [`FlowError::Backup`] if it was changed, is past its end, or the key is another's.
pub fn look(backup: &Backup, identity: &Identity, now: Timestamp) -> Result<Contents, FlowError> {
    #[derive(Deserialize)]
    struct Due {
        due_at: Option<i64>,
    }
    if backup.manifest.is_expired(now) {
        return Err(FlowError::BackupExpired);
    }
    backup.verify()?;
    let mut contents = Contents::default();
    let mut tables: HashMap<String, u64> = HashMap::new();
    for row in backup.rows(identity)? {
        let (table, json) = row?;
        contents.rows += 1;
        if table == "artifacts" {
            let row: Due = parse(&json)?;
            contents.due += u64::from(row.due_at.is_some_and(|due| due <= now.as_millis()));
        }
        *tables.entry(table).or_default() += 1;
    }
    let as_signed = tables.len() == backup.manifest.tables.len()
        && tables.iter().all(|(table, rows)| backup.manifest.tables.get(table) == Some(rows));
    if as_signed { Ok(contents) } else { Err(FlowError::Internal("a backup lacks rows")) }
}

/// Puts a backup that was looked into in an empty database, and brings that to this program's
/// schema.
///
/// # Errors
/// [`FlowError::NotEmpty`] if there is anything in it; [`FlowError::NewerSchema`] if the backup or
/// the database is of a later schema than can be met.
pub async fn fill(
    backup: &Backup,
    identity: &Identity,
    mut target: Whole,
    progress: Progress<'_>,
) -> Result<(), FlowError> {
    let schema = backup.manifest.schema;
    expect_place(&mut target, schema).await?;
    target.prepare(schema).await?;
    target.begin().await?;
    let (mut batch, mut of, mut done) = (Batch::default(), String::new(), 0);
    for row in backup.rows(identity)? {
        let (table, json) = row?;
        if table != of || batch.is_full() {
            batch.put(&mut target, &of).await?;
        }
        of = table;
        batch.add(json);
        done += 1;
        progress(done);
    }
    batch.put(&mut target, &of).await?;
    target.commit().await?;
    Ok(target.finish().await?)
}

/// Whether a database can take a backup of this schema.
///
/// # Errors
/// As [`fill`].
pub async fn expect_place(target: &mut Whole, schema: i64) -> Result<(), FlowError> {
    if !target.is_empty().await? {
        return Err(FlowError::NotEmpty);
    }
    if target.schema().await? > schema || schema > target.newest_schema() {
        return Err(FlowError::NewerSchema);
    }
    Ok(())
}

/// Brings what was put back to today, before any door opens it. A file that cannot go does not keep
/// everything else from being put back.
pub async fn settle(app: &App, restored: &[&Manifest], actor: Actor) -> Result<Settled, FlowError> {
    let mut settled = Settled::default();
    for manifest in restored {
        app.db.append(&event(app, actor, Action::BackupRestore, manifest)?).await?;
    }
    if restored.iter().any(|it| it.which == Which::Keys) {
        settled.keys_destroyed = destroy_unwanted(app).await?;
    }
    // It may be put back under another retention than it was made under.
    expire::reckon(app).await?;
    loop {
        let expired = expire::run(app, actor).await;
        if let Some(error) = expired.failed {
            return Err(error);
        }
        settled.purged += expired.artifacts.len() as u64;
        if expired.artifacts.is_empty() {
            return Ok(Settled { kept: expired.kept, ..settled });
        }
    }
}

/// Destroys the keys that rows of today do not ask for; how many.
async fn destroy_unwanted(app: &App) -> Result<u64, FlowError> {
    let (mut after, mut destroyed) = (String::new(), 0);
    loop {
        let batch = app.db.wrapped_objects(&after, KEYS).await?;
        let Some(last) = batch.last() else {
            return Ok(destroyed);
        };
        after = last.to_string();
        for object in batch {
            if !is_wanted(app, object).await? {
                app.db.destroy_wrap(object).await?;
                destroyed += 1;
            }
        }
    }
}

/// Whether the rows still give an object: not of what was purged, and no rendition but the one that
/// is released.
async fn is_wanted(app: &App, object: ObjectId) -> Result<bool, FlowError> {
    let Some(row) = app.db.object(object).await? else { return Ok(false) };
    let Some(artifact) = app.db.artifact(row.artifact).await? else { return Ok(false) };
    let is_rendition = row.area == Area::Release;
    Ok(match &artifact.state {
        State::Purged { .. } => false,
        State::Released { release, .. } => {
            let Release { rendition, .. } = &**release;
            !is_rendition || rendition.object == object
        }
        State::Quarantined { .. }
        | State::InReview { .. }
        | State::Approved { .. }
        | State::Rejected { .. } => !is_rendition,
    })
}

fn event(
    app: &App,
    actor: Actor,
    action: Action,
    manifest: &Manifest,
) -> Result<crate::domain::Event, FlowError> {
    let rows = manifest.rows();
    let event = app.event(actor, action)?.fact("which", manifest.which.as_str());
    Ok(event
        .fact("made_at", &manifest.at)
        .fact("sha256", &manifest.rows_sha256)
        .fact("rows", &rows))
}

fn parse<T: for<'a> Deserialize<'a>>(json: &str) -> Result<T, FlowError> {
    serde_json::from_str(json).map_err(|_| FlowError::Internal("a row of a backup does not read"))
}

/// Rows of one table that go in together.
#[derive(Default)]
struct Batch {
    rows: Vec<String>,
    bytes: usize,
}

impl Batch {
    fn is_full(&self) -> bool {
        self.rows.len() >= BATCH || self.bytes >= BATCH_BYTES
    }

    fn add(&mut self, json: String) {
        self.bytes += json.len();
        self.rows.push(json);
    }

    async fn put(&mut self, target: &mut Whole, table: &str) -> Result<(), FlowError> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let Self { rows, .. } = std::mem::take(self);
        Ok(target.insert(table, &format!("[{}]", rows.join(","))).await?)
    }
}

/// The parts that the store must have, gathered from rows as they pass.
#[derive(Default)]
struct Needed {
    purged: HashSet<ArtifactId>,
    objects: HashMap<ObjectId, (Area, ArtifactId)>,
    parts: Vec<Part>,
}

#[derive(Deserialize)]
struct Part {
    object: ObjectId,
    position: u32,
    sealed_sha256: Sha256Hex,
}

impl Needed {
    fn see(&mut self, table: &str, json: &str) -> io::Result<()> {
        #[derive(Deserialize)]
        struct Row {
            object: ObjectId,
            artifact: ArtifactId,
            area: Area,
        }
        #[derive(Deserialize)]
        struct Artifact {
            id: ArtifactId,
            due_at: Option<i64>,
        }
        match table {
            "artifacts" => {
                let Artifact { id, due_at } = serde_json::from_str(json)?;
                if due_at.is_none() {
                    self.purged.insert(id);
                }
            }
            "objects" => {
                let Row { object, artifact, area } = serde_json::from_str(json)?;
                self.objects.insert(object, (area, artifact));
            }
            "parts" => self.parts.push(serde_json::from_str(json)?),
            _ => {}
        }
        Ok(())
    }

    /// Lines as `sha256sum --check` reads them, in order.
    fn lines(&self, app: &App) -> Vec<String> {
        let line = |part: &Part| {
            let (area, artifact) = self.objects.get(&part.object)?;
            let name = app.vault.part_name(*area, part.object, part.position);
            (!self.purged.contains(artifact)).then(|| format!("{}  {name}", part.sealed_sha256))
        };
        let mut lines: Vec<String> = self.parts.iter().filter_map(line).collect();
        lines.sort();
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::receive;
    use crate::testing::TestApp;

    #[tokio::test]
    async fn one_file_that_cannot_go_is_told_of_and_keeps_nothing_from_being_put_back() {
        let world = TestApp::new().await;
        let app = &world.intake.app;
        let stays = receive::tests::received(&world, b"content").await.id.to_string();
        receive::tests::received(&world, b"content").await;
        world.run(&format!("UPDATE artifacts SET facts = '' WHERE id = '{stays}'")).await;
        world.hand.advance(app.retention.longest_stay());
        let settled = settle(app, &[], app.itself()).await.unwrap();
        let kept: Vec<&str> = settled.kept.iter().map(|kept| kept.artifact.as_str()).collect();
        assert_eq!((settled.purged, kept), (1, vec![stays.as_str()]));
    }
}

//! What a sensor saw, how far it was read, and whether it is heard.

use sqlx::Row as _;

use super::rows::{self, big, to_json};
use super::{Answer, Connection, DbError, Row, Store, events};
use crate::db::NewSightings;
use crate::domain::sensor::{Heard, Hearing};
use crate::domain::sighting::{Counts, Mark, Reading, Seen, Sighting, Transaction, canonical};
use crate::domain::state::Sha256Hex;
use crate::domain::{Event, Timestamp, submission};

/// Most sightings that are kept once they were looked at: a flood does not fill the disk, and says
/// that it is one.
const MOST_KEPT: i64 = 50_000;
/// Most rows of one look.
const LOOK_LIMIT: i64 = 500;

impl Store {
    pub(in crate::db) async fn sensor_mark(&self, source: &str) -> Answer<Option<Mark>> {
        let row = sqlx::query("SELECT mark FROM sensor_sources WHERE source = $1")
            .bind(source)
            .fetch_optional(&self.reader)
            .await?;
        let mark: Option<String> = row.map(|row| row.try_get("mark")).transpose()?.flatten();
        mark.map(|mark| rows::json(&mark, "sensor_sources")).transpose()
    }

    pub(in crate::db) async fn take_reading(
        &self,
        reading: &Reading,
        most_waiting: u32,
        now: Timestamp,
    ) -> Answer<Option<Counts>> {
        let mut tx = self.begin().await?;
        let waiting: i64 =
            sqlx::query_scalar("SELECT COUNT(digest) FROM sightings WHERE looked_at IS NULL")
                .fetch_one(&mut *tx)
                .await?;
        let mut room = i64::from(most_waiting).saturating_sub(waiting);
        let can_wait = reading.mark.is_some();
        if can_wait && room <= 0 {
            // Whatever comes in until it is taken may be what it warns of.
            let nothing = Reading::of(&reading.source);
            write_down(&mut tx, &nothing, Counts::default(), Some(now), now).await?;
            tx.commit().await?;
            return Ok(None);
        }
        let mut counts = reading.counts;
        for sighting in &reading.sightings {
            // A file's readings are bounded, so what the last of them has over the room is little.
            if room <= 0 && !can_wait {
                counts.dropped += 1;
            } else if insert(&mut tx, sighting, now).await? {
                room -= 1;
            } else {
                counts.duplicates += 1;
            }
        }
        let losing = Reading { counts, ..Reading::default() }.loses();
        write_down(&mut tx, reading, counts, losing.then_some(now), now).await?;
        tx.commit().await?;
        Ok(Some(counts))
    }

    pub(in crate::db) async fn await_source(&self, source: &str, since: Timestamp) -> Answer<()> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO sensor_sources (source, counts, sign_at) VALUES ($1, $2, $3) \
             ON CONFLICT (source) DO UPDATE SET sign_at = excluded.sign_at \
             WHERE sensor_sources.sign_at IS NULL OR sensor_sources.sign_at < excluded.sign_at",
        )
        .bind(source)
        .bind(to_json(&Counts::default(), "sensor_sources")?)
        .bind(since.as_millis())
        .execute(&mut *tx)
        .await?;
        Ok(tx.commit().await?)
    }

    pub(in crate::db) async fn miss_source(&self, source: &str, since: Timestamp) -> Answer<()> {
        let mut tx = self.begin().await?;
        sqlx::query("UPDATE sensor_sources SET sign_at = $2 WHERE source = $1 AND sign_at < $2")
            .bind(source)
            .bind(since.as_millis())
            .execute(&mut *tx)
            .await?;
        Ok(tx.commit().await?)
    }

    pub(in crate::db) async fn retire_source(&self, source: &str) -> Answer<()> {
        let mut tx = self.begin().await?;
        sqlx::query("UPDATE sensor_sources SET sign_at = NULL WHERE source = $1")
            .bind(source)
            .execute(&mut *tx)
            .await?;
        Ok(tx.commit().await?)
    }

    pub(in crate::db) async fn heard(&self, since: Timestamp) -> Answer<Heard> {
        let row = sqlx::query(
            "SELECT COALESCE((SELECT MIN(sign_at) FROM sensor_sources WHERE sign_at >= $1), \
             MAX(sign_at)) AS sign_at, MAX(lost_at) AS lost_at FROM sensor_sources",
        )
        .bind(since.as_millis())
        .fetch_one(&self.reader)
        .await?;
        let noted = sqlx::query("SELECT hearing, since FROM sensor_health WHERE id = 1")
            .fetch_optional(&self.reader)
            .await?;
        let noted = noted.map(|row| {
            let hearing = Hearing::parse(&rows::text(&row, "hearing")?);
            let hearing = hearing.ok_or(DbError::Corrupt("sensor_health"))?;
            Ok::<_, DbError>((hearing, rows::time(&row, "since")?))
        });
        Ok(Heard {
            sign_at: rows::optional_time(&row, "sign_at")?,
            lost_at: rows::optional_time(&row, "lost_at")?,
            noted: noted.transpose()?,
        })
    }

    pub(in crate::db) async fn sensor_counts(&self) -> Answer<Vec<(String, Counts)>> {
        let found = sqlx::query("SELECT source, counts FROM sensor_sources ORDER BY source")
            .fetch_all(&self.reader)
            .await?;
        let counts = |row: &Row| {
            let counts = rows::json(&rows::text(row, "counts")?, "sensor_sources")?;
            Ok((rows::text(row, "source")?, counts))
        };
        found.iter().map(counts).collect()
    }

    pub(in crate::db) async fn set_hearing(&self, hearing: Hearing, event: &Event) -> Answer<bool> {
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "INSERT INTO sensor_health (id, hearing, since) VALUES (1, $1, $2) \
             ON CONFLICT (id) DO UPDATE SET hearing = excluded.hearing, since = excluded.since \
             WHERE sensor_health.hearing <> excluded.hearing",
        )
        .bind(hearing.as_str())
        .bind(event.at.as_millis())
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        events::append(&mut tx, event).await?;
        tx.commit().await?;
        Ok(true)
    }

    pub(in crate::db) async fn new_sightings(&self, limit: u32) -> Answer<NewSightings> {
        let found = sqlx::query(
            "SELECT body, (SELECT o.digest FROM sightings o WHERE o.flow = s.flow \
             AND o.request_number = s.request_number AND o.digest <> s.digest LIMIT 1) AS other \
             FROM sightings s WHERE looked_at IS NULL ORDER BY arrived_at, digest LIMIT $1",
        )
        .bind(i64::from(limit))
        .fetch_all(&self.reader)
        .await?;
        let mut new = NewSightings::default();
        for row in &found {
            let other: Option<String> = row.try_get("other")?;
            let like = if other.is_some() { &mut new.in_company } else { &mut new.alone };
            like.push(sighting(row)?);
        }
        Ok(new)
    }

    pub(in crate::db) async fn looked_at(
        &self,
        sightings: &[Sighting],
        now: Timestamp,
    ) -> Answer<()> {
        let mut tx = self.begin().await?;
        // All digests are as long as one another, so a text of them is a list.
        sqlx::query(
            "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n \
             WHERE (i + 1) * 64 < length($2)) \
             UPDATE sightings SET looked_at = $1 \
             WHERE digest IN (SELECT substr($2, i * 64 + 1, 64) FROM n)",
        )
        .bind(now.as_millis())
        .bind(sightings.iter().map(Sighting::digest).collect::<String>())
        .execute(&mut *tx)
        .await?;
        make_room(&mut tx, now).await?;
        Ok(tx.commit().await?)
    }

    pub(in crate::db) async fn sightings_in(
        &self,
        transaction: Transaction,
    ) -> Answer<Vec<Sighting>> {
        let Transaction { flow: Some(flow), request: Some(request) } = transaction else {
            return Ok(Vec::new());
        };
        let found = sqlx::query(
            // Neither hides the other, and notes hide nothing.
            "SELECT body FROM (SELECT body FROM sightings WHERE flow = $1 AND request_number = $2 \
             AND kind NOT IN ('alert', 'note') ORDER BY arrived_at, digest LIMIT $3) AS told \
             UNION ALL \
             SELECT body FROM (SELECT body FROM sightings WHERE flow = $1 AND request_number = $2 \
             AND kind IN ('alert', 'note') ORDER BY kind = 'note', arrived_at, digest LIMIT $3) \
             AS raised",
        )
        .bind(big(flow))
        .bind(big(request))
        .bind(LOOK_LIMIT)
        .fetch_all(&self.reader)
        .await?;
        found.iter().map(sighting).collect()
    }

    pub(in crate::db) async fn sightings_about(
        &self,
        sha256: &Sha256Hex,
        connection: &submission::Connection,
        community: &str,
    ) -> Answer<Vec<Sighting>> {
        let found = sqlx::query(
            "SELECT body FROM (SELECT body FROM sightings WHERE sha256 = $1 OR request = $2 \
             ORDER BY arrived_at DESC, digest LIMIT $5) AS told \
             UNION ALL \
             SELECT body FROM (SELECT body FROM sightings WHERE kind IN ('alert', 'note') \
             AND (client = $3 OR community = $4) \
             ORDER BY kind = 'note', arrived_at DESC, digest LIMIT $5) AS raised",
        )
        .bind(sha256.as_str())
        .bind(&connection.request)
        .bind(canonical(connection.peer).to_string())
        .bind(community)
        .bind(LOOK_LIMIT)
        .fetch_all(&self.reader)
        .await?;
        found.iter().map(sighting).collect()
    }

    pub(in crate::db) async fn sweep_sightings(
        &self,
        before: Timestamp,
        alerts_before: Timestamp,
    ) -> Answer<u64> {
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "DELETE FROM sightings WHERE looked_at IS NOT NULL AND (arrived_at < $2 \
             OR (arrived_at < $1 AND kind <> 'alert' AND NOT EXISTS (SELECT 1 FROM sightings a \
             WHERE a.kind = 'alert' AND a.flow = sightings.flow \
             AND a.request_number = sightings.request_number)))",
        )
        .bind(before.as_millis())
        .bind(alerts_before.as_millis())
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(done.rows_affected())
    }
}

/// Whether it was not known yet.
async fn insert(tx: &mut Connection, sighting: &Sighting, now: Timestamp) -> Answer<bool> {
    let (sha256, request) = match &sighting.seen {
        Seen::Alert { .. } => (None, None),
        Seen::File { sha256, .. } => (Some(sha256.as_str()), None),
        Seen::Request { id } => (None, Some(id.as_str())),
    };
    let done = sqlx::query(
        "INSERT INTO sightings (digest, arrived_at, kind, flow, request_number, client, \
         community, sha256, request, body) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
         ON CONFLICT (digest) DO NOTHING",
    )
    .bind(sighting.digest())
    .bind(now.as_millis())
    .bind(sighting.seen.kind())
    .bind(sighting.transaction.flow.map(big))
    .bind(sighting.transaction.request.map(big))
    .bind(canonical(sighting.client).to_string())
    .bind(sighting.community.as_deref())
    .bind(sha256)
    .bind(request)
    .bind(to_json(sighting, "sightings")?)
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Removes the oldest of what was looked at and is more than is kept: alerts that stop last, and
/// never unsaid, as an upload that still comes in may be theirs.
async fn make_room(tx: &mut Connection, now: Timestamp) -> Answer<()> {
    let kept: i64 =
        sqlx::query_scalar("SELECT COUNT(digest) FROM sightings WHERE looked_at IS NOT NULL")
            .fetch_one(&mut *tx)
            .await?;
    if kept <= MOST_KEPT {
        return Ok(());
    }
    let removed: Vec<String> = sqlx::query_scalar(
        "DELETE FROM sightings WHERE digest IN (SELECT digest FROM sightings \
         WHERE looked_at IS NOT NULL ORDER BY kind = 'alert', arrived_at, digest LIMIT $1) \
         RETURNING kind",
    )
    .bind(kept - MOST_KEPT)
    .fetch_all(&mut *tx)
    .await?;
    if removed.iter().any(|kind| kind == "alert") {
        sqlx::query("UPDATE sensor_sources SET lost_at = $1")
            .bind(now.as_millis())
            .execute(tx)
            .await?;
    }
    Ok(())
}

/// Adds a reading to what is known of its source. Others write it too: the streams of one socket, and
/// whoever loses alerts of it. So its row is written, which holds it, before it is read.
async fn write_down(
    tx: &mut Connection,
    reading: &Reading,
    counts: Counts,
    lost_at: Option<Timestamp>,
    now: Timestamp,
) -> Answer<()> {
    const TABLE: &str = "sensor_sources";
    let row = sqlx::query(
        "INSERT INTO sensor_sources (source, counts) VALUES ($1, $2) \
         ON CONFLICT (source) DO UPDATE SET counts = sensor_sources.counts \
         RETURNING counts, sign_at, lost_at",
    )
    .bind(&reading.source)
    .bind(to_json(&Counts::default(), TABLE)?)
    .fetch_one(&mut *tx)
    .await?;
    let before: Counts = rows::json(&rows::text(&row, "counts")?, TABLE)?;
    // A sensor whose clock is ahead would be heard for longer than it lives.
    let sign_at = reading.sign_at.map(|at| at.min(now)).max(rows::optional_time(&row, "sign_at")?);
    let lost_at = lost_at.max(rows::optional_time(&row, "lost_at")?);
    let mark = reading.mark.as_ref().map(|mark| to_json(mark, TABLE)).transpose()?;
    sqlx::query(
        "UPDATE sensor_sources SET mark = COALESCE($2, mark), counts = $3, sign_at = $4, \
         lost_at = $5 WHERE source = $1",
    )
    .bind(&reading.source)
    .bind(mark)
    .bind(to_json(&before.plus(counts), TABLE)?)
    .bind(sign_at.map(Timestamp::as_millis))
    .bind(lost_at.map(Timestamp::as_millis))
    .execute(tx)
    .await?;
    Ok(())
}

fn sighting(row: &Row) -> Answer<Sighting> {
    rows::json(&rows::text(row, "body")?, "sightings")
}

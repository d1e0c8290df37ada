//! Rows that grant authority: staff, machines, links, approvals. Stored and found here, believed
//! nowhere in this module.

use sqlx::QueryBuilder;
use sqlx::query::Query;

use super::{
    Answer, Connection, DbError, Engine, Row, Store, artifacts, events, hold_artifact, push_all,
    rows,
};
use crate::db::{Approving, Slice};
use crate::domain::authority::{Grant, Signed};
use crate::domain::link::{Link, Standing};
use crate::domain::staff::{Approval, Machine, Staff};
use crate::domain::{ArtifactId, Event, LinkId, StaffId, Timestamp};

/// Selects grants that change, each with the last version of it that the access log tells of.
macro_rules! grants {
    ($table:literal, $which:literal) => {
        concat!(
            "SELECT g.id, g.body, g.signature, (SELECT MAX(e.grant_version) FROM events e ",
            "WHERE e.grant_id = g.id) AS last_version FROM ",
            $table,
            " g ",
            $which
        )
    };
}

type Statement<'q> = Query<'q, Engine, <Engine as sqlx::Database>::Arguments>;

impl Store {
    pub(in crate::db) async fn put_staff(
        &self,
        row: &Signed<Staff>,
        staff: &Staff,
        event: &Event,
    ) -> Answer<()> {
        let statement = sqlx::query(
            "INSERT INTO staff (id, login, body, signature) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (id) DO UPDATE SET body = excluded.body, signature = excluded.signature",
        )
        .bind(staff.id.to_string())
        .bind(&staff.login)
        .bind(&row.body)
        .bind(&row.signature);
        self.write_grant(statement, event).await
    }

    pub(in crate::db) async fn staff_by_login(&self, login: &str) -> Answer<Option<Signed<Staff>>> {
        self.edition(sqlx::query(grants!("staff", "WHERE login = $1")).bind(login)).await
    }

    pub(in crate::db) async fn staff(&self, id: StaffId) -> Answer<Option<Signed<Staff>>> {
        let id = id.to_string();
        self.edition(sqlx::query(grants!("staff", "WHERE id = $1")).bind(id)).await
    }

    pub(in crate::db) async fn all_staff(&self) -> Answer<Vec<Signed<Staff>>> {
        self.editions(sqlx::query(grants!("staff", "ORDER BY login"))).await
    }

    pub(in crate::db) async fn put_machine(
        &self,
        row: &Signed<Machine>,
        machine: &Machine,
        event: &Event,
    ) -> Answer<()> {
        let statement = sqlx::query(
            "INSERT INTO machines (id, certificate_sha256, body, signature) \
             VALUES ($1, $2, $3, $4) \
             ON CONFLICT (id) DO UPDATE SET body = excluded.body, signature = excluded.signature",
        )
        .bind(machine.id.to_string())
        .bind(&machine.certificate_sha256)
        .bind(&row.body)
        .bind(&row.signature);
        self.write_grant(statement, event).await
    }

    pub(in crate::db) async fn machine_by_certificate(
        &self,
        sha256: &str,
    ) -> Answer<Option<Signed<Machine>>> {
        let statement = sqlx::query(grants!("machines", "WHERE certificate_sha256 = $1"));
        self.edition(statement.bind(sha256)).await
    }

    pub(in crate::db) async fn all_machines(&self) -> Answer<Vec<Signed<Machine>>> {
        self.editions(sqlx::query(grants!("machines", "ORDER BY id"))).await
    }

    pub(in crate::db) async fn put_link(
        &self,
        row: &Signed<Link>,
        link: &Link,
        event: &Event,
    ) -> Answer<()> {
        let statement = sqlx::query(
            "INSERT INTO links (id, secret_digest, code_digest, doctor, team, until, body, \
             signature) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
             ON CONFLICT (id) DO UPDATE SET until = excluded.until, body = excluded.body, \
             signature = excluded.signature",
        )
        .bind(link.id.to_string())
        .bind(&link.secret_digest)
        .bind(&link.code_digest)
        .bind(link.doctor.to_string())
        .bind(&link.team)
        .bind(link.ends_at().as_millis())
        .bind(&row.body)
        .bind(&row.signature);
        self.write_grant(statement, event).await
    }

    pub(in crate::db) async fn link(&self, id: LinkId) -> Answer<Option<Signed<Link>>> {
        let id = id.to_string();
        self.edition(sqlx::query(grants!("links", "WHERE id = $1")).bind(id)).await
    }

    pub(in crate::db) async fn links_by_id(&self, ids: &[LinkId]) -> Answer<Vec<Signed<Link>>> {
        let mut query = QueryBuilder::<Engine>::new(grants!("links", "WHERE g.id IN ("));
        push_all(&mut query, ids);
        self.editions(query.build()).await
    }

    pub(in crate::db) async fn link_by_secret(&self, digest: &str) -> Answer<Option<Signed<Link>>> {
        let statement = sqlx::query(grants!("links", "WHERE secret_digest = $1"));
        self.edition(statement.bind(digest)).await
    }

    pub(in crate::db) async fn link_by_code(&self, digest: &str) -> Answer<Option<Signed<Link>>> {
        let statement = sqlx::query(grants!("links", "WHERE code_digest = $1"));
        self.edition(statement.bind(digest)).await
    }

    pub(in crate::db) async fn links(
        &self,
        standing: Standing,
        now: Timestamp,
        slice: Slice,
    ) -> Answer<Vec<Signed<Link>>> {
        // An id begins with when it was made.
        let statement = sqlx::query(match standing {
            Standing::Open => {
                grants!("links", "WHERE until > $1 ORDER BY id DESC LIMIT $2 OFFSET $3")
            }
            Standing::Ended => grants!(
                "links",
                "WHERE until <= $1 ORDER BY until DESC, id DESC LIMIT $2 OFFSET $3"
            ),
        });
        let statement = statement.bind(now.as_millis()).bind(i64::from(slice.limit));
        self.editions(statement.bind(i64::from(slice.skip))).await
    }

    pub(in crate::db) async fn count_links(
        &self,
        standing: Standing,
        now: Timestamp,
    ) -> Answer<u64> {
        let statement = sqlx::query(match standing {
            Standing::Open => "SELECT COUNT(*) AS n FROM links WHERE until > $1",
            Standing::Ended => "SELECT COUNT(*) AS n FROM links WHERE until <= $1",
        });
        let row = statement.bind(now.as_millis()).fetch_one(&self.reader).await?;
        rows::number(&row, "n", "links")
    }

    pub(in crate::db) async fn links_of(
        &self,
        doctor: StaffId,
        now: Timestamp,
    ) -> Answer<Vec<Signed<Link>>> {
        let statement = sqlx::query(grants!("links", "WHERE doctor = $1 AND until > $2"));
        self.editions(statement.bind(doctor.to_string()).bind(now.as_millis())).await
    }

    pub(in crate::db) async fn add_approval(&self, approving: Approving<'_>) -> Answer<()> {
        let Approving { row, approval, event, known, change } = approving;
        let mut tx = self.begin().await?;
        // One after another, so that of two at once the later one meets the earlier.
        hold_artifact(&mut tx, approval.artifact).await?;
        sqlx::query(
            "INSERT INTO approvals (id, artifact, version, reviewer, body, signature) \
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(approval.id.to_string())
        .bind(approval.artifact.to_string())
        .bind(i64::from(approval.version))
        .bind(approval.reviewer.to_string())
        .bind(&row.body)
        .bind(&row.signature)
        .execute(&mut *tx)
        .await?;
        if count_approvals(&mut tx, approval).await? != known.saturating_add(1) {
            return Err(DbError::Conflict);
        }
        events::append(&mut tx, event).await?;
        if let Some(change) = change {
            let due_at = self.retention.due_at(&change.artifact);
            artifacts::write(&mut tx, &change, due_at).await?;
        }
        Ok(tx.commit().await?)
    }

    pub(in crate::db) async fn approvals(
        &self,
        artifact: ArtifactId,
        version: u32,
    ) -> Answer<Vec<Signed<Approval>>> {
        let statement = sqlx::query(
            "SELECT body, signature FROM approvals WHERE artifact = $1 AND version = $2 \
             ORDER BY id",
        );
        let statement = statement.bind(artifact.to_string()).bind(i64::from(version));
        statement.fetch_all(&self.reader).await?.iter().map(rows::signed).collect()
    }

    async fn write_grant(&self, statement: Statement<'_>, event: &Event) -> Answer<()> {
        let mut tx = self.begin().await?;
        statement.execute(&mut *tx).await?;
        events::append(&mut tx, event).await?;
        Ok(tx.commit().await?)
    }

    pub(super) async fn one<G: Grant>(
        &self,
        statement: Statement<'_>,
    ) -> Answer<Option<Signed<G>>> {
        let row: Option<Row> = statement.fetch_optional(&self.reader).await?;
        row.as_ref().map(rows::signed).transpose()
    }

    async fn edition<G: Grant>(&self, statement: Statement<'_>) -> Answer<Option<Signed<G>>> {
        let row: Option<Row> = statement.fetch_optional(&self.reader).await?;
        row.as_ref().map(rows::edition).transpose()
    }

    async fn editions<G: Grant>(&self, statement: Statement<'_>) -> Answer<Vec<Signed<G>>> {
        let found: Vec<Row> = statement.fetch_all(&self.reader).await?;
        found.iter().map(rows::edition).collect()
    }
}

/// Approvals of the version that this one is about.
async fn count_approvals(tx: &mut Connection, approval: &Approval) -> Answer<usize> {
    let row =
        sqlx::query("SELECT COUNT(*) AS n FROM approvals WHERE artifact = $1 AND version = $2")
            .bind(approval.artifact.to_string())
            .bind(i64::from(approval.version))
            .fetch_one(tx)
            .await?;
    rows::number(&row, "n", "approvals")
}

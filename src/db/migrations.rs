//! What makes each database: the files of `migrations/`, under the same names for both engines.

use std::sync::LazyLock;

use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};

use crate::domain::backup::Which;

/// Both databases of an engine.
#[derive(Debug)]
pub(super) struct Schemas {
    pub(super) data: Migrator,
    pub(super) keys: Migrator,
}

/// The files of a folder, by their names, one for each number from 1 on.
macro_rules! files {
    ($folder:expr; $($name:literal)+) => {
        in_order(&[$(($name, include_str!(concat!("../../migrations/", $folder, "/", $name, ".sql")))),+])
    };
}

macro_rules! schemas {
    ($engine:literal) => {
        LazyLock::new(|| Schemas {
            data: files!(
                concat!($engine, "/data");
                "0001_first"
                "0002_detected"
                "0003_grants"
                "0004_uploads"
                "0005_sensor"
                "0006_lists"
                "0007_signatures"
                "0008_suspensions"
                "0009_deliveries"
                "0010_whole_lists"
                "0011_search"
                "0012_changed"
                "0013_lost_leases"
            ),
            keys: files!(concat!($engine, "/keys"); "0001_first"),
        })
    };
}

pub(super) static SQLITE: LazyLock<Schemas> = schemas!("sqlite");
pub(super) static POSTGRES: LazyLock<Schemas> = schemas!("postgres");

impl Schemas {
    pub(super) const fn of(&self, which: Which) -> &Migrator {
        match which {
            Which::Data => &self.data,
            Which::Keys => &self.keys,
        }
    }
}

fn in_order(files: &[(&str, &'static str)]) -> Migrator {
    let migrations = (1..).zip(files).map(|(number, (name, text))| {
        let named = name.split_once('_').map_or(*name, |(_, named)| named).replace('_', " ");
        Migration::new(number, named.into(), MigrationType::Simple, text.into_sql_str(), false)
    });
    Migrator::with_migrations(migrations.collect())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[tokio::test]
    async fn they_are_what_stands_in_the_folders() {
        for (engine, schemas) in [("sqlite", &SQLITE), ("postgres", &POSTGRES)] {
            for (database, embedded) in [("data", &schemas.data), ("keys", &schemas.keys)] {
                let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
                let folder = folder.join(engine).join(database);
                let read = Migrator::new(folder.as_path()).await.unwrap();
                assert_eq!(summary(embedded), summary(&read), "{}", folder.display());
            }
        }
    }

    fn summary(migrator: &Migrator) -> Vec<(i64, &str, &[u8], MigrationType, bool)> {
        fn one(it: &Migration) -> (i64, &str, &[u8], MigrationType, bool) {
            (it.version, &it.description, &it.checksum, it.migration_type, it.no_tx)
        }
        migrator.iter().map(one).collect()
    }
}

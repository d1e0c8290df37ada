//! Both engines have the same tables, columns, keys, indexes and triggers, so that one text serves
//! both.

use std::collections::BTreeSet;
use std::path::Path;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Executor as _, Row as _};

use super::world::{Place, prepared};

/// One line for each thing there is, in words that both engines share.
const OF_SQLITE: &str = r#"
WITH t AS (SELECT name, sql FROM sqlite_master
           WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name <> '_sqlx_migrations')
SELECT 'column ' || t.name || '.' || c.name || ' ' || c.type || iif(c."notnull", ' NOT NULL', '')
    FROM t, pragma_table_info(t.name) c
UNION ALL SELECT 'key ' || t.name || ' ' || group_concat(c.name, ',' ORDER BY c.pk)
    FROM t, pragma_table_info(t.name) c WHERE c.pk > 0 GROUP BY t.name
UNION ALL SELECT 'unique ' || t.name || ' ' || group_concat(i.name, ',' ORDER BY i.seqno)
    FROM t, pragma_index_list(t.name) l, pragma_index_info(l.name) i
    WHERE l.origin = 'u' GROUP BY t.name, l.name
UNION ALL
SELECT 'index ' || l.name || ' ' || t.name || ' ' || group_concat(i.name, ',' ORDER BY i.seqno)
    FROM t, pragma_index_list(t.name) l, pragma_index_info(l.name) i
    WHERE l.origin = 'c' GROUP BY t.name, l.name
UNION ALL SELECT 'reference ' || t.name || '.' || f."from" || ' ' || f."table" || '.' || f."to"
    FROM t, pragma_foreign_key_list(t.name) f
UNION ALL SELECT 'check ' || t.name FROM t WHERE t.sql LIKE '%CHECK (%'
UNION ALL SELECT 'trigger ' || name || ' ' || tbl_name FROM sqlite_master WHERE type = 'trigger'
"#;

/// The same of PostgreSQL. Its triggers against `TRUNCATE` have no counterpart: SQLite cannot.
const OF_POSTGRESQL: &str = r"
WITH t AS (SELECT oid, relname AS name FROM pg_class
           WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'
           AND relname <> '_sqlx_migrations'),
constraints AS (SELECT t.name, t.oid, k.contype, k.conname, k.confrelid::regclass::text AS other,
    (SELECT string_agg(a.attname, ',' ORDER BY n) FROM unnest(k.conkey) WITH ORDINALITY u (c, n)
     JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.c) AS names,
    (SELECT string_agg(a.attname, ',' ORDER BY n) FROM unnest(k.confkey) WITH ORDINALITY u (c, n)
     JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.c) AS others
    FROM t JOIN pg_constraint k ON k.conrelid = t.oid)
SELECT 'column ' || t.name || '.' || a.attname || ' ' || upper(format_type(a.atttypid, a.atttypmod))
    || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END
    FROM t JOIN pg_attribute a ON a.attrelid = t.oid WHERE a.attnum > 0 AND NOT a.attisdropped
UNION ALL SELECT 'key ' || name || ' ' || names FROM constraints WHERE contype = 'p'
UNION ALL SELECT 'unique ' || name || ' ' || names FROM constraints WHERE contype = 'u'
UNION ALL SELECT 'index ' || c.relname || ' ' || t.name || ' ' ||
    (SELECT string_agg(a.attname, ',' ORDER BY n) FROM unnest(i.indkey) WITH ORDINALITY u (c, n)
     JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = u.c)
    FROM t JOIN pg_index i ON i.indrelid = t.oid JOIN pg_class c ON c.oid = i.indexrelid
    WHERE NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = i.indexrelid
                      AND k.conrelid = t.oid)
UNION ALL SELECT 'reference ' || name || '.' || names || ' ' || other || '.' || others
    FROM constraints WHERE contype = 'f'
UNION ALL SELECT 'check ' || name FROM constraints WHERE contype = 'c'
UNION ALL SELECT 'trigger ' || g.tgname || ' ' || t.name
    FROM t JOIN pg_trigger g ON g.tgrelid = t.oid
    WHERE NOT g.tgisinternal AND g.tgname NOT LIKE '%no_truncate'
";

#[tokio::test(flavor = "multi_thread")]
async fn both_engines_have_the_same_schemas() {
    let (files, cluster) = (Place::files(), prepared().await);
    drop(files.open().await);
    for (file, schema, tables) in [("data.db", "sekisho", 32), ("keys.db", "sekisho_keys", 1)] {
        let here = of_sqlite(&files.file(file)).await;
        let there = of_postgresql(cluster.socket(), schema).await;
        let only_here: Vec<_> = here.difference(&there).collect();
        let only_there: Vec<_> = there.difference(&here).collect();
        assert!(
            only_here.is_empty() && only_there.is_empty(),
            "SQLite alone: {only_here:#?}\nPostgreSQL alone: {only_there:#?}"
        );
        let keys = here.iter().filter(|line| line.starts_with("key ")).count();
        assert_eq!(keys, tables, "the schemas were not read");
    }
}

#[test]
fn both_engines_have_migrations_of_the_same_names() {
    let names = |engine: &str, schema: &str| -> BTreeSet<String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
        let listed = std::fs::read_dir(folder.join(engine).join(schema)).expect("a folder");
        listed.map(|it| it.expect("a file").file_name().to_string_lossy().into_owned()).collect()
    };
    for schema in ["data", "keys"] {
        assert_eq!(names("sqlite", schema), names("postgres", schema));
        assert!(names("sqlite", schema).contains("0001_first.sql"));
    }
}

async fn of_sqlite(file: &Path) -> BTreeSet<String> {
    let options = SqliteConnectOptions::new().filename(file);
    let mut connection: SqliteConnection = options.connect().await.expect("opens");
    let rows = connection.fetch_all(OF_SQLITE).await.expect("reads");
    rows.iter().map(|row| row.get(0)).collect()
}

async fn of_postgresql(socket: &Path, schema: &str) -> BTreeSet<String> {
    let options = PgConnectOptions::new_without_pgpass()
        .socket(socket)
        .username("postgres")
        .database("prepared")
        .options([("search_path", schema)]);
    let mut connection: PgConnection = options.connect().await.expect("connects");
    let rows = connection.fetch_all(OF_POSTGRESQL).await.expect("reads");
    rows.iter().map(|row| row.get(0)).collect()
}

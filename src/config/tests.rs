use std::path::Path;

use super::*;

const LEAST: &str = r#"
[clinic]
id = "0199a0c0-0000-7000-8000-000000000001"
name_ja = "関所クリニック"
name_en = "Sekisho Clinic"
telephone = "03-0000-0000"
[doors.intake]
listen = "127.0.0.1:8443"
host = "intake.localhost"
certificate = "tls/intake.pem"
key = "tls/intake.key"
[doors.portal]
listen = "127.0.0.1:8444"
host = "portal.localhost"
certificate = "tls/portal.pem"
key = "tls/portal.key"
[doors.review]
listen = "127.0.0.1:8445"
host = "review.localhost"
certificate = "tls/review.pem"
key = "tls/review.key"
[doors.machines]
listen = "127.0.0.1:8446"
host = "portal.localhost"
certificate = "tls/machines.pem"
key = "tls/machines.key"
"#;

fn load(text: &str) -> Result<Config, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(FILE_NAME);
    std::fs::write(&file, text).unwrap();
    // No variable starts like this: the environment of the test run stays out.
    Config::read(&file, Env::prefixed("SEKISHO_TEST_NOTHING_"))
}

fn refused_key(text: &str) -> String {
    match load(text) {
        Err(ConfigError::Refused { key, .. } | ConfigError::UnsafeSetting { key, .. }) => key,
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn an_unknown_key_is_refused_by_name_in_every_section() {
    assert_eq!(refused_key(&format!("colour = 1\n{LEAST}")), "colour");
    for (section, key) in [("clinic", "clinic.colour"), ("doors.intake", "doors.intake.colour")] {
        let text = LEAST.replace(&format!("[{section}]"), &format!("[{section}]\ncolour = 1"));
        assert_eq!(refused_key(&text), key);
    }
    for section in ["paths", "users", "log", "policy", "limits", "retention", "unsafe"] {
        let text = format!("{LEAST}\n[{section}]\ncolour = 1\n");
        assert_eq!(refused_key(&text), format!("{section}.colour"));
    }
    assert!(load(&format!("{LEAST}\n[clamd]\nmode = \"managed\"\ncolour = 1\n")).is_err());
    assert!(load(&format!("{LEAST}\n[clamd]\nmode = \"off\"\n")).is_err());
}

#[test]
fn an_unsafe_setting_is_refused_by_name() {
    for key in
        ["clamd_off", "yara_off", "jail_off", "audit_log_off", "mfa_off", "fsync_off", "tls_off"]
    {
        let error = load(&format!("{LEAST}\n[unsafe]\n{key} = true\n")).unwrap_err();
        let sentence = error.to_string();
        assert!(sentence.contains(&format!("unsafe setting unsafe.{key}")), "{sentence}");
    }
    let demo_set = "[policy]\naccept_demo_set = true\n";
    assert_eq!(refused_key(&format!("{LEAST}\n{demo_set}")), "policy.accept_demo_set");
    assert!(load(&format!("demo = true\n{LEAST}\n{demo_set}")).is_ok());
}

#[test]
fn a_missing_or_wrong_value_is_refused_by_name() {
    assert_eq!(refused_key(&LEAST.replace("telephone = ", "# ")), "clinic.telephone");
    assert_eq!(refused_key(&LEAST.replace("0199a0c0", "zzz")), "clinic.id");
    assert_eq!(refused_key(&LEAST.replace("\"127.0.0.1:8443\"", "8443")), "doors.intake.listen");
    let loud = LEAST.replace("intake.localhost", "Intake");
    assert_eq!(refused_key(&loud), "doors.intake.host");
    assert!(matches!(
        Config::load(Path::new("/nowhere/sekisho.toml")),
        Err(ConfigError::Unreadable { .. })
    ));
}

#[test]
fn doors_for_people_share_neither_name_nor_address() {
    let same_host = LEAST.replace("review.localhost", "portal.localhost");
    assert_eq!(refused_key(&same_host), "doors.review.host");
    let same_port = LEAST.replace("8445", "8444");
    assert_eq!(refused_key(&same_port), "doors.review.listen");
}

#[test]
fn a_limit_is_held_at_under_and_over_its_bounds() {
    let with = |line: &str| load(&format!("{LEAST}\n[limits]\n{line}\n"));
    assert!(with("network_connections = 1").is_ok());
    assert!(with("network_connections = 2048").is_ok());
    assert!(with("network_connections = 0").is_err());
    assert!(with("network_connections = 2049").is_err());
    assert!(with("page_deadline = 300").is_ok());
    assert!(with("page_deadline = 301").is_err());
    assert!(with("link_submissions = 1").is_ok());
    assert!(with("link_submissions = 1000").is_ok());
    assert!(with("link_submissions = 0").is_err());
    assert!(with("link_submissions = 1001").is_err());
    assert!(with("link_tries = 1").is_ok());
    assert!(with("link_tries = 20").is_ok());
    assert!(with("link_tries = 0").is_err());
    assert!(with("link_tries = 21").is_err());
    assert!(with("password_chars = 14").is_err());
    assert!(with("part_bytes = 1048577").is_err());
    assert!(with("part_memory_bytes = 0").is_ok());
    assert!(with("part_memory_bytes = 68719476736").is_ok());
    assert!(with("part_memory_bytes = 68719476737").is_err());
    assert!(with("document_pages = 1").is_ok());
    assert!(with("document_pages = 1000").is_ok());
    assert!(with("document_pages = 0").is_err());
    assert!(with("document_pages = 1001").is_err());
    assert!(with("document_deadline = 120").is_ok());
    assert!(with("document_deadline = 121").is_err());
    assert!(with("upload_pieces = 16").is_ok());
    assert!(with("upload_pieces = 1000").is_ok());
    assert!(with("upload_pieces = 15").is_err());
    assert!(with("upload_pieces = 1001").is_err());
    assert!(with("uploads = 16").is_ok());
    assert!(with("uploads = 15").is_err(), "one link may have 16");
    assert!(with("uploads = 4096\nlink_uploads = 4096").is_ok());
    assert!(with("uploads = 4097").is_err());
    assert!(with("link_uploads = 0").is_err());
    assert!(with("upload_deadline = 86400").is_ok());
    assert!(with("upload_deadline = 86401").is_err());
    assert!(with("upload_life = 72000").is_ok());
    assert!(with("upload_life = 72001").is_err());
    // What is released must open again: room for every pixel.
    let room = |bytes: u64| with(&format!("image_pixels = 50000000\nopened_bytes = {bytes}"));
    assert!(room(151_000_001).is_ok());
    assert!(room(151_000_000).is_ok());
    assert!(room(150_999_999).is_err());
    assert!(load(&format!("{LEAST}\n[retention]\nreleased_days = 367\n")).is_err());
    assert!(load(&format!("{LEAST}\n[retention]\nreleased_days = 366\n")).is_ok());
}

#[test]
fn rules_that_suspend_are_held_at_under_and_over_their_bounds() {
    let rule = |changed: &str| {
        let mut lines = vec![
            ("counted", "\"alerts\""),
            ("threshold", "3"),
            ("window", "600"),
            ("suspend", "\"link\""),
            ("duration", "600"),
            ("tell", "[\"reviewer\"]"),
        ];
        if let Some((name, value)) = changed.split_once(" = ") {
            lines.retain(|(known, _)| *known != name);
            lines.push((name, value));
        }
        let lines = lines.iter().map(|(name, value)| format!("{name} = {value}"));
        lines.collect::<Vec<_>>().join("\n")
    };
    let with = |changed: &str| format!("{LEAST}\n[[suspend.rules]]\n{}", rule(changed));
    for fits in [
        "threshold = 1",
        "threshold = 1000",
        "window = 60",
        "window = 604800",
        "duration = 60",
        "duration = 2678400",
        "tell = []",
    ] {
        assert!(load(&with(fits)).is_ok(), "{fits}");
    }
    for (over, key) in [
        ("threshold = 0", "suspend.rules.0.threshold"),
        ("threshold = 1001", "suspend.rules.0.threshold"),
        ("window = 59", "suspend.rules.0.window"),
        ("window = 604801", "suspend.rules.0.window"),
        ("duration = 59", "suspend.rules.0.duration"),
        ("duration = 2678401", "suspend.rules.0.duration"),
        ("counted = \"guesses\"", "suspend.rules"),
        ("tell = [\"doctor\"]", "suspend.rules"),
    ] {
        assert_eq!(refused_key(&with(over)), key, "{over}");
    }
    assert!(load(&with("colour = 1")).is_err());
    let many = |count: usize| {
        let rules = format!("[[suspend.rules]]\n{}\n", rule("")).repeat(count);
        format!("{LEAST}\n{rules}")
    };
    assert!(load(&many(16)).is_ok());
    assert_eq!(refused_key(&many(17)), "suspend.rules");
    let never = |count: usize| {
        let ranges = (0..count).map(|it| format!("\"192.0.2.{it}/32\"")).collect::<Vec<_>>();
        format!("{LEAST}\n[suspend]\nnever = [{}]\n", ranges.join(", "))
    };
    assert!(load(&never(64)).is_ok());
    assert_eq!(refused_key(&never(65)), "suspend.never");
}

#[test]
fn proxies_and_this_machine_are_never_suspended() {
    let text = LEAST.replacen(
        "key = \"tls/intake.key\"",
        "key = \"tls/intake.key\"\nproxies = [\"192.0.2.1\"]",
        1,
    );
    let config = load(&text).unwrap();
    let suspend = config.policy().suspend;
    let never: Vec<_> = suspend.never.iter().map(ToString::to_string).collect();
    assert_eq!(never, ["127.0.0.1/32", "::1/128", "192.0.2.1/32"]);
    assert_eq!(suspend.rules, crate::domain::suspension::SuspendRule::usual());
    let none = load(&format!("{LEAST}\n[suspend]\nrules = []\n")).unwrap();
    assert_eq!(none.policy().suspend.rules, []);
}

#[test]
fn paths_are_absolute_and_the_file_reads_back_as_written() {
    let config = load(LEAST).unwrap();
    let folder = config.file.parent().unwrap();
    assert_eq!(config.paths.data, folder);
    assert_eq!(config.paths.data_db, folder.join("db/data.db"));
    assert_eq!(config.doors.intake.key, folder.join("tls/intake.key"));
    assert!(config.paths.jail.is_absolute());
    assert_eq!(config.doors.intake.url(), "https://intake.localhost:8443");
    let again = load(&config.to_toml()).unwrap();
    assert_eq!(Config { file: config.file.clone(), ..again }, config);
}

#[test]
fn the_database_is_sqlite_unless_a_server_is_named() {
    assert_eq!(load(LEAST).unwrap().database, Database::Sqlite {});
    let with = |lines: &str| format!("{LEAST}\n[database]\n{lines}\n");
    assert!(load(&with("engine = \"sqlite\"")).is_ok());
    assert!(load(&with("engine = \"sqlite\"\nurl = \"x\"")).is_err());
    assert!(load(&with("engine = \"mysql\"")).is_err());
    let server = "engine = \"postgres\"\nurl = \"postgresql://db.example/sekisho\"";
    assert_eq!(refused_key(&with(server)), "database.url");
    let with = |lines: &str| with(&format!("{lines}\n[egress]\nhosts = [\"db.example\"]"));
    let config = load(&with(&format!("{server}\nauthority = \"tls/db.pem\""))).unwrap();
    let authority = config.file.parent().unwrap().join("tls/db.pem");
    let url = "postgresql://db.example/sekisho".to_owned();
    assert_eq!(config.database, Database::Postgres { url, authority: Some(authority) });
    assert!(load(&config.to_toml()).is_ok());
    assert!(load(&with(&format!("{server}\npassword = \"x\""))).is_err());
    let secret = server.replace("//db", "//user:secret@db");
    assert_eq!(refused_key(&with(&secret)), "database.url");
}

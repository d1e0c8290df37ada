//! The database roles of a PostgreSQL server: who connects as whom, and the SQL that makes them.
//!
//! The SQL is for the server's administrator and holds no secret: passwords are made here, kept in
//! files of their own, and given to the server as SCRAM verifiers (RFC 5802, RFC 7677).

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::num::NonZeroU32;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
use aws_lc_rs::pbkdf2::{PBKDF2_HMAC_SHA256, derive};
use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use zeroize::Zeroizing;

use crate::config::Config;
use crate::domain::event::Role;

/// Who owns the schemas and brings them up to date.
pub const OWNER: &str = "sekisho_owner";
/// What the server itself asks of its own passwords' verifiers.
const ROUNDS: NonZeroU32 = NonZeroU32::MIN.saturating_add(4095);
/// Random bytes of a password: nobody types it.
const PASSWORD_BYTES: usize = 32;
/// The longest password file that is read, in bytes.
const FILE_LIMIT: u64 = 1024;

/// The database role of a role.
pub fn user(role: Role) -> String {
    format!("sekisho_{}", role.as_str())
}

/// Reads a password from an open file; an empty one means that there is none.
///
/// # Errors
/// The system's error; a file that others may read is refused.
pub fn read_password(file: File) -> io::Result<Option<Zeroizing<String>>> {
    let metadata = file.metadata()?;
    if metadata.is_file() && metadata.mode() & 0o077 != 0 {
        return Err(io::Error::other("a database password's file may be read by others"));
    }
    let mut text = Zeroizing::new(String::new());
    file.take(FILE_LIMIT).read_to_string(&mut text)?;
    let password = text.trim_end_matches('\n');
    Ok((!password.is_empty()).then(|| Zeroizing::new(password.to_owned())))
}

/// Opens a password file; what is absent reads as empty.
///
/// # Errors
/// Without the right to read it. Links are not followed.
pub fn open_password(path: &Path) -> io::Result<File> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::CLOEXEC;
    match File::options().read(true).custom_flags(flags.bits().cast_signed()).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => File::open("/dev/null"),
        opened => opened,
    }
}

/// The SQL that makes the roles and schemas, to be run in the service's own database by its
/// administrator. Makes the passwords that do not exist yet; running it again changes nothing.
///
/// # Errors
/// The system's error if a password cannot be kept.
pub fn roles_sql(config: &Config, database: &str) -> io::Result<String> {
    let mut sql = String::from(HEADING);
    let owner = (OWNER.to_owned(), config.paths.database_owner_password());
    let roles = Role::ALL.map(|role| (user(role), config.paths.database_password(role)));
    let mut names = Vec::new();
    for (name, file) in std::iter::once(owner).chain(roles) {
        let verifier = verifier(&password(&file)?)?;
        sql.push_str(&ROLE.replace("{name}", &name).replace("{verifier}", &verifier));
        names.push(name);
    }
    let rights = RIGHTS.replace("{database}", database).replace("{names}", &names.join(", "));
    sql.push_str(&rights.replace("{owner}", OWNER));
    Ok(sql)
}

/// The password in a file, made if there is none.
fn password(path: &Path) -> io::Result<Zeroizing<String>> {
    if !path.exists() {
        let mut bytes = Zeroizing::new([0; PASSWORD_BYTES]);
        fill(bytes.as_mut())?;
        let text = Zeroizing::new(hex::encode(&bytes));
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
    }
    read_password(open_password(path)?)?.ok_or_else(|| io::Error::other("an empty password file"))
}

/// What the server keeps instead of a password.
fn verifier(password: &str) -> io::Result<String> {
    let mut salt = [0; 16];
    fill(&mut salt)?;
    Ok(verifier_with(password, &salt))
}

fn verifier_with(password: &str, salt: &[u8]) -> String {
    let mut salted = Zeroizing::new([0; 32]);
    derive(PBKDF2_HMAC_SHA256, ROUNDS, salt, password.as_bytes(), salted.as_mut());
    let key = Key::new(HMAC_SHA256, salted.as_ref());
    let stored = digest(&SHA256, sign(&key, b"Client Key").as_ref());
    let server = sign(&key, b"Server Key");
    let [salt, stored, server] =
        [salt, stored.as_ref(), server.as_ref()].map(|bytes| BASE64.encode(bytes));
    format!("SCRAM-SHA-256${ROUNDS}:{salt}${stored}:{server}")
}

fn fill(bytes: &mut [u8]) -> io::Result<()> {
    SystemRandom::new().fill(bytes).map_err(|_| io::Error::other("the system gives no randomness"))
}

const HEADING: &str = "\
-- The database roles and schemas of Sekisho. Run this as the server's administrator, in the database
-- that the configuration names; it can be run again. It holds no secret. What each role may do is
-- granted by `sekisho database prepare`, which comes next.

";

const ROLE: &str = "\
DO $$ BEGIN
    CREATE ROLE {name};
EXCEPTION WHEN duplicate_object THEN NULL;
END $$;
ALTER ROLE {name} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS NOINHERIT
    PASSWORD '{verifier}';

";

const RIGHTS: &str = "\
REVOKE ALL ON DATABASE {database} FROM PUBLIC;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT CONNECT ON DATABASE {database} TO {names};
CREATE SCHEMA IF NOT EXISTS sekisho AUTHORIZATION {owner};
CREATE SCHEMA IF NOT EXISTS sekisho_keys AUTHORIZATION {owner};
";

#[cfg(test)]
mod tests {
    use super::*;

    /// The signature of the server in RFC 7677's example follows from the second of these keys.
    #[test]
    fn a_verifier_is_what_the_server_itself_would_keep() {
        let salt = BASE64.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        assert_eq!(
            verifier_with("pencil", &salt),
            "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$\
             WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
        );
    }

    #[test]
    fn a_password_is_made_once_and_refused_where_others_may_read_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("intake.password");
        assert!(read_password(open_password(&file).unwrap()).unwrap().is_none());
        let made = password(&file).unwrap();
        assert_eq!(made.len(), 2 * PASSWORD_BYTES);
        assert_eq!(password(&file).unwrap(), made);
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(password(&file).is_err());
    }
}

//! The demo's people: one or two for each role, with passwords and authenticator secrets that are
//! kept in one file for the demo's sake. A real clinic has no such file.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::command::Sekisho;
use super::{DemoError, settings, show};
use crate::totp::{self, TOTP_STEP_SECONDS, now_seconds};

/// Who signs in and how.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct SignIns {
    #[serde(rename = "sign_in", default)]
    pub(super) all: Vec<SignIn>,
}

/// One person.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SignIn {
    pub(super) login: String,
    pub(super) role: String,
    pub(super) name: String,
    pub(super) password: String,
    /// Base32, as authenticator apps take it.
    pub(super) totp_secret: String,
}

/// To whom the demo's links are addressed, and for whom its machine pulls.
pub(super) const DOCTOR: &str = "dr.aoki";

/// Login, role, name, care team.
const PEOPLE: [(&str, &str, &str, Option<&str>); 6] = [
    (DOCTOR, "doctor", "青木 健一", Some("internal-medicine")),
    ("dr.mori", "doctor", "森 由美子", Some("dermatology")),
    ("kimura", "reviewer", "木村（セキュリティ）", None),
    ("sato", "reviewer", "佐藤（セキュリティ）", None),
    ("tanaka", "reception", "田中（受付）", None),
    ("admin", "administrator", "管理者", None),
];
const MACHINE: &str = "consulting-room-1";

/// Adds whoever is missing.
pub(super) async fn add(sekisho: &Sekisho, data: &Path) -> Result<SignIns, DemoError> {
    let file = file(data);
    let mut known = if file.exists() { read(&file)? } else { SignIns::default() };
    for (login, role, name, team) in PEOPLE {
        if known.all.iter().any(|known| known.login == login) {
            continue;
        }
        show::step(&format!("adding {login} ({role})"));
        let password = password()?;
        let mut words = vec!["user", "add", "--login", login, "--name", name, "--role", role];
        words.extend(team.iter().flat_map(|team| ["--team", *team]));
        let answer = sekisho.ask_json(&words, &password).await?;
        let uri = answer.lines.first().and_then(|line| line.get("totp_uri")?.as_str());
        let secret = uri.and_then(|uri| uri.split_once("secret=")?.1.split('&').next());
        let unread = || DemoError::Unread(sekisho.program.clone(), "no TOTP secret".to_owned());
        known.all.push(SignIn {
            login: login.to_owned(),
            role: role.to_owned(),
            name: name.to_owned(),
            password,
            totp_secret: secret.ok_or_else(unread)?.to_owned(),
        });
        // After each: what is cut short goes on with the next run.
        write(&file, &known)?;
    }
    Ok(known)
}

/// The demo's clinic machine, registered by the first run: its files without their endings.
pub(super) async fn machine(sekisho: &Sekisho, data: &Path) -> Result<PathBuf, DemoError> {
    let folder = data.join("machine");
    let machine = folder.join(MACHINE);
    if !machine.with_extension("pem").exists() {
        settings::folder(&folder)?;
        let to = folder.to_string_lossy();
        let words = ["machine", "add", "--name", MACHINE, "--doctor", DOCTOR, "--to", &to];
        sekisho.ask_json(&words, "").await?;
    }
    Ok(machine)
}

/// The code that a person's authenticator app would show now, and for how many seconds.
///
/// # Errors
/// [`DemoError::NoSuchLogin`], or the file of sign-ins does not read.
pub fn code(data: &Path, login: &str) -> Result<(String, u64), DemoError> {
    let file = file(data);
    let known = read(&file)?;
    let person = known.all.iter().find(|person| person.login == login);
    let person = person.ok_or_else(|| DemoError::NoSuchLogin(file.clone()))?;
    let code = person.code().ok_or_else(|| DemoError::Unread(file, "a secret".to_owned()))?;
    Ok((code, TOTP_STEP_SECONDS - now_seconds() % TOTP_STEP_SECONDS))
}

impl SignIn {
    /// The code of now. `None` if the secret is none.
    pub(super) fn code(&self) -> Option<String> {
        totp::code(&self.totp_secret, now_seconds())
    }
}

fn file(data: &Path) -> PathBuf {
    data.join("demo-sign-ins.toml")
}

fn read(file: &Path) -> Result<SignIns, DemoError> {
    let text = std::fs::read_to_string(file).map_err(DemoError::at(file))?;
    toml::from_str(&text)
        .map_err(|error| DemoError::Unread(file.to_owned(), error.message().to_owned()))
}

/// Whole or not at all, and for its owner alone from its first byte.
fn write(path: &Path, known: &SignIns) -> Result<(), DemoError> {
    let text = toml::to_string(known)
        .map_err(|error| DemoError::Unread(path.to_owned(), error.to_string()))?;
    let unfinished = path.with_extension("new");
    let mut options = File::options();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(&unfinished).map_err(DemoError::at(&unfinished))?;
    file.write_all(text.as_bytes()).map_err(DemoError::at(&unfinished))?;
    std::fs::rename(&unfinished, path).map_err(DemoError::at(path))
}

/// Four groups of five letters and digits that cannot be taken for one another: 98 bits.
fn password() -> Result<String, DemoError> {
    const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz23456789-";
    let mut bytes = [0; 20];
    getrandom::fill(&mut bytes).map_err(|_| DemoError::Randomness)?;
    let letters =
        bytes.map(|byte| LETTERS.get(usize::from(byte % 31)).map_or('x', |l| char::from(*l)));
    Ok(letters
        .chunks(5)
        .map(|group| group.iter().collect::<String>())
        .collect::<Vec<_>>()
        .join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_long_enough_and_never_the_same() -> Result<(), DemoError> {
        let (one, other) = (password()?, password()?);
        assert_eq!(one.len(), 23);
        assert_ne!(one, other);
        Ok(())
    }
}

//! The service's own command line, as an operator would use it.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::DemoError;

/// `sekisho` with the demo's configuration.
#[derive(Debug)]
pub(super) struct Sekisho {
    pub(super) program: PathBuf,
    pub(super) config: PathBuf,
}

/// What a command answered.
#[derive(Debug)]
pub(super) struct Answer {
    /// Exit code 0, against 1.
    pub(super) is_yes: bool,
    pub(super) text: String,
    /// The same as JSON, where it was asked for.
    pub(super) lines: Vec<Value>,
}

impl Sekisho {
    /// The program built beside this one, and the folder's configuration.
    pub(super) fn of(data: &Path) -> Result<Self, DemoError> {
        let own = std::env::current_exe()?;
        let program = own.with_file_name("sekisho");
        let config = std::path::absolute(data)?.join("sekisho.toml");
        for needed in [&program, &own.with_file_name("sekisho-jail")] {
            if !needed.exists() {
                return Err(DemoError::NotBuilt(needed.clone()));
            }
        }
        Ok(Self { program, config })
    }

    /// Makes what is missing in the folder.
    pub(super) async fn init(&self, data: &Path, signatures: &Path) -> Result<(), DemoError> {
        let mut command = Command::new(&self.program);
        command.args(["init", "--demo", "--local-ca", "--telephone", "03-0000-0000"]);
        command.args([
            "--clinic-ja",
            "青葉クリニック（デモ）",
            "--clinic-en",
            "Aoba Clinic (demo)",
        ]);
        command.arg("--data").arg(data).arg("--signatures").arg(signatures);
        answer(command, "init", "").await.map(drop)
    }

    /// Runs a command for its text.
    pub(super) async fn ask(&self, words: &[&str]) -> Result<Answer, DemoError> {
        answer(self.command(words), &words.join(" "), "").await
    }

    /// Runs a command for its JSON, with a secret on its standard input.
    pub(super) async fn ask_json(&self, words: &[&str], secret: &str) -> Result<Answer, DemoError> {
        let mut command = self.command(words);
        command.arg("--json");
        let mut answer = answer(command, &words.join(" "), secret).await?;
        answer.lines = json_lines(&answer.text);
        Ok(answer)
    }

    /// Fetches what was cleared, as a registered machine.
    pub(super) async fn pull(
        &self,
        machine: &Path,
        url: &str,
        data: &Path,
        to: &Path,
    ) -> Result<Answer, DemoError> {
        let mut command = Command::new(&self.program);
        command.args(["pull", "--json", "--url", url]).arg("--to").arg(to);
        command.arg("--cert").arg(machine.with_extension("pem"));
        command.arg("--key").arg(machine.with_extension("key"));
        command.arg("--ca").arg(data.join("tls/local-ca.pem"));
        command.arg("--public").arg(data.join("keys/public.toml"));
        let mut answer = answer(command, "pull", "").await?;
        answer.lines = json_lines(&answer.text);
        Ok(answer)
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--config").arg(&self.config).args(words);
        command
    }
}

/// Exit codes 0 and 1 are answers; all else is a failure, told as the command told it.
async fn answer(mut command: Command, what: &str, secret: &str) -> Result<Answer, DemoError> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.kill_on_drop(true).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // A command that reads no secret may have closed its end.
        let _ = stdin.write_all(secret.as_bytes()).await;
    }
    let output = child.wait_with_output().await?;
    if !matches!(output.status.code(), Some(0 | 1)) {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(DemoError::Command { what: what.to_owned(), said });
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(Answer { is_yes: output.status.success(), text, lines: Vec::new() })
}

fn json_lines(text: &str) -> Vec<Value> {
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

//! `sekisho machine` and `sekisho keys`.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::{Value, json};

use super::output::Output;
use super::{Answer, CliError, open};
use crate::app::PublicKeys;
use crate::domain::staff::{Machine, Staff};
use crate::flow::people;
use crate::ops::init;

#[derive(Subcommand)]
pub(super) enum MachineCommand {
    /// Issue a client certificate for a clinic machine and register it for a doctor.
    #[command(after_help = "Example:
  sekisho machine add --name consulting-room-1 --doctor dr.aoki --to machine/")]
    Add {
        /// What the machine is called.
        #[arg(long)]
        name: String,
        /// Login of the doctor whose cleared submissions it pulls.
        #[arg(long)]
        doctor: String,
        /// Folder for the certificate and its key, to be carried to the machine.
        #[arg(long)]
        to: PathBuf,
    },
    /// List registered machines.
    List,
}

#[derive(Subcommand)]
pub(super) enum KeysCommand {
    /// List the public halves; no private key is read.
    List,
}

pub(super) async fn run(
    command: MachineCommand,
    config: Option<&Path>,
    output: Output,
) -> Result<Answer, CliError> {
    let config = open::config(config)?;
    let review = open::review(&config).await?;
    match command {
        MachineCommand::Add { name, doctor, to } => {
            let issued = init::issue_machine(&config, &name, &to)?;
            let actor = open::operator();
            let machine =
                people::add_machine(&review, actor, &name, &doctor, &issued.sha256).await?;
            let json = json!({ "id": machine.id, "certificate_sha256": issued.sha256 });
            let text =
                format!("registered {name} ({}); its files are in {}", machine.id, to.display());
            output.say(&json, &text)?;
        }
        MachineCommand::List => {
            let staff = people::all_staff(&review.app).await?;
            let machines = people::all_machines(&review.app).await?;
            let rows: Vec<_> = machines.iter().map(|machine| row(machine, &staff)).collect();
            let heading = ["ID", "NAME", "STATE", "DOCTOR"];
            output.table(heading, &rows, "no machine is registered yet")?;
        }
    }
    Ok(Answer::Yes)
}

fn row(machine: &Machine, staff: &[Staff]) -> (Value, [String; 4]) {
    let doctor = staff.iter().find(|it| it.id == machine.doctor);
    let state = machine.state(doctor).as_str();
    let json = json!({
        "id": machine.id, "name": machine.name, "doctor": machine.doctor,
        "state": state, "certificate_sha256": machine.certificate_sha256,
    });
    let doctor = machine.doctor.to_string();
    (json, [machine.id.to_string(), machine.name.clone(), state.to_owned(), doctor])
}

pub(super) fn keys(
    KeysCommand::List: &KeysCommand,
    config: Option<&Path>,
    output: Output,
) -> Result<Answer, CliError> {
    let config = open::config(config)?;
    let public = PublicKeys::read(&config.paths.public_keys())?;
    let row = |(name, key): (&'static str, String)| {
        (json!({ "name": name, "key": key }), [name.to_owned(), key])
    };
    let rows: Vec<_> = public.list().into_iter().map(row).collect();
    output.table(["NAME", "PUBLIC KEY"], &rows, "")?;
    Ok(Answer::Yes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::staff::StaffRole;
    use crate::testing::TestApp;

    #[tokio::test]
    async fn a_machine_whose_doctor_left_is_not_called_active() {
        let app = TestApp::new().await;
        app.staff("doctor", StaffRole::Doctor).await;
        let (review, actor) = (&app.review, open::operator());
        let machine = people::add_machine(review, actor, "room 1", "doctor", "aa").await.unwrap();
        let state = async || {
            let machines = people::all_machines(&review.app).await.unwrap();
            let (json, columns) = row(&machines[0], &people::all_staff(&review.app).await.unwrap());
            assert_eq!(json["state"], columns[2].as_str());
            columns[2].clone()
        };
        assert_eq!(state().await, "active");
        people::disable_staff(review, actor, "doctor").await.unwrap();
        assert_eq!(state().await, "recalls_only");
        people::disable_machine(review, actor, machine.id).await.unwrap();
        assert_eq!(state().await, "disabled");
    }
}

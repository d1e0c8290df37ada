//! `sekisho user`: add, list, disable.

use std::io::Read as _;
use std::path::Path;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use zeroize::Zeroizing;

use super::output::Output;
use super::{Answer, CliError, open};
use crate::domain::staff::{Staff, StaffRole};
use crate::flow::people::{self, Disabled, NewStaff};
use crate::flow::sign_in;

#[derive(Subcommand)]
pub(super) enum UserCommand {
    /// Add a member of staff; the secret for their authenticator app is printed once.
    #[command(after_help = "Example:
  sekisho user add --login dr.aoki --name '青木 健一' --role doctor --password-file - < password")]
    Add(AddArgs),
    /// List members of staff.
    List,
    /// Disable a member of staff at once.
    Disable { login: String },
}

#[derive(Args)]
pub(super) struct AddArgs {
    /// What is typed at sign-in: 3 to 40 of a-z 0-9 . _ -
    #[arg(long)]
    login: String,
    /// What pages show.
    #[arg(long)]
    name: String,
    #[arg(long, value_enum)]
    role: RoleArg,
    /// Care team whose members see the same submissions.
    #[arg(long)]
    team: Option<String>,
    /// File with the password, or `-` for standard input.
    #[arg(long, default_value = "-")]
    password_file: String,
}

#[derive(Clone, Copy, ValueEnum)]
enum RoleArg {
    Doctor,
    Reviewer,
    Reception,
    Administrator,
}

/// Longest secret read from a file.
const SECRET_LIMIT: u64 = 1024;

pub(super) async fn run(
    command: UserCommand,
    config: Option<&Path>,
    output: Output,
) -> Result<Answer, CliError> {
    let config = open::config(config)?;
    let review = open::review(&config).await?;
    match command {
        UserCommand::Add(args) => {
            let new = NewStaff {
                role: role(args.role),
                password: secret_from(&args.password_file)?,
                login: args.login,
                display_name: args.name,
                team: args.team,
            };
            let added = people::add_staff(&review, open::operator(), new).await?;
            let clinic = &review.app.clinic.name_en;
            let uri = sign_in::totp_uri(clinic, &added.staff.login, &added.totp_secret);
            let text =
                format!("added {} ({})\n{uri}", added.staff.login, added.staff.role.as_str());
            output.say(&json!({ "id": added.staff.id, "totp_uri": uri }), &text)?;
        }
        UserCommand::List => list(&people::all_staff(&review.app).await?, output)?,
        UserCommand::Disable { login } => {
            let disabled = people::disable_staff(&review, open::operator(), &login).await?;
            let json = json!({
                "disabled": disabled.staff.id, "open_links": disabled.open_links,
                "links_without_reader": disabled.links_without_reader,
            });
            output.say(&json, &text_of(&login, &disabled))?;
        }
    }
    Ok(Answer::Yes)
}

/// Says what becomes of links that patients hold already.
fn text_of(login: &str, disabled: &Disabled) -> String {
    let Disabled { open_links, links_without_reader, .. } = disabled;
    match open_links {
        0 => format!("disabled {login}"),
        _ => format!(
            "disabled {login}\nopen links that are addressed to them: {open_links}; of these \
             {links_without_reader} open no new visit, as nobody else of a team sees what comes"
        ),
    }
}

/// Reads a secret from a file or standard input, without its line end: never from an argument.
pub(super) fn secret_from(file: &str) -> Result<Zeroizing<String>, CliError> {
    let mut text = Zeroizing::new(String::new());
    if file == "-" {
        std::io::stdin().take(SECRET_LIMIT).read_to_string(&mut text)?;
    } else {
        std::fs::File::open(file)?.take(SECRET_LIMIT).read_to_string(&mut text)?;
    }
    let trimmed = text.trim_end_matches(['\r', '\n']).len();
    text.truncate(trimmed);
    Ok(text)
}

fn list(all: &[Staff], output: Output) -> Result<(), CliError> {
    let row = |staff: &Staff| {
        let state = if staff.disabled_at.is_some() { "disabled" } else { "active" };
        let json = json!({
            "id": staff.id, "login": staff.login, "name": staff.display_name,
            "role": staff.role, "team": staff.team, "state": state,
        });
        let columns = [
            staff.login.clone(),
            staff.role.as_str().to_owned(),
            state.to_owned(),
            staff.team.clone().unwrap_or_default(),
            staff.display_name.clone(),
        ];
        (json, columns)
    };
    let rows: Vec<_> = all.iter().map(row).collect();
    output.table(["LOGIN", "ROLE", "STATE", "TEAM", "NAME"], &rows, "no one was added yet")
}

const fn role(arg: RoleArg) -> StaffRole {
    match arg {
        RoleArg::Doctor => StaffRole::Doctor,
        RoleArg::Reviewer => StaffRole::Reviewer,
        RoleArg::Reception => StaffRole::Reception,
        RoleArg::Administrator => StaffRole::Administrator,
    }
}

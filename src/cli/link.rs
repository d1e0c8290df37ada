//! `sekisho link`: issue, list, revoke.

use std::path::Path;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::output::Output;
use super::{Answer, CliError, open};
use crate::app::Review;
use crate::domain::LinkId;
use crate::domain::link::{LinkState, Patient, Purpose, SecondSecret, Sender, Standing};
use crate::flow::link::{self, IssuedLink, LinkRequest, Listed};
use crate::flow::list::{Asked, PageNumber};
use crate::flow::people;

#[derive(Subcommand)]
pub(super) enum LinkCommand {
    /// Issue a link; its secrets are printed once.
    #[command(after_help = "Example:
  sekisho link issue --doctor dr.aoki --patient P-0001 --second-secret-file dob.txt --qr")]
    Issue(Box<IssueArgs>),
    /// List links: those that are open, newest first, then those that ended.
    List,
    /// Revoke a link.
    Revoke { id: LinkId },
}

#[derive(Args)]
pub(super) struct IssueArgs {
    /// Login of the doctor who asks.
    #[arg(long)]
    doctor: String,
    /// The clinic's own number for the patient.
    #[arg(long)]
    patient: String,
    /// Name of the person acting for the patient; absent: the patient sends.
    #[arg(long)]
    proxy: Option<String>,
    /// Why the clinic asks.
    #[arg(long, value_enum, default_value = "before-consultation")]
    purpose: PurposeArg,
    /// What the second secret is.
    #[arg(long, value_enum, default_value = "birth-date")]
    second_secret: SecondSecretArg,
    /// File with the second secret, or `-` for standard input: never an argument, as arguments
    /// can be read by others on the machine.
    #[arg(long, default_value = "-")]
    second_secret_file: String,
    /// Life in days; the configured default if absent.
    #[arg(long)]
    days: Option<u16>,
    /// Draw the link as a QR code.
    #[arg(long)]
    qr: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum PurposeArg {
    BeforeConsultation,
    FollowUp,
    Skin,
    Papers,
}

#[derive(Clone, Copy, ValueEnum)]
enum SecondSecretArg {
    BirthDate,
    ClinicCode,
}

pub(super) async fn run(
    command: LinkCommand,
    config: Option<&Path>,
    output: Output,
) -> Result<Answer, CliError> {
    let config = open::config(config)?;
    let review = open::review(&config).await?;
    match command {
        LinkCommand::Issue(args) => {
            let request = request(&review, &args).await?;
            let issued = link::issue(&review, open::operator(), request).await?;
            show(&issued, &config.doors.intake.url(), args.qr, output)?;
        }
        LinkCommand::List => list(&all(&review).await?, output)?,
        LinkCommand::Revoke { id } => {
            link::revoke(&review, open::operator(), id).await?;
            output.say(&json!({ "revoked": id }), &format!("revoked {id}"))?;
        }
    }
    Ok(Answer::Yes)
}

async fn request(review: &Review, args: &IssueArgs) -> Result<LinkRequest, CliError> {
    let all = people::all_staff(&review.app).await?;
    let doctor = all.into_iter().find(|staff| staff.login == args.doctor);
    let doctor = doctor.ok_or_else(|| format!("there is no doctor with login {}", args.doctor))?;
    let sender = if args.proxy.is_some() { Sender::Proxy } else { Sender::Patient };
    Ok(LinkRequest {
        doctor: doctor.id,
        patient: Patient { number: args.patient.clone(), proxy_name: args.proxy.clone() },
        sender,
        purpose: match args.purpose {
            PurposeArg::BeforeConsultation => Purpose::BeforeConsultation,
            PurposeArg::FollowUp => Purpose::FollowUp,
            PurposeArg::Skin => Purpose::Skin,
            PurposeArg::Papers => Purpose::Papers,
        },
        second_secret_kind: match args.second_secret {
            SecondSecretArg::BirthDate => SecondSecret::BirthDate,
            SecondSecretArg::ClinicCode => SecondSecret::ClinicCode,
        },
        untrusted_second_secret: super::people::secret_from(&args.second_secret_file)?.to_string(),
        life: args.days.map(|days| Duration::from_hours(u64::from(days) * 24)),
    })
}

fn show(issued: &IssuedLink, url: &str, qr: bool, output: Output) -> Result<(), CliError> {
    let url = format!("{url}/#{}", issued.secret.expose());
    let code = issued.code.expose();
    let link = &issued.link;
    let json = json!({
        "id": link.id, "url": url, "short_code": code,
        "short_code_until": link.code_until.to_rfc3339(), "until": link.until.to_rfc3339(),
    });
    let mut text = format!(
        "link        {}\nurl         {url}\nshort code  {code} (until {})\nuntil       {}",
        link.id, link.code_until, link.until
    );
    if qr {
        let code = qrcode::QrCode::new(&url)?;
        let drawn = code.render::<qrcode::render::unicode::Dense1x2>().quiet_zone(true).build();
        text.push('\n');
        text.push_str(&drawn);
    }
    output.say(&json, &text)
}

/// Every link, page by page.
async fn all(review: &Review) -> Result<Vec<Listed>, CliError> {
    let mut links = Vec::new();
    for standing in Standing::ALL {
        let mut page = Some(PageNumber::FIRST);
        while let Some(number) = page.take() {
            let asked = Asked::Page(standing, number);
            for part in link::list(review, open::operator(), asked).await? {
                page = part.next();
                links.extend(part.rows);
            }
        }
    }
    Ok(links)
}

fn list(links: &[Listed], output: Output) -> Result<(), CliError> {
    let rows: Vec<_> = links.iter().map(row).collect();
    output.table(["ID", "STATE", "UNTIL", "DOCTOR"], &rows, "no link was issued yet")
}

fn row(Listed { link, state, .. }: &Listed) -> (Value, [String; 4]) {
    let suspended_until = match state {
        LinkState::Suspended { until } => Some(until.to_rfc3339()),
        LinkState::Open
        | LinkState::WithoutReader
        | LinkState::Closed
        | LinkState::Expired
        | LinkState::Revoked => None,
    };
    let json = json!({
        "id": link.id, "doctor": link.doctor, "state": state.as_str(),
        "issued_at": link.issued_at.to_rfc3339(), "until": link.until.to_rfc3339(),
        "suspended_until": suspended_until,
    });
    let columns = [
        link.id.to_string(),
        state.as_str().to_owned(),
        link.until.to_string(),
        link.doctor.to_string(),
    ];
    (json, columns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::link::Link;
    use crate::testing::TestApp;

    #[tokio::test]
    async fn the_list_says_what_keeps_a_link_from_opening() {
        let app = TestApp::new().await;
        let (closed, other) = (app.link().await.link, app.link().await.link);
        let state = async |link: &Link| {
            let links = all(&app.review).await.unwrap();
            let (json, columns) = row(links.iter().find(|it| it.link.id == link.id).unwrap());
            assert_eq!(json["state"], columns[1].as_str());
            columns[1].clone()
        };
        assert_eq!(state(&closed).await, "open");
        for _ in 0..app.review.app.limits.link_tries {
            let subject = format!("link:{}", closed.id);
            app.intake.app.db.add_try(&subject, app.review.app.clock.read()).await.unwrap();
        }
        assert_eq!((state(&closed).await, state(&other).await), ("closed".into(), "open".into()));
        people::disable_staff(&app.review, open::operator(), "doctor").await.unwrap();
        assert_eq!(state(&other).await, "without_reader");
        link::revoke(&app.review, open::operator(), other.id).await.unwrap();
        assert_eq!(state(&other).await, "revoked");
    }
}

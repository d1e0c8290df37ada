//! `sekisho link`: issue, list, revoke.

use std::path::Path;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use super::output::Output;
use super::{Answer, CliError, open};
use crate::app::Review;
use crate::domain::LinkId;
use crate::domain::link::{Link, Patient, Purpose, SecondSecret, Sender, Standing};
use crate::domain::suspension::Suspension;
use crate::flow::link::{self, IssuedLink, LinkRequest};
use crate::flow::list::{Asked, PageNumber};
use crate::flow::{people, suspend};

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
        LinkCommand::List => {
            let suspensions = suspend::links(&review).await?;
            list(&all(&review).await?, &suspensions, &review, output)?;
        }
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
async fn all(review: &Review) -> Result<Vec<Link>, CliError> {
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

fn list(
    links: &[Link],
    suspensions: &[(LinkId, Suspension)],
    review: &Review,
    output: Output,
) -> Result<(), CliError> {
    let now = review.app.clock.read();
    let suspension = |link: &Link| {
        suspensions.iter().find(|(id, _)| *id == link.id).map(|(_, suspension)| suspension)
    };
    let state = |link: &Link| match link.check(now, 0, 1) {
        Ok(()) if suspension(link).is_some() => "suspended",
        Ok(()) => "open",
        Err(refusal) => refusal.code(),
    };
    let row = |link: &Link| {
        let json = json!({
            "id": link.id, "doctor": link.doctor, "state": state(link),
            "issued_at": link.issued_at.to_rfc3339(), "until": link.until.to_rfc3339(),
            "suspended_until": suspension(link).map(|it| it.until.to_rfc3339()),
        });
        let columns = [
            link.id.to_string(),
            state(link).to_owned(),
            link.until.to_string(),
            link.doctor.to_string(),
        ];
        (json, columns)
    };
    let rows: Vec<_> = links.iter().map(row).collect();
    output.table(["ID", "STATE", "UNTIL", "DOCTOR"], &rows, "no link was issued yet")
}

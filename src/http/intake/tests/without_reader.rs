//! What a patient meets whose doctor is not there any more.

use axum::http::StatusCode;

use super::*;
use crate::domain::link::{Patient, Purpose, SecondSecret, Sender};
use crate::domain::staff::StaffRole;
use crate::flow::link::{self, LinkRequest};
use crate::flow::people::{self, Disabled, NewStaff};
use crate::testing::PASSWORD;

const SENTENCE: &str = "宛先の医師は、今は受け取ることができません。お電話ください";

#[tokio::test]
async fn a_link_that_nobody_reads_any_more_opens_no_new_visit_and_says_so() {
    let app = TestApp::new().await;
    let link = app.link().await;
    let [mut sends, mut hesitates, mut comes] = [patient(&app), patient(&app), patient(&app)];
    for before in [&mut sends, &mut hesitates] {
        open(before, &link, BIRTH_DATE).await;
    }
    agree(&mut sends).await;
    let disabled = disable(&app, "doctor").await;
    assert_eq!((disabled.open_links, disabled.links_without_reader), (1, 1));
    let refused = open(&mut comes, &link, BIRTH_DATE).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(refused.body.contains(SENTENCE), "{}", refused.body);
    assert!(refused.body.contains("03-0000-0000"));
    assert!(!refused.body.contains(link.secret.expose()), "as of any closed link");
    comes.cookie = Some("__Host-lang=en".into());
    let refused = open(&mut comes, &link, BIRTH_DATE).await;
    assert!(refused.body.contains("cannot receive anything now. Please call us"));
    let wrong = open(&mut comes, &link, "19480204").await;
    assert!(!wrong.body.contains("cannot receive"), "told to whoever has both secrets");
    let form = format!("version={AGREEMENT_VERSION}&agreed=yes");
    let refused = hesitates.post("/agree", &form).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(refused.body.contains(SENTENCE), "{}", refused.body);
    let trail = app.trail().await;
    for (refusal, count) in
        [("link_open:link_without_reader", 2), ("agreement_accept:link_without_reader", 1)]
    {
        assert_eq!(trail.iter().filter(|name| *name == refusal).count(), count, "{refusal}");
    }
    let photo: [Field<'_>; 1] = [("photos", Some("a.jpg"), &[7; 100])];
    assert_eq!(send(&mut sends, &photo).await.header("location"), "/receipt", "begun before");
}

#[tokio::test]
async fn a_link_of_a_team_is_open_while_one_of_its_doctors_is_there() {
    let app = TestApp::new().await;
    add(&app, "first", StaffRole::Doctor, Some("skin")).await;
    add(&app, "second", StaffRole::Doctor, Some("skin")).await;
    add(&app, "reviewer", StaffRole::Reviewer, Some("skin")).await;
    add(&app, "elsewhere", StaffRole::Doctor, Some("bone")).await;
    let doctor = app.intake.app.db.staff_by_login("first").await.unwrap().unwrap();
    let request = LinkRequest {
        doctor: doctor.verify(&app.intake.app.public.grant).unwrap().id,
        patient: Patient { number: "K-7".to_owned(), proxy_name: None },
        sender: Sender::Patient,
        purpose: Purpose::Skin,
        second_secret_kind: SecondSecret::BirthDate,
        untrusted_second_secret: BIRTH_DATE.to_owned(),
        life: None,
    };
    let actor = app.review.app.itself();
    let link = link::issue(&app.review, actor, request).await.unwrap();
    let disabled = disable(&app, "first").await;
    assert_eq!((disabled.open_links, disabled.links_without_reader), (1, 0));
    assert_eq!(open(&mut patient(&app), &link, BIRTH_DATE).await.status, StatusCode::SEE_OTHER);
    disable(&app, "second").await;
    assert_eq!(open(&mut patient(&app), &link, BIRTH_DATE).await.status, StatusCode::FORBIDDEN);
}

async fn add(app: &TestApp, login: &str, role: StaffRole, team: Option<&str>) {
    let new = NewStaff {
        login: login.to_owned(),
        display_name: login.to_owned(),
        role,
        team: team.map(str::to_owned),
        password: PASSWORD.to_owned().into(),
    };
    people::add_staff(&app.review, app.review.app.itself(), new).await.unwrap();
}

async fn disable(app: &TestApp, login: &str) -> Disabled {
    people::disable_staff(&app.review, app.review.app.itself(), login).await.unwrap()
}

mod sign_in;
pub(in crate::http) mod world;

use axum::http::StatusCode;

use world::World;

use crate::domain::authority::Signed;
use crate::domain::staff::{Staff, StaffRole};
use crate::flow::{link, people};
use crate::testing::PASSWORD;

const DOCTORS_PAGES: [&str; 4] = [
    "/",
    "/submissions/0199a0c0-0000-7000-8000-000000000009",
    "/artifacts/0199a0c0-0000-7000-8000-000000000009",
    "/artifacts/0199a0c0-0000-7000-8000-000000000009/rendition",
];

#[tokio::test]
async fn a_half_signed_in_session_reaches_the_factor_page_only() {
    let world = World::new().await;
    let doctor = &world.doctor;
    let mut half = world.half_signed_in(doctor).await;
    for path in DOCTORS_PAGES {
        let answer = half.get(path).await;
        assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "/signin"));
    }
    assert_eq!(half.post("/signout", "").await.header("location"), "/signin");
    assert_eq!(half.get("/factor").await.status, StatusCode::OK);
}

#[tokio::test]
async fn nobody_reaches_a_page_without_a_session() {
    let world = World::new().await;
    for path in DOCTORS_PAGES.into_iter().chain(["/factor"]) {
        let answer = world.portal().get(path).await;
        assert_eq!(answer.header("location"), "/signin", "{path}");
    }
    for path in ["/", "/queue", "/audit", "/links", "/links/new", "/staff"] {
        let answer = world.review().get(path).await;
        assert_eq!(answer.header("location"), "/signin", "{path}");
    }
}

#[tokio::test]
async fn what_is_stated_about_the_network_is_in_the_log() {
    let world = World::new().await;
    for (ticked, stated) in [("", "not_public"), ("&public_network=yes", "public_in_emergency")] {
        let mut half = world.half_signed_in(&world.doctor).await;
        world.app.hand.advance(std::time::Duration::from_mins(1));
        let form = format!("code={}{ticked}", world.code(&world.doctor));
        assert_eq!(half.post("/factor", &form).await.header("location"), "/");
        let events = world.app.events().await;
        let last = events.iter().rfind(|it| it.action.as_str() == "factor_check").unwrap();
        assert_eq!(last.facts.get("network").map(String::as_str), Some(stated));
    }
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_login_answer_alike() {
    let world = World::new().await;
    world.app.staff("reception", StaffRole::Reception).await;
    let mut answers = vec![];
    // A login of another door is unknown here.
    for (login, password) in
        [("doctor", "wrong"), ("nobody", PASSWORD), ("reception", PASSWORD), ("<b>", PASSWORD)]
    {
        let form = format!("login={login}&password={}", password.replace(' ', "+"));
        let mut browser = world.portal();
        browser.json = true;
        let answer = browser.post("/signin", &form).await;
        assert!(browser.cookie.is_none());
        answers.push((answer.status, without_request(&answer.body)));
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(answers[0].0, StatusCode::FORBIDDEN);
    assert!(!world.app.trail().await.contains(&"sign_in".to_owned()));
}

#[tokio::test]
async fn too_many_tries_wait_even_with_the_right_password() {
    let world = World::new().await;
    let mut browser = world.portal();
    for _ in 0..5 {
        browser.post("/signin", "login=doctor&password=wrong").await;
    }
    let right = format!("login=doctor&password={}", PASSWORD.replace(' ', "+"));
    let answer = browser.post("/signin", &right).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    world.app.hand.advance(world.app.portal.app.limits.sign_in_wait);
    assert_eq!(browser.post("/signin", &right).await.header("location"), "/factor");
}

#[tokio::test]
async fn a_factor_works_once_and_a_wrong_one_is_an_event() {
    let world = World::new().await;
    let doctor = &world.doctor;
    let mut browser = world.half_signed_in(doctor).await;
    assert_eq!(browser.post("/factor", "code=000000").await.status, StatusCode::FORBIDDEN);
    let before = browser.cookie.clone();
    let code = world.code(doctor);
    assert_eq!(browser.post("/factor", &format!("code={code}")).await.header("location"), "/");
    assert_ne!(browser.cookie, before, "a new token after the factor");
    let mut replay = world.half_signed_in(doctor).await;
    let answer = replay.post("/factor", &format!("code={code}")).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let refused = "factor_check:factor_wrong".to_owned();
    assert_eq!(world.app.trail().await.iter().filter(|it| **it == refused).count(), 2);
}

#[tokio::test]
async fn a_disabled_persons_session_ends_with_the_next_request() {
    let world = World::new().await;
    let doctor = &world.doctor;
    let mut browser = world.signed_in(doctor).await;
    assert_eq!(browser.get("/").await.status, StatusCode::OK);
    let actor = world.app.review.app.itself();
    people::disable_staff(&world.app.review, actor, "doctor").await.unwrap();
    assert_eq!(browser.get("/").await.header("location"), "/signin");
    let form = format!("login=doctor&password={}", PASSWORD.replace(' ', "+"));
    assert_eq!(world.portal().post("/signin", &form).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_session_ends_when_idle_and_at_sign_out() {
    let world = World::new().await;
    let doctor = &world.doctor;
    let mut browser = world.signed_in(doctor).await;
    let page = browser.get("/").await;
    assert_eq!(page.header("refresh"), "1800;url=/signin", "the page leads away by itself");
    let cookie = browser.cookie.clone();
    let answer = browser.post("/signout", "").await;
    assert_eq!(answer.header("clear-site-data"), "\"cache\", \"storage\"");
    browser.cookie = cookie;
    assert_eq!(browser.get("/").await.header("location"), "/signin");
    world.app.hand.advance(std::time::Duration::from_secs(30));
    let mut idle = world.signed_in(doctor).await;
    world.app.hand.advance(world.app.portal.app.limits.session_idle_doctor);
    world.app.hand.advance(std::time::Duration::from_millis(1));
    assert_eq!(idle.get("/").await.header("location"), "/signin");
}

#[tokio::test]
async fn an_edited_row_gives_nobody_a_role() {
    let world = World::new().await;
    let doctor = &world.doctor;
    let mut signed_in = world.signed_in(doctor).await;
    let edited = Staff { role: StaffRole::Reviewer, ..doctor.staff.clone() };
    let db = &world.app.review.app.db;
    let genuine = db.staff(doctor.staff.id).await.unwrap().unwrap();
    let body = serde_json::to_string(&edited).unwrap();
    let row = Signed::from_row(body, genuine.signature.clone());
    let app = &world.app.review.app;
    let event = || app.event(app.itself(), crate::domain::Action::StaffAdd).unwrap();
    db.put_staff(&row, &edited, &event()).await.unwrap();
    let form = format!("login=doctor&password={}", PASSWORD.replace(' ', "+"));
    for mut browser in [world.review(), world.portal()] {
        let answer = browser.post("/signin", &form).await;
        assert_eq!((answer.status, &browser.cookie), (StatusCode::FORBIDDEN, &None));
    }
    let forged = "sign_in:staff_not_granted".to_owned();
    assert_eq!(world.app.trail().await.iter().filter(|it| **it == forged).count(), 2);
    // Whoever was signed in by then is out, once and for all.
    assert_eq!(signed_in.get("/").await.header("location"), "/signin");
    assert_eq!(world.app.trail().await.last(), Some(&forged));
    db.put_staff(&genuine, &doctor.staff, &event()).await.unwrap();
    assert_eq!(signed_in.get("/").await.header("location"), "/signin");
}

#[tokio::test]
async fn whatever_was_changed_is_not_believed_as_it_was_before() {
    let world = World::new().await;
    let review = &world.app.review;
    let (app, itself, doctor) = (&review.app, review.app.itself(), &world.doctor.staff);
    let link = world.app.link().await.link;
    let certificate = "a".repeat(64);
    let added = people::add_machine(review, itself, "room", &doctor.login, &certificate).await;
    let machine = added.unwrap();
    let rows = async || {
        let staff = app.db.staff(doctor.id).await.unwrap().unwrap();
        let machine = app.db.machine_by_certificate(&certificate).await.unwrap().unwrap();
        (staff, machine, app.db.link(link.id).await.unwrap().unwrap())
    };
    let believed = async || {
        let (staff, machine, link) = rows().await;
        let key = &app.public.grant;
        [staff.verify(key).is_ok(), machine.verify(key).is_ok(), link.verify(key).is_ok()]
    };
    let before = rows().await;
    people::disable_staff(review, itself, &doctor.login).await.unwrap();
    people::disable_machine(review, itself, machine.id).await.unwrap();
    link::revoke(review, itself, link.id).await.unwrap();
    assert_eq!(believed().await, [true; 3], "as changed");
    let event = || app.event(itself, crate::domain::Action::List).unwrap();
    app.db.put_staff(&before.0, doctor, &event()).await.unwrap();
    app.db.put_machine(&before.1, &machine, &event()).await.unwrap();
    app.db.put_link(&before.2, &link, &event()).await.unwrap();
    assert_eq!(believed().await, [false; 3], "put back");
}

fn without_request(body: &str) -> String {
    body.lines().filter(|line| !line.contains("request")).collect()
}

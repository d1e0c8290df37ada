use axum::http::StatusCode;

use crate::domain::known_bad::MOST_LINES;
use crate::domain::staff::StaffRole;
use crate::http::staff::tests::world::World;

fn digest(number: usize) -> String {
    format!("{number:064x}")
}

/// A pasted list, as browsers send it.
fn form(lines: &str) -> String {
    let list = lines.replace('\n', "%0D%0A").replace(' ', "+");
    format!("list={list}&reason=told_by_others")
}

#[tokio::test]
async fn a_reviewer_adds_lists_and_removes_known_bad_files() {
    let world = World::new().await;
    let reviewer = world.app.staff("reviewer", StaffRole::Reviewer).await;
    let mut browser = world.signed_in(&reviewer).await;
    assert!(browser.get("/hashes").await.body.contains("一覧には何もありません"));
    let [one, two] = [1, 2].map(digest);
    let pasted = form(&format!("{one}  <b>evil</b>.exe\n{two}"));
    let added = browser.post("/hashes", &pasted).await;
    assert_eq!(added.status, StatusCode::OK);
    assert!(added.body.contains("2件を加えました") && added.body.contains(&two));
    assert!(!added.body.contains("evil"), "what stands behind a digest is not kept");
    let no_reason = browser.post("/hashes", &format!("list={one}")).await;
    assert_eq!(no_reason.status, StatusCode::UNPROCESSABLE_ENTITY);
    let remove = |digest: &str| format!("sha256={digest}&reason=mistake");
    let removed = browser.post("/hashes/remove", &remove(&one)).await;
    assert_eq!((removed.status, removed.header("location")), (StatusCode::SEE_OTHER, "/hashes"));
    let again = browser.post("/hashes/remove", &remove(&one)).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    let page = browser.get("/hashes").await.body;
    assert!(page.contains(&two) && !page.contains(&one));
    let trail = world.app.trail().await;
    let count = |name: &str| trail.iter().filter(|it| *it == name).count();
    assert_eq!((count("known_bad_add"), count("known_bad_remove")), (2, 1));
}

#[tokio::test]
async fn a_list_that_does_not_read_is_told_line_by_line_and_nothing_is_added() {
    let world = World::new().await;
    let reviewer = world.app.staff("reviewer", StaffRole::Reviewer).await;
    let mut browser = world.signed_in(&reviewer).await;
    let answer = browser.post("/hashes", &form(&format!("{}\nbad\n\n<script>", digest(1)))).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        answer.body.contains("2, 4行目") && !answer.body.contains("<script>"),
        "{}",
        answer.body
    );
    let typed = format!("{}\nbad\n\n&#60;script&#62;</textarea>", digest(1));
    assert!(
        answer.body.replace("\r\n", "\n").contains(&typed),
        "to be mended, not typed again: {}",
        answer.body
    );
    assert!(browser.post("/hashes", &form("")).await.body.contains("SHA-256がありません"));
    let of = |count: usize| form(&(0..count).map(digest).collect::<Vec<_>>().join("\n"));
    let over = browser.post("/hashes", &of(MOST_LINES + 1)).await;
    assert_eq!(over.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(browser.get("/hashes").await.body.contains("一覧には何もありません"));
    assert!(world.app.trail().await.contains(&"known_bad_add:bad_input".to_owned()));
    let most = browser.post("/hashes", &of(MOST_LINES)).await;
    assert_eq!(most.status, StatusCode::OK, "the longest list fits into a form");
    let long = format!("list={}&reason=found_here", "a".repeat(super::super::hashes::LIST_BYTES));
    assert_eq!(browser.post("/hashes", &long).await.status, StatusCode::PAYLOAD_TOO_LARGE);
}

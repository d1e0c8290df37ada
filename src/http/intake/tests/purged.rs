//! What a receipt says of what is not there any more.

use super::*;
use crate::app::{Order, Slice};
use crate::domain::retention::Retention;
use crate::domain::state::StateName;

#[tokio::test]
async fn a_receipt_names_no_size_of_what_is_purged() {
    let app = TestApp::new().await;
    let mut patient = agreed(&app).await;
    send(&mut patient, &[("photos", Some("a.jpg"), &[7; 100])]).await;
    assert!(patient.get("/receipt").await.body.contains("100 B"));
    let base = &app.review.app;
    let first = Slice::first(1);
    let rows = base.db.artifacts_in(StateName::Quarantined, Order::OldestFirst, first).await;
    let artifact = rows.unwrap().remove(0);
    let retention = Retention { quarantined_days: 0, ..base.retention };
    let stamp = base.stamp(base.itself(), base.clock.read()).unwrap();
    base.db.commit(artifact.purge(&retention, stamp).unwrap().into()).await.unwrap();
    let receipt = patient.get("/receipt").await.body;
    assert!(receipt.contains("status-purged") && !receipt.contains("0 B"), "{receipt}");
}

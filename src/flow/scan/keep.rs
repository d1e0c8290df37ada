//! A lease that lasts as long as the work that it was taken for.

use crate::app::{App, DbError};
use crate::domain::content::ScanLease;
use crate::flow::FlowError;

/// Renewals in the time that a lease lasts: two may fail.
const RENEWALS: u32 = 3;

/// Works under a lease, which is renewed meanwhile.
///
/// # Errors
/// [`DbError::Fenced`] as soon as somebody else has it; the work is given up.
pub(in crate::flow) async fn keep<T>(
    app: &App,
    lease: &ScanLease,
    work: impl Future<Output = Result<T, FlowError>>,
) -> Result<T, FlowError> {
    let renew = async {
        loop {
            tokio::time::sleep(app.limits.lease / RENEWALS).await;
            let until = app.clock.read().plus(app.limits.lease);
            // After another fault there is another try while the lease lasts.
            if let Err(DbError::Fenced) = app.db.renew_lease(lease, until).await {
                return DbError::Fenced;
            }
        }
    };
    tokio::select! {
        done = work => done,
        lost = renew => Err(lost.into()),
    }
}

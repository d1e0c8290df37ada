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
    tokio::select! {
        done = work => done,
        lost = renew(app, lease) => Err(lost.into()),
    }
}

/// Ends work under a lease, which is renewed meanwhile. It comes to its end whoever has the lease then:
/// what it commits is held against the lease, and what it sealed for nothing it destroys itself.
pub(in crate::flow) async fn keep_to_the_end<T>(
    app: &App,
    lease: &ScanLease,
    work: impl Future<Output = T>,
) -> T {
    let renewed = async {
        renew(app, lease).await;
        std::future::pending().await
    };
    tokio::select! {
        done = work => done,
        never = renewed => never,
    }
}

/// Renews a lease until somebody else has it, or it was given back.
async fn renew(app: &App, lease: &ScanLease) -> DbError {
    loop {
        tokio::time::sleep(app.limits.lease / RENEWALS).await;
        // A clock that jumped says nothing of when a lease ends.
        let Ok(now) = app.clock.trusted() else { continue };
        // After another fault there is another try while the lease lasts.
        if let Err(DbError::Fenced) = app.db.renew_lease(lease, now.plus(app.limits.lease)).await {
            return DbError::Fenced;
        }
    }
}

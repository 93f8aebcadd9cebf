//! What of a user's has ended: how his newest uploads and jobs came out, for whoever follows what happens.

use budget::limits;
use catalog::UserId;
use serde::Serialize;
use utoipa::ToSchema;

use crate::App;
use crate::error::Error;
use crate::stems::JobAnswer;
use crate::uploads::UploadAnswer;

/// What has ended among the listener's own newest uploads and jobs, those that were begun last first.
///
/// One that began and ended between two looks at what goes on was never listed there; it is here.
#[derive(Serialize, ToSchema)]
pub(crate) struct EndedAnswer {
    uploads: Vec<UploadAnswer>,
    /// As their own routes say it, but that `result_url` is null.
    jobs: Vec<JobAnswer>,
}

impl EndedAnswer {
    /// Of one user, who sees nobody else's.
    pub(crate) async fn of(app: &App, owner: UserId) -> Result<Self, Error> {
        let uploads = app.catalog.uploads_of(owner, limits::LIVE_ENDED_ROWS_MAX).await?;
        let jobs = app.catalog.jobs(owner, limits::LIVE_ENDED_ROWS_MAX).await?;
        Ok(EndedAnswer {
            uploads: uploads.iter().filter(|row| row.phase.is_end()).map(UploadAnswer::ended).collect(),
            jobs: jobs.iter().filter(|job| job.state.is_end()).map(JobAnswer::from).collect(),
        })
    }
}

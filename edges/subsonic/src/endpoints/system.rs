//! The server itself: ping, licence, extensions, scans.

use serde::Serialize;

use crate::call::{Answer, Call};
use crate::error::Error;
use crate::extensions;

/// `ping`: the envelope alone.
pub(crate) async fn ping(call: Call) -> Answer {
    call.format.empty()
}

/// `getLicense`: there is nothing to buy.
pub(crate) async fn license(call: Call) -> Answer {
    #[derive(Serialize)]
    struct License {
        valid: bool,
    }
    call.one("license", &License { valid: true })
}

/// `getOpenSubsonicExtensions`: clients ask this before they sign in.
pub(crate) async fn extensions(call: Call) -> Answer {
    call.one("openSubsonicExtensions", &extensions::told())
}

#[derive(Serialize)]
struct ScanStatus {
    scanning: bool,
    count: u64,
}

/// `getScanStatus`: files seen by the scan that runs, else tracks that the user sees.
pub(crate) async fn scan_status(call: Call) -> Answer {
    let status = status(&call).await?;
    call.one("scanStatus", &status)
}

/// `startScan`: all libraries; the answer does not wait for the end. A scan that runs already is joined.
pub(crate) async fn start_scan(call: Call) -> Answer {
    call.face.parts.scanner.ask();
    let ScanStatus { count, .. } = status(&call).await?;
    call.one("scanStatus", &ScanStatus { scanning: true, count })
}

async fn status(call: &Call) -> Result<ScanStatus, Error> {
    let status = call.face.parts.scanner.status();
    if status.running {
        return Ok(ScanStatus { scanning: true, count: status.counts.seen });
    }
    let libraries = call.catalog().libraries(&call.viewer()?).await?;
    Ok(ScanStatus { scanning: false, count: libraries.iter().map(|library| library.tracks).sum() })
}

//! Internet radio: stations that admins write down and everybody is told. The server never asks them for anything.

use catalog::{StationId, StationText};

use crate::call::{Answer, Call, Reader};
use crate::error::Error;
use crate::list::Pages;
use crate::model::{Bare, StationShown};

/// `getInternetRadioStations`: by name.
pub(crate) async fn stations(call: Call) -> Answer {
    let read = |reader: Reader, offset, rows| async move { reader.catalog.stations(offset, rows).await };
    let rows = Pages::all(&call.reader()?, read, |out, station| out.row(&StationShown::of(station)));
    call.list("internetRadioStations", &Bare {})?.part("internetRadioStation", rows).answer().await
}

/// `createInternetRadioStation`.
pub(crate) async fn create(call: Call) -> Answer {
    call.catalog().add_station(&text(&call)?).await?;
    call.format.empty()
}

/// `updateInternetRadioStation`: all that is said of it anew.
pub(crate) async fn update(call: Call) -> Answer {
    let id: StationId = call.params.id("id")?;
    call.catalog().change_station(id, &text(&call)?).await?;
    call.format.empty()
}

/// `deleteInternetRadioStation`.
pub(crate) async fn delete(call: Call) -> Answer {
    let id: StationId = call.params.id("id")?;
    call.catalog().remove_station(id).await?;
    call.format.empty()
}

fn text(call: &Call) -> Result<StationText, Error> {
    Ok(StationText {
        stream_url: call.params.text("streamUrl")?.into_owned(),
        name: call.params.text("name")?.trim().to_owned(),
        home_url: call.params.get("homepageUrl").map(|url| url.into_owned()),
    })
}

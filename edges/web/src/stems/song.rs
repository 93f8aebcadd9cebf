//! A song that comes in a form to be taken apart. It goes to the disk as it comes; what else the form says may come before
//! it or behind it.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::header::CONTENT_LENGTH;
use budget::Pool;
use budget::limits::{self, SNIFF_BYTES, UPLOAD_BYTES};
use catalog::UserId;
use futures_util::StreamExt;
use ingest::sniff::{Sniffed, Sort, sniff};
use multer::{Field, Multipart};

use super::wish::{NAMES, Wish};
use super::{Asker, SentSong, names};
use crate::App;
use crate::caller;
use crate::error::{Code, Error};
use crate::form::{Guarded, Watch, boundary, broken, small};

/// All that a request said.
pub(super) struct Sent {
    pub(super) song: Box<dyn SentSong>,
    pub(super) wish: Wish,
}

/// Takes a request in. When it fails, nothing is left of it.
pub(super) async fn receive(app: &App, asker: &Asker, request: Request) -> Result<Sent, Error> {
    let (head, body) = request.into_parts();
    let mut wish = Wish::default();
    let query = head.uri.query().unwrap_or_default();
    for name in NAMES {
        for value in caller::values(query, name) {
            wish.hear(name, &value)?;
        }
    }
    let boundary = boundary(&head.headers)?;
    let bytes_max = asker.song_bytes_max(app);
    let whole_bytes_max = bytes_max.saturating_add(limits::FORM_BYTES_MAX as u64);
    let watch = Watch::new(whole_bytes_max);
    let parts = Multipart::new(Guarded::new(body, Arc::clone(&watch)), boundary);
    // With what stands around the song, which is little beside it.
    let bytes: Option<u64> =
        head.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if bytes.is_some_and(|bytes| bytes > whole_bytes_max) {
        return Err(Error::new(Code::TooLarge, format!("a song may have {bytes_max} bytes")));
    }
    let bytes = bytes.map(|bytes| bytes.min(bytes_max));
    let mut form = Form { app, owner: asker.user(), bytes, bytes_max, wish, song: None };
    match form.fill(parts, &watch).await {
        Ok(()) => {
            let song = form.song.ok_or_else(|| Error::new(Code::Missing, "the form has no file"))?;
            Ok(Sent { song, wish: form.wish })
        }
        // Whatever came of it further in, this is why.
        Err(error) => Err(watch.verdict().unwrap_or(error)),
    }
}

struct Form<'a> {
    app: &'a App,
    /// Who sends it.
    owner: Option<UserId>,
    /// How long all of it is, as far as its sender says.
    bytes: Option<u64>,
    bytes_max: u64,
    wish: Wish,
    song: Option<Box<dyn SentSong>>,
}

impl Form<'_> {
    async fn fill(&mut self, mut parts: Multipart<'static>, watch: &Watch) -> Result<(), Error> {
        let mut fields = 0;
        while let Some(mut field) = parts.next_field().await.map_err(broken)? {
            watch.progressed();
            fields += 1;
            if fields > limits::FORM_FIELDS_MAX {
                let text = format!("a form may have {} fields at most", limits::FORM_FIELDS_MAX);
                return Err(Error::new(Code::Invalid, text));
            }
            match field.name().unwrap_or_default() {
                "file" if self.song.is_some() => {
                    return Err(Error::new(Code::Invalid, "file is there twice"));
                }
                "file" => self.song = Some(self.take_song(&mut field, watch).await?),
                name if NAMES.contains(&name) => {
                    let name = name.to_owned();
                    let value = small(&name, &mut field, watch).await?;
                    self.wish.hear(&name, value.trim())?;
                }
                _ => {}
            }
            // What nobody wanted is read past, a piece at a time.
            while let Some(piece) = field.next().await {
                piece.map_err(broken)?;
                watch.progressed();
            }
        }
        Ok(())
    }

    async fn take_song(&self, field: &mut Field<'static>, watch: &Watch) -> Result<Box<dyn SentSong>, Error> {
        let name = names::named(field.headers(), field.file_name().unwrap_or_default())?;
        let _permit = self.app.budget.wait(Pool::Uploads, UPLOAD_BYTES).await?;
        let mut taking = self.app.splitter.begin_song(self.owner, &name, self.bytes).await?;
        let (mut head, mut length) = (Some(Vec::new()), 0_u64);
        while let Some(piece) = field.next().await {
            let piece = piece.map_err(broken)?;
            watch.progressed();
            length = length.saturating_add(piece.len() as u64);
            if length > self.bytes_max {
                let text = format!("the song has more than {} bytes", self.bytes_max);
                return Err(Error::new(Code::TooLarge, text));
            }
            if let Some(first) = &mut head {
                first.extend_from_slice(&piece[..piece.len().min(SNIFF_BYTES - first.len())]);
                if first.len() == SNIFF_BYTES {
                    judge(first, false, &name)?;
                    head = None;
                }
            }
            taking.write(piece).await?;
        }
        if length == 0 {
            return Err(Error::new(Code::Empty, format!("there is nothing in {name}")));
        }
        if let Some(all) = head {
            judge(&all, true, &name)?;
        }
        Ok(taking.end().await?)
    }
}

/// Whether a file with this beginning may be a song.
fn judge(head: &[u8], is_whole: bool, name: &str) -> Result<(), Error> {
    let looks = match sniff(head, is_whole, name) {
        Sniffed::Format(format) if format.sort() != Sort::Image => return Ok(()),
        Sniffed::Format(_) => "it is a picture",
        Sniffed::Refused(looks) => looks,
        Sniffed::Unknown => "it begins like no format that is known",
    };
    Err(Error::new(Code::NotMedia, format!("{name} is no audio: {looks}")))
}

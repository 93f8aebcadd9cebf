//! HTTP Live Streaming (RFC 8216), made on demand: playlists that are computed before anything is made, and the pieces that
//! they name, each of which is made when it is asked for.
//!
//! The files lie behind a video as in a folder of its name: `/media/<id>/index.m3u8`, `/clips/a.mp4/index.m3u8`. Pictures
//! are made segment by segment. Sound is made in one run for all sizes, and given as it comes: where a fragment of it
//! lies is known when it is there.

mod here;
mod playlist;

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::response::Response;
use budget::limits::{RENDITION_RETRY_SECONDS, RENDITION_SHORT_MS, RENDITION_WAIT_MS};
use catalog::Identity;
use http::{HeaderValue, Uri, request};
use store::Growing;
use stream::{Held, Kind};
use transform::{
    Audio, Codec, Encoding, Flight, Made, PLAYLIST_TYPE, Piece, Probe, Recipe, Segments, Soundtrack, Variant,
    Video, master,
};

use crate::address::MEDIA;
use crate::answer::{self, Told};
use crate::error::Refused;
use crate::face::{Face, client, listener, now_ms};
use crate::hints::Hints;
use crate::options::{Asked, Bad, Opt, Spoken, Wanted, Wrong};
use crate::sign::{Signed, Signer};
use crate::sources::Found;
use here::Here;
use playlist::Listed;

/// What the names of videos end with. Behind such a name the files of HLS lie, and originals of that name do not.
const VIDEO_SUFFIXES: [&str; 14] =
    ["3gp", "avi", "flv", "gif", "m2ts", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "ogv", "ts", "webm"];

/// The video that a path lies behind, and the name of the file there; `None` for the path of anything else.
pub(crate) fn split(path: &str) -> Option<(&str, &str)> {
    let (video, file) = path.rsplit_once('/')?;
    let (_, suffix) = video.rsplit('/').next()?.rsplit_once('.')?;
    VIDEO_SUFFIXES.contains(&suffix.to_ascii_lowercase().as_str()).then_some((video, file))
}

/// Somebody who asks for something of a source that was found.
pub(crate) struct Asking<'a> {
    pub(crate) head: &'a request::Parts,
    pub(crate) asked: &'a Asked,
    pub(crate) found: Found,
    pub(crate) who: Option<&'a Identity>,
}

/// What is cut into pieces.
enum Sought<'a> {
    /// A video: its pictures and its sound.
    Video(&'a Video),
    /// Sound alone.
    Sound(Soundtrack),
}

impl<'a> Sought<'a> {
    /// Streams have one encoding for pictures and one for sound.
    fn of(recipe: &'a Recipe) -> Result<Sought<'a>, Refused> {
        let only = |words| Err(Bad::of(Opt::Format, Wrong::Said(words)).into());
        match recipe {
            Recipe::Video(video @ Video { codec: Codec::H264, .. }) => Ok(Sought::Video(video)),
            Recipe::Video(_) => only("must be mp4 for HLS"),
            Recipe::Audio(audio @ Audio { encoding: Encoding::M4a, .. }) => Ok(Sought::Sound(audio.into())),
            Recipe::Audio(_) => only("must be m4a for HLS"),
            _ => Err(Refused::NotFound),
        }
    }

    fn video(&self) -> Result<&'a Video, Refused> {
        match self {
            Sought::Video(video) => Ok(video),
            Sought::Sound(_) => Err(Refused::NotFound),
        }
    }

    fn sound(&self) -> Soundtrack {
        match self {
            Sought::Video(video) => (*video).into(),
            Sought::Sound(sound) => *sound,
        }
    }
}

impl Face {
    /// What a player of HLS asks for.
    pub(crate) async fn stream(&self, asking: &Asking<'_>) -> Result<Response, Refused> {
        let sought = Sought::of(&asking.asked.recipe)?;
        if asking.asked.extras.debug_view {
            return Ok(answer::view(asking.asked, &asking.found.material));
        }
        match asking.asked.wanted {
            Wanted::Playlist => match sought {
                Sought::Video(video) => self.master(asking, video).await,
                Sought::Sound(sound) => self.master_of_sound(asking, &sound).await,
            },
            Wanted::VideoPlaylist => self.pictures(asking, sought.video()?).await,
            Wanted::AudioPlaylist => self.sounds(asking, sought.sound()).await,
            Wanted::Head => self.picture(asking, sought.video()?, None).await,
            Wanted::Segment(number) => self.picture(asking, sought.video()?, Some(number)).await,
            Wanted::SoundHead => self.sound(asking, sought.sound(), None).await,
            Wanted::SoundSegment(number) => self.sound(asking, sought.sound(), Some(number)).await,
            Wanted::Rendition | Wanted::Map => Err(Refused::NotFound),
        }
    }

    /// Who may have a video made may have its pieces made, and nobody else gets a list of them. What is made already is
    /// given without this question.
    fn may_stream(&self, asking: &Asking<'_>) -> Result<(), Refused> {
        self.may_make(asking.asked, &asking.found)
    }

    async fn looked(&self, asking: &Asking<'_>) -> Result<Arc<Probe>, Refused> {
        self.may_stream(asking)?;
        Ok(self.parts.transforms.probe(&asking.found.material, Some(client(asking.head).address)).await?)
    }

    /// Where a playlist is, and until when its address is signed: what it lists is signed for as long.
    pub(crate) fn here(&self, asking: &Asking<'_>) -> Here {
        let uri = &asking.head.uri;
        Here::of(uri.path(), uri.query().unwrap_or_default(), self.signed(uri))
    }

    /// By whom and until when an address is signed, if it is.
    fn signed(&self, uri: &Uri) -> Option<(Signer, Signed)> {
        let signer = &self.parts.signer;
        let signed = signer.check(uri.path(), uri.query().unwrap_or_default(), now_ms()).ok()?;
        Some((signer.clone(), signed))
    }

    /// Where the playlist of a video lies, if it has one and is not there in a moment by itself.
    pub(crate) async fn playlist(&self, asking: &Asking<'_>) -> Result<Option<String>, Refused> {
        let Recipe::Video(video) = &asking.asked.recipe else { return Ok(None) };
        let Some(place) = self.playlist_place(asking).filter(|_| video.codec == Codec::H264) else {
            return Ok(None);
        };
        let segments = Segments::of_pictures(video, &*self.looked(asking).await?);
        let is_long = |segments: &Segments| segments.whole_ms() > RENDITION_SHORT_MS;
        Ok(segments.ok().filter(is_long).map(|_| place))
    }

    /// The same options, behind the video or beside it.
    fn playlist_place(&self, asking: &Asking<'_>) -> Option<String> {
        let uri = &asking.head.uri;
        let path = match uri.path().strip_suffix("/video.mp4").filter(|path| path.starts_with(MEDIA)) {
            Some(folder) => format!("{folder}/index.m3u8"),
            None => format!("{}/index.m3u8", uri.path()),
        };
        let query = uri.query().unwrap_or_default();
        let there = self.rules.address(&path, query, &Hints::default()).ok()??;
        let is_list = matches!(&there.spoken, Spoken::Rendition(asked) if asked.wanted == Wanted::Playlist);
        let place = Here::of(&path, query, self.signed(uri)).place("index.m3u8");
        is_list.then(|| format!("{}{place}", self.parts.prefix))
    }

    /// All sizes that there are to choose from: the one that was asked for, or the ladder's as far as the source goes.
    async fn master(&self, asking: &Asking<'_>, video: &Video) -> Result<Response, Refused> {
        let (probe, here) = (self.looked(asking).await?, self.here(asking));
        let mut sizes = Vec::new();
        for width in self.widths(asking, video, &probe) {
            let here = here.with_width(width);
            let asked = self.rules.stream(here.spelling(), "video.m3u8", here.options())?;
            let Some(Asked { recipe: Recipe::Video(video), .. }) = asked else { return Err(Refused::Broken) };
            sizes.push((Variant::of(&video, &probe)?, here.child("video.m3u8")));
        }
        if sizes.is_empty() {
            sizes.push((Variant::of(video, &probe)?, here.child("video.m3u8")));
        }
        let sound = (probe.audio.is_some() && !video.is_mute).then(|| here.child("audio.m3u8"));
        Ok(answer::text(PLAYLIST_TYPE, master(&sizes, sound.as_deref()), asking))
    }

    /// The sound alone, which there is once.
    async fn master_of_sound(&self, asking: &Asking<'_>, sound: &Soundtrack) -> Result<Response, Refused> {
        let variant = Variant::of_sound(sound, &*self.looked(asking).await?)?;
        let address = self.here(asking).child("audio.m3u8");
        Ok(answer::text(PLAYLIST_TYPE, master(&[(variant, address)], None), asking))
    }

    /// The widths of the ladder that are not above the source's; the least one in any case, and none where the address says
    /// a size or names a preset.
    fn widths(&self, asking: &Asking<'_>, video: &Video, probe: &Probe) -> Vec<u64> {
        let is_sized = video.size.width.is_some() || video.size.height.is_some();
        let Some(track) = probe.video.as_ref().filter(|_| !is_sized && asking.asked.preset.is_none()) else {
            return Vec::new();
        };
        let (own, ladder) = (u64::from(track.shown().0), self.rules.ladder.widths());
        let fits = ladder.iter().filter(|width| **width <= own).count().max(1);
        ladder.iter().take(fits).copied().collect()
    }

    async fn pictures(&self, asking: &Asking<'_>, video: &Video) -> Result<Response, Refused> {
        let segments = Segments::of_pictures(video, &*self.looked(asking).await?)?;
        Ok(self.listed(asking, "video", segments))
    }

    /// The list of the sound. It is made from the beginning on, for whoever reads this will ask for all of it.
    async fn sounds(&self, asking: &Asking<'_>, sound: Soundtrack) -> Result<Response, Refused> {
        let segments = Segments::of_sound(&sound, &*self.looked(asking).await?)?;
        let (transforms, recipe) = (&self.parts.transforms, Recipe::Piece(Piece::sound(sound)));
        if transforms.find(&asking.found.material, &recipe).await?.is_none()
            && let Ok(flight) = self.begin(asking, recipe)
        {
            // A player that has enough for a while is quiet for longer than a flight waits.
            flight.go_on();
        }
        Ok(self.listed(asking, "audio", segments))
    }

    fn listed(&self, asking: &Asking<'_>, of: &'static str, segments: Segments) -> Response {
        let list = Listed::new(of, self.here(asking), segments);
        answer::text(PLAYLIST_TYPE, Body::new(list), asking)
    }

    /// One segment of the pictures, or what stands before all of them.
    async fn picture(
        &self,
        asking: &Asking<'_>,
        video: &Video,
        number: Option<u32>,
    ) -> Result<Response, Refused> {
        let piece = number.map_or_else(|| Piece::head(video), |number| Piece::segment(video, number));
        let recipe = Recipe::Piece(piece);
        if let Some(made) = self.parts.transforms.find(&asking.found.material, &recipe).await? {
            return self.send(asking, &made, None, Told::Hit);
        }
        let probe = self.looked(asking).await?;
        is_there(number, &Segments::of_pictures(video, &probe)?)?;
        let flight = self.begin(asking, recipe)?;
        match flight.made(Duration::from_millis(RENDITION_WAIT_MS)).await? {
            Some(made) => self.send(asking, &made, None, Told::Made),
            None => Err(late()),
        }
    }

    /// One segment of the sound, or what stands before all of them, as soon as it is there.
    async fn sound(
        &self,
        asking: &Asking<'_>,
        sound: Soundtrack,
        number: Option<u32>,
    ) -> Result<Response, Refused> {
        let wanted = number.map_or(transform::Wanted::Front, transform::Wanted::Fragment);
        let recipe = Recipe::Piece(Piece::sound(sound));
        if let Some(made) = self.parts.transforms.find(&asking.found.material, &recipe).await? {
            return self.sound_of(asking, made, wanted, Told::Hit).await;
        }
        let probe = self.looked(asking).await?;
        is_there(number, &Segments::of_sound(&sound, &probe)?)?;
        let flight = self.begin(asking, recipe)?;
        let begun = Instant::now();
        let left = || Duration::from_millis(RENDITION_WAIT_MS).saturating_sub(begun.elapsed());
        if let Some(growing) = flight.growing(left()).await?
            && let Some(part) = transform::of_growing(&growing, wanted, left()).await.map_err(unread)?
        {
            return self.sound_of_growing(asking, flight, growing, part);
        }
        match flight.made(left()).await? {
            Some(made) => self.sound_of(asking, made, wanted, Told::Made).await,
            None => Err(late()),
        }
    }

    fn sound_of_growing(
        &self,
        asking: &Asking<'_>,
        flight: Flight,
        growing: Growing,
        part: Range<u64>,
    ) -> Result<Response, Refused> {
        let Asking { head, asked, found, who } = asking;
        let content_type = HeaderValue::from_static("audio/mp4");
        let listener = listener(head, *who, Kind::Media, &asked.recipe.canonical());
        let response = self.parts.streams.answer_part(&head.method, growing, part, content_type, listener)?;
        let mut response = response.map(|body| Body::new(Held::new(body, flight)));
        answer::describe(response.headers_mut(), asked, found, Told::Growing);
        Ok(response)
    }

    async fn sound_of(
        &self,
        asking: &Asking<'_>,
        made: Made,
        wanted: transform::Wanted,
        told: Told,
    ) -> Result<Response, Refused> {
        let source = made.source.clone();
        let look = made.source.run(0, 0, move || transform::of_whole(&source, wanted));
        let part = look.await.map_err(|_| Refused::Broken)?.map_err(unread)?;
        self.send(asking, &made, Some(part.ok_or(Refused::NotFound)?), told)
    }
}

/// Nothing is begun for a number behind the last.
fn is_there(number: Option<u32>, segments: &Segments) -> Result<(), Refused> {
    match number {
        Some(number) if u64::from(number) >= segments.count() => Err(Refused::NotFound),
        _ => Ok(()),
    }
}

/// It takes longer than anybody waits. A player that gets no piece asks again; one that gets something else plays it.
fn late() -> Refused {
    Refused::Busy { retry_after: Duration::from_secs(RENDITION_RETRY_SECONDS) }
}

fn unread(error: std::io::Error) -> Refused {
    if error.kind() == std::io::ErrorKind::TimedOut { late() } else { Refused::Broken }
}

#[cfg(test)]
mod tests;

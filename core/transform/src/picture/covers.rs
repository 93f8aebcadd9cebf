//! Covers as pages and apps ask for them: at a few sizes, many at once, each made once.
//!
//! A page of a library asks for two hundred covers in one moment. They stand in a line here, so that a few are made at a
//! time, each under a permit for what decoding it takes, and the rest cost a place in the line. What cannot be made smaller
//! is shown as it is, unless it is so long that nobody would want it instead.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use budget::limits::{
    COVER_ORIGINAL_BYTES_MAX, COVER_PIXELS, COVER_WAIT_MS, COVERS_AT_ONCE, COVERS_PER_ADDRESS_MAX,
    COVERS_WAITING_MAX, POSTER_MS_MAX, POSTERS_AT_ONCE,
};
use budget::{Slots, network_of};
use catalog::{Catalog, Item, Viewer};
use prometheus_client::registry::Registry;
use store::{Place, Shelf, Source};
use tokio::sync::Semaphore;

use super::Part;
use crate::cache::Made;
use crate::error::{Error, ErrorKind};
use crate::recipe::{Cover, Edge, Fit, Frame, Picture, Recipe, Size};
use crate::transforms::{Material, Transforms, busy};

/// What gives covers their sizes. A clone is the same.
#[derive(Clone, Default)]
pub struct Covers(Option<Arc<Line>>);

/// Those who wait for covers.
struct Line {
    transforms: Transforms,
    pictures: Semaphore,
    posters: Semaphore,
    waiting: Slots<IpAddr>,
}

/// A picture to be sent: all of a source, or a run of its bytes.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Its bytes, and perhaps others.
    pub source: Source,
    /// Where it begins among them.
    pub offset: u64,
    /// How many they are; `None` is to the end.
    pub count: Option<u64>,
    /// The media type.
    pub content_type: Arc<str>,
}

impl Shown {
    /// The run of a source that is a picture already.
    pub fn as_it_is(source: Source, offset: u64, count: Option<u64>, content_type: &str) -> Shown {
        Shown { source, offset, count, content_type: content_type.into() }
    }

    /// How many bytes it has.
    fn bytes(&self) -> u64 {
        let rest = self.source.len().saturating_sub(self.offset);
        self.count.map_or(rest, |count| count.min(rest))
    }

    fn part(&self) -> Part {
        Part { source: self.source.clone(), offset: self.offset, count: self.bytes() }
    }
}

impl From<Made> for Shown {
    fn from(made: Made) -> Shown {
        Shown { source: made.source, offset: 0, count: None, content_type: made.content_type }
    }
}

impl Covers {
    /// Covers made by `transforms`. Those of [`Covers::default`] are shown as they are, whatever was asked.
    pub fn new(transforms: Transforms) -> Covers {
        Covers(Some(Arc::new(Line {
            transforms,
            pictures: Semaphore::new(COVERS_AT_ONCE),
            posters: Semaphore::new(POSTERS_AT_ONCE),
            waiting: Slots::new("covers", "covers_per_address", COVERS_WAITING_MAX, COVERS_PER_ADDRESS_MAX),
        })))
    }

    /// Shows who waits.
    pub fn register(&self, registry: &mut Registry) {
        if let Some(line) = &self.0 {
            line.waiting.register(registry);
        }
    }

    /// What an item of the catalog looks like: its picture, or a frame of a video that has none.
    ///
    /// # Errors
    /// The catalog's for what the viewer does not see and for what looks like nothing, the store's, and ours as
    /// [`Covers::picture`] and [`Covers::poster`] have them.
    pub async fn of_item<E>(
        &self,
        catalog: &dyn Catalog,
        shelf: &Shelf,
        viewer: &Viewer,
        item: Item,
        pixels: Option<u64>,
        address: IpAddr,
    ) -> Result<Shown, E>
    where
        E: From<catalog::Error> + From<store::Error> + From<Error>,
    {
        let name = item.to_string();
        let without = match (catalog.cover(viewer, item).await, item) {
            (Ok(cover), _) => {
                let catalog::Cover { place, offset, count, content_type } = cover;
                let original = Shown::as_it_is(shelf.open(&place).await?, offset, count, content_type);
                return Ok(self.picture(original, &place, &name, pixels, address).await?);
            }
            (Err(error), Item::Track(id)) if error.kind() == catalog::ErrorKind::NotFound => id,
            (Err(error), _) => return Err(error.into()),
        };
        let video = catalog.video(viewer, without).await?;
        let place = video.track.place();
        let material = Material::of(shelf.open(&place).await?, &place, &name);
        Ok(self.poster(material, video.duration_ms(), pixels, address).await?)
    }

    /// A picture that lies at `place`, whose longer edge has about so many pixels, at least. Without a number, beyond the last of
    /// [`COVER_PIXELS`], and where it has no more than that, it comes as it is.
    ///
    /// # Errors
    /// How making it failed, when the picture has more than [`COVER_ORIGINAL_BYTES_MAX`]: `TooLarge`, `Unsupported`,
    /// `Source`, `Busy`.
    pub async fn picture(
        &self,
        original: Shown,
        place: &Place,
        name: &str,
        pixels: Option<u64>,
        address: IpAddr,
    ) -> Result<Shown, Error> {
        let (Some(line), Some(edge)) = (&self.0, pixels.and_then(step)) else { return Ok(original) };
        let mut material = Material::of(original.source.clone(), place, name);
        let bytes = original.bytes();
        if original.offset > 0 || original.count.is_some() {
            material.part = Some((original.offset, bytes));
        }
        let recipe = Recipe::Cover(Cover { edge });
        // Encoded again it would be no smaller, and often of more bytes.
        let as_it_is = async {
            let is_small = bytes <= COVER_ORIGINAL_BYTES_MAX
                && original.part().run(move |part| Ok(part.is_small(edge))).await?;
            Ok(is_small.then(|| original.clone()))
        };
        match line.shown(&line.pictures, material, recipe, address, as_it_is).await {
            Ok(shown) => Ok(shown),
            Err(error) if bytes <= COVER_ORIGINAL_BYTES_MAX => {
                tracing::debug!(%error, words = %error.words, name, "a cover is shown as it is");
                Ok(original)
            }
            Err(error) => Err(error),
        }
    }

    /// What a video looks like: a frame of it whose edges have about so many pixels at most, without a number the last of
    /// [`COVER_PIXELS`].
    ///
    /// # Errors
    /// `NoFfmpeg`, and how making it failed.
    pub async fn poster(
        &self,
        video: Material,
        duration_ms: u64,
        pixels: Option<u64>,
        address: IpAddr,
    ) -> Result<Shown, Error> {
        let missing = || Error::new(ErrorKind::NoFfmpeg, "a video has a picture where there is an ffmpeg");
        let line = self.0.as_ref().filter(|line| line.transforms.has_ffmpeg()).ok_or_else(missing)?;
        let [.., last] = COVER_PIXELS;
        let edge = step(pixels.unwrap_or(last).min(last));
        let size = Size { width: edge, height: edge, fit: Fit::ScaleDown };
        let at_ms = (duration_ms / 10).min(POSTER_MS_MAX);
        let recipe = Recipe::Frame(Frame { at_ms, size, picture: Picture::Jpeg });
        line.shown(&line.posters, video, recipe, address, async { Ok(None) }).await
    }
}

/// How long somebody waits for a cover.
const WITHIN: Duration = Duration::from_millis(COVER_WAIT_MS);

impl Line {
    /// What is kept of this recipe; else, when its turn comes, what `instead` gives, or what is made. Nothing of it is late.
    async fn shown(
        &self,
        turns: &Semaphore,
        material: Material,
        recipe: Recipe,
        address: IpAddr,
        instead: impl Future<Output = Result<Option<Shown>, Error>>,
    ) -> Result<Shown, Error> {
        if let Some(made) = self.transforms.find(&material, &recipe).await? {
            return Ok(made.into());
        }
        let _place = self.waiting.take(network_of(address))?;
        let working = async {
            // Nobody closes these turns.
            let _turn = turns.acquire().await;
            if let Some(shown) = instead.await? {
                return Ok(Some(shown));
            }
            let made = self.transforms.make(material, recipe, address)?.made(WITHIN).await;
            made.map(|made| made.map(Shown::from))
        };
        let late = || busy("too many covers are being made");
        tokio::time::timeout(WITHIN, working).await.map_err(|_| late())??.ok_or_else(late)
    }
}

/// The size that is made for so many pixels.
fn step(pixels: u64) -> Option<Edge> {
    let step = COVER_PIXELS.into_iter().find(|step| *step >= pixels)?;
    Edge::new(step).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_rounded_up_to_a_few() {
        let of = |pixels| step(pixels).map(|edge| edge.pixels());
        let table = [
            (0, Some(80)),
            (80, Some(80)),
            (81, Some(160)),
            (512, Some(600)),
            (1_200, Some(1_200)),
            (1_201, Some(2_048)),
            (2_049, None),
        ];
        for (pixels, expected) in table {
            assert_eq!(of(pixels), expected, "{pixels}");
        }
        let sizes: std::collections::HashSet<_> = (0..5_000).map(of).collect();
        assert_eq!(sizes.len(), COVER_PIXELS.len() + 1, "every step is a size that can be made");
    }
}

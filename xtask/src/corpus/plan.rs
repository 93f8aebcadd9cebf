//! Which albums and tracks a generated library has. Every album is computed from the seed and its own number, so that
//! several threads can write at once and a library of a million tracks needs no list of them.

use std::path::PathBuf;

use super::tags::{Format, SongTags};
use super::{Random, names};

const VARIOUS: &str = "Various Artists";
/// A day, in seconds: albums of consecutive numbers were "bought" a day apart, as far as that goes.
const DAY_S: u64 = 86_400;

pub(super) struct Plan {
    seed: u64,
    artists: usize,
    /// The number of tracks of every album; one byte each.
    sizes: Vec<u8>,
}

pub(super) struct Album {
    pub(super) folder: PathBuf,
    pub(super) cover: usize,
    pub(super) cover_beside: bool,
    pub(super) age_s: u64,
    pub(super) tracks: Vec<Track>,
}

pub(super) struct Track {
    pub(super) path: PathBuf,
    pub(super) format: Format,
    pub(super) clip: usize,
    pub(super) tags: SongTags,
}

impl Plan {
    pub(super) fn new(tracks: usize, seed: u64) -> Self {
        let mut random = Random::new(seed, 1);
        let mut sizes = Vec::new();
        let mut left = tracks;
        while left > 0 {
            let size = (6 + random.below(11)).min(left);
            sizes.push(size as u8);
            left -= size;
        }
        Self { seed, artists: (tracks / 15).max(20), sizes }
    }

    pub(super) fn albums(&self) -> usize {
        self.sizes.len()
    }

    pub(super) fn album(&self, number: usize) -> Album {
        let mut random = Random::new(self.seed, 1_000 + number as u64);
        let size = self.sizes.get(number).copied().map_or(0, usize::from);
        let compilation = random.percent(8);
        let artist = if compilation { VARIOUS.to_owned() } else { self.artist(&mut random) };
        let title = names::album(number);
        let year = 1960 + random.below(67) as u32;
        let discs = 1 + [85, 95].iter().filter(|share| random.below(100) >= **share).count().min(size / 2);
        let genres: Vec<String> =
            (0..=usize::from(random.percent(30))).map(|_| names::genre(&mut random)).collect();
        let format = format(&mut random);
        let folder =
            PathBuf::from(names::for_a_file(&artist)).join(names::for_a_file(&format!("{year} {title}")));
        let cover = random.below(8);
        let cover_beside = random.percent(60);
        let per_disc = size.div_ceil(discs);
        let tracks = (0..size).map(|index| {
            let (disc, place) = (index / per_disc + 1, index % per_disc + 1);
            let mut artists = if compilation { vec![self.artist(&mut random)] } else { vec![artist.clone()] };
            if random.percent(10) {
                artists.push(self.artist(&mut random));
            }
            let on_this_disc = per_disc.min(size - (disc - 1) * per_disc);
            let tags = SongTags {
                title: names::song(&mut random),
                artists,
                album: title.clone(),
                album_artist: artist.clone(),
                track: place as u32,
                tracks: on_this_disc as u32,
                disc: disc as u32,
                discs: discs as u32,
                year,
                genres: genres.clone(),
                composer: random.percent(30).then(|| self.artist(&mut random)),
                lyrics: random.percent(10).then(|| names::lyrics(&mut random)),
                compilation,
                gain_db: Some(-12.0 + random.fraction() * 14.0),
            };
            let in_folder = if discs > 1 { folder.join(format!("Disc {disc}")) } else { folder.clone() };
            let name = names::for_a_file(&format!("{place:02} {}", tags.title));
            Track {
                path: in_folder.join(format!("{name}.{}", format.extension())),
                format,
                clip: random.below(4),
                tags,
            }
        });
        let tracks = tracks.collect();
        let age_s = (number as u64 * DAY_S) % (40 * 365 * DAY_S);
        Album { folder, cover, cover_beside, age_s, tracks }
    }

    /// A few artists have most of the albums, and most artists have one.
    fn artist(&self, random: &mut Random) -> String {
        let rank = (self.artists as f64 * random.fraction().powf(2.2)) as usize;
        names::artist(rank)
    }
}

/// The mix of formats that private libraries have, roughly.
fn format(random: &mut Random) -> Format {
    match random.below(100) {
        0..50 => Format::Mp3,
        50..75 => Format::Flac,
        75..83 => Format::Ogg,
        83..90 => Format::Opus,
        90..97 => Format::M4a,
        97..99 => Format::Wav,
        _ => Format::Aiff,
    }
}

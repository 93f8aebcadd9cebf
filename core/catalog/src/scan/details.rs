//! What a song and its album show beyond their rows, and who took part, out of the texts of tags.

use budget::limits::TAG_CREDITS_MAX;

use super::fields::Field;
use super::words::{Words, clean, pair};
use crate::model::{Date, Gain, Part, Release, TrackDetails};

/// Everything that [`Tags`](super::Tags) tell beyond what lists are ordered by. The credits in `track` and `release` are
/// empty: here people have names, and a database gives them ids.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Details {
    /// The artists, where tags name each by himself.
    pub artists: Vec<Person>,
    /// The artists of the album likewise.
    pub album_artists: Vec<Person>,
    /// Who else took part.
    pub contributors: Vec<Contribution>,
    /// What the disc is called that the track is on.
    pub disc_title: Option<String>,
    /// The MD5 of all samples, where the file says it: nobody sees it, but it tells the song from all others.
    pub audio_md5: Option<[u8; 16]>,
    /// What the song shows.
    pub track: TrackDetails,
    /// What its album shows.
    pub release: Release,
}

/// Somebody by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Person {
    /// The name.
    pub name: String,
    /// The name to sort by.
    pub sort_name: Option<String>,
    /// The artist in MusicBrainz.
    pub musicbrainz: Option<String>,
}

impl Person {
    /// Somebody of whom the name alone is known.
    pub fn named(name: &str) -> Self {
        Person { name: name.to_owned(), ..Person::default() }
    }
}

/// Somebody who took part in a track and is none of its artists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contribution {
    /// What he did.
    pub role: Part,
    /// The instrument that he plays.
    pub instrument: Option<String>,
    /// Who.
    pub name: String,
}

/// Fields that name people, each one to a value.
const PARTS: [(Field, Part); 9] = [
    (Field::Composer, Part::Composer),
    (Field::Lyricist, Part::Lyricist),
    (Field::Conductor, Part::Conductor),
    (Field::Arranger, Part::Arranger),
    (Field::Producer, Part::Producer),
    (Field::Engineer, Part::Engineer),
    (Field::Mixer, Part::Mixer),
    (Field::DjMixer, Part::DjMixer),
    (Field::Remixer, Part::Remixer),
];

impl Details {
    pub(super) fn of(words: &Words) -> Self {
        let artists = people(words, [Field::Artists, Field::Artist], Field::ArtistSort, Field::ArtistId);
        let album_fields = [Field::AlbumArtists, Field::AlbumArtist];
        let album_artists = people(words, album_fields, Field::AlbumArtistSort, Field::AlbumArtistId);
        let mut contributors: Vec<Contribution> = PARTS
            .iter()
            .flat_map(|(field, role)| words.values(*field).iter().map(|name| (*role, name)))
            .map(|(role, name)| Contribution { role, instrument: None, name: name.clone() })
            .collect();
        contributors.extend(words.values(Field::Performer).iter().map(|text| performer(text)));
        let room = TAG_CREDITS_MAX.saturating_sub(artists.len() + album_artists.len());
        contributors.truncate(room);
        let disc_title = words.first(Field::DiscTitle);
        Details {
            artists,
            album_artists,
            contributors,
            disc_title,
            audio_md5: None,
            track: track(words),
            release: release(words),
        }
    }
}

/// The values of the first field that has any. What belongs to each of them is told by its place, so numbers must agree.
fn people(words: &Words, fields: [Field; 2], sort: Field, musicbrainz: Field) -> Vec<Person> {
    let names = fields.map(|field| words.values(field)).into_iter().find(|names| !names.is_empty());
    let names = names.unwrap_or_default();
    let ids: Vec<String> = words.values(musicbrainz).iter().flat_map(|text| ids(text)).collect();
    let sorts = words.values(sort);
    let at = |values: &[String], index| values.get(index).filter(|_| values.len() == names.len()).cloned();
    let person = |(index, name): (usize, &String)| Person {
        name: name.clone(),
        sort_name: at(sorts, index),
        musicbrainz: at(&ids, index),
    };
    names.iter().enumerate().map(person).collect()
}

/// `Name (instrument)`.
fn performer(text: &str) -> Contribution {
    let split = text.strip_suffix(')').and_then(|text| text.rsplit_once(" ("));
    let (name, instrument) = split.map_or((text, None), |(name, instrument)| (name, clean(instrument)));
    Contribution { role: Part::Performer, instrument, name: name.trim().to_owned() }
}

fn track(words: &Words) -> TrackDetails {
    let first = |field| words.first(field);
    let number = |field| first(field).and_then(|text| millionths(&text));
    let peak = |field| number(field).and_then(|peak| u64::try_from(peak).ok());
    let gain = Gain {
        track_gain_udb: number(Field::TrackGain).or_else(|| r128(words, Field::R128TrackGain)),
        album_gain_udb: number(Field::AlbumGain).or_else(|| r128(words, Field::R128AlbumGain)),
        track_peak_millionths: peak(Field::TrackPeak),
        album_peak_millionths: peak(Field::AlbumPeak),
    };
    let bpm = number(Field::Bpm).map(|bpm| (bpm + 500_000) / 1_000_000);
    TrackDetails {
        bpm: bpm.and_then(|bpm| u32::try_from(bpm).ok()).filter(|bpm| *bpm > 0),
        comment: first(Field::Comment),
        sort_name: first(Field::TitleSort),
        musicbrainz: first(Field::RecordingId).and_then(|text| ids(&text).into_iter().next()),
        isrcs: words.values(Field::Isrc).to_vec(),
        moods: words.values(Field::Mood).to_vec(),
        is_explicit: match first(Field::Advisory).as_deref() {
            Some("1" | "4") => Some(true),
            Some("2") => Some(false),
            _ => None,
        },
        gain: (gain != Gain::default()).then_some(gain),
        ..TrackDetails::default()
    }
}

fn release(words: &Words) -> Release {
    let dates = |field| words.values(field).iter().find_map(|text| date(text));
    // Several types stand in one value, as in `album; live`.
    let types = words.values(Field::ReleaseType).iter().flat_map(|text| text.split([';', '/']));
    Release {
        artists: Vec::new(),
        musicbrainz: words.first(Field::ReleaseId).and_then(|text| ids(&text).into_iter().next()),
        types: types.filter_map(clean).collect(),
        labels: words.values(Field::Label).to_vec(),
        date: dates(Field::ReleaseDate).or_else(|| dates(Field::Date)),
        original_date: dates(Field::OriginalDate),
        is_compilation: is_compilation(words),
        sort_name: words.first(Field::AlbumSort),
    }
}

/// Whether tags say that the album gathers tracks of several artists.
pub(super) fn is_compilation(words: &Words) -> bool {
    words.first(Field::Compilation).is_some_and(|flag| flag == "1" || flag.eq_ignore_ascii_case("true"))
}

/// The ids of MusicBrainz in a text, which may hold several: 32 hexadecimal digits in five groups.
fn ids(text: &str) -> Vec<String> {
    let is_id = |word: &&str| {
        word.split('-').map(str::len).eq([8, 4, 4, 4, 12])
            && word.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
    };
    let words = text.split(|c: char| !c.is_ascii_hexdigit() && c != '-');
    words.filter(is_id).map(str::to_ascii_lowercase).collect()
}

/// A number with a fraction, in millionths: `-6.54 dB`, `0.988547`. Beyond a thousand it is none.
fn millionths(text: &str) -> Option<i64> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && !"+-.,".contains(c)).unwrap_or(text.len());
    // In many languages a comma stands for the point, and some programs write numbers as their user does.
    let number: f64 = text[..end].replace(',', ".").parse().ok()?;
    #[expect(clippy::cast_possible_truncation, reason = "it is within a thousand millions")]
    (number.abs() <= 1_000.0).then(|| (number * 1e6).round() as i64)
}

/// The loudness that R128 aims at is 5 dB below that of ReplayGain.
fn r128(words: &Words, field: Field) -> Option<i64> {
    let steps: i64 = words.first(field)?.parse::<i16>().ok()?.into();
    Some(steps * 1_000_000 / 256 + 5_000_000)
}

/// A date that begins with its year; one that begins otherwise is known by its year alone.
fn date(text: &str) -> Option<Date> {
    let year = super::words::year(text)?;
    let mut date = Date { year, month: None, day: None };
    let mut parts = text.trim().split(['-', 'T', ' ', '.', '/']);
    if parts.next().and_then(|first| first.parse().ok()) != Some(year) {
        return Some(date);
    }
    let mut within = |last: u32| {
        let number = parts.next().and_then(|part| pair(part).0).filter(|number| *number <= last);
        number.and_then(|number| u8::try_from(number).ok())
    };
    date.month = within(12);
    date.day = within(31).filter(|_| date.month.is_some());
    Some(date)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "f27ec8db-af05-4f36-916e-3d57f91ecf5e";

    fn words(pairs: &[(Field, &str)]) -> Words {
        let mut words = Words::default();
        for (field, text) in pairs {
            words.add(*field, text);
        }
        words
    }

    #[test]
    fn people_have_what_stands_at_their_places() {
        let other = ID.replace('f', "0");
        let both = format!("{}/{other}", ID.to_ascii_uppercase());
        let found = Details::of(&words(&[
            (Field::Artist, "Simon feat. Garfunkel"),
            (Field::Artists, "Simon"),
            (Field::Artists, "Garfunkel"),
            (Field::ArtistSort, "Simon, P"),
            (Field::ArtistId, &both),
            (Field::AlbumArtist, "AC/DC"),
            (Field::AlbumArtistSort, "ACDC"),
            (Field::Composer, "Paul"),
            (Field::Performer, "Art (vocals (high))"),
            (Field::Performer, "Joe"),
        ]));
        let names: Vec<_> =
            found.artists.iter().map(|one| (&*one.name, one.musicbrainz.as_deref())).collect();
        assert_eq!(names, [("Simon", Some(ID)), ("Garfunkel", Some(&*other))]);
        assert_eq!(found.artists[0].sort_name, None, "one sort name for two artists is nobody's");
        assert_eq!(found.album_artists.len(), 1, "a slash may be part of a name");
        assert_eq!(found.album_artists[0].sort_name.as_deref(), Some("ACDC"));
        let parts: Vec<_> =
            found.contributors.iter().map(|one| (one.role, &*one.name, one.instrument.as_deref())).collect();
        assert_eq!(
            parts,
            [
                (Part::Composer, "Paul", None),
                (Part::Performer, "Art (vocals", Some("high)")),
                (Part::Performer, "Joe", None)
            ]
        );
    }

    #[test]
    fn loudness_is_read_in_both_of_its_units() {
        for (field, text, expected) in [
            (Field::TrackGain, "-6.54 dB", Some(-6_540_000)),
            (Field::TrackGain, "+3.1", Some(3_100_000)),
            (Field::TrackGain, "+3,50 dB", Some(3_500_000)),
            (Field::TrackGain, "1,000.5", None),
            (Field::TrackGain, "loud", None),
            (Field::TrackGain, "1e99", Some(1_000_000)),
            (Field::TrackGain, "99999", None),
            (Field::R128TrackGain, "-256", Some(4_000_000)),
            (Field::R128TrackGain, "40000", None),
        ] {
            let gain = Details::of(&words(&[(field, text)])).track.gain;
            assert_eq!(gain.and_then(|gain| gain.track_gain_udb), expected, "{text}");
        }
        let gain = Details::of(&words(&[(Field::AlbumPeak, "0.988547")])).track.gain.unwrap();
        assert_eq!((gain.album_peak_millionths, gain.album_gain_udb), (Some(988_547), None));
        let comma = Details::of(&words(&[(Field::TrackPeak, "1,02")])).track.gain.unwrap();
        assert_eq!(comma.track_peak_millionths, Some(1_020_000));
        assert_eq!(Details::of(&words(&[(Field::TrackPeak, "-1")])).track.gain, None);
        assert_eq!(Details::of(&words(&[(Field::Bpm, "127.6")])).track.bpm, Some(128));
    }

    #[test]
    fn dates_are_as_exact_as_they_were_written() {
        for (text, expected) in [
            ("1999", Some((1999, None, None))),
            ("1999-03", Some((1999, Some(3), None))),
            ("1999-03-07", Some((1999, Some(3), Some(7)))),
            ("1999-03-07T10:00:00Z", Some((1999, Some(3), Some(7)))),
            ("1999-13-07", Some((1999, None, None))),
            ("07.03.1999", Some((1999, None, None))),
            ("soon", None),
        ] {
            assert_eq!(date(text).map(<(u32, Option<u8>, Option<u8>)>::from), expected, "{text}");
        }
    }

    #[test]
    fn an_album_is_told_by_its_release() {
        let found = Details::of(&words(&[
            (Field::ReleaseId, ID),
            (Field::ReleaseType, "Album; Live"),
            (Field::Compilation, "1"),
            (Field::OriginalDate, "1970"),
            (Field::Date, "2001-02-03"),
            (Field::Advisory, "2"),
        ]));
        assert_eq!(found.release.musicbrainz.as_deref(), Some(ID));
        assert_eq!(found.release.types, ["Album", "Live"]);
        assert!(found.release.is_compilation);
        assert_eq!(found.release.original_date.unwrap().year, 1970);
        assert_eq!(found.release.date.unwrap().day, Some(3));
        assert_eq!(found.track.is_explicit, Some(false));
        assert_eq!(ids("not-an-id"), [""; 0]);
    }
}

//! A small library to look at and listen to: seven formats, five albums, among them a compilation and one on two
//! discs, covers beside the files and inside them. The music is synthesised: chords, a plucked pattern and a bass.

mod synth;

use std::path::Path;
use std::process::Command;

use crate::corpus::{Format, SongTags, tagged};
use crate::install::{self, Tool};
use crate::{Error, ErrorKind, Result, files, run};
use synth::Piece;

struct Album {
    artist: &'static str,
    title: &'static str,
    year: u32,
    genre: &'static str,
    cover_beside: bool,
    colours: [&'static str; 2],
    discs: &'static [&'static [Song]],
}

struct Song {
    title: &'static str,
    artist: Option<&'static str>,
    format: Format,
}

const fn song(title: &'static str, format: Format) -> Song {
    Song { title, artist: None, format }
}

const fn by(artist: &'static str, title: &'static str, format: Format) -> Song {
    Song { title, artist: Some(artist), format }
}

use Format::{Aiff, Flac, M4a, Mp3, Ogg, Opus, Wav};

const ALBUMS: &[Album] = &[
    Album {
        artist: "The Millers",
        title: "Still Water",
        year: 2019,
        genre: "Ambient",
        cover_beside: false,
        colours: ["0x1b3a4b", "0x8fc1d4"],
        discs: &[&[
            song("Before the Birds", Mp3),
            song("Mist on the Weir", Mp3),
            song("A Stone, a Ring, a Ring", Mp3),
            song("Half the Sky", Mp3),
        ]],
    },
    Album {
        artist: "Ada Lindqvist",
        title: "Reeds",
        year: 2022,
        genre: "Chamber",
        cover_beside: true,
        colours: ["0x31572c", "0xecf39e"],
        discs: &[&[song("Prelude for Green", Flac), song("Vass", Flac), song("Dragonfly, Noon", Flac)]],
    },
    Album {
        artist: "Two Banks",
        title: "Left and Right",
        year: 2008,
        genre: "Folk",
        cover_beside: true,
        colours: ["0x5f0f40", "0xfb8b24"],
        discs: &[
            &[song("Left: The Path", Ogg), song("Left: The Ferry Bell", Ogg), song("Left: Home", Ogg)],
            &[song("Right: The Road", Opus), song("Right: The Inn", Opus), song("Right: Away", Opus)],
        ],
    },
    Album {
        artist: "Борис Иванов",
        title: "Вечерние баржи",
        year: 1994,
        genre: "Jazz",
        cover_beside: false,
        colours: ["0x14213d", "0xfca311"],
        discs: &[&[song("Первая баржа", M4a), song("Вторая баржа", M4a), song("Причал", M4a)]],
    },
    Album {
        artist: "Various Artists",
        title: "Harbour Lights",
        year: 2024,
        genre: "World",
        cover_beside: true,
        colours: ["0x3d348b", "0xf7b801"],
        discs: &[&[
            by("The Millers", "Lamp One", Mp3),
            by("Ada Lindqvist", "Lamp Two", Flac),
            by("美咲 Tanaka", "港の灯", Opus),
            by("Chloé & João", "L'écluse", M4a),
            by("Yard Owls", "Rope (demo)", Wav),
            by("Keel", "Tin Roof", Aiff),
        ]],
    },
];

/// Makes the library unless it is there, and tells how many songs it has.
///
/// # Errors
/// [`ErrorKind::Missing`] when ffmpeg is not there and cannot be installed; [`ErrorKind::Io`] when a file cannot be
/// written.
pub fn make(folder: &Path) -> Result<usize> {
    let songs = ALBUMS.iter().flat_map(|album| album.discs).map(|disc| disc.len()).sum();
    let complete = folder.with_extension("complete");
    if complete.is_file() {
        return Ok(songs);
    }
    install::need(&[Tool::Ffmpeg])?;
    println!("making a demo library of {songs} songs");
    files::remove_folder(folder)?;
    let scratch =
        tempfile::tempdir().map_err(|error| Error::because(ErrorKind::Io, "making a folder", error))?;
    for (number, album) in ALBUMS.iter().enumerate() {
        make_album(folder, scratch.path(), number, album)?;
    }
    files::write(&complete, "")?;
    Ok(songs)
}

fn make_album(folder: &Path, scratch: &Path, number: usize, album: &Album) -> Result<()> {
    let home = folder.join(album.artist).join(format!("{} ({})", album.title, album.year));
    let cover = cover(scratch, album)?;
    if album.cover_beside {
        files::write(&home.join("cover.jpg"), &cover)?;
    }
    for (disc, songs) in album.discs.iter().enumerate() {
        let home = if album.discs.len() > 1 { home.join(format!("Disc {}", disc + 1)) } else { home.clone() };
        for (index, song) in songs.iter().enumerate() {
            let piece = Piece::of(number, disc * 10 + index);
            let audio = encoded(scratch, &piece.render(), song.format)?;
            let tags = SongTags {
                title: song.title.to_owned(),
                artists: vec![song.artist.unwrap_or(album.artist).to_owned()],
                album: album.title.to_owned(),
                album_artist: album.artist.to_owned(),
                track: index as u32 + 1,
                tracks: songs.len() as u32,
                disc: disc as u32 + 1,
                discs: album.discs.len() as u32,
                year: album.year,
                genres: vec![album.genre.to_owned()],
                compilation: song.artist.is_some(),
                ..SongTags::default()
            };
            let inside = (!album.cover_beside).then_some(cover.as_slice());
            let name = format!("{:02} {}.{}", index + 1, song.title, song.format.extension());
            files::write(&home.join(name), tagged(&audio, song.format, &tags, inside)?)?;
        }
    }
    Ok(())
}

fn encoded(scratch: &Path, samples: &[i16], format: Format) -> Result<Vec<u8>> {
    let raw = scratch.join("song.raw");
    let done = scratch.join(format!("song.{}", format.extension()));
    files::write(&raw, samples.iter().flat_map(|sample| sample.to_le_bytes()).collect::<Vec<u8>>())?;
    let rate = synth::RATE.to_string();
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-nostdin", "-v", "error", "-y", "-f", "s16le", "-ar", &rate, "-ac", "2", "-i"]).arg(raw);
    ffmpeg.args(format.encoder());
    if matches!(format, Mp3 | M4a | Opus) {
        ffmpeg.args(["-b:a", "160k"]);
    }
    run::quiet(ffmpeg.arg(&done))?;
    files::read_bytes(&done)
}

fn cover(scratch: &Path, album: &Album) -> Result<Vec<u8>> {
    let [from, to] = album.colours;
    let path = scratch.join("cover.jpg");
    let input = format!("gradients=size=600x600:c0={from}:c1={to}:x0=0:y0=0:x1=600:y1=600:n=2:speed=0.00001");
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i", &input]);
    run::quiet(ffmpeg.args(["-frames:v", "1", "-q:v", "3"]).arg(&path))?;
    files::read_bytes(&path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_has_every_format_a_compilation_and_two_discs() {
        let songs: Vec<&Song> = ALBUMS.iter().flat_map(|album| album.discs).copied().flatten().collect();
        assert!(Format::ALL.iter().all(|format| songs.iter().any(|song| song.format == *format)));
        assert!(songs.iter().any(|song| song.artist.is_some()));
        assert!(ALBUMS.iter().any(|album| album.discs.len() == 2));
    }
}

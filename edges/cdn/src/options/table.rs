//! The one table of options: names, aliases, ranges, and what each sets. All spellings read by it; the guide's table and
//! every error are made of it.

use std::fmt::Write as _;

use budget::limits::{
    CLIP_MS_MAX, EDGE_PIXELS_MAX, EDGE_PIXELS_MIN, FPS_MAX, SPRITE_FRAMES_MAX, WAVEFORM_PEAKS_MAX,
};

use super::shape::{Shape, Value};

/// How an address is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Spelling {
    /// `/cdn-cgi/media/<options>/<source>`, with Cloudflare's ranges and defaults.
    Cloudflare,
    /// `/<path>?<options>`, with the names of video-resizer and of IMQuery.
    Query,
    /// `/media/<id>/<file>?<options>`, our own.
    Media,
}

/// What is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Mode {
    Video,
    Frame,
    Spritesheet,
    Audio,
    Waveform,
}

impl Mode {
    pub(crate) const ALL: [Mode; 5] =
        [Mode::Video, Mode::Frame, Mode::Spritesheet, Mode::Audio, Mode::Waveform];

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Mode::Video => "video",
            Mode::Frame => "frame",
            Mode::Spritesheet => "spritesheet",
            Mode::Audio => "audio",
            Mode::Waveform => "waveform",
        }
    }

    pub(crate) fn of(word: &str) -> Option<Mode> {
        Mode::ALL.into_iter().find(|mode| mode.word() == word)
    }

    /// What `format` may be; the first is what holds without it.
    pub(crate) const fn formats(self) -> &'static [&'static str] {
        match self {
            Mode::Video => &["mp4", "h265", "vp9", "av1"],
            Mode::Frame => &["jpg", "png", "webp"],
            Mode::Spritesheet => &["jpg"],
            Mode::Audio => &["m4a", "mp3", "opus", "flac", "aac", "ogg"],
            Mode::Waveform => &["json", "png"],
        }
    }
}

/// An option, and its place in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Opt {
    Mode,
    Width,
    Height,
    Fit,
    Time,
    Duration,
    Audio,
    Format,
    Quality,
    Bitrate,
    Fps,
    Speed,
    Rotate,
    Crop,
    ImageCount,
    Columns,
    Peaks,
    Dpr,
    Compression,
    Derivative,
    Filename,
    Loop,
    Autoplay,
    Muted,
    Preload,
    Debug,
    ImWidth,
    ImHeight,
    ImViewWidth,
    ImViewHeight,
    ImDensity,
    ImRef,
}

/// One option.
pub(crate) struct Row {
    pub(crate) option: Opt,
    pub(crate) name: &'static str,
    /// Other names that mean the same.
    pub(crate) aliases: &'static [&'static str],
    /// A name that means the opposite.
    pub(crate) opposite: Option<&'static str>,
    pub(crate) shape: Shape,
    /// The narrower range that Cloudflare has.
    pub(crate) cloudflare: Option<Shape>,
    /// The modes in which it is part of the recipe; none for what does not change the bytes.
    pub(crate) modes: &'static [Mode],
    /// Whether it is understood in the query of a path alone.
    pub(crate) query_only: bool,
    /// What it sets, for the guide.
    pub(crate) sets: &'static str,
}

impl Row {
    /// What a value may be in this spelling.
    pub(crate) fn shape_in(&self, spelling: Spelling) -> Shape {
        match (spelling, self.cloudflare) {
            (Spelling::Cloudflare, Some(narrow)) => narrow,
            _ => self.shape,
        }
    }

    /// Whether this spelling has it.
    pub(crate) fn is_in(&self, spelling: Spelling) -> bool {
        !self.query_only || spelling == Spelling::Query
    }

    /// Whether it is part of a recipe.
    pub(crate) fn is_of_recipe(&self) -> bool {
        !self.modes.is_empty()
    }

    const fn alias(mut self, aliases: &'static [&'static str]) -> Row {
        self.aliases = aliases;
        self
    }

    const fn at_cloudflare(mut self, narrow: Shape) -> Row {
        self.cloudflare = Some(narrow);
        self
    }
}

const fn row(
    option: Opt,
    name: &'static str,
    shape: Shape,
    modes: &'static [Mode],
    sets: &'static str,
) -> Row {
    Row {
        option,
        name,
        aliases: &[],
        opposite: None,
        shape,
        cloudflare: None,
        modes,
        query_only: false,
        sets,
    }
}

const fn im(option: Opt, name: &'static str, shape: Shape, sets: &'static str) -> Row {
    Row { query_only: true, ..row(option, name, shape, &[], sets) }
}

const ALL: &[Mode] = &Mode::ALL;
const PICTURES: &[Mode] = &[Mode::Video, Mode::Frame, Mode::Spritesheet];
const SIZED: &[Mode] = &[Mode::Video, Mode::Frame, Mode::Spritesheet, Mode::Waveform];
const TIMED: &[Mode] = &[Mode::Video, Mode::Frame, Mode::Spritesheet, Mode::Audio];
const CLIPPED: &[Mode] = &[Mode::Video, Mode::Spritesheet, Mode::Audio];
const SOUNDING: &[Mode] = &[Mode::Video, Mode::Audio];
const VIDEO: &[Mode] = &[Mode::Video];
const SPRITE: &[Mode] = &[Mode::Spritesheet];
/// What does not change the bytes.
const NONE: &[Mode] = &[];

const EDGE: Shape = Shape::Whole { of: " of pixels", min: EDGE_PIXELS_MIN, max: EDGE_PIXELS_MAX };
// format: the ranges of Cloudflare's Media Transformations
const CLOUDFLARE_EDGE: Shape = Shape::Whole { of: " of pixels", min: 10, max: 2_000 };
const CLOUDFLARE_TIME: Shape = Shape::Time { min_ms: 0, max_ms: 600_000 };
const CLOUDFLARE_LENGTH: Shape = Shape::Time { min_ms: 1_000, max_ms: CLOUDFLARE_LENGTH_MS };
/// How long a clip is when nobody says, at Cloudflare.
// format: Cloudflare's Media Transformations
pub(crate) const CLOUDFLARE_LENGTH_MS: u64 = 60_000;
/// The width or height of somebody's window.
const VIEW: Shape = Shape::Whole { of: " of pixels", min: 1, max: 65_535 };

const MODES: Shape = Shape::Words(&[&["video"], &["frame"], &["spritesheet"], &["audio"], &["waveform"]]);
const FITS: Shape = Shape::Words(&[&["contain", "fill"], &["scale-down"], &["cover", "crop"]]);
const FORMATS: Shape = Shape::Words(&[
    &["mp4", "h264"],
    &["h265", "hevc"],
    &["vp9", "webm"],
    &["av1"],
    &["jpg", "jpeg"],
    &["png"],
    &["webp"],
    &["m4a"],
    &["mp3"],
    &["opus"],
    &["flac"],
    &["aac"],
    &["ogg", "vorbis"],
    &["json"],
]);
const LEVELS: Shape = Shape::Words(&[&["low"], &["medium", "auto"], &["high"]]);
const TURNS: Shape = Shape::Words(&[&["0"], &["90"], &["180"], &["270"]]);

/// Every option, in the order of [`Opt`], which is that of the guide and of printed addresses.
pub(crate) static TABLE: &[Row] = &[
    row(Opt::Mode, "mode", MODES, ALL, "what is made; `video` unless a format of sound says `audio`"),
    row(Opt::Width, "width", EDGE, SIZED, "how wide; rounded down to an even number")
        .alias(&["w"])
        .at_cloudflare(CLOUDFLARE_EDGE),
    row(Opt::Height, "height", EDGE, SIZED, "how high; rounded down to an even number")
        .alias(&["h"])
        .at_cloudflare(CLOUDFLARE_EDGE),
    row(
        Opt::Fit,
        "fit",
        FITS,
        PICTURES,
        "what happens when width and height have another shape than the picture; `crop` is `cover`, `fill` is `contain`",
    )
    .alias(&["obj-fit"]),
    row(Opt::Time, "time", Shape::Time { min_ms: 0, max_ms: CLIP_MS_MAX }, TIMED, "where it begins, or when a frame is")
        .alias(&["start"])
        .at_cloudflare(CLOUDFLARE_TIME),
    row(
        Opt::Duration,
        "duration",
        Shape::Time { min_ms: 1, max_ms: CLIP_MS_MAX },
        CLIPPED,
        "how long it is; to the end without it, in Cloudflare's spelling a minute",
    )
    .alias(&["dur"])
    .at_cloudflare(CLOUDFLARE_LENGTH),
    Row {
        opposite: Some("mute"),
        ..row(Opt::Audio, "audio", Shape::Switch, SOUNDING, "whether a video keeps its sound")
    },
    row(Opt::Format, "format", FORMATS, ALL, "how it is encoded; which formats there are depends on the mode")
        .alias(&["f", "imformat"]),
    row(Opt::Quality, "quality", LEVELS, VIDEO, "how good a video looks; `auto` is `medium`").alias(&["q"]),
    row(Opt::Bitrate, "bitrate", Shape::Bitrate, SOUNDING, "at most so many bits in a second"),
    row(
        Opt::Fps,
        "fps",
        Shape::Whole { of: "", min: 1, max: FPS_MAX },
        VIDEO,
        "frames in a second",
    ),
    row(Opt::Speed, "speed", Shape::Decimal { min: 25, max: 400 }, VIDEO, "how fast it plays"),
    row(Opt::Rotate, "rotate", TURNS, VIDEO, "turned clockwise, in degrees"),
    row(Opt::Crop, "crop", Shape::Crop, VIDEO, "what is left of the picture before its size is changed"),
    row(
        Opt::ImageCount,
        "imageCount",
        Shape::Whole { of: "", min: 1, max: SPRITE_FRAMES_MAX },
        SPRITE,
        "pictures in a spritesheet; 20 without it",
    ),
    row(
        Opt::Columns,
        "columns",
        Shape::Whole { of: "", min: 1, max: SPRITE_FRAMES_MAX },
        SPRITE,
        "pictures in a row; 1 without it, 5 in addresses with /media/",
    ),
    row(
        Opt::Peaks,
        "peaks",
        Shape::Whole { of: "", min: 1, max: WAVEFORM_PEAKS_MAX },
        &[Mode::Waveform],
        "peaks of a waveform as JSON; 1000 without it",
    ),
    row(Opt::Dpr, "dpr", Shape::Decimal { min: 50, max: 500 }, SIZED, "what width and height are multiplied by")
        .alias(&["imdensity"]),
    row(Opt::Compression, "compression", LEVELS, NONE, "nothing: it is understood and changes no byte"),
    row(
        Opt::Derivative,
        "derivative",
        Shape::Preset,
        NONE,
        "all that the preset says, whatever else the address says about it",
    )
    .alias(&["impolicy"]),
    row(Opt::Filename, "filename", Shape::Name, NONE, "the name under which it is saved"),
    row(Opt::Loop, "loop", Shape::Switch, NONE, "`X-Playback-Loop` of the answer"),
    row(Opt::Autoplay, "autoplay", Shape::Switch, NONE, "`X-Playback-Autoplay` of the answer"),
    row(Opt::Muted, "muted", Shape::Switch, NONE, "`X-Playback-Muted` of the answer"),
    row(
        Opt::Preload,
        "preload",
        Shape::Words(&[&["none"], &["metadata"], &["auto"]]),
        NONE,
        "`X-Playback-Preload` of the answer",
    ),
    row(Opt::Debug, "debug", Shape::Words(&[&["view"]]), NONE, "the answer is what was understood, as JSON"),
    im(Opt::ImWidth, "imwidth", VIEW, "the preset whose breakpoint it falls under; never a size"),
    im(Opt::ImHeight, "imheight", VIEW, "the same by height, where there is no `imwidth`"),
    im(Opt::ImViewWidth, "im-viewwidth", VIEW, "the same as the client's hint `Sec-CH-Viewport-Width`"),
    im(Opt::ImViewHeight, "im-viewheight", VIEW, "nothing: it is understood and changes no byte"),
    im(
        Opt::ImDensity,
        "im-density",
        Shape::Decimal { min: 50, max: 1_000 },
        "the same as the client's hint `Sec-CH-DPR`",
    ),
    im(Opt::ImRef, "imref", Shape::Anything, "nothing: it is understood and changes no byte"),
];

impl Opt {
    /// Its row.
    pub(crate) fn row(self) -> &'static Row {
        // The table has a row for each in this order, which a test holds.
        &TABLE[self as usize]
    }

    /// What holds in a recipe when nobody says anything.
    pub(crate) fn standard(self, mode: Mode, spelling: Spelling) -> Option<Value> {
        match self {
            Opt::Mode => Some(Value::Word(mode.word())),
            Opt::Fit => Some(Value::Word("contain")),
            Opt::Time => Some(Value::Number(0)),
            Opt::Duration if spelling == Spelling::Cloudflare => Some(Value::Number(CLOUDFLARE_LENGTH_MS)),
            Opt::Audio => Some(Value::Switch(true)),
            Opt::Format => mode.formats().first().map(|word| Value::Word(word)),
            Opt::Quality => Some(Value::Word("medium")),
            Opt::Speed | Opt::Dpr => Some(Value::Number(100)),
            Opt::Rotate => Some(Value::Word("0")),
            Opt::ImageCount => Some(Value::Number(20)),
            Opt::Columns if spelling == Spelling::Media => Some(Value::Number(5)),
            Opt::Columns => Some(Value::Number(1)),
            Opt::Peaks => Some(Value::Number(1_000)),
            _ => None,
        }
    }
}

/// The row of a name, whether the name is an alias, and whether it means the opposite.
pub(crate) fn find(name: &str) -> Option<(&'static Row, Named)> {
    TABLE.iter().find_map(|row| {
        let named = if row.name == name {
            Named::Itself
        } else if row.aliases.contains(&name) {
            Named::Alias
        } else if row.opposite == Some(name) {
            Named::Opposite
        } else {
            return None;
        };
        Some((row, named))
    })
}

/// How an option was named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    Itself,
    Alias,
    Opposite,
}

/// The options of a spelling, each with what it may be and what it sets.
pub(crate) fn described(spelling: Spelling) -> impl Iterator<Item = (&'static str, String)> {
    let rows = TABLE.iter().filter(move |row| row.is_in(spelling));
    rows.map(move |row| (row.name, format!("{}; {}", row.shape_in(spelling), row.sets)))
}

/// All options as the table of the guide, in Markdown.
pub fn reference() -> String {
    let mut text = "| option | also | must be | in modes | sets |\n|---|---|---|---|---|\n".to_owned();
    for row in TABLE {
        let mut also: Vec<String> = row.aliases.iter().map(|alias| format!("`{alias}`")).collect();
        also.extend(row.opposite.map(|name| format!("`{name}`, the opposite")));
        let mut range = row.shape.to_string();
        if let Some(narrow) = row.cloudflare {
            // Writing to a String cannot fail.
            let _ = write!(range, "; in Cloudflare's spelling {narrow}");
        }
        if row.query_only {
            range.push_str("; in queries of paths alone");
        }
        let modes: Vec<&str> = row.modes.iter().map(|mode| mode.word()).collect();
        let modes = match modes.len() {
            0 => "–".to_owned(),
            count if count == Mode::ALL.len() => "all".to_owned(),
            _ => modes.join(", "),
        };
        let _ = writeln!(text, "| `{}` | {} | {range} | {modes} | {} |", row.name, also.join(", "), row.sets);
    }
    text
}

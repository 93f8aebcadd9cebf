//! From what was written to a recipe, and from a recipe to what would be written for it.

use transform::{
    Audio, Bitrate, Clip, Codec, Crop, Drawing, Edge, Encoding, Fit, Fps, Frame, Picture, Quality, Recipe,
    Rotation, Sampling, Size, Speed, Sprite, Unfit, Video, Waveform,
};

use super::bad::{Bad, Wrong};
use super::shape::Value;
use super::table::{Mode, Opt, Spelling};
use super::written::Written;

/// An option with what is wrong about it.
pub(super) type Fault = (Opt, Wrong);

impl From<Fault> for Bad {
    fn from((option, wrong): Fault) -> Bad {
        Bad::of(option, wrong)
    }
}

/// How wide one picture of a spritesheet is when nobody says, in pixels.
const SPRITE_WIDTH: u64 = 160;
/// The picture of a waveform when nobody says, in pixels.
const WAVEFORM: (u64, u64) = (1_280, 160);

struct Maker<'a> {
    written: &'a Written,
    mode: Mode,
    spelling: Spelling,
}

/// The recipe for what was written.
pub(super) fn recipe(written: &Written, spelling: Spelling) -> Result<Recipe, Fault> {
    let mode = written.mode();
    for (row, _) in written.said().filter(|(row, _)| row.is_of_recipe()) {
        if !row.modes.contains(&mode) {
            return Err((row.option, Wrong::Mode { mode, modes: row.modes }));
        }
    }
    if written.word(Opt::Format).is_some_and(|word| !mode.formats().contains(&word)) {
        return Err((Opt::Format, Wrong::Format(mode)));
    }
    let maker = Maker { written, mode, spelling };
    Ok(match mode {
        Mode::Video => Recipe::Video(maker.video()?),
        Mode::Frame => Recipe::Frame(Frame {
            at_ms: maker.number(Opt::Time).unwrap_or(0),
            size: maker.size(None)?,
            picture: match maker.word(Opt::Format) {
                "png" => Picture::Png,
                "webp" => Picture::Webp,
                _ => Picture::Jpeg,
            },
        }),
        Mode::Spritesheet => Recipe::Sprite(maker.sprite()?),
        Mode::Audio => Recipe::Audio(maker.audio()?),
        Mode::Waveform => Recipe::Waveform(maker.waveform()?),
    })
}

/// What the table's range allows and the recipe does not cannot be: the words are for the day when they part.
fn unfit(option: Opt) -> impl Fn(Unfit) -> Fault {
    move |unfit| (option, Wrong::Said(unfit.expected))
}

impl Maker<'_> {
    fn holds(&self, option: Opt) -> Option<Value> {
        self.written.holds(option, self.mode, self.spelling)
    }

    fn number(&self, option: Opt) -> Option<u64> {
        match self.holds(option) {
            Some(Value::Number(number)) => Some(number),
            _ => None,
        }
    }

    fn word(&self, option: Opt) -> &'static str {
        match self.holds(option) {
            Some(Value::Word(word)) => word,
            _ => "",
        }
    }

    fn clip(&self) -> Result<Clip, Fault> {
        let start_ms = self.number(Opt::Time).unwrap_or(0);
        Clip::new(start_ms, self.number(Opt::Duration)).map_err(unfit(Opt::Duration))
    }

    fn edge(&self, option: Opt, pixels: Option<u64>) -> Result<Option<Edge>, Fault> {
        let hundredths = self.number(Opt::Dpr).unwrap_or(100);
        let Some(pixels) = pixels else { return Ok(None) };
        let scaled = pixels.saturating_mul(hundredths) / 100;
        let wrong = |_| match hundredths {
            100 => (option, Wrong::Range(option.row().shape_in(self.spelling))),
            _ => (Opt::Dpr, Wrong::Said("must leave width and height from 10 to 8192 pixels")),
        };
        Edge::new(scaled).map(Some).map_err(wrong)
    }

    fn size(&self, standard: Option<u64>) -> Result<Size, Fault> {
        let (width, height) = (self.number(Opt::Width), self.number(Opt::Height));
        let width = if height.is_none() { width.or(standard) } else { width };
        let fit = match self.word(Opt::Fit) {
            "scale-down" => Fit::ScaleDown,
            "cover" => Fit::Cover,
            _ => Fit::Contain,
        };
        Ok(Size { width: self.edge(Opt::Width, width)?, height: self.edge(Opt::Height, height)?, fit })
    }

    fn bitrate(&self) -> Result<Option<Bitrate>, Fault> {
        self.number(Opt::Bitrate).map(Bitrate::new).transpose().map_err(unfit(Opt::Bitrate))
    }

    fn video(&self) -> Result<Video, Fault> {
        let speed = self.number(Opt::Speed).filter(|hundredths| *hundredths != 100);
        Ok(Video {
            clip: self.clip()?,
            size: self.size(None)?,
            is_mute: self.written.switch(Opt::Audio) == Some(false),
            codec: match self.word(Opt::Format) {
                "h265" => Codec::H265,
                "vp9" => Codec::Vp9,
                "av1" => Codec::Av1,
                _ => Codec::H264,
            },
            quality: match self.word(Opt::Quality) {
                "low" => Quality::Low,
                "high" => Quality::High,
                _ => Quality::Medium,
            },
            bitrate: self.bitrate()?,
            fps: self.number(Opt::Fps).map(Fps::new).transpose().map_err(unfit(Opt::Fps))?,
            speed: speed.map(Speed::new).transpose().map_err(unfit(Opt::Speed))?,
            rotation: match self.word(Opt::Rotate) {
                "90" => Some(Rotation::Quarter),
                "180" => Some(Rotation::Half),
                "270" => Some(Rotation::ThreeQuarters),
                _ => None,
            },
            crop: self.crop()?,
        })
    }

    fn crop(&self) -> Result<Option<Crop>, Fault> {
        let Some(Value::Crop([width, height, x, y])) = self.holds(Opt::Crop) else { return Ok(None) };
        let edge = |pixels: u16| Edge::new(u64::from(pixels)).map_err(unfit(Opt::Crop));
        Ok(Some(Crop { width: edge(width)?, height: edge(height)?, x, y }))
    }

    fn sprite(&self) -> Result<Sprite, Fault> {
        let frames = self.number(Opt::ImageCount).unwrap_or(1);
        let columns = match self.written.number(Opt::Columns) {
            Some(columns) => columns,
            None => self.number(Opt::Columns).unwrap_or(1).min(frames),
        };
        let wrong = |_| (Opt::Columns, Wrong::Said("must not be more than `imageCount`"));
        Sprite::new(self.clip()?, self.size(Some(SPRITE_WIDTH))?, frames, columns).map_err(wrong)
    }

    fn audio(&self) -> Result<Audio, Fault> {
        if self.written.switch(Opt::Audio) == Some(false) {
            return Err((Opt::Audio, Wrong::Said("cannot be false with mode=audio")));
        }
        let encoding = match self.word(Opt::Format) {
            "mp3" => Encoding::Mp3,
            "opus" => Encoding::Opus,
            "flac" => Encoding::Flac,
            "aac" => Encoding::Aac,
            "ogg" => Encoding::Vorbis,
            _ => Encoding::M4a,
        };
        let bitrate = self.bitrate()?;
        if encoding == Encoding::Flac && bitrate.is_some() {
            return Err((Opt::Bitrate, Wrong::Said("means nothing with format=flac")));
        }
        Ok(Audio { clip: self.clip()?, encoding, bitrate, ..Audio::default() })
    }

    fn waveform(&self) -> Result<Waveform, Fault> {
        if self.word(Opt::Format) != "png" {
            let drawn =
                [Opt::Width, Opt::Height].into_iter().find(|option| self.written.get(*option).is_some());
            if let Some(option) = drawn {
                return Err((option, Wrong::Said("is for the picture of a waveform: format=png")));
            }
            let peaks = self.number(Opt::Peaks).and_then(|peaks| u16::try_from(peaks).ok());
            return Ok(Waveform::Peaks(peaks.unwrap_or(1)));
        }
        if self.written.get(Opt::Peaks).is_some() {
            return Err((Opt::Peaks, Wrong::Said("is for a waveform as numbers: format=json")));
        }
        let edge = |option, standard| {
            let pixels = self.number(option).unwrap_or(standard);
            self.edge(option, Some(pixels))?.ok_or((option, Wrong::Said("is missing")))
        };
        let (width, height) = (edge(Opt::Width, WAVEFORM.0)?, edge(Opt::Height, WAVEFORM.1)?);
        let option = if self.number(Opt::Dpr).is_some_and(|hundredths| hundredths != 100) {
            Opt::Dpr
        } else {
            Opt::Height
        };
        let large = |_| (option, Wrong::Said("must leave a waveform with at most 8388608 pixels"));
        Drawing::new(width, height).map(Waveform::Drawn).map_err(large)
    }
}

impl Written {
    /// What is written for a recipe; none for one that no address names.
    pub(crate) fn of(recipe: &Recipe) -> Option<Written> {
        let mut written = Written::default();
        let mut set = |option: Opt, value: Option<Value>| {
            if let Some(value) = value {
                written.set(option, value);
            }
        };
        match recipe {
            Recipe::Video(video) => of_video(video, &mut set),
            Recipe::Frame(Frame { at_ms, size, picture }) => {
                set(Opt::Mode, Some(Value::Word("frame")));
                set(Opt::Time, Some(Value::Number(*at_ms)));
                set(Opt::Format, Some(Value::Word(picture.suffix())));
                of_size(*size, &mut set);
            }
            Recipe::Sprite(sprite) => {
                set(Opt::Mode, Some(Value::Word("spritesheet")));
                set(Opt::ImageCount, Some(Value::Number(sprite.frames().into())));
                set(Opt::Columns, Some(Value::Number(sprite.columns().into())));
                of_clip(sprite.clip, &mut set);
                of_size(sprite.size, &mut set);
            }
            Recipe::Audio(Audio { sampling, .. }) if *sampling != Sampling::default() => return None,
            Recipe::Audio(Audio { clip, encoding, bitrate, .. }) => {
                set(Opt::Mode, Some(Value::Word("audio")));
                set(Opt::Format, Some(Value::Word(encoding.suffix())));
                set(Opt::Bitrate, bitrate.map(|bitrate| Value::Number(bitrate.kbps().into())));
                of_clip(*clip, &mut set);
            }
            Recipe::Waveform(waveform) => {
                set(Opt::Mode, Some(Value::Word("waveform")));
                match waveform {
                    Waveform::Peaks(peaks) => set(Opt::Peaks, Some(Value::Number((*peaks).into()))),
                    Waveform::Drawn(drawing) => {
                        set(Opt::Format, Some(Value::Word("png")));
                        set(Opt::Width, Some(pixels(drawing.width())));
                        set(Opt::Height, Some(pixels(drawing.height())));
                    }
                }
            }
            Recipe::Song | Recipe::Piece(_) | Recipe::Cover(_) | Recipe::Captions(_) => return None,
        }
        Some(written)
    }
}

fn pixels(edge: Edge) -> Value {
    Value::Number(edge.pixels().into())
}

fn of_size(size: Size, set: &mut impl FnMut(Opt, Option<Value>)) {
    set(Opt::Width, size.width.map(pixels));
    set(Opt::Height, size.height.map(pixels));
    set(Opt::Fit, Some(Value::Word(size.fit.word())));
}

fn of_clip(clip: Clip, set: &mut impl FnMut(Opt, Option<Value>)) {
    set(Opt::Time, Some(Value::Number(clip.start_ms())));
    set(Opt::Duration, clip.length_ms().map(Value::Number));
}

fn of_video(video: &Video, set: &mut impl FnMut(Opt, Option<Value>)) {
    let Video { clip, size, is_mute, codec, quality, bitrate, fps, speed, rotation, crop } = video;
    set(Opt::Mode, Some(Value::Word("video")));
    of_clip(*clip, set);
    of_size(*size, set);
    set(Opt::Audio, Some(Value::Switch(!is_mute)));
    let format = match codec {
        Codec::H264 => "mp4",
        Codec::H265 => "h265",
        Codec::Vp9 => "vp9",
        Codec::Av1 => "av1",
    };
    set(Opt::Format, Some(Value::Word(format)));
    set(Opt::Quality, Some(Value::Word(quality.word())));
    set(Opt::Bitrate, bitrate.map(|bitrate| Value::Number(bitrate.kbps().into())));
    set(Opt::Fps, fps.map(|fps| Value::Number(fps.get().into())));
    set(Opt::Speed, speed.map(|speed| Value::Number(speed.hundredths().into())));
    let turn = rotation.map_or("0", |rotation| match rotation {
        Rotation::Quarter => "90",
        Rotation::Half => "180",
        Rotation::ThreeQuarters => "270",
    });
    set(Opt::Rotate, Some(Value::Word(turn)));
    set(Opt::Crop, crop.map(|crop| Value::Crop([crop.width.pixels(), crop.height.pixels(), crop.x, crop.y])));
}

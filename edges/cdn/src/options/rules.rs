//! The rules by which options become what is asked for: what the operator says of presets, breakpoints, the ladder, and of
//! options that cannot be meant.

use std::borrow::Cow;

use budget::limits::{CLIP_MS_MAX, OPTIONS_BYTES_MAX, OPTIONS_MAX};
use percent_encoding::percent_decode_str;
use transform::Recipe;

use super::bad::{Bad, Wrong};
use super::recipe::recipe;
use super::shape::{Shape, Value};
use super::table::{Mode, Named, Opt, Row, Spelling, find};
use super::written::Written;
use super::{Asked, Extras, Name, Playback, Preload, Spoken, Wanted};
use crate::hints::Hints;
use crate::presets::{Ladder, Preset, Presets, Responsive};
use crate::sign::is_signature;

/// What reads options.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    pub(crate) presets: Presets,
    pub(crate) responsive: Responsive,
    pub(crate) ladder: Ladder,
    pub(crate) is_lenient: bool,
}

/// The options of one address, on their way.
struct Reading<'a> {
    rules: &'a Rules,
    spelling: Spelling,
    written: Written,
    /// Which options were named by their own name: an alias does not replace it.
    by_name: Vec<Opt>,
    preset: Option<(&'a str, &'a Preset)>,
    extras: Extras,
}

impl Rules {
    /// The options of `/cdn-cgi/media/<options>/…`.
    ///
    /// # Errors
    /// [`Bad`] names the option and its range.
    pub fn cloudflare(&self, options: &str) -> Result<Asked, Bad> {
        self.between_commas(Spelling::Cloudflare, options)
    }

    /// Options with commas between them, with the ranges and defaults of this spelling.
    ///
    /// # Errors
    /// [`Bad`] names the option and its range.
    pub(crate) fn between_commas(&self, spelling: Spelling, options: &str) -> Result<Asked, Bad> {
        bounded(options)?;
        if options.is_empty() {
            return Err(Bad::of(Opt::Mode, Wrong::Range(Opt::Mode.row().shape)));
        }
        let mut reading = Reading::new(self, spelling);
        reading.all(pairs_between_commas(options))?;
        reading.asked(Wanted::Rendition, None, &Hints::default())
    }

    /// The query of a path. What is not there asks for nothing, and the source is given as it is; so does a query that says
    /// nothing about bytes.
    ///
    /// # Errors
    /// [`Bad`] names the option and its range.
    pub fn query(&self, query: &str, hints: &Hints) -> Result<Spoken, Bad> {
        bounded(query)?;
        let mut reading = Reading::new(self, Spelling::Query);
        reading.all(pairs_of(query))?;
        if !reading.asks() {
            reading.say_extras();
            return Ok(Spoken::Original(reading.extras));
        }
        let asked = reading.asked(Wanted::Rendition, None, hints)?;
        Ok(Spoken::Rendition(Box::new(asked)))
    }

    /// The file and the query of `/media/<id>/<file>?<query>`; `None` when there is no such file.
    ///
    /// # Errors
    /// [`Bad`] names the option and its range.
    pub fn media(&self, file: &str, query: &str) -> Result<Option<Asked>, Bad> {
        let Some((wanted, known)) = File::parse(file) else { return Ok(None) };
        bounded(query)?;
        let mut reading = Reading::new(self, Spelling::Media);
        reading.written.set(Opt::Mode, Value::Word(known.mode.word()));
        if let Some(format) = known.format {
            reading.written.set(Opt::Format, Value::Word(format));
        }
        reading.all(pairs_of(query))?;
        reading.asked(wanted, Some(known), &Hints::default()).map(Some)
    }

    /// A file of HLS behind the path of a source, with the options of that spelling; `None` when it is no such file. What a
    /// client says of itself chooses nothing here: its player chooses.
    ///
    /// # Errors
    /// [`Bad`] names the option and its range.
    pub(crate) fn stream(&self, spelling: Spelling, file: &str, options: &str) -> Result<Option<Asked>, Bad> {
        let Some((wanted, known)) = File::of_stream(file) else { return Ok(None) };
        bounded(options)?;
        let mut reading = Reading::new(self, spelling);
        match spelling {
            Spelling::Cloudflare => reading.all(pairs_between_commas(options))?,
            Spelling::Query | Spelling::Media => reading.all(pairs_of(options))?,
        }
        let asked = reading.asked(wanted, Some(known), &Hints::default())?;
        Ok(Some(Asked { by_hints: false, ..asked }))
    }
}

/// The options of a query, without what signs it.
fn pairs_of(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| !is_signature(name))
}

/// The options of Cloudflare's spelling.
fn pairs_between_commas(options: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    options.split(',').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let decoded = |text| percent_decode_str(text).decode_utf8_lossy();
        (decoded(name), decoded(value))
    })
}

fn bounded(text: &str) -> Result<(), Bad> {
    if text.len() > OPTIONS_BYTES_MAX {
        return Err(Bad::named("options", Wrong::Said("must have at most 4096 characters")));
    }
    Ok(())
}

/// A file that an address of ours may name.
#[derive(Clone, Copy)]
struct File {
    name: &'static str,
    mode: Mode,
    format: Option<&'static str>,
}

const fn file(name: &'static str, mode: Mode, format: Option<&'static str>) -> File {
    File { name, mode, format }
}

const VIDEO_FILE: File = file("video.mp4", Mode::Video, None);
const SPRITE_FILE: File = file("sprite.jpg", Mode::Spritesheet, None);
const FILES: &[File] = &[
    VIDEO_FILE,
    file("video.webm", Mode::Video, Some("vp9")),
    file("frame.jpg", Mode::Frame, None),
    file("frame.png", Mode::Frame, Some("png")),
    file("frame.webp", Mode::Frame, Some("webp")),
    SPRITE_FILE,
    file("audio.m4a", Mode::Audio, None),
    file("audio.mp3", Mode::Audio, Some("mp3")),
    file("audio.opus", Mode::Audio, Some("opus")),
    file("audio.flac", Mode::Audio, Some("flac")),
    file("audio.aac", Mode::Audio, Some("aac")),
    file("audio.ogg", Mode::Audio, Some("ogg")),
    file("waveform.json", Mode::Waveform, None),
    file("waveform.png", Mode::Waveform, Some("png")),
];

impl File {
    fn parse(name: &str) -> Option<(Wanted, File)> {
        if let Some(file) = FILES.iter().find(|file| file.name == name) {
            return Some((Wanted::Rendition, *file));
        }
        if name == "sprite.vtt" {
            return Some((Wanted::Map, SPRITE_FILE));
        }
        File::of_stream(name)
    }

    /// A file that players of HLS ask for.
    fn of_stream(name: &str) -> Option<(Wanted, File)> {
        let wanted = match name {
            "index.m3u8" => Wanted::Playlist,
            "video.m3u8" => Wanted::VideoPlaylist,
            "audio.m3u8" => Wanted::AudioPlaylist,
            "video-init.mp4" => Wanted::Head,
            "audio-init.mp4" => Wanted::SoundHead,
            _ => {
                let (of, digits) = name.strip_suffix(".m4s")?.split_once('-')?;
                let usual = !digits.starts_with('0') || digits == "0";
                let number: u32 = digits.parse().ok().filter(|_| usual && !digits.starts_with('+'))?;
                // No segment is shorter than a second.
                if u64::from(number) > CLIP_MS_MAX / 1_000 {
                    return None;
                }
                match of {
                    "video" => Wanted::Segment(number),
                    "audio" => Wanted::SoundSegment(number),
                    _ => return None,
                }
            }
        };
        Some((wanted, VIDEO_FILE))
    }

    /// Whether the recipe is what the file's name says; else the option that says otherwise.
    fn agrees(self, recipe: &Recipe, has_preset: bool) -> Result<(), Bad> {
        let suffix = self.name.rsplit('.').next();
        let of = match (recipe.mode() == self.mode.word(), suffix == Some(recipe.suffix())) {
            (true, true) => return Ok(()),
            _ if has_preset => Opt::Derivative,
            (false, _) => Opt::Mode,
            (true, false) => Opt::Format,
        };
        Err(Bad::of(of, Wrong::File(self.name)))
    }
}

impl<'a> Reading<'a> {
    fn new(rules: &'a Rules, spelling: Spelling) -> Self {
        let (written, extras) = (Written::default(), Extras::default());
        Reading { rules, spelling, written, by_name: Vec::new(), preset: None, extras }
    }

    /// Whether anything was said that asks for a rendition.
    fn asks(&self) -> bool {
        let chooses = [Opt::ImWidth, Opt::ImHeight, Opt::ImViewWidth];
        self.preset.is_some()
            || self.written.has_recipe()
            || chooses.into_iter().any(|option| self.written.get(option).is_some())
    }

    fn all<'t>(&mut self, pairs: impl Iterator<Item = (Cow<'t, str>, Cow<'t, str>)>) -> Result<(), Bad> {
        for (at, (name, text)) in pairs.enumerate() {
            if at == OPTIONS_MAX {
                return Err(Bad::named("options", Wrong::Said("must be at most 64")));
            }
            if let Err(bad) = self.one(&name, &text) {
                self.drop_or_refuse(bad)?;
            }
        }
        Ok(())
    }

    /// What cannot be meant is an error, or is dropped and listed where the operator wants that.
    fn drop_or_refuse(&mut self, bad: Bad) -> Result<(), Bad> {
        if !self.rules.is_lenient {
            return Err(bad);
        }
        self.extras.warnings.push(bad);
        Ok(())
    }

    fn one(&mut self, name: &str, text: &str) -> Result<(), Bad> {
        let Some((row, named)) = find(name) else { return Err(Bad::unknown(name)) };
        if !row.is_in(self.spelling) {
            return Err(Bad::of(row.option, Wrong::Elsewhere));
        }
        let shape = row.shape_in(self.spelling);
        if shape.is_text() {
            return self.text(row, shape, text);
        }
        let value = shape.read(text).ok_or_else(|| Bad::of(row.option, Wrong::Range(shape)))?;
        let value = match (named, value) {
            (Named::Opposite, Value::Switch(on)) => Value::Switch(!on),
            (_, value) => value,
        };
        if row.option == Opt::Compression {
            self.extras.warnings.push(Bad::of(row.option, Wrong::Said("changes nothing")));
        }
        self.take(row, named, value);
        Ok(())
    }

    /// Takes a value over. Of two the later one counts, but a name counts more than its aliases.
    fn take(&mut self, row: &Row, named: Named, value: Value) {
        let was_named = self.by_name.contains(&row.option);
        let said = self.written.get(row.option).is_some();
        let from_file = self.spelling == Spelling::Media && matches!(row.option, Opt::Mode | Opt::Format);
        if said && !from_file {
            self.extras.warnings.push(Bad::of(row.option, Wrong::Said("is there more than once")));
        }
        if named == Named::Itself && !was_named {
            self.by_name.push(row.option);
        }
        if named == Named::Itself || !was_named {
            self.written.set(row.option, value);
        }
    }

    /// What is no number and no word of ours.
    fn text(&mut self, row: &Row, shape: Shape, text: &str) -> Result<(), Bad> {
        match shape {
            Shape::Preset => {
                let found = self.rules.presets.get(text);
                let names = || Bad::of(row.option, Wrong::Preset(self.rules.presets.names().into()));
                self.preset = Some(found.ok_or_else(names)?);
            }
            Shape::Name => {
                let name = Name::parse(text);
                self.extras.filename = Some(name.ok_or_else(|| Bad::of(row.option, Wrong::Range(shape)))?);
            }
            _ => {}
        }
        Ok(())
    }

    /// The end of it: presets, the choice by breakpoint, the recipe, and whether it is free.
    fn asked(mut self, wanted: Wanted, file: Option<File>, hints: &Hints) -> Result<Asked, Bad> {
        let explicit = self.preset;
        if let Some((_, preset)) = explicit {
            self.written.overlay(&preset.written);
            if preset.sets_size() {
                self.written.unset(Opt::Dpr);
            }
        }
        let (chosen, by_hints) = self.chosen(hints);
        if let Some((_, preset)) = chosen {
            self.written.fill(&preset.written, self.written.mode());
            self.written.unset(Opt::Dpr);
        }
        let recipe = self.recipe()?;
        // The files of HLS that have no pictures are there for sound alone, too.
        let is_sound = wanted.has_no_size() && matches!(recipe, Recipe::Audio(_));
        if let Some(file) = file.filter(|_| !is_sound) {
            file.agrees(&recipe, explicit.is_some())?;
        }
        let is_free = match (explicit, chosen) {
            (Some((_, preset)), _) => self.is_as(preset),
            (None, Some((_, preset))) => self.is_filled(preset),
            (None, None) => false,
        } || self.is_on_ladder(wanted);
        self.say_extras();
        let preset = explicit.or(chosen).map(|(name, _)| name.into());
        Ok(Asked { recipe, wanted, is_free, preset, by_hints, extras: self.extras })
    }

    /// The preset that a breakpoint chooses where no size is given, and whether hints were looked at for it.
    fn chosen(&self, hints: &Hints) -> (Option<(&'a str, &'a Preset)>, bool) {
        let is_sized = [Opt::Width, Opt::Height].into_iter().any(|option| self.written.get(option).is_some());
        // The pictures of a spritesheet are small whatever the window is.
        let is_shown = matches!(self.written.mode(), Mode::Video | Mode::Frame);
        if self.spelling != Spelling::Query || self.preset.is_some() || is_sized || !is_shown {
            return (None, false);
        }
        let rules = self.rules;
        let number = |option| self.written.number(option);
        let density = number(Opt::ImDensity).or(number(Opt::Dpr));
        if let Some(width) = number(Opt::ImWidth) {
            return (rules.responsive.at_width(&rules.presets, width, false), false);
        }
        if let Some(view) = number(Opt::ImViewWidth) {
            let width = view.saturating_mul(density.unwrap_or(100)) / 100;
            return (rules.responsive.at_width(&rules.presets, width, false), false);
        }
        if let Some(height) = number(Opt::ImHeight) {
            return (rules.responsive.at_height(&rules.presets, height), false);
        }
        if !rules.responsive.hints {
            return (None, false);
        }
        (rules.responsive.by_hints(&rules.presets, hints, density), true)
    }

    /// The recipe; where the operator is lenient, without the options that cannot be part of it.
    fn recipe(&mut self) -> Result<Recipe, Bad> {
        loop {
            let (option, wrong) = match recipe(&self.written, self.spelling) {
                Ok(recipe) => return Ok(recipe),
                Err(fault) => fault,
            };
            // Each turn takes one value away, so it ends.
            let said = self.written.get(option).is_some();
            let bad = Bad::of(option, wrong);
            if !said {
                return Err(bad);
            }
            self.drop_or_refuse(bad)?;
            self.written.unset(option);
        }
    }

    /// Whether it is what the preset by itself would be.
    fn is_as(&self, preset: &Preset) -> bool {
        let mode = self.written.mode();
        preset.written.mode() == mode && self.written.agrees(&preset.written, mode, self.spelling, &[])
    }

    /// Whether nothing was said but the mode, and the rest is a preset's.
    fn is_filled(&self, preset: &Preset) -> bool {
        let mode = self.written.mode();
        let mut alone = Written::default();
        alone.set(Opt::Mode, Value::Word(mode.word()));
        alone.fill(&preset.written, mode);
        self.written.agrees(&alone, mode, self.spelling, &[])
    }

    /// Whether it is a width of the ladder with everything else as it is when nobody says anything, but for the format of
    /// pictures and sound, of which there are few.
    fn is_on_ladder(&self, wanted: Wanted) -> bool {
        let mode = self.written.mode();
        let but: &[Opt] = match mode {
            Mode::Video => &[Opt::Width],
            _ => &[Opt::Width, Opt::Format],
        };
        let mut bare = Written::default();
        bare.set(Opt::Mode, Value::Word(mode.word()));
        let width = self.written.number(Opt::Width);
        let needs_width = mode == Mode::Video && !wanted.has_no_size();
        let is_step = width.map_or(!needs_width, |width| self.rules.ladder.has(width));
        is_step && self.written.agrees(&bare, mode, self.spelling, but)
    }

    fn say_extras(&mut self) {
        self.extras.playback = Playback {
            is_looped: self.written.switch(Opt::Loop),
            is_autoplayed: self.written.switch(Opt::Autoplay),
            is_muted: self.written.switch(Opt::Muted),
            preload: self.written.word(Opt::Preload).and_then(|word| match word {
                "none" => Some(Preload::Nothing),
                "metadata" => Some(Preload::Metadata),
                "auto" => Some(Preload::Auto),
                _ => None,
            }),
        };
        self.extras.debug_view = self.written.get(Opt::Debug).is_some();
    }
}

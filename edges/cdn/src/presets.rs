//! What an operator names: presets, the breakpoints that choose one, and the ladder of widths that anybody may have made.
//!
//! A preset is written with the options of addresses, and read by the same table.

use std::collections::BTreeMap;

use budget::limits::{CDN_TABLES_MAX, EDGE_PIXELS_MAX, EDGE_PIXELS_MIN, LADDER_PIXELS, LADDER_STEPS_MAX};
use serde::Deserialize;

use crate::hints::{Device, Hints};
use crate::options::{Opt, Rules, Spelling, Written, Wrong, find};
use crate::{Bad, Spoken};

/// The widths that anybody may have made, in pixels.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<u64>")]
pub struct Ladder(Vec<u64>);

impl Default for Ladder {
    fn default() -> Self {
        Ladder(LADDER_PIXELS.to_vec())
    }
}

impl Ladder {
    /// Whether it has this width, as it was written.
    pub fn has(&self, width: u64) -> bool {
        self.0.binary_search(&width).is_ok()
    }

    /// Its widths from the least on, in pixels.
    pub fn widths(&self) -> &[u64] {
        &self.0
    }
}

impl TryFrom<Vec<u64>> for Ladder {
    type Error = String;

    fn try_from(mut widths: Vec<u64>) -> Result<Self, String> {
        let fits = |width: &u64| (EDGE_PIXELS_MIN..=EDGE_PIXELS_MAX).contains(width);
        if widths.len() > LADDER_STEPS_MAX || !widths.iter().all(fits) {
            return Err(format!(
                "a ladder has at most {LADDER_STEPS_MAX} widths from {EDGE_PIXELS_MIN} to {EDGE_PIXELS_MAX} pixels"
            ));
        }
        widths.sort_unstable();
        widths.dedup();
        Ok(Ladder(widths))
    }
}

/// Options under a name: `derivative=NAME`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "BTreeMap<String, Scalar>")]
pub struct Preset {
    pub(crate) written: Written,
}

/// A value as a configuration file has it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Scalar {
    Switch(bool),
    Whole(u64),
    Decimal(f64),
    Text(String),
}

impl Scalar {
    fn text(&self) -> String {
        match self {
            Scalar::Switch(on) => on.to_string(),
            Scalar::Whole(number) => number.to_string(),
            Scalar::Decimal(number) => number.to_string(),
            Scalar::Text(text) => text.clone(),
        }
    }
}

impl Preset {
    /// A preset of these options.
    ///
    /// # Errors
    /// [`Bad`] names the option that is none, that is no part of a recipe, or whose value cannot be.
    pub fn of<'a>(options: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Preset, Bad> {
        let mut written = Written::default();
        for (name, text) in options {
            // A preset has one name for each option, so that two lines cannot say two things about it.
            let row = find(name).map(|(row, _)| row).filter(|row| row.name == name && row.is_of_recipe());
            let row = row.ok_or_else(|| Bad::unknown(name))?;
            let value = row.shape.read(text).ok_or_else(|| Bad::of(row.option, Wrong::Range(row.shape)))?;
            written.set(row.option, value);
        }
        let preset = Preset { written };
        preset.is_whole()?;
        Ok(preset)
    }

    /// Whether the options can stand together.
    fn is_whole(&self) -> Result<(), Bad> {
        let presets = Presets(BTreeMap::from([("preset".into(), self.clone())]));
        let rules = Rules { presets, ..Rules::default() };
        rules.query("derivative=preset", &Hints::default()).map(drop::<Spoken>)
    }

    /// Whether it says how large.
    pub(crate) fn sets_size(&self) -> bool {
        [Opt::Width, Opt::Height].into_iter().any(|option| self.written.get(option).is_some())
    }
}

impl TryFrom<BTreeMap<String, Scalar>> for Preset {
    type Error = Bad;

    fn try_from(options: BTreeMap<String, Scalar>) -> Result<Self, Bad> {
        let texts: Vec<(String, String)> =
            options.iter().map(|(name, value)| (name.clone(), value.text())).collect();
        Preset::of(texts.iter().map(|(name, text)| (name.as_str(), text.as_str())))
    }
}

/// Presets by their names.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "BTreeMap<Box<str>, Preset>")]
pub struct Presets(BTreeMap<Box<str>, Preset>);

/// What video-resizer has in production, without the five minutes that its platform cuts videos off at.
const STANDARD: &[(&str, &[(&str, &str)])] = &[
    ("desktop", &[("mode", "video"), ("width", "1920"), ("height", "1080"), ("fit", "contain")]),
    ("tablet", &[("mode", "video"), ("width", "1280"), ("height", "720"), ("fit", "contain")]),
    ("mobile", &[("mode", "video"), ("width", "854"), ("height", "640"), ("fit", "contain")]),
    (
        "thumbnail",
        &[
            ("mode", "frame"),
            ("width", "640"),
            ("height", "360"),
            ("fit", "cover"),
            ("time", "2s"),
            ("format", "png"),
        ],
    ),
];

impl Default for Presets {
    fn default() -> Self {
        let all = STANDARD.iter().filter_map(|(name, options)| {
            let mut written = Written::default();
            for (name, text) in *options {
                let (row, _) = find(name)?;
                written.set(row.option, row.shape.read(text)?);
            }
            Some(((*name).into(), Preset { written }))
        });
        Presets(all.collect())
    }
}

impl Presets {
    /// The preset of that name, with the name.
    pub(crate) fn get(&self, name: &str) -> Option<(&str, &Preset)> {
        self.0.get_key_value(name).map(|(name, preset)| (&**name, preset))
    }

    /// All of them, by their names.
    pub fn all(&self) -> impl Iterator<Item = (&str, &Preset)> {
        self.0.iter().map(|(name, preset)| (&**name, preset))
    }

    /// Their names with commas between them.
    pub fn names(&self) -> String {
        let names: Vec<&str> = self.0.keys().map(|name| &**name).collect();
        names.join(", ")
    }
}

/// The operator's, beside those that everybody has; one of the same name is replaced.
impl TryFrom<BTreeMap<Box<str>, Preset>> for Presets {
    type Error = String;

    fn try_from(named: BTreeMap<Box<str>, Preset>) -> Result<Self, String> {
        if named.len() > CDN_TABLES_MAX {
            return Err(format!("there may be at most {CDN_TABLES_MAX} presets"));
        }
        if let Some(name) = named.keys().find(|name| !is_name(name)) {
            return Err(format!(
                "the preset `{name}` has a name of other characters than a-z, A-Z, 0-9, - and _"
            ));
        }
        let mut all = Presets::default();
        all.0.extend(named);
        Ok(all)
    }
}

/// Whether a preset or an origin may be called so: the name comes into addresses, tags and figures.
pub(crate) fn is_name(name: &str) -> bool {
    let usual = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    // format: as long as a label of a host may be
    (1..=63).contains(&name.len()) && name.bytes().all(usual)
}

/// Which preset is chosen where an address leaves the size open.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Responsive {
    /// Whether what clients say of themselves is looked at. `imwidth` and its like choose all the same.
    pub hints: bool,
    /// From the narrowest on; the last has no `width_max`.
    pub breakpoints: Vec<Breakpoint>,
}

/// A preset for all that is not wider.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Breakpoint {
    /// In pixels; without it there is no bound.
    pub width_max: Option<u64>,
    /// The name of the preset.
    pub preset: Box<str>,
}

impl Default for Responsive {
    fn default() -> Self {
        let step = |width_max, preset: &str| Breakpoint { width_max, preset: preset.into() };
        let breakpoints = vec![step(Some(854), "mobile"), step(Some(1_280), "tablet"), step(None, "desktop")];
        Responsive { hints: true, breakpoints }
    }
}

impl Responsive {
    /// What is wrong with it, beside these presets.
    pub(crate) fn check(&self, presets: &Presets) -> Result<(), String> {
        let steps = &self.breakpoints;
        if steps.len() > CDN_TABLES_MAX {
            return Err(format!("there may be at most {CDN_TABLES_MAX} breakpoints"));
        }
        if let Some(unknown) = steps.iter().find(|step| presets.get(&step.preset).is_none()) {
            return Err(format!(
                "a breakpoint names the preset `{}`, and there are {}",
                unknown.preset,
                presets.names()
            ));
        }
        let Some((last, others)) = steps.split_last() else { return Ok(()) };
        let rising = others.windows(2).all(|pair| pair[0].width_max < pair[1].width_max);
        let bounded = others.iter().all(|step| step.width_max.is_some());
        let under =
            last.width_max.is_none() || others.last().is_none_or(|step| step.width_max < last.width_max);
        (rising && bounded && under).then_some(()).ok_or_else(|| {
            "breakpoints go from the narrowest on, and only the last has no width_max".to_owned()
        })
    }

    /// The place of the breakpoint that a width falls under; of a width beyond all, the last.
    fn place(&self, width: u64) -> Option<usize> {
        let under = self.breakpoints.iter().position(|step| step.width_max.is_none_or(|max| width <= max));
        under.or(self.breakpoints.len().checked_sub(1))
    }

    fn preset<'a>(&self, presets: &'a Presets, place: usize) -> Option<(&'a str, &'a Preset)> {
        self.breakpoints.get(place).and_then(|step| presets.get(&step.preset))
    }

    /// The preset for a width, or one step below it for a client that saves.
    pub(crate) fn at_width<'a>(
        &self,
        presets: &'a Presets,
        width: u64,
        saves_data: bool,
    ) -> Option<(&'a str, &'a Preset)> {
        let place = self.place(width)?;
        self.preset(presets, if saves_data { place.saturating_sub(1) } else { place })
    }

    /// The first preset that is as high, else the last.
    pub(crate) fn at_height<'a>(&self, presets: &'a Presets, height: u64) -> Option<(&'a str, &'a Preset)> {
        let high = |step: &Breakpoint| {
            let (_, preset) = presets.get(&step.preset)?;
            preset.written.number(Opt::Height)
        };
        let place = self.breakpoints.iter().position(|step| high(step).is_some_and(|high| height <= high));
        self.preset(presets, place.or(self.breakpoints.len().checked_sub(1))?)
    }

    /// The preset that a client's hints choose, if they say anything. `density` is what the address says of it.
    pub(crate) fn by_hints<'a>(
        &self,
        presets: &'a Presets,
        hints: &Hints,
        density: Option<u64>,
    ) -> Option<(&'a str, &'a Preset)> {
        let hundredths = density.or(hints.dpr_hundredths).unwrap_or(100);
        let window = hints.viewport_width.map(|width| width.saturating_mul(hundredths) / 100);
        if let Some(width) = hints.width.or(window) {
            return self.at_width(presets, width, hints.saves_data);
        }
        let last = self.breakpoints.len().checked_sub(1)?;
        let place = match hints.device {
            Some(Device::Mobile) => 0,
            Some(Device::Tablet) => last.min(1),
            Some(Device::Desktop) => last,
            // Who saves and says no more gets the least.
            None if hints.saves_data => 0,
            None => return None,
        };
        let saved = hints.saves_data && hints.device.is_some();
        self.preset(presets, if saved { place.saturating_sub(1) } else { place })
    }
}

/// The recipe of a preset by itself, in the words of the options of an address.
impl std::fmt::Display for Preset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, (row, value)) in self.written.said().enumerate() {
            let text = row.shape_in(Spelling::Query).write(value).unwrap_or_default();
            write!(f, "{}{}={text}", if at == 0 { "" } else { " " }, row.name)?;
        }
        Ok(())
    }
}

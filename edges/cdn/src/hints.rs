//! What a client says of itself: the size of its window, the density of its screen, and that it wants to save.

use http::HeaderMap;

/// The fields that are looked at where an address leaves the size open. They belong into `Vary` of such an answer, and those
/// that begin with `Sec-CH-` into `Accept-CH`.
pub const HINT_FIELDS: &[&str] = &[
    "Sec-CH-Width",
    "Sec-CH-Viewport-Width",
    "Sec-CH-DPR",
    "Sec-CH-UA-Mobile",
    "Width",
    "Viewport-Width",
    "DPR",
    "Save-Data",
    "CF-Device-Type",
];

/// What a client says of itself, as far as it can be meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hints {
    /// How wide it will show it, in pixels of its screen: `Sec-CH-Width`.
    pub width: Option<u64>,
    /// How wide its window is, in pixels of its pages: `Sec-CH-Viewport-Width`.
    pub viewport_width: Option<u64>,
    /// Pixels of its screen for each of its pages, in hundredths: `Sec-CH-DPR`.
    pub dpr_hundredths: Option<u64>,
    /// What it is: `Sec-CH-UA-Mobile`, or a proxy's `CF-Device-Type`.
    pub device: Option<Device>,
    /// Whether it pays for bytes: `Save-Data`.
    pub saves_data: bool,
}

/// What somebody looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// A telephone.
    Mobile,
    /// A tablet.
    Tablet,
    /// Anything larger.
    Desktop,
}

impl Hints {
    /// The hints in the fields of a request. A field that cannot be meant is as good as none.
    pub fn of(fields: &HeaderMap) -> Hints {
        let text = |name: &str| fields.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
        let either = |new: &str, old: &str| text(new).or_else(|| text(old));
        let device = match (text("sec-ch-ua-mobile"), text("cf-device-type")) {
            (Some("?1"), _) | (None, Some("mobile")) => Some(Device::Mobile),
            (_, Some("tablet")) => Some(Device::Tablet),
            (_, Some("desktop")) => Some(Device::Desktop),
            _ => None,
        };
        Hints {
            width: either("sec-ch-width", "width").and_then(pixels),
            viewport_width: either("sec-ch-viewport-width", "viewport-width").and_then(pixels),
            dpr_hundredths: either("sec-ch-dpr", "dpr").and_then(hundredths),
            device,
            saves_data: text("save-data").is_some_and(|value| value.eq_ignore_ascii_case("on")),
        }
    }
}

fn pixels(text: &str) -> Option<u64> {
    text.parse::<u16>().ok().map(u64::from).filter(|pixels| *pixels > 0)
}

fn hundredths(text: &str) -> Option<u64> {
    let number = text.parse::<f64>().ok().filter(|number| (0.1..=10.0).contains(number))?;
    // At most a thousand, so nothing is lost.
    Some((number * 100.0).round() as u64)
}

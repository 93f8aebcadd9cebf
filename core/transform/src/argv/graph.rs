//! Filters, each of them a few numbers.

use std::fmt;

use crate::probe::Rate;

/// How bright things are written in a source with more range than screens have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Light {
    /// Perceptual quantisation (SMPTE ST 2084): HDR10, Dolby Vision.
    Pq,
    /// Hybrid log-gamma (ARIB STD-B67).
    Hlg,
}

/// One step between decoder and encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filter {
    /// A rectangle is left of the picture.
    Crop { width: u32, height: u32, x: u32, y: u32 },
    /// The picture gets this size.
    Scale { width: u32, height: u32 },
    /// Its pixels are square.
    Square,
    /// It is turned by a quarter, clockwise or not.
    Transpose { is_clockwise: bool },
    /// It is turned by half.
    Flip,
    /// So many frames in a second.
    Fps(Rate),
    /// So many frames in so many milliseconds, from the first one on.
    FpsOver { frames: u16, ms: u64 },
    /// Pictures come faster or slower, in hundredths.
    Speed(u16),
    /// Sound comes faster or slower at the same pitch, in thousandths from a half to a hundredfold.
    Tempo(u32),
    /// The last frame again and again.
    Hold,
    /// So many frames side by side in so many rows.
    Tile { columns: u16, rows: u16, frames: u16 },
    /// Bright light is brought into the range of screens.
    Tone(Light),
    /// Eight bits, as every player reads them.
    Yuv,
    /// Eight bits over their whole range, as JPEG has them.
    YuvFull,
    /// Eight bits of red, green and blue.
    Rgb,
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Filter::Crop { width, height, x, y } => write!(f, "crop={width}:{height}:{x}:{y}"),
            Filter::Scale { width, height } => write!(f, "scale={width}:{height}:flags=bicubic"),
            Filter::Square => f.write_str("setsar=1"),
            Filter::Transpose { is_clockwise: true } => f.write_str("transpose=clock"),
            Filter::Transpose { is_clockwise: false } => f.write_str("transpose=cclock"),
            Filter::Flip => f.write_str("hflip,vflip"),
            Filter::Fps(rate) => write!(f, "fps={}/{}", rate.frames(), rate.seconds()),
            Filter::FpsOver { frames, ms } => {
                write!(f, "fps={}/{ms}:start_time=0", u64::from(frames) * 1_000)
            }
            Filter::Speed(hundredths) => write!(f, "setpts=100*PTS/{hundredths}"),
            Filter::Tempo(thousandths) => {
                write!(f, "atempo={}.{:03}", thousandths / 1_000, thousandths % 1_000)
            }
            Filter::Hold => f.write_str("tpad=stop=-1:stop_mode=clone"),
            Filter::Tile { columns, rows, frames } => write!(f, "tile={columns}x{rows}:nb_frames={frames}"),
            Filter::Tone(light) => {
                let transfer = match light {
                    Light::Pq => "smpte2084",
                    Light::Hlg => "arib-std-b67",
                };
                write!(f, "zscale=tin={transfer}:pin=bt2020:min=bt2020nc:rin=tv:t=linear:npl=100,")?;
                f.write_str("format=gbrpf32le,zscale=p=bt709,tonemap=tonemap=hable:desat=0,")?;
                f.write_str("zscale=t=bt709:m=bt709:r=tv")
            }
            Filter::Yuv => f.write_str("format=yuv420p"),
            Filter::YuvFull => f.write_str("format=yuvj420p"),
            Filter::Rgb => f.write_str("format=rgb24"),
        }
    }
}

/// Filters in a row.
#[derive(Clone, Debug, Default)]
pub(crate) struct Graph(Vec<Filter>);

impl Graph {
    pub(crate) fn push(&mut self, filter: Filter) {
        self.0.push(filter);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, filter) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{filter}")?;
        }
        Ok(())
    }
}

//! Filters, each of them a few numbers.

use std::fmt;

use crate::probe::{Matrix, Rate};

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
    /// Of two moments in one frame, whole pictures of the first are made.
    Deinterlace,
    /// Of two moments in one frame, the lines of the first are left.
    Field,
    /// The picture gets this size, and its colours are written otherwise.
    Scale { width: u32, height: u32, from: Matrix, to: Matrix },
    /// It is said how its colours are written, so that nobody has to guess by the new size. All three are said, because a
    /// container says all or nothing, and players of segments read it there.
    Tag(Matrix),
    /// Its pixels are square.
    Square,
    /// It is turned by a quarter, clockwise or not.
    Transpose { is_clockwise: bool },
    /// It is turned by half.
    Flip,
    /// So many frames in a second.
    Fps(Rate),
    /// So many frames in a second, counted from the moment 0. Of what lies before it, the last frame is seen there.
    Even(Rate),
    /// So many frames in so many milliseconds, from the first one on.
    FpsOver { frames: u16, ms: u64 },
    /// Pictures come faster or slower, in hundredths.
    Speed(u16),
    /// Sound comes faster or slower at the same pitch, in thousandths from a half to a hundredfold.
    Tempo(u32),
    /// Where sound is missing, silence takes its time.
    Silence,
    /// The last frame again and again.
    Hold,
    /// So many samples in a second from the moment 0, with silence wherever the source has nothing.
    Filled(u32),
    /// So many samples, with silence behind the end or without what is too much.
    Samples(u64),
    /// So many frames side by side in so many rows.
    Tile { columns: u16, rows: u16, frames: u16 },
    /// Bright light is brought into the range of screens, and written so.
    Tone(Light, Matrix),
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
            Filter::Deinterlace => f.write_str("bwdif=mode=send_frame:parity=auto:deint=all"),
            Filter::Field => f.write_str("field=type=top"),
            Filter::Scale { width, height, from, to } => {
                write!(f, "scale={width}:{height}:flags=bicubic")?;
                if from == to {
                    return Ok(());
                }
                if let Some(name) = from.scaler_name() {
                    write!(f, ":in_color_matrix={name}")?;
                }
                to.scaler_name().map_or(Ok(()), |name| write!(f, ":out_color_matrix={name}"))
            }
            Filter::Tag(matrix) => {
                let (matrix, primaries, transfer) = matrix.names();
                write!(f, "setparams=colorspace={matrix}:color_primaries={primaries}:color_trc={transfer}")
            }
            Filter::Square => f.write_str("setsar=1"),
            Filter::Transpose { is_clockwise: true } => f.write_str("transpose=clock"),
            Filter::Transpose { is_clockwise: false } => f.write_str("transpose=cclock"),
            Filter::Flip => f.write_str("hflip,vflip"),
            Filter::Fps(rate) => write!(f, "fps={}/{}", rate.frames(), rate.seconds()),
            Filter::Even(rate) => write!(f, "fps={}/{}:start_time=0", rate.frames(), rate.seconds()),
            Filter::FpsOver { frames, ms } => {
                write!(f, "fps={}/{ms}:start_time=0", u64::from(frames) * 1_000)
            }
            Filter::Speed(hundredths) => write!(f, "setpts=100*PTS/{hundredths}"),
            Filter::Tempo(thousandths) => {
                write!(f, "atempo={}.{:03}", thousandths / 1_000, thousandths % 1_000)
            }
            Filter::Silence => f.write_str("aresample=async=1"),
            Filter::Hold => f.write_str("tpad=stop=-1:stop_mode=clone"),
            Filter::Filled(hz) => write!(f, "aresample={hz}:async=1:first_pts=0"),
            Filter::Samples(count) => write!(f, "apad=whole_len={count},atrim=end_sample={count}"),
            Filter::Tile { columns, rows, frames } => write!(f, "tile={columns}x{rows}:nb_frames={frames}"),
            Filter::Tone(light, to) => {
                let transfer = match light {
                    Light::Pq => "smpte2084",
                    Light::Hlg => "arib-std-b67",
                };
                write!(f, "zscale=tin={transfer}:pin=bt2020:min=bt2020nc:rin=tv:t=linear:npl=100,")?;
                f.write_str("format=gbrpf32le,zscale=p=bt709,tonemap=tonemap=hable:desat=0,")?;
                // The format stands here because this filter would also write the whole range of a JPEG, and not fill it.
                write!(f, "zscale=t=bt709:m={}:r=tv,format=yuv420p", to.names().0)
            }
            Filter::Yuv => f.write_str("format=yuv420p"),
            Filter::YuvFull => f.write_str("format=yuvj420p"),
            Filter::Rgb => f.write_str("format=rgb24"),
        }
    }
}

impl Matrix {
    /// What the scaler calls it, which has no word for colours that are written as such.
    fn scaler_name(self) -> Option<&'static str> {
        match self {
            Matrix::Bt601 => Some("bt601"),
            Matrix::Bt709 => Some("bt709"),
            Matrix::Bt2020 => Some("bt2020"),
            Matrix::Rgb => None,
        }
    }

    /// What the standards call it, and the primaries and the transfer that go with it.
    fn names(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Matrix::Bt601 => ("smpte170m", "smpte170m", "smpte170m"),
            Matrix::Bt709 => ("bt709", "bt709", "bt709"),
            Matrix::Bt2020 => ("bt2020nc", "bt2020", "bt2020-10"),
            Matrix::Rgb => ("gbr", "bt709", "bt709"),
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

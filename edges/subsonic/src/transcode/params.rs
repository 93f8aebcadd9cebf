//! `transcodeParams`: what a decision was, for the player to hand back. They bind nobody to anything that `stream` would not
//! give him too, so they bear no signature; but what was not written here is refused, and not guessed at.

use std::fmt;
use std::str::FromStr;

use catalog::Track;
use transform::{Audio, BitDepth, Bitrate, Channels, Clip, Encoding, SampleRate, Sampling};

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TranscodeParams {
    pub(crate) encoding: Encoding,
    pub(crate) bitrate: Option<Bitrate>,
    pub(crate) sampling: Sampling,
}

/// The first of these words says how to read the others: encoding and bitrate, and nothing of samples.
// format: players may keep them for days
const PLAIN: &str = "1";
/// The same, and then sample rate, channels and bits of a sample.
// format: players may keep them for days
const SAMPLED: &str = "2";
/// In the place of a number that is not said.
const NONE: &str = "0";

impl TranscodeParams {
    /// The same for who may not have more than so many kbit/s.
    pub(crate) fn within(self, limit_kbps: Option<u32>) -> TranscodeParams {
        let Some(limit) = limit_kbps.map(u64::from).filter(|limit| *limit > 0) else { return self };
        // Without loss there is no saying how many bits it takes.
        let encoding = if self.encoding == Encoding::Flac { super::USUAL } else { self.encoding };
        let least = self.bitrate.map_or(limit, |bitrate| limit.min(bitrate.kbps().into()));
        TranscodeParams { encoding, bitrate: encoding.bitrate(least), ..self }
    }

    /// The recipe of the rest of a song, which need not be the one that was decided about.
    pub(crate) fn recipe(self, clip: Clip, track: &Track) -> Audio {
        let limit = self.bitrate.map(|bitrate| bitrate.kbps().into());
        let bitrate = super::bitrate(self.encoding, limit, track);
        Audio { clip, encoding: self.encoding, bitrate, sampling: self.sampling }
    }
}

impl fmt::Display for TranscodeParams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Sampling { rate, channels, depth } = self.sampling;
        let version = if self.sampling == Sampling::default() { PLAIN } else { SAMPLED };
        let kbps = self.bitrate.map_or(0, Bitrate::kbps);
        write!(f, "{version}-{}-{kbps}", self.encoding.suffix())?;
        if version == PLAIN {
            return Ok(());
        }
        let (hz, channels) = (rate.map_or(0, SampleRate::hz), channels.map_or(0, Channels::count));
        write!(f, "-{hz}-{channels}-{}", depth.map_or(0, BitDepth::bits))
    }
}

impl FromStr for TranscodeParams {
    type Err = ();

    fn from_str(text: &str) -> Result<TranscodeParams, ()> {
        let words: Vec<&str> = text.splitn(7, '-').collect();
        let (encoding, kbps, sampling) = match *words {
            [PLAIN, encoding, kbps] => (encoding, kbps, Sampling::default()),
            [SAMPLED, encoding, kbps, rate, channels, depth] => {
                let (rate, channels) = (said(rate, SampleRate::new)?, said(channels, Channels::new)?);
                (encoding, kbps, Sampling { rate, channels, depth: said(depth, BitDepth::new)? })
            }
            _ => return Err(()),
        };
        use Encoding::{Aac, Flac, M4a, Mp3, Opus, Vorbis};
        let all = [M4a, Aac, Mp3, Opus, Vorbis, Flac];
        let encoding = all.into_iter().find(|one| one.suffix() == encoding).ok_or(())?;
        let bitrate = said(kbps, |kbps| encoding.bitrate(kbps).ok_or(()))?;
        let params = TranscodeParams { encoding, bitrate, sampling };
        // There is one way to write it: no zeros in front, no sign, no number that another one is taken for.
        if params.to_string() == text { Ok(params) } else { Err(()) }
    }
}

/// A number that may be left out.
fn said<T, E>(word: &str, read: impl Fn(u64) -> Result<T, E>) -> Result<Option<T>, ()> {
    if word == NONE {
        return Ok(None);
    }
    let number = word.parse().map_err(|_| ())?;
    read(number).map(Some).map_err(|_| ())
}

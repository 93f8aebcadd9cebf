//! `transcodeParams`: what a decision was, for the player to hand back. They bind nobody to anything that `stream` would not
//! give him too, so they bear no signature; but what was not written here is refused, and not guessed at.

use std::fmt;
use std::str::FromStr;

use catalog::Track;
use transform::{Audio, Bitrate, Clip, Encoding};

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TranscodeParams {
    pub(crate) encoding: Encoding,
    pub(crate) bitrate: Option<Bitrate>,
}

/// The first of these words says how to read the others.
// format: players may keep them for days
const VERSION: &str = "1";
/// In the place of a bitrate.
const NONE: &str = "0";

impl TranscodeParams {
    /// The same for who may not have more than so many kbit/s.
    pub(crate) fn within(self, limit_kbps: Option<u32>) -> TranscodeParams {
        let Some(limit) = limit_kbps.map(u64::from).filter(|limit| *limit > 0) else { return self };
        // Without loss there is no saying how many bits it takes.
        let encoding = if self.encoding == Encoding::Flac { super::USUAL } else { self.encoding };
        let least = self.bitrate.map_or(limit, |bitrate| limit.min(bitrate.kbps().into()));
        TranscodeParams { encoding, bitrate: encoding.bitrate(least) }
    }

    /// The recipe of the rest of a song, which need not be the one that was decided about.
    pub(crate) fn recipe(self, clip: Clip, track: &Track) -> Audio {
        let limit = self.bitrate.map(|bitrate| bitrate.kbps().into());
        Audio { clip, encoding: self.encoding, bitrate: super::bitrate(self.encoding, limit, track) }
    }
}

impl fmt::Display for TranscodeParams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{VERSION}-{}-", self.encoding.suffix())?;
        match self.bitrate {
            Some(bitrate) => write!(f, "{}", bitrate.kbps()),
            None => f.write_str(NONE),
        }
    }
}

impl FromStr for TranscodeParams {
    type Err = ();

    fn from_str(text: &str) -> Result<TranscodeParams, ()> {
        let mut words = text.split('-');
        let (Some(VERSION), Some(encoding), Some(kbps), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(());
        };
        use Encoding::{Aac, Flac, M4a, Mp3, Opus, Vorbis};
        let all = [M4a, Aac, Mp3, Opus, Vorbis, Flac];
        let encoding = all.into_iter().find(|one| one.suffix() == encoding).ok_or(())?;
        let bitrate = match kbps {
            NONE => None,
            kbps => {
                let kbps = kbps.parse().map_err(|_| ())?;
                Some(encoding.bitrate(kbps).filter(|bitrate| u64::from(bitrate.kbps()) == kbps).ok_or(())?)
            }
        };
        let params = TranscodeParams { encoding, bitrate };
        // There is one way to write it: no zeros in front, no sign.
        if params.to_string() == text { Ok(params) } else { Err(()) }
    }
}

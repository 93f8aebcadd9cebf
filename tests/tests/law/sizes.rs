//! How much of everything there is: what every run of the suite has time for, and the three sizes of the proof.

use std::fmt::{self, Display};
use std::slice;
use std::time::Duration;

use tests::Demands;
use xtask::corpus::Video;

/// How much of everything.
pub(crate) struct Size {
    /// What `MILLPOND_LAW` calls it.
    name: &'static str,
    /// All that the server and its children may have, in MiB, and what of it is for socket buffers.
    pub(crate) memory_mib: u64,
    pub(crate) sockets_mib: u64,
    /// Who listens, and what is asked of the server.
    pub(crate) demands: Demands,
    /// How long their music is. Everything else is done before it ends.
    pub(crate) music: Duration,
    /// Tracks of the library that comes while people listen.
    pub(crate) tracks: usize,
    /// Files that are uploaded at the same time, and the bytes of each.
    pub(crate) uploads: usize,
    pub(crate) upload_bytes: u64,
    /// Renditions that are asked for at the same time, and the videos that they are of.
    pub(crate) renditions: usize,
    /// How many of them must be there while people listen.
    pub(crate) renditions_min: usize,
    pub(crate) videos: [Video; 2],
    /// Pages that show covers, and how many each shows at once.
    pub(crate) pages: usize,
    pub(crate) covers: usize,
    /// Songs that are taken apart, and by what.
    pub(crate) songs: usize,
    pub(crate) engine: Engine,
}

/// What takes songs apart, and the model that it needs.
pub(crate) struct Engine {
    pub(crate) name: &'static str,
    pub(crate) model: Option<&'static str>,
}

const SPECTRAL: Engine = Engine { name: "spectral", model: None };
/// With Deezer's own weights.
const SPLEETER: Engine = Engine { name: "spleeter", model: Some("spleeter:2stems") };

const SHORT: Size = Size {
    name: "short",
    memory_mib: 256,
    sockets_mib: 96,
    demands: Demands {
        listeners: 200,
        time: Duration::from_secs(20),
        arrivals_per_second: 100.0,
        peak_mib: 128.0,
        first_byte_ms: None,
        count_sockets: true,
    },
    music: Duration::from_secs(750),
    tracks: 3_000,
    uploads: 8,
    upload_bytes: 50_000_000,
    renditions: 6,
    renditions_min: 6,
    // Long enough to be made while others are.
    videos: videos(4),
    pages: 40,
    covers: 20,
    songs: 5,
    engine: SPECTRAL,
};
const SMALL: Size = Size {
    name: "small",
    demands: Demands {
        listeners: 1_000,
        time: Duration::from_secs(60),
        arrivals_per_second: 200.0,
        ..SHORT.demands
    },
    music: Duration::from_secs(1_800),
    tracks: 100_000,
    uploads: 50,
    upload_bytes: 100_000_000,
    renditions: 20,
    // What needs more than the listeners leave waits until they are gone.
    renditions_min: 10,
    pages: 200,
    ..SHORT
};
const MIDDLE: Size = Size {
    name: "middle",
    memory_mib: 384,
    sockets_mib: 160,
    demands: Demands { listeners: 2_000, peak_mib: 160.0, ..SMALL.demands },
    ..SMALL
};
const LARGE: Size = Size { name: "large", memory_mib: 640, engine: SPLEETER, ..MIDDLE };

/// One of 720p, as most uploads are, and one of 1080p.
const fn videos(seconds: u32) -> [Video; 2] {
    [Video { width: 1280, height: 720, seconds }, Video { width: 1920, height: 1080, seconds }]
}

/// What `MILLPOND_LAW` calls all sizes of the proof.
pub(crate) const LONG: &str = "long";
static SIZES: [Size; 3] = [SMALL, MIDDLE, LARGE];
static SUITE: Size = SHORT;

/// The sizes that are asked for by this form of the law; by none, that of the suite.
pub(crate) fn chosen(form: &str) -> &'static [Size] {
    match form {
        "" => slice::from_ref(&SUITE),
        LONG => &SIZES,
        name => {
            let one = SIZES.iter().chain([&SUITE]).find(|size| size.name == name);
            one.map(slice::from_ref).unwrap_or_else(|| {
                panic!("MILLPOND_LAW={name} is none of long, small, middle, large and short")
            })
        }
    }
}

impl Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Size { memory_mib, sockets_mib, demands, engine, .. } = self;
        let (listeners, engine) = (demands.listeners, engine.name);
        write!(
            f,
            "{memory_mib} MiB, of which {sockets_mib} MiB for sockets: {listeners} listeners, songs by `{engine}`"
        )
    }
}

//! What the operator decides: one table of [`keys`], four layers (flag over variable over file over default), and
//! the typed [`Settings`] that the rest of the program reads.

mod checks;
pub(crate) mod keys;
mod layers;
mod tables;
#[cfg(test)]
mod tests;
mod types;
pub(crate) mod value;

use std::path::PathBuf;
use std::time::Duration;

use budget::limits::STEMS_WORKERS_MAX;
use catalog::scan::Upkeep;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use stream::wire::Share;
use web::{BaseUrl, Origins};

pub(crate) use layers::{Given, Loaded, load};
#[cfg(test)]
pub(crate) use types::Proxy as TrustedProxy;
pub(crate) use types::{Address, LogFormat, Network, Proxy};

/// Everything that the operator decides, checked.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// The file that was read, if any.
    pub(crate) config: Option<PathBuf>,
    /// The data folder.
    pub(crate) data: PathBuf,
    /// The folders of media.
    pub(crate) library: Vec<PathBuf>,
    /// Where to listen.
    pub(crate) listen: Vec<Address>,
    /// `[scan]`
    pub(crate) scan: Scan,
    /// `[memory]`
    pub(crate) memory: Memory,
    /// `[server]`
    pub(crate) server: Server,
    /// `[limits]`
    pub(crate) limits: Limits,
    /// `[store]`
    pub(crate) store: Store,
    /// `[stream]`
    pub(crate) stream: Stream,
    /// `[cdn]`
    pub(crate) cdn: cdn::Settings,
    /// `[cache]`
    pub(crate) cache: Cache,
    /// `[transform]`
    pub(crate) transform: Transform,
    /// `[stems]`
    pub(crate) stems: Stems,
    /// `[outgoing]`
    pub(crate) outgoing: Outgoing,
    /// `[scrobble]`
    pub(crate) scrobble: Scrobble,
    /// `[podcasts]`
    pub(crate) podcasts: Podcasts,
    /// `[log]`
    pub(crate) log: Log,
}

/// `[scan]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scan {
    /// Whether changes in the libraries are heard as they happen.
    pub(crate) watch: bool,
    /// How often libraries are looked through of which not every change is heard.
    #[serde(rename = "rescan_ms", deserialize_with = "millis")]
    pub(crate) rescan: Duration,
}

impl Scan {
    /// The same in the scanner's words.
    pub(crate) fn upkeep(&self) -> Upkeep {
        Upkeep { is_watched: self.watch, rescan: Some(self.rescan).filter(|pause| !pause.is_zero()) }
    }
}

/// `[memory]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Memory {
    /// In bytes; `None` is the control group's limit, else a quarter of the machine.
    pub(crate) limit: Option<u64>,
}

/// `[server]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Server {
    /// What people call the server, when a proxy stands in front.
    #[serde(default, deserialize_with = "base_url")]
    pub(crate) base_url: BaseUrl,
    /// Who may say who the client is.
    pub(crate) trusted_proxies: Vec<Proxy>,
    /// Whose pages may use the API with a session.
    #[serde(deserialize_with = "origins")]
    pub(crate) cors_origins: Origins,
    /// The certificate chain.
    pub(crate) tls_cert: Option<PathBuf>,
    /// Its key.
    pub(crate) tls_key: Option<PathBuf>,
    /// How long running answers may take after SIGTERM.
    #[serde(rename = "drain_ms", deserialize_with = "millis")]
    pub(crate) drain: Duration,
}

/// `[limits]`; 0 is no limit where the key says so.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limits {
    /// Open connections.
    pub(crate) connections: usize,
    /// Open connections of one address.
    pub(crate) connections_per_address: usize,
    /// Media answers at once.
    pub(crate) streams: usize,
    /// Media answers at once of one user.
    pub(crate) streams_per_user: usize,
    /// The largest upload, in bytes.
    pub(crate) upload_bytes_max: u64,
    /// The largest picture, in bytes.
    pub(crate) image_bytes_max: u64,
    /// Open uploads of one user.
    pub(crate) uploads_per_user: usize,
    /// What one user may have sent, all together, in bytes.
    pub(crate) bytes_per_user: u64,
    /// What a request that sends a file must send per second, in bytes.
    pub(crate) upload_rate_bytes_min: u64,
    /// How long an upload that nobody goes on with is kept, in milliseconds.
    pub(crate) upload_lifetime_ms: u64,
}

/// `[store]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Store {
    /// `local`, or the address of a bucket.
    pub(crate) url: String,
    /// Pieces of work with the disk at the same time.
    pub(crate) io_threads: usize,
    /// What uploads leave free on the disk of the data folder, in bytes.
    pub(crate) free_bytes_min: u64,
    /// How long a block that matched its checksum is trusted.
    #[serde(rename = "verified_ms", deserialize_with = "millis")]
    pub(crate) verified: Duration,
    /// Blocks of a bucket that are kept on the local disk, in bytes.
    pub(crate) cache_bytes: u64,
}

/// `[stream]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stream {
    /// Which share of the connections sends files without a copy.
    #[serde(deserialize_with = "share")]
    pub(crate) wire: Share,
    /// What is sent of a range in one turn.
    pub(crate) segment_bytes_range: u64,
    /// What is sent of a whole file in one turn.
    pub(crate) segment_bytes_whole: u64,
    /// How long a client may take nothing of its answer.
    #[serde(rename = "write_stall_ms", deserialize_with = "millis")]
    pub(crate) write_stall: Duration,
    /// How long a client may send nothing of its body.
    #[serde(rename = "body_stall_ms", deserialize_with = "millis")]
    pub(crate) body_stall: Duration,
}

/// `[cache]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cache {
    /// What renditions may take of the disk, in bytes.
    pub(crate) bytes: u64,
}

/// `[transform]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Transform {
    /// The program; `None` is the first in `PATH`.
    pub(crate) ffmpeg: Option<PathBuf>,
    /// Whether a child must be shut in.
    pub(crate) sandbox: Sandbox,
    /// Children at once.
    pub(crate) jobs_max: usize,
}

/// `transform.sandbox`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Sandbox {
    /// Without it nothing is made.
    On,
    /// As much of it as the system has.
    Auto,
    /// None.
    Off,
}

impl Settings {
    /// The folder of models that take songs apart.
    pub(crate) fn models(&self) -> PathBuf {
        self.data.join("models")
    }
}

/// `[stems]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stems {
    /// Whether strangers may have songs taken apart.
    pub(crate) public: bool,
    /// Children at once; 0 is one for each processor.
    workers: usize,
    /// Jobs of one user that have not ended.
    pub(crate) jobs_per_user: u64,
    /// A child without work ends after this.
    #[serde(rename = "idle_ms", deserialize_with = "millis")]
    pub(crate) idle: Duration,
    /// Models that stay in memory without work.
    pub(crate) pinned: Vec<String>,
}

impl Stems {
    /// How many songs may be taken apart at once, as far as memory allows.
    pub(crate) fn workers(&self) -> usize {
        match self.workers {
            0 => std::thread::available_parallelism().map_or(1, usize::from).min(STEMS_WORKERS_MAX),
            workers => workers,
        }
    }
}

/// `[outgoing]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Outgoing {
    /// Networks beside the public internet in which servers may be that users name.
    pub(crate) private: Vec<Network>,
}

/// `[scrobble]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scrobble {
    /// The ListenBrainz of users who name none.
    pub(crate) listenbrainz_url: String,
    /// The API of Last.fm.
    pub(crate) lastfm_url: String,
    /// Our key there.
    pub(crate) lastfm_key: Option<String>,
    /// Its secret.
    pub(crate) lastfm_secret: Option<String>,
}

/// `[podcasts]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Podcasts {
    /// A feed is read again after this time; 0 is only when somebody asks.
    #[serde(rename = "refresh_ms", deserialize_with = "millis")]
    pub(crate) refresh: Duration,
    /// So many of the newest episodes of each podcast are fetched without anybody asking.
    pub(crate) newest: usize,
}

/// `[log]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Log {
    /// A level, or levels by part.
    pub(crate) level: String,
    /// Text or JSON.
    pub(crate) format: LogFormat,
}

fn millis<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    u64::deserialize(deserializer).map(Duration::from_millis)
}

fn share<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Share, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}

fn base_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BaseUrl, D::Error> {
    let text = String::deserialize(deserializer)?;
    BaseUrl::parse(&text).map_err(D::Error::custom)
}

fn origins<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Origins, D::Error> {
    let list = Vec::<String>::deserialize(deserializer)?;
    Origins::parse(&list).map_err(D::Error::custom)
}

//! A data folder whose blobs lie in a bucket.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use store::{
    BlobKey, Blobs, DataFolder, Io, Publication, S3Blobs, S3Settings, Source, Spool, SpoolId, Spooled,
    Suffix, Whole,
};
use tests::Seaweed;

pub(crate) const MIB: u64 = 1024 * 1024;

pub(crate) struct House {
    pub(crate) spool: Spool,
    pub(crate) blobs: S3Blobs,
    folder: tempfile::TempDir,
    settings: S3Settings,
    _runtime: Option<tokio::runtime::Runtime>,
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

pub(crate) fn bytes_of(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

pub(crate) async fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    tokio::task::block_in_place(|| tests::eventually(what, Duration::from_secs(60), &mut condition));
}

/// Reads as a server does, on a thread that may block.
pub(crate) async fn read(source: &Source, from: u64, count: u64) -> io::Result<Vec<u8>> {
    let source = source.clone();
    let work = move || {
        let (mut bytes, mut buffer) = (Vec::new(), vec![0; 65_536]);
        loop {
            let wanted = usize::try_from(count - bytes.len() as u64).unwrap_or(usize::MAX).min(buffer.len());
            match source.read_at(&mut buffer[..wanted], from + bytes.len() as u64)? {
                0 => return Ok(bytes),
                count => bytes.extend_from_slice(&buffer[..count]),
            }
        }
    };
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

/// A figure out of the metrics.
pub(crate) fn figure(blobs: &S3Blobs, name: &str) -> u64 {
    let mut registry = prometheus_client::registry::Registry::default();
    blobs.register(&mut registry);
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).expect("metrics");
    let line = text.lines().find(|line| line.split(' ').next() == Some(name));
    let line = line.unwrap_or_else(|| panic!("no {name} in {text}"));
    line.rsplit(' ').next().and_then(|value| value.parse().ok()).expect("a number")
}

pub(crate) fn sent_bytes(blobs: &S3Blobs) -> u64 {
    figure(blobs, "s3_sent_bytes_total")
}

fn settings(seaweed: &Seaweed, prefix: &str, secret: Option<&str>) -> S3Settings {
    let mut variables: HashMap<String, String> = seaweed.variables().into_iter().collect();
    if let Some(secret) = secret {
        variables.insert("AWS_SECRET_ACCESS_KEY".to_owned(), secret.to_owned());
    }
    let url = if prefix.is_empty() { Seaweed::url() } else { format!("{}/{prefix}", Seaweed::url()) };
    S3Settings::read(&url, |name| variables.get(name).cloned()).expect("settings")
}

impl House {
    pub(crate) fn of(seaweed: &Seaweed, prefix: &str) -> Self {
        Self::with_cache(seaweed, prefix, 64 * MIB)
    }

    pub(crate) fn with_cache(seaweed: &Seaweed, prefix: &str, cache_bytes: u64) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let data = DataFolder::share(folder.path()).expect("a data folder");
        let spool = Spool::open(&data, Io::new(4)).expect("a spool");
        let mut settings = settings(seaweed, prefix, None);
        settings.cache_bytes = cache_bytes;
        let runtime = tokio::runtime::Handle::try_current().is_err().then(runtime);
        let _inside = runtime.as_ref().map(|runtime| runtime.enter());
        let blobs = S3Blobs::open(&data, spool.clone(), &settings).expect("a store");
        drop(_inside);
        House { spool, blobs, folder, settings, _runtime: runtime }
    }

    /// The same store as a new process would open it.
    pub(crate) fn opened_again(&self) -> S3Blobs {
        let data = DataFolder::share(self.folder.path()).expect("a data folder");
        S3Blobs::open(&data, self.spool.clone(), &self.settings).expect("a store")
    }

    pub(crate) fn begin(&self, suffix: &str, length: Option<u64>) -> Upload {
        let id = SpoolId::random().expect("random bytes");
        let spooled = self.spool.create(id).expect("an upload");
        let job = Publication {
            spool: id,
            suffix: Suffix::parse(suffix).expect("a suffix"),
            content_type: if suffix == "flac" { "audio/flac" } else { "audio/wav" },
            length,
            names: vec![("filename".to_owned(), "Lärm \"1\".wav".to_owned())],
        };
        Upload { job, spooled: Some(spooled), spool: self.spool.clone(), blobs: self.blobs.clone() }
    }

    pub(crate) fn go_on(&self, job: Publication, blobs: &S3Blobs) -> Upload {
        let spooled = self.spool.reopen(job.spool).expect("an upload");
        Upload { job, spooled: Some(spooled), spool: self.spool.clone(), blobs: blobs.clone() }
    }

    pub(crate) async fn published(&self, bytes: &[u8]) -> BlobKey {
        let mut upload = self.begin("wav", Some(bytes.len() as u64));
        upload.receive(bytes).await;
        let whole = upload.finish().await;
        let key = self.blobs.publish(&upload.job, &whole).await.expect("published");
        self.spool.remove(upload.job.spool).expect("removed");
        assert!(!upload.parts_path().exists(), "nothing is left in the spool");
        key
    }

    pub(crate) fn sent_bytes(&self) -> u64 {
        sent_bytes(&self.blobs)
    }

    /// The files of the cache with their lengths.
    pub(crate) fn cached(&self) -> Vec<(PathBuf, u64)> {
        let blocks = self.folder.path().join("cache/blocks");
        let folders = fs::read_dir(blocks).expect("a cache").map(|folder| folder.expect("a folder").path());
        let files = folders.filter(|path| path.is_dir()).flat_map(|path| fs::read_dir(path).expect("blocks"));
        let described = files.map(|file| {
            let file = file.expect("a block");
            (file.path(), file.metadata().expect("a block").len())
        });
        described.collect()
    }
}

/// A maker of the same store, for somebody with that secret.
pub(crate) fn store_with(house: &House, seaweed: &Seaweed, secret: &str) -> impl Fn() -> S3Blobs {
    let data = DataFolder::share(house.folder.path()).expect("a data folder");
    let (spool, settings) = (house.spool.clone(), settings(seaweed, "", Some(secret)));
    move || S3Blobs::open(&data, spool.clone(), &settings).expect("a store")
}

/// An upload that comes.
pub(crate) struct Upload {
    pub(crate) job: Publication,
    spooled: Option<Spooled>,
    spool: Spool,
    blobs: S3Blobs,
}

impl Upload {
    /// Writes bytes in small pieces, syncs now and then, and tells the store.
    pub(crate) async fn receive(&mut self, bytes: &[u8]) {
        for piece in bytes.chunks(1 << 20) {
            self.receive_piece(piece.to_vec()).await;
        }
    }

    pub(crate) async fn receive_piece(&mut self, piece: Vec<u8>) {
        self.receive_quietly(piece).await;
        self.blobs.advance(&self.job, self.acked());
    }

    /// The same, and nobody is told.
    pub(crate) async fn receive_quietly(&mut self, piece: Vec<u8>) {
        let mut spooled = self.spooled.take().expect("an upload");
        let work = move || {
            piece.chunks(65_536).for_each(|bytes| spooled.write(bytes).expect("written"));
            spooled.sync().expect("synced");
            spooled
        };
        let spooled = self.spool.io().run(work).await.expect("a turn");
        self.spooled = Some(spooled);
    }

    pub(crate) async fn finish(&mut self) -> Whole {
        let mut spooled = self.spooled.take().expect("an upload");
        let work = move || spooled.finish().expect("whole");
        self.spool.io().run(work).await.expect("a turn")
    }

    pub(crate) fn acked(&self) -> u64 {
        self.spooled.as_ref().map_or(0, Spooled::acked)
    }

    pub(crate) fn parts_path(&self) -> PathBuf {
        self.spool.folder().join(format!("{}.parts", self.job.spool))
    }

    /// How many parts the bucket has, as far as it is written down.
    pub(crate) fn parts_sent(&self) -> usize {
        let Ok(text) = fs::read_to_string(self.parts_path()) else { return 0 };
        let note: serde_json::Value = serde_json::from_str(&text).expect("a note");
        note["parts"].as_object().map_or(0, serde_json::Map::len)
    }
}

/// What a look at the bucket behind that address says.
pub(crate) fn look_at(endpoint: &str) -> Result<(), String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = DataFolder::share(folder.path()).expect("a data folder");
    let spool = Spool::open(&data, Io::new(1)).expect("a spool");
    let variable = |name: &str| {
        let value = match name {
            "AWS_ENDPOINT_URL" => endpoint,
            "AWS_ACCESS_KEY_ID" => Seaweed::KEY,
            "AWS_SECRET_ACCESS_KEY" => Seaweed::SECRET,
            _ => return None,
        };
        Some(value.to_owned())
    };
    let settings = S3Settings::read(&Seaweed::url(), variable).expect("settings");
    runtime().block_on(async {
        let blobs = S3Blobs::open(&data, spool, &settings).expect("a store");
        blobs.look().await.map_err(|e| e.to_string())
    })
}

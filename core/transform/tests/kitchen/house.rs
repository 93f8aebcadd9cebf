//! A maker of renditions in a data folder of its own, and what is looked at when nothing of its work may be left.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use budget::limits::MIB;
use budget::{Budget, Pool};
use store::{DataFolder, Io, Renditions};
use tempfile::TempDir;
use tokio::sync::{Mutex, MutexGuard};
use transform::{
    Cache, CacheSettings, Edge, Ffmpeg, Fit, Flight, Made, Material, Parts, Recipe, Size, Transforms, Video,
};

use super::{Media, children, ffmpeg};

pub(crate) const LONG: Duration = Duration::from_secs(120);
pub(crate) const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// What is left of what was made: flights, files in the making, children, and the memory that is reserved, in bytes.
type Left = (usize, Vec<PathBuf>, Vec<u32>, u64);
const NOTHING: Left = (0, Vec::new(), Vec::new(), 0);

/// Each counts the children of the whole process.
static ALONE: Mutex<()> = Mutex::const_new(());

pub(crate) struct House {
    _alone: MutexGuard<'static, ()>,
    pub(crate) transforms: Transforms,
    pub(crate) budget: Budget,
    pub(crate) media: Media,
    pub(crate) folder: DataFolder,
    data: TempDir,
}

impl House {
    pub(crate) async fn new(memory_mib: u64, cache_mib: u64) -> House {
        House::with(memory_mib, cache_mib, |_| ()).await
    }

    /// With parts that are otherwise than usual.
    pub(crate) async fn with(memory_mib: u64, cache_mib: u64, change: impl FnOnce(&mut Parts)) -> House {
        let alone = ALONE.lock().await;
        let data = tempfile::tempdir().unwrap();
        let folder = DataFolder::share(data.path()).unwrap();
        let renditions = Renditions::open(&folder, Io::new(2)).unwrap();
        let budget = Budget::new(memory_mib * MIB).unwrap();
        let settings = CacheSettings { bytes_max: cache_mib * MIB, ..CacheSettings::default() };
        let cache = Cache::open(&folder, renditions, &budget, settings).await.unwrap();
        let ffmpeg = Some(ffmpeg().await);
        let ffmpeg = Box::pin(std::future::ready(ffmpeg));
        let mut parts = Parts { budget: budget.clone(), cache, ffmpeg, jobs_max: 4, stall: LONG };
        change(&mut parts);
        let transforms = Transforms::new(parts);
        House { _alone: alone, transforms, budget, media: Media::new(), folder, data }
    }

    pub(crate) fn material(&self, name: &str) -> Material {
        Material::whole(self.media.source(name), "clips", name)
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.media.path(name), bytes).unwrap();
    }

    /// Asks for a rendition.
    pub(crate) fn ask(&self, name: &str, recipe: &Recipe) -> Result<Flight, transform::Error> {
        self.transforms.make(self.material(name), recipe.clone(), HERE)
    }

    pub(crate) async fn made(&self, name: &str, recipe: &Recipe) -> Result<Made, transform::Error> {
        Ok(self.ask(name, recipe)?.made(LONG).await?.unwrap())
    }

    /// Runs what a server runs beside, until this is done.
    pub(crate) async fn running<T>(&self, work: impl Future<Output = T>) -> T {
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let transforms = self.transforms.clone();
        let running = tokio::spawn(async move { transforms.run(async { drop(stopped.await) }).await });
        let done = work.await;
        drop(stop);
        running.await.unwrap();
        done
    }

    fn reserved(&self) -> u64 {
        let figures = self.budget.figures();
        figures.iter().find(|row| row.pool == Pool::Transforms).unwrap().used_bytes
    }

    /// Files in the making.
    pub(crate) fn making(&self) -> Vec<PathBuf> {
        let files = std::fs::read_dir(self.data.path().join("cache/making")).unwrap();
        files.map(|file| file.unwrap().path()).collect()
    }

    fn left(&self) -> Left {
        (self.transforms.flights(), self.making(), children(), self.reserved())
    }

    /// Waits until nothing is being made, and looks that nothing is left of it.
    pub(crate) async fn at_rest(&self) {
        for _ in 0..3_000 {
            if self.left() == NOTHING {
                return;
            }
            // sleep: a child's end and a file's are nobody's to await here.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(self.left(), NOTHING);
    }

    /// Waits until what is taken of the cache, in bytes, and how many renditions are kept are as they must be. The room of a
    /// file that is given up goes back behind the file, on a thread that nobody waits for.
    #[expect(clippy::panic, reason = "a test may fail in this way")]
    pub(crate) async fn takes(&self, what: impl Fn(u64, usize) -> bool) {
        for _ in 0..500 {
            let (taken_bytes, kept) = self.transforms.cache().taken();
            if what(taken_bytes, kept) {
                return;
            }
            // sleep: the thread tells nobody.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("(bytes, renditions): {:?}", self.transforms.cache().taken());
    }

    /// The only child, as soon as a rendition has one that makes it.
    #[expect(clippy::panic, reason = "a test may fail in this way")]
    pub(crate) async fn child_of(&self, flight: &Flight) -> u32 {
        for _ in 0..3_000 {
            if let ([child], true) = (children().as_slice(), flight.progress().has_begun) {
                return *child;
            }
            // sleep: nobody tells when a child is there.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("no child came");
    }
}

/// A maker that cannot give a child a network of its own.
pub(crate) async fn without_networks() -> Ffmpeg {
    super::kitchen(None, transform::Sandbox::Off).await
}

/// The whole video in this width.
pub(crate) fn narrow(width: u64) -> Recipe {
    let size = Size { width: Some(Edge::new(width).unwrap()), height: None, fit: Fit::Contain };
    Recipe::Video(Video { size, ..Video::default() })
}

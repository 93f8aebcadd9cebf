//! Who gets which part. Every part of a server is made here, once, and nowhere is there a global.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use budget::{Chunks, Peaks, Slots, limits};
use catalog::scan::Scanner;
use catalog::{LibraryRow, Seal};
use ingest::Ingest;
use podcasts::Podcasts;
use prometheus_client::registry::Registry;
use scrobble::{Begun, Scrobbler};
use store::{FolderId, Folders, Shelf};
use stream::Streams;
use stream::wire::Wire;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use transform::VideoLooks;
use web::{Health, Observed, Operations};

use crate::descriptors::Shares;
use crate::error::{Error, Result};
use crate::figures;
use crate::following;
use crate::home::{Home, task_ended};
use crate::keeping::Keeping;
use crate::listen::{Deadlines, House, Proxies, acceptor};
use crate::making::Making;
use crate::settings::Settings;
use crate::stems::{self, Stems};
use crate::telling;

/// Everything that serves.
pub(crate) struct Parts {
    /// The accept loop's share.
    pub(crate) house: Arc<House>,
    /// The registry of streams, which wants to be run.
    pub(crate) streams: Streams,
    /// What scans the libraries.
    pub(crate) scanner: Scanner,
    /// What takes files in and keeps them.
    pub(crate) keeping: Keeping,
    /// What makes renditions.
    pub(crate) making: Making,
    /// What looks at videos.
    pub(crate) looks: VideoLooks,
    /// What tells services what users play.
    pub(crate) scrobbler: Scrobbler,
    /// Who follows podcasts.
    pub(crate) podcasts: Podcasts,
    /// What takes songs apart.
    pub(crate) stems: Stems,
}

/// Opens the library folders and tells the database which there are.
///
/// Folders that cannot be opened are returned with what is wrong with them; the others are served.
///
/// # Errors
/// The database's.
pub(crate) async fn open_libraries(
    home: &Home,
    roots: &[PathBuf],
    open_files: usize,
) -> Result<(Folders, Vec<String>)> {
    let names: Vec<String> = roots.iter().map(|root| root.display().to_string()).collect();
    let rows = home.catalog.set_libraries(&names).await.map_err(|e| Error::failed(e.to_string()))?;
    open_folders(rows, open_files).await
}

/// Opens the folders of these libraries.
pub(crate) async fn open_folders(rows: Vec<LibraryRow>, open_files: usize) -> Result<(Folders, Vec<String>)> {
    let roots: Vec<(FolderId, PathBuf)> =
        rows.into_iter().map(|row| (row.id, PathBuf::from(row.root))).collect();
    let open = move || {
        let folders = Folders::new(open_files);
        let failed = folders.set(roots.clone());
        let warnings = failed.into_iter().map(|(id, e)| {
            let root = roots.iter().find(|(folder, _)| *folder == id).map_or(Path::new(""), |(_, root)| root);
            format!("the library {} cannot be read: {e}", root.display())
        });
        let warnings = warnings.collect();
        (folders, warnings)
    };
    tokio::task::spawn_blocking(open).await.map_err(task_ended)
}

/// Builds every part of a server.
///
/// # Errors
/// A certificate that cannot be used, a base URL that the routes refuse, or a store for uploads that cannot be opened.
pub(crate) async fn build(
    home: &Home,
    settings: &Settings,
    folders: &Folders,
    shares: Shares,
) -> Result<Parts> {
    let streams = streams(home, settings);
    let scanner = Scanner::new(home.inventory(), folders.clone(), home.budget.clone());
    let (operations, peaks) = (Operations::new(), Peaks::new());
    let mut house = House::new(
        Router::new(),
        home.budget.clone(),
        shares.connections,
        settings.limits.connections_per_address,
    );

    house.wire = Wire::new(settings.stream.wire, home.budget.clone());

    let mut registry = Registry::with_prefix("millpond");
    house.wire.register(&mut registry);
    home.budget.register(&mut registry);
    figures::register(&mut registry);
    home.sqlite.register(&mut registry);
    home.sign_in.register(&mut registry);
    folders.register(&mut registry);
    streams.register(&mut registry);
    scanner.register(&mut registry);
    operations.register(&mut registry);
    peaks.register(&mut registry);
    house.metrics.register(&mut registry);
    house.connections.register(&mut registry);
    house.proxied.register(&mut registry);
    let listings = Slots::new("listings", "listings_per_user", 0, limits::LISTINGS_PER_USER_MAX);
    listings.register(&mut registry);

    let keeping = Keeping::open(home, settings)?;
    keeping.register(&mut registry);
    house.disk = Some(keeping.io.clone());
    let shelf = Shelf::new(folders.clone(), Arc::clone(&keeping.blobs));
    let making = Making::open(home, settings, &keeping, &house.stop).await?;
    making.register(&mut registry);
    let shelf = shelf.with_renditions(Arc::new(making.transforms.cache().clone()));
    let cdn = making.face(home, settings, &shelf, &streams)?;
    let of_songs = operations.clone();
    let told = move |took, memory_bytes| of_songs.separated(took, memory_bytes);
    let stems = stems::open(home, settings, &shelf, &making, told, &mut registry).await?;
    let outgoing = telling::outgoing(home, settings)?;
    outgoing.register(&mut registry);
    let (begun, scrobbler) = telling::scrobbler(home, settings, &outgoing, &mut registry);
    let (feeds, podcasts) = following::podcasts(home, settings, &keeping, &outgoing, &mut registry);
    let ingest = &keeping.ingest;
    let stop = &house.stop;
    let faces = Faces {
        home,
        settings,
        shelf: &shelf,
        ingest,
        streams: &streams,
        scanner: &scanner,
        making: &making,
        stems: &stems,
        begun: &begun,
        feeds: &feeds,
        stop,
    };
    house.router = faces.routes(registry, operations, peaks, listings, cdn);
    address(&mut house, settings)?;
    let looks = making.looks(home, &shelf);
    Ok(Parts { house: house.open(), streams, scanner, keeping, making, looks, scrobbler, podcasts, stems })
}

/// Says under which name the house is known, who may speak for others there, and how long anybody may take.
fn address(house: &mut House, settings: &Settings) -> Result<()> {
    house.proxies = Proxies::new(&settings.server.trusted_proxies);
    house.prefix = settings.server.base_url.prefix().to_owned();
    house.deadlines = Deadlines {
        // The registry of streams ends its own first, and says so; this one is for answers that it does not know.
        write_stall: settings.stream.write_stall + Duration::from_millis(3 * limits::STALL_CHECK_MS),
        body_stall: settings.stream.body_stall,
        drain: settings.server.drain,
        ..Deadlines::default()
    };
    if let (Some(cert), Some(key)) = (&settings.server.tls_cert, &settings.server.tls_key) {
        house.tls = Some(acceptor(cert, key)?);
    }
    Ok(())
}

fn streams(home: &Home, settings: &Settings) -> Streams {
    let rules = stream::Settings {
        streams_max: settings.limits.streams,
        streams_per_user_max: settings.limits.streams_per_user,
        write_stall: settings.stream.write_stall,
        segment_bytes_range: settings.stream.segment_bytes_range,
        segment_bytes_whole: settings.stream.segment_bytes_whole,
    };
    let chunks = Chunks::new(limits::CHUNK_BYTES, limits::CHUNKS_IDLE_MAX);
    Streams::new(rules, home.budget.clone(), chunks)
}

/// What the faces are made of.
struct Faces<'a> {
    home: &'a Home,
    settings: &'a Settings,
    shelf: &'a Shelf,
    ingest: &'a Ingest,
    streams: &'a Streams,
    scanner: &'a Scanner,
    making: &'a Making,
    stems: &'a Stems,
    begun: &'a Begun,
    feeds: &'a Arc<Notify>,
    stop: &'a CancellationToken,
}

impl Faces<'_> {
    /// All routes behind the layer that every answer passes.
    fn routes(
        &self,
        registry: Registry,
        operations: Operations,
        peaks: Peaks,
        listings: Slots<i64>,
        cdn: Router,
    ) -> Router {
        let Faces { home, settings, shelf, ingest, streams, scanner, making, stems, stop, .. } = self;
        let watchers = Slots::new(
            "upload_watchers",
            "upload_watchers_per_user",
            limits::WATCHERS_MAX,
            limits::WATCHERS_PER_USER_MAX,
        );
        let mut registry = registry;
        watchers.register(&mut registry);
        let strangers = web::Strangers::default();
        strangers.register(&mut registry);
        let base_url = settings.server.base_url.clone();
        let cors_origins = settings.server.cors_origins.clone();
        let health = Health::new(
            settings.data.clone(),
            Arc::clone(&home.catalog),
            home.budget.clone(),
            shelf.folders().clone(),
            (*scanner).clone(),
            {
                let transforms = making.transforms.clone();
                move || transforms.has_ffmpeg()
            },
        );
        let observed = Observed {
            operations: operations.clone(),
            peaks,
            budget: home.budget.clone(),
            base_url: base_url.clone(),
            cors_origins: cors_origins.clone(),
            readers_by_route: cdn::paths(&settings.cdn).into(),
        };
        let web = web::router(web::Parts {
            catalog: Arc::clone(&home.catalog),
            sign_in: home.sign_in.clone(),
            seal: Seal::of_services(&home.data.secret()),
            shelf: (*shelf).clone(),
            ingest: (*ingest).clone(),
            streams: (*streams).clone(),
            covers: making.covers.clone(),
            transforms: Some(making.transforms.clone()),
            splitter: Arc::new(Stems::clone(stems)),
            stems_are_public: settings.stems.public,
            strangers,
            ladder: settings.cdn.ladder.widths().into(),
            budget: home.budget.clone(),
            scanner: (*scanner).clone(),
            listings: listings.clone(),
            watchers,
            stop: (*stop).clone(),
            registry: Arc::new(registry),
            operations,
            health,
            base_url,
            cors_origins,
            beside: cdn::openapi(),
        });
        web::observe(web.merge(self.subsonic(listings)).merge(cdn), &observed)
    }

    fn subsonic(&self, listings: Slots<i64>) -> Router {
        let Faces { home, settings, shelf, streams, scanner, making, feeds, .. } = self;
        let (address, begun) = (settings.server.base_url.clone(), Begun::clone(self.begun));
        subsonic::router(subsonic::Parts {
            catalog: Arc::clone(&home.catalog),
            sign_in: home.sign_in.clone(),
            shelf: (*shelf).clone(),
            streams: (*streams).clone(),
            covers: making.covers.clone(),
            transforms: Some(making.transforms.clone()),
            sign: making.sign(home),
            begun: Arc::new(move |viewer, track| begun.tell(viewer, track)),
            address_of: Arc::new(move |client, headers, uri| address.named_by(client, headers, uri)),
            budget: home.budget.clone(),
            scanner: (*scanner).clone(),
            feeds: Arc::clone(feeds),
            listings,
        })
    }
}

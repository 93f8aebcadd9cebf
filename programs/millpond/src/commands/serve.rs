//! `millpond serve`: from settings to a running server and back to nothing.

use std::process::ExitCode;
use std::time::Duration;

use budget::limits;
use catalog::Role;
use clap::Command;
use store::Folders;
use stream::wire::Wire;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{server_runtime, user, with_keys};
use crate::descriptors;
use crate::error::{Error, Result};
use crate::home::{Claim, Home};
use crate::listen::{self, Bound};
use crate::output::say;
use crate::settings::keys::Scope;
use crate::settings::{self, Address, Given, Loaded, Settings};
use crate::{logging, spare, wiring};

/// Threads that still read from a disk that hangs are not waited for any longer than this.
const THREADS_WAIT: Duration = Duration::from_secs(1);

pub(super) fn command() -> Command {
    with_keys(Command::new("serve"), Scope::Serving)
        .about("Serve: scan the libraries in the background and answer clients")
        .after_help(
            "Examples:\n  millpond serve --library ~/Music\n  \
             millpond serve --listen 127.0.0.1:4040 --data /var/lib/millpond --library /srv/music --memory-limit 256MiB\n  \
             millpond serve --listen unix:/run/millpond/http.sock --server-trusted-proxies unix --config /etc/millpond.toml",
        )
}

pub(super) fn run(loaded: Loaded) -> Result<ExitCode> {
    logging::start(&loaded.settings.log);
    let runtime = server_runtime()?;
    let served = runtime.block_on(serve(loaded));
    runtime.shutdown_timeout(THREADS_WAIT);
    served.map(|()| ExitCode::SUCCESS)
}

async fn serve(loaded: Loaded) -> Result<()> {
    let Loaded { settings, effective, warnings, given } = loaded;
    // Heard from the first moment on, so that a stop during a slow start is no crash.
    let signals = Signals::new()?;
    let limit = descriptors::raise();
    let shares = descriptors::share(limit, settings.limits.connections, settings.limits.streams);
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "millpond starts");
    effective.iter().for_each(|line| tracing::info!("{line}"));
    warnings.iter().for_each(|line| tracing::warn!("{line}"));

    let home = Home::open(&settings, Claim::Alone).await?;
    let bound = settings.listen.iter().map(listen::bind).collect::<Result<Vec<Bound>>>()?;
    let (folders, missing) = wiring::open_libraries(&home, &settings.library, shares.open_files).await?;
    missing.iter().for_each(|line| tracing::warn!("{line}"));
    let parts = wiring::build(&home, &settings, &folders, shares).await?;
    tracing::info!(
        memory_limit_bytes = home.budget.limit_bytes(),
        connections = shares.connections,
        descriptors = limit,
        "what this server may have"
    );
    if let Err(why) = listen::self_test(&settings.data).await {
        parts.house.wire.fail(&why);
    }
    parts.keeping.look().await;
    parts.keeping.recover().await?;
    announce(&settings, &bound);
    first_start(&home).await?;

    let house = parts.house;
    let background = CancellationToken::new();
    let mut tasks = JoinSet::new();
    tasks.spawn(parts.streams.run(background.clone().cancelled_owned()));
    tasks.spawn(home.budget.clone().watch(background.clone().cancelled_owned()));
    tasks.spawn(house.wire.clone().watch(background.clone().cancelled_owned()));
    tasks.spawn(home.sign_in.clone().watch(background.clone().cancelled_owned()));
    tasks.spawn(parts.scanner.run(settings.scan.upkeep(), house.stop.clone().cancelled_owned()));
    tasks.spawn(parts.looks.run(house.stop.clone().cancelled_owned()));
    tasks.spawn(parts.scrobbler.run(house.stop.clone().cancelled_owned()));
    tasks.spawn(parts.podcasts.run(house.stop.clone().cancelled_owned()));
    tasks.spawn(parts.stems.run(house.stop.clone().cancelled_owned()));
    tasks.spawn(parts.keeping.ingest.clone().run(background.clone().cancelled_owned()));
    let (transforms, end) = (parts.making.transforms, background.clone());
    let (cache, closed) = (transforms.cache().clone(), background.clone());
    tasks.spawn(async move { transforms.run(end.cancelled_owned()).await });
    tasks.spawn(async move { cache.run(closed.cancelled_owned()).await });
    tasks.spawn(close_files(folders, background.clone()));
    tasks.spawn(spare::give_back(background.clone().cancelled_owned()));
    tasks.spawn(signals.reread.obey(given, effective, house.wire.clone(), background.clone()));
    tasks.spawn(signals.end.obey(house.stop.clone(), house.end.clone(), background.clone()));

    listen::serve(bound, house).await;
    background.cancel();
    while let Some(ended) = tasks.join_next().await {
        if let Err(e) = ended {
            tracing::error!(error = %e, "a task ended by itself");
        }
    }
    home.close().await;
    tracing::info!("millpond has stopped");
    Ok(())
}

/// Where to go, on standard output.
fn announce(settings: &Settings, bound: &[Bound]) {
    say(format!("Millpond {}", env!("CARGO_PKG_VERSION")));
    let scheme = if settings.server.tls_cert.is_some() { "https" } else { "http" };
    for bound in bound {
        match bound.address() {
            Address::Tcp(address) => say(format!("listening on {scheme}://{address}")),
            unix @ Address::Unix(_) => say(format!("listening on {unix}")),
        }
        tracing::info!(address = %bound.address(), "listening");
    }
}

/// An installation without users gets an admin, whose secrets are printed once and kept nowhere in clear.
async fn first_start(home: &Home) -> Result<()> {
    let users = home.catalog.users(None, 1).await.map_err(|e| Error::failed(e.to_string()))?;
    if !users.rows.is_empty() {
        return Ok(());
    }
    let password = user::random_password()?;
    let admin = user::make(home, "admin", Role::Admin, &password).await?;
    let app_password = user::issue_app_password(home, admin.id, "first start").await?;
    say("This is the first start. An account was made, and its secrets are shown this once:");
    say(format!("  login: admin / {password}"));
    say(format!("  app password: {app_password}  (for Subsonic apps, user admin)"));
    tracing::info!("first start: the account `admin` was made; its secrets are on standard output");
    Ok(())
}

/// Closes what nobody played for a moment: an open file keeps its disk from being unmounted, and a removed one from
/// giving its space back.
async fn close_files(folders: Folders, done: CancellationToken) {
    let mut each = tokio::time::interval(Duration::from_millis(limits::OPEN_FILE_MS));
    while done.run_until_cancelled(each.tick()).await.is_some() {
        folders.close_expired();
    }
}

/// What the server is told by signals.
struct Signals {
    end: End,
    reread: Reread,
}

/// SIGTERM and SIGINT: the first stops, the second ends.
struct End {
    terminate: Signal,
    interrupt: Signal,
}

/// SIGHUP: the configuration is read again.
struct Reread {
    hangup: Signal,
}

impl Signals {
    fn new() -> Result<Self> {
        let listen = |kind| signal(kind).map_err(|e| Error::failed(format!("signals cannot be heard: {e}")));
        let end =
            End { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? };
        Ok(Signals { end, reread: Reread { hangup: listen(SignalKind::hangup())? } })
    }
}

impl End {
    async fn obey(mut self, stop: CancellationToken, end: CancellationToken, done: CancellationToken) {
        for (token, said) in [(stop, "stopping: running answers may finish"), (end, "ending at once")] {
            tokio::select! {
                _ = self.terminate.recv() => {}
                _ = self.interrupt.recv() => {}
                () = done.cancelled() => return,
            }
            token.cancel();
            tracing::info!("{said}");
        }
    }
}

impl Reread {
    /// `stream.wire` takes effect at once. Whatever else changed waits for the next start, and the log says so; a file
    /// that cannot be meant changes nothing.
    async fn obey(mut self, given: Given, effective: Vec<String>, wire: Wire, done: CancellationToken) {
        while let Some(Some(())) = done.run_until_cancelled(self.hangup.recv()).await {
            let given = given.clone();
            let read = tokio::task::spawn_blocking(move || settings::load(&given)).await;
            let loaded = match read {
                Ok(Ok(loaded)) => loaded,
                Ok(Err(e)) => {
                    tracing::error!(error = %e, "the configuration was not read again; the old one holds");
                    continue;
                }
                Err(e) => {
                    tracing::error!(error = %e, "the configuration was not read again; the old one holds");
                    continue;
                }
            };
            wire.set(loaded.settings.stream.wire);
            tracing::info!(stream.wire = %loaded.settings.stream.wire, "the configuration was read again");
            for line in &loaded.effective {
                if !effective.contains(line) && !line.starts_with("stream.wire ") {
                    tracing::warn!("{line}: takes effect at the next start");
                }
            }
        }
    }
}

//! One job at work: the song at hand, the child told, its stems written into reserved room, and published together.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use ::stems::Stem;
use budget::limits::{
    JOB_BEAT_MS, JOB_CLAIM_MS, SEPARATE_STRANGER_SECONDS_MAX, STEMS_CHILD_CPU_SECONDS_MAX, STEMS_DECODE_MS,
    STEMS_KEPT_MS, STEMS_STALL_MS,
};
use catalog::{Job, JobError, JobFault, JobSource, MadeSet, StemFile, Viewer};
use transform::{AtHand, Entry, ErrorKind, Filling, Flight, Key, Material, Outcome, Worker, Workers};

use super::message::{GO_ON, Said, Why, Written};
use super::plan::Plan;
use super::room::{Far, Reached, Rooms};
use super::songs::Held;
use super::warm::Seat;
use super::{Inner, in_ms};

/// What renditions are purged by that are stems.
const MODE: &str = "stem";
/// Where songs come from that were sent for a job alone.
pub(super) const SENT: &str = "separate";
/// What the name of a song ends with that ffmpeg decoded.
const DECODED: &str = "flac";

/// Why a try did not succeed.
#[derive(Debug)]
pub(super) enum Trouble {
    /// This, and another try may.
    Again(JobError),
    /// This, and no other try would.
    Never(JobError),
    /// The job is not ours any more.
    Lost,
}

/// What a child wrote, not yet published.
pub(super) struct Filled {
    fillings: Vec<(Filling, Entry, Written, Stem)>,
    set: MadeSet,
}

/// What became of a child that was heard.
enum Heard {
    /// Its last word.
    Last(Said),
    /// It says nothing more.
    Gone,
    /// It waits for room, as one does that began before.
    GivesWay,
}

/// A song, where it is found, and what it is called.
struct Song {
    material: Material,
    suffix: Option<String>,
}

fn again(reason: impl Into<String>) -> Trouble {
    Trouble::Again(JobError { reason: reason.into(), fault: JobFault::Server })
}

pub(super) fn never(reason: impl Into<String>, fault: JobFault) -> Trouble {
    Trouble::Never(JobError { reason: reason.into(), fault })
}

impl From<transform::Error> for Trouble {
    fn from(error: transform::Error) -> Trouble {
        let fault = match error.kind {
            ErrorKind::Unsupported | ErrorKind::NoSound | ErrorKind::BehindTheEnd => JobFault::Song,
            ErrorKind::TooLarge => JobFault::Room,
            _ => return again(error.to_string()),
        };
        never(error.to_string(), fault)
    }
}

impl From<catalog::Error> for Trouble {
    fn from(error: catalog::Error) -> Trouble {
        again(error.to_string())
    }
}

impl Inner {
    /// Has a song taken apart. Given up at any point, nothing is left of it but a child that the seat still has.
    /// What ffmpeg decodes of it is in `decoded`, also when this is given up: it is to go with the try.
    pub(super) async fn carry_out(
        &self,
        job: &Job,
        plan: &Plan,
        seat: &mut Seat,
        decoded: &mut Option<Flight>,
    ) -> Result<Filled, Trouble> {
        let Song { material, suffix } = self.song(job).await?;
        let mut at_hand =
            self.beating(job, async { Ok(self.transforms.at_hand(&material.source).await?) }).await?;
        let mut suffix = suffix;
        // One that was sent is in the cache too, and stays there as long as its job.
        let song_bytes = match job.source {
            JobSource::Track(_) => 0,
            JobSource::Blob { .. } => material.source.len(),
        };
        let ticket = self.tickets.next();
        loop {
            let mut rooms = self.rooms(job, plan, song_bytes, &ticket).await?;
            let said = self.by_child(job, plan, seat, &at_hand, suffix.as_deref(), &mut rooms).await?;
            let Some(said) = said else {
                // It waits for room in the middle of the song, and nobody tells it to begin again.
                if let Some(worker) = seat.worker.take() {
                    worker.end().await;
                }
                continue;
            };
            match said {
                Said::Done { notes, samples, files } => {
                    self.transforms.unchanged(&material.source).await?;
                    let set = MadeSet {
                        source_tag: material.source.validator().tag().to_owned(),
                        engine: plan.engine().to_owned(),
                        notes,
                        samples,
                        files: Vec::new(),
                    };
                    return filled(job, plan, &material, rooms.fillings, files, set).await;
                }
                // What our decoders lack ffmpeg may know. What it makes of the song is one of its renditions.
                Said::Failed { why: Why::Coding, reason } if decoded.is_none() => {
                    at_hand = self.beating(job, self.decoded(job, &material, reason, decoded)).await?;
                    suffix = Some(DECODED.to_owned());
                }
                Said::Failed { why, reason } => {
                    return Err(match why {
                        Why::Song | Why::Coding => never(reason, JobFault::Song),
                        Why::Wish => never(reason, JobFault::Wish),
                        Why::Model => never(reason, JobFault::Server),
                        Why::Server => again(reason),
                    });
                }
                Said::Far { .. } => return Err(again("the child ended in the middle")),
            }
        }
    }

    /// The song of a job, open.
    async fn song(&self, job: &Job) -> Result<Song, Trouble> {
        match &job.source {
            JobSource::Track(id) => {
                let track = self.catalog.track(&Viewer::server(), *id).await.map_err(|e| match e.kind() {
                    catalog::ErrorKind::NotFound => never("the track is gone", JobFault::Song),
                    _ => e.into(),
                })?;
                let place = track.place();
                let source = self.shelf.open(&place).await.map_err(|e| match e.kind {
                    store::ErrorKind::NotFound | store::ErrorKind::NotAFile => {
                        never("the track's file is not there", JobFault::Song)
                    }
                    _ => again(e.to_string()),
                })?;
                let material = Material::of(source, &place, &id.to_string());
                Ok(Song { material, suffix: Some(track.suffix) })
            }
            JobSource::Blob { key, name } => {
                let gone = || {
                    never(
                        "the song was put out of the cache before its turn: send it again",
                        JobFault::Server,
                    )
                };
                let made = self.held(job.id, job.owner, Key::from_bytes(*key)).await?.ok_or_else(gone)?;
                let suffix = name.rsplit_once('.').map(|(_, suffix)| suffix.to_ascii_lowercase());
                let material = Material::whole(made.source, SENT, &job.id.to_string());
                Ok(Song { material, suffix })
            }
        }
    }

    /// The song as FLAC, made by ffmpeg; or else why our own decoders do not take it.
    async fn decoded(
        &self,
        job: &Job,
        material: &Material,
        reason: String,
        decoded: &mut Option<Flight>,
    ) -> Result<AtHand, Trouble> {
        let asker = transform::Asker::User(job.owner.map_or(0, |owner| owner.0));
        let unheard = |e: transform::Error| match e.kind {
            ErrorKind::Unsupported | ErrorKind::Failed | ErrorKind::NoFfmpeg => {
                never(reason.clone(), JobFault::Song)
            }
            _ => e.into(),
        };
        let probe = self.transforms.probe(material, Some(asker)).await.map_err(&unheard)?;
        within_limit(job, probe.duration_ms.unwrap_or(0) / 1_000)?;
        let flight =
            decoded.insert(self.transforms.make(material.clone(), transform::Recipe::Song, asker)?);
        let until = Instant::now() + Duration::from_millis(STEMS_DECODE_MS);
        loop {
            if let Some(made) = flight.made(Duration::from_millis(JOB_BEAT_MS)).await.map_err(&unheard)? {
                return Ok(self.transforms.at_hand(&made.source).await?);
            }
            // A file may say that it is shorter than it is.
            within_limit(job, flight.progress().made_ms / 1_000)?;
            if Instant::now() >= until {
                return Err(again("ffmpeg did not decode the song in time"));
            }
        }
    }

    /// Starts a child unless there is one, tells it the song, and hears it to its last word; none when it is to give way.
    async fn by_child(
        &self,
        job: &Job,
        plan: &Plan,
        seat: &mut Seat,
        song: &AtHand,
        suffix: Option<&str>,
        rooms: &mut Rooms<'_>,
    ) -> Result<Option<Said>, Trouble> {
        let order = serde_json::to_string(&plan.order(suffix)).map_err(|e| again(e.to_string()))?;
        let worker = match &mut seat.worker {
            Some(worker) => worker,
            none => none.insert(self.started(plan).await?),
        };
        let outputs = rooms.fillings.iter().map(Filling::child_file).collect::<Result<Vec<_>, _>>()?;
        let files: Vec<BorrowedFd<'_>> =
            std::iter::once(song.file()).chain(outputs.iter().map(|(file, _)| file.as_fd())).collect();
        worker.tell(&order, &files).await?;
        drop(files);
        drop(outputs);
        match self.heard(job, worker, rooms).await {
            Ok(Heard::Last(said)) => Ok(Some(said)),
            Ok(Heard::GivesWay) => Ok(None),
            // It is gone, and says how.
            Ok(Heard::Gone) => {
                let Some(worker) = seat.worker.take() else { return Err(again("the child is gone")) };
                Err(self.died(worker).await)
            }
            Err(trouble) => Err(trouble),
        }
    }

    async fn started(&self, plan: &Plan) -> Result<Worker, Trouble> {
        let found = self.workers.get_or_try_init(|| Workers::find(self.children.clone())).await;
        let workers = found.map_err(|e| never(e.to_string(), JobFault::Server))?;
        let file_bytes_max = self.transforms.cache().limit_bytes();
        let worker = workers.start(plan.reserve_bytes, STEMS_CHILD_CPU_SECONDS_MAX, file_bytes_max).await?;
        self.figures.started();
        Ok(worker)
    }

    /// Hears a child until it is done or has failed. Whenever it says how far it is, it is let go on as soon as there is room
    /// for more.
    async fn heard(&self, job: &Job, worker: &mut Worker, rooms: &mut Rooms<'_>) -> Result<Heard, Trouble> {
        let mut beats = tokio::time::interval(Duration::from_millis(JOB_BEAT_MS));
        beats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut far = (0, None);
        let mut does_wait = false;
        let mut heard = Instant::now();
        loop {
            tokio::select! {
                biased;
                line = worker.hear() => {
                    let Some(line) = line? else { return Ok(Heard::Gone) };
                    heard = Instant::now();
                    match serde_json::from_str(&line) {
                        Ok(Said::Far { samples, of, is_exact }) => {
                            let sure = of.filter(|_| is_exact).unwrap_or(0).max(samples);
                            within_limit(job, sure / u64::from(::stems::RATE_HZ))?;
                            (far, does_wait) = ((samples, of), true);
                        }
                        Ok(said) => return Ok(Heard::Last(said)),
                        Err(e) => return Err(again(format!("the child said what it should not: {e}"))),
                    }
                    self.running.tell(job.id, |job| (job.done, job.of) = far);
                    rooms.check(far)?;
                }
                _ = beats.tick() => {
                    self.beat(job, far).await?;
                    if !does_wait && heard.elapsed() >= Duration::from_millis(STEMS_STALL_MS) {
                        return Err(again("the child came no further for too long"));
                    }
                }
            }
            if !does_wait {
                continue;
            }
            match rooms.reach(far, heard.elapsed()).await? {
                Reached::Room => {
                    (does_wait, heard) = (false, Instant::now());
                    // One that is gone by now is heard of next.
                    let _ = worker.tell(GO_ON, &[]).await;
                }
                Reached::NotYet => {}
                Reached::GiveWay => return Ok(Heard::GivesWay),
            }
        }
    }

    /// Waits for something before the child is heard, with signs of life.
    async fn beating<T>(
        &self,
        job: &Job,
        work: impl Future<Output = Result<T, Trouble>>,
    ) -> Result<T, Trouble> {
        let mut work = std::pin::pin!(work);
        let mut beats = tokio::time::interval(Duration::from_millis(JOB_BEAT_MS));
        beats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                _ = beats.tick() => self.beat(job, (0, None)).await?,
            }
        }
    }

    /// A sign of life of whoever works for a job.
    pub(super) async fn beat(&self, job: &Job, far: Far) -> Result<(), Trouble> {
        // A database that is busy is asked again; the claim lasts for many beats.
        match self.catalog.beat_job(self.me, job.id, far, in_ms(JOB_CLAIM_MS)).await {
            Ok(false) => Err(Trouble::Lost),
            Ok(true) | Err(_) => Ok(()),
        }
    }

    /// How a child ended that had not answered.
    async fn died(&self, worker: Worker) -> Trouble {
        let ended = worker.wait().await;
        tracing::warn!(outcome = ?ended.outcome, words = ended.words, peak_bytes = ended.peak_bytes,
            "a child that takes songs apart ended by itself");
        match ended.outcome {
            Outcome::OutOfMemory => again("it needs more memory than was reserved for it"),
            Outcome::OutOfRoom => never("its stems are longer than the disk may hold", JobFault::Room),
            Outcome::OutOfTime => never("it takes more processor time than a song may", JobFault::Song),
            Outcome::Unguarded => never("a child cannot be kept apart here", JobFault::Server),
            _ => again("the child that worked for it was killed or broke off"),
        }
    }

    /// Gives all stems their names, and the job its end, unless it is not ours any more: then they go again. It is not to be
    /// given up in the middle.
    pub(super) async fn publish(&self, job: &Job, filled: Filled) -> Result<(), Trouble> {
        let Filled { fillings, mut set } = filled;
        let mut kept = Vec::new();
        let _turn = self.publishing.acquire().await;
        let published = async {
            for (filling, entry, written, stem) in fillings {
                let key = entry.key;
                let made = filling.keep(entry).await?;
                kept.push(key);
                let stem = stem.name().parse().map_err(|_| again("a stem has no name that is known"))?;
                let length_bytes = made.source.len();
                set.files.push(StemFile { stem, key: *key.as_bytes(), length_bytes, crc32: written.crc32 });
            }
            match self.catalog.finish_job(self.me, job.id, &set).await? {
                true => Ok::<(), Trouble>(()),
                false => Err(Trouble::Lost),
            }
        };
        let published = published.await;
        if published.is_err() {
            for key in kept {
                self.release(key).await;
            }
        }
        published
    }

    /// Lets go of a song that no job needs any more.
    pub(super) async fn let_go(&self, song: Held) {
        let key = song.made.key;
        drop(song);
        self.release(key).await;
    }

    /// Lets go of what nobody needs any more.
    pub(super) async fn release(&self, key: Key) {
        if let Err(error) = self.transforms.cache().release(key).await {
            tracing::warn!(%error, %key, "what nobody needs is still in the cache");
        }
    }
}

/// Refuses a stranger's song that is longer than one may be.
fn within_limit(job: &Job, seconds: u64) -> Result<(), Trouble> {
    if job.owner.is_some() || seconds <= SEPARATE_STRANGER_SECONDS_MAX {
        return Ok(());
    }
    let reason = format!(
        "the song has {seconds} seconds or more, and one that is sent without a sign-in may have {SEPARATE_STRANGER_SECONDS_MAX}"
    );
    Err(never(reason, JobFault::Wish))
}

/// Takes in what a child wrote, and compares its lengths with what it said.
async fn filled(
    job: &Job,
    plan: &Plan,
    material: &Material,
    fillings: Vec<Filling>,
    files: Vec<Written>,
    set: MadeSet,
) -> Result<Filled, Trouble> {
    if files.len() != fillings.len() || files.len() != plan.stems().len() {
        return Err(again("the child did not write every stem"));
    }
    let mut all = Vec::new();
    for ((mut filling, written), stem) in fillings.into_iter().zip(files).zip(plan.stems()) {
        let length = filling.adopt().await?;
        if length != written.length_bytes || written.stem != stem.name() {
            return Err(again("what the child wrote is not what it said"));
        }
        all.push((filling, entry(job, plan, material, *stem), written, *stem));
    }
    Ok(Filled { fillings: all, set })
}

fn entry(job: &Job, plan: &Plan, material: &Material, stem: Stem) -> Entry {
    let origin = material.origin.to_string();
    let validator = material.source.validator();
    Entry {
        key: match job.source {
            JobSource::Track(_) => plan.key(stem, validator),
            // They go with their job, and another that was sent the same bytes has its own.
            JobSource::Blob { .. } => plan.key(stem, &validator.derived(&job.id.to_string())),
        },
        content_type: plan.content_type().to_owned(),
        tags: vec![format!("origin:{origin}"), format!("mode:{MODE}")],
        origin,
        path: material.path.to_string(),
        mode: MODE.to_owned(),
        source_tag: validator.tag().to_owned(),
        status: 200,
        cost_ms: 0,
        fresh_for: Duration::from_millis(STEMS_KEPT_MS),
        recipe: 0,
    }
}

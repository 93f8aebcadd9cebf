//! Pages of covers that are opened while people listen.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use load::{Findings, Spread, loopback};
use tests::wait_until;

use crate::Stage;
use crate::caller::Caller;

/// As many connections as a browser opens for one page.
const CONNECTIONS: usize = 6;
/// The sizes that apps ask for, in pixels.
const SIZES: [u32; 4] = [64, 160, 300, 600];
/// The library that comes has been scanned so far by then that there is a page of albums.
const LIBRARY_WITHIN: Duration = Duration::from_secs(120);

/// Opens one page after the other as soon as there are covers to show; each cover must come in the end.
pub(crate) fn covers(stage: &Stage<'_>) -> Findings {
    wait_until(stage.until, || stage.full.load(Ordering::Acquire));
    let (pages, each) = (stage.size.pages, stage.size.covers);
    let caller = |number| Caller::new(stage.server, &stage.server.mira, loopback(23, number));
    let mut browser = caller(0);
    let mut covers: Vec<String> = Vec::new();
    wait_until(stage.until + LIBRARY_WITHIN, || {
        let page = browser.subsonic("getAlbumList2", "type=random&size=500");
        let albums = page["albumList2"]["album"].as_array().cloned().unwrap_or_default();
        covers = albums.iter().filter_map(|album| Some(album["coverArt"].as_str()?.to_owned())).collect();
        covers.len() >= each
    });
    let mut findings = Findings::new();
    findings.at_least("albums with a cover", covers.len() as f64, each as f64, "");
    let mut readers: Vec<Caller<'_>> = (1..=CONNECTIONS).map(caller).collect();
    let shown = covers.chunks_exact(each).cycle().zip(SIZES.into_iter().cycle()).take(pages);
    let times = Spread::of(shown.map(|(page, size)| show(page, size, &mut readers)).collect());
    let ms = |time: Duration| format!("{:.0} ms", time.as_secs_f64() * 1_000.0);
    let figures = format!("{}, {}", ms(times.percentile(50.0)), ms(times.longest()));
    findings.note(format!("{} pages of {each} covers, median and longest", times.len()), figures);
    let all = readers.into_iter().fold(browser, Caller::and);
    all.report("covers", stage, &mut findings);
    findings
}

/// Shows one page, over all connections at once; how long it took.
fn show(page: &[String], size: u32, readers: &mut [Caller<'_>]) -> Duration {
    let began = Instant::now();
    let queries: Vec<String> = page.iter().map(|id| format!("id={id}&size={size}")).collect();
    let queries = &queries;
    std::thread::scope(|scope| {
        for (number, reader) in readers.iter_mut().enumerate() {
            let mine = queries.iter().skip(number).step_by(CONNECTIONS);
            scope.spawn(move || mine.for_each(|query| reader.picture("getCoverArt", query)));
        }
    });
    began.elapsed()
}

//! What is left of children when they end early: nothing.

#![expect(clippy::unwrap_used, reason = "what the tests need is there, or they fail")]

mod kitchen;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use kitchen::{CAPS, Media, SERVED, children, ends, ffmpeg, prisoner_path, runs};
use transform::{ChildInput, ChildOutput};

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Both in one test: another would have children of its own at the same time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_abort_at_any_point_leaves_no_process_and_no_descriptor() {
    let media = Media::new();
    media.video("a.mp4", 20, 1_000);
    let source = media.source("a.mp4");
    let ffmpeg = ffmpeg().await;
    ffmpeg.settled().await;
    let (children_before, descriptors_before) = (children(), descriptors());
    let args = "-nostdin -loglevel error -progress pipe:2 -protocol_whitelist http,tcp -f mov -i INPUT -threads 1 \
        -c:v libx264 -f mp4 -movflags frag_keyframe+empty_moov pipe:1";
    let args: Vec<&str> =
        args.split_whitespace().map(|word| if word == "INPUT" { SERVED } else { word }).collect();
    let mut seed = 7_u64;
    let mut begun = 0;
    for number in 0..200 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let within = Duration::from_micros((seed >> 33) % 100_000);
        let input = ChildInput::Served(source.clone());
        let work = async {
            let mut child = ffmpeg.start_unplanned(&args, input, ChildOutput::Pipe, CAPS).await.unwrap();
            begun += 1;
            let mut output = child.take_output().unwrap();
            let mut buffer = [0; 4_096];
            // Every third is never read from.
            while number % 3 != 0 && output.read(&mut buffer).await.unwrap() > 0 {}
            child.wait().await
        };
        let over = tokio::time::timeout(within, work).await;
        assert!(over.is_err(), "it was over before: {over:?}");
    }
    ffmpeg.settled().await;
    assert!(begun > 100, "{begun} of 200 were begun");
    assert_eq!(children(), children_before);
    assert_eq!(descriptors(), descriptors_before);
    a_server_that_is_killed_leaves_no_child().await;
}

async fn a_server_that_is_killed_leaves_no_child() {
    let mut server = Command::new(prisoner_path()).arg("server").stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let child: u32 = line.trim().parse().unwrap();
    assert!(runs(child));
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(ends(child).await, "{child} still runs");
}

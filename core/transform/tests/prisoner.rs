//! What a child cannot do, tried by a program that does its best.

#![expect(clippy::unwrap_used, reason = "what the tests need is there, or they fail")]

mod kitchen;

use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::UnixDatagram;

use kitchen::{CAPS, Media, all, children, ends, prisoner, runs};
use transform::{ChildInput, ChildOutput, Ffmpeg, Outcome, Protection, Sandbox};

/// What it says of each attempt.
async fn tried(prisoner: &Ffmpeg, attempts: &[String], input: ChildInput) -> Vec<String> {
    let attempts: Vec<&str> = attempts.iter().map(String::as_str).collect();
    let child = prisoner.start_unplanned(&attempts, input, ChildOutput::Pipe, CAPS).await.unwrap();
    let (said, ended) = all(child).await;
    assert!(matches!(ended.outcome, Outcome::Done), "{ended:?}");
    String::from_utf8(said).unwrap().lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn nothing_can_be_opened_but_the_input_and_nobody_can_be_reached() {
    let media = Media::new();
    std::fs::write(media.path("input"), "input").unwrap();
    std::fs::write(media.path("other"), "other").unwrap();
    let folder = media.path(".").display().to_string();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let named = UnixDatagram::bind(media.path("socket")).unwrap();
    tcp.set_nonblocking(true).unwrap();
    udp.set_nonblocking(true).unwrap();
    let me = std::process::id();
    let refused: Vec<String> = [
        format!("open={folder}/other"),
        "open=/etc/passwd".to_owned(),
        "open=/etc/hostname".to_owned(),
        "open=/proc/self/environ".to_owned(),
        "open=/proc/self/mem".to_owned(),
        "open=/proc/self/maps".to_owned(),
        format!("open=/proc/{me}/environ"),
        format!("open=/proc/{me}/mem"),
        "open=/dev/zero".to_owned(),
        "open=/usr/bin/env".to_owned(),
        format!("write={folder}/input"),
        format!("write={folder}/new"),
        "write=/tmp/millpond-prisoner".to_owned(),
        "write=/dev/null".to_owned(),
        "write=/proc/sys/kernel/core_pattern".to_owned(),
        "write=/proc/self/oom_score_adj".to_owned(),
        "list=/".to_owned(),
        "list=/proc/self/fd".to_owned(),
        format!("list={folder}"),
        "run=/bin/sh".to_owned(),
        "run=/usr/bin/env".to_owned(),
        format!("connect={}", tcp.local_addr().unwrap()),
        format!("send={}", udp.local_addr().unwrap()),
        "connect=192.0.2.1:80".to_owned(),
        "send=192.0.2.1:53".to_owned(),
        format!("kill={me}"),
    ]
    .into();
    let prisoner = prisoner(Sandbox::On).await;
    assert_eq!(prisoner.protection(), Protection::FULL);
    let input = ChildInput::File(media.file("input"));
    let said = tried(&prisoner, &refused, input).await;
    assert_eq!(said.len(), refused.len());
    for (attempt, said) in refused.iter().zip(&said) {
        assert!(said.contains(": refused: "), "{attempt}: {said}");
    }
    assert!(tcp.accept().is_err() && udp.recv(&mut [0]).is_err());
    assert_eq!(media.path("input").metadata().unwrap().len(), 5);
    drop(named);
}

#[tokio::test]
async fn what_it_may_it_can() {
    let media = Media::new();
    std::fs::write(media.path("input"), "input").unwrap();
    let prisoner = prisoner(Sandbox::On).await;
    let attempts = ["open=/proc/self/fd/0", "descriptors", "environment", "rights", "memory=1048576"];
    let attempts = attempts.map(str::to_owned);
    let said = tried(&prisoner, &attempts, ChildInput::File(media.file("input"))).await;
    // CAP_DAC_READ_SEARCH alone, and only for the super-user.
    let rights = if rustix::process::geteuid().is_root() { "0x4 0x4" } else { "0x0 0x0" };
    let rights = format!("rights: {rights} true");
    let expected = ["open: read 1", "descriptors: next 3", "environment: 0", &rights, "memory: took 1048576"];
    assert_eq!(said, expected);
    let said = tried(&prisoner, &attempts[2..4], ChildInput::Served(media.source("input"))).await;
    assert_eq!(said, ["environment: 0", "rights: 0x0 0x0 true"]);
}

#[tokio::test]
async fn it_works_for_itself_and_with_no_other_process() {
    let prisoner = prisoner(Sandbox::On).await;
    let me = std::process::id();
    let attempts = ["thread", "internet", "spawn", "local", "netlink", &format!("kill={me}"), "kill=1"];
    let attempts = attempts.map(str::to_owned);
    let said = tried(&prisoner, &attempts, ChildInput::Nothing).await;
    assert_eq!(said[..2], ["thread: joined", "internet: made"]);
    for said in &said[2..] {
        assert!(said.contains(": refused: Operation not permitted"), "{said}");
    }
}

#[tokio::test]
async fn a_served_child_reaches_its_input_and_nobody_else() {
    let media = Media::new();
    std::fs::write(media.path("input"), "input").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let prisoner = prisoner(Sandbox::On).await;
    let attempts = [
        "connect=127.0.0.1:8080".to_owned(),
        format!("connect={}", listener.local_addr().unwrap()),
        "connect=127.0.0.1:8081".to_owned(),
        "open=/proc/self/fd/0".to_owned(),
    ];
    let said = tried(&prisoner, &attempts, ChildInput::Served(media.source("input"))).await;
    assert_eq!(said[0], "connect: connected");
    assert!(said[1].starts_with("connect: refused") && said[2].starts_with("connect: refused"), "{said:?}");
    // It is /dev/null, which is nobody's.
    assert_eq!(said[3], "open: read 0");
    assert!(listener.accept().is_err());
}

#[tokio::test]
async fn memory_behind_the_limit_is_not_there() {
    let prisoner = prisoner(Sandbox::On).await;
    let attempt = format!("memory={}", CAPS.memory_bytes + (16 << 20));
    let said = tried(&prisoner, &[attempt], ChildInput::Nothing).await;
    assert_eq!(said, ["memory: refused: Cannot allocate memory"]);
}

#[tokio::test]
async fn the_whole_group_ends_with_the_handle() {
    // Without the fence, because inside no other process could be started.
    let prisoner = prisoner(Sandbox::Off).await;
    let mut child = prisoner
        .start_unplanned(&["spawn", "sleep"], ChildInput::Nothing, ChildOutput::Pipe, CAPS)
        .await
        .unwrap();
    let mut output = child.take_output().unwrap();
    let mut said = [0; 100];
    let count = output.read(&mut said).await.unwrap();
    let said = String::from_utf8_lossy(&said[..count]).into_owned();
    let grandchild: u32 = said.trim().trim_start_matches("spawn: ").parse().unwrap();
    let id = child.id();
    assert!(runs(id) && runs(grandchild));
    drop(child);
    prisoner.settled().await;
    for pid in [id, grandchild] {
        assert!(ends(pid).await, "{pid} still runs");
    }
    assert!(!children().contains(&id), "{id} was not reaped");
}

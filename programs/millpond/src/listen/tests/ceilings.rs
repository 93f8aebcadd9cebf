use budget::{Pool, Slots, limits};

use super::*;
use crate::listen::{Proxies, Who};
use crate::settings::TrustedProxy;

fn ceilings(connections: usize, per_address: usize) -> Slots<Who> {
    Slots::new("connections", "connections_per_address", connections, per_address)
}

#[tokio::test]
async fn p06_connections_over_a_ceiling_are_told_when_to_come_back() {
    for (connections, per_address, status) in [(0, 2, "429"), (2, 0, "503")] {
        let running = start(patient(), |house| house.connections = ceilings(connections, per_address));
        let mut held = Vec::new();
        for _ in 0..2 {
            let mut client = running.connect().await;
            client.write_all(b"GET /ok HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
            assert!(one_answer(&mut client).await.ends_with("ok"));
            held.push(client);
        }
        let answer = running.ask("GET /ok HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert!(answer.contains("\r\nRetry-After: "), "{answer}");
        drop(held);
        let freed = async {
            while running.house.connections.used() > 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, freed).await.unwrap();
        let answer = running.ask("GET /ok HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
        assert!(answer.ends_with("ok"), "{answer}");
        running.stop().await;
    }
}

#[tokio::test]
async fn p04_connections_end_where_their_memory_ends() {
    let running = start(patient(), |house| house.budget = Budget::new(64 * MIB).unwrap());
    let mut held = Vec::new();
    let told = loop {
        let mut client = running.connect().await;
        client.write_all(b"GET /ok HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        let answer = one_answer(&mut client).await;
        if !answer.ends_with("ok") {
            break answer;
        }
        held.push(client);
        assert!(held.len() < 5_000, "64 MiB hold fewer connections than that");
    };
    assert!(told.starts_with("HTTP/1.1 503 "), "{told}");
    drop(held);
    running.stop().await;
}

#[tokio::test]
async fn behind_a_proxy_the_ceiling_follows_the_client() {
    let running = start(patient(), |house| {
        house.connections = ceilings(0, 1);
        house.proxied = Slots::new("proxied_requests", "requests_per_address", 0, 1);
        house.proxies = Proxies::new(&[TrustedProxy::Network("127.0.0.1/32".parse().unwrap())]);
    });
    let mut first = running.connect().await;
    first.write_all(b"GET /gated HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n").await.unwrap();
    let mut head = [0; 12];
    first.read_exact(&mut head).await.unwrap();
    for (client, status) in [("192.0.2.1", "429"), ("192.0.2.2", "200")] {
        let request =
            format!("GET /ok HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Forwarded-For: {client}\r\n\r\n");
        let answer = running.ask(&request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{client}: {answer}");
    }
    running.gate.notify_one();
    drop(first);
    running.stop().await;
}

#[tokio::test]
async fn a_port_in_use_is_named_with_what_to_do() {
    let running = start(patient(), |_| {});
    let said = bind_error(&running.address.to_string());
    assert!(said.starts_with(&format!("error: {} is in use", running.address)), "{said}");
    assert!(said.contains("\nhint: ") && said.contains("--listen"), "{said}");
    let said = bind_error("192.0.2.1:4040");
    assert!(said.contains("192.0.2.1:4040 is no address of this machine"), "{said}");
    running.stop().await;
}

#[tokio::test]
async fn p06_a_long_head_needs_memory_of_its_own() {
    let running = start(patient(), |_| {});
    let head = |bytes| {
        format!("GET /ok HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Long: {}\r\n\r\n", "x".repeat(bytes))
    };
    let mut taken = Vec::new();
    while let Ok(permit) = running.house.budget.take(Pool::Connections, limits::CONNECTION_BYTES) {
        taken.push(permit);
    }
    // Room for two connections, and for none with a long head.
    taken.truncate(taken.len() - 2);
    let told = running.ask(&head(20_000)).await;
    assert!(told.starts_with("HTTP/1.1 503 ") && told.contains("\r\nRetry-After: "), "{told}");
    assert!(running.ask(&head(1_000)).await.ends_with("ok"));
    drop(taken);
    assert!(running.ask(&head(20_000)).await.ends_with("ok"));
    running.stop().await;
}

//! Connections between two requests: hyper lets go of them, and takes them up again, without a client noticing.

use std::convert::Infallible;
use std::pin::Pin;

use budget::{Pool, limits};
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::*;
use crate::listen::acceptor;
use crate::listen::connection::{self, Caller};
use crate::listen::socket::{Remote, Socket};

const GET: &str = "GET /ok HTTP/1.1\r\nHost: a\r\n\r\n";

/// Parks soon, and does nothing else soon.
fn quick() -> Deadlines {
    Deadlines { park: SOON / 10, ..patient() }
}

impl Running {
    pub(super) async fn until_parked(&self, connections: i64) {
        let parked = async {
            while self.house.metrics.parked_now() != connections {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, parked).await.expect("the connections are parked");
    }

    /// What permits of connections stand for now.
    fn held_bytes(&self) -> u64 {
        let figures = self.house.budget.figures();
        figures.iter().find(|pool| pool.pool == Pool::Connections).unwrap().used_bytes
    }
}

/// For so long, nothing comes and nobody leaves.
async fn stays_open(client: &mut TcpStream, time: Duration) {
    let came = tokio::time::timeout(time, client.read_u8()).await;
    assert!(came.is_err(), "{came:?}");
}

/// What parking stands on. If a new hyper fails here, read what its `graceful_shutdown` does to a connection between
/// two requests.
#[tokio::test]
async fn hyper_lets_go_of_an_idle_connection_without_a_word() {
    for begun in ["", "GET /b HT"] {
        let (mut client, server) = tokio::io::duplex(4096);
        let service = service_fn(|_| {
            std::future::ready(Ok::<_, Infallible>(hyper::Response::new(Full::new(Bytes::from("ok")))))
        });
        let mut connection = hyper::server::conn::http1::Builder::new()
            .header_read_timeout(None)
            .serve_connection(TokioIo::new(server), service);
        client.write_all(format!("{GET}{begun}").as_bytes()).await.unwrap();
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(connection.poll_without_shutdown(&mut context).is_pending());
        let mut answer = [0; 1024];
        let count = client.read(&mut answer).await.unwrap();
        assert!(answer[..count].ends_with(b"ok"));

        Pin::new(&mut connection).graceful_shutdown();
        let done = connection.poll_without_shutdown(&mut context);
        assert!(matches!(done, std::task::Poll::Ready(Ok(()))), "{done:?}");
        let parts = connection.into_parts();
        assert_eq!(parts.read_buf, begun, "what was read of the next request is given back");
        let mut more = [0; 1];
        let mut more = tokio::io::ReadBuf::new(&mut more);
        assert!(Pin::new(&mut client).poll_read(&mut context, &mut more).is_pending(), "nothing is written");
        drop(parts.io);
    }
}

#[tokio::test]
async fn a_quiet_connection_gives_its_memory_back_and_speaks_again() {
    let running = start(quick(), |_| {});
    let mut client = running.connect().await;
    for version in ["HTTP/1.1", "HTTP/1.1", "HTTP/1.0"] {
        let request = format!("GET /ok {version}\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
        client.write_all(request.as_bytes()).await.unwrap();
        assert!(one_answer(&mut client).await.ends_with("ok"), "{version}");
        running.until_parked(1).await;
        assert_eq!(running.held_bytes(), limits::SILENT_CONNECTION_BYTES);
    }
    client.write_all(b"POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12345").await.unwrap();
    assert!(one_answer(&mut client).await.ends_with('5'));
    running.until_parked(1).await;
    drop(client);
    running.until_parked(0).await;
    assert_eq!((running.ended(Ended::Properly), running.held_bytes()), (1, 0), "it ends as any other");
    running.stop().await;
}

#[tokio::test]
async fn what_ends_with_its_answer_is_never_parked() {
    let running = start(quick(), |_| {});
    for request in ["GET /ok HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "GET /ok HTTP/1.0\r\n\r\n"] {
        assert!(running.ask(request).await.ends_with("ok"), "{request}");
    }
    assert_eq!(running.ended(Ended::Properly), 2);
    running.stop().await;
}

#[tokio::test]
async fn no_byte_is_lost_between_two_requests() {
    let running = start(quick(), |_| {});
    let two = [GET, GET].concat();
    // Cut anywhere, with a pause that is long enough for parking where it is possible.
    for cut in [1, GET.len() - 1, GET.len(), GET.len() + 1, GET.len() + 9, two.len() - 1] {
        let mut client = running.connect().await;
        let (first, second) = two.split_at(cut);
        client.write_all(first.as_bytes()).await.unwrap();
        if cut == GET.len() {
            assert!(one_answer(&mut client).await.ends_with("ok"));
            running.until_parked(1).await;
            client.write_all(second.as_bytes()).await.unwrap();
            assert!(one_answer(&mut client).await.ends_with("ok"));
            continue;
        }
        let answered = cut > GET.len();
        if answered {
            assert!(one_answer(&mut client).await.ends_with("ok"));
        }
        stays_open(&mut client, SOON).await;
        client.write_all(second.as_bytes()).await.unwrap();
        let (mut answers, expected) = (String::new(), if answered { 1 } else { 2 });
        while answers.matches("\r\n\r\nok").count() < expected {
            answers.push_str(&one_answer(&mut client).await);
        }
    }
    running.stop().await;
}

/// The moment of parking is hit from both sides, over and over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_at_the_very_moment_of_parking_is_answered() {
    let park = Duration::from_millis(5);
    let running = start(Deadlines { park, ..patient() }, |_| {});
    let mut client = running.connect().await;
    client.set_nodelay(true).unwrap();
    for round in 0..200_u64 {
        client.write_all(GET.as_bytes()).await.unwrap();
        assert!(one_answer(&mut client).await.ends_with("ok"), "round {round}");
        // From 4 to 7 ms after the answer: the timer of the runtime counts whole milliseconds.
        stays_open(&mut client, Duration::from_micros(3_000 + round * 20)).await;
    }
    drop(client);
    running.stop().await;
}

#[tokio::test]
async fn a_parked_connection_has_the_deadlines_of_any_other() {
    let idle = SOON * 3;
    let running = start(Deadlines { idle, head: SOON, ..quick() }, |_| {});
    let mut client = running.connect().await;
    client.write_all(GET.as_bytes()).await.unwrap();
    assert!(one_answer(&mut client).await.ends_with("ok"));
    let answered = tokio::time::Instant::now();
    assert_eq!(rest(&mut client).await, "");
    assert!(answered.elapsed() > idle - SOON / 10, "from the end of the answer, not from parking");
    assert_eq!(running.ended(Ended::Idle), 1);

    let mut client = running.connect().await;
    client.write_all(GET.as_bytes()).await.unwrap();
    assert!(one_answer(&mut client).await.ends_with("ok"));
    running.until_parked(1).await;
    client.write_all(b"G").await.unwrap();
    assert_eq!(rest(&mut client).await, "");
    assert_eq!(running.ended(Ended::SlowHead), 1, "the first byte of a head starts its deadline");
    running.stop().await;
}

#[tokio::test]
async fn p10_a_stop_ends_parked_connections_at_once() {
    let running = start(quick(), |_| {});
    let mut client = running.connect().await;
    client.write_all(GET.as_bytes()).await.unwrap();
    assert!(one_answer(&mut client).await.ends_with("ok"));
    running.until_parked(1).await;
    running.house.stop.cancel();
    assert_eq!(rest(&mut client).await, "");
    assert_eq!((running.ended(Ended::Stopped), running.house.metrics.parked_now()), (1, 0));
    running.stop().await;
}

#[tokio::test]
async fn p06_who_speaks_when_there_is_no_memory_is_told_so() {
    let running = start(quick(), |_| {});
    let mut parked = running.connect().await;
    parked.write_all(GET.as_bytes()).await.unwrap();
    assert!(one_answer(&mut parked).await.ends_with("ok"));
    running.until_parked(1).await;
    let mut silent = running.connect().await;
    let mut taken = Vec::new();
    while running.held_bytes() < 2 * limits::SILENT_CONNECTION_BYTES {
        tokio::task::yield_now().await;
    }
    while let Ok(permit) = running.house.budget.take(Pool::Connections, limits::KIB) {
        taken.push(permit);
    }
    for client in [&mut parked, &mut silent] {
        client.write_all(GET.as_bytes()).await.unwrap();
        let answer = rest(client).await;
        assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("\r\nRetry-After: "), "{answer}");
    }
    drop((parked, silent, taken));
    let gone = async {
        while running.held_bytes() > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.expect("everything is given back");
    assert_eq!(running.ended(Ended::Refused), 2);
    assert!(running.ask("GET /ok HTTP/1.0\r\n\r\n").await.ends_with("ok"));
    running.stop().await;
}

#[tokio::test]
async fn tls_connections_are_parked_too() {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let running = start(quick(), |house| house.tls = Some(acceptor(&cert, &key).unwrap()));

    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let mut client =
        connector.connect("localhost".try_into().unwrap(), running.connect().await).await.unwrap();
    speaks_and_is_parked(&running, &mut client).await;
    client.shutdown().await.unwrap();
    assert_eq!(client.read(&mut [0]).await.unwrap(), 0, "the end is said in TLS's own way");
    running.stop().await;
}

#[tokio::test]
async fn connections_to_a_unix_socket_are_parked_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("millpond.sock");
    let running = start_at(&Address::Unix(path.clone()), quick(), |_| {});
    let mut client = tokio::net::UnixStream::connect(&path).await.unwrap();
    speaks_and_is_parked(&running, &mut client).await;
    drop(client);
    running.stop().await;
}

async fn speaks_and_is_parked(running: &Running, client: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    for _ in 0..3 {
        client.write_all(GET.as_bytes()).await.unwrap();
        client.flush().await.unwrap();
        assert!(one_answer(client).await.ends_with("ok"));
        running.until_parked(1).await;
    }
}

#[tokio::test]
async fn answers_that_no_handler_gave_have_the_fields_of_all_others() {
    let running = start(patient(), |_| {});
    let long = format!("GET /ok HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(limits::HEADER_BYTES_MAX));
    let check = async |request: &str, status: &str| {
        let answer = running.ask(request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request:.30}: {answer}");
        let head = answer.split_once("\r\n\r\n").map_or("", |(head, _)| head).to_ascii_lowercase();
        for field in ["x-request-id: ", "x-process-time: ", "x-content-type-options: nosniff"] {
            assert_eq!(head.matches(field).count(), 1, "{field} in {answer}");
        }
    };
    check("GET /ok\r\n\r\n", "400").await;
    check("\0\0\0\0\r\n\r\n", "400").await;
    check(&long, "431").await;
    check("GET /ok HTTP/1.1\r\nConnection: close\r\n\r\n", "400").await;
    running.stop().await;
}

/// What a silent connection costs is its task above all. What only speech needs belongs into a future of its own.
#[tokio::test]
async fn the_task_of_a_silent_connection_is_small() {
    let running = start(patient(), |_| {});
    let (peer, house) = (Peer::new(), Arc::clone(&running.house));
    let socket = Socket::tcp(running.connect().await, Arc::clone(&peer), house.budget.clone());
    let task = connection::run(socket, Caller { remote: Remote::Unix, peer, house }, ());
    assert!(size_of_val(&task) <= 1_600, "{} bytes", size_of_val(&task));
    drop(task);
    running.stop().await;
}

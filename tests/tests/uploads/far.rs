//! Uploads into a bucket at the far end of a slow line, by the whole server.

use std::time::{Duration, Instant};

use tests::sound::wav;
use tests::tus::{location, metadata, sha256_hex};
use tests::{Options, Seaweed, Server, SlowLine, Tus, eventually};

use crate::sender::tracks;

/// How long a byte takes from the server to the bucket.
const LATENCY: Duration = Duration::from_millis(50);
const PART: usize = budget::limits::S3_PART_BYTES as usize;
const WITHIN: Duration = Duration::from_secs(60);
/// What an upload may need after its last byte came, beside the sending of one part.
const MORE_MAX: Duration = Duration::from_secs(2);

/// A server whose bucket is reached over that line.
fn server(line: &SlowLine, seaweed: &Seaweed) -> Server {
    let mut options = Options::default().config(&format!(
        "[limits]\nstreams_per_user = 1000\n[store]\nurl = \"{}\"\nfree_bytes_min = \"16MiB\"\n",
        Seaweed::url()
    ));
    options.variables = seaweed.variables();
    options.variables.push(("AWS_ENDPOINT_URL".to_owned(), format!("http://{}", line.address)));
    Server::start(&options)
}

fn names(title: &str) -> String {
    metadata(&[("filename", "noise.wav"), ("title", title)])
}

/// How long the bucket takes for one part over that line, by another client.
fn part_takes(seaweed: &Seaweed, line: &SlowLine) -> Duration {
    let script = "import os, time\n\
                  slow = boto3.client('s3', endpoint_url='http://' + sys.argv[1], aws_access_key_id=sys.argv[2],\n\
                  \x20 aws_secret_access_key=sys.argv[3], region_name=sys.argv[4], config=config)\n\
                  body = os.urandom(int(sys.argv[5]))\n\
                  slow.put_object(Bucket=bucket, Key='warm', Body=b'1')\n\
                  began = time.monotonic()\n\
                  slow.put_object(Bucket=bucket, Key='part', Body=body)\n\
                  print(time.monotonic() - began)\n";
    let (at, bytes) = (line.address.to_string(), PART.to_string());
    let said = seaweed.python(script, &[&at, Seaweed::KEY, Seaweed::SECRET, Seaweed::REGION, &bytes]);
    Duration::from_secs_f64(said.trim().parse().expect("seconds"))
}

#[test]
fn over_a_slow_line_to_the_bucket_an_upload_is_ready_two_seconds_after_the_time_of_its_last_part() {
    let seaweed = Seaweed::start();
    let line = SlowLine::to(seaweed.address, LATENCY);
    let server = server(&line, &seaweed);
    let tus = Tus::of(&server, &server.mira);
    let part = part_takes(&seaweed, &line);
    assert!(part >= 2 * LATENCY, "there and back: {part:?}");
    let bytes = wav(7, 5 * PART);
    let made = tus.create(Some(bytes.len() as u64), &names("Far"), &[]).expect("an answer to POST");
    let at = location(&made).expect("a Location");
    for (number, piece) in bytes.chunks(PART).enumerate() {
        // Its sender's line is no faster than the bucket's: what came before is on its way while he sends.
        let sent = (number * PART) as f64;
        eventually("the earlier parts are in the bucket", WITHIN, || {
            server.metric("s3_sent_bytes_total") >= sent
        });
        let answer = tus.patch(&at, (number * PART) as u64, piece, &[]).expect("an answer to PATCH");
        assert_eq!(answer.status, 204, "{} {}", answer.head(), answer.text());
    }
    let last_byte = Instant::now();
    eventually("the upload is ready", WITHIN, || tracks(&server, &server.mira, "Far") == 1);
    let took = last_byte.elapsed();
    println!("one part takes {part:?}, and the upload was ready after {took:?}");
    assert!(took <= part + MORE_MAX, "ready after {took:?}, and one part takes {part:?}");
    let stored = tus.audio(&sha256_hex(&bytes)).expect("an answer");
    assert!(stored.status == 200 && stored.body == bytes);
}

#[test]
fn p05_with_a_bucket_that_falls_silent_under_many_listeners_uploads_go_on() {
    let seaweed = Seaweed::start();
    let line = SlowLine::to(seaweed.address, Duration::ZERO);
    let server = server(&line, &seaweed);
    let tus = Tus::of(&server, &server.mira);
    // More blocks than threads that all the server's waiting for disks shares.
    let listeners = budget::limits::BLOCKING_THREADS_MAX + 8;
    let bytes = wav(8, (listeners + 4) * budget::limits::MIB as usize);
    tus.upload(&bytes, &names("Listened to"), PART);
    eventually("it is ready", WITHIN, || tracks(&server, &server.mira, "Listened to") == 1);
    let target = format!("/audio/{}", &sha256_hex(&bytes)[..16]);
    let range = |block: usize| format!("bytes={0}-{0}", block << 20);
    let bearer = server.mira.bearer();
    let ask = |block: usize| {
        let mut connection = tests::http::Connection::open(server.address).expect("a connection");
        let range = range(block);
        let fields = [("Authorization", bearer.as_str()), ("Range", range.as_str())];
        connection.send("GET", &target, &fields, b"").expect("a request");
        connection
    };
    let first = ask(0).read(false).expect("an answer");
    assert_eq!((first.status, first.body.as_slice()), (206, &bytes[..1]));
    line.fall_silent(true);
    let waiting: Vec<_> = (2..2 + listeners).map(ask).collect();
    eventually("all of them listen", WITHIN, || server.metric("streams_in_flight") >= listeners as f64);
    let began = Instant::now();
    tus.upload(&wav(9, 300_000), &names("Goes on"), 100_000);
    let took = began.elapsed();
    assert!(took < Duration::from_secs(10), "the upload took {took:?}");
    line.fall_silent(false);
    eventually("the upload is ready", WITHIN, || tracks(&server, &server.mira, "Goes on") == 1);
    for (mut connection, block) in waiting.into_iter().zip(2..) {
        let answer = connection.read(false).expect("an answer");
        assert_eq!(answer.body.as_slice(), &bytes[block << 20..=block << 20]);
    }
}

#[test]
fn a_picture_of_a_form_that_is_refused_stays_nobodys_also_when_the_bucket_is_silent() {
    let seaweed = Seaweed::start();
    let line = SlowLine::to(seaweed.address, Duration::ZERO);
    let server = server(&line, &seaweed);
    line.fall_silent(true);
    let mut picture = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    picture.resize(5_000, 7);
    let mut body =
        b"--line\r\nContent-Disposition: form-data; name=\"image\"; filename=\"c.png\"\r\n\r\n".to_vec();
    body.extend(&picture);
    body.extend(b"\r\n--line--\r\n");
    let bearer = server.mira.bearer();
    let kind = "multipart/form-data; boundary=line";
    let answer =
        server.send("POST", "/tracks/", &[("Authorization", &bearer), ("Content-Type", kind)], &body);
    assert_eq!(answer.status, 422, "{}", answer.text());
    line.fall_silent(false);
    let tus = Tus::of(&server, &server.mira);
    tus.upload(&wav(9, 300_000), &names("Later"), 300_000);
    eventually("a later upload is ready", WITHIN, || tracks(&server, &server.mira, "Later") == 1);
    let image = format!("/images/{}", &sha256_hex(&picture)[..16]);
    let found = server.get(&image, &[("Authorization", &bearer)]);
    assert_eq!(found.status, 404, "{}", found.text());
}

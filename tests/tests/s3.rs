//! Blobs in a bucket, against a real server for S3 that can be stopped.

#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it found by failing")]
#![allow(clippy::disallowed_methods, reason = "the tests read small files of their own whole")]

#[path = "s3/house.rs"]
mod house;

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use house::{House, MIB, bytes_of, read, wait_for};
use store::conformance::{self, Kit};
use store::{BlobKey, Blobs, Checked, ErrorKind, S3Blobs};
use tests::Seaweed;

const PART: u64 = budget::limits::S3_PART_BYTES;

#[test]
fn a_bucket_keeps_blobs_as_every_store_must() {
    let seaweed = Arc::new(Seaweed::start());
    let made = AtomicU32::new(0);
    let runtime = house::runtime();
    runtime.block_on(conformance::all(|| {
        let prefix = format!("suite/{}", made.fetch_add(1, Ordering::Relaxed));
        let seaweed = Arc::clone(&seaweed);
        async move { kit(seaweed, &prefix) }
    }));
}

fn kit(seaweed: Arc<Seaweed>, prefix: &str) -> Kit {
    let house = Arc::new(House::of(&seaweed, prefix));
    let (again, prefix) = (Arc::clone(&house), prefix.to_owned());
    Kit {
        spool: house.spool.clone(),
        blobs: Arc::new(house.blobs.clone()),
        again: Box::new(move || Arc::new(again.opened_again())),
        damage: Box::new(move |key: BlobKey, at| {
            let (seaweed, name) = (Arc::clone(&seaweed), format!("{prefix}/{key}"));
            Box::pin(async move {
                let script = "key, at = sys.argv[1], int(sys.argv[2])\n\
                              body = bytearray(s3.get_object(Bucket=bucket, Key=key)['Body'].read())\n\
                              body[at] ^= 1\n\
                              s3.put_object(Bucket=bucket, Key=key, Body=bytes(body))\n";
                let run = move || seaweed.python(script, &[&name, &at.to_string()]);
                tokio::task::spawn_blocking(run).await.expect("damaged");
            })
        }),
        held: Box::new(house),
    }
}

/// What any tool for S3 finds under a key, and what lies beside it.
fn look(seaweed: &Seaweed, key: &BlobKey) -> serde_json::Value {
    let script = "import hashlib\n\
                  key = sys.argv[1]\n\
                  found = s3.get_object(Bucket=bucket, Key=key)\n\
                  body = found['Body'].read()\n\
                  side = s3.get_object(Bucket=bucket, Key=key.rsplit('.', 1)[0] + '.json')\n\
                  left = s3.list_multipart_uploads(Bucket=bucket).get('Uploads', [])\n\
                  print(json.dumps({'sha256': hashlib.sha256(body).hexdigest(), 'length': len(body),\n\
                  \x20 'type': found['ContentType'], 'tag': found['ETag'], 'left': len(left),\n\
                  \x20 'sidecar': json.load(side['Body'])}))\n";
    serde_json::from_str(&seaweed.python(script, &[key.as_str()])).expect("JSON")
}

#[test]
fn parts_are_equal_and_sent_while_the_upload_comes_and_any_tool_reads_what_we_leave() {
    let seaweed = Seaweed::start();
    let house = House::of(&seaweed, "");
    let runtime = house::runtime();
    let bytes = bytes_of(41_000_000);
    let (key, whole) = runtime.block_on(async {
        let mut upload = house.begin("flac", Some(bytes.len() as u64));
        upload.receive(&bytes[..(2 * PART + 100) as usize]).await;
        wait_for("two parts were sent", || upload.parts_sent() == 2).await;
        let script = "for up in s3.list_multipart_uploads(Bucket=bucket)['Uploads']:\n\
                      \x20 parts = s3.list_parts(Bucket=bucket, Key=up['Key'], UploadId=up['UploadId'])['Parts']\n\
                      \x20 print(json.dumps([part['Size'] for part in parts]))\n";
        let sizes = tokio::task::block_in_place(|| seaweed.python(script, &[]));
        assert_eq!(sizes.trim(), format!("[{PART}, {PART}]"), "before the last byte came");
        upload.receive(&bytes[(2 * PART + 100) as usize..]).await;
        let whole = upload.finish().await;
        (house.blobs.publish(&upload.job, &whole).await.expect("published"), whole)
    });
    let found = look(&seaweed, &key);
    assert_eq!(found["sha256"], whole.digest.to_string());
    assert_eq!((&found["length"], &found["type"]), (&41_000_000.into(), &"audio/flac".into()));
    assert!(
        found["tag"].as_str().is_some_and(|tag| tag.trim_matches('"').ends_with("-3")),
        "{}",
        found["tag"]
    );
    assert_eq!(found["left"], 0, "nothing half is left");
    let sidecar = &found["sidecar"];
    assert_eq!(sidecar["sha256"], whole.digest.to_string());
    assert_eq!(sidecar["file_id"], whole.digest.file_id().to_string());
    assert_eq!((&sidecar["length"], &sidecar["key"]), (&41_000_000.into(), &key.as_str().into()));
    assert_eq!(sidecar["names"], serde_json::json!([["filename", "Lärm \"1\".wav"]]));
    assert_eq!(sidecar["crc32c"].as_str().map(str::len), Some(40 * 8));
    assert_eq!(house.sent_bytes(), 41_000_000, "every byte once");
}

#[test]
fn an_upload_goes_on_after_a_restart_and_no_part_is_sent_twice() {
    let seaweed = Seaweed::start();
    let house = House::of(&seaweed, "music");
    let bytes = bytes_of((2 * PART + 5_000_000) as usize);
    let first = house::runtime();
    let (job, acked) = first.block_on(async {
        let mut upload = house.begin("wav", None);
        upload.receive(&bytes[..(PART + 3_000_000) as usize]).await;
        wait_for("a part was sent", || upload.parts_sent() == 1).await;
        (upload.job.clone(), upload.acked())
    });
    // Everything that runs ends where it is, as in a process that dies.
    first.shutdown_background();
    let second = house::runtime();
    let (key, whole, again) = second.block_on(async {
        let again = house.opened_again();
        let mut upload = house.go_on(job, &again);
        assert_eq!(upload.acked(), acked);
        upload.receive(&bytes[acked as usize..]).await;
        let whole = upload.finish().await;
        let key = again.publish(&upload.job, &whole).await.expect("published");
        (key, whole, again)
    });
    let key = BlobKey::parse(&format!("music/{key}")).expect("a key");
    let script = "import hashlib\nprint(hashlib.sha256(s3.get_object(Bucket=bucket, Key=sys.argv[1])['Body'].read()).hexdigest())";
    assert_eq!(seaweed.python(script, &[key.as_str()]).trim(), whole.digest.to_string());
    assert_eq!(house::sent_bytes(&again), bytes.len() as u64 - PART, "the first part was there");
}

#[test]
fn an_upload_is_finished_when_the_bucket_comes_back() {
    let mut seaweed = Seaweed::start();
    let house = House::of(&seaweed, "");
    let runtime = house::runtime();
    let bytes = bytes_of((2 * PART + 1_000) as usize);
    let (upload, whole) = runtime.block_on(async {
        let mut upload = house.begin("wav", Some(bytes.len() as u64));
        upload.receive(&bytes[..PART as usize]).await;
        wait_for("a part was sent", || upload.parts_sent() == 1).await;
        tokio::task::block_in_place(|| seaweed.stop());
        upload.receive(&bytes[PART as usize..]).await;
        wait_for("it waits", || house::figure(&house.blobs, "s3_retries_total") > 0).await;
        let whole = upload.finish().await;
        for _ in 0..2 {
            let refused = house.blobs.publish(&upload.job, &whole).await.expect_err("the bucket is away");
            assert_eq!(refused.kind, ErrorKind::Unreachable, "{refused}");
            assert!(refused.worth_retrying());
        }
        assert_eq!(upload.parts_sent(), 1, "what was sent is known");
        (upload, whole)
    });
    seaweed.start_again();
    let key = runtime.block_on(house.blobs.publish(&upload.job, &whole)).expect("published");
    assert_eq!(look(&seaweed, &key)["sha256"], whole.digest.to_string());
}

#[test]
fn an_answer_that_was_lost_and_an_upload_that_the_bucket_forgot_end_well() {
    let seaweed = Seaweed::start();
    let house = House::of(&seaweed, "");
    let runtime = house::runtime();
    let bytes = bytes_of((PART + 70_000) as usize);
    for length in [bytes.len(), 100_000] {
        let (upload, whole, key) = runtime.block_on(async {
            let mut upload = house.begin("wav", Some(length as u64));
            upload.receive(&bytes[..length]).await;
            let whole = upload.finish().await;
            let key = house.blobs.publish(&upload.job, &whole).await.expect("published");
            (upload, whole, key)
        });
        // As if the process had died before it wrote down that the object is complete.
        let noted = fs::read_to_string(upload.parts_path()).expect("a note");
        fs::write(upload.parts_path(), noted.replace("\"complete\":true", "\"complete\":false"))
            .expect("changed");
        let again = runtime.block_on(async { house.opened_again().publish(&upload.job, &whole).await });
        assert_eq!(again.expect("published"), key, "{length} bytes");
        assert_eq!(look(&seaweed, &key)["sha256"], whole.digest.to_string());
    }
    runtime.block_on(async {
        let mut upload = house.begin("wav", Some(bytes.len() as u64));
        upload.receive(&bytes[..PART as usize]).await;
        wait_for("a part was sent", || upload.parts_sent() == 1).await;
        let script = "for up in s3.list_multipart_uploads(Bucket=bucket)['Uploads']:\n\
                      \x20 s3.abort_multipart_upload(Bucket=bucket, Key=up['Key'], UploadId=up['UploadId'])\n";
        tokio::task::block_in_place(|| seaweed.python(script, &[]));
        upload.receive(&bytes[PART as usize..]).await;
        let whole = upload.finish().await;
        let mut published = house.blobs.publish(&upload.job, &whole).await;
        if let Err(e) = &published {
            assert_eq!(e.kind, ErrorKind::Unreachable, "{e}");
            published = house.blobs.publish(&upload.job, &whole).await;
        }
        let key = published.expect("the second attempt begins anew");
        let found = tokio::task::block_in_place(|| look(&seaweed, &key));
        assert_eq!(found["sha256"], whole.digest.to_string());
        house.blobs.abandon(&upload.job).await.expect("forgotten");
        assert_eq!(house.blobs.check(&key).await.expect("looked at"), Checked::Sound, "a blob is not abandoned");
        let mut unwanted = house.begin("wav", None);
        unwanted.receive(&bytes[..PART as usize]).await;
        wait_for("a part was sent", || unwanted.parts_sent() == 1).await;
        house.blobs.abandon(&unwanted.job).await.expect("abandoned");
        assert!(!unwanted.parts_path().exists());
        let found = tokio::task::block_in_place(|| look(&seaweed, &key));
        assert_eq!(found["left"], 0, "nothing half is left");
    });
}

#[test]
fn what_was_written_down_as_complete_and_is_gone_is_sent_again() {
    let seaweed = Seaweed::start();
    let house = House::of(&seaweed, "");
    let runtime = house::runtime();
    let bytes = bytes_of((PART + 70_000) as usize);
    for (length, lost) in [(bytes.len(), "object"), (100_000, "object"), (100_000, "sidecar")] {
        let (upload, whole, key) = runtime.block_on(async {
            let mut upload = house.begin("wav", Some(length as u64));
            upload.receive(&bytes[..length]).await;
            let whole = upload.finish().await;
            let key = house.blobs.publish(&upload.job, &whole).await.expect("published");
            (upload, whole, key)
        });
        let name = if lost == "object" {
            key.to_string()
        } else {
            format!("{}.json", key.as_str().trim_end_matches(".wav"))
        };
        seaweed.python("s3.delete_object(Bucket=bucket, Key=sys.argv[1])\n", &[&name]);
        // The next process finds the note of the last one.
        let again = runtime.block_on(async { house.opened_again() });
        assert_eq!(runtime.block_on(again.publish(&upload.job, &whole)).expect("published"), key);
        assert_eq!(look(&seaweed, &key)["sha256"], whole.digest.to_string(), "{length} bytes, {lost}");
        // What is there is not sent a third time.
        let sent = house::sent_bytes(&again);
        assert_eq!(runtime.block_on(again.publish(&upload.job, &whole)).expect("published"), key);
        assert_eq!(house::sent_bytes(&again), sent);
    }
}

#[test]
fn a_publication_that_is_stopped_sends_no_more_and_may_be_made_again() {
    let seaweed = Seaweed::start();
    let house = House::of(&seaweed, "");
    let runtime = house::runtime();
    let bytes = bytes_of((6 * PART) as usize);
    runtime.block_on(async {
        let mut upload = house.begin("wav", Some(bytes.len() as u64));
        upload.receive_quietly(bytes).await;
        let whole = upload.finish().await;
        house.blobs.stop(upload.job.spool);
        let publishing = tokio::spawn({
            let (blobs, job) = (house.blobs.clone(), upload.job.clone());
            async move { blobs.publish(&job, &whole).await }
        });
        wait_for("a part was sent", || upload.parts_sent() > 0).await;
        house.blobs.stop(upload.job.spool);
        let stopped = publishing.await.expect("a task").expect_err("it was stopped");
        assert_eq!(stopped.kind, ErrorKind::Unreachable, "{stopped}");
        let parts = upload.parts_sent();
        assert!(parts < 6, "{parts} parts were sent");
        // Its end could not be written down, say: then it goes on from there.
        let key = house.blobs.publish(&upload.job, &whole).await.expect("published");
        assert_eq!(house.blobs.check(&key).await.expect("looked at"), Checked::Sound);
        assert!(house.sent_bytes() < (6 + 3) * PART, "what was sent is not sent again");
    });
}

#[test]
fn what_is_in_quarantine_goes_when_it_is_old() {
    let seaweed = Seaweed::start();
    let house = House::of(&seaweed, "music");
    let runtime = house::runtime();
    let stays = runtime.block_on(house.published(&bytes_of(1_000)));
    let key = runtime.block_on(house.published(&bytes_of(2_000)));
    runtime.block_on(house.blobs.quarantine(&key)).expect("put aside");
    let empty = |before: SystemTime| runtime.block_on(house.blobs.empty_quarantine(before)).expect("cleared");
    assert_eq!(empty(SystemTime::now() - Duration::from_secs(3_600)), 0, "it came just now");
    assert_eq!(empty(SystemTime::now() + Duration::from_secs(3_600)), 2, "the object and its sidecar");
    let left = seaweed.python(
        "print(*[found['Key'] for found in s3.list_objects_v2(Bucket=bucket).get('Contents', [])])\n",
        &[],
    );
    assert!(!left.contains("quarantine") && left.contains(stays.as_str()), "{left}");
}

#[test]
fn what_is_abandoned_while_the_bucket_is_away_is_known_until_it_is_gone_there() {
    let mut seaweed = Seaweed::start();
    let house = House::of(&seaweed, "");
    let runtime = house::runtime();
    let bytes = bytes_of(PART as usize);
    let unwanted = runtime.block_on(async {
        let mut unwanted = house.begin("wav", None);
        unwanted.receive(&bytes).await;
        wait_for("a part was sent", || unwanted.parts_sent() == 1).await;
        tokio::task::block_in_place(|| seaweed.stop());
        house.blobs.abandon(&unwanted.job).await.expect_err("the bucket is away");
        house.spool.remove_bytes(unwanted.job.spool).expect("removed");
        unwanted
    });
    assert_eq!(unwanted.parts_sent(), 1, "the bucket has something of it");
    assert_eq!(house::figure(&house.blobs, "s3_uploads"), 0, "nobody remembers it");
    seaweed.start_again();
    runtime.block_on(house.blobs.abandon(&unwanted.job)).expect("abandoned");
    assert!(!unwanted.parts_path().exists());
    let left =
        seaweed.python("print(len(s3.list_multipart_uploads(Bucket=bucket).get('Uploads', [])))\n", &[]);
    assert_eq!(left.trim(), "0");
}

#[test]
fn reads_are_cached_within_a_limit_and_what_rots_in_the_cache_is_never_given() {
    let mut seaweed = Seaweed::start();
    let house = House::with_cache(&seaweed, "", 5 * MIB);
    let runtime = house::runtime();
    let bytes = bytes_of((12 * MIB + 345) as usize);
    let key = runtime.block_on(house.published(&bytes));
    let source = runtime.block_on(house.blobs.open(&key)).expect("a blob");
    assert!(!source.has_file());
    assert!(runtime.block_on(read(&source, 0, u64::MAX)).expect("read") == bytes);
    let fetched = house::figure(&house.blobs, "s3_fetched_bytes_total");
    assert_eq!(fetched, bytes.len() as u64, "every block came once");
    assert!(house.cached().iter().map(|(_, length)| length).sum::<u64>() <= 5 * MIB);
    let last = 12 * MIB;
    let mut resident = [0; 345];
    assert_eq!(source.read_resident(&mut resident, last).expect("read a moment ago"), 345);
    assert_eq!(resident, bytes[last as usize..]);
    let far = source.read_resident(&mut resident, 3 * MIB).expect_err("it was evicted");
    assert_eq!(far.kind(), std::io::ErrorKind::WouldBlock);
    // A bit flips in every block of the cache while no process looks.
    for (path, _) in house.cached() {
        let mut block = fs::read(&path).expect("a block");
        block[77] ^= 8;
        fs::write(&path, block).expect("rotten");
    }
    let again: S3Blobs = runtime.block_on(async { house.opened_again() });
    let source = runtime.block_on(again.open(&key)).expect("a blob");
    assert!(runtime.block_on(read(&source, 8 * MIB, u64::MAX)).expect("read") == bytes[(8 * MIB) as usize..]);
    assert_eq!(again.reported(), [], "the bucket's own bytes are sound");
    // Without the bucket there is what the cache has, and an error for the rest.
    seaweed.stop();
    let tail = runtime.block_on(read(&source, last, u64::MAX)).expect("it is in the cache");
    assert!(tail == bytes[last as usize..]);
    assert!(runtime.block_on(read(&source, 0, 10)).is_err());
    let new = runtime.block_on(async { house.opened_again() });
    assert_eq!(runtime.block_on(new.open(&key)).expect_err("it is away").kind, ErrorKind::Unreachable);
    assert!(runtime.block_on(new.look()).is_err());
}

#[test]
fn many_readers_share_a_bounded_set_of_connections() {
    let seaweed = Seaweed::start();
    let house = House::with_cache(&seaweed, "", 0);
    let runtime = house::runtime();
    let bytes = bytes_of((4 * MIB) as usize);
    runtime.block_on(async {
        let key = house.published(&bytes).await;
        let reads: Vec<_> = (0..60)
            .map(|reader| {
                let (blobs, key) = (house.blobs.clone(), key.clone());
                tokio::spawn(async move {
                    let source = blobs.open(&key).await.expect("a blob");
                    let from = reader % 4 * MIB + 1_000 * reader;
                    (from, read(&source, from, 1_000).await.expect("read"))
                })
            })
            .collect();
        for reading in reads {
            let (from, got) = reading.await.expect("a reader");
            assert!(got == bytes[from as usize..from as usize + 1_000]);
        }
        house.blobs.open(&key).await.expect("counted");
    });
    let open = house::figure(&house.blobs, "s3_connections");
    assert!((1..=budget::limits::S3_CONNECTIONS_MAX as u64).contains(&open), "{open} connections");
    let wrong = house::store_with(&house, &seaweed, "a wrong secret");
    let refused = runtime.block_on(async { wrong().look().await }).expect_err("not allowed");
    assert_eq!(refused.kind, ErrorKind::Unreachable, "{refused}");
}

/// The address of the proxy, for the process that is started to trust its certificate.
const TLS_ADDRESS: &str = "TESTS_S3_TLS_ADDRESS";

/// Whom a process trusts is said by a variable that is read at its start: the test starts itself once more.
#[test]
fn over_tls_a_bucket_is_asked_only_when_its_certificate_is_trusted() {
    if let Ok(address) = std::env::var(TLS_ADDRESS) {
        println!("{:?}", house::look_at(&address));
        return;
    }
    let seaweed = Seaweed::start();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (key, certificate) = (folder.path().join("key.pem"), folder.path().join("certificate.pem"));
    let made = std::process::Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
        .args(["-days", "2", "-subj", "/CN=bucket", "-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout"])
        .args([key.as_path(), "-out".as_ref(), certificate.as_path()])
        .output()
        .expect("openssl is installed");
    assert!(made.status.success(), "{made:?}");
    let port = tests::free_port();
    let _proxy = tests::Nginx::start(&format!(
        "listen 127.0.0.1:{port} ssl; ssl_certificate {}; ssl_certificate_key {};\n\
         location / {{ proxy_pass http://{}; proxy_set_header Host $http_host; }}",
        certificate.display(),
        key.display(),
        seaweed.address
    ));
    let asked = |trusted: &std::path::Path| {
        let mut child = std::process::Command::new(std::env::current_exe().expect("this test"));
        child.args(["over_tls_a_bucket", "--nocapture"]).env("SSL_CERT_FILE", trusted);
        let output = child.env(TLS_ADDRESS, format!("https://127.0.0.1:{port}")).output().expect("it runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let trusting = asked(&certificate);
    assert!(trusting.contains("Ok(())"), "{trusting}");
    let other = folder.path().join("nobody.pem");
    fs::write(&other, "").expect("an empty list");
    let suspicious = asked(&other);
    assert!(suspicious.contains("UnknownIssuer"), "{suspicious}");
}

//! One upload into a bucket that is larger than all memory, and its way back.

use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use tests::http::Connection;
use tests::sound::Noise;
use tests::tus::metadata;
use tests::{Options, Seaweed, Server, Tus, eventually, wall};

use crate::asked;
use crate::ground::spool;
use crate::sender::tracks;

/// The memory of the whole server, in MiB.
const MEMORY_MIB: u64 = 256;
/// What nobody can take back may be of it.
const LASTING_MIB: u64 = MEMORY_MIB * 8 / 10;
/// The largest resident set of the process, in MiB.
const PEAK_MIB: u64 = 64;
/// Far less than the file, so that reading it goes to the bucket.
const CACHE_MIB: u64 = 64;

/// Reads the stored file back through the server and tells its SHA-256 and its length.
fn read_back(server: &Server, digest: &str) -> (String, u64) {
    let mut connection = Connection::open(server.address).expect("a connection");
    let bearer = server.mira.bearer();
    let target = format!("/audio/{}", &digest[..16]);
    connection.send("GET", &target, &[("Authorization", &bearer)], b"").expect("a request");
    let head = connection.read_head().expect("a head");
    assert_eq!(head.status, 200, "{}", head.head());
    let length: u64 = head.header("content-length").parse().expect("a length");
    let (mut hash, mut read) = (Sha256::new(), 0);
    while read < length {
        let bytes = connection.read_some(1 << 20).expect("bytes");
        assert!(!bytes.is_empty(), "the answer ends after {read} of {length} bytes");
        hash.update(&bytes);
        read += bytes.len() as u64;
    }
    (hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect(), read)
}

/// What another client finds in the bucket: the length of the one object, its SHA-256 and that in its sidecar.
fn in_the_bucket(seaweed: &Seaweed, within: Duration) -> (u64, String, String) {
    let script = "import hashlib\n\
                  keys = [found['Key'] for found in s3.list_objects_v2(Bucket=bucket)['Contents']]\n\
                  key = next(key for key in keys if not key.endswith('.json'))\n\
                  found = s3.get_object(Bucket=bucket, Key=key)\n\
                  hash = hashlib.sha256()\n\
                  for piece in found['Body'].iter_chunks(1 << 20): hash.update(piece)\n\
                  side = json.load(s3.get_object(Bucket=bucket, Key=key.rsplit('.', 1)[0] + '.json')['Body'])\n\
                  print(found['ContentLength'], hash.hexdigest(), side['sha256'], len(keys))\n";
    let said = seaweed.python_within(script, &[], within);
    let words: Vec<&str> = said.split_whitespace().collect();
    assert_eq!(words.last(), Some(&"2"), "one object and its sidecar: {said}");
    (words[0].parse().expect("a length"), words[1].to_owned(), words[2].to_owned())
}

#[test]
fn p04_one_upload_to_a_bucket_may_be_larger_than_all_memory() {
    let length = asked("MILLPOND_FAR_MB", 300) * 1_000_000;
    let seaweed = Seaweed::start();
    let group = wall(MEMORY_MIB, None);
    let mut options = Options::default().config(&format!(
        "[memory]\nlimit = \"{MEMORY_MIB}MiB\"\n[limits]\nupload_bytes_max = \"8GiB\"\n\
         [store]\nurl = \"{}\"\ncache_bytes = \"{CACHE_MIB}MiB\"\nfree_bytes_min = \"64MiB\"\n",
        Seaweed::url()
    ));
    options.variables = seaweed.variables();
    let server = Server::start(&options.within(&group));
    let within = Duration::from_secs(120 + length / 10_000_000);
    let noise = Noise::new(78, length);
    let names = metadata(&[("filename", "noise.wav"), ("title", "Far noise")]);
    let began = Instant::now();
    let (answer, digest) = Tus::of(&server, &server.mira).stream(&noise, &names, None).expect("an answer");
    let took = began.elapsed();
    assert_eq!(answer.status, 204, "{} {}", answer.head(), answer.text());
    eventually("it is in the bucket", within, || tracks(&server, &server.mira, "Far noise") == 1);
    let stored = began.elapsed();
    assert_eq!(in_the_bucket(&seaweed, within), (length, digest.clone(), digest.clone()));
    let (sum, sent) = (digest.clone(), server.metric("s3_sent_bytes_total"));
    assert_eq!(read_back(&server, &digest), (digest, length));
    let (peak_mib, peaks) = (server.figures().peak_kib / 1024, group.peaks());
    println!(
        "{} MB to a bucket: taken in {:.1} s, stored after {:.1} s, {:.0} MB sent; SHA-256 {sum} there, in the sidecar and \
         read back; peak of the process {peak_mib} MiB, {peaks:?}",
        length / 1_000_000,
        took.as_secs_f64(),
        stored.as_secs_f64(),
        sent / 1e6,
    );
    assert_eq!(peaks.killed, 0);
    assert!(peak_mib <= PEAK_MIB, "{peak_mib} MiB resident");
    assert!(peaks.lasting.lasting() <= LASTING_MIB << 20, "{peaks:?}");
    // Every byte once, and the sidecar is no part.
    assert!(sent >= length as f64 && sent < length as f64 * 1.01, "{sent} bytes sent for {length}");
    assert_eq!(spool(&server.data), Vec::<String>::new());
}

//! A real S3 server on free loopback ports: SeaweedFS, from its Python package.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::http;
use crate::program::free_port;
use crate::wait::eventually;

/// One process with a master, a volume server, a filer and the S3 face needs seconds on a busy machine.
const START_WITHIN: Duration = Duration::from_secs(60);
/// The names of its ports, each with the option that sets it.
const PORTS: [(&str, &str); 8] = [
    ("s3", "-s3.port"),
    ("s3-grpc", "-s3.port.grpc"),
    ("master", "-master.port"),
    ("master-grpc", "-master.port.grpc"),
    ("volume", "-volume.port"),
    ("volume-grpc", "-volume.port.grpc"),
    ("filer", "-filer.port"),
    ("filer-grpc", "-filer.port.grpc"),
];

/// A running SeaweedFS with one empty bucket, `media`; ended by its id when dropped.
#[derive(Debug)]
pub struct Seaweed {
    /// Where its S3 face listens.
    pub address: SocketAddr,
    ports: Vec<u16>,
    child: Option<Child>,
    folder: tempfile::TempDir,
}

impl Seaweed {
    /// The access key of its one identity, which may do everything.
    pub const KEY: &str = "millpond-test";
    /// The secret of that key.
    pub const SECRET: &str = "millpond-test-secret";
    /// The bucket.
    pub const BUCKET: &str = "media";
    /// The region that it is told; it does not care.
    pub const REGION: &str = "us-east-1";

    /// Starts it on a folder of its own, and makes the bucket.
    ///
    /// # Panics
    /// When it is not installed or does not come up.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let identities = serde_json::json!({"identities": [{
            "name": "test",
            "credentials": [{"accessKey": Self::KEY, "secretKey": Self::SECRET}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }]});
        fs::write(folder.path().join("s3.json"), identities.to_string()).expect("a file of identities");
        fs::create_dir(folder.path().join("data")).expect("a folder for its data");
        let ports: Vec<u16> = PORTS.iter().map(|_| free_port()).collect();
        let address = SocketAddr::from(([127, 0, 0, 1], ports[0]));
        let mut seaweed = Seaweed { address, ports, child: None, folder };
        seaweed.run();
        seaweed.python("s3.create_bucket(Bucket=bucket)\n", &[]);
        seaweed
    }

    /// Ends the process at once, as a lost machine does. What it stored stays.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        // It names its sockets by their ports and leaves them behind when it is killed.
        for ((name, _), port) in PORTS.iter().zip(&self.ports) {
            if name.ends_with("-grpc") {
                let _ = fs::remove_file(format!("/tmp/seaweedfs-{name}-{port}.sock"));
            }
        }
    }

    /// Starts it again on the same ports and the same data.
    ///
    /// # Panics
    /// When it does not come up, or runs already.
    pub fn start_again(&mut self) {
        assert!(self.child.is_none(), "it runs");
        self.run();
        // Its face answers before its stores do.
        self.python("s3.put_object(Bucket=bucket, Key='probe', Body=b'1')\ns3.delete_object(Bucket=bucket, Key='probe')\n", &[]);
    }

    /// What a server needs to know to store in the bucket.
    pub fn variables(&self) -> Vec<(String, String)> {
        let pairs = [
            ("AWS_ENDPOINT_URL", format!("http://{}", self.address)),
            ("AWS_REGION", Self::REGION.to_owned()),
            ("AWS_ACCESS_KEY_ID", Self::KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", Self::SECRET.to_owned()),
        ];
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// What the configuration says: `s3://media`.
    pub fn url() -> String {
        format!("s3://{}", Self::BUCKET)
    }

    /// Runs a script of `boto3`, with `s3` a client and `bucket` the name, and gives what it printed. Requests that fail
    /// are tried for a while, because a server that just started does not answer all of them.
    ///
    /// # Panics
    /// When the script fails.
    pub fn python(&self, script: &str, arguments: &[&str]) -> String {
        self.python_within(script, arguments, Duration::from_secs(120))
    }

    /// The same for a script that may take longer.
    ///
    /// # Panics
    /// When the script fails or takes longer than this.
    pub fn python_within(&self, script: &str, arguments: &[&str], within: Duration) -> String {
        let text = format!(
            "import sys, json, boto3\n\
             from botocore.config import Config\n\
             config = Config(retries={{'max_attempts': 12, 'mode': 'standard'}}, s3={{'addressing_style': 'path'}})\n\
             s3 = boto3.client('s3', endpoint_url='http://{}', aws_access_key_id='{}', \
             aws_secret_access_key='{}', region_name='{}', config=config)\n\
             bucket = '{}'\n{script}",
            self.address,
            Self::KEY,
            Self::SECRET,
            Self::REGION,
            Self::BUCKET
        );
        let arguments = [&["-c", text.as_str()], arguments].concat();
        let output = crate::clients::run(tools().join("python"), &arguments, within);
        assert!(output.status.success(), "boto3 failed: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn run(&mut self) {
        let at = self.folder.path();
        let log = fs::File::options().append(true).create(true).open(at.join("log")).expect("a log file");
        let mut command = Command::new(tools().join("weed"));
        command.arg("server").args(["-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3"]);
        command.arg(format!("-dir={}", at.join("data").display()));
        command.arg(format!("-s3.config={}", at.join("s3.json").display()));
        command.arg(format!("-s3.localSocket={}", at.join("s3.sock").display()));
        command.arg(format!("-filer.localSocket={}", at.join("filer.sock").display()));
        // It would tell its makers that it runs, and open two ports that nobody asked for.
        command.args(["-master.telemetry=false", "-s3.port.iceberg=0", "-s3.port.lance=0", "-metricsPort=0"]);
        command.args(["-master.volumeSizeLimitMB=256", "-volume.max=100"]);
        for ((_, option), port) in PORTS.iter().zip(&self.ports) {
            command.arg(format!("{option}={port}"));
        }
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("the same file")).stderr(log);
        let child = self.child.insert(command.spawn().expect("SeaweedFS is installed"));
        let (address, log) = (self.address, at.join("log"));
        eventually("SeaweedFS answers", START_WITHIN, || {
            let ended = child.try_wait().expect("a child of ours");
            assert!(ended.is_none(), "it ended: {}", fs::read_to_string(&log).unwrap_or_default());
            refuses(address)
        });
    }
}

impl Drop for Seaweed {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Whether it answers a request without a signature as it should.
fn refuses(address: SocketAddr) -> bool {
    let Ok(mut connection) = http::Connection::open(address) else { return false };
    let sent = connection.send("GET", "/", &[("Connection", "close")], b"");
    sent.is_ok() && connection.read(false).is_ok_and(|answer| answer.status == 403)
}

/// The programs of the environment that holds SeaweedFS and `boto3`.
///
/// # Panics
/// When it was not installed.
fn tools() -> PathBuf {
    let bin = xtask::files::target().join("tools/s3/bin");
    assert!(bin.join("weed").exists(), "{} is missing: `cargo x test` installs it", bin.display());
    bin
}

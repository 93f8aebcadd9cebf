//! A real nginx on a free loopback port, as a peer or as a proxy.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::program::free_port;
use crate::wait::eventually;

/// A running nginx; ended when dropped.
#[derive(Debug)]
pub struct Nginx {
    /// Where it listens.
    pub address: SocketAddr,
    child: Child,
    folder: tempfile::TempDir,
    /// Goes after the process that is in it.
    _group: Option<load::Group>,
}

impl Nginx {
    /// Starts nginx with these directives in its `server` block.
    ///
    /// # Panics
    /// When nginx is not installed or refuses the directives.
    pub fn start(directives: &str) -> Self {
        Self::start_on(free_port(), directives)
    }

    /// The same inside a memory group.
    ///
    /// # Panics
    /// As [`Nginx::start`].
    pub fn start_within(group: &load::Group, directives: &str) -> Self {
        Self::started(free_port(), directives, Some(group))
    }

    /// The same on a port that was chosen before, because the directives name it.
    ///
    /// # Panics
    /// As [`Nginx::start`].
    pub fn start_on(port: u16, directives: &str) -> Self {
        Self::started(port, directives, None)
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    fn started(port: u16, directives: &str, group: Option<&load::Group>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = folder.path().display();
        let text = format!(
            "daemon off;\nmaster_process off;\nworker_processes 1;\npid {at}/pid;\nerror_log {at}/error.log;\n\
             events {{ worker_connections 1024; }}\n\
             http {{\n  access_log off;\n  client_body_temp_path {at}/body;\n  proxy_temp_path {at}/proxy;\n\
               fastcgi_temp_path {at}/f;\n  uwsgi_temp_path {at}/u;\n  scgi_temp_path {at}/s;\n\
               types {{ audio/ogg opus; audio/mpeg mp3; }}\n  default_type application/octet-stream;\n\
               keepalive_requests 10000000;\n  sendfile on;\n\
               server {{\n    listen 127.0.0.1:{port};\n    server_name _;\n{directives}\n  }}\n}}\n"
        );
        let config = folder.path().join("nginx.conf");
        fs::write(&config, text).expect("a configuration file");
        let log = fs::File::create(folder.path().join("start.log")).expect("a log file");
        let mut command = Command::new("nginx");
        command
            .arg("-p")
            .arg(folder.path())
            .arg("-e")
            .arg(folder.path().join("error.log"))
            .arg("-c")
            .arg(&config);
        if let Some(group) = group {
            command = group.within(&command);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let child = command.spawn().expect("nginx is installed");
        let mut nginx = Nginx {
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            child,
            folder,
            _group: group.cloned(),
        };
        nginx.await_start();
        nginx
    }

    fn await_start(&mut self) {
        let (address, log) = (self.address, self.folder.path().join("start.log"));
        eventually("nginx accepts connections", Duration::from_secs(10), || {
            let ended = self.child.try_wait().expect("a child of ours");
            assert!(ended.is_none(), "nginx refused: {}", fs::read_to_string(&log).unwrap_or_default());
            TcpStream::connect(address).is_ok()
        });
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Without a master process there is nobody else to end, and nothing to lose.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

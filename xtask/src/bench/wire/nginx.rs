//! The peer: one worker, the access log off, everything else as its authors ship it.

use std::path::Path;

use crate::{Result, files};

/// Directives that tell one nginx from the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// `sendfile on`.
    Plain,
    /// With `aio threads`, which reads what is not in memory elsewhere.
    Threads,
    /// With open files kept, as Millpond keeps them.
    OpenFiles,
    /// With `sendfile off`: what copying costs nginx.
    Copies,
    /// HTTPS: TLS 1.3 with AES-256-GCM.
    Tls,
    /// HTTP/2 without TLS.
    Http2,
}

/// Writes a configuration into `home` and gives the program with its arguments.
pub(super) fn command(manner: Manner, home: &Path, music: &Path, port: u16) -> Result<Vec<String>> {
    let config = home.join("nginx.conf");
    files::write(&config, text(manner, home, music, port))?;
    let program = if crate::run::there("nginx", "-v") { "nginx" } else { "/usr/sbin/nginx" };
    let error_log = home.join("error.log");
    let words =
        [Path::new(program), Path::new("-p"), home, Path::new("-e"), &error_log, Path::new("-c"), &config];
    Ok(words.iter().map(|word| word.display().to_string()).collect())
}

fn text(manner: Manner, home: &Path, music: &Path, port: u16) -> String {
    let at = home.display();
    let listen = match manner {
        Manner::Tls => " ssl",
        Manner::Http2 => " http2",
        _ => "",
    };
    let sendfile = if manner == Manner::Copies { "off" } else { "on" };
    let more = match manner {
        Manner::Plain | Manner::Http2 | Manner::Copies => String::new(),
        Manner::Threads => "  aio threads;\n".to_owned(),
        Manner::OpenFiles => "  open_file_cache max=1000;\n".to_owned(),
        Manner::Tls => format!(
            "  ssl_certificate {at}/cert.pem;\n  ssl_certificate_key {at}/key.pem;\n  ssl_protocols TLSv1.3;\n  \
             ssl_conf_command Ciphersuites TLS_AES_256_GCM_SHA384;\n"
        ),
    };
    format!(
        "daemon off;\nuser {};\nworker_processes 1;\nworker_rlimit_nofile 20000;\npid {at}/pid;\n\
         error_log {at}/error.log;\nevents {{ worker_connections 20000; }}\n\
         http {{\n  sendfile {sendfile};\n  tcp_nodelay on;\n  access_log off;\n  keepalive_requests 1000000000;\n  \
         default_type audio/wav;\n  client_body_temp_path {at}/body;\n  proxy_temp_path {at}/proxy;\n  \
         fastcgi_temp_path {at}/f;\n  uwsgi_temp_path {at}/u;\n  scgi_temp_path {at}/s;\n{more}  \
         server {{\n    listen 127.0.0.1:{port}{listen} reuseport backlog=4096;\n    location /f/ {{ alias {}/; }}\n  }}\n}}\n",
        "root",
        music.display()
    )
}

//! Forms as browsers send them, with files in them (RFC 7578).

/// What stands between the parts.
pub const BOUNDARY: &str = "--------a-boundary";

/// One part: its name, its file's name, its bytes.
pub type Part<'a> = (&'a str, Option<&'a str>, &'a [u8]);

/// The content type of a form.
pub fn kind() -> String {
    format!("multipart/form-data; boundary={BOUNDARY}")
}

/// The body of a form of these parts.
pub fn body(parts: &[Part<'_>]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, file, bytes) in parts {
        let file = file.map(|name| format!("; filename=\"{name}\"")).unwrap_or_default();
        let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    body
}

//! Uploads in parts that nobody will complete: a crash between their beginning and the note of it leaves them behind.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use budget::limits::S3_ABORT_MS;

use super::FOLDERS;
use super::bucket::Bucket;

/// Aborts those of ours that were begun longer than [`S3_ABORT_MS`] ago, without keeping anybody waiting.
pub(super) fn abort_in_background(bucket: &Arc<Bucket>) {
    let bucket = Arc::clone(bucket);
    tokio::spawn(async move {
        let list = match bucket.begun().await {
            Ok(list) => list,
            Err(e) => {
                tracing::debug!(error = %e, "the bucket does not list what was begun");
                return;
            }
        };
        let before = SystemTime::now() - Duration::from_millis(S3_ABORT_MS);
        for (key, id) in old(&list, before) {
            let Some(key) = bucket.own_key(&key).filter(|key| is_ours(key)) else { continue };
            match bucket.abort(key, &id).await {
                Ok(()) => tracing::info!(key, "an old upload in parts was aborted"),
                Err(e) => tracing::warn!(key, error = %e, "an old upload in parts cannot be aborted"),
            }
        }
    });
}

fn is_ours(key: &str) -> bool {
    FOLDERS.iter().any(|folder| key.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')))
}

/// Keys and ids of what was begun before a moment, out of the answer to `ListMultipartUploads`.
fn old(list: &str, before: SystemTime) -> Vec<(String, String)> {
    let uploads = list.split("<Upload>").skip(1);
    let old = uploads.filter_map(|upload| {
        let begun: jiff::Timestamp = text(upload, "Initiated")?.parse().ok()?;
        let is_old = SystemTime::from(begun) < before;
        is_old.then_some((text(upload, "Key")?, text(upload, "UploadId")?))
    });
    old.collect()
}

/// The text of the first element of that name.
fn text(xml: &str, name: &str) -> Option<String> {
    let (_, after) = xml.split_once(&format!("<{name}>"))?;
    let (inside, _) = after.split_once(&format!("</{name}>"))?;
    let plain =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#34;", "\""), ("&apos;", "'"), ("&amp;", "&")];
    Some(plain.iter().fold(inside.to_owned(), |text, (escaped, plain)| text.replace(escaped, plain)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_old_is_named() {
        let list = "<?xml version=\"1.0\"?><ListMultipartUploadsResult><Bucket>media</Bucket>\
            <Upload><Key>audio/1.wav</Key><UploadId>a&amp;b</UploadId><Initiator><ID>x</ID></Initiator>\
            <Initiated>2026-01-01T00:00:00.000Z</Initiated></Upload>\
            <Upload><Key>audio/2.wav</Key><UploadId>c</UploadId><Initiated>2026-03-01T00:00:00Z</Initiated></Upload>\
            <Upload><Key>audio/3.wav</Key><UploadId>d</UploadId></Upload></ListMultipartUploadsResult>";
        let before: jiff::Timestamp = "2026-02-01T00:00:00Z".parse().unwrap();
        assert_eq!(old(list, before.into()), [("audio/1.wav".to_owned(), "a&b".to_owned())]);
        assert_eq!(old("", before.into()), []);
        assert!(is_ours("images/1.png") && !is_ours("imagesque/1.png") && !is_ours("backup/1"));
    }
}

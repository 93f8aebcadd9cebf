//! The requests that we make of the bucket, and what went wrong with them in our own words.

use std::io;
use std::ops::Range;
use std::time::{Duration, SystemTime};

use budget::limits::{
    S3_ANSWER_BYTES_MAX, S3_BACKOFF_MS, S3_RETRIES_MAX, S3_RETRY_MS, S3_SIDECAR_BYTES_MAX, S3_SIGNED_MS,
};
use bytes::Bytes;
use futures_util::stream::{BoxStream, StreamExt, TryStreamExt};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::signer::{SignedUrlOptions, Signer, Url};
use object_store::{
    Attribute, Attributes, BackoffConfig, GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMultipartOptions, PutPayload, RetryConfig,
};

use super::http::Http;
use super::settings::S3Settings;
use crate::error::{Error, ErrorKind};
use crate::remote::connections::{Answer, Connections, RequestBody};
use crate::remote::transport::Site;
use crate::remote::trouble::Trouble;

/// One bucket, or what lies under one prefix of it.
pub(super) struct Bucket {
    store: AmazonS3,
    http: Http,
    prefix: String,
    name: String,
}

/// An object as the bucket lists it.
pub(super) struct Object {
    pub(super) key: String,
    pub(super) length: u64,
    pub(super) modified: SystemTime,
}

impl Bucket {
    pub(super) fn new(settings: &S3Settings) -> Result<Self, Error> {
        let http = Http::new()?;
        let retry = RetryConfig {
            backoff: BackoffConfig {
                init_backoff: Duration::from_millis(S3_BACKOFF_MS / 5),
                max_backoff: Duration::from_millis(S3_BACKOFF_MS * 4),
                base: 2.0,
            },
            max_retries: S3_RETRIES_MAX,
            retry_timeout: Duration::from_millis(S3_RETRY_MS),
        };
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&settings.bucket)
            .with_region(&settings.region)
            .with_access_key_id(&settings.access_key_id)
            .with_secret_access_key(&settings.secret_access_key)
            .with_retry(retry)
            .with_http_connector(http.clone());
        if let Some(token) = &settings.session_token {
            builder = builder.with_token(token);
        }
        if let Some(endpoint) = &settings.endpoint {
            builder = builder.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http://"));
        }
        let name = format!("s3://{}", settings.bucket);
        let store = builder
            .build()
            .map_err(|e| Error::new(ErrorKind::Format, format!("{name} cannot be used: {e}")))?;
        Ok(Bucket { store, http, prefix: settings.prefix.clone(), name })
    }

    pub(super) fn connections(&self) -> &Connections {
        &self.http.0
    }

    /// Sends a request that was signed.
    async fn sent(&self, key: &str, request: Request<RequestBody>) -> Result<Response<Answer>, Error> {
        let unreachable =
            |e: Trouble| Error::new(ErrorKind::Unreachable, format!("{}/{key}: {e}", self.name));
        let site = Site::of(request.uri()).map_err(unreachable)?;
        self.http.0.send(&site, request).await.map_err(unreachable)
    }

    fn path(&self, key: &str) -> Path {
        match &*self.prefix {
            "" => Path::from(key),
            prefix => Path::from(format!("{prefix}/{key}")),
        }
    }

    /// The length of an object.
    pub(super) async fn length(&self, key: &str) -> Result<u64, Error> {
        self.store.head(&self.path(key)).await.map(|found| found.size).map_err(|e| self.sorted(key, e))
    }

    /// All bytes of a small object.
    pub(super) async fn read_small(&self, key: &str) -> Result<Bytes, Error> {
        let found = self.store.get(&self.path(key)).await.map_err(|e| self.sorted(key, e))?;
        if found.meta.size > S3_SIDECAR_BYTES_MAX {
            return Err(Error::new(ErrorKind::Corrupt, format!("{}/{key} is too large", self.name)));
        }
        found.bytes().await.map_err(|e| self.sorted(key, e))
    }

    /// The bytes of a range, as they come, and the length of the whole object.
    pub(super) async fn read(
        &self,
        key: &str,
        range: Option<Range<u64>>,
    ) -> Result<(u64, BoxStream<'static, io::Result<Bytes>>), Error> {
        let options = GetOptions::new().with_range(range.map(GetRange::Bounded));
        let found = self.store.get_opts(&self.path(key), options).await.map_err(|e| self.sorted(key, e))?;
        let length = found.meta.size;
        Ok((length, found.into_stream().map_err(io::Error::other).boxed()))
    }

    /// Writes a small object.
    pub(super) async fn write_small(
        &self,
        key: &str,
        bytes: Vec<u8>,
        content_type: &'static str,
    ) -> Result<(), Error> {
        let attributes = Attributes::from_iter([(Attribute::ContentType, content_type)]);
        let payload = PutPayload::from(bytes);
        let put = self.store.put_opts(&self.path(key), payload, attributes.into()).await;
        put.map(|_| ()).map_err(|e| self.sorted(key, e))
    }

    /// Removes an object; an absent one is fine.
    pub(super) async fn remove(&self, key: &str) -> Result<(), Error> {
        match self.request(Method::DELETE, key, &[], None).await? {
            (status, _) if status.is_success() || status == StatusCode::NOT_FOUND => Ok(()),
            (status, said) => Err(self.refused(key, status, &said)),
        }
    }

    /// Copies an object within the bucket.
    pub(super) async fn copy(&self, from: &str, to: &str) -> Result<(), Error> {
        self.store.copy(&self.path(from), &self.path(to)).await.map_err(|e| self.sorted(from, e))
    }

    /// Objects in the order of their keys, from the first one behind `after`.
    pub(super) fn list(&self, folder: &str, after: Option<&str>) -> BoxStream<'_, Result<Object, Error>> {
        let folder_path = self.path(folder);
        let found = match after {
            Some(after) => self.store.list_with_offset(Some(&folder_path), &self.path(after)),
            None => self.store.list(Some(&folder_path)),
        };
        let prefix = if self.prefix.is_empty() { String::new() } else { format!("{}/", self.prefix) };
        let listed = move |found: ObjectMeta| {
            let key = found.location.as_ref();
            let key = key.strip_prefix(&prefix).unwrap_or(key).to_owned();
            Object { key, length: found.size, modified: found.last_modified.into() }
        };
        found.map_ok(listed).map_err(|e| self.sorted("", e)).boxed()
    }

    /// Begins an upload in parts.
    pub(super) async fn begin(&self, key: &str, content_type: &'static str) -> Result<String, Error> {
        let attributes = Attributes::from_iter([(Attribute::ContentType, content_type)]);
        let options = PutMultipartOptions { attributes, ..PutMultipartOptions::default() };
        self.store.create_multipart_opts(&self.path(key), options).await.map_err(|e| self.sorted(key, e))
    }

    /// Sends one part, as its body gives it, and gives its tag.
    pub(super) async fn send_part(
        &self,
        key: &str,
        multipart: &str,
        number: u32,
        length: u64,
        body: RequestBody,
    ) -> Result<String, Error> {
        let number = number.to_string();
        let query = [("partNumber", &*number), ("uploadId", multipart)];
        let body = Sent { body, length, content_type: None };
        self.send(key, &query, body).await
    }

    /// Sends a whole object in one request.
    pub(super) async fn send_whole(
        &self,
        key: &str,
        content_type: &'static str,
        length: u64,
        body: RequestBody,
    ) -> Result<(), Error> {
        let body = Sent { body, length, content_type: Some(content_type) };
        self.send(key, &[], body).await.map(|_| ())
    }

    async fn send(&self, key: &str, query: &[(&str, &str)], sent: Sent) -> Result<String, Error> {
        let url = self.signed(Method::PUT, key, query, sent.content_type).await?;
        let mut request = Request::put(url.as_str()).header(CONTENT_LENGTH, sent.length);
        if let Some(content_type) = sent.content_type {
            request = request.header(CONTENT_TYPE, content_type);
        }
        let request = request
            .body(sent.body)
            .map_err(|e| Error::new(ErrorKind::Format, format!("no request for {key}: {e}")))?;
        let answer = self.sent(key, request).await?;
        let status = answer.status();
        let tag = answer.headers().get(ETAG).and_then(|tag| tag.to_str().ok()).map(str::to_owned);
        let said = said(answer.into_body()).await;
        match tag {
            Some(tag) if status.is_success() => Ok(tag),
            _ => Err(self.refused(key, status, &said)),
        }
    }

    /// Makes the object of its parts.
    pub(super) async fn complete(&self, key: &str, multipart: &str, tags: Vec<String>) -> Result<(), Error> {
        let parts = tags.into_iter().map(|content_id| PartId { content_id }).collect();
        let done = self.store.complete_multipart(&self.path(key), &multipart.to_owned(), parts).await;
        done.map(|_| ()).map_err(|e| self.sorted(key, e))
    }

    /// Forgets an upload in parts; an unknown one is fine.
    pub(super) async fn abort(&self, key: &str, multipart: &str) -> Result<(), Error> {
        let query = [("uploadId", multipart)];
        match self.request(Method::DELETE, key, &query, None).await? {
            (status, _) if status.is_success() || status == StatusCode::NOT_FOUND => Ok(()),
            (status, said) => Err(self.refused(key, status, &said)),
        }
    }

    /// The text in which the bucket lists uploads in parts that were begun and not completed, the first thousand of them.
    pub(super) async fn begun(&self) -> Result<String, Error> {
        let prefix = if self.prefix.is_empty() { String::new() } else { format!("{}/", self.prefix) };
        let mut query = vec![("uploads", "")];
        if !prefix.is_empty() {
            query.push(("prefix", &*prefix));
        }
        let url = self.signed_path(Method::GET, &Path::default(), &query, None).await?;
        match self.plain(Method::GET, "", url).await? {
            (status, said) if status.is_success() => Ok(said),
            (status, said) => Err(self.refused("", status, &said)),
        }
    }

    /// A key without what stands before all of ours; `None` for others' keys.
    pub(super) fn own_key<'a>(&self, key: &'a str) -> Option<&'a str> {
        match &*self.prefix {
            "" => Some(key),
            prefix => key.strip_prefix(prefix)?.strip_prefix('/'),
        }
    }

    async fn request(
        &self,
        method: Method,
        key: &str,
        query: &[(&str, &str)],
        content_type: Option<&'static str>,
    ) -> Result<(StatusCode, String), Error> {
        let url = self.signed(method.clone(), key, query, content_type).await?;
        self.plain(method, key, url).await
    }

    async fn plain(&self, method: Method, key: &str, url: Url) -> Result<(StatusCode, String), Error> {
        let body = http_body_util::Empty::new().map_err(|never| match never {}).boxed_unsync();
        let request = Request::builder()
            .method(method)
            .uri(url.as_str())
            .body(body)
            .map_err(|e| Error::new(ErrorKind::Format, format!("no request for {key}: {e}")))?;
        let answer = self.sent(key, request).await?;
        let status = answer.status();
        Ok((status, said(answer.into_body()).await))
    }

    async fn signed(
        &self,
        method: Method,
        key: &str,
        query: &[(&str, &str)],
        content_type: Option<&'static str>,
    ) -> Result<Url, Error> {
        self.signed_path(method, &self.path(key), query, content_type).await
    }

    async fn signed_path(
        &self,
        method: Method,
        path: &Path,
        query: &[(&str, &str)],
        content_type: Option<&'static str>,
    ) -> Result<Url, Error> {
        let mut options = SignedUrlOptions::new().with_query(query.iter().copied());
        if let Some(content_type) = content_type {
            options = options.with_signed_header(CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        let lifetime = Duration::from_millis(S3_SIGNED_MS);
        let signed = self.store.signed_url_opts(method, path, lifetime, &options).await;
        signed.map_err(|e| self.sorted(path.as_ref(), e))
    }

    fn sorted(&self, key: &str, e: object_store::Error) -> Error {
        let kind = match e {
            object_store::Error::NotFound { .. } => ErrorKind::NotFound,
            _ => ErrorKind::Unreachable,
        };
        Error::new(kind, format!("{}/{key}: {e}", self.name))
    }

    fn refused(&self, key: &str, status: StatusCode, said: &str) -> Error {
        let kind = match status {
            StatusCode::NOT_FOUND => ErrorKind::NotFound,
            _ => ErrorKind::Unreachable,
        };
        Error::new(kind, format!("{}/{key}: the bucket answered {status}: {said}", self.name))
    }
}

/// What one request sends.
struct Sent {
    body: RequestBody,
    length: u64,
    content_type: Option<&'static str>,
}

/// The text of an answer, as much of it as lists and errors have.
async fn said(body: Answer) -> String {
    let mut body = http_body_util::Limited::new(body, S3_ANSWER_BYTES_MAX);
    let mut text = Vec::new();
    while let Some(Ok(frame)) = body.frame().await {
        if let Some(bytes) = frame.data_ref() {
            text.extend_from_slice(bytes);
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

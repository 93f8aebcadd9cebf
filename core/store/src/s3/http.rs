//! The connections to the bucket, as the client of S3 wants them.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use budget::limits::{
    REMOTE_FIELDS_MAX, S3_BUFFER_BYTES, S3_CONNECT_MS, S3_CONNECTIONS_MAX, S3_IDLE_MS, S3_STALL_MS,
};
use http_body_util::BodyExt;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody,
    HttpService,
};

use crate::error::Error;
use crate::remote::connections::{Bounds, Connections};
use crate::remote::names::Names;
use crate::remote::transport::{Site, Tls, Transport};
use crate::remote::trouble::{Trouble, TroubleKind};

/// The connections of one bucket. A clone is the same set.
#[derive(Clone, Debug)]
pub(super) struct Http(pub(super) Connections);

impl Http {
    /// No connection yet. The bucket is wherever the configuration says, also on this machine.
    pub(super) fn new() -> Result<Self, Error> {
        let transport = Transport {
            tls: Tls::default(),
            names: Arc::new(Names::system()?),
            guard: None,
            connect: Duration::from_millis(S3_CONNECT_MS),
        };
        let bounds = Bounds {
            connections_max: S3_CONNECTIONS_MAX,
            idle: Duration::from_millis(S3_IDLE_MS),
            head: Duration::from_millis(S3_STALL_MS),
            stall: Duration::from_millis(S3_STALL_MS),
            buffer_bytes: S3_BUFFER_BYTES,
            head_bytes_max: S3_BUFFER_BYTES,
            fields_max: REMOTE_FIELDS_MAX,
        };
        Ok(Http(Connections::new(transport, bounds)))
    }
}

#[async_trait]
impl HttpService for Http {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let site = Site::of(request.uri()).map_err(error)?;
        let request = request.map(|body| body.map_err(std::io::Error::other).boxed_unsync());
        let answer = self.0.send(&site, request).await.map_err(error)?;
        Ok(answer.map(|body| HttpResponseBody::new(body.map_err(error))))
    }
}

impl HttpConnector for Http {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

/// The kind decides whether the client tries again.
fn error(trouble: Trouble) -> HttpError {
    let kind = match trouble.kind {
        TroubleKind::Name | TroubleKind::Connect => HttpErrorKind::Connect,
        TroubleKind::Time => HttpErrorKind::Timeout,
        TroubleKind::Closed => HttpErrorKind::Request,
        TroubleKind::Garbled => HttpErrorKind::Decode,
        TroubleKind::Broken => HttpErrorKind::Interrupted,
        _ => HttpErrorKind::Unknown,
    };
    HttpError::new(kind, trouble)
}

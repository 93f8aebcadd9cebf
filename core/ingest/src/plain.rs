//! An upload in one request that says nothing about uploads: the body is the file.

use bytes::Bytes;
use catalog::{Asked, User};
use http::{Request, StatusCode};
use http_body::Body;

use crate::Ingest;
use crate::answer::{self, Answer, Content, Refusal, bare};
use crate::arrive::{self, Fleeting};
use crate::digest;
use crate::fields;
use crate::model::Created;
use crate::{asked, draft};

/// Answers a request to `/uploads` whose body is a whole file. `asked` is what its address says about it; `base` is the
/// address that the client knows us by.
///
/// `Repr-Digest` is what the file must hash to, and asks first whether the user has it; `Content-Digest` is checked too.
pub async fn answer<B>(ingest: &Ingest, who: &User, base: &str, asked: Asked, request: Request<B>) -> Answer
where
    B: Body<Data = Bytes> + Send,
{
    let (head, body) = request.into_parts();
    let headers = &head.headers;
    let check = digest::content_digest(headers)?;
    let mut asked = asked;
    if let Some(promised) = digest::repr_digest(headers)? {
        asked.sha256 = Some(promised);
    }
    let length = body.size_hint().exact().or_else(|| fields::content_length(headers));
    let mut answer = bare(StatusCode::CREATED);
    let row = match ingest.create(who, asked::plainly(asked, length)).await? {
        Created::Ready(row) => row,
        Created::Open(id, expires) => {
            answer::put_location(answer.headers_mut(), base, id);
            let fleeting = Fleeting::new(ingest, who, id);
            let received = async {
                let mut receiving = ingest.take(who, id).await?;
                receiving.append(body, check).await?;
                receiving.end().await
            };
            match received.await {
                Ok(row) => {
                    fleeting.keep();
                    row
                }
                Err(error) if arrive::can_go_on(&error) => {
                    fleeting.keep();
                    let mut headers = std::mem::take(answer.headers_mut());
                    answer::put_expires(&mut headers, expires);
                    headers.insert(fields::UPLOAD_LIMIT, draft::limit(ingest.limits(), None));
                    return Err(Refusal { error, headers });
                }
                Err(error) => {
                    fleeting.cancel().await;
                    return Err(error.into());
                }
            }
        }
    };
    answer::put_location(answer.headers_mut(), base, row.id);
    if digest::wants_repr_digest(headers)
        && let Some(blob) = &row.blob
    {
        answer.headers_mut().insert(digest::REPR_DIGEST, answer::text(&digest::repr_digest_of(blob)));
    }
    Ok(answer.map(|_| Content::Upload(Box::new(row))))
}

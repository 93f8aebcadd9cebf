//! Stems encoded as players want them: renditions of what is kept.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderValue, Method, StatusCode, request};
use axum::response::Response;
use catalog::{Action, Verdict, access};
use stream::{Held, Kind, Listener, Peer, Segment};
use transform::{Audio, Encoding, Material, Readable, Recipe};

use super::Asker;
use crate::App;
use crate::audio::send;
use crate::error::{Code, Error};
use crate::{caller, json};

/// What is to be sent, and what it is called.
pub(super) struct Wanted {
    pub(super) material: Material,
    pub(super) encoding: Encoding,
    pub(super) disposition: stream::Disposition,
    /// For the list of streams.
    pub(super) what: String,
}

/// Sends what is kept, or what is being made as it comes.
pub(super) async fn send_made(
    app: &App,
    asker: &Asker,
    head: &request::Parts,
    wanted: Wanted,
) -> Result<Response, Error> {
    let Wanted { material, encoding, disposition, what } = wanted;
    let transforms = app.transforms.as_ref().filter(|transforms| transforms.has_ffmpeg());
    let transforms = transforms.ok_or_else(|| {
        Error::new(Code::NotFound, "this server has no ffmpeg to encode it with").hint("the .wav is there")
    })?;
    let recipe = Recipe::Audio(Audio { encoding, ..Audio::default() });
    let kind = HeaderValue::from_static(recipe.content_type());
    let whole = |made: transform::Made| {
        let segment = Segment::whole(made.source, kind.clone(), disposition.clone());
        send(app, &asker.account(), head, segment, Kind::Media, what.clone())
    };
    if let Some(made) = transforms.find(&material, &recipe).await? {
        return whole(made);
    }
    if head.method == Method::HEAD {
        // A question about it alone makes nothing.
        return Ok(json::typed(StatusCode::OK, recipe.content_type(), Body::empty()));
    }
    let may_make = match asker {
        Asker::User(caller) => {
            access::judge(Some(&caller.identity.user), Action::Transform) == Verdict::Allowed
        }
        Asker::Stranger(_) => false,
    };
    if !may_make {
        return Err(Error::new(Code::NotAllowed, "you may not have renditions made; the .wav is there"));
    }
    let flight = transforms.make(material, recipe.clone(), asker.maker())?;
    let (bytes, length) = match flight.readable(stream::wants_part(&head.headers)).await? {
        Readable::Whole(made) => return whole(made),
        Readable::Coming { bytes, length } => (bytes, length),
        Readable::NotYet => {
            return Err(Error::new(Code::Busy, "it takes longer to make than anybody waits")
                .retry_after(budget::limits::RETRY_AFTER));
        }
    };
    let account = asker.account();
    let listener = Listener {
        kind: Kind::Media,
        user: account.number,
        user_name: account.name.into(),
        what: what.clone(),
        client: caller::client(head),
        peer: head.extensions.get::<Arc<Peer>>().cloned().unwrap_or_else(Peer::new),
    };
    let answer = match length {
        Some(length) => {
            let foreseen = (bytes, length);
            app.streams.answer_foreseen(&head.method, &head.headers, foreseen, kind.clone(), listener)?
        }
        None => app.streams.answer_growing(&head.method, bytes, kind.clone(), listener)?,
    };
    Ok(answer.map(|body| Body::new(Held::new(body, flight))))
}

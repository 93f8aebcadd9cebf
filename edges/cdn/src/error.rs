//! What an answer says instead of a rendition: one total table from what happened to a status, to Cloudflare's code, and to a
//! word that programs may rely on.

use std::fmt;
use std::time::Duration;

use http::StatusCode;

use crate::options::Bad;
use crate::presets::Ladder;
use crate::sign::BadSignature;

/// Why an address gets no rendition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// An option cannot be meant.
    Option(Bad),
    /// The source is in no list of the operator.
    NotListed,
    /// The recipe is not free, and nobody signed for it. Holds the ladder's widths, for the words.
    Unsigned(Ladder),
    /// There is a signature and it does not count.
    Signature(BadSignature),
    /// The source is seen by signed-in users alone.
    SignInNeeded,
    /// Whoever signed in may not do this.
    NotAllowed,
    /// The body of a request is no JSON by its type.
    NotJson,
    /// The body of a request is not what is expected; the words say what.
    BadBody(String),
    /// The body of a request stopped coming.
    BodyStalled,
    /// No job has this key, or it is long over.
    NoJob,
    /// What was asked for lies behind the end of the source; the words say where that is.
    BehindTheEnd(String),
    /// The source is not there, or may not be seen by who asks.
    NotFound,
    /// The origin's name has no address.
    OriginName,
    /// The origin refused with a status from 400 to 499.
    OriginRefused,
    /// The origin cannot be reached, or was too slow.
    OriginUnreachable,
    /// The origin failed with a status from 500 on.
    OriginFailed,
    /// The origin did not do what it said: another length, another range, no end.
    OriginLied,
    /// The origin gives the source only whole, and who asks wants it as it is.
    OriginWhole,
    /// The source became another one while it was read.
    SourceChanged,
    /// The source is no audio and no video that is understood.
    NotMedia,
    /// The source has no picture.
    NoPicture,
    /// The source has no sound.
    NoSound,
    /// It can never fit; the words name the need and the limit.
    NeverFits(String),
    /// There is work enough at the moment.
    Busy {
        /// When to ask again.
        retry_after: Duration,
    },
    /// This client has work enough in the making.
    TooMany {
        /// When to ask again.
        retry_after: Duration,
    },
    /// The child made nothing for too long.
    Stalled,
    /// The child failed; the words are ours, not the child's.
    Failed(String),
    /// The server has no ffmpeg.
    NoFfmpeg,
    /// The request wants what is kept or nothing, and nothing is kept that it means.
    NotKept,
    /// The request came by here too often: it goes in a circle.
    Circle,
    /// A fault of ours.
    Broken,
}

/// What a refusal is on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// The status of the answer.
    pub status: StatusCode,
    /// The number in `Cf-Resized: err=…`, where Cloudflare has one for it.
    pub resized: Option<u16>,
    /// A word that programs may rely on.
    pub word: &'static str,
}

impl Refused {
    /// What it is on the wire.
    pub fn code(&self) -> Code {
        // format: the numbers are those of Cloudflare's Media Transformations
        let (status, resized, word) = match self {
            Refused::Option(_) => (StatusCode::BAD_REQUEST, Some(Bad::RESIZED), "bad_option"),
            Refused::NotListed => (StatusCode::FORBIDDEN, None, "source_not_listed"),
            Refused::Unsigned(_) => (StatusCode::FORBIDDEN, None, "not_signed"),
            Refused::Signature(BadSignature::Missing) => (StatusCode::FORBIDDEN, None, "not_signed"),
            Refused::Signature(BadSignature::Malformed) => {
                (StatusCode::FORBIDDEN, None, "signature_malformed")
            }
            Refused::Signature(BadSignature::Forged) => (StatusCode::FORBIDDEN, None, "signature_wrong"),
            Refused::Signature(BadSignature::Expired { .. }) => {
                (StatusCode::FORBIDDEN, None, "signature_expired")
            }
            Refused::Signature(BadSignature::SignerLost) => (StatusCode::FORBIDDEN, None, "signer_lost"),
            Refused::SignInNeeded => (StatusCode::UNAUTHORIZED, None, "sign_in_needed"),
            Refused::NotAllowed => (StatusCode::FORBIDDEN, None, "not_allowed"),
            Refused::NotJson => (StatusCode::UNSUPPORTED_MEDIA_TYPE, None, "not_json"),
            Refused::BadBody(_) => (StatusCode::BAD_REQUEST, None, "invalid"),
            Refused::BodyStalled => (StatusCode::REQUEST_TIMEOUT, None, "body_stalled"),
            Refused::NoJob => (StatusCode::NOT_FOUND, None, "no_job"),
            Refused::BehindTheEnd(_) => {
                (StatusCode::UNPROCESSABLE_ENTITY, Some(Bad::RESIZED), "behind_the_end")
            }
            Refused::NotFound => (StatusCode::NOT_FOUND, Some(9404), "not_found"),
            Refused::OriginName => (StatusCode::BAD_GATEWAY, Some(9407), "origin_unknown"),
            Refused::OriginRefused => (StatusCode::BAD_GATEWAY, Some(9408), "origin_refused"),
            Refused::OriginUnreachable => (StatusCode::GATEWAY_TIMEOUT, Some(9504), "origin_unreachable"),
            Refused::OriginFailed => (StatusCode::BAD_GATEWAY, Some(9509), "origin_failed"),
            Refused::OriginLied => (StatusCode::BAD_GATEWAY, Some(9402), "origin_lied"),
            Refused::OriginWhole => (StatusCode::NOT_IMPLEMENTED, None, "origin_whole"),
            Refused::SourceChanged => (StatusCode::BAD_GATEWAY, Some(9402), "source_changed"),
            Refused::NotMedia => (StatusCode::UNSUPPORTED_MEDIA_TYPE, Some(9412), "not_media"),
            Refused::NoPicture => (StatusCode::UNPROCESSABLE_ENTITY, Some(9412), "no_picture"),
            Refused::NoSound => (StatusCode::UNPROCESSABLE_ENTITY, Some(9412), "no_sound"),
            Refused::NeverFits(_) => (StatusCode::INSUFFICIENT_STORAGE, Some(9402), "never_fits"),
            Refused::Busy { .. } => (StatusCode::SERVICE_UNAVAILABLE, None, "busy"),
            Refused::TooMany { .. } => (StatusCode::TOO_MANY_REQUESTS, None, "too_many"),
            Refused::Stalled => (StatusCode::GATEWAY_TIMEOUT, Some(9523), "stalled"),
            Refused::Failed(_) => (StatusCode::INTERNAL_SERVER_ERROR, Some(9517), "failed"),
            Refused::NoFfmpeg => (StatusCode::SERVICE_UNAVAILABLE, Some(9517), "no_ffmpeg"),
            Refused::NotKept => (StatusCode::GATEWAY_TIMEOUT, None, "not_kept"),
            Refused::Circle => (StatusCode::LOOP_DETECTED, None, "circle"),
            Refused::Broken => (StatusCode::INTERNAL_SERVER_ERROR, Some(9523), "broken"),
        };
        Code { status, resized, word }
    }

    /// Whether another origin of the same path may have what this one does not give. A refusal of our own ends the search:
    /// nothing is as busy as a server that asks everybody.
    pub(crate) fn lets_another_answer(&self) -> bool {
        matches!(
            self,
            Refused::NotFound
                | Refused::OriginName
                | Refused::OriginRefused
                | Refused::OriginUnreachable
                | Refused::OriginFailed
                | Refused::OriginLied
                | Refused::Broken
        )
    }

    /// The value of `Retry-After`, where asking again makes sense.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Refused::Busy { retry_after } | Refused::TooMany { retry_after } => Some(*retry_after),
            _ => None,
        }
    }

    /// What to do about it, where something can be done.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Refused::Unsigned(_) | Refused::Signature(_) => {
                Some("`millpond sign URL` signs an address; a signed-in user needs no signature")
            }
            Refused::NotListed => {
                Some("a source is in an [[cdn.origin]] of the configuration, or in no list")
            }
            Refused::NoFfmpeg => Some("the server needs the program ffmpeg to make renditions"),
            Refused::OriginWhole => Some(
                "renditions of it can be had; `proxy = true` of its [[cdn.origin]] passes it on as it is",
            ),
            Refused::SourceChanged => Some("ask again: the next answer is of the new source"),
            _ => None,
        }
    }
}

impl From<Bad> for Refused {
    fn from(bad: Bad) -> Refused {
        Refused::Option(bad)
    }
}

impl From<BadSignature> for Refused {
    fn from(bad: BadSignature) -> Refused {
        Refused::Signature(bad)
    }
}

/// A sentence for whoever asked. It repeats nothing that he wrote but the name of an option.
impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Refused::Option(bad) => return bad.fmt(f),
            Refused::Signature(bad) => return bad.fmt(f),
            Refused::NeverFits(words) | Refused::Failed(words) | Refused::BehindTheEnd(words) => words,
            Refused::BadBody(why) => return write!(f, "the body is not what is expected: {why}"),
            Refused::SignInNeeded => "sign in first: this is not for everybody",
            Refused::NotAllowed => "you may not do this",
            Refused::NotJson => "the body must be JSON, with Content-Type: application/json",
            Refused::BodyStalled => "the request body stopped coming",
            Refused::NoJob => "there is no such job, or it is long over",
            Refused::Unsigned(ladder) => {
                f.write_str("only presets and these widths, at default times, are made for everybody: ")?;
                for (at, width) in ladder.widths().iter().enumerate() {
                    write!(f, "{}{width}", if at == 0 { "" } else { ", " })?;
                }
                return f
                    .write_str("; anything else needs an address from `millpond sign`, or a signed-in user");
            }
            Refused::NotListed => "this source is in no list of this server",
            Refused::NotFound => "there is no such source",
            Refused::OriginName => "the origin's name has no address",
            Refused::OriginRefused => "the origin refused to give the source",
            Refused::OriginUnreachable => "the origin cannot be reached",
            Refused::OriginFailed => "the origin failed",
            Refused::OriginLied => "the origin did not send what it promised",
            Refused::OriginWhole => {
                "the origin gives no ranges of the source, which every answer here promises"
            }
            Refused::SourceChanged => "the source changed while it was read",
            Refused::NotMedia => "the source is no audio or video that this server understands",
            Refused::NoPicture => "the source has no picture",
            Refused::NoSound => "the source has no sound",
            Refused::Busy { .. } => "the server has enough to make at the moment",
            Refused::TooMany { .. } => "you have enough in the making at the moment",
            Refused::Stalled => "making it came to a stand",
            Refused::NoFfmpeg => "this server cannot make renditions: it has no ffmpeg",
            Refused::NotKept => "nothing is kept that this request means, and it wants nothing else",
            Refused::Circle => "this request came by this server too often",
            Refused::Broken => "something of ours is broken",
        };
        f.write_str(text)
    }
}

impl std::error::Error for Refused {}

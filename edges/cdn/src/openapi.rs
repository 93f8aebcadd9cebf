//! What these routes are to programs: the part of the API's description that is theirs, made of the rows and types
//! themselves. Paths of origins are not in it, because only the operator knows them.

use utoipa::openapi::path::{
    HttpMethod, OperationBuilder, Parameter, ParameterBuilder, ParameterIn, PathItem,
};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{ContentBuilder, OpenApi, Required, ResponseBuilder};
use utoipa::{Modify, OpenApi as _};

use crate::api;
use crate::options::{Spelling, described};

const CLOUDFLARE: &str = "/cdn-cgi/media/{options}/{source}";
const MEDIA: &str = "/media/{id}/{file}";

/// The description of the routes beside the renditions, and of the two spellings that have fixed paths.
pub fn openapi() -> OpenApi {
    Description::openapi()
}

#[derive(utoipa::OpenApi)]
#[openapi(paths(api::sign, api::purge, api::kept, api::job, api::events), modifiers(&Renditions))]
struct Description;

struct Renditions;

impl Modify for Renditions {
    fn modify(&self, api: &mut OpenApi) {
        let options =
            "options with commas between them, as `mode=frame,width=640`, written as they are; each may be";
        let options = described(Spelling::Cloudflare)
            .fold(format!("{options}:\n"), |all, (name, says)| format!("{all}\n- `{name}`: {says}"));
        let source = "`media/ID` for a track or video of the catalog, with the ranges and defaults of /media/; a path of this \
            server without its first slash; or the address of a listed origin";
        let cloudflare = [in_path("options", &options), in_path("source", source)];
        let media = [
            in_path("id", "the id of a track"),
            in_path("file", "what is made: `video.mp4`, `frame.jpg`, `audio.mp3`, `index.m3u8`, …"),
        ];
        let queries = described(Spelling::Media).map(|(name, says)| named(name, ParameterIn::Query, &says));
        let media: Vec<Parameter> = media.into_iter().chain(queries).collect();
        for (path, id, parameters) in
            [(CLOUDFLARE, "rendition_of_a_path", cloudflare.to_vec()), (MEDIA, "rendition_of_a_track", media)]
        {
            let item = PathItem::new(HttpMethod::Get, rendition(id, parameters));
            api.paths.paths.insert(path.to_owned(), item);
        }
    }
}

/// One of the ways to ask for a rendition.
fn rendition(id: &str, parameters: Vec<Parameter>) -> OperationBuilder {
    let bytes = ObjectBuilder::new().schema_type(Type::String).build();
    let content = || ContentBuilder::new().schema(Some(bytes.clone())).build();
    let answers = [
        ("200", "the rendition; while it is made, without a length"),
        ("206", "the asked range of it"),
        ("304", "not modified"),
    ];
    // What is public, or signed, needs no sign-in; for all else there are the usual ways.
    let ways = ["session", "key", "password"].map(|way| SecurityRequirement::new(way, [""; 0]));
    let ways = std::iter::once(SecurityRequirement::default()).chain(ways);
    let operation = OperationBuilder::new()
        .securities(Some(ways))
        .operation_id(Some(id))
        .tag("renditions")
        .summary(Some("A rendition, made if need be"))
        .parameters(Some(parameters));
    let operation = answers.into_iter().fold(operation, |operation, (status, about)| {
        let answer = ResponseBuilder::new().description(about);
        let has_body = status != "304";
        let answer = if has_body { answer.content("*/*", content()) } else { answer };
        operation.response(status, answer.build())
    });
    let accepted = ResponseBuilder::new().description("it is made; Location names the job").build();
    operation.response("202", accepted)
}

fn in_path(name: &str, about: &str) -> Parameter {
    named(name, ParameterIn::Path, about)
}

fn named(name: &str, place: ParameterIn, about: &str) -> Parameter {
    let is_required = if place == ParameterIn::Path { Required::True } else { Required::False };
    let text = ObjectBuilder::new().schema_type(Type::String).build();
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(is_required)
        .description(Some(about))
        .schema(Some(text))
        .build()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::ROUTES;

    #[test]
    fn every_route_is_described_and_every_option_of_a_spelling() {
        let api = serde_json::to_value(openapi()).unwrap();
        let described: BTreeSet<String> = api["paths"].as_object().unwrap().keys().cloned().collect();
        let routes = ROUTES.iter().map(|route| route.path).chain([CLOUDFLARE, MEDIA]);
        assert_eq!(described, routes.map(str::to_owned).collect());
        for route in ROUTES {
            let operation = &api["paths"][route.path][route.method.as_str().to_lowercase()];
            let is_open = operation["security"] == serde_json::json!([{}]);
            assert_eq!(is_open, route.action == catalog::Action::Knock, "{operation}");
        }
        let parameters = api["paths"][MEDIA]["get"]["parameters"].as_array().unwrap();
        let names: BTreeSet<&str> = parameters.iter().filter_map(|one| one["name"].as_str()).collect();
        assert!(names.contains("width") && !names.contains("imwidth"), "{names:?}");
        let options = api["paths"][CLOUDFLARE]["get"]["parameters"][0]["description"].as_str().unwrap();
        assert!(options.contains("\n- `width`: a whole number of pixels from 10 to 2000;"), "{options}");
    }
}

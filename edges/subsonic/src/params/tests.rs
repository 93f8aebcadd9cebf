use axum::body::Body;
use budget::Budget;
use budget::limits::MIB;
use catalog::{AlbumId, ArtistId, Item, TrackId};

use super::{Params, item};
use crate::error::{Error, ErrorKind};
use crate::form::Form;
use crate::reply::Format;

#[track_caller]
fn refused<T>(result: Result<T, Error>, kind: ErrorKind, named: &str) {
    let Err(error) = result else { panic!("it was taken") };
    assert_eq!(error.kind(), kind);
    assert!(error.message().contains(named), "{:?} does not name {named}", error.message());
}

#[test]
fn numbers_are_whole_and_not_negative() {
    let check = |text: &str, wanted: Option<u64>| {
        let params = Params::parse(&format!("size={text}"));
        match wanted {
            Some(number) => assert_eq!(params.number("size", 7).unwrap(), number, "{text:?}"),
            None => refused(params.number("size", 7), ErrorKind::Generic, "size"),
        }
    };
    check("", Some(7));
    check("0", Some(0));
    check("500", Some(500));
    check("18446744073709551615", Some(i64::MAX as u64));
    check("18446744073709551616", None);
    check("-1", None);
    check("1.5", None);
    check("ten", None);
    check("%00", None);
}

#[test]
fn flags_are_true_or_false() {
    let check = |text: &str, wanted: Option<bool>| {
        let params = Params::parse(&format!("submission={text}"));
        match wanted {
            Some(flag) => assert_eq!(params.flag("submission", true).unwrap(), flag, "{text:?}"),
            None => refused(params.flag("submission", true), ErrorKind::Generic, "submission"),
        }
    };
    check("", Some(true));
    check("true", Some(true));
    check("True", Some(true));
    check("False", Some(false));
    check("false", Some(false));
    check("0", Some(false));
    check("maybe", None);
}

#[test]
fn ids_are_parsed_or_not_found_and_missing_ones_are_named() {
    refused(Params::parse("").id::<TrackId>("id"), ErrorKind::MissingParameter, "id");
    refused(Params::parse("id=").id::<TrackId>("id"), ErrorKind::MissingParameter, "id");
    for bad in ["17", "al-17", "tr-", "tr-017", "tr--1", "tr-1%00", "../etc", "tr-99999999999999999999"] {
        refused(Params::parse(&format!("id={bad}")).id::<TrackId>("id"), ErrorKind::NotFound, "");
    }
    assert_eq!(Params::parse("id=tr-17").id::<TrackId>("id").unwrap(), TrackId(17));
}

#[test]
fn names_may_repeat_up_to_a_page() {
    let params = Params::parse("id=tr-1&id=al-2&id=&id=ar-3");
    let wanted = vec![Item::Track(TrackId(1)), Item::Album(AlbumId(2)), Item::Artist(ArtistId(3))];
    assert_eq!(params.items("id").unwrap(), wanted);
    assert_eq!(item("pl-1"), None);
    let many = "id=tr-1&".repeat(501);
    refused(Params::parse(&many).items("id"), ErrorKind::Generic, "id");
}

async fn form(text: &str) -> Form {
    let budget = Budget::new(128 * MIB).unwrap();
    Form::read(&budget, None, Body::from(text.to_owned())).await.unwrap()
}

#[tokio::test]
async fn the_query_goes_before_the_form() {
    let mut params = Params::parse("u=query&query=a+b%26c");
    params.extend(form("u=form&genre=%C3%A9&%69d=1&x=2").await);
    assert_eq!(params.get("u").unwrap(), "query");
    assert_eq!(params.all("u").collect::<Vec<_>>(), ["query", "form"]);
    assert_eq!(params.get("query").unwrap(), "a b&c");
    assert_eq!(params.get("genre").unwrap(), "é");
    assert_eq!(params.get("id").unwrap(), "1");
    assert_eq!(params.given("s"), None);
}

#[tokio::test]
async fn p04_a_form_of_many_pairs_needs_no_more_than_its_text() {
    let mut params = Params::parse("");
    params.extend(form(&format!("{}u=ann&u=", "a&".repeat(100_000))).await);
    assert_eq!(params.get("u").unwrap(), "ann");
    assert_eq!(params.form.text(), b"u=ann&u=", "what nobody reads is not kept");
}

#[test]
fn a_folder_is_a_number() {
    assert_eq!(Params::parse("musicFolderId=").folder().unwrap(), None);
    assert_eq!(Params::parse("musicFolderId=3").folder().unwrap(), Some(store::FolderId(3)));
    refused(Params::parse("musicFolderId=x").folder(), ErrorKind::Generic, "musicFolderId");
}

#[test]
fn formats_are_xml_unless_said_otherwise() {
    let check = |query: &str, wanted: Format| assert_eq!(Params::parse(query).format().unwrap(), wanted);
    check("", Format::Xml);
    check("f=xml", Format::Xml);
    check("f=raw", Format::Xml);
    check("f=json", Format::Json);
    check("f=jsonp&callback=jQuery.cb_1$", Format::Jsonp("jQuery.cb_1$".into()));
}

#[test]
fn a_callback_has_the_characters_of_a_name_alone() {
    let check = |query: &str, kind: ErrorKind| {
        let (format, error) = Params::parse(query).format().unwrap_err();
        assert_eq!((format, error.kind()), (Format::Json, kind), "{query}");
        assert!(error.message().contains("callback"));
    };
    check("f=jsonp", ErrorKind::MissingParameter);
    check("f=jsonp&callback=alert(1)//", ErrorKind::Generic);
    check("f=jsonp&callback=a%3Cscript%3E", ErrorKind::Generic);
    check("f=jsonp&callback=1a", ErrorKind::Generic);
    check("f=jsonp&callback=%C3%A9", ErrorKind::Generic);
    check(&format!("f=jsonp&callback={}", "a".repeat(129)), ErrorKind::Generic);
}

#[test]
fn any_first_version_is_spoken() {
    for version in ["", "v=1.8.0", "v=1.16.1", "v=1.99", "v=1", "v=what"] {
        Params::parse(version).check_version().unwrap();
    }
    refused(Params::parse("v=0.9.0").check_version(), ErrorKind::ClientTooOld, "client");
    refused(Params::parse("v=2.0.0").check_version(), ErrorKind::ServerTooOld, "server");
}

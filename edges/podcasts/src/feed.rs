//! Reads feeds: RSS 2.0 with the words that podcasts add to it, RSS 1.0, and Atom with enclosures.
//!
//! A feed is read as it comes, an episode at a time. What is held is one piece of markup or text, and the names of the
//! elements that are open; texts are cut as they are gathered. Nothing is expanded but the five entities of XML and
//! numbers of characters, and nothing that a feed names is asked for here.

mod intake;
mod moment;
mod text;

use budget::limits::{
    PODCAST_DEPTH_MAX, PODCAST_NAME_BYTES_MAX, PODCAST_TEXT_BYTES_MAX, PODCAST_TIME_BYTES_MAX,
    PODCAST_TITLE_BYTES_MAX, PODCAST_URL_BYTES_MAX,
};
use catalog::{ChannelText, EpisodeText};
use quick_xml::XmlVersion;
use quick_xml::encoding::Decoder;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::reader::Reader;
use tokio::io::AsyncBufRead;
use url::Url;

use crate::error::{Error, ErrorKind};
use intake::Intake;
use text::Text;

/// A feed that is being read.
pub(crate) struct Feed<R> {
    xml: Reader<Intake<R>>,
    /// Where it is; addresses in it may be relative to that.
    place: Option<Url>,
    /// The elements that are open, the outermost first.
    open: Vec<Element>,
    /// Whether the outermost element was seen.
    has_begun: bool,
    /// Of the innermost element that has a text.
    text: Text,
    channel: ChannelText,
    item: Option<Item>,
}

/// What an element is to us, where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Element {
    /// The outermost one.
    Root,
    /// What says something of the whole: `channel`, and Atom's `feed`, which is the root too.
    Channel,
    /// An episode: `item` or `entry`.
    Item,
    /// The picture of the whole, in RSS: what stands in it is not the channel's.
    Picture,
    /// Who made it, in Atom: a name stands in it.
    Person,
    /// A text.
    Text(Field),
    /// Anything else.
    Other,
}

/// A text that is gathered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Title,
    Description,
    /// The same where there is no other.
    Summary,
    Author,
    Guid,
    Date,
    /// The same where there is no other.
    Updated,
    Duration,
    PictureUrl,
}

impl Field {
    fn bytes_max(self) -> usize {
        match self {
            Field::Title | Field::Author => PODCAST_TITLE_BYTES_MAX,
            Field::Description | Field::Summary => PODCAST_TEXT_BYTES_MAX,
            Field::Guid | Field::PictureUrl => PODCAST_URL_BYTES_MAX,
            Field::Date | Field::Updated | Field::Duration => PODCAST_TIME_BYTES_MAX,
        }
    }
}

/// An episode, as far as it was read.
#[derive(Default)]
struct Item {
    title: String,
    description: String,
    summary: String,
    guid: String,
    date: String,
    updated: String,
    duration: String,
    enclosure: Option<Enclosure>,
}

/// Where an episode's sound is.
struct Enclosure {
    url: String,
    content_type: String,
    length_bytes: Option<u64>,
}

impl Item {
    /// The episode; none without a sound, or with one whose address is none.
    fn episode(self) -> Option<EpisodeText> {
        let Enclosure { url, content_type, length_bytes } = self.enclosure?;
        let is_told = !self.guid.is_empty() && self.guid.len() < PODCAST_URL_BYTES_MAX;
        let guid = if is_told { self.guid } else { url.clone() };
        let date = if self.date.is_empty() { &self.updated } else { &self.date };
        let description = if self.description.is_empty() { self.summary } else { self.description };
        let named = |title: String| if title.is_empty() { guid.clone() } else { title };
        Some(EpisodeText {
            title: named(self.title),
            description,
            url,
            content_type,
            length_bytes,
            duration_ms: moment::duration_ms(&self.duration),
            published: moment::unix_ms(date),
            guid,
        })
    }
}

impl<R: AsyncBufRead + Unpin> Feed<R> {
    /// Begins to read what lies at this address.
    pub(crate) fn new(place: &str, input: R) -> Self {
        let mut xml = Reader::from_reader(Intake::new(input));
        xml.config_mut().expand_empty_elements = true;
        // Many feeds write an ampersand in a title as it is.
        xml.config_mut().allow_dangling_amp = true;
        let (text, channel) = (Text::default(), ChannelText::default());
        let place = Url::parse(place).ok();
        Feed { xml, place, open: Vec::new(), has_begun: false, text, channel, item: None }
    }

    /// The next episode that has a sound; nothing at the end.
    ///
    /// # Errors
    /// `NoFeed` when it is none or breaks off, `TooLarge` when a piece of it is longer than any should be, and those of
    /// the input.
    pub(crate) async fn next(&mut self) -> Result<Option<EpisodeText>, Error> {
        let mut piece = Vec::new();
        loop {
            piece.clear();
            self.xml.get_mut().allow_piece();
            let event = match self.xml.read_event_into_async(&mut piece).await {
                Ok(event) => event,
                Err(error) => return Err(Error::reading(error)),
            };
            match event {
                Event::Start(start) => {
                    let element = self.element(&start)?;
                    self.begin(element, &start);
                }
                Event::End(_) => {
                    if let Some(episode) = self.end() {
                        return Ok(Some(episode));
                    }
                }
                Event::Text(text) => self.gather(&text.decode().map_err(Error::reading)?),
                Event::CData(text) => self.gather(&text.decode().map_err(Error::reading)?),
                Event::GeneralRef(named) => self.refer(&named)?,
                Event::Eof if self.open.is_empty() && self.has_begun => return Ok(None),
                Event::Eof => return Err(Error::new(ErrorKind::NoFeed, "it ends before it should")),
                // A declaration, a comment, an instruction; and what a document type declares is not looked at.
                Event::Empty(_) | Event::Decl(_) | Event::PI(_) | Event::Comment(_) | Event::DocType(_) => {}
            }
        }
    }

    /// What the feed says about itself, as far as it was read.
    pub(crate) fn about(&self) -> &ChannelText {
        &self.channel
    }

    /// What an element is, by its name and by what it stands in.
    fn element(&self, start: &BytesStart<'_>) -> Result<Element, Error> {
        let name = start.name();
        let name = name.as_ref();
        // The names of all open elements are held.
        if name.len() > PODCAST_NAME_BYTES_MAX {
            return Err(Error::new(ErrorKind::NoFeed, "the name of an element is too long"));
        }
        if self.open.len() >= PODCAST_DEPTH_MAX {
            return Err(Error::new(ErrorKind::NoFeed, "its elements lie too deep in each other"));
        }
        let Some(around) = self.open.last() else {
            return match name {
                b"rss" | b"rdf:RDF" => Ok(Element::Root),
                b"feed" => Ok(Element::Channel),
                _ => Err(Error::new(ErrorKind::NoFeed, "it is neither RSS nor Atom")),
            };
        };
        let element = match (around, name) {
            (Element::Root, b"channel") => Element::Channel,
            (Element::Root | Element::Channel, b"item" | b"entry") => Element::Item,
            (Element::Channel, b"image") => Element::Picture,
            (Element::Channel, b"logo") => Element::Text(Field::PictureUrl),
            (Element::Picture, b"url") => Element::Text(Field::PictureUrl),
            (Element::Channel, b"author") => Element::Person,
            (Element::Person, b"name") => Element::Text(Field::Author),
            (Element::Channel, b"itunes:author") => Element::Text(Field::Author),
            (Element::Channel | Element::Item, b"title") => Element::Text(Field::Title),
            (Element::Channel, b"description" | b"subtitle") => Element::Text(Field::Description),
            (Element::Item, b"description") => Element::Text(Field::Description),
            (Element::Channel | Element::Item, b"itunes:summary" | b"summary") => {
                Element::Text(Field::Summary)
            }
            (Element::Item, b"content:encoded" | b"content") => Element::Text(Field::Summary),
            (Element::Item, b"guid" | b"id") => Element::Text(Field::Guid),
            (Element::Item, b"pubDate" | b"published" | b"dc:date") => Element::Text(Field::Date),
            (Element::Item, b"updated") => Element::Text(Field::Updated),
            (Element::Item, b"itunes:duration") => Element::Text(Field::Duration),
            _ => Element::Other,
        };
        Ok(element)
    }

    fn begin(&mut self, element: Element, start: &BytesStart<'_>) {
        match element {
            Element::Item => self.item = Some(Item::default()),
            Element::Text(field) => self.text.begin(field.bytes_max()),
            Element::Other => self.attributes(start),
            Element::Root | Element::Channel | Element::Picture | Element::Person => {}
        }
        self.has_begun = true;
        self.open.push(element);
    }

    /// What is told by an attribute: where a sound is, and where the picture of the whole.
    fn attributes(&mut self, start: &BytesStart<'_>) {
        let decoder = self.xml.decoder();
        let value = |name: &str| value(start, name, decoder);
        let name = start.name();
        match (name.as_ref(), &mut self.item) {
            (b"itunes:image", None) => {
                if let Some(url) = value("href").and_then(|url| address(self.place.as_ref(), url)) {
                    self.channel.image_url.get_or_insert(url);
                }
            }
            (b"enclosure" | b"link", Some(item)) => {
                let url = if name.as_ref() == b"link" {
                    value("rel").filter(|rel| rel == "enclosure").and_then(|_| value("href"))
                } else {
                    value("url")
                };
                if item.enclosure.is_none()
                    && let Some(url) = url.and_then(|url| address(self.place.as_ref(), url))
                {
                    let content_type = value("type").unwrap_or_default();
                    let length_bytes = value("length").and_then(|text| text.parse().ok());
                    item.enclosure = Some(Enclosure { url, content_type, length_bytes });
                }
            }
            _ => {}
        }
    }

    /// Takes text up, if it is a field's own: what stands in an element within is none of it.
    fn gather(&mut self, text: &str) {
        if let Some(Element::Text(_)) = self.open.last() {
            self.text.push(text);
        }
    }

    /// A character by its number or by one of the names that XML knows. Any other name is shown as it is written.
    fn refer(&mut self, named: &BytesRef<'_>) -> Result<(), Error> {
        let name = named.decode().map_err(Error::reading)?;
        match named.resolve_char_ref() {
            Ok(Some(character)) => {
                self.gather(character.encode_utf8(&mut [0; 4]));
                return Ok(());
            }
            Ok(None) => {}
            // A number that stands for no character, such as half of a pair.
            Err(_) => {
                self.gather("\u{fffd}");
                return Ok(());
            }
        }
        match quick_xml::escape::resolve_predefined_entity(&name) {
            Some(text) => self.gather(text),
            None if name == "nbsp" => self.gather(" "),
            None => self.gather(&format!("&{name};")),
        }
        Ok(())
    }

    /// Ends the innermost element; an item that ends may be an episode.
    fn end(&mut self) -> Option<EpisodeText> {
        match self.open.pop()? {
            Element::Text(field) => {
                let text = self.text.take();
                self.put(field, text);
                None
            }
            Element::Item => self.item.take().and_then(Item::episode),
            _ => None,
        }
    }

    /// Puts a text where it belongs. Of two the first holds.
    fn put(&mut self, field: Field, text: String) {
        let channel = &mut self.channel;
        let into = match (field, &mut self.item) {
            (Field::PictureUrl, _) => {
                if let Some(url) = address(self.place.as_ref(), text) {
                    channel.image_url.get_or_insert(url);
                }
                return;
            }
            (Field::Title, None) => &mut channel.title,
            (Field::Description | Field::Summary, None) => &mut channel.description,
            (Field::Author, _) => &mut channel.author,
            (Field::Guid | Field::Date | Field::Updated | Field::Duration, None) => return,
            (Field::Title, Some(item)) => &mut item.title,
            (Field::Description, Some(item)) => &mut item.description,
            (Field::Summary, Some(item)) => &mut item.summary,
            (Field::Guid, Some(item)) => &mut item.guid,
            (Field::Date, Some(item)) => &mut item.date,
            (Field::Updated, Some(item)) => &mut item.updated,
            (Field::Duration, Some(item)) => &mut item.duration,
        };
        if into.is_empty() {
            *into = text;
        }
    }
}

/// An attribute's value, unless it is too long. Many feeds write an ampersand in an address as it is; then so it is taken.
fn value(start: &BytesStart<'_>, name: &str, decoder: Decoder) -> Option<String> {
    let attribute = start.try_get_attribute(name).ok()??;
    let value = attribute.decoded_and_normalized_value(XmlVersion::Implicit1_0, decoder);
    let value = value.or_else(|_| decoder.decode(&attribute.value).map_err(quick_xml::Error::from)).ok()?;
    let value = value.trim();
    (value.len() < PODCAST_URL_BYTES_MAX).then(|| value.to_owned())
}

/// The address that a feed at this place means: what is one already stays as it is written, because episodes are known by it;
/// blanks and letters that no address has are escaped, and what is relative begins where the feed is.
fn address(place: Option<&Url>, text: String) -> Option<String> {
    if is_address(&text) {
        return Some(text);
    }
    if text.is_empty() {
        return None;
    }
    let url: String = match place {
        Some(place) => place.join(&text).ok()?.into(),
        None => Url::parse(&text).ok()?.into(),
    };
    (url.len() < PODCAST_URL_BYTES_MAX && is_address(&url)).then_some(url)
}

/// Whether it is an address that clients may be sent to and that we could ask.
fn is_address(text: &str) -> bool {
    let has_scheme = |scheme: &str| {
        text.get(..scheme.len()).is_some_and(|head| head.eq_ignore_ascii_case(scheme))
            && text.len() > scheme.len()
    };
    let is_plain = |c: char| !c.is_control() && !c.is_whitespace() && !matches!(c, '"' | '<' | '>' | '\\');
    (has_scheme("http://") || has_scheme("https://")) && text.chars().all(is_plain)
}

#[cfg(test)]
mod tests;

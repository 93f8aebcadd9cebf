//! Feeds of every kind, hostile ones too, read through windows of every size.

use budget::limits::PODCAST_PIECE_BYTES_MAX;
use proptest::prelude::*;
use tokio::io::BufReader;

use super::*;

/// All episodes, what the feed says of itself, and how it ended.
async fn read(text: &[u8], window: usize) -> (Vec<EpisodeText>, ChannelText, Result<(), Error>) {
    let mut feed =
        Feed::new("https://feeds.example/pond/feed.xml?all=1", BufReader::with_capacity(window, text));
    let mut episodes = Vec::new();
    let ended = loop {
        match feed.next().await {
            Ok(Some(episode)) => episodes.push(episode),
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    (episodes, feed.about().clone(), ended)
}

async fn fails(text: &str) -> ErrorKind {
    read(text.as_bytes(), 64).await.2.expect_err("no feed").kind
}

/// A feed with these things in its channel.
fn rss(inner: &str) -> String {
    format!("<?xml version=\"1.0\"?><rss version=\"2.0\"><channel>{inner}</channel></rss>")
}

const POND: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<!-- as a generator writes it -->
<rss version="2.0" xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd" xmlns:content="http://purl.org/rss/1.0/modules/content/">
<channel>
  <title>Pond &amp; Lake</title>
  <link>https://pond.example/</link>
  <description><![CDATA[All about <b>water</b>.]]></description>
  <itunes:author>The Frogs</itunes:author>
  <itunes:owner><itunes:name>Nobody</itunes:name></itunes:owner>
  <image><url>https://pond.example/old.png</url><title>Not the title</title></image>
  <itunes:image href="https://pond.example/new.png"/>
  <item>
    <title>Second: caf&#233; &eacute; &lt;live&gt;</title>
    <description>short</description>
    <content:encoded>long</content:encoded>
    <enclosure url="https://pond.example/2.mp3?a=1&b=2" length="1234" type="audio/mpeg"/>
    <guid isPermaLink="false">pond-2</guid>
    <pubDate>Tue, 14 Nov 2023 22:13:20 GMT</pubDate>
    <itunes:duration>1:00:01</itunes:duration>
    <itunes:image href="https://pond.example/2.png"/>
  </item>
  <item><title>News without a sound</title></item>
  <item>
    <enclosure url="https://pond.example/1.mp3" length="a lot"/>
    <itunes:summary>from the summary</itunes:summary>
  </item>
  <item><title>Elsewhere</title><enclosure url="file:///etc/passwd" type="audio/mpeg"/></item>
</channel>
</rss>
"#;

#[tokio::test]
async fn a_podcast_is_read_through_windows_of_any_size() {
    for window in [1, 2, 7, 64, 4096] {
        let (episodes, about, ended) = read(POND.as_bytes(), window).await;
        assert_eq!(ended, Ok(()), "{window}");
        let expected = ChannelText {
            title: "Pond & Lake".to_owned(),
            author: "The Frogs".to_owned(),
            description: "All about <b>water</b>.".to_owned(),
            image_url: Some("https://pond.example/old.png".to_owned()),
        };
        assert_eq!(about, expected, "{window}");
        let second = EpisodeText {
            guid: "pond-2".to_owned(),
            title: "Second: café &eacute; <live>".to_owned(),
            description: "short".to_owned(),
            url: "https://pond.example/2.mp3?a=1&b=2".to_owned(),
            content_type: "audio/mpeg".to_owned(),
            length_bytes: Some(1234),
            duration_ms: Some(3_601_000),
            published: Some(1_700_000_000_000),
        };
        let first = EpisodeText {
            guid: "https://pond.example/1.mp3".to_owned(),
            title: "https://pond.example/1.mp3".to_owned(),
            description: "from the summary".to_owned(),
            url: "https://pond.example/1.mp3".to_owned(),
            content_type: String::new(),
            length_bytes: None,
            duration_ms: None,
            published: None,
        };
        assert_eq!(episodes, [second, first], "{window}");
    }
}

#[tokio::test]
async fn addresses_that_are_relative_or_have_blanks_are_understood() {
    for (written, expected) in [
        ("https://a.example/1.mp3?a=1&amp;b=%20", Some("https://a.example/1.mp3?a=1&b=%20")),
        ("https://a.example/My Show/No 1.mp3", Some("https://a.example/My%20Show/No%201.mp3")),
        ("/sound/1.mp3", Some("https://feeds.example/sound/1.mp3")),
        ("1 b.mp3?x=y", Some("https://feeds.example/pond/1%20b.mp3?x=y")),
        ("../1.mp3", Some("https://feeds.example/1.mp3")),
        ("//cdn.example/1.mp3", Some("https://cdn.example/1.mp3")),
        ("", None),
        ("file:///etc/passwd", None),
        ("javascript:alert(1)", None),
    ] {
        let text = rss(&format!("<item><enclosure url=\"{written}\"/></item>"));
        let (episodes, _, ended) = read(text.as_bytes(), 64).await;
        assert_eq!(ended, Ok(()), "{written}");
        let found = episodes.first().map(|episode| (episode.url.as_str(), episode.guid.as_str()));
        assert_eq!(found, expected.map(|url| (url, url)), "{written}");
    }
    let (_, about, _) = read(rss("<image><url>p 1.png</url></image>").as_bytes(), 64).await;
    assert_eq!(about.image_url.as_deref(), Some("https://feeds.example/pond/p%201.png"));
}

#[tokio::test]
async fn an_atom_feed_has_its_sounds_in_links() {
    let text = r#"<feed xmlns="http://www.w3.org/2005/Atom"><title>Atom</title><subtitle>small</subtitle>
        <author><name>A. Newt</name><email>a@b</email></author><logo>https://a.example/l.png</logo>
        <entry><id>urn:1</id><title type="html">One</title><updated>2023-11-14T22:13:20Z</updated>
        <author><name>Somebody else</name></author>
        <link rel="alternate" href="https://a.example/1.html"/>
        <link rel="enclosure" type="audio/ogg" length="5" href="https://a.example/1.ogg"/>
        <summary>short</summary></entry></feed>"#;
    let (episodes, about, ended) = read(text.as_bytes(), 16).await;
    assert_eq!(ended, Ok(()));
    assert_eq!((about.title.as_str(), about.author.as_str()), ("Atom", "A. Newt"));
    assert_eq!(about.image_url.as_deref(), Some("https://a.example/l.png"));
    let [one] = episodes.as_slice() else { panic!("{episodes:?}") };
    assert_eq!((one.guid.as_str(), one.url.as_str()), ("urn:1", "https://a.example/1.ogg"));
    assert_eq!((one.title.as_str(), one.published), ("One", Some(1_700_000_000_000)));
}

#[tokio::test]
async fn a_feed_in_another_alphabet_is_read_by_its_declaration() {
    let head = b"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><rss><channel><title>caf";
    let text = [&head[..], b"\xe9", b"</title></channel></rss>"].concat();
    assert_eq!(read(&text, 64).await.1.title, "café");
}

#[tokio::test]
async fn texts_are_cut_and_cleaned() {
    let title = format!("  a\u{7}b \n\t c{}é", "x".repeat(PODCAST_TITLE_BYTES_MAX));
    let (_, about, ended) = read(rss(&format!("<title>{title}</title>")).as_bytes(), 100).await;
    assert_eq!(ended, Ok(()));
    assert!(about.title.starts_with("ab cxxx") && about.title.len() <= PODCAST_TITLE_BYTES_MAX);
}

#[tokio::test]
async fn what_careless_programs_write_is_read() {
    let text = rss(
        "<title>Tom & Jerry &#55357; &#0; &amp; AT&T</title><item><guid>1</guid><enclosure url=\"http://a/1\"/></item>",
    );
    let (episodes, about, ended) = read(text.as_bytes(), 64).await;
    assert_eq!((about.title.as_str(), ended), ("Tom & Jerry \u{fffd} \u{fffd} & AT&T", Ok(())));
    assert_eq!(episodes.len(), 1);
}

#[tokio::test]
async fn what_is_no_feed_is_refused() {
    for text in [
        "",
        "hello",
        "<html><body>404</body></html>",
        "{\"rss\":1}",
        "<rss><channel>",
        "<rss></channel></rss>",
    ] {
        assert_eq!(fails(text).await, ErrorKind::NoFeed, "{text:?}");
    }
    let deep = rss(&"<a>".repeat(PODCAST_DEPTH_MAX));
    assert_eq!(fails(&deep).await, ErrorKind::NoFeed);
    let named = rss(&format!("<{}/>", "a".repeat(PODCAST_NAME_BYTES_MAX + 1)));
    assert_eq!(fails(&named).await, ErrorKind::NoFeed);
}

#[tokio::test]
async fn a_feed_that_breaks_off_gives_what_came_before() {
    let item = |n: usize| format!("<item><guid>{n}</guid><enclosure url=\"http://a/{n}\"/></item>");
    let text = format!("<rss><channel>{}{}<item><title>half", item(1), item(2));
    let (episodes, _, ended) = read(text.as_bytes(), 32).await;
    assert_eq!(episodes.iter().map(|episode| episode.guid.as_str()).collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(ended.expect_err("half").kind, ErrorKind::NoFeed);
}

/// A hundred of these in each other would be 10^30 bytes.
#[tokio::test]
async fn p04_entities_of_a_document_are_not_expanded() {
    let doctype = "<!DOCTYPE rss [<!ENTITY a \"laugh\"><!ENTITY b \"&a;&a;&a;&a;\"><!ENTITY f SYSTEM \"file:///etc/passwd\">]>";
    let text = format!("<?xml version=\"1.0\"?>{doctype}<rss><channel><title>&b;&f;</title></channel></rss>");
    let (_, about, ended) = read(text.as_bytes(), 64).await;
    assert_eq!((about.title.as_str(), ended), ("&b;&f;", Ok(())));
}

#[tokio::test]
async fn p04_no_piece_is_longer_than_is_held() {
    let long = "x".repeat(PODCAST_PIECE_BYTES_MAX);
    for text in [
        rss(&format!("<description>{long}</description>")),
        rss(&format!("<item><enclosure url=\"{long}\"/></item>")),
        rss(&format!("<!--{long}-->")),
        rss(&format!("<![CDATA[{long}]]>")),
        format!("<!DOCTYPE rss [{long}]><rss/>"),
    ] {
        assert_eq!(fails(&text).await, ErrorKind::TooLarge, "{}", &text[..60]);
    }
    let fits = "y".repeat(PODCAST_PIECE_BYTES_MAX / 2);
    let (_, about, ended) = read(rss(&format!("<description>{fits}</description>")).as_bytes(), 4096).await;
    assert_eq!((about.description.len(), ended), (PODCAST_TEXT_BYTES_MAX, Ok(())));
}

proptest! {
    /// Whatever comes, it ends, and never by a panic.
    #[test]
    fn anything_may_come(pieces in proptest::collection::vec(proptest::sample::select(vec![
        "<rss>", "<channel>", "<item>", "</item>", "<title>", "</title>", "<enclosure url=\"http://a/\"/>", "&amp;",
        "&#1114112;", "&x;", "<![CDATA[", "]]>", "<!--", "-->", "<?x", "?>", "<!DOCTYPE", "text", "é", "\u{0}", "<", ">",
    ]), 0..40)) {
        let text = pieces.concat();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (episodes, _, _) = runtime.block_on(read(text.as_bytes(), 5));
        prop_assert!(episodes.iter().all(|episode| episode.url == "http://a/"));
    }
}

//! Whom we ask, and to whom we say who we are.

use std::sync::Mutex;

use rustls::pki_types::PrivateKeyDer;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::s3::S3Settings;

const LOOPBACK: [u8; 4] = [127, 0, 0, 1];

async fn opened(origin: &RemoteOrigin, name: &str) -> Result<(), TroubleKind> {
    let opened = origin.open(&path(name)).await;
    opened.map(|_| ()).map_err(|e| e.trouble().unwrap_or_else(|| panic!("{e}")).kind)
}

fn redirect(to: &str) -> Reply {
    let mut reply = Reply::new("302 Found");
    reply.set("location", to);
    reply
}

#[tokio::test]
async fn p07_no_spelling_and_no_name_leads_to_a_private_address() {
    let server = Server::start(|request| Reply::honest(request, b"secret", "\"a\"")).await;
    let port = server.port;
    let names = Names::test(|name| match name {
        "mapped.test" => vec!["::ffff:127.0.0.1".parse().unwrap()],
        "nat.test" => vec!["64:ff9b::7f00:1".parse().unwrap()],
        "metadata.test" => vec!["169.254.169.254".parse().unwrap()],
        "six.test" => vec!["::1".parse().unwrap()],
        _ => vec![IpAddr::from(LOOPBACK)],
    });
    let house = House::with(64 * MIB, Tls::default(), names);
    let hosts = [
        "127.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "0.0.0.0",
        "localhost",
        "own.test",
        "mapped.test",
        "nat.test",
        "metadata.test",
        "six.test",
    ];
    for host in hosts {
        let base = format!("http://{host}:{port}/");
        let origin = house.origin(&server, |settings| {
            (settings.base, settings.private) = (base, Private::Refused);
        });
        let e = origin.open(&path("a")).await.unwrap_err();
        assert_eq!((e.trouble().unwrap().kind, e.kind), (TroubleKind::Address, ErrorKind::Escapes), "{host}");
    }
    for host in ["2130706433", "0x7f000001", "017700000001", "127.1", "127.0.0.1.", "a@127.0.0.1"] {
        let mut settings = RemoteSettings::new("clips", &format!("http://{host}:{port}/"));
        settings.private = Private::Allowed;
        let e = RemoteOrigin::new(&house.remotes, &settings).unwrap_err();
        assert_eq!(e.kind, ErrorKind::Format, "{host}");
    }
    assert_eq!(server.requests().len(), 0);
}

#[tokio::test]
async fn p07_a_name_is_asked_for_once_and_only_an_address_that_was_judged_is_connected_to() {
    let server = Server::at("127.0.0.2", None, |request| Reply::honest(request, b"12345678", "\"a\"")).await;
    let times = Arc::new(AtomicUsize::new(0));
    let asked = Arc::clone(&times);
    let names = Names::test(move |_| {
        asked.fetch_add(1, Ordering::SeqCst);
        vec![IpAddr::from(LOOPBACK), IpAddr::from([127, 0, 0, 2])]
    });
    let house = House::with(64 * MIB, Tls::default(), names);
    let base = format!("http://media.test:{}/", server.port);
    let origin = house.origin(&server, |settings| {
        settings.base = base;
        settings.private = Private::Listed(vec!["127.0.0.2/32".parse().unwrap()]);
    });
    assert_eq!(opened(&origin, "a").await, Ok(()));
    assert_eq!(times.load(Ordering::SeqCst), 1);
    assert_eq!(server.requests()[0].field("host"), Some(&*format!("media.test:{}", server.port)));
}

#[tokio::test]
async fn p07_each_redirect_is_looked_at_again() {
    let house = House::with(
        64 * MIB,
        Tls::default(),
        Names::test(|name| match name {
            "private.test" => vec![IpAddr::from([10, 0, 0, 1])],
            _ => vec![IpAddr::from(LOOPBACK)],
        }),
    );
    let server = Server::start(|request| {
        let port = request.field("host").unwrap().rsplit(':').next().unwrap().to_owned();
        match &*request.path {
            "/files/1" => redirect("/files/a"),
            "/files/2" => redirect("1?x"),
            "/files/3" => redirect("//127.0.0.1:PORT/files/2".replace("PORT", &port).as_str()),
            "/files/4" => redirect("3"),
            "/files/1?x" => redirect("./a"),
            "/files/circle" => redirect("circle"),
            "/files/private" => redirect("http://private.test/"),
            "/files/mapped" => redirect(&format!("http://[::ffff:127.0.0.1]:{port}/files/a")),
            "/files/metadata" => redirect("http://169.254.169.254/latest/"),
            "/files/decimal" => redirect(&format!("http://2130706433:{port}/files/a")),
            "/files/octal" => redirect(&format!("http://0177.0.0.1:{port}/files/a")),
            "/files/short" => redirect(&format!("http://127.1:{port}/files/a")),
            "/files/file" => redirect("file:///etc/passwd"),
            "/files/user" => redirect(&format!("http://a:b@127.0.0.1:{port}/files/a")),
            "/files/nowhere" => Reply::new("302 Found"),
            "/files/a" => Reply::honest(request, b"12345678", "\"a\""),
            _ => Reply::new("404 Not Found"),
        }
    })
    .await;
    let origin = house.origin(&server, |settings| {
        settings.private = Private::Listed(vec!["127.0.0.1/32".parse().unwrap()]);
    });
    for name in ["1", "2", "3"] {
        assert_eq!(opened(&origin, name).await, Ok(()), "{name}");
    }
    for (name, expected) in [
        ("4", TroubleKind::Redirect),
        ("circle", TroubleKind::Redirect),
        ("nowhere", TroubleKind::Redirect),
        ("private", TroubleKind::Address),
        ("mapped", TroubleKind::Address),
        ("metadata", TroubleKind::Address),
        ("decimal", TroubleKind::Address),
        ("octal", TroubleKind::Address),
        ("short", TroubleKind::Address),
        ("file", TroubleKind::Address),
        ("user", TroubleKind::Address),
    ] {
        assert_eq!(opened(&origin, name).await, Err(expected), "{name}");
    }
}

fn proofs() -> Vec<(RemoteAuth, &'static str, &'static str)> {
    let text = str::to_owned;
    vec![
        (
            RemoteAuth::Basic { user: text("me"), password: text("hush-1") },
            "authorization",
            "basic bwu6ahvzac0x",
        ),
        (RemoteAuth::Bearer(text("hush-2")), "authorization", "bearer hush-2"),
        (RemoteAuth::Header { name: text("X-Key"), value: text("hush-3") }, "x-key", "hush-3"),
        (
            RemoteAuth::SigV4 {
                region: text("here"),
                service: text("s3"),
                access_key_id: text("who"),
                secret_access_key: text("hush-4"),
                session_token: Some(text("hush-5")),
            },
            "authorization",
            "aws4-hmac-sha256 credential=who/",
        ),
    ]
}

#[tokio::test]
async fn p09_credentials_go_to_the_origin_alone_and_stand_in_no_error() {
    for (auth, field, starts) in proofs() {
        let house = House::new();
        let other = Server::start(|request| Reply::honest(request, b"12345678", "\"a\"")).await;
        let away = other.port;
        let server = Server::start(move |request| match &*request.path {
            "/files/away" => redirect(&format!("http://127.0.0.1:{away}/b")),
            "/files/own" => redirect("/files/a"),
            "/files/a" => Reply::honest(request, b"12345678", "\"a\""),
            _ => Reply::new("403 Forbidden"),
        })
        .await;
        let origin = house.origin(&server, |settings| settings.auth = auth.clone());
        for name in ["a", "away", "own"] {
            assert_eq!(opened(&origin, name).await, Ok(()), "{name}");
        }
        let requests = server.requests();
        assert_eq!(requests.len(), 4);
        for request in requests {
            assert!(request.field(field).is_some_and(|value| value.starts_with(starts)), "{}", request.head);
        }
        for request in other.requests() {
            let told = ["authorization", "x-key", "x-amz-security-token", "x-amz-date"];
            assert!(told.iter().all(|name| request.field(name).is_none()), "{}", request.head);
        }
        let mut said = format!("{auth:?} {origin:?}");
        for name in ["none", "gone?token=hush-6"] {
            let e = origin.open(&path(name)).await.unwrap_err();
            said.push_str(&format!("{e} {e:?} {}", io::Error::from(e.trouble().unwrap().clone())));
        }
        assert!(!said.contains("hush") && !said.contains("aHVzaC0x"), "{said}");
    }
    let wrong = RemoteAuth::Bearer("hush\n".to_owned());
    let mut settings = RemoteSettings::new("clips", "http://e.test/");
    settings.auth = wrong;
    let e = RemoteOrigin::new(&House::new().remotes, &settings).unwrap_err();
    assert!(e.kind == ErrorKind::Format && !e.to_string().contains("hush"), "{e}");
}

/// Who was sent away and comes back is a stranger: the other chose where.
#[tokio::test]
async fn p09_credentials_are_not_sent_again_after_a_detour() {
    let house = House::new();
    let home = Arc::new(AtomicUsize::new(0));
    let back = Arc::clone(&home);
    let other = Server::start(move |_| {
        redirect(&format!("http://127.0.0.1:{}/files/a", back.load(Ordering::SeqCst)))
    })
    .await;
    let away = other.port;
    let server = Server::start(move |request| match &*request.path {
        "/files/away" => redirect(&format!("http://127.0.0.1:{away}/")),
        _ => Reply::honest(request, b"12345678", "\"a\""),
    })
    .await;
    home.store(usize::from(server.port), Ordering::SeqCst);
    let origin = house.origin(&server, |settings| settings.auth = RemoteAuth::Bearer("hush".to_owned()));
    assert_eq!(opened(&origin, "away").await, Ok(()));
    let told: Vec<bool> =
        server.requests().iter().map(|request| request.field("authorization").is_some()).collect();
    assert_eq!(told, [true, false]);
}

#[tokio::test]
async fn a_bucket_is_an_origin_whose_requests_are_signed() {
    let house = House::new();
    let server = Server::start(|request| Reply::honest(request, b"12345678", "\"a\"")).await;
    let variables = |name: &str| match name {
        "AWS_ACCESS_KEY_ID" => Some("who".to_owned()),
        "AWS_SECRET_ACCESS_KEY" => Some("hush".to_owned()),
        "AWS_ENDPOINT_URL" => Some(format!("http://127.0.0.1:{}", server.port)),
        _ => None,
    };
    let bucket = S3Settings::read("s3://media/own", variables).unwrap();
    let mut settings = RemoteSettings::bucket("bucket", &bucket);
    settings.private = Private::Allowed;
    let origin = RemoteOrigin::new(&house.remotes, &settings).unwrap();
    let source = origin.open(&path("a%20b.mp4")).await.unwrap().source;
    assert_eq!(read_all(&source, 8).await.unwrap(), b"12345678");
    for request in server.requests() {
        assert_eq!(request.path, "/media/own/a%20b.mp4");
        let signed = request.field("authorization").unwrap();
        assert!(signed.contains("credential=who/") && signed.contains("/us-east-1/s3/"), "{signed}");
    }
}

/// A certificate for one name, and who trusts its owner.
fn certificate(name: &str) -> (TlsAcceptor, RootCertStore) {
    let own = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(own.cert.der().clone()).unwrap();
    (TlsAcceptor::from(Arc::new(config)), roots)
}

#[tokio::test]
async fn an_origin_with_tls_is_who_it_says_and_never_redirects_away_from_it() {
    let (acceptor, roots) = certificate("media.test");
    let plain = Server::start(|request| Reply::honest(request, b"12345678", "\"a\"")).await;
    let away = plain.port;
    let content = bytes(MIB as usize + 3);
    let served = content.clone();
    let heads = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&heads);
    let server = Server::at("127.0.0.1", Some(acceptor), move |request| {
        seen.lock().unwrap().push(request.head.clone());
        match &*request.path {
            "/away" => redirect(&format!("http://media.test:{away}/a")),
            _ => Reply::honest(request, &served, "\"a\""),
        }
    })
    .await;
    let house = |roots: Option<RootCertStore>| {
        let tls = roots.map_or_else(|| Tls::trusting(RootCertStore::empty()), Tls::trusting);
        House::with(64 * MIB, tls, Names::test(|_| vec![IpAddr::from(LOOPBACK)]))
    };
    let trusting = house(Some(roots));
    let base = |host: &str| format!("https://{host}:{}", server.port);
    let origin = trusting.origin(&server, |settings| settings.base = base("media.test"));
    let source = origin.open(&path("a")).await.unwrap().source;
    assert_eq!(read_all(&source, 65_536).await.unwrap(), content);
    assert_eq!(server.most(), 1, "TLS is agreed on once");
    assert_eq!(opened(&origin, "away").await, Err(TroubleKind::Redirect));
    assert_eq!(plain.requests().len(), 0);
    let before = heads.lock().unwrap().len();
    for (house, host) in [(&trusting, "other.test"), (&trusting, "127.0.0.1"), (&house(None), "media.test")] {
        let origin = house.origin(&server, |settings| settings.base = base(host));
        assert_eq!(opened(&origin, "a").await, Err(TroubleKind::Connect), "{host}");
    }
    assert_eq!(heads.lock().unwrap().len(), before, "nothing was said to who may be anybody");
}

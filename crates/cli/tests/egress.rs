//! Outgoing HTTP over real sockets of this machine.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use app::ports::{
    Http as _, HttpError, Limits,
    egress::{Refusal, Rules},
};
use cli::host::http::{LookUp, Outgoing};
use oauth::http::{Masked, Method, Purpose, Request, Response};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// A server that does the same to everyone who connects.
struct Server {
    address: SocketAddr,
    connected: Arc<AtomicUsize>,
}

impl Server {
    async fn start<A, F>(answer: A) -> Self
    where
        A: Fn(TcpStream) -> F + Clone + Send + 'static,
        F: Future<Output = std::io::Result<()>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connected = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connected);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let answer = answer.clone();
                tokio::spawn(async move {
                    stream.read_buf(&mut Vec::with_capacity(8192)).await?;
                    answer(stream).await
                });
            }
        });
        Self { address, connected }
    }

    fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    fn connected(&self) -> usize {
        self.connected.load(Ordering::SeqCst)
    }
}

fn rules(allow: &[&str], development: bool) -> Rules {
    Rules {
        allow: allow.iter().map(|net| net.parse().unwrap()).collect(),
        development,
    }
}

fn request(url: &str) -> Request {
    Request {
        purpose: Purpose::Api,
        method: Method::Get,
        url: url.parse().unwrap(),
        headers: Vec::new(),
        body: None,
    }
}

/// Small enough that a test ends soon, large enough for an honest answer of this machine.
fn limits() -> Limits {
    Limits {
        connect: Duration::from_millis(500),
        first_byte: Duration::from_millis(500),
        total: Duration::from_secs(2),
        body_bytes: 64 * 1024,
    }
}

async fn get(url: &str) -> Result<Response, HttpError> {
    let outgoing = Outgoing::new(rules(&[], true), &[]).unwrap();
    outgoing.send(request(url), limits()).await
}

async fn fine(mut stream: TcpStream) -> std::io::Result<()> {
    stream
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfine")
        .await
}

/// Proves: EGR-5
#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let target = Server::start(fine).await;
    for location in [
        target.url(),
        "file:///etc/hostname".to_owned(),
        "https://elsewhere.example/".to_owned(),
        "/again".to_owned(),
    ] {
        let head = format!("HTTP/1.1 302 Found\r\nlocation: {location}\r\n");
        let redirecting = Server::start(move |stream| redirect(stream, head.clone())).await;
        let answer = get(&redirecting.url()).await.unwrap();
        assert_eq!(answer.status, 302, "{location}");
        assert_eq!(answer.header("location"), Some(location.as_str()));
        assert_eq!(redirecting.connected(), 1, "{location}");
    }
    assert_eq!(target.connected(), 0);
}

async fn redirect(mut stream: TcpStream, head: String) -> std::io::Result<()> {
    stream.write_all(head.as_bytes()).await?;
    stream
        .write_all(b"connection: close\r\ncontent-length: 0\r\n\r\n")
        .await
}

/// Proves in part: EGR-8 (the first byte is bounded together with the connection, 8 s in all)
#[tokio::test]
async fn slow_and_huge_answers_end_at_their_limits() {
    let silent = get(&Server::start(silent).await.url()).await;
    assert_eq!(silent, Err(HttpError::TimedOut), "silent");
    let began = Instant::now();
    let dripping = get(&Server::start(dripping).await.url()).await;
    assert_eq!(dripping, Err(HttpError::TimedOut), "dripping");
    let took = began.elapsed();
    assert!(took < 4 * limits().total, "it dripped for {took:?}");
    let huge = get(&Server::start(huge).await.url()).await;
    assert_eq!(huge, Err(HttpError::TooLarge), "huge");
    let bomb = get(&Server::start(gzip_bomb).await.url()).await;
    assert_eq!(bomb, Err(HttpError::TooLarge), "gzip bomb");
    let wide = get(&Server::start(wide_headers).await.url()).await;
    assert_eq!(wide, Err(HttpError::TooLarge), "40 kB of headers");
    for endless in [
        get(&Server::start(endless_headers).await.url()).await,
        get(&Server::start(endless_header).await.url()).await,
    ] {
        assert_eq!(endless, Err(HttpError::Broken), "endless headers");
    }
    let fine = get(&Server::start(fine).await.url()).await;
    assert_eq!(fine.unwrap().body, b"fine");

    let seconds = |purpose| {
        let Limits {
            connect,
            first_byte,
            total,
            body_bytes,
        } = Limits::of(purpose);
        (
            connect.as_secs(),
            first_byte.as_secs(),
            total.as_secs(),
            body_bytes,
        )
    };
    for purpose in [
        Purpose::Discovery,
        Purpose::Keys,
        Purpose::Token,
        Purpose::UserInfo,
        Purpose::Revocation,
    ] {
        assert_eq!(seconds(purpose), (3, 5, 10, 256 * 1024), "{purpose:?}");
    }
    assert_eq!(seconds(Purpose::Api).2, 30);
    assert_eq!(seconds(Purpose::Api).3, 1024 * 1024);
}

async fn silent(stream: TcpStream) -> std::io::Result<()> {
    std::future::pending::<()>().await;
    drop(stream);
    Ok(())
}

/// Always something new to read, and never the end.
async fn dripping(mut stream: TcpStream) -> std::io::Result<()> {
    stream
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n")
        .await?;
    let mut drop = tokio::time::interval(Duration::from_millis(50));
    loop {
        drop.tick().await;
        stream.write_all(b"x").await?;
    }
}

async fn huge(mut stream: TcpStream) -> std::io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    loop {
        stream.write_all(&[b'x'; 4096]).await?;
    }
}

async fn gzip_bomb(mut stream: TcpStream) -> std::io::Result<()> {
    let zeros = include_bytes!("data/two-megabytes-of-zeros.gz");
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
        zeros.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(zeros).await
}

async fn wide_headers(mut stream: TcpStream) -> std::io::Result<()> {
    let value = "x".repeat(1000);
    let headers: Vec<String> = (0..40).map(|n| format!("x-{n}: {value}\r\n")).collect();
    let headers = headers.concat();
    let answer = format!("HTTP/1.1 200 OK\r\n{headers}content-length: 0\r\n\r\n");
    stream.write_all(answer.as_bytes()).await
}

async fn endless_headers(mut stream: TcpStream) -> std::io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\n").await?;
    loop {
        stream.write_all(b"x-more: and more\r\n").await?;
    }
}

async fn endless_header(mut stream: TcpStream) -> std::io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\nx-more: ").await?;
    loop {
        stream.write_all(&[b'x'; 4096]).await?;
    }
}

/// Proves in part: EGR-1 (that nothing else connects is held by the layout check)
#[tokio::test]
async fn only_addresses_that_may_be_reached_are_connected_to_whatever_a_name_resolves_to() {
    let server = Server::start(fine).await;
    let url = format!("http://api.example:{}/", server.address.port());
    let ask = async |rules: Rules, answers: &'static [&'static str]| {
        let outgoing = Outgoing::with_look_up(rules, &[], &look_up(answers)).unwrap();
        outgoing.send(request(&url), limits()).await
    };
    let refused = Err(HttpError::Unreachable);
    // Something is excepted, so that the name itself is not refused; nobody listens there.
    let elsewhere = || rules(&["127.0.0.2/32"], false);
    assert_eq!(ask(elsewhere(), &["127.0.0.1"]).await, refused);
    assert_eq!(ask(elsewhere(), &["127.0.0.2", "127.0.0.1"]).await, refused);
    assert_eq!(ask(elsewhere(), &["::ffff:127.0.0.1"]).await, refused);
    assert_eq!(server.connected(), 0);

    let answer = ask(rules(&[], true), &["127.0.0.1"]).await;
    assert_eq!(answer.unwrap().status, 200);
    let answer = ask(rules(&["127.0.0.0/8"], false), &["10.0.0.1", "127.0.0.1"]).await;
    assert_eq!(answer.unwrap().status, 200);
}

fn look_up(answers: &'static [&'static str]) -> LookUp {
    Arc::new(move |name| {
        assert_eq!(name, "api.example");
        let found: Vec<IpAddr> = answers.iter().map(|ip| ip.parse().unwrap()).collect();
        Box::pin(async move { Ok(found) })
    })
}

#[tokio::test]
async fn a_private_address_in_the_url_itself_is_refused_before_anything_is_sent() {
    let server = Server::start(fine).await;
    let outgoing = Outgoing::new(rules(&[], false), &[]).unwrap();
    let answer = outgoing.send(request(&server.url()), limits()).await;
    assert_eq!(answer, Err(HttpError::Refused(Refusal::Address)));
    assert_eq!(server.connected(), 0);
}

/// Proves: EGR-12
#[tokio::test]
async fn a_header_value_that_would_split_the_request_is_an_error() {
    let server = Server::start(fine).await;
    let outgoing = Outgoing::new(rules(&[], true), &[]).unwrap();
    let send = async |value: &str| {
        let mut request = request(&server.url());
        let value = Masked::from(format!("Bearer {value}"));
        request.headers.push(("authorization".to_owned(), value));
        outgoing.send(request, limits()).await
    };
    for value in ["a\nb", "a\rb", "a\r\nx-more: b", "a\0b", "a\u{7f}b"] {
        assert_eq!(send(value).await, Err(HttpError::Unreachable), "{value:?}");
    }
    assert_eq!(server.connected(), 0);
    assert_eq!(send("ab").await.unwrap().status, 200);
}

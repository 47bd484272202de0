//! The one client that goes out (EGR-1).

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use app::ports::{
    Http, HttpError, Limits,
    egress::{self, Rules},
};
use async_trait::async_trait;
use futures_util::future::BoxFuture;
use oauth::http::{Request, Response};
use reqwest::{
    Client,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect,
    tls::Version,
};

/// The largest header block of an answer, in bytes (EGR-8).
const HEADER_BYTES: u32 = 32 * 1024;

/// Resolves a name.
pub type LookUp = Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync>;

/// Outgoing HTTP under the egress rules.
pub struct Outgoing {
    rules: Rules,
    /// For `https` on port 443: public and excepted addresses.
    ordinary: Client,
    /// For everything else: excepted addresses only.
    unusual: Client,
}

impl Outgoing {
    /// Names are resolved as the system does.
    ///
    /// # Errors
    /// The TLS library cannot be set up with these further certificate authorities.
    pub fn new(rules: Rules, roots: &[reqwest::Certificate]) -> Result<Self, reqwest::Error> {
        let look_up: LookUp = Arc::new(|name| Box::pin(system_look_up(name)));
        Self::with_look_up(rules, roots, &look_up)
    }

    /// The same with names resolved by `look_up`. What it answers is not trusted.
    pub fn with_look_up(
        rules: Rules,
        roots: &[reqwest::Certificate],
        look_up: &LookUp,
    ) -> Result<Self, reqwest::Error> {
        let client = |ordinary| {
            let guarded = Guarded {
                rules: rules.clone(),
                ordinary,
                look_up: Arc::clone(look_up),
            };
            client(guarded, roots)
        };
        Ok(Self {
            ordinary: client(true)?,
            unusual: client(false)?,
            rules,
        })
    }
}

#[async_trait]
impl Http for Outgoing {
    async fn send(&self, request: Request, limits: Limits) -> Result<Response, HttpError> {
        self.rules
            .admits(&request.url)
            .map_err(HttpError::Refused)?;
        let client = if egress::is_ordinary(&request.url) {
            &self.ordinary
        } else {
            &self.unusual
        };
        tokio::time::timeout(limits.total, exchange(client, request, limits))
            .await
            .unwrap_or(Err(HttpError::TimedOut))
    }
}

async fn exchange(
    client: &Client,
    request: Request,
    limits: Limits,
) -> Result<Response, HttpError> {
    let sending = client.execute(build(client, request)?);
    let mut answer = tokio::time::timeout(limits.connect + limits.first_byte, sending)
        .await
        .map_err(|_| HttpError::TimedOut)?
        .map_err(|error| why(&error))?;
    let status = answer.status().as_u16();
    if header_bytes(&answer) > HEADER_BYTES as usize {
        return Err(HttpError::TooLarge);
    }
    let headers = headers(&answer);
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| why(&error))? {
        if body.len() + chunk.len() > limits.body_bytes {
            return Err(HttpError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Response {
        status,
        headers,
        body,
    })
}

/// Header values were made by us from checked parts; one that cannot be a header is refused here
/// rather than split the request (EGR-12).
fn build(client: &Client, request: Request) -> Result<reqwest::Request, HttpError> {
    let method = reqwest::Method::from_bytes(request.method.as_str().as_bytes())
        .map_err(|_| HttpError::Unreachable)?;
    let mut builder = client.request(method, request.url);
    for (name, value) in &request.headers {
        builder = builder.header(name, value.expose());
    }
    if let Some(body) = request.body {
        builder = builder.body(body.expose().to_vec());
    }
    builder.build().map_err(|_| HttpError::Unreachable)
}

fn headers(answer: &reqwest::Response) -> Vec<(String, String)> {
    answer
        .headers()
        .iter()
        .filter_map(|(name, value)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        })
        .collect()
}

fn header_bytes(answer: &reqwest::Response) -> usize {
    let lines = answer.headers().iter();
    lines
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum()
}

/// The category only: a library's error text may quote the URL or the answer (SEC-2).
fn why(error: &reqwest::Error) -> HttpError {
    if error.is_timeout() {
        HttpError::TimedOut
    } else if error.is_connect() {
        HttpError::Unreachable
    } else {
        HttpError::Broken
    }
}

fn client(guarded: Guarded, roots: &[reqwest::Certificate]) -> Result<Client, reqwest::Error> {
    Client::builder()
        .user_agent(concat!("usher/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .no_proxy()
        .tls_version_min(Version::TLS_1_2)
        .tls_certs_merge(roots.iter().cloned())
        .dns_resolver(Arc::new(guarded))
        .connect_timeout(Duration::from_secs(3))
        .pool_idle_timeout(Duration::from_secs(30))
        .http2_max_header_list_size(HEADER_BYTES)
        .build()
}

/// Resolves names and lets through only addresses that may be reached; the client connects to
/// exactly those, so that there is no second look-up for an answer to change in.
struct Guarded {
    rules: Rules,
    ordinary: bool,
    look_up: LookUp,
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let (rules, ordinary) = (self.rules.clone(), self.ordinary);
        let found = (self.look_up)(name.as_str().to_owned());
        Box::pin(async move {
            let reached: Vec<SocketAddr> = found
                .await?
                .into_iter()
                .filter(|address| rules.reaches(*address, ordinary).is_ok())
                // The client puts in the port of the URL.
                .map(|address| SocketAddr::new(address, 0))
                .collect();
            if reached.is_empty() {
                return Err("no address of that name may be reached".into());
            }
            let addresses: Addrs = Box::new(reached.into_iter());
            Ok(addresses)
        })
    }
}

async fn system_look_up(name: String) -> io::Result<Vec<IpAddr>> {
    let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
    Ok(found.map(|address| address.ip()).collect())
}

//! The one client that goes out (EGR-1).

use std::{net::SocketAddr, sync::Arc, time::Duration};

use app::ports::{
    Http, HttpError, Limits,
    egress::{self, Rules},
};
use async_trait::async_trait;
use oauth::http::{Request, Response};
use reqwest::{
    Client,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect,
    tls::Version,
};

/// Outgoing HTTP under the egress rules.
pub struct Outgoing {
    rules: Rules,
    /// For `https` on port 443: public and excepted addresses.
    ordinary: Client,
    /// For everything else: excepted addresses only.
    unusual: Client,
}

impl Outgoing {
    /// Fails if the TLS library cannot be set up with these further certificate authorities.
    pub fn new(rules: Rules, roots: &[reqwest::Certificate]) -> Result<Self, reqwest::Error> {
        Ok(Self {
            ordinary: client(&rules, roots, true)?,
            unusual: client(&rules, roots, false)?,
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

fn client(
    rules: &Rules,
    roots: &[reqwest::Certificate],
    ordinary: bool,
) -> Result<Client, reqwest::Error> {
    let resolver = Guarded {
        rules: Arc::new(rules.clone()),
        ordinary,
    };
    let builder = Client::builder()
        .user_agent(concat!("usher/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .no_proxy()
        .tls_version_min(Version::TLS_1_2)
        .tls_certs_merge(roots.iter().cloned())
        .dns_resolver(Arc::new(resolver))
        .connect_timeout(Duration::from_secs(3))
        .pool_idle_timeout(Duration::from_secs(30));
    builder.build()
}

/// Resolves names and lets through only addresses that may be reached; the client connects to
/// exactly those, so that there is no second look-up for an answer to change in.
struct Guarded {
    rules: Arc<Rules>,
    ordinary: bool,
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let (rules, ordinary) = (Arc::clone(&self.rules), self.ordinary);
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let reached: Vec<SocketAddr> = found
                .filter(|address| rules.reaches(address.ip(), ordinary).is_ok())
                .collect();
            if reached.is_empty() {
                return Err("no address of that name may be reached".into());
            }
            let addresses: Addrs = Box::new(reached.into_iter());
            Ok(addresses)
        })
    }
}

//! Which crate of ours may name which crate of others.

use super::Finding;
use super::manifest::{self, Dependency, Kind, Manifest};
use crate::tree::Tree;

/// Packages that belong in one place.
struct Place {
    packages: &'static [&'static str],
    /// Crates that may name them.
    only_in: &'static [&'static str],
    /// Crates that may name them in tests besides.
    tests_of: &'static [&'static str],
    why: &'static str,
}

const PLACES: &[Place] = &[
    Place {
        packages: &[
            "axum",
            "axum-server",
            "hyper",
            "hyper-util",
            "tower",
            "tower-http",
        ],
        only_in: &["server", "testkit"],
        tests_of: &[],
        why: "HTTP is the server's",
    },
    Place {
        packages: &["tokio-tungstenite", "tungstenite"],
        only_in: &["testkit", "bench"],
        tests_of: &["server", "cli"],
        why: "we speak WebSocket to clients only, through the server",
    },
    Place {
        packages: &[
            "rusqlite",
            "refinery",
            "tokio-postgres",
            "deadpool-postgres",
            "sqlx",
            "diesel",
        ],
        only_in: &["store"],
        tests_of: &[],
        why: "SQL is the store's",
    },
    Place {
        packages: &[
            "reqwest",
            "rustls",
            "tokio-rustls",
            "rustls-pemfile",
            "native-tls",
            "ureq",
            "hickory-resolver",
            "async-nats",
            "curl",
            "isahc",
        ],
        only_in: &["cli"],
        tests_of: &[],
        why: "connections outwards are made in one place (EGR-1)",
    },
    Place {
        packages: &["socket2", "mio"],
        only_in: &["server", "cli"],
        tests_of: &[],
        why: "sockets are opened where we listen or connect",
    },
    Place {
        packages: &["aws-lc-rs"],
        only_in: &["jose", "vault"],
        tests_of: &[],
        why: "ciphers and signatures are theirs",
    },
    Place {
        packages: &[
            "aes",
            "aes-gcm",
            "aes-gcm-siv",
            "chacha20poly1305",
            "crypto_box",
            "ecdsa",
            "ed25519-dalek",
            "elliptic-curve",
            "jsonwebtoken",
            "josekit",
            "jwt-simple",
            "k256",
            "oauth2",
            "openidconnect",
            "openssl",
            "orion",
            "p256",
            "p384",
            "p521",
            "ring",
            "rsa",
            "rust-crypto",
            "sodiumoxide",
            "x25519-dalek",
        ],
        only_in: &[],
        tests_of: &[],
        why: "there is one crypto library, and one verifier",
    },
    Place {
        packages: &[
            "getrandom",
            "rand",
            "rand_core",
            "fastrand",
            "oorandom",
            "nanoid",
        ],
        only_in: &["cli"],
        tests_of: &[],
        why: "randomness comes in as bytes",
    },
    Place {
        packages: &["chrono", "time", "quanta", "coarsetime"],
        only_in: &[],
        tests_of: &[],
        why: "`jiff` is our one type for time, and the clock is a port",
    },
    Place {
        packages: &[
            "tokio",
            "tokio-util",
            "async-trait",
            "futures-util",
            "futures",
            "async-std",
            "smol",
        ],
        only_in: &["store", "app", "server", "cli", "testkit", "bench"],
        tests_of: &[],
        why: "the crates below are pure: no async",
    },
];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let (manifests, _) = manifest::all(tree);
    manifests.iter().flat_map(misplaced).collect()
}

fn misplaced(manifest: &Manifest) -> Vec<Finding> {
    let wrong = |dependency: &Dependency| {
        let place = PLACES.iter().find(|place| place.holds(dependency))?;
        let permitted = place.permits(&manifest.krate, dependency.kind);
        (!permitted).then(|| manifest.finding(dependency, message(manifest, dependency, place)))
    };
    manifest.dependencies.iter().filter_map(wrong).collect()
}

impl Place {
    fn holds(&self, dependency: &Dependency) -> bool {
        self.packages.contains(&dependency.package.as_str())
    }

    fn permits(&self, krate: &str, kind: Kind) -> bool {
        self.only_in.contains(&krate) || (kind == Kind::Dev && self.tests_of.contains(&krate))
    }
}

fn message(manifest: &Manifest, dependency: &Dependency, place: &Place) -> String {
    format!(
        "`{}` must not name `{}`: {}",
        manifest.krate, dependency.package, place.why
    )
}

#[cfg(test)]
mod tests {
    use super::super::findings;
    use super::*;

    /// Proves in part: EGR-1 (the client itself filters addresses, which other tests show)
    #[test]
    fn each_package_has_its_place() {
        for (krate, package, wrong) in [
            ("server", "axum", false),
            ("app", "axum", true),
            ("store", "rusqlite", false),
            ("app", "rusqlite", true),
            ("cli", "reqwest", false),
            ("app", "reqwest", true),
            ("server", "rustls", true),
            ("jose", "aws-lc-rs", false),
            ("oauth", "aws-lc-rs", true),
            ("jose", "rsa", true),
            ("app", "sha2", false),
            ("cli", "getrandom", false),
            ("flow", "rand", true),
            ("flow", "tokio", true),
            ("app", "tokio", false),
        ] {
            let text = format!("[dependencies]\n{package} = \"1\"\n");
            let found = findings(check, &[(&format!("crates/{krate}/Cargo.toml"), &text)]);
            assert_eq!(!found.is_empty(), wrong, "{krate} -> {package}: {found:?}");
        }
    }

    #[test]
    fn tests_have_places_of_their_own() {
        let text = "[dev-dependencies]\ntokio-tungstenite = \"1\"\n";
        assert_eq!(
            findings(check, &[("crates/server/Cargo.toml", text)]),
            [""; 0]
        );
        assert_eq!(findings(check, &[("crates/app/Cargo.toml", text)]).len(), 1);
    }
}

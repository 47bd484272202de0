//! Only `cli` connects anywhere (EGR-1); `server` listens.

use super::{Finding, has_word};
use crate::tree::{File, Tree};

/// What connects or resolves, in the standard library and the runtime.
const CONNECTORS: &[&str] = &[
    "TcpStream::connect",
    "TcpStream::connect_timeout",
    "TcpSocket",
    "UdpSocket",
    "UnixStream::connect",
    "lookup_host",
    "ToSocketAddrs",
    "to_socket_addrs",
];

/// Crates whose shipped code may name them.
const MAY: &[&str] = &["cli", "testkit", "bench", "xtask"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.under("crates/")
        .filter(|file| is_bound(file))
        .flat_map(connectors_in)
        .collect()
}

fn is_bound(file: &File) -> bool {
    let krate = file.crate_name().unwrap_or_default();
    file.is_rust()
        && !MAY.contains(&krate)
        && file.path.starts_with(&format!("crates/{krate}/src/"))
}

fn connectors_in(file: &File) -> Vec<Finding> {
    let found = |(number, line): (usize, &str)| {
        let name = CONNECTORS
            .iter()
            .find(|name| has_word(line, name) && !is_comment(line))?;
        Some(Finding::at(
            file,
            number,
            format!("`{name}`: only `cli` connects to anything"),
        ))
    };
    file.lines().filter_map(found).collect()
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with("//")
}

#[cfg(test)]
mod tests {
    use super::super::findings;
    use super::*;

    #[test]
    fn only_the_command_line_connects() {
        for (path, line, wrong) in [
            (
                "crates/cli/src/host/http.rs",
                "TcpStream::connect(host)",
                false,
            ),
            ("crates/app/src/drive.rs", "TcpStream::connect(host)", true),
            ("crates/app/src/drive.rs", "// no TcpSocket here", false),
            (
                "crates/server/src/lib.rs",
                "use tokio::net::TcpListener;",
                false,
            ),
            (
                "crates/server/tests/socket.rs",
                "TcpStream::connect(host)",
                false,
            ),
        ] {
            let found = findings(check, &[(path, line)]);
            assert_eq!(!found.is_empty(), wrong, "{path}: {line}: {found:?}");
        }
    }
}

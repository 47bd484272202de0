//! Which file of a workspace is what, by its path.

/// What a file is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place<'a> {
    Organization {
        organization: &'a str,
    },
    Connection {
        organization: &'a str,
        code: &'a str,
    },
    Agent {
        organization: &'a str,
        agent: &'a str,
    },
    Flow {
        organization: &'a str,
        agent: &'a str,
        flow: &'a str,
    },
}

/// What to do with a path.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found<'a> {
    /// It is read.
    Read(Place<'a>),
    /// It is none of ours: no YAML, hidden, or a rehearsal.
    Passed,
    /// YAML where none is expected, which is most likely a slip in the name of a folder.
    Astray,
}

/// Sorts `path`, which is relative to the workspace and has `/` between its parts.
pub(super) fn sort(path: &str) -> Found<'_> {
    let parts: Vec<&str> = path.split('/').collect();
    let hidden = parts.iter().any(|part| part.starts_with('.'));
    let name = parts.last().copied().unwrap_or_default();
    let Some((stem, extension)) = name.rsplit_once('.').filter(|_| !hidden) else {
        return Found::Passed;
    };
    match extension {
        "yaml" => {}
        _ if extension.eq_ignore_ascii_case("yaml") || extension.eq_ignore_ascii_case("yml") => {
            return Found::Astray;
        }
        _ => return Found::Passed,
    }
    match *parts.as_slice() {
        ["organizations", organization, "organization.yaml"] => {
            Found::Read(Place::Organization { organization })
        }
        ["organizations", organization, "connections", _] => Found::Read(Place::Connection {
            organization,
            code: stem,
        }),
        ["organizations", organization, "agents", agent, "agent.yaml"] => {
            Found::Read(Place::Agent {
                organization,
                agent,
            })
        }
        ["organizations", organization, "agents", agent, "flows", _] => Found::Read(Place::Flow {
            organization,
            agent,
            flow: stem,
        }),
        ["organizations", _, "agents", _, "tests", ..] => Found::Passed,
        _ => Found::Astray,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_says_what_a_file_is() {
        let organization = "acme";
        let agent = "travel";
        for (path, expected) in [
            (
                "organizations/acme/organization.yaml",
                Found::Read(Place::Organization { organization }),
            ),
            (
                "organizations/acme/connections/corp.yaml",
                Found::Read(Place::Connection {
                    organization,
                    code: "corp",
                }),
            ),
            (
                "organizations/acme/agents/travel/agent.yaml",
                Found::Read(Place::Agent {
                    organization,
                    agent,
                }),
            ),
            (
                "organizations/acme/agents/travel/flows/main.yaml",
                Found::Read(Place::Flow {
                    organization,
                    agent,
                    flow: "main",
                }),
            ),
            (
                "organizations/acme/agents/travel/tests/late.yaml",
                Found::Passed,
            ),
            ("README.md", Found::Passed),
            ("organizations/acme/connections/corp.secret", Found::Passed),
            (".github/workflows/ci.yaml", Found::Passed),
            ("organizations/acme/connections/.corp.yaml", Found::Passed),
            ("organizations/acme/connections/corp.yml", Found::Astray),
            ("organizations/acme/connections/corp.YAML", Found::Astray),
            ("LICENSE", Found::Passed),
            ("organizations/acme/connection/corp.yaml", Found::Astray),
            (
                "organizations/acme/agents/travel/flows/more/main.yaml",
                Found::Astray,
            ),
            ("organization.yaml", Found::Astray),
        ] {
            assert_eq!(sort(path), expected, "{path}");
        }
    }
}

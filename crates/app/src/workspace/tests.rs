//! Tables of workspaces and their mistakes.

use std::collections::BTreeMap;

use oauth::Rules;

use super::connection::{ClientAuth, IdentitySource, Provider, Redirect};
use super::{Kind, SecretRef, Workspace, read, schema, secret_refs};

const ORGANIZATION: &str = "organizations/acme/organization.yaml";
const CONNECTION: &str = "organizations/acme/connections/corp.yaml";
const AGENT: &str = "organizations/acme/agents/travel/agent.yaml";
const FLOW: &str = "organizations/acme/agents/travel/flows/main.yaml";

/// A small workspace without mistakes. Tests replace a file, or a text in one.
fn small() -> BTreeMap<String, String> {
    let files = [
        (
            ORGANIZATION,
            "organization: acme\ntitle: Acme Corporation\n",
        ),
        (
            CONNECTION,
            "connection: corp\ntitle: Acme sign-in\ndiscovery: https://login.acme.example\nclient_id: usher\n\
             client_secret: ${CORP_CLIENT_SECRET}\n",
        ),
        (
            AGENT,
            "agent: travel\ntitle: Travel assistant\nsecurity:\n  sign_in: { connection: corp }\nstart: main\n",
        ),
        (
            FLOW,
            "flow: main\nsteps:\n  - id: greet\n    message: Hi!\n  - id: sign_in\n    sign_in:\n      connection: corp\n",
        ),
    ];
    files
        .into_iter()
        .map(|(path, text)| (path.to_owned(), text.to_owned()))
        .collect()
}

fn reading(files: &BTreeMap<String, String>, development: bool) -> Result<Workspace, Vec<String>> {
    let files: Vec<(String, String)> = files.clone().into_iter().collect();
    let shown = |mistakes: Vec<super::Mistake>| mistakes.iter().map(ToString::to_string).collect();
    read(&files, &Rules { development }).map_err(shown)
}

/// Reads the files, and compares all mistakes, as they are shown, with those expected.
#[track_caller]
fn check(files: &BTreeMap<String, String>, expected: &[&str]) {
    let mistakes = reading(files, false).map(|_| ()).err().unwrap_or_default();
    assert_eq!(mistakes, expected);
}

/// Puts `new` in place of `old` in one file of the small workspace; the mistakes must be those expected, of that file.
#[track_caller]
fn changed(path: &str, old: &str, new: &str, expected: &[&str]) {
    let mut files = small();
    let text = &files[path];
    assert!(text.contains(old), "{old:?} is not in {text}");
    let text = text.replacen(old, new, 1);
    files.insert(path.to_owned(), text);
    let expected: Vec<String> = expected
        .iter()
        .map(|mistake| format!("{path}:{mistake}"))
        .collect();
    check(
        &files,
        &expected.iter().map(String::as_str).collect::<Vec<_>>(),
    );
}

/// Adds lines to the connection.
#[track_caller]
fn connection_with(lines: &str, expected: &[&str]) {
    let secret = "client_secret: ${CORP_CLIENT_SECRET}\n";
    changed(CONNECTION, secret, &format!("{secret}{lines}"), expected);
}

/// A workspace as the reference describes it, with every member of every file.
fn whole() -> BTreeMap<String, String> {
    let files = [
        (ORGANIZATION, include_str!("fixtures/organization.yaml")),
        (CONNECTION, include_str!("fixtures/connection.yaml")),
        (AGENT, include_str!("fixtures/agent.yaml")),
        (FLOW, include_str!("fixtures/flow.yaml")),
        (
            "organizations/acme/agents/travel/tests/late.yaml",
            "not: [looked, at",
        ),
        ("README.md", "# Not looked at"),
    ];
    files
        .into_iter()
        .map(|(path, text)| (path.to_owned(), text.to_owned()))
        .collect()
}

#[test]
fn the_small_workspace_has_no_mistakes() {
    check(&small(), &[]);
    check(&BTreeMap::new(), &[]);
}

#[test]
fn the_example_of_the_reference_is_read_to_the_last_member() {
    let workspace = reading(&whole(), false).unwrap();
    let acme = &workspace.organizations["acme"];
    assert_eq!(acme.settings.title, "Acme Corporation");
    assert_eq!(acme.settings.userid_extra_characters, "-");

    let corp = &acme.connections["corp"];
    assert_eq!(
        corp.provider,
        Provider::Discovery("https://login.acme.example".into())
    );
    assert_eq!(
        (corp.client_auth, corp.redirect),
        (ClientAuth::Basic, Redirect::Own)
    );
    assert_eq!(
        corp.client_secret,
        Some(SecretRef::Environment("CORP_CLIENT_SECRET".into()))
    );
    assert_eq!(
        corp.scopes,
        ["openid", "profile", "email", "offline_access"]
    );
    assert_eq!(
        corp.additional_claims.names().collect::<Vec<_>>(),
        ["groups", "preferred_username", "tid"]
    );
    assert!(corp.require_verified_email && !corp.share_between_conversations);
    let origins: Vec<String> = corp
        .allowed_origins
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(origins, ["https://api.acme.example"]);
    let identity = corp.identity.as_ref().unwrap();
    assert_eq!(identity.source, IdentitySource::UserInfo);
    let filled = identity
        .mapping
        .apply(&serde_json::json!({"email": "ada@acme.example"}));
    assert_eq!(filled, [("Email".to_owned(), "ada@acme.example".into())]);
    assert_eq!(corp.exchange.as_ref().unwrap().audience, "api://travel");

    let travel = &acme.agents["travel"].settings;
    assert_eq!(travel.sign_in.as_deref(), Some("corp"));
    assert_eq!(
        travel.host_tokens[0].jwks.as_str(),
        "https://login.acme.example/jwks"
    );
    assert_eq!(
        travel.chat_origins[0].to_string(),
        "https://intranet.acme.example"
    );
    assert_eq!(travel.start, "main");
}

/// Proves in part: GRP-3 (that a publish by anyone else is refused is the publish API's)
#[test]
fn an_organization_with_group_matching_is_marked_as_the_operators() {
    let marked = |files: &BTreeMap<String, String>| -> Vec<String> {
        reading(files, false)
            .unwrap()
            .needing_operator()
            .map(str::to_owned)
            .collect()
    };
    assert_eq!(marked(&whole()), ["acme"]);
    assert!(marked(&small()).is_empty());
}

#[test]
fn secrets_are_listed_for_the_publisher_as_references() {
    let mut files = small();
    let other = files[CONNECTION]
        .replace("corp", "other")
        .replace("${CORP_CLIENT_SECRET}", "{ file: other.secret }");
    files.insert(CONNECTION.replace("corp", "other"), other);
    let public = files[CONNECTION]
        .replace("corp", "public")
        .replace("client_secret: ${CORP_CLIENT_SECRET}", "client_auth: none");
    files.insert(CONNECTION.replace("corp", "public"), public);
    let workspace = reading(&files, false).unwrap();
    assert_eq!(
        secret_refs(&workspace),
        [
            (
                "acme",
                "corp",
                &SecretRef::Environment("CORP_CLIENT_SECRET".into())
            ),
            ("acme", "other", &SecretRef::File("other.secret".into())),
        ]
    );
}

/// Proves in part: SEC-4 (the mistakes of a workspace)
#[test]
fn a_secret_in_the_file_is_refused_and_not_repeated() {
    let how = "write `${NAME}` for a variable of the publisher's environment, or `{ file: PATH }`";
    let literal = format!("5:1: a secret must not stand in the file; {how}");
    for secret in [
        "canary-4f1c",
        "$NAME",
        "${}",
        "${A B}",
        "${A}${B}",
        "'${1A}'",
        "\"${A}\\n\"",
    ] {
        changed(CONNECTION, "${CORP_CLIENT_SECRET}", secret, &[&literal]);
    }
    changed(
        CONNECTION,
        "${CORP_CLIENT_SECRET}",
        "1234567",
        &["5:1: must be a text or a mapping, not a number"],
    );
    changed(
        CONNECTION,
        "${CORP_CLIENT_SECRET}",
        "[canary]",
        &["5:1: must be a text or a mapping, not a list"],
    );
    changed(
        CONNECTION,
        "${CORP_CLIENT_SECRET}",
        "",
        &["5:1: a value is missing"],
    );
    changed(
        CONNECTION,
        "${CORP_CLIENT_SECRET}",
        "{ file: x, value: canary-4f1c }",
        &["5:27: unknown key `value`; here stand `file`"],
    );
    changed(
        CONNECTION,
        "${CORP_CLIENT_SECRET}",
        "{ file: '' }",
        &["5:1: the path of the secret's file is empty; write `{ file: corp.secret }`"],
    );
}

/// Proves in part: CFG-3 (the console's switch)
#[test]
fn prompted_sign_in_without_a_connection_is_refused() {
    let sign_in = "  sign_in: { connection: corp }\n";
    changed(AGENT, sign_in, "  sign_in:\n", &["4:3: a value is missing"]);
    changed(
        AGENT,
        sign_in,
        "  sign_in: {}\n",
        &["4:3: `connection` is missing"],
    );
    changed(
        AGENT,
        sign_in,
        "  sign_in: true\n",
        &["4:3: must be a mapping, not true or false"],
    );
    changed(
        AGENT,
        sign_in,
        "  sign_in: { connection: }\n",
        &["4:14: a value is missing"],
    );
    changed(
        AGENT,
        sign_in,
        "  sign_in: { connection: '' }\n",
        &["4:14: there is no connection ``"],
    );
    changed(
        AGENT,
        sign_in,
        "  sign_in: { connection: corpp }\n",
        &["4:14: there is no connection `corpp`; did you mean `corp`?"],
    );
    changed(AGENT, sign_in, "", &["3:1: a value is missing"]);
    changed(
        AGENT,
        "security:\n  sign_in: { connection: corp }\n",
        "",
        &[],
    );
}

#[test]
fn unknown_keys_are_refused_with_the_nearest_known_one() {
    changed(
        ORGANIZATION,
        "title",
        "titel",
        &[
            "1:1: `title` is missing",
            "2:1: unknown key `titel`; did you mean `title`?",
        ],
    );
    connection_with(
        "alowed_origins: []\n",
        &["6:1: unknown key `alowed_origins`; did you mean `allowed_origins`?"],
    );
    changed(
        AGENT,
        "sign_in: { connection: corp }",
        "host_token: []",
        &["4:3: unknown key `host_token`; did you mean `host_tokens`?"],
    );
    changed(
        AGENT,
        "sign_in: { connection: corp }",
        "kerberos: {}",
        &["4:3: unknown key `kerberos`; here stand `sign_in`, `host_tokens`"],
    );
    changed(
        FLOW,
        "      connection",
        "      conection",
        &[
            "6:5: `connection` is missing",
            "7:7: unknown key `conection`; did you mean `connection`?",
        ],
    );
    changed(
        FLOW,
        "message",
        "mesage",
        &["4:5: unknown key `mesage`; did you mean `message`?"],
    );
    connection_with(
        "\"a\\n/b~c\": 1\n",
        &["6:1: unknown key `a\\n/b~c`; here stand \
        `connection`, `title`, `discovery`, `endpoints`, `client_id`, `client_secret`, `client_auth`, `scopes`, `prompt`, \
        `additional_claims`, `require_verified_email`, `allowed_origins`, `redirect`, `identity`, `exchange`, \
        `share_between_conversations`, `algorithms`, `trusted_audiences`"],
    );
}

#[test]
fn wrong_types_and_words_are_refused() {
    connection_with(
        "require_verified_email: yes\n",
        &["6:1: must be true or false, not a text"],
    );
    connection_with(
        "client_auth: basik\n",
        &["6:1: must be one of `basic`, `post`, `private_key_jwt`, `none`; did you mean `basic`?"],
    );
    connection_with(
        "client_auth: 1\n",
        &["6:1: must be one of `basic`, `post`, `private_key_jwt`, `none`, not a number"],
    );
    connection_with(
        "prompt: none\n",
        &["6:1: must be one of `login`, `consent`, `select_account`"],
    );
    connection_with("scopes: openid\n", &["6:1: must be a list, not a text"]);
    connection_with(
        "scopes: [openid, 1]\n",
        &["6:18: must be a text, not a number"],
    );
    connection_with(
        "exchange: { kind: obo }\n",
        &[
            "6:1: `audience` is missing",
            "6:13: must be one of `entra_on_behalf_of`, `token_exchange`",
        ],
    );
    changed(
        ORGANIZATION,
        "Acme Corporation",
        "''",
        &["2:1: must not be empty"],
    );
    changed(
        ORGANIZATION,
        "Acme Corporation",
        &"x".repeat(101),
        &["2:1: must have at most 100 characters"],
    );
    changed(
        ORGANIZATION,
        "organization: acme\ntitle: Acme Corporation\n",
        "[acme]",
        &["1:1: must be a mapping, not a list"],
    );
}

#[test]
fn a_provider_is_found_by_discovery_or_by_endpoints() {
    let discovery = "discovery: https://login.acme.example";
    let endpoints =
        "endpoints: { authorization: 'https://a.example/auth', token: 'https://a.example/token' }";
    changed(CONNECTION, discovery, endpoints, &[]);
    changed(
        CONNECTION,
        discovery,
        &format!("{discovery}\n{endpoints}"),
        &["4:1: either `discovery` or `endpoints`, not both"],
    );
    changed(
        CONNECTION,
        &format!("{discovery}\n"),
        "",
        &[
            "1:1: where is the provider?; write `discovery: https://…`, or `endpoints` for a bare OAuth server",
        ],
    );
    changed(
        CONNECTION,
        discovery,
        "discovery: login.acme.example",
        &["3:1: not an address"],
    );
    changed(
        CONNECTION,
        discovery,
        "discovery: http://login.acme.example",
        &["3:1: only `https` is allowed"],
    );
    changed(
        CONNECTION,
        discovery,
        "discovery: http://localhost:9000",
        &["3:1: `http` to this machine is allowed only with `development = true`"],
    );
    changed(
        CONNECTION,
        discovery,
        "discovery: https://u:p@login.acme.example",
        &["3:1: a user name, password or fragment is not allowed"],
    );
    changed(
        CONNECTION,
        discovery,
        "discovery: https://login.acme.example?x=1",
        &["3:1: no provider can live at this address"],
    );
    changed(
        CONNECTION,
        discovery,
        &endpoints.replace("https://a.example/token", "ftp://a.example"),
        &["3:55: only `https` is allowed"],
    );
    changed(
        CONNECTION,
        discovery,
        "endpoints: { authorization: 'https://a.example/auth' }",
        &["3:1: `token` is missing"],
    );
    changed(
        CONNECTION,
        discovery,
        &format!("{endpoints}\nredirect: shared"),
        &["4:1: a shared callback is not available yet; \
           leave `redirect` out: the connection then has a callback of its own"],
    );
}

#[test]
fn loopback_providers_are_for_development() {
    let mut files = small();
    let local = files[CONNECTION].replace("https://login.acme.example", "http://localhost:9000")
        + "allowed_origins: ['http://localhost:9001']\n";
    files.insert(CONNECTION.to_owned(), local);
    assert!(reading(&files, true).is_ok());
    assert_eq!(reading(&files, false).map(|_| ()).unwrap_err().len(), 2);
}

#[test]
fn the_secret_fits_the_way_we_authenticate() {
    let secret = "client_secret: ${CORP_CLIENT_SECRET}";
    changed(CONNECTION, secret, "client_auth: none", &[]);
    changed(
        CONNECTION,
        secret,
        "",
        &[
            "1:1: `client_secret` is missing; write `${NAME}`, or `client_auth: none` for a public client",
        ],
    );
    changed(
        CONNECTION,
        secret,
        "client_auth: private_key_jwt",
        &[
            "1:1: `client_secret` is missing; `private_key_jwt` needs a private key: write `{ file: PATH }`",
        ],
    );
    connection_with(
        "client_auth: none\n",
        &["5:1: a public client (`client_auth: none`) has no secret"],
    );
}

#[test]
fn lists_of_a_connection_are_checked_item_by_item() {
    connection_with(
        "allowed_origins:\n  - https://api.acme.example\n  - http://api.acme.example\n  - https://x.example/v1\n",
        &[
            "8:5: `http://api.acme.example`: only `https` is allowed",
            "9:5: `https://x.example/v1`: an origin has only a scheme, a host and a port",
        ],
    );
    connection_with(
        "scopes: [openid, 'profile email', openid]\n",
        &[
            "6:18: `profile email` is not a scope; write one scope for each place of the list",
            "6:35: `openid` is asked for twice",
        ],
    );
    connection_with(
        "algorithms: [RS256, ES265, none]\n",
        &[
            "6:21: `ES265` is not an algorithm of signatures; did you mean `ES256`?",
            "6:28: `none` is not an algorithm of signatures",
        ],
    );
    connection_with("algorithms: []\n", &["6:1: the list must not be empty"]);
    connection_with(
        "additional_claims: tid groups\n",
        &["6:1: `tid groups` is not the name of a claim: names are separated by commas"],
    );
}

#[test]
fn the_identity_request_is_checked() {
    let identity =
        |get: &str| format!("identity:\n  get: {get}\n  map:\n    ChatUser.Email: email\n");
    connection_with(&identity("'{userinfo}'"), &[]);
    connection_with(
        &format!(
            "allowed_origins: [https://api.acme.example]\n{}",
            identity("https://api.acme.example/me")
        ),
        &[],
    );
    connection_with(
        &identity("https://api.acme.example/me"),
        &["7:3: `https://api.acme.example` may not receive the token; add it to `allowed_origins`"],
    );
    connection_with(
        &identity("userinfo"),
        &["7:3: not an address; write `\"{userinfo}\"` for the provider's own address"],
    );
    connection_with(
        "identity:\n  get: '{userinfo}'\n  map:\n    Email: email\n    ChatUser.SSOToken: email\n    ChatUser.Name: a..b\n",
        &[
            "9:5: a mapping fills fields of `ChatUser`, such as `ChatUser.Email`",
            "10:5: `ChatUser.SSOToken` and `ChatUser.OauthAccessURL` are never filled by a mapping",
            "11:5: the value must name an attribute of the answer, such as `email` or `access_token.email`",
        ],
    );
    let bare =
        "endpoints: { authorization: 'https://a.example/auth', token: 'https://a.example/token' }";
    changed(
        CONNECTION,
        "discovery: https://login.acme.example",
        &format!("{bare}\n{}", identity("'{userinfo}'").trim_end()),
        &["5:3: the provider has no address of user information; add `userinfo` to `endpoints`"],
    );
}

/// Proves in part: PRE-4 (host tokens are not used yet)
#[test]
fn a_provider_of_host_tokens_has_a_name_an_audience_and_an_address_of_keys() {
    let entry = |text: &str| format!("sign_in: {{ connection: corp }}\n  host_tokens:\n{text}");
    let one = "    - { name: one, audience: 'api://a', jwks: 'https://a.example/jwks', issuer: 'https://a.example' }\n";
    let with = |text: &str, expected: &[&str]| {
        changed(
            AGENT,
            "sign_in: { connection: corp }\n",
            &entry(text),
            expected,
        );
    };
    with(one, &[]);
    with(
        &one.replace(" }", ", refresh: 'https://a.example/renew' }"),
        &[],
    );
    with(&one.replace("name: one, ", ""), &["6:7: `name` is missing"]);
    with(
        &one.replace("audience: 'api://a', ", ""),
        &["6:7: `audience` is missing"],
    );
    with(
        &one.replace("jwks: 'https://a.example/jwks', ", ""),
        &["6:7: `jwks` is missing"],
    );
    with(
        &one.replace(", issuer: 'https://a.example'", ""),
        &["6:7: `issuer` is missing"],
    );
    with(
        &one.replace("https://a.example/jwks", "http://a.example"),
        &["6:41: only `https` is allowed"],
    );
    with(
        &format!("{one}{one}"),
        &[
            "7:7: another provider has the same issuer and audience",
            "7:9: there are two providers `one`",
        ],
    );
}

#[test]
fn any_issuer_of_host_tokens_is_warned_about() {
    let mut files = whole();
    let any = files[AGENT].replace("issuer: https://login.acme.example", "issuer: any");
    files.insert(AGENT.to_owned(), any);
    let warnings = reading(&files, false).unwrap().warnings;
    let shown: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [format!(
            "{AGENT}:9:7: every issuer whose key is at `jwks` may sign people in here; \
         name the issuer unless one address serves the keys of all you trust"
        )]
    );
}

#[test]
fn chat_origins_and_userid_characters_are_checked() {
    changed(
        AGENT,
        "start: main",
        "start: main\nchat: { origins: ['*'] }",
        &["6:19: `*`: not an address"],
    );
    changed(
        ORGANIZATION,
        "title",
        "userid_extra_characters: '- '\ntitle",
        &["2:1: a userid has no blanks and no control characters in any organization"],
    );
}

/// Proves in part: SGN-3 (a connection removed later, and the console's save)
#[test]
fn a_step_refers_to_a_connection_that_exists() {
    let mut files = small();
    files.insert(
        FLOW.to_owned(),
        files[FLOW].replace("connection: corp", "connection: corpp"),
    );
    let mistakes = reading(&files, false).map(|_| ()).unwrap_err();
    let [mistake] = mistakes.as_slice() else {
        panic!("{mistakes:?}")
    };
    assert!(
        mistake.starts_with(&format!("{FLOW}:7:7: ")) && mistake.contains("`corpp`"),
        "{mistake}"
    );

    files.insert(FLOW.to_owned(), small()[FLOW].clone());
    files.remove(CONNECTION);
    let mistakes = reading(&files, false).map(|_| ()).unwrap_err();
    assert!(
        mistakes
            .iter()
            .any(|mistake| mistake.starts_with(&format!("{FLOW}:7:7: "))),
        "{mistakes:?}"
    );
    assert!(
        mistakes.contains(&format!("{AGENT}:4:14: there is no connection `corp`")),
        "{mistakes:?}"
    );
}

/// Proves in part: SGN-2 (the name's place in the monitor)
#[test]
fn a_step_without_a_name_is_refused_and_the_field_is_named() {
    changed(
        FLOW,
        "  - id: sign_in\n    sign_in:",
        "  - sign_in:",
        &["5:5: `id` is missing"],
    );
}

#[test]
fn the_start_flow_exists() {
    changed(
        AGENT,
        "start: main",
        "start: mian",
        &["5:1: there is no flow `mian`; did you mean `main`?"],
    );
    let mut files = small();
    files.remove(FLOW);
    check(&files, &[&format!("{AGENT}:5:1: there is no flow `main`")]);
}

#[test]
fn names_are_those_of_the_path() {
    changed(
        ORGANIZATION,
        "organization: acme",
        "organization: acne",
        &["1:1: the name is `acne`, but the path says `acme`"],
    );
    changed(
        CONNECTION,
        "connection: corp",
        "connection: Corp",
        &["1:1: the name is `Corp`, but the path says `corp`"],
    );
    changed(
        AGENT,
        "agent: travel",
        "agent: trains",
        &["1:1: the name is `trains`, but the path says `travel`"],
    );
    changed(
        FLOW,
        "flow: main",
        "flow: other",
        &["1:1: the flow is named `other`, its file `main`"],
    );

    let mut files = small();
    files.insert(
        CONNECTION.replace("corp", "Corp Two"),
        files[CONNECTION].replace("connection: corp", "connection: Corp Two"),
    );
    check(
        &files,
        &[
            "organizations/acme/connections/Corp Two.yaml:1:1: the name `Corp Two` has other characters than \
        lower-case letters, digits and inner hyphens; rename the file or folder; a name has 1 to 63 characters",
        ],
    );
}

#[test]
fn files_that_are_missing_or_astray_are_told() {
    let mut files = small();
    files.remove(ORGANIZATION);
    files.remove(AGENT);
    files.insert(
        "organizations/acme/conections/more.yaml".to_owned(),
        String::new(),
    );
    check(
        &files,
        &[
            "organizations/acme/agents/travel/agent.yaml:1:1: the file is missing",
            "organizations/acme/conections/more.yaml:1:1: no file is expected here; organizations/NAME/ holds \
         organization.yaml, connections/*.yaml, agents/NAME/agent.yaml and agents/NAME/flows/*.yaml",
            "organizations/acme/organization.yaml:1:1: the file is missing",
        ],
    );
    let twice = [
        (ORGANIZATION.to_owned(), small()[ORGANIZATION].clone()),
        (ORGANIZATION.to_owned(), String::new()),
    ];
    let mistakes = read(&twice, &Rules { development: false })
        .map(|_| ())
        .unwrap_err();
    assert_eq!(
        mistakes[0].to_string(),
        format!("{ORGANIZATION}:1:1: the file is given twice")
    );
}

#[test]
fn two_organizations_may_use_the_same_names() {
    let mut files = small();
    for (path, text) in small() {
        files.insert(
            path.replace("acme", "zeta"),
            text.replace("organization: acme", "organization: zeta"),
        );
    }
    let workspace = reading(&files, false).unwrap();
    let names: Vec<(&str, bool)> = workspace
        .organizations
        .iter()
        .map(|(name, inside)| {
            (
                name.as_str(),
                inside.agents.contains_key("travel") && inside.connections.contains_key("corp"),
            )
        })
        .collect();
    assert_eq!(names, [("acme", true), ("zeta", true)]);
}

#[test]
fn all_mistakes_of_all_files_come_at_once_sorted() {
    let mut files = small();
    files.insert(
        ORGANIZATION.to_owned(),
        "organization: acne\ntitle: *x\n".to_owned(),
    );
    files.insert(
        CONNECTION.to_owned(),
        "connection: corp\nclient_id: 7\nscope: []\nredirect: own_one\n".to_owned(),
    );
    files.insert(
        AGENT.to_owned(),
        "agent: travel\ntitle: T\nstart: mein\nsecurity: { sign_in: {} }\n".to_owned(),
    );
    files.insert(
        FLOW.to_owned(),
        "flow: main\nsteps:\n  - id: 5\n  - message: [x]\n    wen: y\n".to_owned(),
    );
    check(
        &files,
        &[
            "organizations/acme/agents/travel/agent.yaml:3:1: there is no flow `mein`; did you mean `main`?",
            "organizations/acme/agents/travel/agent.yaml:4:13: `connection` is missing",
            "organizations/acme/agents/travel/flows/main.yaml:3:5: must be a text, not a number",
            "organizations/acme/agents/travel/flows/main.yaml:4:5: `id` is missing",
            "organizations/acme/agents/travel/flows/main.yaml:4:5: must be a text, not a list",
            "organizations/acme/agents/travel/flows/main.yaml:5:5: unknown key `wen`; did you mean `when`?",
            "organizations/acme/connections/corp.yaml:1:1: `title` is missing",
            "organizations/acme/connections/corp.yaml:2:1: must be a text, not a number",
            "organizations/acme/connections/corp.yaml:3:1: unknown key `scope`; did you mean `scopes`?",
            "organizations/acme/connections/corp.yaml:4:1: must be one of `own`, `shared`",
            "organizations/acme/organization.yaml:2:8: not YAML: while parsing node, found unknown anchor",
        ],
    );
}

#[test]
fn every_kind_has_a_schema_that_refuses_nothing_in_a_key() {
    for kind in Kind::ALL {
        let schema = schema(kind);
        let text = schema.to_string();
        assert!(
            text.contains("2020-12") && !text.contains("\"null\""),
            "{text}"
        );
        assert_eq!(kind.as_str().parse(), Ok(kind));
    }
    assert!("settings".parse::<Kind>().is_err());
}

#[test]
fn the_schemas_are_these() {
    // That of a flow has its own test, in `flow`.
    for kind in [Kind::Organization, Kind::Connection, Kind::Agent] {
        insta::assert_json_snapshot!(kind.as_str(), schema(kind));
    }
}

//! What the check finds in flow files.

use serde_json::json;

use crate::world;

/// Checks `steps` and compares the mistakes, one a line: `POINTER: MESSAGE (HINT)`.
fn check(steps: &str, expected: &[&str]) {
    check_file(
        &format!("flow: main\nvariables: {{ trips: [] }}\nsteps:\n{steps}"),
        expected,
    );
}

fn check_file(source: &str, expected: &[&str]) {
    let mistakes = world::check(&[source]).err().unwrap_or_default();
    let lines: Vec<String> = mistakes
        .into_iter()
        .map(|(_, mistake)| {
            let hint = mistake
                .hint
                .map(|hint| format!(" ({hint})"))
                .unwrap_or_default();
            format!("{}: {}{hint}", mistake.pointer, mistake.message)
        })
        .collect();
    assert_eq!(lines, expected, "{source}");
}

#[test]
fn the_travel_assistant_is_right() {
    check_file(world::TRAVEL, &[]);
}

/// The name in the monitor is shown by the transcripts, whose `= steps:` lines are it.
///
/// Proves: SGN-2
#[test]
fn a_step_without_a_name_is_refused_and_the_field_named() {
    check(
        "  - sign_in: { connection: corp }",
        &["/steps/0/id: the step has no `id` (give it a name, as in `id: sign_in`)"],
    );
    check(
        "  - { id: a b, message: x }\n  - { id: end, message: x }\n  - { id: c, message: x }\n  - { id: c, message: x }",
        &[
            "/steps/0/id: `a b` is not a name for a step (a letter, then letters, digits, `_` and `-`)",
            "/steps/1/id: `end` is the end of the flow, no name for a step",
            "/steps/3/id: there are two steps `c`",
        ],
    );
    let turn =
        world::World::new(world::check(&[world::TRAVEL]).unwrap()).give(flow::Event::Started);
    let names: Vec<_> = turn.steps.iter().map(|step| step.step.as_str()).collect();
    assert_eq!(names, ["greet", "sign_in"]);
}

/// Proves in part: SGN-3 (removal after the save is the app's; its code is shown in the transcripts)
#[test]
fn an_unknown_connection_is_refused() {
    check(
        "  - { id: a, sign_in: { connection: crop } }\n  - { id: b, http: { connection: x, get: 'https://a.example/' } }\n  - { id: c, get_user_identity: { connection: Corp } }",
        &[
            "/steps/0/sign_in/connection: there is no connection `crop` (did you mean `corp`?)",
            "/steps/1/http/connection: there is no connection `x`",
            "/steps/2/get_user_identity/connection: there is no connection `Corp` (did you mean `corp`?)",
        ],
    );
}

#[test]
fn all_mistakes_are_found_at_once() {
    check(
        "  - { id: a, when: '1 +', next: bee, message: '{{ tripps }}', on_exception: [{ when: 'x.y', goto: c }] }
  - { id: bees, message: x, set: { unknown: 1, trips: ['{{ x | uper }}', '{{'] } }
  - { id: sea }
  - { id: d, branch: [{ when: trips == null, goto: ende }], post_actions: [get_user_identity] }
  - { id: e, call: man }
  - { id: f, end: false }
  - { id: g, set: { ChatUser.SSOToken: 1, ChatUser.OauthAccessURL: x, 'ChatUser.a b': 1, Auth: 1 } }",
        &[
            "/steps/0/when: unexpected end of input, expected expression",
            "/steps/0/message: nothing is named `tripps` (did you mean `trips`?)",
            "/steps/0/on_exception/0/when: nothing is named `x` (declare it under `variables`)",
            "/steps/0/on_exception/0/goto: there is no step `c`",
            "/steps/0/next: there is no step `bee` (did you mean `bees`?)",
            "/steps/1/set/unknown: there is no variable `unknown`",
            "/steps/1/set/trips/0: there is no filter `uper` (did you mean `upper`?)",
            "/steps/1/set/trips/1: `{{` is not closed by `}}`",
            "/steps/1: the step has several kinds: message, set (make a step of each)",
            "/steps/2: the step has no kind (add one, such as `message` or `sign_in`)",
            "/steps/3/branch/0/goto: there is no step `ende` (did you mean `end`?)",
            "/steps/3/post_actions/0: this step has no connection whose identity could be fetched",
            "/steps/4/call: there is no flow `man` (did you mean `main`?)",
            "/steps/5/end: only `true` means something here (leave the step out instead)",
            "/steps/6/set/ChatUser.SSOToken: a sign-in sets this; a step may only set it to null, which signs out",
            "/steps/6/set/ChatUser.OauthAccessURL: the server keeps `ChatUser.OauthAccessURL`",
            "/steps/6/set/ChatUser.a b: `a b` is not a name for a field",
            "/steps/6/set/Auth: `Auth` means something else already",
        ],
    );
}

#[test]
fn a_sign_in_is_checked() {
    check(
        "  - id: a
    sign_in: { connection: corp, lives: 20s, card: { text: '{{ nobody }}', buttons: [{ title: '{{', value: cancel }] } }",
        &[
            "/steps/0/sign_in/lives: `20s` is not a duration from 30s to 600s (write `120s` or `2m`)",
            "/steps/0/sign_in/card/text: nothing is named `nobody` (declare it under `variables`)",
            "/steps/0/sign_in/card/buttons: no button opens the link (give one the value `[[ChatUser]].OauthAccessURL`)",
            "/steps/0/sign_in/card/buttons/0/title: `{{` is not closed by `}}`",
        ],
    );
    for (lives, right) in [
        ("30s", true),
        ("10m", true),
        ("600s", true),
        ("11m", false),
        ("'2'", false),
        ("+60s", false),
        ("s", false),
    ] {
        let source = format!(
            "flow: main\nsteps:\n  - {{ id: a, sign_in: {{ connection: corp, lives: {lives} }} }}"
        );
        assert_eq!(world::check(&[&source]).is_ok(), right, "{lives}");
    }
}

/// Proves in part: TPL-4 (what may be written; values are shown by the transcript)
#[test]
fn an_address_names_its_host_literally() {
    let right = [
        "https://a.example/{{ trips }}",
        "https://a.example:8443?q={{ trips }}",
        "https://a.example",
        "http://localhost:1/{% if trips %}x{% endif %}",
    ];
    let wrong = [
        "{{ trips }}",
        "https://{{ trips }}/",
        "https://a.example{{ trips }}",
        "https://a.example:{{ trips }}/",
        "https://a.example{# #}{{ trips }}",
        "{{ 'https' }}://a.example/",
        "https://user@a.example/{{ trips }}",
        "https://a.example@{{ trips }}/",
        "ftp://a.example/",
        "file:///etc/passwd",
        "/relative",
        "https:///{{ trips }}",
        "https://a.example/../{{ trips }}",
        "https://a.example/%2E%2e/x",
        "https://a.example\\\\{{ trips }}",
        "https://a.example/ x",
        "https://a.example/#{{ trips }}",
    ];
    for (address, expected) in right
        .map(|a| (a, true))
        .into_iter()
        .chain(wrong.map(|a| (a, false)))
    {
        let source = format!(
            "flow: main\nvariables: {{ trips: 1 }}\nsteps:\n  - {{ id: a, http: {{ get: \"{address}\" }} }}"
        );
        assert_eq!(world::check(&[&source]).is_ok(), expected, "{address}");
    }
}

#[test]
fn a_call_is_checked() {
    check(
        "  - { id: a, http: { get: 'https://a.example/', post: 'https://a.example/' } }
  - { id: b, http: { into: trips } }
  - { id: c, http: { get: 'https://a.example/', timeout: 61s, headers: { Host: a, 'X Y': b, Accept: c, ACCEPT: d } } }
  - { id: d, http: { get: 'https://a.example/', into: ChatUser } }",
        &[
            "/steps/0/http: one of `get`, `post`, `put`, `patch`, `delete` holds the address",
            "/steps/1/http: one of `get`, `post`, `put`, `patch`, `delete` holds the address",
            "/steps/2/http/headers/Host: the header `Host` cannot be set",
            "/steps/2/http/headers/X Y: the header `X Y` cannot be set",
            "/steps/2/http/headers/ACCEPT: the header `ACCEPT` is set twice",
            "/steps/2/http/timeout: `61s` is not a duration from 1s to 60s (write `120s` or `2m`)",
            "/steps/3/http/into: `ChatUser` means something else already",
        ],
    );
}

#[test]
fn nobody_can_be_asked_where_nobody_is() {
    check_file(
        "flow: main\nstarts: system\nsteps:\n  - { id: a, ask: { into: x } }\n  - { id: b, sign_in: { connection: corp } }",
        &[
            "/steps/0/ask: nobody is there in a flow that starts by `system`",
            "/steps/1/sign_in: nobody is there in a flow that starts by `system`",
        ],
    );
}

#[test]
fn a_file_is_checked() {
    check_file(
        "flow: main\nvariables: { loop: 1, a-b: 2 }\non_exception: sory\nsteps: []",
        &[
            "/variables/loop: `loop` means something else already",
            "/variables/a-b: `a-b` is not a name for a variable (a letter, then letters, digits and `_`)",
            "/steps: a flow has at least one step",
            "/on_exception: there is no step `sory`",
        ],
    );
    let one = "flow: main\nvariables: { x: 1 }\nsteps:\n  - { id: a, call: two }";
    let two = "flow: two\nvariables: { x: 2 }\nsteps:\n  - { id: a, call: three }";
    let mistakes = world::check(&[one, two]).unwrap_err();
    let lines: Vec<_> = mistakes
        .iter()
        .map(|(flow, mistake)| format!("{flow}{}", mistake.pointer))
        .collect();
    assert_eq!(lines, ["two/variables/x", "two/steps/0/call"]);
}

#[test]
fn an_unknown_key_is_refused() {
    for step in [
        json!({ "id": "a", "mesage": "x" }),
        json!({ "id": "a", "sign_in": { "connection": "c", "live": "1s" } }),
    ] {
        let file = json!({ "flow": "main", "steps": [step] });
        let error = serde_json::from_value::<flow::FlowFile>(file)
            .unwrap_err()
            .to_string();
        assert!(error.contains("unknown field"), "{error}");
    }
}

/// The schema is what editors read: it must know every kind, explain every member, and let nothing unknown through.
#[test]
fn the_schema_explains_every_member() {
    let schema = serde_json::to_value(flow::definition::schema()).unwrap();
    let objects = std::iter::once(&schema).chain(schema["$defs"].as_object().unwrap().values());
    for object in objects.filter(|object| object.get("properties").is_some()) {
        assert_eq!(object["additionalProperties"], false, "{object}");
        for (name, property) in object["properties"].as_object().unwrap() {
            assert!(
                property["description"].is_string(),
                "{name} is not explained"
            );
        }
    }
    let step = &schema["$defs"]["StepFile"];
    assert_eq!(step["required"], json!(["id"]));
    assert_eq!(step["properties"].as_object().unwrap().len(), 17);
}

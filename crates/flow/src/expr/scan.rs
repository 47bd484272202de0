//! Reads templates before MiniJinja does: rewrites `[[Entity]].Field`, and lets through only what a
//! flow may use (TPL-2).
//!
//! MiniJinja counts instructions, not the size of what they make: `{% set x = x ~ x %}` a few dozen times, or
//! `"a" * 100000000`, exhausts memory within any fuel. So nothing may give a name to a computed text (`set`, `with`, `macro`),
//! multiplication is a filter that takes numbers only, and joining is counted.

use crate::expr::filters;

/// Longest template in bytes.
const MAX_SOURCE: usize = 16 * 1024;
/// Most tokens in one tag: bounds the depth of the tree that is made of it.
const MAX_TOKENS: usize = 256;
/// Most `~` and `+` in one tag: each may double a text's length.
const MAX_JOINS: usize = 8;
/// Deepest nesting of `if` and `for`.
const MAX_BLOCKS: usize = 16;

const STATEMENTS: [&str; 6] = ["if", "elif", "else", "endif", "for", "endfor"];
const KEYWORDS: [&str; 8] = ["and", "or", "not", "in", "is", "if", "else", "elif"];

/// Why a template is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Fault {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
        }
    }

    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }
}

/// A part of a template: text, or a tag whose inside is rewritten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Text(String),
    Tag(Tag),
}

/// `{{ inside }}` or `{% inside %}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tag {
    pub(crate) prints: bool,
    pub(crate) trims_before: bool,
    pub(crate) inside: String,
    pub(crate) trims_after: bool,
}

/// Splits `source` into its parts, comments left out.
pub(crate) fn template(source: &str) -> Result<Vec<Part>, Fault> {
    check_length(source)?;
    let mut parts = Vec::new();
    let mut blocks: usize = 0;
    let mut rest = source;
    while !rest.is_empty() {
        let opening = next_opening(rest);
        push_text(&mut parts, &rest[..opening]);
        rest = &rest[opening..];
        rest = match rest.get(..2) {
            Some("{{") => print(rest, &mut parts)?,
            Some("{%") => statement(rest, &mut parts, &mut blocks)?,
            Some("{#") => comment(rest)?,
            Some("[[") => entity_in_text(rest, &mut parts),
            Some(_) | None => rest,
        };
    }
    Ok(parts)
}

/// Rewrites one expression.
pub(crate) fn expression(source: &str) -> Result<String, Fault> {
    check_length(source)?;
    let (tokens, rest) = tokens(source)?;
    if !rest.is_empty() {
        return Err(Fault::new(format!(
            "`{}` has no place in an expression",
            clip(rest)
        )));
    }
    rewrite(&tokens)
}

fn check_length(source: &str) -> Result<(), Fault> {
    if source.len() > MAX_SOURCE {
        return Err(Fault::new(format!("longer than {MAX_SOURCE} bytes")));
    }
    Ok(())
}

fn push_text(parts: &mut Vec<Part>, text: &str) {
    match parts.last_mut() {
        _ if text.is_empty() => {}
        Some(Part::Text(before)) => before.push_str(text),
        Some(Part::Tag(_)) | None => parts.push(Part::Text(text.to_owned())),
    }
}

/// Where the next tag or entity begins, or the end.
fn next_opening(text: &str) -> usize {
    text.char_indices()
        .map(|(at, _)| at)
        .find(|&at| match &text.as_bytes()[at..] {
            [b'{', b'{' | b'%' | b'#', ..] => true,
            [b'[', b'[', ..] => entity(&text[at..]).is_some(),
            _ => false,
        })
        .unwrap_or(text.len())
}

fn print<'s>(tag: &'s str, parts: &mut Vec<Part>) -> Result<&'s str, Fault> {
    let (trims_before, inside) = trim_mark(&tag[2..]);
    let (tokens, rest) = tokens(inside)?;
    let (trims_after, rest) = trim_mark(rest);
    let rest = rest
        .strip_prefix("}}")
        .ok_or_else(|| unclosed("{{", "}}", rest))?;
    if tokens.is_empty() {
        return Err(Fault::new("`{{ }}` is empty"));
    }
    parts.push(Part::Tag(Tag {
        prints: true,
        trims_before,
        inside: rewrite(&tokens)?,
        trims_after,
    }));
    Ok(rest)
}

fn statement<'s>(
    tag: &'s str,
    parts: &mut Vec<Part>,
    blocks: &mut usize,
) -> Result<&'s str, Fault> {
    let (trims_before, inside) = trim_mark(&tag[2..]);
    let (tokens, rest) = tokens(inside)?;
    let (trims_after, rest) = trim_mark(rest);
    let rest = rest
        .strip_prefix("%}")
        .ok_or_else(|| unclosed("{%", "%}", rest))?;
    let keyword = tokens.first().map(|token| token.text).unwrap_or_default();
    if !STATEMENTS.contains(&keyword) {
        return Err(
            Fault::new(format!("`{{% {} %}}` is not available", clip(keyword)))
                .hint("a template may use `if` and `for`"),
        );
    }
    match keyword {
        "if" | "for" => *blocks += 1,
        "endif" | "endfor" => *blocks = blocks.saturating_sub(1),
        _ => {}
    }
    if *blocks > MAX_BLOCKS {
        return Err(Fault::new(format!(
            "more than {MAX_BLOCKS} blocks inside of each other"
        )));
    }
    if keyword == "for" {
        check_loop(&tokens)?;
    }
    parts.push(Part::Tag(Tag {
        prints: false,
        trims_before,
        inside: rewrite(&tokens)?,
        trims_after,
    }));
    Ok(rest)
}

fn comment(tag: &str) -> Result<&str, Fault> {
    tag.split_once("#}")
        .map(|(_, rest)| rest)
        .ok_or_else(|| unclosed("{#", "#}", ""))
}

fn entity_in_text<'s>(text: &'s str, parts: &mut Vec<Part>) -> &'s str {
    let Some((name, mut rest)) = entity(text) else {
        return text;
    };
    let mut path = name.to_owned();
    while let Some((field, after)) = rest.strip_prefix('.').and_then(identifier) {
        path.push('.');
        path.push_str(field);
        rest = after;
    }
    parts.push(Part::Tag(Tag {
        prints: true,
        trims_before: false,
        inside: path,
        trims_after: false,
    }));
    rest
}

fn trim_mark(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    }
}

fn unclosed(opening: &str, closing: &str, rest: &str) -> Fault {
    let fault = Fault::new(format!("`{opening}` is not closed by `{closing}`"));
    if rest.is_empty() {
        fault
    } else {
        fault.hint(format!("reading stopped at `{}`", clip(rest)))
    }
}

fn clip(text: &str) -> String {
    text.chars().take(20).collect()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Name,
    Entity,
    Text,
    Number,
    Sign,
}

#[derive(Clone, Copy, Debug)]
struct Token<'s> {
    kind: Kind,
    text: &'s str,
}

impl Token<'_> {
    fn is(self, sign: &str) -> bool {
        self.kind == Kind::Sign && self.text == sign
    }

    fn names(self, names: &[&str]) -> bool {
        self.kind == Kind::Name && names.contains(&self.text)
    }

    /// Whether a value may end with this token.
    fn ends_value(self) -> bool {
        match self.kind {
            Kind::Name => !KEYWORDS.contains(&self.text),
            Kind::Entity | Kind::Text | Kind::Number => true,
            Kind::Sign => matches!(self.text, ")" | "]"),
        }
    }
}

/// The tokens up to the end of the tag, and what is left.
fn tokens(source: &str) -> Result<(Vec<Token<'_>>, &str), Fault> {
    let mut tokens = Vec::new();
    let mut rest = source.trim_start();
    while !rest.is_empty() && !ends_tag(rest) {
        let (token, after) = token(rest)?;
        tokens.push(token);
        if tokens.len() > MAX_TOKENS {
            return Err(Fault::new(format!(
                "more than {MAX_TOKENS} words and signs in one expression"
            )));
        }
        rest = after.trim_start();
    }
    Ok((tokens, rest))
}

fn ends_tag(text: &str) -> bool {
    ["}}", "%}", "-}}", "-%}"]
        .iter()
        .any(|end| text.starts_with(end))
}

fn token(text: &str) -> Result<(Token<'_>, &str), Fault> {
    let of = |kind, len: usize| {
        Ok((
            Token {
                kind,
                text: &text[..len],
            },
            &text[len..],
        ))
    };
    if let Some((name, rest)) = entity(text) {
        return Ok((
            Token {
                kind: Kind::Entity,
                text: name,
            },
            rest,
        ));
    }
    if let Some((name, _)) = identifier(text) {
        return of(Kind::Name, name.len());
    }
    match text.as_bytes() {
        [quote @ (b'"' | b'\''), ..] => of(Kind::Text, quoted(text, *quote)?),
        [b'0'..=b'9', ..] => of(Kind::Number, number(text)),
        [b'=' | b'!' | b'<' | b'>', b'=', ..] | [b'/', b'/', ..] => of(Kind::Sign, 2),
        [byte, ..] if b"+-/%~<>=|.,()[]".contains(byte) => of(Kind::Sign, 1),
        [b'*', ..] => Err(Fault::new("`*` is not available").hint("write `a | times(b)`")),
        _ => Err(Fault::new(format!(
            "`{}` has no place in an expression",
            clip(text)
        ))),
    }
}

/// `[[Name]]` at the start of `text`.
fn entity(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = identifier(text.strip_prefix("[[")?)?;
    Some((name, rest.strip_prefix("]]")?))
}

fn identifier(text: &str) -> Option<(&str, &str)> {
    let first = text.bytes().next()?;
    if !(first.is_ascii_alphabetic() || first == b'_') {
        return None;
    }
    let end = text
        .bytes()
        .position(|b| !(b.is_ascii_alphanumeric() || b == b'_'))
        .unwrap_or(text.len());
    Some(text.split_at(end))
}

fn quoted(text: &str, quote: u8) -> Result<usize, Fault> {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            _ if byte == quote => return Ok(at + 1),
            _ => {}
        }
    }
    Err(Fault::new("a text in quotes does not end"))
}

fn number(text: &str) -> usize {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let whole = digits(text);
    match text[whole..].strip_prefix('.').map(digits) {
        Some(part) if part > 0 => whole + 1 + part,
        Some(_) | None => whole,
    }
}

/// A loop's source is something that exists already: a computed one could double what the loop around it made.
fn check_loop(tokens: &[Token<'_>]) -> Result<(), Fault> {
    let makes = |(at, token): (usize, &Token<'_>)| {
        token.is("~")
            || token.is("+")
            || (token.is("[") && !at.checked_sub(1).is_some_and(|at| tokens[at].ends_value()))
    };
    if tokens.iter().enumerate().any(makes) {
        return Err(Fault::new(
            "a `for` goes over something that exists, not over something computed",
        )
        .hint("put it into a variable with a `set` step first"));
    }
    Ok(())
}

/// Checks the tokens of one tag and writes them as MiniJinja reads them.
fn rewrite(tokens: &[Token<'_>]) -> Result<String, Fault> {
    let joins = tokens
        .iter()
        .filter(|token| token.is("~") || token.is("+"))
        .count();
    if joins > MAX_JOINS {
        return Err(Fault::new(format!(
            "more than {MAX_JOINS} `~` and `+` in one expression"
        )));
    }
    let mut out = String::new();
    let mut at = 0;
    while at < tokens.len() {
        check_call(tokens, at)?;
        check_filter(tokens, at)?;
        if let Some(test) = comparison_with_truth(tokens, at)? {
            out.push_str(&test);
            at += 2;
        } else {
            out.push_str(written(tokens, at));
            at += 1;
        }
        out.push(' ');
    }
    out.pop();
    Ok(out)
}

/// Names that mean null are read from the scope, where all that is null is the same thing.
fn written<'s>(tokens: &[Token<'s>], at: usize) -> &'s str {
    let token = tokens[at];
    let is_field = before(tokens, at, 1).is_some_and(|token| token.is(".") || token.is("|"));
    if token.names(&["none", "None", "null"]) && !is_field && !is_test_name(tokens, at) {
        return "null";
    }
    token.text
}

fn before<'s>(tokens: &[Token<'s>], at: usize, by: usize) -> Option<Token<'s>> {
    at.checked_sub(by).map(|at| tokens[at])
}

fn is_filter_name(tokens: &[Token<'_>], at: usize) -> bool {
    tokens[at].kind == Kind::Name && before(tokens, at, 1).is_some_and(|token| token.is("|"))
}

fn is_test_name(tokens: &[Token<'_>], at: usize) -> bool {
    let follows_is = |by| before(tokens, at, by).is_some_and(|token| token.names(&["is"]));
    let follows_not = before(tokens, at, 1).is_some_and(|token| token.names(&["not"]));
    tokens[at].kind == Kind::Name
        && !tokens[at].names(&["not"])
        && (follows_is(1) || (follows_not && follows_is(2)))
}

/// No functions and no methods (TPL-2): brackets call filters and tests only.
fn check_call(tokens: &[Token<'_>], at: usize) -> Result<(), Fault> {
    let Some(callee) = at.checked_sub(1).filter(|_| tokens[at].is("(")) else {
        return Ok(());
    };
    let may = is_filter_name(tokens, callee) || is_test_name(tokens, callee);
    if tokens[callee].ends_value() && !may {
        return Err(Fault::new(format!(
            "`{}(…)` is not available",
            clip(tokens[callee].text)
        ))
        .hint("expressions have no functions; use a filter, as in `name | upper`"));
    }
    Ok(())
}

fn check_filter(tokens: &[Token<'_>], at: usize) -> Result<(), Fault> {
    let name = tokens[at].text;
    if is_filter_name(tokens, at) && !filters::FILTERS.contains(&name) {
        return Err(unknown("filter", name, &filters::FILTERS));
    }
    if is_test_name(tokens, at) && !filters::TESTS.contains(&name) {
        return Err(unknown("test", name, &filters::TESTS));
    }
    Ok(())
}

fn unknown(what: &str, name: &str, known: &[&str]) -> Fault {
    let fault = Fault::new(format!("there is no {what} `{}`", clip(name)));
    match crate::names::nearest(name, known.iter().copied()) {
        Some(near) => fault.hint(format!("did you mean `{near}`?")),
        None => fault.hint(format!("there are: {}", known.join(", "))),
    }
}

/// `== true` becomes a test, since MiniJinja holds 1 to be equal to true (SGN-9).
fn comparison_with_truth(tokens: &[Token<'_>], at: usize) -> Result<Option<String>, Fault> {
    let is_truth = |token: &Token<'_>| token.names(&["true", "false", "True", "False"]);
    let compares = |token: &Token<'_>| token.is("==") || token.is("!=");
    let next = tokens.get(at + 1);
    let is_field = before(tokens, at, 1).is_some_and(|token| token.is("."));
    if is_truth(&tokens[at]) && !is_field && next.is_some_and(compares) {
        return Err(
            Fault::new("true and false stand on the right of `==`").hint("write `value == true`")
        );
    }
    let Some(truth) = next.filter(|token| compares(&tokens[at]) && is_truth(token)) else {
        return Ok(None);
    };
    let not = if tokens[at].is("!=") { "not " } else { "" };
    Ok(Some(format!("is {not}{}", truth.text.to_ascii_lowercase())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(cases: &[(&str, &str)]) {
        for (source, expected) in cases {
            let got = expression(source).unwrap_or_else(|fault| format!("! {}", fault.message));
            assert_eq!(&got, expected, "{source}");
        }
    }

    #[test]
    fn expressions_are_rewritten() {
        check(&[
            (
                "[[ChatUser]].SSOToken == null",
                "ChatUser . SSOToken == null",
            ),
            (
                "a.none == None and b is not none",
                "a . none == null and b is not none",
            ),
            ("a == true or b != False", "a is true or b is not false"),
            ("a.true == b", "a . true == b"),
            (
                "'[[ChatUser]].x' == \"a\\\"b\"",
                "'[[ChatUser]].x' == \"a\\\"b\"",
            ),
            ("x in ['a', 'b']", "x in [ 'a' , 'b' ]"),
            (
                "trips[0].legs | length >= 1.5",
                "trips [ 0 ] . legs | length >= 1.5",
            ),
            ("(a) and (b is sameas(c))", "! there is no test `sameas`"),
        ]);
    }

    /// Proves in part: TPL-2 (what may be written; the bounds of time and size are shown by the corpus)
    #[test]
    fn what_reaches_further_is_refused() {
        check(&[
            ("range(10)", "! `range(…)` is not available"),
            ("a.b()", "! `b(…)` is not available"),
            ("a['b']()", "! `](…)` is not available"),
            ("'x'.upper()", "! `upper(…)` is not available"),
            ("(a)(b)", "! `)(…)` is not available"),
            ("a * 3", "! `*` is not available"),
            ("{'a': 1}", "! `{'a': 1}` has no place in an expression"),
            ("true == a", "! true and false stand on the right of `==`"),
            ("a | uper", "! there is no filter `uper`"),
            ("a }} {{ b", "! `}} {{ b` has no place in an expression"),
            ("'a", "! a text in quotes does not end"),
            ("a ; b", "! `; b` has no place in an expression"),
            ("ä", "! `ä` has no place in an expression"),
        ]);
    }

    #[test]
    fn only_if_and_for_are_statements() {
        for word in [
            "set x = 1",
            "with",
            "macro m()",
            "include 'a'",
            "import 'a' as b",
            "raw",
            "block b",
            "filter upper",
        ] {
            let fault = template(&format!("{{% {word} %}}")).unwrap_err();
            assert!(
                fault.message.ends_with("is not available"),
                "{word}: {}",
                fault.message
            );
        }
        assert!(template("{% for x in [a, a] %}{% endfor %}").is_err());
        assert!(template("{% for x in a ~ a %}{% endfor %}").is_err());
        assert!(template("{% for x in a[0] %}{% endfor %}").is_ok());
    }

    #[test]
    fn templates_are_split() {
        let text = |text: &str| Part::Text(text.to_owned());
        let print = |inside: &str| {
            Part::Tag(Tag {
                prints: true,
                trims_before: false,
                inside: inside.to_owned(),
                trims_after: false,
            })
        };
        let cases = [
            (
                "Hi [[ChatUser]].FirstName.",
                vec![text("Hi "), print("ChatUser.FirstName"), text(".")],
            ),
            ("[[a b]] [[x", vec![text("[[a b]] [[x")]),
            ("a{# {{ b }} #}c", vec![text("ac")]),
            ("{{ '}}' }}", vec![print("'}}'")]),
            ("{ } %} }}", vec![text("{ } %} }}")]),
        ];
        for (source, parts) in cases {
            assert_eq!(template(source).unwrap(), parts, "{source}");
        }
        for broken in ["{{ a", "{{ }}", "{% if a", "{# a", "{{ a %}"] {
            assert!(template(broken).is_err(), "{broken}");
        }
    }
}

//! Addresses of calls: values are encoded for their place and cannot change where a call goes (TPL-4).

use url::{Origin, Url};

use crate::exception::Exception;
use crate::expr::scan::{Fault, Part};
use crate::expr::{Library, Scope, Text};

/// A template of an address, whose scheme, host and port are literal.
#[derive(Debug)]
pub(crate) struct Address {
    text: Text,
    origin: Origin,
}

impl Address {
    pub(super) fn compile(source: &str, library: &mut Library) -> Result<Self, Fault> {
        let parts = super::scan::template(source.trim())?;
        let literals: Vec<&str> = parts.iter().filter_map(literal).collect();
        if literals
            .iter()
            .any(|text| text.contains(|c: char| c <= ' ' || matches!(c, '\\' | '#' | '\u{7f}')))
        {
            return Err(Fault::new("an address has no blanks, no `\\` and no `#`"));
        }
        let origin = origin(
            parts.first().and_then(literal).unwrap_or_default(),
            parts.len() == 1,
        )?;
        if literals.iter().any(|text| has_dot_segment(text)) {
            return Err(Fault::new("an address has no `.` or `..` between slashes"));
        }
        Ok(Self {
            text: library.assemble(parts, super::Place::Address)?,
            origin,
        })
    }

    pub(super) fn render(&self, library: &Library, scope: &Scope) -> Result<String, Exception> {
        let text = library.text(&self.text, scope)?;
        let url = Url::parse(&text).map_err(|_| misplaced())?;
        let stays = url.origin() == self.origin
            && url.username().is_empty()
            && url.password().is_none()
            && url.fragment().is_none()
            && !has_dot_segment(&text);
        if stays {
            Ok(url.into())
        } else {
            Err(misplaced())
        }
    }
}

fn misplaced() -> Exception {
    Exception::expression("a value does not fit into the address")
}

fn literal(part: &Part) -> Option<&str> {
    match part {
        Part::Text(text) => Some(text),
        Part::Tag(_) => None,
    }
}

/// The origin that stands literally at the start, closed by `/` or `?` so that no value can lengthen the host.
fn origin(start: &str, is_all: bool) -> Result<Origin, Fault> {
    let fault = || {
        Fault::new("scheme, host and port of an address stand there literally")
            .hint("write `https://host/…`, with the first `{{ }}` after the slash")
    };
    let (scheme, rest) = start.split_once("://").ok_or_else(fault)?;
    let authority = match rest.find(['/', '?']) {
        Some(end) => &rest[..end],
        None if is_all => rest,
        None => return Err(fault()),
    };
    let url = Url::parse(&format!("{scheme}://{authority}/")).map_err(|_| fault())?;
    if !matches!(url.scheme(), "http" | "https") || authority.contains('@') {
        return Err(Fault::new(
            "an address begins with `https://host`, without user and password",
        ));
    }
    Ok(url.origin())
}

/// Whether the path has a segment that a URL parser would resolve away.
fn has_dot_segment(text: &str) -> bool {
    let path = text.split('?').next().unwrap_or_default();
    path.split('/').any(|segment| {
        let plain = segment.to_ascii_lowercase().replace("%2e", ".");
        plain == "." || plain == ".."
    })
}

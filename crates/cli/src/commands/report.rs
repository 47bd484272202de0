//! How mistakes and warnings are shown.

use std::io::{IsTerminal as _, stderr};

use crate::host::{admin::Mistake, environment::Environment};

/// Shows them on standard error: all, then how many there are.
pub(super) struct Report {
    colours: bool,
}

impl Report {
    /// Colours are for a terminal, unless `NO_COLOR` is set.
    pub(super) fn new(environment: &Environment) -> Self {
        let wanted = environment.get("NO_COLOR").is_none_or(String::is_empty);
        let able = environment.get("TERM").is_none_or(|term| term != "dumb");
        Self {
            colours: wanted && able && stderr().is_terminal(),
        }
    }

    pub(super) fn warnings(&self, warnings: &[Mistake]) {
        for warning in warnings {
            eprintln!("{}", self.line("warning", "33", warning));
        }
    }

    pub(super) fn mistakes(&self, mistakes: &[Mistake]) {
        for mistake in mistakes {
            eprintln!("{}", self.line("", "31", mistake));
        }
        eprintln!("{}", count(mistakes.len(), "mistake"));
    }

    fn line(&self, kind: &str, colour: &str, mistake: &Mistake) -> String {
        let Mistake {
            file,
            line,
            column,
            message,
            hint,
        } = mistake;
        let place = self.in_colour("1", &format!("{file}:{line}:{column}:"));
        let kind = match kind {
            "" => String::new(),
            kind => format!("{} ", self.in_colour(colour, &format!("{kind}:"))),
        };
        let message = self.in_colour(if kind.is_empty() { colour } else { "0" }, message);
        let hint = hint.as_ref().map(|hint| format!("; {hint}"));
        format!("{place} {kind}{message}{}", hint.unwrap_or_default())
    }

    fn in_colour(&self, colour: &str, text: &str) -> String {
        if self.colours {
            format!("\u{1b}[{colour}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}

/// `1 mistake`, `2 mistakes`.
pub(super) fn count(number: usize, of: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {of}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_one_line_that_editors_understand() {
        let mistake = Mistake {
            file: "organizations/acme/organization.yaml".to_owned(),
            line: 2,
            column: 1,
            message: "unknown key `titel`".to_owned(),
            hint: Some("did you mean `title`?".to_owned()),
        };
        let show = |colours, kind| Report { colours }.line(kind, "31", &mistake);
        assert_eq!(
            show(false, ""),
            "organizations/acme/organization.yaml:2:1: unknown key `titel`; did you mean `title`?"
        );
        assert_eq!(
            show(false, "warning"),
            "organizations/acme/organization.yaml:2:1: warning: unknown key `titel`; did you mean `title`?"
        );
        assert!(show(true, "").contains("\u{1b}[31munknown key"));
    }
}

use std::fmt;

/// Something in a file of the workspace that its writer has to mend.
///
/// Shown as `organizations/acme/connections/corp.yaml:7:1: unknown key `titel`; did you mean `title`?`. No secret that
/// stands in a file by mistake is repeated in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    /// Path below the workspace folder.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What was probably meant, or how to write it.
    pub hint: Option<String>,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            line,
            column,
            message,
            hint,
        } = self;
        write!(f, "{file}:{line}:{column}: {message}")?;
        match hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

/// A mistake in the file at hand; `pointer` is a JSON pointer (RFC 6901), as in those of a flow.
pub(super) use flow::Mistake as Flaw;

pub(super) fn flaw(pointer: impl Into<String>, message: impl Into<String>) -> Flaw {
    Flaw {
        pointer: pointer.into(),
        message: message.into(),
        hint: None,
    }
}

pub(super) fn hinted(
    pointer: impl Into<String>,
    message: impl Into<String>,
    hint: impl Into<String>,
) -> Flaw {
    Flaw {
        hint: Some(hint.into()),
        ..flaw(pointer, message)
    }
}

/// `did you mean …?`, if one of `known` is near enough to `word` to be a slip of the fingers.
pub(super) fn did_you_mean<'a>(
    word: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    let lower = word.to_lowercase();
    let distance = |known: &str| strsim::damerau_levenshtein(&lower, &known.to_lowercase());
    let near = known
        .into_iter()
        .map(|known| (distance(known), known))
        .min()?;
    let allowed = (lower.chars().count() / 3).max(1);
    (near.0 <= allowed).then(|| format!("did you mean `{}`?", near.1))
}

/// A pointer to a member or item of what `pointer` points to.
pub(super) fn below(pointer: &str, name: impl fmt::Display) -> String {
    format!(
        "{pointer}/{}",
        name.to_string().replace('~', "~0").replace('/', "~1")
    )
}

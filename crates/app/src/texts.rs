//! What Usher itself says in a chat, beside the flow's own words: one place for all of it.

/// After a code that is not the right one.
pub(crate) fn wrong_code(left: u32) -> String {
    let tries = if left == 1 { "try is" } else { "tries are" };
    format!(
        "That code is not right. Please look at the sign-in page once more; {left} {tries} left."
    )
}

/// After the last try.
pub(crate) fn code_spent() -> String {
    "That code does not count any more. Please ask for a new link.".to_owned()
}

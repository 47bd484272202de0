//! The filters and tests of expressions. All are bounded: each is charged for what it reads and makes.

#![expect(
    clippy::needless_pass_by_value,
    reason = "MiniJinja gives filters their arguments by value"
)]

use minijinja::value::{Rest, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State};

use crate::expr::scope::{MAX_TEXT, plain, to_value, too_large};

type Jinja = minijinja::Value;

/// What may follow `|`.
pub(crate) const FILTERS: [&str; 21] = [
    "abs",
    "capitalize",
    "count",
    "d",
    "default",
    "first",
    "float",
    "int",
    "items",
    "join",
    "last",
    "length",
    "lower",
    "replace",
    "round",
    "split",
    "string",
    "times",
    "tojson",
    "trim",
    "upper",
];

/// What may follow `is`.
pub(crate) const TESTS: [&str; 18] = [
    "boolean",
    "defined",
    "divisibleby",
    "endingwith",
    "even",
    "false",
    "float",
    "in",
    "integer",
    "iterable",
    "mapping",
    "none",
    "null",
    "number",
    "odd",
    "startingwith",
    "string",
    "true",
];

/// Bytes and elements that one evaluation may handle in filters and output.
const MAX_WORK: usize = 1024 * 1024;

/// Work done by the evaluation that is going on.
struct Work(usize);

/// Charges `amount` to the evaluation.
pub(super) fn charge(state: &mut State<'_, '_>, amount: usize) -> Result<(), Error> {
    let work = state.get_or_insert_extension(Work(0));
    work.0 = work.0.saturating_add(amount);
    if work.0 > MAX_WORK {
        return Err(Error::new(ErrorKind::OutOfFuel, "too much text is handled"));
    }
    Ok(())
}

/// Adds all filters and tests.
pub(super) fn install(env: &mut Environment<'static>) {
    install_text(env);
    install_lists(env);
    install_numbers(env);
    install_tests(env);
}

fn install_text(env: &mut Environment<'static>) {
    env.add_filter("upper", |state: &mut State, v: Jinja| {
        text(state, &v, str::to_uppercase)
    });
    env.add_filter("lower", |state: &mut State, v: Jinja| {
        text(state, &v, str::to_lowercase)
    });
    env.add_filter("trim", |state: &mut State, v: Jinja| {
        text(state, &v, |t| t.trim().to_owned())
    });
    env.add_filter("capitalize", |state: &mut State, v: Jinja| {
        text(state, &v, capitalize)
    });
    env.add_filter("string", |state: &mut State, v: Jinja| {
        text(state, &v, str::to_owned)
    });
    env.add_filter("replace", replace);
    env.add_filter("split", split);
    env.add_filter("tojson", |state: &mut State, v: Jinja| {
        let json = to_value(&v)?.to_json().to_string();
        charge(state, json.len())?;
        bounded(json)
    });
}

fn install_lists(env: &mut Environment<'static>) {
    env.add_filter("length", length);
    env.add_filter("count", length);
    env.add_filter("first", |v: Jinja| at(&v, |_| 0));
    env.add_filter("last", |v: Jinja| at(&v, |len| len - 1));
    env.add_filter("join", join);
    env.add_filter("items", items);
    env.add_filter("default", default);
    env.add_filter("d", default);
}

fn install_numbers(env: &mut Environment<'static>) {
    env.add_filter("int", |v: Jinja| {
        number(&v).map(f64::trunc).map_or(Jinja::UNDEFINED, whole)
    });
    env.add_filter("float", |v: Jinja| {
        number(&v).map_or(Jinja::UNDEFINED, Jinja::from)
    });
    env.add_filter("abs", minijinja::filters::abs);
    env.add_filter("round", round);
    env.add_filter("times", times);
}

fn install_tests(env: &mut Environment<'static>) {
    use minijinja::tests;
    env.add_test("none", |v: &Jinja| is_null(v));
    env.add_test("null", |v: &Jinja| is_null(v));
    env.add_test("defined", |v: &Jinja| !is_null(v));
    env.add_test("true", |v: &Jinja| {
        v.kind() == ValueKind::Bool && v.is_true()
    });
    env.add_test("false", |v: &Jinja| {
        v.kind() == ValueKind::Bool && !v.is_true()
    });
    env.add_test("boolean", tests::is_boolean);
    env.add_test("number", tests::is_number);
    env.add_test("integer", tests::is_integer);
    env.add_test("float", tests::is_float);
    env.add_test("string", tests::is_string);
    env.add_test("mapping", tests::is_mapping);
    env.add_test("iterable", tests::is_iterable);
    env.add_test("odd", tests::is_odd);
    env.add_test("even", tests::is_even);
    env.add_test("divisibleby", is_divisible);
    env.add_test("startingwith", tests::is_startingwith);
    env.add_test("endingwith", tests::is_endingwith);
    env.add_test("in", tests::is_in);
}

/// MiniJinja's own divides by zero.
fn is_divisible(value: &Jinja, by: &Jinja) -> bool {
    match (value.as_i64(), by.as_i64()) {
        (Some(value), Some(by)) => value.checked_rem(by) == Some(0),
        (Some(_) | None, Some(_) | None) => false,
    }
}

fn is_null(value: &Jinja) -> bool {
    value.is_undefined() || value.is_none()
}

fn bounded(text: String) -> Result<Jinja, Error> {
    if text.len() > MAX_TEXT {
        Err(too_large())
    } else {
        Ok(text.into())
    }
}

/// Null stays null; all else is text.
fn text(
    state: &mut State,
    value: &Jinja,
    make: impl FnOnce(&str) -> String,
) -> Result<Jinja, Error> {
    if is_null(value) {
        return Ok(Jinja::UNDEFINED);
    }
    let text = plain(value)?;
    charge(state, text.len())?;
    bounded(make(&text))
}

fn capitalize(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

fn replace(state: &mut State, value: Jinja, from: String, to: String) -> Result<Jinja, Error> {
    let text = plain(&value)?;
    charge(state, text.len())?;
    if from.is_empty() {
        return bounded(text);
    }
    let longer = text.matches(&from).count().saturating_mul(to.len());
    if longer > MAX_TEXT {
        return Err(too_large());
    }
    bounded(text.replace(&from, &to))
}

fn split(state: &mut State, value: Jinja, by: String) -> Result<Jinja, Error> {
    let text = plain(&value)?;
    charge(state, text.len())?;
    if by.is_empty() {
        return Err(Error::new(
            ErrorKind::InvalidOperation,
            "`split` needs what to split at",
        ));
    }
    Ok(text.split(&by).map(Jinja::from).collect::<Vec<_>>().into())
}

fn length(state: &mut State, value: Jinja) -> Result<usize, Error> {
    if let Some(text) = value.as_str() {
        charge(state, text.len())?;
    }
    Ok(value.len().unwrap_or(0))
}

fn at(value: &Jinja, index: impl FnOnce(usize) -> usize) -> Jinja {
    let Some(len) = value.len().filter(|len| *len > 0) else {
        return Jinja::UNDEFINED;
    };
    let index = index(len);
    match value.as_str() {
        Some(text) => text
            .chars()
            .nth(index)
            .map_or(Jinja::UNDEFINED, Jinja::from),
        None => value.get_item_by_index(index).unwrap_or(Jinja::UNDEFINED),
    }
}

fn join(state: &mut State, value: Jinja, by: Rest<String>) -> Result<Jinja, Error> {
    let by = by.first().map_or("", String::as_str);
    let mut out = String::new();
    for (index, item) in value.try_iter()?.checked().enumerate() {
        if index > 0 {
            out.push_str(by);
        }
        let before = out.len();
        out.push_str(&plain(&item?)?);
        charge(state, 1 + by.len() + out.len() - before)?;
        if out.len() > MAX_TEXT {
            return Err(too_large());
        }
    }
    Ok(out.into())
}

fn items(state: &mut State, value: Jinja) -> Result<Jinja, Error> {
    charge(state, value.len().unwrap_or(0))?;
    let pair = |key: Result<Jinja, Error>| {
        let key = key?;
        let item = value.get_item(&key)?;
        Ok(Jinja::from(vec![key, item]))
    };
    value
        .try_iter()?
        .checked()
        .map(pair)
        .collect::<Result<Vec<_>, Error>>()
        .map(Jinja::from)
}

/// The other value in place of null; with `true` as second argument, in place of anything empty.
fn default(value: Jinja, other: Jinja, empty_too: Option<bool>) -> Jinja {
    let missing = is_null(&value) || (empty_too == Some(true) && !value.is_true());
    if missing { other } else { value }
}

fn number(value: &Jinja) -> Option<f64> {
    match value.as_str() {
        Some(text) => text.trim().parse().ok(),
        None if value.kind() == ValueKind::Number => f64::try_from(value.clone()).ok(),
        None => None,
    }
}

/// Whole numbers beyond what a float holds exactly stay floats.
fn whole(number: f64) -> Jinja {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "within the bounds just checked"
    )]
    if number.abs() <= EXACT {
        Jinja::from(number as i64)
    } else {
        Jinja::from(number)
    }
}

/// Rounds to whole numbers, or to up to 9 digits after the point.
fn round(value: Jinja, digits: Option<i32>) -> Result<Jinja, Error> {
    let fault = || {
        Error::new(
            ErrorKind::InvalidOperation,
            "`round` needs a number, and 0 to 9 digits",
        )
    };
    let digits = digits.unwrap_or(0);
    let exact = number(&value)
        .filter(|_| value.as_str().is_none() && (0..=9).contains(&digits))
        .ok_or_else(fault)?;
    let scale = 10_f64.powi(digits);
    let rounded = (exact * scale).round() / scale;
    Ok(if digits == 0 {
        whole(rounded)
    } else {
        rounded.into()
    })
}

fn times(value: Jinja, by: Jinja) -> Result<Jinja, Error> {
    let fault = || Error::new(ErrorKind::InvalidOperation, "`times` needs two numbers");
    if let (true, Some(a), true, Some(b)) = (
        value.is_integer(),
        value.as_i64(),
        by.is_integer(),
        by.as_i64(),
    ) {
        return a.checked_mul(b).map(Jinja::from).ok_or_else(fault);
    }
    let both = number(&value)
        .zip(number(&by))
        .filter(|_| value.as_str().is_none() && by.as_str().is_none());
    both.map(|(a, b)| Jinja::from(a * b)).ok_or_else(fault)
}

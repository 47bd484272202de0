//! How our types stand in columns.

use jiff::Timestamp;
use rusqlite::ToSql;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};

use crate::{
    ActivityId, AttemptId, AttemptState, ConversationId, Digest, GrantId, Json, Organization,
    OutboxId, SessionId, VersionId,
};

macro_rules! ids {
    ($($name:ident)*) => {$(
        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(blob(self.as_bytes()))
            }
        }

        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                FromSql::column_result(value).map(Self::from_bytes)
            }
        }
    )*};
}

ids! { ActivityId AttemptId ConversationId GrantId OutboxId SessionId VersionId }

fn blob(bytes: &[u8]) -> ToSqlOutput<'_> {
    ToSqlOutput::Borrowed(ValueRef::Blob(bytes))
}

fn text(text: &str) -> ToSqlOutput<'_> {
    ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes()))
}

impl ToSql for Digest {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(blob(&self.0))
    }
}

impl FromSql for Digest {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        FromSql::column_result(value).map(Self)
    }
}

impl ToSql for Organization {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(text(self.as_str()))
    }
}

impl FromSql for Organization {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Self::parse(value.as_str()?).map_err(FromSqlError::other)
    }
}

impl ToSql for Json {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(text(self.as_str()))
    }
}

impl FromSql for Json {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Self::parse(value.as_str()?).map_err(FromSqlError::other)
    }
}

/// Documents in one column, as a list.
pub(super) struct Documents(pub(super) Vec<Json>);

impl ToSql for Documents {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let texts: Vec<&str> = self.0.iter().map(Json::as_str).collect();
        Ok(format!("[{}]", texts.join(",")).into())
    }
}

impl FromSql for Documents {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let list = serde_json::from_str(value.as_str()?);
        list.map(Self).map_err(FromSqlError::other)
    }
}

impl ToSql for AttemptState {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(text(self.as_str()))
    }
}

impl FromSql for AttemptState {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let text = value.as_str()?;
        let all = Self::UNFINISHED
            .into_iter()
            .chain([Self::Released, Self::Failed]);
        let named = all.into_iter().find(|state| state.as_str() == text);
        named.ok_or_else(|| FromSqlError::other(UnknownState(text.to_owned())))
    }
}

#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no state of an attempt")]
struct UnknownState(String);

/// An instant, in nanoseconds since 1970; one after the year 2262 is stored as that.
#[derive(Clone, Copy)]
pub(super) struct At(pub(super) Timestamp);

impl ToSql for At {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let nanos = self.0.as_nanosecond();
        let nearest = if nanos < 0 { i64::MIN } else { i64::MAX };
        Ok(i64::try_from(nanos).unwrap_or(nearest).into())
    }
}

impl FromSql for At {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let at = Timestamp::from_nanosecond(value.as_i64()?.into());
        at.map(Self).map_err(FromSqlError::other)
    }
}

/// A number of 64 bits without sign, in a column of 64 bits with one.
pub(super) struct Bits(pub(super) u64);

impl ToSql for Bits {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.cast_signed().into())
    }
}

impl FromSql for Bits {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Ok(Self(value.as_i64()?.cast_unsigned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    fn there_and_back(at: Timestamp) -> Timestamp {
        let at = At(at);
        let value = at.to_sql().unwrap();
        let ToSqlOutput::Owned(value) = value else {
            panic!("an instant is a number")
        };
        At::column_result(ValueRef::from(&value)).unwrap().0
    }

    #[test]
    fn an_instant_keeps_its_nanoseconds() {
        let at = Timestamp::UNIX_EPOCH + SignedDuration::new(1_800_000_000, 123_456_789);
        assert_eq!(there_and_back(at), at);
        assert_eq!(
            there_and_back(Timestamp::MAX).to_string(),
            "2262-04-11T23:47:16.854775807Z"
        );
    }

    #[test]
    fn documents_stay_apart() {
        let list = ["{\"a\":1}", "[2,3]", "\"x,y\""].map(|text| Json::parse(text).unwrap());
        let documents = Documents(list.to_vec());
        let value = documents.to_sql().unwrap();
        let ToSqlOutput::Owned(value) = value else {
            panic!("a list is made")
        };
        assert_eq!(
            Documents::column_result(ValueRef::from(&value)).unwrap().0,
            list
        );
    }
}

//! Our values as columns hold them: ids and words as text, flags and counts as integers, lists and maps as JSON.
//!
//! Every value is bound and read as itself, `bind(image.status)` and `row.try_get("status")`; a column that holds
//! anything else than the value's own form is a damaged row.

use serde::{Serialize, de::DeserializeOwned};
use sqlx::{
    Any, ColumnIndex, Database, Decode, Encode, Row as _, Type,
    any::{AnyRow, AnyTypeInfo, AnyValueRef},
    encode::IsNull,
    error::BoxDynError,
};

use crate::{
    ids::{ChannelId, ImageId, InstanceId, JobId, ProjectId, ServerGroupId, UserId},
    model::{
        Kept, action::ActionResult, channel, credential::ScopeKind, event, fill::FillKind, image, instance, job,
        member, metadef, role, server_group, share, task, verification,
    },
};

type AnyArgumentBuffer = <Any as Database>::ArgumentBuffer;

/// Values that a column holds as their text.
macro_rules! text {
    ($($value:ty),+ $(,)?) => {$(
        impl Type<Any> for $value {
            fn type_info() -> AnyTypeInfo {
                <str as Type<Any>>::type_info()
            }
        }

        impl Encode<'_, Any> for $value {
            fn encode_by_ref(&self, buffer: &mut AnyArgumentBuffer) -> Result<IsNull, BoxDynError> {
                <String as Encode<Any>>::encode(self.to_string(), buffer)
            }
        }

        impl<'r> Decode<'r, Any> for $value {
            fn decode(value: AnyValueRef<'r>) -> Result<$value, BoxDynError> {
                Ok(<&str as Decode<Any>>::decode(value)?.parse()?)
            }
        }
    )+};
}

text!(ChannelId, ImageId, InstanceId, JobId, ProjectId, ServerGroupId, UserId);
text!(image::Status, image::Visibility, image::PublicHold, image::StoreNames, FillKind);
text!(instance::Status, instance::TaskState, ActionResult);
text!(member::MemberStatus, verification::Verdict, verification::Seen, job::Lane, job::JobState, metadef::Kind);
text!(channel::StepKind, share::ShareStep, event::Outcome, task::TaskKind, task::TaskStatus);
text!(ScopeKind, role::ActorKind, role::TargetKind, server_group::GroupPolicy);

impl<T> Type<Any> for Kept<T> {
    fn type_info() -> AnyTypeInfo {
        <str as Type<Any>>::type_info()
    }
}

impl<T> Encode<'_, Any> for Kept<T> {
    fn encode_by_ref(&self, buffer: &mut AnyArgumentBuffer) -> Result<IsNull, BoxDynError> {
        <&str as Encode<Any>>::encode(self.as_json(), buffer)
    }
}

impl<'r, T> Decode<'r, Any> for Kept<T> {
    fn decode(value: AnyValueRef<'r>) -> Result<Kept<T>, BoxDynError> {
        Ok(Kept::from_row(<String as Decode<Any>>::decode(value)?))
    }
}

/// A flag, which is 0 or 1: SQLite has no booleans.
pub(super) struct Flag(pub(super) bool);

impl Type<Any> for Flag {
    fn type_info() -> AnyTypeInfo {
        <i64 as Type<Any>>::type_info()
    }

    fn compatible(kind: &AnyTypeInfo) -> bool {
        <i64 as Type<Any>>::compatible(kind)
    }
}

impl Encode<'_, Any> for Flag {
    fn encode_by_ref(&self, buffer: &mut AnyArgumentBuffer) -> Result<IsNull, BoxDynError> {
        <i64 as Encode<Any>>::encode(i64::from(self.0), buffer)
    }
}

impl<'r> Decode<'r, Any> for Flag {
    fn decode(value: AnyValueRef<'r>) -> Result<Flag, BoxDynError> {
        Ok(Flag(<i64 as Decode<Any>>::decode(value)? != 0))
    }
}

/// A value that a column holds as JSON.
pub(super) struct Json<T>(pub(super) T);

impl<T> Type<Any> for Json<T> {
    fn type_info() -> AnyTypeInfo {
        <str as Type<Any>>::type_info()
    }
}

impl<T: Serialize> Encode<'_, Any> for Json<T> {
    fn encode_by_ref(&self, buffer: &mut AnyArgumentBuffer) -> Result<IsNull, BoxDynError> {
        <String as Encode<Any>>::encode(serde_json::to_string(&self.0)?, buffer)
    }
}

impl<'r, T: DeserializeOwned> Decode<'r, Any> for Json<T> {
    fn decode(value: AnyValueRef<'r>) -> Result<Json<T>, BoxDynError> {
        Ok(Json(serde_json::from_str(<&str as Decode<Any>>::decode(value)?)?))
    }
}

/// A count, of whatever width its value has: columns have one width, and no sign is expected.
struct Count<T>(T);

impl<T> Type<Any> for Count<T> {
    fn type_info() -> AnyTypeInfo {
        <i64 as Type<Any>>::type_info()
    }

    fn compatible(kind: &AnyTypeInfo) -> bool {
        <i64 as Type<Any>>::compatible(kind)
    }
}

impl<'r, T: TryFrom<i64, Error: std::error::Error + Send + Sync + 'static>> Decode<'r, Any> for Count<T> {
    fn decode(value: AnyValueRef<'r>) -> Result<Count<T>, BoxDynError> {
        Ok(Count(T::try_from(<i64 as Decode<Any>>::decode(value)?)?))
    }
}

/// Reads a flag.
pub(super) fn flag(row: &AnyRow, column: impl ColumnIndex<AnyRow>) -> sqlx::Result<bool> {
    row.try_get::<Flag, _>(column).map(|flag| flag.0)
}

/// Reads JSON.
pub(super) fn json<T: DeserializeOwned>(row: &AnyRow, column: impl ColumnIndex<AnyRow>) -> sqlx::Result<T> {
    row.try_get::<Json<T>, _>(column).map(|json| json.0)
}

/// Reads a count.
pub(super) fn count<T: TryFrom<i64, Error: std::error::Error + Send + Sync + 'static>>(
    row: &AnyRow,
    column: impl ColumnIndex<AnyRow>,
) -> sqlx::Result<T> {
    row.try_get::<Count<T>, _>(column).map(|count| count.0)
}

/// How rows of a statement become values of this type, a column for each field: under the field's name, or the one that
/// is said; as it is, or as `flag`, `json` or `count`.
macro_rules! from_row {
    ($type:ident { $($field:ident $(= $column:literal)? $(as $read:ident)?),+ $(,)? }) => {
        impl sqlx::FromRow<'_, sqlx::any::AnyRow> for $type {
            fn from_row(row: &sqlx::any::AnyRow) -> sqlx::Result<$type> {
                use $crate::db::columns::{get, named};
                Ok($type { $($field: get!(row, named!($field $(, $column)?) $(, $read)?)),+ })
            }
        }
    };
}

/// The name of a field's column.
macro_rules! named {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident, $column:literal) => {
        $column
    };
}

/// Reads a column.
macro_rules! get {
    ($row:ident, $column:expr) => {
        sqlx::Row::try_get($row, $column)?
    };
    ($row:ident, $column:expr, $read:ident) => {
        $crate::db::columns::$read($row, $column)?
    };
}

pub(super) use {from_row, get, named};

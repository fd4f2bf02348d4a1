//! The words of the model's enums in `/openapi.json`: answers hold those enums as they are.

use std::borrow::Cow;

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

use crate::model::{
    channel::StepKind,
    event::Outcome,
    image::{PublicHold, Status, Visibility},
    member::MemberStatus,
    reference::Broken,
    share::ShareStep,
    verification::{Seen, Verdict, VerificationState},
};

/// Gives an enum a schema of this name, of those of its words that a client sees. The model knows no schemas.
macro_rules! words {
    ($($words:ident as $name:literal { $($word:ident)+ } $($says:literal)?)+) => {$(
        impl PartialSchema for $words {
            fn schema() -> RefOr<Schema> {
                let words = [$($words::$word.into_str()),+];
                let schema = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words));
                $(let schema = schema.description(Some($says));)?
                schema.build().into()
            }
        }

        impl ToSchema for $words {
            fn name() -> Cow<'static, str> {
                $name.into()
            }
        }
    )+};
}

words! {
    // Nobody sees a deleted image.
    Status as "ImageStatus" { Queued Saving Uploading Importing Active Deactivated }
    Visibility as "ImageVisibility" { Public Community Shared Private }
    PublicHold as "PublicHold" { Pending Held }
        "`pending`: nothing is stated of it yet. `held`: the statement keeps it back."
    Verdict as "Verdict" { Passed Failed }
    Seen as "Seen" { Whole Partly Unknown }
    VerificationState as "VerificationState" { None Waiting Running Done }
    Outcome as "Outcome" { Success Failure }
    StepKind as "ChannelAction" { Promoted RolledBack }
    MemberStatus as "MemberStatus" { Pending Accepted Rejected }
    ShareStep as "ShareStep" { Shared Changed Pending Accepted Rejected Ended Expired }
        "`ended` by its owner, `expired` by its date."
    Broken as "Broken" { Rebuilds Shares Release Work }
}

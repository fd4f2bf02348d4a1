//! The names of things: one type for each, so that none is taken for another.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $form:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Uuid);

        impl $name {
            /// A name nobody has had before.
            #[allow(clippy::new_without_default, reason = "a random name is not a default")]
            pub fn new() -> $name {
                $name(Uuid::new_v4())
            }

            /// The name of nobody and nothing: all zeroes.
            pub fn nil() -> $name {
                $name(Uuid::nil())
            }

            /// The plain UUID.
            pub fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0.$form())
            }
        }

        impl FromStr for $name {
            type Err = BadId;
            fn from_str(text: &str) -> Result<$name, BadId> {
                Uuid::try_parse(text).map($name).map_err(|_| BadId)
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadId;
            fn try_from(text: String) -> Result<$name, BadId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.to_string()
            }
        }
    };
}

/// The text is no UUID.
#[derive(Debug, thiserror::Error)]
#[error("not a UUID")]
pub struct BadId;

id!(
    /// An image. Written with hyphens, as Glance does.
    ImageId, hyphenated
);
id!(
    /// An instance. Written with hyphens, as Nova does.
    InstanceId, hyphenated
);
id!(
    /// A row of work that outlives its request.
    JobId, hyphenated
);
id!(
    /// A project. Written without hyphens, as Keystone does.
    ProjectId, simple
);
id!(
    /// A user. Written without hyphens, as Keystone does.
    UserId, simple
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_written_as_openstack_writes_them_and_read_in_both_forms() {
        let image = ImageId::new();
        let project = ProjectId::new();
        assert_eq!(image.to_string().len(), 36);
        assert_eq!(project.to_string().len(), 32);
        assert_eq!(project.uuid().hyphenated().to_string().parse::<ProjectId>().expect("parse"), project);
        assert!("no-uuid".parse::<ImageId>().is_err());
    }
}

//! The names of things: one type for each, so that none is taken for another.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The ways from text to any id and back.
macro_rules! common {
    ($name:ident) => {
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

/// An id that this service gives: a UUID, written with hyphens.
macro_rules! own_id {
    ($(#[$doc:meta])* $name:ident) => {
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

            /// The plain UUID.
            pub fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0.hyphenated())
            }
        }

        impl FromStr for $name {
            type Err = BadId;
            fn from_str(text: &str) -> Result<$name, BadId> {
                Uuid::try_parse(text).map($name).map_err(|_| BadId("not a UUID"))
            }
        }

        common!($name);
    };
}

/// An id that Keystone may have given: text that means nothing here, and is compared as it is written.
macro_rules! given_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Word);

        impl $name {
            /// A name nobody has had before: a UUID without hyphens, as Keystone gives them.
            #[allow(clippy::new_without_default, reason = "a random name is not a default")]
            pub fn new() -> $name {
                Uuid::new_v4().into()
            }

            /// The name of nobody and nothing: all zeroes.
            pub fn nil() -> $name {
                Uuid::nil().into()
            }

            /// The id as it is written.
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> $name {
                let mut word = Word([0; MAX_CHARS]);
                id.simple().encode_lower(&mut word.0);
                $name(word)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl FromStr for $name {
            type Err = BadId;
            fn from_str(text: &str) -> Result<$name, BadId> {
                Word::of(text).map($name)
            }
        }

        common!($name);
    };
}

/// The longest id of a user or a project, as Keystone has it: a user of LDAP has the 64 digits of a SHA-256.
const MAX_CHARS: usize = 64;

/// A short text that is copied as a number is. Behind its letters are zeroes only, so that two are equal as texts are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Word([u8; MAX_CHARS]);

impl Word {
    /// An id stands in URLs, in headers, in names of cookies and in JSON: it has no letter that means something there.
    fn of(text: &str) -> Result<Word, BadId> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~:@+".contains(&byte);
        if !(1..=MAX_CHARS).contains(&text.len()) || !text.bytes().all(is_plain) {
            return Err(BadId("not an id: it has 1 to 64 letters, digits and -_.~:@+"));
        }
        let mut word = [0; MAX_CHARS];
        word[..text.len()].copy_from_slice(text.as_bytes());
        Ok(Word(word))
    }

    fn as_str(&self) -> &str {
        let end = self.0.iter().position(|byte| *byte == 0).unwrap_or(MAX_CHARS);
        std::str::from_utf8(&self.0[..end]).unwrap_or_default()
    }
}

/// The text is no id.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadId(&'static str);

own_id!(
    /// An image.
    ImageId
);
own_id!(
    /// An instance.
    InstanceId
);
own_id!(
    /// A server group.
    ServerGroupId
);
own_id!(
    /// A channel.
    ChannelId
);
own_id!(
    /// A row of work that outlives its request.
    JobId
);
given_id!(
    /// A project.
    ProjectId
);
given_id!(
    /// A user.
    UserId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_written_as_openstack_writes_them() {
        assert_eq!(ImageId::new().to_string().len(), 36);
        assert_eq!(ProjectId::new().to_string().len(), 32);
        assert_eq!(UserId::nil().to_string(), "0".repeat(32));
        assert!("no-uuid".parse::<ImageId>().is_err());
    }

    #[test]
    fn ids_of_users_and_projects_are_kept_as_they_are_given() {
        let hashed = "0123456789abcdef".repeat(4);
        for given in ["p", "default", "6F9619FF-8B86-D011-B42D-00CF4FC964FF", "a.b_c~d:e@f+g", &hashed] {
            let id: ProjectId = given.parse().unwrap();
            assert_eq!(id.to_string(), given);
            assert_eq!(serde_json::from_str::<ProjectId>(&serde_json::to_string(&id).unwrap()).unwrap(), id);
        }
        for wrong in ["", " ", "a b", "a/b", "a\"b", "a\0b", "é", &format!("{hashed}0")] {
            assert!(wrong.parse::<UserId>().is_err(), "{wrong:?}");
        }
        let mut sorted = ["b", "ab", "a"].map(|id| id.parse::<UserId>().unwrap());
        sorted.sort();
        assert_eq!(sorted.map(|id| id.to_string()), ["a", "ab", "b"]);
    }
}

//! The definitions that are there from the first start on.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Item, Namespace, check};
use crate::{
    db::now_ms,
    error::{Error, Result},
    identity::Caller,
};

#[derive(Deserialize)]
struct Definitions {
    resource_types: Vec<String>,
    namespaces: Vec<Map<String, Value>>,
}

/// Resource types, and namespaces with what is in them.
pub(super) type Usual = (Vec<String>, Vec<(Namespace, Vec<Item>)>);

/// The usual definitions.
pub(super) fn definitions() -> Result<Usual> {
    let read: Definitions = serde_json::from_str(include_str!("definitions.json")).map_err(Error::internal)?;
    let now = now_ms();
    let provider = Value::String(crate::ids::ProjectId::nil().to_string());
    let namespaces = read.namespaces.into_iter().map(|mut body| {
        body.insert("owner".into(), provider.clone());
        check::namespace(&Caller::operator(), body, now)
    });
    Ok((read.resource_types, namespaces.collect::<Result<_>>()?))
}

#[cfg(test)]
mod tests {
    use super::{super::Kind, *};

    #[test]
    fn the_usual_definitions_hold_to_their_schemas() {
        let (types, namespaces) = definitions().unwrap();
        assert!(namespaces.len() > 10);
        for (namespace, items) in &namespaces {
            assert!(namespace.is_public && namespace.protected, "{}", namespace.name);
            let of = items.iter().filter(|item| item.kind == Kind::ResourceType);
            for item in of {
                assert!(types.contains(&item.name), "{} is about {}", namespace.name, item.name);
            }
            assert!(items.iter().any(|item| item.kind != Kind::ResourceType), "{} is empty", namespace.name);
        }
    }
}

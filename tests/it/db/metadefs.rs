//! The rows of metadata definitions.

use effigy::{
    error::Error,
    ids::ProjectId,
    model::{
        Step,
        metadef::{Item, Kind, Namespace},
    },
};

use super::{Fresh, both};

fn namespace(name: &str) -> Namespace {
    Namespace {
        name: name.into(),
        display_name: None,
        description: Some("quote ' and 🦀".into()),
        is_public: true,
        protected: false,
        owner: ProjectId::new(),
        created_ms: 1,
        updated_ms: 2,
    }
}

fn item(kind: Kind, name: &str) -> Item {
    Item { kind, name: name.into(), body: "{}".into(), created_ms: 1, updated_ms: 1 }
}

#[tokio::test]
async fn definitions_are_kept_renamed_and_deleted_with_their_namespace() {
    for Fresh { name, db, .. } in both().await {
        let shown = namespace("n");
        let items = [item(Kind::Tag, "a"), item(Kind::Object, "a"), item(Kind::ResourceType, "R")];
        db.insert_metadef_namespace(&shown, &items).await.expect("insert");
        assert_eq!(db.metadef_namespace("n").await.expect("read"), Some(shown.clone()), "{name}");
        let again = db.insert_metadef_namespace(&shown, &[]).await;
        assert!(matches!(again, Err(Error::Conflict(_))), "{name}: {again:?}");
        let twice = db.add_metadef_items("n", &[item(Kind::Tag, "b"), item(Kind::Tag, "a")]).await;
        assert!(matches!(twice, Err(Error::Conflict(_))), "{name}: {twice:?}");
        assert_eq!(db.metadef_items("n", &[Kind::Tag]).await.expect("items").len(), 1, "{name}: half was added");
        let nowhere = db.add_metadef_items("nowhere", &[item(Kind::Tag, "b")]).await;
        assert!(matches!(nowhere, Err(Error::NotFound(_))), "{name}: {nowhere:?}");

        let renamed = Namespace { name: "m".into(), protected: true, ..shown };
        assert_eq!(db.update_metadef_namespace("n", &renamed).await.expect("rename"), Step::Done, "{name}");
        assert_eq!(db.metadef_items("m", &[Kind::Tag, Kind::Object]).await.expect("items").len(), 2, "{name}");
        assert_eq!(db.delete_metadef_namespace("m").await.expect("delete"), Step::Lost, "{name}: protected");
        let open = Namespace { protected: false, ..renamed };
        db.update_metadef_namespace("m", &open).await.expect("update");
        assert_eq!(db.delete_metadef_namespace("m").await.expect("delete"), Step::Done, "{name}");
        assert_eq!(db.metadef_items("m", &[Kind::Tag]).await.expect("items"), [], "{name}");
        let types = db.metadef_resource_types().await.expect("types");
        assert_eq!(types.iter().map(|of| of.name.as_str()).collect::<Vec<_>>(), ["R"], "{name}");
    }
}

#[tokio::test]
async fn the_usual_definitions_are_added_once() {
    for Fresh { name, db, .. } in both().await {
        let usual = [(namespace("usual"), vec![item(Kind::Tag, "t")])];
        db.seed_metadefs(&["R".into()], &usual).await.expect("seed");
        db.delete_metadef_namespace("usual").await.expect("delete");
        db.seed_metadefs(&["R".into()], &usual).await.expect("seed");
        assert_eq!(db.metadef_namespaces().await.expect("read"), [], "{name}: what an admin deleted is back");
    }
}

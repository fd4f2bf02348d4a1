//! Metadata definitions.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Effigy, People, Person};

const NAMESPACES: &str = "/image/v2/metadefs/namespaces";

fn at(namespace: &str, rest: &str) -> String {
    format!("{NAMESPACES}/{namespace}{rest}")
}

async fn make(admin: &Person, namespace: &str, more: Value) -> Value {
    let mut body = json!({"namespace": namespace});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    admin.post(NAMESPACES, body).await.expect(201).json()
}

async fn listed(person: &Person, query: &str) -> Vec<String> {
    let list = person.get(&format!("{NAMESPACES}{query}")).await.expect(200).json();
    let namespaces = list["namespaces"].as_array().unwrap().clone();
    namespaces.iter().map(|namespace| namespace["namespace"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_usual_definitions_are_there_and_stay_as_they_are_left() {
    let mut effigy = Effigy::start().await;
    let People { admin, alice, .. } = effigy.people().await;
    let list = alice.get(&format!("{NAMESPACES}?limit=100")).await.expect(200).json();
    assert_eq!(
        (&list["first"], &list["schema"]),
        (&json!("/v2/metadefs/namespaces?limit=100"), &json!("/v2/schemas/metadefs/namespaces"))
    );
    let count = list["namespaces"].as_array().unwrap().len();
    assert!(count > 10, "{list}");
    let cpu = alice.get(&at("OS::Compute::VirtCPUTopology", "")).await.expect(200).json();
    assert_eq!(cpu["properties"]["cpu_cores"]["type"], "integer");
    let on_image = alice.get(&at("OS::Compute::VirtCPUTopology", "?resource_type=OS::Glance::Image")).await;
    let on_image = on_image.expect(200).json();
    assert!(on_image["properties"]["hw_cpu_cores"].is_object(), "{on_image}");
    let types = alice.get("/image/v2/metadefs/resource_types").await.expect(200).json();
    let names: Vec<&Value> = types["resource_types"].as_array().unwrap().iter().map(|of| &of["name"]).collect();
    assert!(names.contains(&&json!("OS::Glance::Image")) && names.contains(&&json!("OS::Nova::Flavor")), "{types}");

    let name = "OS::Software::Kind";
    admin.delete(&at(name, "")).await.expect(403);
    admin.put(&at(name, ""), json!({"namespace": name, "visibility": "public"})).await.expect(200);
    admin.delete(&at(name, "")).await.expect(204);
    effigy.restart().await;
    alice.get(&at(name, "")).await.expect(404);
    assert_eq!(listed(&alice, "?limit=100").await.len(), count - 1);
}

#[tokio::test]
async fn namespace_is_made_shown_changed_and_deleted() {
    let effigy = Effigy::start().await;
    let People { admin, alice, .. } = effigy.people().await;
    let property = json!({"title": "Colour", "type": "string", "enum": ["red", "green"]});
    let whole = json!({
        "display_name": "Mine", "description": "Of mine", "visibility": "public",
        "resource_type_associations": [{"name": "OS::Glance::Image", "prefix": "my_"}, {"name": "Mine::Own"}],
        "properties": {"colour": property},
        "objects": [{"name": "group", "required": ["a"], "properties": {"a": {"title": "A", "type": "integer"}}}],
        "tags": [{"name": "one"}, {"name": "two"}],
    });
    let answer = make(&admin, "mine", whole).await;
    assert_eq!((&answer["self"], &answer["protected"]), (&json!("/v2/metadefs/namespaces/mine"), &json!(false)));
    let shown = alice.get(&at("mine", "")).await.expect(200).json();
    assert_eq!(shown, answer);
    assert_eq!(shown["properties"], json!({"colour": property}));
    assert_eq!(shown["tags"], json!([{"name": "one"}, {"name": "two"}]));
    assert_eq!(shown["objects"][0]["self"], "/v2/metadefs/namespaces/mine/objects/group");
    assert_eq!(shown["resource_type_associations"][1]["prefix"], "my_");
    assert_eq!(shown["owner"], admin.project_id.as_str());
    let types = alice.get("/image/v2/metadefs/resource_types").await.expect(200).text();
    assert!(types.contains("Mine::Own"), "{types}");
    let prefixed = alice.get(&at("mine", "?resource_type=OS::Glance::Image")).await.expect(200).json();
    let names = [&prefixed["properties"]["my_colour"]["title"], &prefixed["objects"][0]["properties"]["my_a"]["title"]];
    assert_eq!(names, ["Colour", "A"]);
    assert_eq!(prefixed["objects"][0]["required"], json!(["my_a"]));

    admin.post(NAMESPACES, json!({"namespace": "mine"})).await.expect(409);
    make(&admin, "other", json!({})).await;
    admin.put(&at("mine", ""), json!({"namespace": "other"})).await.expect(409);
    let changed = json!({"namespace": "renamed", "visibility": "private", "protected": true});
    let changed = admin.put(&at("mine", ""), changed).await.expect(200).json();
    assert_eq!((&changed["namespace"], &changed["created_at"]), (&json!("renamed"), &answer["created_at"]));
    assert!(changed.get("description").is_none(), "what a whole new record leaves out is not there: {changed}");
    admin.get(&at("mine", "")).await.expect(404);
    assert_eq!(admin.get(&at("renamed", "/tags")).await.expect(200).json()["tags"].as_array().unwrap().len(), 2);
    admin.delete(&at("renamed", "")).await.expect(403);
    admin.put(&at("renamed", ""), json!({"namespace": "renamed", "protected": false})).await.expect(200);
    admin.delete(&at("renamed", "")).await.expect(204);
    admin.get(&at("renamed", "")).await.expect(404);
    admin.get(&at("renamed", "/objects/group")).await.expect(404);
}

#[tokio::test]
async fn private_namespace_is_its_projects_and_only_admins_write() {
    let effigy = Effigy::start().await;
    let People { admin, alice, bob, rita, .. } = effigy.people().await;
    make(&admin, "webs", json!({"owner": alice.project_id, "tags": [{"name": "t"}]})).await;
    make(&admin, "everybodys", json!({"visibility": "public"})).await;
    for person in [&alice, &rita, &admin] {
        person.get(&at("webs", "")).await.expect(200);
        person.get(&at("webs", "/tags/t")).await.expect(200);
        assert!(listed(person, "?visibility=private").await.contains(&"webs".to_owned()));
    }
    for rest in ["", "/tags", "/tags/t", "/objects", "/properties", "/resource_types"] {
        let hidden = bob.get(&at("webs", rest)).await.expect(404);
        let missing = bob.get(&at("nobodys", rest)).await.expect(404);
        assert_eq!(hidden.text().replace("webs", "nobodys"), missing.text(), "{rest}");
    }
    assert_eq!(listed(&bob, "?visibility=private").await, Vec::<String>::new());
    for (namespace, status) in [("webs", 403), ("everybodys", 403)] {
        let tag = Answer::of(alice.request(Method::POST, &at(namespace, "/tags/x"))).await;
        assert_eq!(tag.status, status);
        alice.post(&at(namespace, "/objects"), json!({"name": "o"})).await.expect(status);
        alice
            .post(&at(namespace, "/properties"), json!({"name": "p", "title": "P", "type": "string"}))
            .await
            .expect(403);
        alice.post(&at(namespace, "/tags"), json!({"tags": []})).await.expect(403);
        alice.post(&at(namespace, "/resource_types"), json!({"name": "R"})).await.expect(403);
        alice.put(&at(namespace, ""), json!({"namespace": namespace})).await.expect(403);
        alice.delete(&at(namespace, "/tags")).await.expect(403);
        alice.delete(&at(namespace, "")).await.expect(403);
    }
    bob.delete(&at("webs", "")).await.expect(404);
    alice.post(NAMESPACES, json!({"namespace": "new"})).await.expect(403);
    effigy.stranger().get(NAMESPACES).await.expect(401);
}

#[tokio::test]
async fn objects_properties_and_tags_come_change_and_go() {
    let effigy = Effigy::start().await;
    let People { admin, .. } = effigy.people().await;
    make(&admin, "n", json!({})).await;
    let object = json!({"name": "o", "description": "d", "properties": {"a": {"title": "A", "type": "boolean"}}});
    let made = admin.post(&at("n", "/objects"), object.clone()).await.expect(201).json();
    assert_eq!(
        (&made["schema"], &made["properties"]["a"]["title"]),
        (&json!("/v2/schemas/metadefs/object"), &json!("A"))
    );
    admin.post(&at("n", "/objects"), object).await.expect(409);
    let changed = admin.put(&at("n", "/objects/o"), json!({"name": "o2"})).await.expect(200).json();
    assert_eq!((&changed["name"], changed.get("description")), (&json!("o2"), None));
    admin.get(&at("n", "/objects/o")).await.expect(404);
    admin.get(&at("n", "/objects/o2")).await.expect(200);

    let property = json!({"name": "p", "title": "P", "type": "integer", "minimum": 1});
    assert_eq!(admin.post(&at("n", "/properties"), property.clone()).await.expect(201).json(), property);
    admin.post(&at("n", "/properties"), property.clone()).await.expect(409);
    let list = admin.get(&at("n", "/properties")).await.expect(200).json();
    assert_eq!(list, json!({"properties": {"p": {"title": "P", "type": "integer", "minimum": 1}}}));
    let other = json!({"name": "q", "title": "Q", "type": "string"});
    assert_eq!(admin.put(&at("n", "/properties/p"), other.clone()).await.expect(200).json(), other);
    admin.post(&at("n", "/resource_types"), json!({"name": "R", "prefix": "r:"})).await.expect(201);
    admin.post(&at("n", "/resource_types"), json!({"name": "R"})).await.expect(409);
    let on = admin.get(&at("n", "/properties/r:q?resource_type=R")).await.expect(200).json();
    assert_eq!(on["name"], "q");
    admin.get(&at("n", "/properties/q?resource_type=R")).await.expect(404);
    let types = admin.get(&at("n", "/resource_types")).await.expect(200).json();
    assert_eq!(types["resource_type_associations"][0]["prefix"], "r:");
    admin.delete(&at("n", "/resource_types/R")).await.expect(204);
    admin.delete(&at("n", "/resource_types/R")).await.expect(404);

    let tags = |names: &[&str]| json!({"tags": names.iter().map(|name| json!({"name": name})).collect::<Vec<_>>()});
    admin.post(&at("n", "/tags"), tags(&["a", "b"])).await.expect(201);
    admin.post(&at("n", "/tags"), tags(&["c", "d", "e"])).await.expect(201);
    let append = admin.request(Method::POST, &at("n", "/tags")).header("X-Openstack-Append", "True");
    Answer::of(append.json(&tags(&["f"]))).await.expect(201);
    Answer::of(admin.request(Method::POST, &at("n", "/tags/g"))).await.expect(201);
    Answer::of(admin.request(Method::POST, &at("n", "/tags/g"))).await.expect(409);
    admin.put(&at("n", "/tags/g"), json!({"name": "h"})).await.expect(200);
    let page = admin.get(&at("n", "/tags?sort_key=name&sort_dir=asc&limit=2")).await.expect(200).json();
    assert_eq!(page["tags"], json!([{"name": "c"}, {"name": "d"}]));
    let next = admin.get(&format!("/image{}", page["next"].as_str().unwrap())).await.expect(200).json();
    assert_eq!(next["tags"], json!([{"name": "e"}, {"name": "f"}]));
    for (all, of) in [("/objects", "objects"), ("/tags", "tags")] {
        admin.delete(&at("n", all)).await.expect(204);
        assert_eq!(admin.get(&at("n", all)).await.expect(200).json()[of], json!([]));
    }
    admin.delete(&at("n", "/properties")).await.expect(204);
    assert_eq!(admin.get(&at("n", "/properties")).await.expect(200).json(), json!({"properties": {}}));
    for missing in ["/objects/o", "/properties/p", "/tags/g"] {
        admin.delete(&at("n", missing)).await.expect(404);
    }
}

#[tokio::test]
async fn senseless_definitions_are_refused() {
    let effigy = Effigy::start().await;
    let People { admin, .. } = effigy.people().await;
    make(&admin, "n", json!({})).await;
    for (status, body) in [
        (400, json!({})),
        (400, json!({"namespace": ""})),
        (400, json!({"namespace": "a/b"})),
        (400, json!({"namespace": "x".repeat(81)})),
        (400, json!({"namespace": "x", "visibility": "shared"})),
        (400, json!({"namespace": "x", "protected": "yes"})),
        (400, json!({"namespace": "x", "colour": "red"})),
        (400, json!({"namespace": "x", "description": "x".repeat(501)})),
        (400, json!({"namespace": "x", "properties": {"p": {"type": "string"}}})),
        (400, json!({"namespace": "x", "tags": ["one"]})),
        (403, json!({"namespace": "x", "created_at": "2026-01-01T00:00:00Z"})),
        (409, json!({"namespace": "x", "tags": [{"name": "a"}, {"name": "a"}]})),
    ] {
        admin.post(NAMESPACES, body).await.expect(status);
    }
    for property in [
        json!({"name": "p", "title": "P"}),
        json!({"name": "p", "type": "string"}),
        json!({"title": "P", "type": "string"}),
        json!({"name": "p", "title": "P", "type": "colour"}),
        json!({"name": "p", "title": "P", "type": "string", "maxLength": -1}),
        json!({"name": "p", "title": "P", "type": "string", "enum": "red"}),
        json!({"name": "p", "title": "P", "type": "string", "shade": 1}),
    ] {
        admin.post(&at("n", "/properties"), property).await.expect(400);
    }
    admin.post(&at("n", "/objects"), json!({"name": "o", "required": "a"})).await.expect(400);
    admin.post(&at("n", "/resource_types"), json!({"name": "R", "prefix": 5})).await.expect(400);
    for query in ["?visibility=odd", "?sort_key=odd", "?sort_dir=odd", "?limit=-1"] {
        admin.get(&format!("{NAMESPACES}{query}")).await.expect(400);
    }
    admin.get(&format!("{NAMESPACES}?marker=nobodys")).await.expect(404);
}

#[tokio::test]
async fn namespaces_are_filtered_sorted_and_paged() {
    let effigy = Effigy::start().await;
    let People { admin, .. } = effigy.people().await;
    for (name, of) in [("a", "T::One"), ("b", "T::Two"), ("c", "T::One")] {
        let types = json!([{ "name": of }]);
        make(&admin, name, json!({"visibility": "private", "resource_type_associations": types})).await;
    }
    let of = |query: &str| format!("?visibility=private&sort_key=namespace{query}");
    assert_eq!(listed(&admin, &of("&sort_dir=asc")).await, ["a", "b", "c"]);
    assert_eq!(listed(&admin, &of("&resource_types=T::One")).await, ["c", "a"]);
    assert_eq!(listed(&admin, &of("&resource_types=T::Two,T::Nine")).await, ["b"]);
    let page = admin.get(&format!("{NAMESPACES}{}", of("&sort_dir=asc&limit=2"))).await.expect(200).json();
    assert_eq!(page["namespaces"][0]["resource_type_associations"][0]["name"], "T::One");
    let next = page["next"].as_str().unwrap().replace("/v2/metadefs/namespaces", "");
    assert_eq!(listed(&admin, &next).await, ["c"]);
}

#[tokio::test]
async fn schemas_of_definitions_describe_what_is_answered() {
    let effigy = Effigy::start().await;
    let People { admin, .. } = effigy.people().await;
    let schema = |name: &'static str| {
        let admin = &admin;
        async move { admin.get(&format!("/image/v2/schemas/metadefs/{name}")).await.expect(200).json() }
    };
    let collections = ["namespaces", "objects", "properties", "tags", "resource_types"];
    for name in collections {
        assert!(schema(name).await["properties"]["schema"].is_object(), "{name}");
    }
    admin.get("/image/v2/schemas/metadefs/nonsense").await.expect(404);
    make(&admin, "n", json!({"display_name": "N", "description": "D"})).await;
    admin.post(&at("n", "/objects"), json!({"name": "o", "description": "d"})).await.expect(201);
    admin.post(&at("n", "/properties"), json!({"name": "p", "title": "P", "type": "string"})).await.expect(201);
    Answer::of(admin.request(Method::POST, &at("n", "/tags/t"))).await.expect(201);
    admin.post(&at("n", "/resource_types"), json!({"name": "R", "prefix": "r"})).await.expect(201);
    let types = admin.get(&at("n", "/resource_types")).await.expect(200).json();
    for (name, shown) in [
        ("namespace", admin.get(&at("n", "")).await.expect(200).json()),
        ("object", admin.get(&at("n", "/objects/o")).await.expect(200).json()),
        ("property", admin.get(&at("n", "/properties/p")).await.expect(200).json()),
        ("tag", admin.get(&at("n", "/tags/t")).await.expect(200).json()),
        ("resource_type", types["resource_type_associations"][0].clone()),
    ] {
        let schema = schema(name).await;
        for field in shown.as_object().unwrap().keys() {
            assert!(schema["properties"][field].is_object(), "{name}: {field} is answered and not described");
        }
    }
}

#[tokio::test]
async fn list_costs_the_same_statements_for_any_number_of_namespaces() {
    let effigy = Effigy::with("[log]\nfilter = \"info,sqlx::query=debug\"\n").await;
    let admin = effigy.people().await.admin;
    let statements = async || {
        let count =
            || effigy.log().lines().filter(|line| line.contains("sqlx::query") && line.contains("metadef")).count();
        let before = count();
        listed(&admin, "?limit=1000").await;
        count() - before
    };
    let few = statements().await;
    assert!(few > 0, "statements are in the log");
    for n in 0..30 {
        let types = json!([{"name": "OS::Glance::Image", "prefix": "x_"}]);
        make(&admin, &format!("many_{n}"), json!({"resource_type_associations": types})).await;
    }
    assert_eq!(statements().await, few);
}

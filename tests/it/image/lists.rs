//! Lists: what each sees, filters, orders, pages.

use serde_json::json;

use super::{RECORD, bytes, ids, names, path, share};
use crate::support::{Effigy, People, Person};

#[tokio::test]
async fn each_sees_its_own_the_public_and_what_is_shared_with_it() {
    let effigy = Effigy::with(RECORD).await;
    let People { admin, alice, alice_batch, bob, rita } = effigy.people().await;
    admin.create_image("public", json!({"visibility": "public"})).await;
    admin.create_image("hidden", json!({"visibility": "public", "os_hidden": true})).await;
    alice.create_image("community", json!({"visibility": "community"})).await;
    alice.create_image("private", json!({})).await;
    let shared = alice.create_image("shared", json!({})).await;
    share(&alice, &shared, &alice_batch).await;
    let sees = async |person: &Person, query: &str, expected: &[&str]| {
        let mut seen = names(person, query).await;
        seen.sort();
        assert_eq!(seen, expected, "{query}");
    };
    for own in [&alice, &rita] {
        sees(own, "", &["community", "private", "public", "shared"]).await;
        sees(own, "?visibility=private", &["private"]).await;
        sees(own, "?visibility=shared", &["shared"]).await;
        sees(own, "?visibility=all", &["community", "private", "public", "shared"]).await;
        sees(own, &format!("?owner={}", alice.project_id), &["community", "private", "shared"]).await;
    }
    sees(&alice_batch, "", &["public", "shared"]).await;
    sees(&alice_batch, "?visibility=shared", &["shared"]).await;
    sees(&alice_batch, "?visibility=private", &[]).await;
    sees(&alice_batch, &format!("?owner={}", alice.project_id), &["shared"]).await;
    sees(&bob, "", &["public"]).await;
    sees(&bob, "?visibility=community", &["community"]).await;
    sees(&bob, "?visibility=all", &["community", "public"]).await;
    sees(&bob, "?os_hidden=true", &["hidden"]).await;
    sees(&bob, "?visibility=shared&member_status=all", &[]).await;
    sees(&bob, &format!("?owner={}", alice.project_id), &[]).await;
    sees(&admin, "", &["community", "private", "public", "shared"]).await;
    sees(&admin, "?visibility=shared", &["shared"]).await;
    sees(&admin, &format!("?owner={}", alice.project_id), &["community", "private", "shared"]).await;
}

#[tokio::test]
async fn filters_hold_together() {
    let effigy = Effigy::start().await;
    let People { alice, .. } = effigy.people().await;
    let one = alice.create_image("one", json!({"tags": ["x", "y"], "os_distro": "debian", "min_ram": 64})).await;
    let two = alice.create_image("two, with comma", json!({"tags": ["x"], "os_distro": "alpine"})).await;
    let three = alice.create_image("in:three", json!({"protected": true, "disk_format": "qcow2"})).await;
    alice.upload(&one, bytes(1, 4096)).await.expect(204);
    alice.upload(&two, bytes(2, 8192)).await.expect(204);
    let checksum = alice.image(&one).await["checksum"].as_str().unwrap().to_owned();
    let cases: Vec<(String, Vec<&str>)> = vec![
        ("name=one".into(), vec!["one"]),
        ("name=eq:one".into(), vec!["one"]),
        ("name=nobody".into(), vec![]),
        ("name=in:one,%22two,%20with%20comma%22".into(), vec!["one", "two, with comma"]),
        ("name=eq:in:three".into(), vec!["in:three"]),
        (format!("id={one}"), vec!["one"]),
        (format!("id=in:{one},{three}"), vec!["in:three", "one"]),
        ("id=in:nonsense".into(), vec![]),
        ("status=active".into(), vec!["one", "two, with comma"]),
        ("status=in:queued,saving".into(), vec!["in:three"]),
        ("tag=x".into(), vec!["one", "two, with comma"]),
        ("tag=x&tag=y".into(), vec!["one"]),
        ("tag=none".into(), vec![]),
        ("protected=true".into(), vec!["in:three"]),
        ("protected=False&tag=x".into(), vec!["one", "two, with comma"]),
        ("disk_format=qcow2".into(), vec!["in:three"]),
        ("disk_format=in:qcow2,raw&container_format=bare".into(), vec!["in:three", "one", "two, with comma"]),
        ("size_min=4097".into(), vec!["two, with comma"]),
        ("size_max=4096".into(), vec!["one"]),
        ("size_min=4096&size_max=4096".into(), vec!["one"]),
        ("min_ram=64".into(), vec!["one"]),
        ("os_distro=debian".into(), vec!["one"]),
        ("os_distro=debian&tag=y".into(), vec!["one"]),
        ("os_distro=windows".into(), vec![]),
        (format!("checksum={checksum}"), vec!["one"]),
        ("created_at=gt:2020-01-01T00:00:00Z".into(), vec!["in:three", "one", "two, with comma"]),
        ("created_at=lt:2020-01-01T00:00:00Z".into(), vec![]),
        ("updated_at=gte:2020-01-01T00:00:00&name=one".into(), vec!["one"]),
        ("status=active'%20or%201=1--".into(), vec![]),
    ];
    for (query, expected) in cases {
        let mut seen = names(&alice, &format!("?{query}")).await;
        seen.sort();
        assert_eq!(seen, expected, "{query}");
    }
    for query in [
        "limit=-1",
        "limit=x",
        "marker=x",
        "sort=colour:asc",
        "sort=name:up",
        "sort=name&sort_key=id",
        "sort_key=id&sort_key=name&sort_dir=asc&sort_dir=asc&sort_dir=asc",
        "visibility=mine",
        "member_status=glad",
        "protected=maybe",
        "os_hidden=2",
        "size_min=-1",
        "size_max=big",
        "created_at=soon",
        "created_at=about:2020-01-01T00:00:00Z",
        "name=in:%22open",
        "marker=c0ffee00-1234-4abc-8def-0123456789ab",
    ] {
        let answer = alice.get(&format!("/image/v2/images?{query}")).await;
        assert_eq!(answer.status, 400, "{query}: {}", answer.text());
    }
}

#[tokio::test]
async fn pages_follow_each_other_and_keep_the_filters() {
    let effigy = Effigy::with(RECORD).await;
    let People { admin, alice, alice_batch, bob, .. } = effigy.people().await;
    let mut own = Vec::new();
    for n in 0..7 {
        // Two images of each name, so that an order by name alone is not total.
        own.push(alice.create_image(&format!("n{}", n / 2), json!({"tags": ["t"]})).await);
    }
    for n in 0..3 {
        own.push(admin.create_image(&format!("n{n}"), json!({"visibility": "public", "tags": ["t"]})).await);
        let shared = alice_batch.create_image(&format!("n{n}"), json!({"tags": ["t"]})).await;
        share(&alice_batch, &shared, &alice).await;
        own.push(shared);
    }
    let strangers = bob.create_image("n0", json!({"tags": ["t"]})).await;
    for sort in [
        "",
        "&sort=name:asc",
        "&sort=name:desc,created_at:asc",
        "&sort_key=size&sort_dir=asc",
        "&sort=id:asc",
        "&sort=status:desc,name:asc",
        "&sort_key=name&sort_key=id&sort_dir=desc",
        "&sort=updated_at:asc",
        "&sort=disk_format",
    ] {
        let whole = ids(&alice, &format!("?tag=t&limit=100{sort}")).await;
        assert_eq!(whole.len(), own.len(), "{sort}");
        let mut paged = Vec::new();
        let mut next = Some(format!("/v2/images?tag=t&limit=4{sort}"));
        while let Some(at) = next {
            let page = alice.get(&format!("/image{at}")).await.expect(200).json();
            assert_eq!(page["first"], format!("/v2/images?tag=t&limit=4{sort}"));
            paged.extend(page["images"].as_array().unwrap().iter().map(|i| i["id"].as_str().unwrap().to_owned()));
            next = page["next"].as_str().map(str::to_owned);
            assert!(next.as_ref().is_none_or(|next| next.contains("tag=t&limit=4")), "{next:?}");
        }
        assert_eq!(paged, whole, "{sort}");
    }
    let newest_first: Vec<_> = own.iter().rev().cloned().collect();
    let by_age = ids(&alice, "?limit=100").await;
    assert_eq!(by_age.len(), newest_first.len());
    assert_eq!(ids(&alice, "?limit=0").await, Vec::<String>::new());
    assert_eq!(
        alice.get("/image/v2/images?limit=5000").await.expect(200).json()["images"].as_array().unwrap().len(),
        13
    );
    let unknown = alice.get("/image/v2/images?marker=c0ffee00-1234-4abc-8def-0123456789ab").await.expect(400);
    let invisible = alice.get(&format!("/image/v2/images?marker={strangers}")).await.expect(400);
    assert_eq!(unknown.text(), invisible.text());
}

#[tokio::test]
async fn page_is_of_25_unless_more_are_asked_for() {
    let effigy = Effigy::start().await;
    let People { alice, .. } = effigy.people().await;
    for n in 0..26 {
        alice.create_image(&format!("{n:02}"), json!({})).await;
    }
    assert_eq!(ids(&alice, "").await.len(), 25);
    let mut by_name = names(&alice, "?sort=name:asc&limit=26").await;
    assert_eq!(by_name.len(), 26);
    assert!(by_name.is_sorted());
    let gone = ids(&alice, "?limit=1").await.remove(0);
    alice.delete(&path(&gone)).await.expect(204);
    by_name = names(&alice, "?sort=name:desc&limit=30").await;
    assert_eq!(by_name.len(), 25);
    assert!(by_name.is_sorted_by(|a, b| a > b));
}

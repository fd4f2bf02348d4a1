//! Two services on one database: what the rows promise to both.

use std::time::{Duration, Instant};

use effigy::{
    config::Identity as Settings,
    error::Error,
    identity::{
        Caller, Identity,
        assignments::ListAssignments,
        audit::{Event, ListEvents},
        passwords::Secret,
        projects::{ListProjects, ProjectFields},
        roles::{Actor, Target},
        sign_in::{Named, Proof, WantedScope},
        users::{ListUsers, UserFields},
    },
};

use super::{Fresh, both};

async fn two(fresh: &Fresh) -> (Identity, Identity) {
    let open = || Identity::open(fresh.db.clone(), Settings::default());
    let (one, other) = tokio::join!(open(), open());
    (one.expect("opens"), other.expect("opens"))
}

/// A password by a word of the test, as long as one must be.
fn chosen(word: &str) -> Secret {
    Secret::new(format!("{word} of the four clouds"))
}

fn password(name: &str, password: &str) -> [Proof; 1] {
    [Proof::Password { user: Named::in_default_domain(name), password: chosen(password) }]
}

fn user(name: &str, password: &str) -> UserFields {
    UserFields { name: Some(name.into()), password: Some(chosen(password)), ..UserFields::default() }
}

#[tokio::test]
async fn two_services_seed_once_and_make_one_admin() {
    for fresh in both().await {
        let (one, other) = two(&fresh).await;
        let operator = Caller::operator();
        assert_eq!(one.roles(&operator, None, None).await.unwrap().len(), 5, "{}", fresh.name);
        assert_eq!(one.implications(&operator).await.unwrap().len(), 3, "{}", fresh.name);
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let (a, b) = tokio::join!(
            one.first_start(folders[0].path(), "http://a"),
            other.first_start(folders[1].path(), "http://b")
        );
        a.unwrap();
        b.unwrap();
        let files = folders.iter().filter(|folder| folder.path().join("clouds.yaml").exists()).count();
        assert_eq!(files, 1, "{}: one of them has the password", fresh.name);
        let wanted = ListUsers { limit: 9, ..ListUsers::default() };
        assert_eq!(one.users(&operator, &wanted).await.unwrap().len(), 1, "{}", fresh.name);
    }
}

#[tokio::test]
async fn token_ended_at_one_service_ends_at_the_other_within_a_second() {
    for fresh in both().await {
        let (one, other) = two(&fresh).await;
        let operator = Caller::operator();
        let made = one.create_user(&operator, user("alice", "first")).await.unwrap();
        let (token, _) = other.sign_in(&password("alice", "first"), &WantedScope::Default, None).await.unwrap();
        let ask = || other.caller(&token, String::new(), None);
        ask().await.unwrap();
        one.update_user(&operator, &made.id, user("alice", "second")).await.unwrap();
        let changed = Instant::now();
        while ask().await.is_ok() {
            assert!(changed.elapsed() < Duration::from_secs(1), "{}", fresh.name);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let refused = other.sign_in(&password("alice", "first"), &WantedScope::Default, None).await;
        assert!(matches!(refused, Err(Error::Unauthenticated(_))), "{}", fresh.name);
        other.sign_in(&password("alice", "second"), &WantedScope::Default, None).await.unwrap();
    }
}

#[tokio::test]
async fn inherited_roles_hold_on_both_databases() {
    for fresh in both().await {
        let (one, _) = two(&fresh).await;
        let operator = Caller::operator();
        let make = |name: &str, parent_id: Option<String>| ProjectFields {
            name: Some(name.into()),
            parent_id,
            ..ProjectFields::default()
        };
        let top = one.create_project(&operator, make("top", None)).await.unwrap();
        let middle = one.create_project(&operator, make("middle", Some(top.id.clone()))).await.unwrap();
        let leaf = one.create_project(&operator, make("leaf", Some(middle.id))).await.unwrap();
        let alice = one.create_user(&operator, user("alice", "secret")).await.unwrap();
        let member = one.roles(&operator, Some("member"), None).await.unwrap().pop().unwrap();
        let actor = || Actor::User(alice.id.clone());
        let below = Target::BelowProject(top.id.clone());
        one.grant_role(&operator, actor(), below.clone(), &member.id).await.unwrap();
        let into = |id: &str| WantedScope::Project(Named::Id(id.into()));
        let (_, session) = one.sign_in(&password("alice", "secret"), &into(&leaf.id), None).await.unwrap();
        assert!(session.has_role("member") && session.has_role("reader"), "{}", fresh.name);
        assert!(one.sign_in(&password("alice", "secret"), &into(&top.id), None).await.is_err(), "{}", fresh.name);
        let wanted = ListProjects { limit: 9, ..ListProjects::default() };
        let own = one.projects_of(&operator, session.user.id, &wanted).await.unwrap();
        assert_eq!(own.iter().map(|project| project.name.as_str()).collect::<Vec<_>>(), ["leaf", "middle"]);
        let asked = ListAssignments {
            actor: Some(actor()),
            target: Some(Target::Project(leaf.id.clone())),
            is_effective: true,
            ..ListAssignments::default()
        };
        assert_eq!(one.assignments(&operator, &asked).await.unwrap().len(), 2, "{}", fresh.name);
        one.revoke_role(&operator, actor(), below, &member.id).await.unwrap();
        assert!(one.sign_in(&password("alice", "secret"), &into(&leaf.id), None).await.is_err(), "{}", fresh.name);
    }
}

#[tokio::test]
async fn failures_lock_even_when_they_are_sent_at_once() {
    for fresh in both().await {
        let (one, _) = two(&fresh).await;
        one.create_user(&Caller::operator(), user("alice", "right")).await.unwrap();
        let wrong = (0..6).map(|_| {
            let one = one.clone();
            async move { one.sign_in(&password("alice", "wrong"), &WantedScope::Default, None).await.is_ok() }
        });
        assert!(!futures::future::join_all(wrong).await.contains(&true), "{}", fresh.name);
        let right = one.sign_in(&password("alice", "right"), &WantedScope::Default, None).await;
        assert!(matches!(right, Err(Error::Unauthenticated(_))), "{}", fresh.name);
    }
}

#[tokio::test]
async fn events_that_arrive_together_are_all_kept_in_order_of_time() {
    for fresh in both().await {
        let (one, _) = two(&fresh).await;
        let events = (0..50).map(|n| {
            let event = Event { action: format!("test.{n}"), ..Event::default() };
            one.record(event)
        });
        for written in futures::future::join_all(events).await {
            written.unwrap();
        }
        let wanted = ListEvents { limit: 100, ..ListEvents::default() };
        let kept = one.events(&Caller::operator(), &wanted).await.unwrap();
        assert_eq!(kept.len(), 50, "{}", fresh.name);
        assert!(kept.is_sorted_by(|a, b| a.at_ms >= b.at_ms), "{}", fresh.name);
        let number = async |wanted: ListEvents<'_>| one.events(&Caller::operator(), &wanted).await.unwrap().len();
        let (first_ms, last_ms) = (kept[49].at_ms, kept[0].at_ms);
        assert_eq!(number(ListEvents { action: Some("test"), ..wanted }).await, 50, "{}", fresh.name);
        assert_eq!(number(ListEvents { action: Some("test.7"), ..wanted }).await, 1, "{}", fresh.name);
        assert_eq!(number(ListEvents { since_ms: Some(first_ms), ..wanted }).await, 50, "{}", fresh.name);
        assert_eq!(number(ListEvents { until_ms: Some(first_ms), ..wanted }).await, 0, "{}", fresh.name);
        assert_eq!(number(ListEvents { since_ms: Some(last_ms + 1), ..wanted }).await, 0, "{}", fresh.name);
        assert_eq!(number(ListEvents { user_name: Some("nobody"), ..wanted }).await, 0, "{}", fresh.name);
    }
}

//! The people of the guide: an administrator, Alice with two projects, Bob with his own, Rita who
//! may only look.

use serde_json::json;

use super::{Effigy, Person};

/// Everybody's password.
pub const PASSWORD: &str = "correct horse battery";

/// The people that the tests speak as.
pub struct People {
    /// The cloud's administrator.
    pub admin: Person,
    /// A member of `web` and of `batch`, speaking in *web*.
    pub alice: Person,
    /// The same user, speaking in *batch*.
    pub alice_batch: Person,
    /// A member of `other`, and of nothing that is Alice's.
    pub bob: Person,
    /// A reader of `web`.
    pub rita: Person,
}

impl People {
    /// Makes the projects and users over the Identity API.
    pub async fn make(effigy: &Effigy) -> People {
        let admin = effigy.admin().await;
        for project in ["web", "batch", "other"] {
            let body = json!({"project": {"name": project, "domain_id": "default"}});
            admin.post("/identity/v3/projects", body).await.expect(201);
        }
        for user in ["alice", "bob", "rita"] {
            let body = json!({"user": {"name": user, "password": PASSWORD, "domain_id": "default"}});
            admin.post("/identity/v3/users", body).await.expect(201);
        }
        let grants = [
            ("alice", "web", "member"),
            ("alice", "batch", "member"),
            ("bob", "other", "member"),
            ("rita", "web", "reader"),
        ];
        for (user, project, role) in grants {
            let path = format!(
                "/identity/v3/projects/{}/users/{}/roles/{}",
                id_of(&admin, "projects", project).await,
                id_of(&admin, "users", user).await,
                id_of(&admin, "roles", role).await,
            );
            admin.put(&path, json!({})).await.expect(204);
        }
        People {
            alice: effigy.sign_in("alice", PASSWORD, Some("web")).await,
            alice_batch: effigy.sign_in("alice", PASSWORD, Some("batch")).await,
            bob: effigy.sign_in("bob", PASSWORD, Some("other")).await,
            rita: effigy.sign_in("rita", PASSWORD, Some("web")).await,
            admin,
        }
    }
}

/// The id of the one thing of a collection of the Identity API that has this name.
pub async fn id_of(admin: &Person, collection: &str, name: &str) -> String {
    let answer = admin.get(&format!("/identity/v3/{collection}?name={name}")).await.expect(200);
    answer.string(&format!("/{collection}/0/id"))
}

//! OpenStack Identity v3.

use axum::{
    Router,
    routing::{get, post, put},
};

use super::Api;

mod catalog;
mod collections;
mod credentials;
mod discovery;
mod domains;
mod grants;
mod groups;
pub(super) mod lists;
mod none;
mod project_tags;
mod projects;
mod roles;
mod tokens;
mod users;

pub use discovery::versions;
pub(super) use none::NOT_OFFERED;

/// Every URL below `/identity`.
pub fn routes() -> Router<Api> {
    Router::new()
        .route("/", get(discovery::versions))
        .route("/v3", get(discovery::version))
        .route("/v3/", get(discovery::version))
        .merge(signing_in())
        .merge(people())
        .merge(roles())
        .merge(catalog())
        .merge(grants::routes())
        .method_not_allowed_fallback(none::method)
        .fallback(none::path)
}

fn signing_in() -> Router<Api> {
    Router::new()
        .route("/v3/auth/tokens", post(tokens::issue).get(tokens::show).delete(tokens::revoke))
        .route("/v3/auth/catalog", get(tokens::catalog))
        .route("/v3/auth/projects", get(projects::own))
        .route("/v3/auth/domains", get(domains::own))
        .route("/v3/users/{user}/application_credentials", post(credentials::create).get(credentials::list))
        .route(
            "/v3/users/{user}/application_credentials/{credential}",
            get(credentials::show).delete(credentials::delete),
        )
        .route("/v3/users/{user}/access_rules", get(credentials::rules))
        .route("/v3/users/{user}/access_rules/{rule}", get(credentials::rule).delete(credentials::delete_rule))
}

fn people() -> Router<Api> {
    Router::new()
        .merge(collections::routes::<domains::Domains>())
        .merge(collections::routes::<projects::Projects>())
        .route(
            "/v3/projects/{project}/tags",
            get(project_tags::list).put(project_tags::replace).delete(project_tags::clear),
        )
        .route(
            "/v3/projects/{project}/tags/{tag}",
            get(project_tags::check).put(project_tags::add).delete(project_tags::remove),
        )
        .merge(collections::routes::<users::Users>())
        .route("/v3/users/{user}/password", post(users::change_password))
        .route("/v3/users/{user}/projects", get(projects::of_user))
        .route("/v3/users/{user}/groups", get(groups::of_user))
        .merge(collections::routes::<groups::Groups>())
        .route("/v3/groups/{group}/users", get(users::of_group))
        .route(
            "/v3/groups/{group}/users/{user}",
            put(groups::add_member).get(groups::check_member).delete(groups::remove_member),
        )
}

fn roles() -> Router<Api> {
    Router::new()
        .merge(collections::routes::<roles::Roles>())
        .route("/v3/roles/{role}/implies", get(roles::implied))
        .route("/v3/roles/{role}/implies/{implied}", put(roles::imply).get(roles::check_implied).delete(roles::unimply))
        .route("/v3/role_inferences", get(roles::inferences))
}

fn catalog() -> Router<Api> {
    Router::new()
        .merge(collections::routes::<catalog::Services>())
        .merge(collections::routes::<catalog::Endpoints>())
        .merge(collections::routes::<catalog::Regions>())
        .route("/v3/regions/{region}", put(catalog::put_region))
        // Unified limits are not kept here: what one project may use is in the service's settings.
        .route("/v3/registered_limits", get(none::registered_limits))
        .route("/v3/limits", get(none::limits))
        .route("/v3/policies", get(none::policies))
        .route("/v3/limits/model", get(none::model))
        .route("/v3/credentials", get(none::credentials))
        .route("/v3/users/{user}/credentials/OS-EC2", get(none::ec2))
        .route("/v3/OS-TRUST/trusts", get(none::trusts))
        .route("/v3/OS-OAUTH1/consumers", get(none::consumers))
        .route("/v3/OS-EP-FILTER/endpoint_groups", get(none::endpoint_groups))
        .route("/v3/OS-EP-FILTER/projects/{project}/endpoint_groups", get(none::endpoint_groups_of_project))
        .route("/v3/OS-EP-FILTER/projects/{project}/endpoints", get(none::endpoints_of_project))
        .route("/v3/OS-EP-FILTER/endpoints/{endpoint}/projects", get(none::projects_of_endpoint))
        .route("/v3/users/{user}/OS-OAUTH1/access_tokens", get(none::access_tokens))
        .route("/v3/OS-FEDERATION/identity_providers", get(none::identity_providers))
        .route("/v3/OS-FEDERATION/service_providers", get(none::service_providers))
        .route("/v3/OS-FEDERATION/mappings", get(none::mappings))
}

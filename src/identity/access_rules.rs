//! Access rules: what an application credential may be used for.
//!
//! A rule is its user's: it outlives the credential it was made with, so that the next one can name it by its id, and
//! is deleted by itself once no credential has it.

use super::{Caller, Identity, credentials::new_id, policy};
pub use crate::model::credential::AccessRule;
use crate::{
    error::{Error, Result},
    ids::UserId,
};

/// Access rules of one credential.
const MAX_RULES: usize = 128;
/// Access rules of one user, those of credentials that are gone included.
const MAX_KEPT_RULES: usize = 2048;

impl AccessRule {
    /// A new rule.
    pub fn new(service: String, method: String, path: String) -> AccessRule {
        AccessRule { id: new_id(), service, method, path }
    }

    /// Whether this rule allows a request.
    pub fn allows(&self, service: &str, method: &str, path: &str) -> bool {
        self.service == service && self.method == method && matches(&self.path, path)
    }
}

impl Identity {
    /// Every access rule of a user.
    pub async fn access_rules(&self, caller: &Caller, user: UserId) -> Result<Vec<AccessRule>> {
        policy::see_credentials(caller, user)?;
        let mut rules = self.db.access_rules(&user.to_string()).await?;
        // The rules of credentials that are older than the table of rules.
        for rule in self.used_rules(user).await? {
            if !rules.iter().any(|known| known.id == rule.id) {
                rules.push(rule);
            }
        }
        Ok(rules)
    }

    /// Deletes an access rule that no credential has any more.
    ///
    /// # Errors
    /// `Forbidden` while a credential has it (Keystone's answer), `NotFound` when there is none.
    pub async fn delete_access_rule(&self, caller: &Caller, user: UserId, id: &str) -> Result<()> {
        policy::delete_credential(caller, user)?;
        if self.used_rules(user).await?.iter().any(|rule| rule.id == id) {
            return Err(Error::Forbidden("An application credential has this access rule: delete that first.".into()));
        }
        let was_there = self.db.delete_access_rule(&user.to_string(), id).await?;
        was_there.then_some(()).ok_or_else(|| Error::NotFound(format!("Could not find Access Rule: {id}.")))
    }

    /// Keeps the rules of a credential that is being made.
    pub(super) async fn keep_rules(&self, user: UserId, rules: &[AccessRule]) -> Result<()> {
        let kept = self.db.access_rules(&user.to_string()).await?.len();
        if kept + rules.len() > MAX_KEPT_RULES {
            return Err(Error::Forbidden(format!("A user has at most {MAX_KEPT_RULES} access rules: delete some.")));
        }
        self.db.insert_access_rules(&user.to_string(), rules).await
    }

    async fn used_rules(&self, user: UserId) -> Result<Vec<AccessRule>> {
        let mut used = Vec::new();
        for row in self.db.credentials(&user.to_string(), None).await? {
            used.extend(row.access_rules.map_or(Ok(Vec::new()), |rules| rules.read())?);
        }
        Ok(used)
    }
}

pub(super) fn check_rules(rules: &[AccessRule]) -> Result<()> {
    if rules.len() > MAX_RULES {
        return Err(Error::Invalid(format!("A credential has at most {MAX_RULES} access rules.")));
    }
    for rule in rules {
        let is_plain = rule.path.starts_with('/') && is_normal(&rule.path) && rule.path.len() <= 255;
        let is_method = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"].contains(&rule.method.as_str());
        if !is_plain || !is_method || rule.service.is_empty() || rule.service.len() > 64 {
            return Err(Error::Invalid(
                "An access rule needs a service, a method in capitals, and a plain path that begins with '/'.".into(),
            ));
        }
    }
    Ok(())
}

/// Whether a path is written in its one plain form, so that a rule means what it says.
fn is_normal(path: &str) -> bool {
    !path.contains("//") && !path.contains(['%', ';', '\\']) && !path.split('/').any(|s| s == "." || s == "..")
}

/// Whether a rule's path covers a request's path, as keystonemiddleware reads it: `*` and `{x}` are some letters of one
/// segment, `**` is anything.
fn matches(pattern: &str, path: &str) -> bool {
    let mut text = String::from("^");
    let mut rest = pattern;
    while let Some(first) = rest.chars().next() {
        let named = rest.strip_prefix('{').and_then(|name| name.split_once('}'));
        (text, rest) = if let Some(rest) = rest.strip_prefix("**") {
            (text + ".*", rest)
        } else if let Some((_, rest)) = named {
            (text + "[^/]+", rest)
        } else if let Some(rest) = rest.strip_prefix('*') {
            (text + "[^/]+", rest)
        } else {
            (text + &regex::escape(first.encode_utf8(&mut [0; 4])), &rest[first.len_utf8()..])
        };
    }
    // A pattern that is too long for the engine covers nothing.
    is_normal(path) && regex::Regex::new(&(text + "$")).is_ok_and(|covers| covers.is_match(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(path: &str) -> AccessRule {
        AccessRule { id: new_id(), service: "image".into(), method: "GET".into(), path: path.into() }
    }

    #[test]
    fn rules_cover_what_they_say_and_nothing_written_differently() {
        let file = rule("/v2/images/{image_id}/file");
        assert!(file.allows("image", "GET", "/v2/images/abc/file"));
        for path in [
            "/v2/images/abc",
            "/v2/images/abc/file/x",
            "/v2//images/abc/file",
            "/v2/images/%2e/file",
            "/v2/images/;/file",
        ] {
            assert!(!file.allows("image", "GET", path), "{path}");
        }
        assert!(!file.allows("image", "PUT", "/v2/images/abc/file"));
        assert!(!file.allows("compute", "GET", "/v2/images/abc/file"));
        assert!(rule("/v2/**").allows("image", "GET", "/v2/images/abc/file"));
        assert!(rule("/v2/images/*").allows("image", "GET", "/v2/images/abc"));
        assert!(rule("/v2/im*").allows("image", "GET", "/v2/images"));
        assert!(rule("/v2/**/file").allows("image", "GET", "/v2/images/abc/file"));
        assert!(!rule("/v2/images").allows("image", "GET", "/v2/images/"));
        assert!(!rule("/v2/images/*").allows("image", "GET", "/v2/images/"));
        assert!(!rule("/v2.images").allows("image", "GET", "/v2/images"));
        assert!(!rule("/v2/**").allows("image", "GET", "/v2/../x"));
    }
}

"""The people of the tests, made in Keystone, and their tokens."""
import sys

from stack import ADMIN_PASSWORD, ask


class Directory:
    """Keystone as its administrator."""

    def __init__(self, url):
        self.url = url
        self.token = self.sign_in("admin", ADMIN_PASSWORD, {"project": named("admin")})
        self.ids = {}
        self.roles = {role["name"]: role["id"] for role in self.call("GET", "/roles")["roles"]}

    def call(self, method, path, body=None, token=None):
        status, _, answer = ask(method, self.url + path, {"X-Auth-Token": token or self.token}, body)
        if status >= 300:
            sys.exit(f"Keystone: {method} {path} answered {status}: {answer}")
        return answer

    def make(self, kind, name, **fields):
        made = self.call("POST", f"/{kind}s", {kind: {"name": name, "domain_id": "default", **fields}})
        self.ids[name] = made[kind]["id"]
        return self.ids[name]

    def user(self, name, *grants):
        """A user whose password is its name and `pw`, with roles in projects."""
        self.make("user", name, password=f"{name}pw")
        for role, project in grants:
            self.call("PUT", self.grant(name, role, project))

    def grant(self, user, role, project):
        return f"/projects/{self.ids[project]}/users/{self.ids[user]}/roles/{self.roles[role]}"

    def sign_in(self, user, password, scope, url=None):
        methods = {"methods": ["password"], "password": {"user": {**named(user), "password": password}}}
        return self.authenticate(methods, scope, url)

    def as_(self, user, project, url=None):
        return self.sign_in(user, f"{user}pw", {"project": named(project)}, url)

    def authenticate(self, identity, scope, url=None):
        auth = {"identity": identity}
        if scope:
            auth["scope"] = scope
        status, headers, answer = ask("POST", f"{url or self.url}/auth/tokens", (), {"auth": auth})
        if status != 201:
            sys.exit(f"Keystone: a sign-in was answered {status}: {answer}")
        return headers["X-Subject-Token"]

    def credential(self, user, project, name, rules, url=None):
        """A token by a new application credential."""
        token = self.as_(user, project)
        body = {"application_credential": {"name": name, **({} if rules is None else {"access_rules": rules})}}
        made = self.call("POST", f"/users/{self.ids[user]}/application_credentials", body, token)
        made = made["application_credential"]
        methods = {"methods": ["application_credential"],
                   "application_credential": {"id": made["id"], "secret": made["secret"]}}
        return self.authenticate(methods, None, url), made["id"]


def named(name):
    return {"name": name, "domain": {"id": "default"}}


def make(directory, image_url):
    """Everybody, and a catalog with images."""
    for project in ("service", "web", "batch", "closed"):
        directory.make("project", project)
    directory.user("effigy", ("service", "service"))
    directory.user("nova", ("service", "service"))
    directory.user("alice", ("member", "web"), ("member", "batch"))
    directory.user("rita", ("reader", "web"))
    directory.user("olga", ("admin", "web"))
    for user in ("locked", "changed", "deleted", "fired", "revoked"):
        directory.user(user, ("member", "web"))
    directory.user("stranded", ("member", "closed"))
    service = directory.call("POST", "/services", {"service": {"type": "image", "name": "effigy"}})["service"]
    for interface in ("public", "internal"):
        directory.call("POST", "/endpoints", {"endpoint": {
            "service_id": service["id"], "interface": interface, "region_id": "RegionOne", "url": image_url}})

"""The same requests to a service that asks Keystone, and to keystonemiddleware: run.py FOLDER PROGRAM."""
import json
import logging
import os
import pathlib
import subprocess
import sys
import time

import webob
from keystonemiddleware import auth_token

import people
from stack import SHORT_SECONDS, Effigy, Keystone, ask, until

LIST, FILE = "/v2/images", "/v2/images/0a0a0a0a-0a0a-0a0a-0a0a-0a0a0a0a0a0a/file"
SEEN = ("X-User-Id", "X-Project-Id", "X-Domain-Id", "OpenStack-System-Scope")
SPOOFED = {
    "X-Identity-Status": "Confirmed", "X-Service-Identity-Status": "Confirmed", "X-User-Id": "root",
    "X-Project-Id": "root", "X-Tenant-Id": "root", "X-Roles": "admin", "X-Service-Roles": "service",
    "X-Is-Admin-Project": "True", "OpenStack-System-Scope": "all",
}


def application(environ, start_response):
    """Lets everybody in, and tells whom it sees."""
    request = webob.Request(environ)
    seen = {name: request.headers.get(name) for name in SEEN}
    return webob.Response(json_body=seen)(environ, start_response)


class Oracle:
    """keystonemiddleware in front of that."""

    def __init__(self, keystone):
        self.protected = auth_token.AuthProtocol(application, {
            "auth_type": "password", "auth_url": keystone.url, "www_authenticate_uri": keystone.url,
            "username": "effigy", "password": "effigypw", "project_name": "service", "user_domain_id": "default",
            "project_domain_id": "default", "service_type": "image", "service_token_roles": "service",
            "service_token_roles_required": "true", "token_cache_time": "-1", "http_request_max_retries": "0",
        })

    def ask(self, method, path, headers):
        request = webob.Request.blank(path, method=method, headers=headers)
        return request.get_response(self.protected)

    def verdict(self, method, path, headers):
        # Glance runs below a prefix in one deployment and without it in another.
        verdicts = [word(self.ask(method, prefix + path, headers).status_int) for prefix in ("", "/image")]
        return "let in" if "let in" in verdicts else verdicts[0]


def word(status):
    return {401: "refused", 503: "away"}.get(status, "let in")


class Comparison:
    """Every request, and where the verdicts differ."""

    def __init__(self, effigy, oracle):
        self.effigy, self.oracle, self.asked, self.wrong = effigy, oracle, 0, []

    def same(self, name, headers, method="GET", path=LIST, expected=None):
        status, answered, _ = ask(method, f"{self.effigy.url}/image{path}", headers)
        ours, theirs = word(status), self.oracle.verdict(method, path, headers)
        self.asked += 1
        if "VERBOSE" in os.environ:
            print(f"{ours:8} {theirs:8} {status} {name}")
        if ours != theirs or (expected and ours != expected):
            self.wrong.append(f"{name}: {ours} ({status}), and keystonemiddleware: {theirs}; expected: {expected}")
        if status == 401 and answered.get("WWW-Authenticate") != f'Keystone uri="{self.effigy.keystone.url}"':
            self.wrong.append(f"{name}: 401 without WWW-Authenticate")

    def same_owner(self, name, headers):
        """An image belongs to the project that the middleware sees."""
        status, _, made = ask("POST", f"{self.effigy.url}/image{LIST}", headers, {"name": name})
        seen = self.oracle.ask("POST", LIST, headers).json_body["X-Project-Id"]
        self.asked += 1
        if status != 201 or made["owner"] != seen:
            self.wrong.append(f"{name}: the owner is {made}, and keystonemiddleware sees {seen}")

    def fact(self, name, is_so):
        self.asked += 1
        if not is_so:
            self.wrong.append(name)


def token(user, service=None, **more):
    headers = {"X-Auth-Token": user, **more}
    return headers if service is None else {**headers, "X-Service-Token": service}


def compare_tokens(compare, directory, short):
    alice, nova = directory.as_("alice", "web"), directory.as_("nova", "service")
    over = {name: directory.as_(name, project, short) for name, project in (("alice", "web"), ("nova", "service"))}
    ended = {name: directory.as_(name, "web") for name in ("locked", "changed", "deleted", "fired", "revoked")}
    ended["stranded"] = directory.as_("stranded", "closed")
    time.sleep(SHORT_SECONDS + 1)
    for name, bearer in ended.items():
        compare.same(f"{name}, before", token(bearer), expected="let in")
    directory.call("PATCH", f"/users/{directory.ids['locked']}", {"user": {"enabled": False}})
    directory.call("PATCH", f"/users/{directory.ids['changed']}", {"user": {"password": "another"}})
    directory.call("DELETE", f"/users/{directory.ids['deleted']}")
    directory.call("DELETE", directory.grant("fired", "member", "web"))
    directory.call("PATCH", f"/projects/{directory.ids['closed']}", {"project": {"enabled": False}})
    ask("DELETE", f"{directory.url}/auth/tokens", {"X-Auth-Token": directory.token, "X-Subject-Token": ended["revoked"]})
    for name, bearer in ended.items():
        compare.same(f"{name}, after", token(bearer), expected="refused")
        compare.same(f"{name}, after, with a service", token(bearer, nova), expected="refused")
    scopes = {
        "a member": directory.as_("alice", "web"),
        "a reader": directory.as_("rita", "web"),
        "an admin": directory.as_("olga", "web"),
        "no scope": directory.sign_in("alice", "alicepw", None),
        "the system": directory.sign_in("admin", people.ADMIN_PASSWORD, {"system": {"all": True}}),
    }
    directory.call("PUT", f"/domains/default/users/{directory.ids['olga']}/roles/{directory.roles['admin']}")
    scopes["a domain"] = directory.sign_in("olga", "olgapw", {"domain": {"id": "default"}})
    for name, bearer in scopes.items():
        compare.same(name, token(bearer), expected="let in")
        compare.same(f"{name}, as X-Storage-Token", {"X-Storage-Token": bearer}, expected="let in")
        compare.same(f"{name}, with what it says of itself", token(bearer, **SPOOFED), expected="let in")
        compare.same(f"{name}, with a service", token(bearer, nova), expected="let in")
    services = {
        "nova": nova, "a service of no role": alice, "a service that is over": over["nova"], "garbage": "garbage",
        "an empty service token": "", "no service": None, "an admin as service": scopes["an admin"],
    }
    for name, service in services.items():
        for whose, bearer in (("a token", alice), ("one that is over", over["alice"]), ("garbage", "x" * 40)):
            compare.same(f"{whose} with {name}", token(bearer, service))
    garbage = {
        "nothing": {}, "an empty token": token(""), "a blank token": token(" "), "a word": token("x"),
        "half a token": token(alice[:-10]), "a longer token": token(alice + "A"), "8 KiB": token("x" * 8192),
        "8 KiB like a token": token("gAAAA" + "B" * 8187), "two tokens": token(f"{alice} {alice}"),
        "only what it says of itself": SPOOFED, "another header": {"Authorization": f"Bearer {alice}"},
        "a token in both headers": {"X-Auth-Token": "x", "X-Storage-Token": alice},
        "a service alone": {"X-Service-Token": nova},
    }
    for name, headers in garbage.items():
        compare.same(name, headers, expected="refused")
    for name, headers in (("plain", token(alice)), ("spoofed", token(alice, **SPOOFED)),
                          ("over, by a service", token(over["alice"], nova)),
                          ("elsewhere", token(directory.as_("alice", "batch")))):
        compare.same_owner(name, headers)


def compare_rules(compare, directory):
    nova = directory.as_("nova", "service")
    patterns = {
        "list": [("GET", "/v2/images")], "with prefix": [("GET", "/image/v2/images")], "any image": [("GET", "/v2/images/*")],
        "a file": [("GET", "/v2/images/{image_id}/file")], "all": [("GET", "/v2/**")], "all posts": [("POST", "/**")],
        "a part of a word": [("GET", "/v2/im*")], "files": [("GET", "/v2/**/file"), ("PUT", "/v2/**/file")],
        "none": [], "another service": [("GET", "/v2/**", "compute")], "free": None,
    }
    requests = [("GET", LIST), ("POST", LIST), ("GET", FILE), ("PUT", FILE), ("HEAD", LIST), ("GET", "/v2/tasks"),
                ("GET", FILE.replace("file", "members")), ("DELETE", "/v2/images/x")]
    for name, rules in patterns.items():
        if rules is not None:
            rules = [{"method": method, "path": path, "service": (more or ["image"])[0]} for method, path, *more in rules]
        bearer, _ = directory.credential("alice", "web", name, rules)
        for method, path in requests:
            compare.same(f"rules {name}: {method} {path}", token(bearer), method, path)
        compare.same(f"rules {name}, with a service", token(bearer, nova), "PUT", FILE, expected="let in")
    bearer, credential = directory.credential("alice", "web", "short-lived", None)
    compare.same("a credential", token(bearer), expected="let in")
    path = f"/users/{directory.ids['alice']}/application_credentials/{credential}"
    directory.call("DELETE", path, token=directory.as_("alice", "web"))
    compare.same("a credential that was deleted", token(bearer), expected="refused")


def try_client(compare, directory, folder):
    """The `openstack` command signs in at Keystone, and finds the service in its catalog."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
    env |= {"OS_AUTH_URL": directory.url, "OS_USERNAME": "alice", "OS_PASSWORD": "alicepw", "OS_PROJECT_NAME": "web",
            "OS_USER_DOMAIN_ID": "default", "OS_PROJECT_DOMAIN_ID": "default", "OS_IDENTITY_API_VERSION": "3"}

    def openstack(*words, project="web"):
        command = ["openstack", *words]
        done = subprocess.run(command, capture_output=True, text=True, env={**env, "OS_PROJECT_NAME": project})
        if done.returncode:
            compare.wrong.append(f"{' '.join(words)}: {done.stderr}")
        return done.stdout

    content = folder / "content.raw"
    content.write_bytes(os.urandom(1 << 20))
    openstack("image", "create", "--disk-format", "raw", "--file", str(content), "golden")
    shown = json.loads(openstack("image", "show", "-f", "json", "golden") or "{}")
    compare.fact("the client's image is active", shown.get("status") == "active")
    compare.fact("its owner is the project", shown.get("owner") == directory.ids["web"])
    openstack("image", "add", "project", "golden", directory.ids["batch"])
    saved = folder / "saved.raw"
    openstack("image", "save", "--file", str(saved), "golden", project="batch")
    compare.fact("the other project has the same bytes", saved.exists() and saved.read_bytes() == content.read_bytes())


def go_away(compare, directory, keystone, serving):
    """Keystone stops and comes back."""
    effigy = compare.effigy

    def status(bearer):
        return ask("GET", f"{effigy.url}/image{LIST}", token(bearer))[0]

    known, new, revoked = (directory.as_("alice", "web") for _ in range(3))
    compare.fact("tokens are remembered", status(known) == status(revoked) == 200)
    ask("DELETE", f"{directory.url}/auth/tokens", {"X-Auth-Token": directory.token, "X-Subject-Token": revoked})
    took = until("a revocation is heard", lambda: status(revoked) == 401, patience=10)
    print(f"A revocation was heard after {took:.1f} s, polled each second.")
    serving.stop()
    began = time.monotonic()
    statuses = [status(new) for _ in range(10)]
    took = time.monotonic() - began
    print(f"Without Keystone ten new tokens were answered {sorted(set(statuses))} within {took:.2f} s.")
    compare.fact("503 within 10 s", set(statuses) == {503} and took < 10)
    compare.fact("a remembered token goes on", status(known) == 200)
    compare.fact("keystonemiddleware says 503 too", compare.oracle.verdict("GET", LIST, token(new)) == "away")
    keystone.start()
    took = until("Keystone's return is seen", lambda: status(new) == 200)
    print(f"Keystone's return was seen after {took:.1f} s.")
    compare.fact("recovery within 5 s", took < 5)


def main():
    # The middleware logs each refusal.
    logging.disable()
    folder, program = pathlib.Path(sys.argv[1]), sys.argv[2]
    (folder / "keystone").mkdir()
    keystone = Keystone(folder / "keystone")
    serving, short_url = keystone.start(), keystone.start_short()
    directory = people.Directory(keystone.url)
    effigy = Effigy(folder, program, keystone)
    people.make(directory, f"{effigy.url}/image")
    running = effigy.start("cache_seconds = 0")
    compare = Comparison(effigy, Oracle(keystone))
    compare_tokens(compare, directory, short_url)
    compare_rules(compare, directory)
    try_client(compare, directory, folder)
    running.stop()
    effigy.start("cache_seconds = 300\nrevocation_poll_seconds = 1")
    go_away(compare, directory, keystone, serving)
    for wrong in compare.wrong:
        print(wrong, file=sys.stderr)
    print(f"{compare.asked} requests and facts, {len(compare.wrong)} of them not as keystonemiddleware has it.")
    sys.exit(bool(compare.wrong))


if __name__ == "__main__":
    main()

"""A real Glance with 200 images, brought over by an import that is killed three times: run.py FOLDER PROGRAM."""
import os
import pathlib
import random
import sqlite3
import subprocess
import sys
import time

import requests

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "keystone"))
import people  # noqa: E402
from stack import ADMIN_PASSWORD, HERE, Effigy, Keystone, Process, free_port, is_up, until  # noqa: E402

IMAGES = 200
LARGE, LARGE_BYTES = (60, 110, 160), 48 << 20
# These are of no use, or on their way: the last images.
AKI, STAGED, SAVING, KILLED = range(IMAGES - 4, IMAGES)
SETTINGS = """[sharing]
scope = "any"
[inspect]
public = "record"
"""
# Effigy's own, or filled in when it has looked inside.
NOT_COMPARED = {"updated_at", "virtual_size", "self", "file", "schema", "stores", "direct_url", "locations",
                "os_type", "os_distro", "os_version"}


class Glance:
    """Glance with SQLite, in front of a Keystone."""

    def __init__(self, folder, keystone):
        self.folder, self.port = folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        paste = pathlib.Path(sys.prefix, "etc/glance/glance-api-paste.ini")
        for name in ("images", "staging", "tasks", "locks", "cache"):
            (folder / name).mkdir(parents=True)
        (folder / "glance-api.conf").write_text(f"""[DEFAULT]
log_file = {folder}/glance-api.log
enabled_backends = here:file
node_staging_uri = file://{folder}/staging
worker_self_reference_url = {self.url}
image_cache_dir = {folder}/cache
[database]
connection = sqlite:///{folder}/glance.db
[glance_store]
default_backend = here
[here]
filesystem_store_datadir = {folder}/images
[os_glance_staging_store]
filesystem_store_datadir = {folder}/staging
[os_glance_tasks_store]
filesystem_store_datadir = {folder}/tasks
[keystone_authtoken]
www_authenticate_uri = {keystone.url}
auth_url = {keystone.url}
auth_type = password
project_domain_name = Default
user_domain_name = Default
project_name = service
username = glance
password = glancepw
[paste_deploy]
flavor = keystone
config_file = {paste}
[oslo_concurrency]
lock_path = {folder}/locks
[wsgi]
python_interpreter = {sys.executable}
""")
        command = ["glance-manage", "--config-file", folder / "glance-api.conf", "db_sync"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"glance-manage db_sync failed: {done.stderr[-2000:]}")

    def start(self):
        process = Process(self.folder / "glance.out", [sys.executable, HERE / "serve.py", str(self.port), "glance"],
                          OS_GLANCE_CONFIG_DIR=str(self.folder))
        until("Glance answers", lambda: is_up(self.url))
        return process

    def write(self, number, status):
        """Sets a status that nobody asks for, as a Glance that died leaves it."""
        with sqlite3.connect(self.folder / "glance.db", timeout=30) as rows:
            rows.execute("update images set status = ? where name = ?", (status, f"image {number}"))


class Client:
    """An image service, as somebody with a token sees it."""

    def __init__(self, url, token):
        self.url, self.session = f"{url}/v2/images", requests.Session()
        self.session.trust_env = False
        self.session.headers["X-Auth-Token"] = token

    def call(self, method, path="", **more):
        answer = self.session.request(method, self.url + path, timeout=120, **more)
        if answer.status_code >= 300:
            sys.exit(f"{method} {self.url}{path} answered {answer.status_code}: {answer.text[:500]}")
        return answer.json() if answer.content else None

    def patch(self, image, *operations):
        kind = {"Content-Type": "application/openstack-images-v2.1-json-patch"}
        words = [{"op": op, "path": f"/{name}", **({} if value is None else {"value": value})}
                 for op, name, value in operations]
        return self.call("PATCH", f"/{image}", json=words, headers=kind)

    def listed(self, query):
        """The records of a list, page by page."""
        images, marker = {}, ""
        while True:
            page = self.call("GET", f"?limit=50&{query}{marker}")
            images.update((image["id"], compared(image)) for image in page["images"])
            if "next" not in page:
                return images
            marker = f"&marker={page['images'][-1]['id']}"


def compared(image):
    said = {name: value for name, value in image.items()
            if name not in NOT_COMPARED and not name.startswith("os_glance") and value is not None}
    return {**said, "tags": sorted(image["tags"])}


class Made:
    """The 200 images of Glance."""

    def __init__(self, glance, admin, projects, folder):
        self.glance, self.admin, self.projects, self.ids = glance, admin, projects, []
        self.random = random.Random(7)
        self.qcow2 = [self.qcow2_file(folder, number) for number in range(3)]
        for number in range(IMAGES):
            self.ids.append(self.image(number))

    def qcow2_file(self, folder, number):
        raw, file = folder / "disk.raw", folder / "disk.qcow2"
        raw.write_bytes(self.random.randbytes(300_000 + 65_536 * number) + bytes(1 << 20))
        subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, file], check=True)
        return file.read_bytes()

    def image(self, number):
        is_odd_one = number >= AKI
        is_qcow2 = number % 4 == 0 and number not in LARGE and not is_odd_one
        visibility = ("private", "shared", "community", "public", "shared")[number % 5]
        record = {
            "name": f"image {number}", "owner": self.projects[number % 3], "visibility": visibility,
            "disk_format": "qcow2" if is_qcow2 else "raw", "container_format": "bare", "min_ram": 64 * (number % 3),
            "min_disk": number % 4, "os_hidden": number % 7 == 0, "protected": number % 11 == 0 and not is_odd_one,
            "tags": [f"tag{n}" for n in range(number % 4)],
            **{f"property_{n}": f"값 {number}/{n} 'quoted' \"twice\"" for n in range(number % 6)},
        }
        if number % 13 == 0:
            record.update(name="one of many", os_distro="debian", os_version="12")
        if number % 17 == 0:
            del record["name"]
        if is_odd_one:
            record["name"] = f"image {number}"
        if number == AKI:
            record.update(disk_format="aki", container_format="aki")
        image = self.admin.call("POST", json=record)["id"]
        if visibility == "shared" and number % 5 == 1:
            for project, status in zip(self.projects, self.random.sample(("accepted", "rejected", "pending"), 3)):
                if project != record["owner"]:
                    self.admin.call("POST", f"/{image}/members", json={"member": project})
                    self.admin.call("PUT", f"/{image}/members/{project}", json={"status": status})
        self.fill(image, number, self.qcow2[number % 3] if is_qcow2 else None)
        return image

    def fill(self, image, number, data):
        if number % 10 == 0 and number not in LARGE or number in (SAVING, KILLED):
            # Without bytes.
            self.glance.write(number, {SAVING: "saving", KILLED: "killed"}.get(number, "queued"))
            return
        size = LARGE_BYTES if number in LARGE else self.random.randrange(1, 600_000)
        data = data or self.random.randbytes(size)
        part = "stage" if number == STAGED else "file"
        octets = {"Content-Type": "application/octet-stream"}
        self.admin.call("PUT", f"/{image}/{part}", data=data, headers=octets)
        if number % 10 == 1:
            self.admin.call("POST", f"/{image}/actions/deactivate")

    def change(self):
        """Changes of people who still use Glance."""
        self.admin.patch(self.ids[2], ("replace", "name", "renamed"), ("replace", "tags", ["new"]),
                         ("replace", "min_ram", 999), ("add", "late", "1"), ("remove", "property_0", None))
        self.admin.patch(self.ids[3], ("replace", "visibility", "private"), ("replace", "os_hidden", True))
        self.admin.call("POST", f"/{self.ids[1]}/actions/reactivate")
        self.admin.call("POST", f"/{self.ids[5]}/actions/deactivate")
        member = next(project for project in self.projects if project != self.projects[6 % 3])
        self.admin.call("DELETE", f"/{self.ids[6]}/members/{member}")
        self.admin.call("DELETE", f"/{self.ids[7]}")
        self.fill(self.ids[10], 12, None)


class Import:
    """The command, and what it says."""

    def __init__(self, effigy, keystone, folder):
        self.command = [effigy.program, "import-glance", *effigy.configure(SETTINGS)]
        self.parts = effigy.folder / "data" / "import-glance"
        secret = {"OS_AUTH_URL": keystone.url, "OS_USERNAME": "admin", "OS_PASSWORD": ADMIN_PASSWORD,
                  "OS_PROJECT_NAME": "admin", "HOME": str(folder)}
        plain = {name: value for name, value in os.environ.items() if not name.startswith(("OS_", "EFFIGY"))}
        self.env = {**plain, **secret}

    def killed(self, when):
        """Kills it as soon as that is so; it must not have ended before."""
        log = self.parts.parent.parent / "import.log"
        with open(log, "wb") as said:
            child = subprocess.Popen(self.command, stdout=said, stderr=said, env=self.env)
        while not when(log):
            if child.poll() is not None:
                sys.exit(f"the import ended before it was killed: {log.read_text()[-2000:]}")
            time.sleep(0.002)
        child.kill()
        child.wait()
        show(log.read_text())

    def run(self, *more):
        done = subprocess.run([*self.command, *more], env=self.env, capture_output=True, text=True)
        show(done.stderr + done.stdout)
        return done.returncode, done.stdout, done.stderr

    def has_part(self, least, most):
        def is_so(_):
            return any(least <= path.stat().st_size <= most for path in self.parts.glob("*.part") if path.exists())
        return is_so


def show(text):
    if "VERBOSE" in os.environ:
        print(text)


def expect(what, is_so, said=""):
    if not is_so:
        sys.exit(f"not so: {what}\n{said[-4000:]}")
    print(f"  yes  {what}")


def stack(folder):
    keystone = Keystone(folder)
    keystone.start()
    directory = people.Directory(keystone.url)
    projects = [directory.make("project", name) for name in ("web", "batch", "other")]
    directory.make("project", "service")
    directory.user("effigy", ("service", "service"))
    directory.user("glance", ("service", "service"), ("admin", "service"))
    directory.user("alice", ("member", "web"))
    directory.user("bob", ("member", "batch"))
    glance = Glance(folder / "glance", keystone)
    service = directory.call("POST", "/services", {"service": {"type": "image", "name": "glance"}})["service"]["id"]
    directory.call("POST", "/endpoints", {"endpoint": {"service_id": service, "interface": "public",
                                                       "region_id": "RegionOne", "url": glance.url}})
    glance.start()
    return keystone, directory, projects, glance


def compare_services(glance, effigy, directory):
    """The lists of people are the same at both."""
    tokens = {"admin": directory.sign_in("admin", ADMIN_PASSWORD, {"project": people.named("admin")}),
              "alice": directory.as_("alice", "web"), "bob": directory.as_("bob", "batch")}
    for name, token in tokens.items():
        there, here = Client(glance.url, token), Client(f"{effigy.url}/image", token)
        # Without a filter, Glance leaves community images out of an admin's list, and Effigy does not.
        plain = () if name == "admin" else ("", "os_hidden=true")
        for query in (*plain, "visibility=all", "visibility=all&os_hidden=true", "visibility=community",
                      "visibility=public", "visibility=shared"):
            ours, theirs = here.listed(query), there.listed(query)
            odd = [f"{id}: {theirs.get(id)} there, {ours.get(id)} here" for id in theirs.keys() | ours.keys()
                   if theirs.get(id) != ours.get(id)]
            expect(f"{name} lists the same {len(theirs)} images ({query or 'no filter'})", not odd, "\n".join(odd))


def main(folder, program):
    keystone, directory, projects, glance = stack(folder)
    admin = Client(glance.url, directory.token)
    made = Made(glance, admin, projects, folder)
    effigy = Effigy(folder, program, keystone)
    brings = Import(effigy, keystone, folder)
    print(f"{IMAGES} images in Glance")

    brings.killed(lambda log: log.read_text().count("[") >= 40)
    brings.killed(brings.has_part(8 << 20, LARGE_BYTES - 1))
    made.change()
    brings.killed(brings.has_part(LARGE_BYTES, LARGE_BYTES))
    code, said, progress = brings.run()
    differing = [line for line in said.splitlines() if line.split(" ")[0] in ("differs", "waits", "gone")]
    expect("an import that was killed three times ends, and names what cannot be the same",
           code == 1 and len(differing) == 4, said + progress)
    for number, word in ((AKI, "differs"), (STAGED, "waits"), (SAVING, "waits"), (7, "gone")):
        expect(f"image {number}: {word}", f"{word:<9} {made.ids[number]}" in said, said)
    # Glance itself lists no image that was killed.
    expect(f"image {KILLED}, which was killed, is not missed", made.ids[KILLED] not in said, said)
    glance.write(SAVING, "queued")
    for number in (AKI, STAGED, SAVING):
        admin.call("DELETE", f"/{made.ids[number]}")
    code, said, progress = brings.run("--delete")
    expect("what is deleted in Glance is deleted", code == 0 and sum(line.startswith("deleted") for line in said.splitlines()) == 2, said + progress)
    code, said, progress = brings.run()
    expect("nothing is left to be brought", code == 0 and " 0 brought now" in said and ", 0 brought up" in said, said)
    code, said, progress = brings.run("--verify")
    expect("--verify: nothing differs", code == 0 and said.endswith("nothing differs\n"), said + progress)

    service = effigy.start(SETTINGS)
    compare_services(glance, effigy, directory)
    code, said, progress = brings.run("--verify")
    expect("--verify beside the service: nothing differs", code == 0, said + progress)
    code, said, progress = brings.run()
    expect("an import beside the service is refused", code == 1 and "another effigy serves" in progress, progress)
    service.stop()
    checked = subprocess.run([program, "store", "check", *effigy.configure(SETTINGS)], capture_output=True, text=True)
    expect("the store is whole", checked.returncode == 0, checked.stdout + checked.stderr)
    print(f"import-glance: {IMAGES} images of a real Glance came over, killed three times on the way: nothing differs")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), sys.argv[2])

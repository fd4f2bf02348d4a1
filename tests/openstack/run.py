"""Effigy in Glance's place in a real OpenStack: run.py FOLDER PROGRAM OPENSTACK PART..., each a function of this file."""
import contextlib
import datetime
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

from cloud import ADMIN_PASSWORD, FLAVORS, HERE, PEOPLE, SHARING, Cloud, Effigy, ask, free_port, micro_disk, people, until
from figures import figures

# Tempest's images have no system inside to recognise.
RECORD = "[inspect]\npublic = \"record\""
TINY = ("--flavor", "micro", "--nic", "none")


class Client:
    """The `openstack` command, as somebody."""

    def __init__(self, cloud, openstack, name):
        self.cloud, self.name, self.command = cloud, name, [openstack, "--os-cloud", name]
        self.env = {**os.environ, "OS_CLIENT_CONFIG_FILE": str(cloud.clouds())}
        user, project = PEOPLE[name]
        self.token = cloud.directory.sign_in(user, f"{user}pw", {"project": people.named(project)})

    def try_(self, *words):
        command = [*self.command, *(str(word) for word in words)]
        return subprocess.run(command, env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True)

    def __call__(self, *words):
        done = self.try_(*words)
        if done.returncode:
            sys.exit(f"{self.name}: openstack {' '.join(map(str, words))}: {done.stderr[-3000:]}")
        return done.stdout

    def json(self, *words):
        return json.loads(self(*words, "-f", "json"))

    def image(self, name, path, *more):
        kind = "qcow2" if str(path).endswith(".qcow2") else "raw"
        return self.json("image", "create", name, "--disk-format", kind, "--container-format", "bare", "--file", path, *more)["id"]

    def server(self, name, image, *more):
        self("server", "create", name, "--image", image, *TINY, *more, "--wait")
        self.is_(name, "ACTIVE")

    def nova(self, method, path, body=None):
        """The same without the command, which takes a second to begin: for questions that are asked until they come true."""
        time.sleep(0.2)
        headers = {"X-Auth-Token": self.token, "OpenStack-API-Version": "compute 2.90"}
        status, _, answer = ask(method, f"{self.cloud.nova_url}{path}", headers, body)
        if status >= 300:
            sys.exit(f"{self.name}: {method} {path} was answered {status}: {answer}")
        return answer

    def server_named(self, name):
        return next(server for server in self.nova("GET", "/servers/detail")["servers"] if name in (server["name"], server["id"]))

    def is_(self, name, *states):
        """Waits for one of these, with nothing under way."""
        def arrived():
            server = self.server_named(name)
            if server["status"] == "ERROR":
                sys.exit(f"{name} is in error: {server.get('fault')}")
            return server["status"] in states and not server["OS-EXT-STS:task_state"]
        until(f"{name} is {states}", arrived, patience=300)

    def says(self, name, label, boots):
        """The console log proves which image a server came from, and which boot of it this is."""
        words = f"MICRO-READY {label} {boots:04x} OK"
        path = f"/servers/{self.server_named(name)['id']}/action"
        until(f"{name} says {words!r}", lambda: words in self.nova("POST", path, {"os-getConsoleOutput": {}})["output"], patience=180)

    def snapshot(self, server, name):
        self("server", "image", "create", server, "--name", name, "--wait")
        return self.json("image", "show", name)

    def act(self, server, action, *states):
        self("server", *action, server)
        self.is_(server, *states)


class Stage:
    """The cloud, and what is done in it."""

    def __init__(self, folder, program, openstack):
        self.folder, self.openstack = folder, openstack
        self.cloud = Cloud(folder, program)
        self.cloud.start()
        self.admin, self.alice, self.bob = (Client(self.cloud, openstack, name) for name in PEOPLE)
        self.micro = {label: micro_disk(label, folder / f"{label}.raw") for label in ("golden", "other", "late", "held", "moved")}

    def downloads(self, image):
        """Times at which an image's bytes were asked for, by the audit of Effigy."""
        headers = {"X-Auth-Token": self.admin.token}
        status, _, said = ask("GET", f"{self.cloud.effigy.url}/effigy/v1/audit?action=image.download", headers)
        if status != 200:
            sys.exit(f"the audit was answered {status}: {said}")
        return [event["time"] for event in said["events"] if event["target_id"] == image]


@contextlib.contextmanager
def claim(words):
    began = time.monotonic()
    try:
        yield
    except SystemExit as end:
        sys.exit(f"not so: {words}\n{end}")
    print(f"  yes  {words} ({time.monotonic() - began:.0f} s)", flush=True)


def expect(is_so, said):
    if not is_so:
        sys.exit(f"{said}")


def moving(stage):
    """The cloud has had a Glance until now."""
    cloud, alice = stage.cloud, stage.alice
    with claim("a server boots of an image in Glance"):
        cloud.start_glance()
        moved = alice.image("moved", stage.micro["moved"])
        alice.server("before", moved)
        alice.says("before", "moved", 1)
    with claim("Glance's images come over with an application credential in clouds.yaml, and nothing differs"):
        made = stage.admin.json("application", "credential", "create", "moving")
        path = cloud.clouds(moving={"auth_type": "v3applicationcredential", "region_name": "RegionOne", "auth": {
            "auth_url": cloud.keystone.url, "application_credential_id": made["id"] if "id" in made else made["ID"],
            "application_credential_secret": made["secret"] if "secret" in made else made["Secret"]}})
        words = Effigy(stage.folder, cloud.program, cloud.keystone).configure(SHARING)
        done = subprocess.run([cloud.program, "import-glance", "--os-cloud", "moving", *words], capture_output=True,
                              text=True, env={**os.environ, "OS_CLIENT_CONFIG_FILE": str(path)})
        expect(done.returncode == 0 and "nothing differs" in done.stdout, done.stdout + done.stderr)
        cloud.running.pop("glance").stop()
    cloud.start_effigy("")
    with claim("the server is rebuilt of the same image, which is in Effigy now"):
        alice("server", "rebuild", "--wait", "--image", moved, "before")
        alice.is_("before", "ACTIVE")
        alice.says("before", "moved", 1)
        alice("server", "delete", "--wait", "before")


def guide(stage):
    if "effigy" not in stage.cloud.running:
        stage.cloud.start_effigy("")
    images = whole_guide(stage)
    life_of_a_server(stage, images)
    across_projects(stage, images)
    token_that_ends(stage)
    public_and_windows(stage)


def whole_guide(stage):
    alice, bob = stage.alice, stage.bob
    with claim("an image is uploaded, and a server of it boots: its console says that this is the first boot"):
        golden = alice.image("golden", stage.micro["golden"])
        alice.server("first", "golden")
        alice.says("first", "golden", 1)
        expect(len(stage.downloads(golden)) == 1, "Nova has not downloaded the image once")
    with claim("a second server of it boots from Nova's cache: nothing is downloaded"):
        alice.server("second", "golden")
        alice.says("second", "golden", 1)
        expect(len(stage.downloads(golden)) == 1, "it was downloaded again")
        alice("server", "delete", "--wait", "second")
    with claim("it is stopped, and an image is made of it"):
        alice.act("first", ["stop"], "SHUTOFF")
        copy = alice.snapshot("first", "copy")
        expect((copy["status"], copy["disk_format"], copy["owner"]) ==
               ("active", "qcow2", stage.cloud.directory.ids["web"]), copy)
    with claim("the image is shared with another project, which accepts it"):
        batch = stage.cloud.directory.ids["batch"]
        alice("image", "set", "--shared", copy["id"])
        alice("image", "add", "project", copy["id"], batch)
        bob("image", "set", "--accept", copy["id"])
        bob("image", "show", "copy")
    with claim("the other project boots three servers of it: each says that this is its second boot"):
        for number in range(3):
            bob.server(f"clone-{number}", copy["id"])
            bob.says(f"clone-{number}", "golden", 2)
            bob("server", "delete", "--wait", f"clone-{number}")
    return golden, copy["id"]


def life_of_a_server(stage, images):
    alice = stage.alice
    with claim("a server is rebuilt with another image"):
        alice.image("other", stage.micro["other"])
        alice.act("first", ["start"], "ACTIVE")
        alice("server", "rebuild", "--wait", "--image", "other", "first")
        alice.says("first", "other", 1)
    with claim("a server is rescued with an image and comes back"):
        alice.act("first", ["rescue", "--image", images[0]], "RESCUE")
        alice.says("first", "golden", 1)
        alice.act("first", ["unrescue"], "ACTIVE")
        alice.says("first", "other", 2)
    with claim("a server is shelved and comes back with its disk, and the image that held it is gone"):
        alice("server", "shelve", "--wait", "first")
        alice.is_("first", "SHELVED_OFFLOADED")
        expect("first-shelved" in alice("image", "list"), "there is no image of the shelved server")
        alice("server", "unshelve", "--wait", "first")
        alice.is_("first", "ACTIVE")
        alice.says("first", "other", 3)
        until("the image of the shelved server is gone", lambda: "first-shelved" not in alice("image", "list"))
    with claim("a live server becomes an image"):
        expect(alice.snapshot("first", "live")["status"] == "active", "it is not active")
    with claim("backups are rotated"):
        kept = set()
        for _ in range(2):
            # The command would ask for the image by its name, of which there are two for a moment.
            path = f"/servers/{alice.server_named('first')['id']}/action"
            alice.nova("POST", path, {"createBackup": {"name": "nightly", "backup_type": "daily", "rotation": 1}})
            alice.is_("first", "ACTIVE")
            until("one backup is left, and it is new", lambda: fresh_backup(alice, kept))


def fresh_backup(alice, seen):
    """Whether there is one backup, which was not there when this was asked before and came true."""
    listed = [(image["ID"], image["Status"]) for image in alice.json("image", "list") if image["Name"] == "nightly"]
    if len(listed) != 1 or listed[0][1] != "active" or listed[0][0] in seen:
        return False
    seen.add(listed[0][0])
    return True


def across_projects(stage, images):
    with claim("an admin's image of another project's server is shared with that project"):
        first = stage.alice.server_named("first")["id"]
        made = stage.admin.snapshot(first, "by-admin")
        expect(made["visibility"] == "shared", made)
        members = stage.admin.json("image", "member", "list", made["id"])
        expect([member["Member ID"] for member in members] == [stage.cloud.directory.ids["web"]], members)
        stage.alice("image", "set", "--accept", made["id"])
    with claim("an image that is taken back boots nowhere"):
        stage.alice("image", "remove", "project", images[1], stage.cloud.directory.ids["batch"])
        refused = stage.bob.try_("server", "create", "theft", "--image", images[1], *TINY)
        expect(refused.returncode, "a server was made of it")


def token_that_ends(stage):
    seconds, cloud, alice = 15, stage.cloud, stage.alice
    with claim("a server boots whose user's token ends before its image is asked for"):
        late = alice.image("late", stage.micro["late"])
        server = {"name": "late", "imageRef": late, "flavorRef": alice.json("flavor", "show", "micro")["id"], "networks": "none"}
        port = free_port()
        cloud.keystone.start(cloud.keystone.write_config("short.conf", seconds), port)
        # The host stands still until the token is over, so that it is over whatever the speed of this machine.
        compute = cloud.running["nova-compute"].child
        compute.send_signal(signal.SIGSTOP)
        try:
            token = cloud.directory.as_("alice", "web", f"http://127.0.0.1:{port}/v3")
            over = time.time() + seconds
            headers = {"X-Auth-Token": token, "OpenStack-API-Version": "compute 2.90"}
            status, _, said = ask("POST", f"{cloud.nova_url}/servers", headers, {"server": server})
            expect(status == 202, f"{status} {said}")
            time.sleep(max(0, over + 1 - time.time()))
        finally:
            compute.send_signal(signal.SIGCONT)
        alice.is_("late", "ACTIVE")
        alice.says("late", "late", 1)
        asked_at = datetime.datetime.fromisoformat(stage.downloads(late)[0]).timestamp()
        expect(asked_at > over, "the image was asked for before the token was over: the test proves nothing")


def public_and_windows(stage):
    alice, admin = stage.alice, stage.admin
    with claim("a server of an image that is held back becomes an image that is not"):
        held = admin.image("held", stage.micro["held"], "--public")
        expect("os_effigy_public" in str(admin.json("image", "show", held)), "it is not held back")
        admin.server("held", held)
        made = admin.snapshot("held", "of-held")
        expect("os_effigy_public" not in str(made), made)
    with claim("an image of Windows that is not generalised is refused, and Nova's events say why"):
        windows = stage.folder / "windows"
        subprocess.run([HERE.parent.parent / "guests/windows.sh", windows], check=True, stdout=subprocess.DEVNULL)
        # Nova starts what Effigy knows to be Windows with features of Hyper-V, which QEMU has on KVM only.
        alice.image("windows", windows / "complete.raw", "--property", "os_type=linux")
        alice.server("windows", "windows")
        alice.act("windows", ["stop"], "SHUTOFF")
        alice("server", "image", "create", "windows", "--name", "template")
        until("it is given up", lambda: "template" not in alice("image", "list"))
        alice.is_("windows", "SHUTOFF")
        request = next(event["Request ID"] for event in alice.json("server", "event", "list", "windows")
                       if event["Action"] == "createImage")
        # Nova's policy shows details to admins only.
        events = admin("server", "event", "show", alice.server_named("windows")["id"], request)
        for words in ("sysprep /generalize", "effigy_sysprep_reason"):
            expect(words in " ".join(events.split()), events)
    with claim("it is made all the same when the owner gives a reason"):
        reason = "effigy_sysprep_reason=for one machine"
        alice("server", "image", "create", "windows", "--name", "template", "--property", reason, "--wait")
        expect(alice.json("image", "show", "template")["status"] == "active", "it is not active")


def console(stage):
    """The guide by clicks: Effigy's console, whose people are Keystone's and whose instances are Nova's."""
    cloud, directory = stage.cloud, stage.cloud.directory
    if "effigy" in cloud.running:
        cloud.running.pop("effigy").stop()
    # As the guide has it: a project takes what another of the same person shares with it.
    cloud.start_effigy("", '[sharing]\nscope = "own-projects"\n')
    directory.make("project", "night")
    directory.call("PUT", directory.grant("alice", "member", "night"))
    # A boot sector has no system to look into: the admin who makes it public says why.
    reason = ("--property", "effigy_public_reason=a test guest")
    stage.admin.image("base", micro_disk("base", stage.folder / "base.raw"), "--public", *reason)
    with claim("the whole guide by clicks"):
        env = {**os.environ, "CLOUD_CONSOLE": cloud.effigy.url, "CLOUD_PASSWORD": "alicepw"}
        done = subprocess.run([HERE.parent.parent / "scripts/console.sh", "openstack"], env=env, capture_output=True, text=True)
        expect(done.returncode == 0, done.stdout + done.stderr)


def tempest(stage):
    """The same tests beside either image service: none fails at Effigy that does not fail at Glance."""
    outcomes = {}
    for name, start in (("glance", stage.cloud.start_glance), ("effigy", lambda: stage.cloud.start_effigy(RECORD))):
        start()
        outcomes[name] = tempest_beside(stage, name)
        stage.cloud.running.pop(name).stop()
        print(f"  {name}: " + ", ".join(f"{len(outcomes[name][how])} {how}" for how in ("passed", "failed", "skipped")), flush=True)
    ours, theirs = outcomes["effigy"], outcomes["glance"]
    for test in sorted({*theirs["failed"]} & {*ours["failed"]}):
        print(f"  fails beside both: {test}")
    worse = {*ours["failed"]} - {*theirs["failed"]} | {*theirs["passed"]} - {*ours["passed"]}
    if worse:
        sys.exit("these hold beside Glance and not beside Effigy:\n" + "\n".join(sorted(worse)))


def tempest_beside(stage, name):
    folder = stage.folder / f"tempest-{name}"
    folder.mkdir()
    # Tempest's own projects boot from them.
    images = [stage.admin.image(label, stage.micro[label], "--public") for label in ("golden", "other")]
    words = {"FOLDER": folder, "PASSWORD": ADMIN_PASSWORD, "KEYSTONE": stage.cloud.keystone.url, "IMAGE": images[0],
             "OTHER": images[1], **{f"FLAVOR_{size}": stage.admin.json("flavor", "show", size)["id"] for size in FLAVORS}}
    text = (HERE.parent / "openstack/tempest.conf").read_text()
    for word, value in words.items():
        text = text.replace(f"@{word}@", str(value))
    (folder / "tempest.conf").write_text(text)
    python = pathlib.Path(stage.openstack).parent / "python"
    with open(folder / "said", "wb") as said:
        done = subprocess.run([python, HERE.parent / "openstack/tempest.py", folder / "outcomes.json"], cwd=folder,
                              env={**os.environ, "TEMPEST_CONFIG_DIR": str(folder)}, stdout=said, stderr=said)
    if done.returncode:
        sys.exit(f"Tempest did not run: {folder}/said")
    return json.loads((folder / "outcomes.json").read_text())


def main(folder, program, openstack, *parts):
    began = time.monotonic()
    stage = Stage(pathlib.Path(folder), program, openstack)
    print(f"OpenStack is up after {time.monotonic() - began:.0f} s", flush=True)
    for part in parts:
        PARTS[part](stage)
    print(f"openstack: {', '.join(parts)}: everything holds")


PARTS = {"moving": moving, "guide": guide, "console": console, "tempest": tempest, "figures": figures}

if __name__ == "__main__":
    main(*sys.argv[1:])

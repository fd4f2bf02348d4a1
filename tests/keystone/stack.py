"""The processes: Keystone with SQLite, as often as it is asked for, and a service that asks it."""
import atexit
import base64
import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).parent
ADMIN_PASSWORD = "adminpw"
# The time of a token that is to be over soon.
SHORT_SECONDS = 1


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def ask(method, url, headers=(), body=None, timeout=30):
    """Status, headers and JSON of an answer."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method=method, headers=dict(headers))
    if data is not None:
        request.add_header("Content-Type", "application/json")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=timeout) as answer:
            status, headers, text = answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        status, headers, text = error.code, error.headers, error.read()
    try:
        return status, headers, json.loads(text)
    except ValueError:
        return status, headers, None


def until(what, question, patience=60):
    """Asks until the answer is yes; the seconds that it took."""
    began = time.monotonic()
    while not question():
        if time.monotonic() - began > patience:
            sys.exit(f"after {patience} s still not: {what}")
        time.sleep(0.05)
    return time.monotonic() - began


def is_up(url):
    try:
        return ask("GET", url, timeout=5)[0] < 500
    except OSError:
        return False


class Process:
    """A process with its log in the folder."""

    def __init__(self, log, command, **env):
        self.log = log
        with open(log, "ab") as out:
            self.child = subprocess.Popen(command, stdout=out, stderr=out, env={**os.environ, **env},
                                          start_new_session=True)
        # However the script ends, nothing of it goes on.
        atexit.register(self.stop)

    def stop(self):
        if self.child.poll() is not None:
            return
        self.child.terminate()
        try:
            self.child.wait(20)
        finally:
            # And those that it started.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.child.pid, signal.SIGKILL)


class Keystone:
    """Keystone in a folder. Several may serve the same database, with tokens of other lengths."""

    def __init__(self, folder, database=None):
        self.folder, self.database = folder, database or f"sqlite:///{folder}/keystone.db"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/v3"
        for keys in ("fernet", "credential"):
            (folder / keys).mkdir(mode=0o700)
            for number in "01":
                (folder / keys / number).write_bytes(base64.urlsafe_b64encode(os.urandom(32)))
        self.config = self.write_config("keystone.conf", 3600)
        self.manage("db_sync")
        self.manage("bootstrap", "--bootstrap-password", ADMIN_PASSWORD, "--bootstrap-region-id", "RegionOne",
                    *(word for kind in ("public", "internal", "admin") for word in (f"--bootstrap-{kind}-url", self.url)))

    def write_config(self, name, seconds):
        path = self.folder / name
        keys = {name: f"key_repository = {self.folder}/{name}" for name in ("fernet", "credential")}
        path.write_text(f"""[DEFAULT]
use_stderr = true
[database]
connection = {self.database}
[token]
expiration = {seconds}
[fernet_tokens]
{keys["fernet"]}
[fernet_receipts]
{keys["fernet"]}
[credential]
{keys["credential"]}
[identity]
password_hash_rounds = 4
""")
        return path

    def manage(self, *words):
        command = ["keystone-manage", "--config-file", self.config, *words]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"keystone-manage {words[0]} failed: {done.stderr[-2000:]}")

    def start(self, config=None, port=None):
        port = port or self.port
        command = [sys.executable, HERE / "serve.py", str(port), "keystone"]
        process = Process(self.folder / f"keystone-{port}.log", command,
                          OS_KEYSTONE_CONFIG_FILES=str(config or self.config))
        until("Keystone answers", lambda: is_up(f"http://127.0.0.1:{port}/v3"))
        return process

    def start_short(self):
        """One whose tokens are over at once: its address."""
        port = free_port()
        self.start(self.write_config("short.conf", SHORT_SECONDS), port)
        return f"http://127.0.0.1:{port}/v3"


class Effigy:
    """A service that asks Keystone."""

    def __init__(self, folder, program, keystone):
        self.folder, self.program, self.keystone = folder, program, keystone
        self.address = f"127.0.0.1:{free_port()}"
        self.url = f"http://{self.address}"

    def configure(self, more):
        """Writes the settings; the words of the command line that name them, and the data folder."""
        (self.folder / "effigy.toml").write_text(f"""[identity]
mode = "keystone"
[instances]
enabled = false
[keystone]
auth_url = "{self.keystone.url}"
username = "effigy"
password = "effigypw"
{more}
""")
        return ["--config", self.folder / "effigy.toml", "--data", self.folder / "data"]

    def start(self, more):
        command = [self.program, "serve", *self.configure(more), "--listen", self.address]
        process = Process(self.folder / "effigy.log", command)
        until("the service is ready", lambda: is_up(f"{self.url}/readyz"))
        return process

"""The program under measurement: starting it, asking it, and what the kernel knows of its cost."""

import base64
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TICKS = os.sysconf("SC_CLK_TCK")


class Service:
    """One running service with a data folder of its own."""

    def __init__(self, program, folder, settings=""):
        self.program, self.folder, self.data = program, folder, folder / "data"
        self.settings = folder / "effigy.toml"
        self.settings.write_text(settings)
        self.process, self.host, self.token, self.listen = None, None, None, "127.0.0.1:0"

    def start(self):
        """Starts the program and returns at once."""
        (self.data / "address").unlink(missing_ok=True)
        command = [self.program, "serve", "--config", self.settings, "--data", self.data, "--listen", self.listen]
        log = open(self.folder / "service.log", "ab")
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def wait(self):
        """Waits until it answers; the address it listens on stays the same from then on."""
        while True:
            if self.process.poll() is not None:
                raise SystemExit(f"the service ended: {(self.folder / 'service.log').read_text()[-2000:]}")
            try:
                self.host = (self.data / "address").read_text().strip().removeprefix("http://")
                self.listen = self.host
                if self.ask("GET", "/readyz", expect=None)[0] == 200:
                    return
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.001)

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(60)
            self.process = None

    def end_guests(self):
        """Guests outlive the service by design; the measurement ends them."""
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                # Each runs in its instance's folder.
                if pathlib.Path(os.readlink(process / "cwd")).is_relative_to(self.data.resolve() / "instances"):
                    os.kill(int(process.name), signal.SIGKILL)
            except OSError:
                pass

    def connect(self):
        connection = http.client.HTTPConnection(self.host, timeout=120)
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def ask(self, method, path, body=None, expect=(200, 201, 202, 204), connection=None, headers=None):
        """One request; (status, headers, JSON or bytes)."""
        own = connection is None
        connection = connection or self.connect()
        sent = {"X-Auth-Token": self.token} if self.token else {}
        sent.update({"Content-Type": "application/json", "OpenStack-API-Version": "compute 2.96"})
        sent.update(headers or {})
        connection.request(method, path, json.dumps(body) if isinstance(body, dict) else body, sent)
        answer = connection.getresponse()
        data = answer.read()
        if own:
            connection.close()
        if expect and answer.status not in expect:
            raise SystemExit(f"{method} {path} answered {answer.status}: {data[:400]!r}")
        if "json" in answer.getheader("Content-Type", "") and data:
            data = json.loads(data)
        return answer.status, answer.headers, data

    def sign_in(self):
        """As the administrator, whose password the first start wrote down."""
        found = re.search(r"^\s*password:\s*(.+)$", (self.data / "clouds.yaml").read_text(), re.M)
        user = {"name": "admin", "domain": {"id": "default"}, "password": found[1].strip().strip("'\"")}
        auth = {"identity": {"methods": ["password"], "password": {"user": user}},
                "scope": {"project": {"name": "admin", "domain": {"id": "default"}}}}
        self.token = None
        self.token = self.ask("POST", "/identity/v3/auth/tokens", {"auth": auth})[1]["X-Subject-Token"]

    # ---- images ----

    def create_image(self, name, disk_format="raw", connection=None):
        body = {"name": name, "disk_format": disk_format, "container_format": "bare"}
        return self.ask("POST", "/image/v2/images", body, connection=connection)[2]["id"]

    def upload(self, image, file):
        """Uploads with one `curl -T`; the seconds it took."""
        return self.curl("-T", str(file), "-H", "Content-Type: application/octet-stream",
                         "-H", "Expect:", f"/image/v2/images/{image}/file")

    def curl(self, *arguments):
        """The seconds of one transfer by curl."""
        *options, path = arguments
        command = ["curl", "-sS", "--fail-with-body", "-o", "/dev/null", "-H", f"X-Auth-Token: {self.token}",
                   *options, "-w", "%{time_total}", f"http://{self.host}{path}"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"curl {path}: {done.stdout}{done.stderr}")
        return float(done.stdout)

    # ---- instances ----

    def flavor(self, name):
        flavors = self.ask("GET", "/compute/v2.1/flavors/detail")[2]["flavors"]
        return next(flavor["id"] for flavor in flavors if flavor["name"] == name)

    def launch(self, name, image, flavor, count=1):
        """Launches and waits until all are ACTIVE: (ids, seconds)."""
        server = {"name": name, "imageRef": image, "flavorRef": flavor, "networks": "none",
                  "min_count": count, "max_count": count}
        connection = self.connect()
        began = time.perf_counter()
        first = self.ask("POST", "/compute/v2.1/servers", {"server": server}, connection=connection)[2]["server"]["id"]
        if count == 1:
            self.becomes(first, "ACTIVE", connection)
            return [first], time.perf_counter() - began
        listed = self.ask("GET", f"/compute/v2.1/servers?name=%5E{name}", connection=connection)[2]["servers"]
        for server in listed:
            self.becomes(server["id"], "ACTIVE", connection)
        return [server["id"] for server in listed], time.perf_counter() - began

    def becomes(self, instance, status, connection):
        while True:
            server = self.ask("GET", f"/compute/v2.1/servers/{instance}", connection=connection)[2]["server"]
            if server["status"] == status and not server.get("OS-EXT-STS:task_state"):
                return
            if server["status"] == "ERROR":
                raise SystemExit(f"instance {instance} failed: {server.get('fault')}")
            time.sleep(0.002)

    def act(self, instance, action):
        return self.ask("POST", f"/compute/v2.1/servers/{instance}/action", action,
                        headers={"OpenStack-API-Version": "compute 2.45"})[2]

    def console(self, instance):
        return self.act(instance, {"os-getConsoleOutput": {}})["output"]

    def says(self, instance, text, times=1, patience=120):
        deadline = time.monotonic() + patience
        while self.console(instance).count(text) < times:
            if time.monotonic() > deadline:
                raise SystemExit(f"instance {instance} never said {text!r}: {self.console(instance)!r}")
            time.sleep(0.02)

    def types(self, instance, keys):
        """Types on the serial console: a WebSocket with one masked binary frame."""
        body = {"remote_console": {"protocol": "serial", "type": "serial"}}
        url = self.ask("POST", f"/compute/v2.1/servers/{instance}/remote-consoles", body)[2]["remote_console"]["url"]
        host, _, path = url.split("://", 1)[1].partition("/")
        name, _, port = host.partition(":")
        with socket.create_connection((name, int(port)), timeout=30) as stream:
            key = base64.b64encode(os.urandom(16)).decode()
            stream.sendall(f"GET /{path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                           f"Origin: http://{host}\r\nSec-WebSocket-Protocol: binary\r\n"
                           f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
            answer = stream.recv(4096)
            if b" 101 " not in answer.split(b"\r\n", 1)[0]:
                raise SystemExit(f"the console refused: {answer!r}")
            stream.sendall(bytes([0x82, 0x80 | len(keys), 0, 0, 0, 0]) + keys.encode())
            stream.sendall(bytes([0x88, 0x80, 0, 0, 0, 0]))
            while stream.recv(4096):
                pass

    # ---- what it costs ----

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def written_bytes(self):
        found = re.search(r"^write_bytes: (\d+)", pathlib.Path(f"/proc/{self.process.pid}/io").read_text(), re.M)
        return int(found[1])

    def memory_mib(self, field="VmRSS"):
        found = re.search(rf"^{field}:\s+(\d+)", pathlib.Path(f"/proc/{self.process.pid}/status").read_text(), re.M)
        return int(found[1]) / 1024

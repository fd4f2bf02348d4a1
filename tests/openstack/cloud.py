"""A small OpenStack on loopback, of Debian's packages: Keystone, Placement and Nova with libvirt and QEMU, and an image service."""
import atexit
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import amqp

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "keystone"))
import people  # noqa: E402
import settings  # noqa: E402
from stack import ADMIN_PASSWORD, HERE, Effigy, Keystone, Process, ask, free_port, is_up, until  # noqa: E402

SERVED = ("mariadb", "rabbitmq", "rabbitmq-nodes", "epmd", "placement", "nova", "glance")
DATABASES = ("keystone", "placement", "glance", "nova_api", "nova", "nova_cell0")
# Each with a project; a password is the name and `pw`, as people.py makes them.
PEOPLE = {"admin": ("admin", "admin"), "alice": ("alice", "web"), "bob": ("bob", "batch")}
SHARING = "[sharing]\nscope = \"any\"\n"
FLAVORS = {"micro": (64, 1), "small": (256, 5)}
# Bound over the system's own, in a mount namespace of libvirtd's: the places of its settings are fixed.
LIBVIRT = {"etc": "/etc/libvirt", "lib": "/var/lib/libvirt", "log": "/var/log/libvirt", "cache": "/var/cache/libvirt",
           "run": "/run/libvirt"}


class NoNetworks(BaseHTTPRequestHandler):
    """The part of Neutron that Nova asks for although no server has a network: empty lists, and a quota for ports."""
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        parts = self.path.split("?")[0].strip("/").split("/")
        link = {"rel": "self", "href": f"http://{self.headers['Host']}/v2.0/"}
        match parts:
            case [] | ["v2.0"] | [""]:
                status, found = 200, {"versions": [{"id": "v2.0", "status": "CURRENT", "links": [link]}]}
            case [_, collection]:
                status, found = 200, {collection.replace("-", "_"): []}
            case [_, "quotas", *_]:
                status, found = 200, {"quota": {"port": -1}}
            case _:
                status, found = 404, {"NeutronError": {"type": "NotFound", "message": "not here", "detail": ""}}
        body = json.dumps(found).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Cloud:
    """The services, each a process with its log in the folder. One of two image services is in the catalog."""

    def __init__(self, folder, program):
        self.folder, self.program, self.running = folder, program, {}
        self.ports = {name: free_port() for name in SERVED}
        self.nova_url = f"http://127.0.0.1:{self.ports['nova']}/v2.1"
        self.glance_url = f"http://127.0.0.1:{self.ports['glance']}"
        for name in ("log", "maria", "rabbit", "nova/instances", "glance/images", "glance/staging", "glance/tasks",
                     "glance/cache", "keystone", "placement", *(f"libvirt/{part}" for part in LIBVIRT)):
            (folder / name).mkdir(parents=True)
        atexit.register(self.end_guests)
        for name, text in (("rabbitmq.conf", settings.rabbitmq(self)), ("rabbitmq-plugins", "[]."),
                           ("libvirt/etc/libvirtd.conf", settings.LIBVIRTD), ("libvirt/etc/qemu.conf", settings.QEMU)):
            (folder / name).write_text(text)

    def write_settings(self):
        for name, text in (
                ("placement/placement.conf", settings.placement(self)), ("glance-api.conf", settings.glance(self)),
                ("nova.conf", settings.nova(self)), ("nova-databases.conf", settings.nova_databases(self))):
            (self.folder / name).write_text(text)

    def run(self, name, *command, **env):
        self.running[name] = Process(self.folder / "log" / name, [str(word) for word in command], **env)

    def main(self, name, module, *files):
        """A program of Python that Debian has only in packages which would start it and bring more."""
        call = f"import sys; sys.argv[0] = '{name}'; from {module} import main; main()"
        self.run(name, sys.executable, "-c", call, *(f"--config-file={self.folder / file}" for file in files))

    def call(self, name, *command):
        with open(self.folder / "log" / name, "ab") as log:
            if subprocess.run([str(word) for word in command], stdout=log, stderr=log).returncode:
                sys.exit(f"{command[0]} failed: {log.name}")

    def start(self):
        self.start_below()
        self.start_mariadb()
        # Not on SQLite: Debian's release leaves a reader there that locks writers out.
        self.keystone = Keystone(self.folder / "keystone", settings.database(self, "keystone"))
        self.write_settings()
        self.make_tables()
        self.keystone.start()
        self.furnish()
        self.run("placement", sys.executable, HERE / "serve.py", self.ports["placement"], "placement",
                 OS_PLACEMENT_CONFIG_DIR=str(self.folder / "placement"))
        both = ("nova.conf", "nova-databases.conf")
        self.main("nova-api", "nova.cmd.api_os_compute", *both)
        self.main("nova-conductor", "nova.cmd.conductor", *both)
        self.main("nova-scheduler", "nova.cmd.scheduler", *both)
        self.main("nova-compute", "nova.cmd.compute", both[0])
        self.wait_for_compute()

    def start_below(self):
        """Without OpenStack's own: the database, the queue, libvirt and no networks."""
        ports, rabbit = self.ports, self.folder / "rabbit"
        self.run("epmd", "epmd", "-address", "127.0.0.1", "-port", ports["epmd"])
        self.run("rabbitmq", "/usr/lib/rabbitmq/bin/rabbitmq-server", HOME=str(rabbit), RABBITMQ_CONF_ENV_FILE="/dev/null",
                 RABBITMQ_NODENAME="tiny@localhost", RABBITMQ_CONFIG_FILE=str(self.folder / "rabbitmq"),
                 RABBITMQ_ENABLED_PLUGINS_FILE=str(self.folder / "rabbitmq-plugins"), RABBITMQ_MNESIA_BASE=str(rabbit),
                 RABBITMQ_LOG_BASE=str(rabbit), RABBITMQ_LOGS="-", RABBITMQ_DIST_PORT=str(ports["rabbitmq-nodes"]),
                 ERL_EPMD_PORT=str(ports["epmd"]), ERL_EPMD_ADDRESS="127.0.0.1", RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=
                 "+S 1:1 +sbwt none -kernel inet_dist_use_interface {127,0,0,1}")
        # libvirtd looks for this user before it reads its settings, and has no driver for QEMU without.
        if subprocess.run(["getent", "passwd", "libvirt-qemu"], stdout=subprocess.DEVNULL).returncode:
            self.call("libvirtd", "useradd", "--system", "--user-group", "--shell", "/usr/sbin/nologin", "libvirt-qemu")
        binds = "".join(f"mkdir -p {at}; mount --bind '{self.folder}/libvirt/{part}' {at}; " for part, at in LIBVIRT.items())
        self.run("libvirtd", "unshare", "--mount", "--propagation", "private", "sh", "-ec",
                 f"{binds} exec libvirtd -f /etc/libvirt/libvirtd.conf -p /run/libvirt/libvirtd.pid")
        neutron = ThreadingHTTPServer(("127.0.0.1", 0), NoNetworks)
        threading.Thread(target=neutron.serve_forever, daemon=True).start()
        self.neutron_url = f"http://127.0.0.1:{neutron.server_port}"

    def start_mariadb(self):
        data = self.folder / "maria"
        self.call("mariadb", "mariadb-install-db", "--no-defaults", "--user=root", f"--datadir={data}",
                  "--auth-root-authentication-method=normal")
        # Nothing of it is to outlive the machine.
        self.run("mariadb", "mariadbd", "--no-defaults", "--user=root", f"--datadir={data}", "--bind-address=127.0.0.1",
                 f"--port={self.ports['mariadb']}", f"--socket={data}/sock", "--innodb-buffer-pool-size=128M",
                 "--innodb-flush-log-at-trx-commit=0", "--performance-schema=off", "--max-connections=300")
        sql = ["mariadb", "--no-defaults", "-uroot", f"--socket={data}/sock", "-e"]
        until("MariaDB answers", lambda: subprocess.run([*sql, "select 1"], capture_output=True).returncode == 0)
        words = ["create user openstack@'127.0.0.1' identified by 'pw'", "grant all on *.* to openstack@'127.0.0.1'",
                 *(f"create database {name} character set utf8mb3" for name in DATABASES)]
        self.call("mariadb", *sql, "; ".join(words))

    def make_tables(self):
        nova = ["nova-manage", *(f"--config-file={self.folder}/{file}" for file in ("nova.conf", "nova-databases.conf"))]
        threads = [threading.Thread(target=self.calls, args=each) for each in (
            (("placement-manage", f"--config-file={self.folder}/placement/placement.conf", "db", "sync"),
             ("glance-manage", f"--config-file={self.folder}/glance-api.conf", "db_sync")),
            # The cells first: a database of Nova's is synced through the map of them.
            ((*nova, "api_db", "sync"), (*nova, "cell_v2", "map_cell0"), (*nova, "db", "sync"),
             (*nova, "cell_v2", "create_cell", "--name", "cell1")))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def calls(self, *commands):
        for command in commands:
            self.call("tables", *command)

    def furnish(self):
        """People, and the catalog without an image service."""
        self.directory = directory = people.Directory(self.keystone.url)
        if "service" not in directory.roles:
            directory.roles["service"] = directory.call("POST", "/roles", {"role": {"name": "service"}})["role"]["id"]
        for project in ("service", "web", "batch"):
            directory.make("project", project)
        directory.user("effigy", ("service", "service"))
        for user in ("nova", "placement", "glance"):
            directory.user(user, ("service", "service"), ("admin", "service"))
        directory.user("alice", ("member", "web"), ("member", "batch"))
        directory.user("bob", ("member", "batch"))
        for kind, url in (("compute", self.nova_url), ("placement", f"http://127.0.0.1:{self.ports['placement']}"),
                          ("network", self.neutron_url), ("image", self.glance_url)):
            service = directory.call("POST", "/services", {"service": {"type": kind, "name": kind}})["service"]["id"]
            for interface in ("public", "internal"):
                directory.call("POST", "/endpoints", {"endpoint": {
                    "service_id": service, "interface": interface, "region_id": "RegionOne", "url": url}})

    def serve_images(self, url):
        """Puts an image service into the catalog. Tokens have the catalog of their time."""
        services = self.directory.call("GET", "/services?type=image")["services"]
        for endpoint in self.directory.call("GET", f"/endpoints?service_id={services[0]['id']}")["endpoints"]:
            self.directory.call("PATCH", f"/endpoints/{endpoint['id']}", {"endpoint": {"url": url}})

    def start_effigy(self, more, sharing=SHARING):
        self.effigy = Effigy(self.folder, self.program, self.keystone)
        self.running["effigy"] = self.effigy.start(f"{more}\n{sharing}")
        self.serve_images(f"{self.effigy.url}/image")

    def start_glance(self):
        self.main("glance", "glance.cmd.api", "glance-api.conf")
        until("Glance answers", lambda: is_up(self.glance_url))
        self.serve_images(self.glance_url)

    def wait_for_compute(self):
        token = {"X-Auth-Token": self.directory.sign_in("admin", ADMIN_PASSWORD, {"project": people.named("admin")}),
                 "OpenStack-API-Version": "compute 2.90"}
        placement = f"http://127.0.0.1:{self.ports['placement']}"

        def has_room():
            if not is_up(self.nova_url) or not is_up(placement) or not self.is_heard("compute.tiny"):
                return False
            _, _, hosts = ask("GET", f"{self.nova_url}/os-hypervisors", token)
            _, _, providers = ask("GET", f"{placement}/resource_providers", token)
            if not (hosts and hosts.get("hypervisors") and providers and providers.get("resource_providers")):
                return False
            provider = providers["resource_providers"][0]["uuid"]
            _, _, room = ask("GET", f"{placement}/resource_providers/{provider}/inventories", token)
            return "VCPU" in room["inventories"]

        until("Nova has a host with room", has_room, patience=180)
        for name, (ram, disk) in FLAVORS.items():
            flavor = {"name": name, "ram": ram, "vcpus": 1, "disk": disk}
            status, _, answer = ask("POST", f"{self.nova_url}/flavors", token, {"flavor": flavor})
            if status != 200:
                sys.exit(f"Nova made no flavor: {status} {answer}")

    def is_heard(self, queue):
        """Whether somebody takes from a queue: a server that arrives while nova-compute starts is in error for a moment."""
        user, password = settings.RABBIT.split(":")
        try:
            with amqp.Connection(f"127.0.0.1:{self.ports['rabbitmq']}", user, password) as connection:
                return connection.channel().queue_declare(queue, passive=True).consumer_count
        except (OSError, amqp.AMQPError):
            return False

    def clouds(self, **entries):
        """clouds.yaml for the people, each in a project; and what else is to be in it."""
        for name, (user, project) in PEOPLE.items():
            entries[name] = {"region_name": "RegionOne", "identity_api_version": 3, "compute_api_version": "2.90", "auth": {
                "auth_url": self.keystone.url, "username": user, "password": f"{user}pw", "project_name": project,
                "user_domain_name": "Default", "project_domain_name": "Default"}}
        path = self.folder / "clouds.yaml"
        # JSON is YAML.
        path.write_text(json.dumps({"clouds": entries}))
        return path

    def end_guests(self):
        """libvirt's guests do not end with it."""
        for path in (self.folder / "libvirt/run/qemu").glob("*.pid"):
            pid = path.read_text().strip()
            command = pathlib.Path("/proc", pid, "cmdline")
            if pid and command.exists() and str(self.folder).encode() in command.read_bytes():
                os.kill(int(pid), signal.SIGKILL)


def micro_disk(label, path):
    """The micro guest, with a partition: Glance and Nova refuse a boot sector without one."""
    subprocess.run([HERE.parent.parent / "guests/micro.sh", path, label], check=True)
    with open(path, "r+b") as disk:
        disk.seek(446)
        disk.write(bytes([0x80, 0, 0, 0, 0x83, 0, 0, 0, 8, 0, 0, 0, 0xf8, 0x1f, 0, 0]))
    return path

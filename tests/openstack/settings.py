"""The settings of OpenStack's services. Each unusual line says what goes wrong without it."""

RABBIT = "openstack:pw"


def login(cloud, user):
    return f"""auth_type = password
auth_url = {cloud.keystone.url}
username = {user}
password = {user}pw
project_name = service
user_domain_name = Default
project_domain_name = Default
region_name = RegionOne
"""


def auth_token(cloud, user):
    return f"""[keystone_authtoken]
www_authenticate_uri = {cloud.keystone.url}
service_token_roles = service
service_token_roles_required = true
{login(cloud, user)}"""


def database(cloud, name):
    return f"mysql+pymysql://openstack:pw@127.0.0.1:{cloud.ports['mariadb']}/{name}?charset=utf8"


def placement(cloud):
    return f"""[DEFAULT]
use_stderr = true
[placement_database]
connection = {database(cloud, "placement")}
{auth_token(cloud, "placement")}"""


def glance(cloud):
    folder = cloud.folder / "glance"
    return f"""[DEFAULT]
use_stderr = true
bind_host = 127.0.0.1
bind_port = {cloud.ports["glance"]}
workers = 1
enabled_backends = here:file
node_staging_uri = file://{folder}/staging
worker_self_reference_url = {cloud.glance_url}
image_cache_dir = {folder}/cache
[database]
connection = {database(cloud, "glance")}
[glance_store]
default_backend = here
[here]
filesystem_store_datadir = {folder}/images
[os_glance_staging_store]
filesystem_store_datadir = {folder}/staging
[os_glance_tasks_store]
filesystem_store_datadir = {folder}/tasks
[paste_deploy]
flavor = keystone
config_file = /usr/share/glance-common/glance-api-paste.ini
[oslo_concurrency]
lock_path = {folder}/locks
{auth_token(cloud, "glance")}"""


def nova(cloud):
    folder = cloud.folder / "nova"
    return f"""[DEFAULT]
use_stderr = true
host = tiny
my_ip = 127.0.0.1
state_path = {folder}
instances_path = {folder}/instances
transport_url = rabbit://{RABBIT}@127.0.0.1:{cloud.ports["rabbitmq"]}/
compute_driver = libvirt.LibvirtDriver
enabled_apis = osapi_compute
osapi_compute_listen = 127.0.0.1
osapi_compute_listen_port = {cloud.ports["nova"]}
osapi_compute_workers = 1
graceful_shutdown_timeout = 5
# Or a resize silently goes back to ACTIVE: there is no other host.
allow_resize_to_same_host = true
# Or the scheduler first looks for hosts after up to a minute.
periodic_fuzzy_delay = 0
[glance]
valid_interfaces = internal
[neutron]
valid_interfaces = internal
{login(cloud, "nova")}
[placement]
valid_interfaces = internal
{login(cloud, "nova")}
[service_user]
send_service_user_token = true
{login(cloud, "nova")}
[scheduler]
discover_hosts_in_cells_interval = 2
workers = 1
[conductor]
workers = 1
[libvirt]
# No guest uses KVM, where the machine has one.
virt_type = qemu
cpu_mode = none
connection_uri = qemu+unix:///system?socket={cloud.folder}/libvirt/run/libvirt-sock
tb_cache_size = 64
# Without sudo and rootwrap.
[nova_sys_admin]
helper_command = privsep-helper --config-file {cloud.folder}/nova.conf
[vnc]
enabled = false
[oslo_concurrency]
lock_path = {folder}/locks
[wsgi]
api_paste_config = /usr/share/nova-common/api-paste.ini
{auth_token(cloud, "nova")}"""


def nova_databases(cloud):
    """Apart from the rest: nova-compute may not know them."""
    return f"""[api_database]
connection = {database(cloud, "nova_api")}
max_pool_size = 5
[database]
connection = {database(cloud, "nova")}
max_pool_size = 5
"""


def rabbitmq(cloud):
    user, password = RABBIT.split(":")
    return f"""listeners.tcp.1 = 127.0.0.1:{cloud.ports["rabbitmq"]}
default_user = {user}
default_pass = {password}
vm_memory_high_watermark.absolute = 512MB
log.console = true
log.console.level = warning
"""


LIBVIRTD = """auth_unix_ro = "none"
auth_unix_rw = "none"
unix_sock_group = "root"
log_outputs = "3:stderr"
"""

# Without virtlogd, AppArmor and control groups.
QEMU = """user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
namespaces = []
cgroup_controllers = []
stdio_handler = "file"
"""

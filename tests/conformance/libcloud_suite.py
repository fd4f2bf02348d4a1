#!/usr/bin/env python3
"""Libcloud's driver for OpenStack against this service: every list that it has, and the life of a node.

    libcloud_suite.py ADDRESS USER PASSWORD PROJECT IMAGE_NAME FLAVOR_NAME

It has no tests against a service of its own to run, so these are ours; the client is unchanged and pinned.
"""

import sys
import time

from libcloud.compute.providers import get_driver
from libcloud.compute.types import NodeState, Provider

# Seconds that a guest may take under emulation.
PATIENCE = 120


def until(state, node, driver):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        node = driver.ex_get_node_details(node.id)
        if node.state == state:
            return node
        time.sleep(0.5)
    raise AssertionError(f"{node.name} is {node.state}, not {state}")


def life(driver, image_name, flavor_name):
    image = next(image for image in driver.list_images() if image.name == image_name)
    size = next(size for size in driver.list_sizes() if size.name == flavor_name)
    network = driver.ex_list_networks()[0]
    key = driver.create_key_pair("libcloud")
    assert key.private_key, "a key that is made has its private half"
    node = driver.create_node(
        name="libcloud", image=image, size=size, networks=[network], ex_keyname="libcloud", ex_metadata={"a": "b"}
    )
    try:
        driver.wait_until_running([node], timeout=PATIENCE)
        assert "libcloud" in [node.name for node in driver.list_nodes()]
        node = until(NodeState.RUNNING, node, driver)
        assert node.extra["metadata"] == {"a": "b"} and node.private_ips, node.extra
        assert isinstance(driver.ex_get_console_output(node)["output"], str)
        assert driver.ex_set_metadata(node, {"a": "c"}) == {"a": "c"}
        assert driver.ex_set_server_name(node, "renamed").name == "renamed"
        assert driver.ex_stop_node(node)
        node = until(NodeState.STOPPED, node, driver)
        assert driver.ex_start_node(node)
        node = until(NodeState.RUNNING, node, driver)
        assert driver.reboot_node(node)
        until(NodeState.RUNNING, node, driver)
    finally:
        assert driver.destroy_node(node)
        assert driver.delete_key_pair(key)


def lists(driver):
    return {
        "list_nodes": driver.list_nodes,
        "list_images": driver.list_images,
        "list_sizes": driver.list_sizes,
        "list_locations": driver.list_locations,
        "list_key_pairs": driver.list_key_pairs,
        "ex_list_networks": driver.ex_list_networks,
        "ex_list_subnets": driver.ex_list_subnets,
        "ex_list_ports": driver.ex_list_ports,
        "ex_list_routers": driver.ex_list_routers,
        "ex_list_security_groups": driver.ex_list_security_groups,
        "ex_list_floating_ips": driver.ex_list_floating_ips,
        "ex_list_floating_ip_pools": driver.ex_list_floating_ip_pools,
        "ex_list_server_groups": driver.ex_list_server_groups,
    }


def main(address, user, password, project, image_name, flavor_name):
    driver = get_driver(Provider.OPENSTACK)(
        user,
        password,
        ex_force_auth_url=address,
        ex_force_auth_version="3.x_password",
        ex_tenant_name=project,
        ex_domain_name="Default",
        ex_force_service_region="RegionOne",
        api_version="2.2",
    )
    passed = failed = 0
    checks = {f"{name} answers a list": (lambda call: lambda: list(call()))(call) for name, call in lists(driver).items()}
    checks["a node lives"] = lambda: life(driver, image_name, flavor_name)
    for name, check in checks.items():
        try:
            check()
            passed += 1
        except Exception as error:
            failed += 1
            print(f"  FAILED {name}\n         {type(error).__name__}: {error}")
    print(f"libcloud: {passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

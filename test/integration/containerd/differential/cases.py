"""The pod configs that both controllers get. Each is a function of the node that answers the config's fields."""
from harness.cri import CONTAINER, NODE, POD, TARGET

CASES = {}

MAPPING = [{"host_id": 100000, "container_id": 0, "length": 65536}]


def case(function):
    CASES[function.__name__] = function
    return function


def fixed(name, **fields):
    CASES[name] = lambda node: fields


def linux(name, **fields):
    fixed(name, linux=fields)


def security(name, **fields):
    linux(name, security_context=fields)


def namespaces(name, **modes):
    security(name, namespace_options=modes)


# Names and files

fixed("plain")
fixed("host_network", host_network=True)
fixed("hostname", hostname="another-name")
fixed("hostname_with_dots", hostname="a.b.example")
fixed("hostname_empty", hostname="", no_hostname=True)
fixed("hostname_of_64_bytes", hostname="h" * 64)
fixed("hostname_of_65_bytes", hostname="h" * 65)
fixed("hostname_with_host_network", host_network=True, hostname="not-the-hosts")
fixed("dns", dns_config={"servers": ["10.0.0.1", "fd00::1"], "searches": ["a.example", "b.example"],
                         "options": ["ndots:5", "edns0"]})
fixed("dns_empty", dns_config={})
fixed("dns_servers", dns_config={"servers": ["10.0.0.1"]})
fixed("dns_searches", dns_config={"searches": [f"s{number}.example" for number in range(40)]})
fixed("dns_options", dns_config={"options": ["ndots:5"]})
fixed("dns_with_host_network", host_network=True, dns_config={"servers": ["10.0.0.1"]})
fixed("attempt", metadata={"attempt": 3})
fixed("labels_and_annotations", labels={"app": "a", "io.kubernetes.pod.name": "p"},
      annotations={"note": "b", "example.com/json": '{"a": "<b>&c"}'})
fixed("labels_of_others", labels={"containerd.io/note": "a", "io.cri-containerd.note": "b", "containerd.iox": "c"})
fixed("annotations_for_snapshots", annotations={"containerd.io/snapshot/note": "a", "containerd.io/note": "b"})
fixed("annotations_passed", annotations={
    "podsandbox.test/a": "1", "podsandbox.test/b": "", "podsandbox.test/c/d": "too deep", "other.test/a": "2",
    "podsandbox.test": "no slash", "io.kubernetes.cri.sandbox-id": "another's"})
fixed("unicode", metadata={"name": "pöd-☃", "namespace": "tëst"}, labels={"schlüssel": "wért"},
      annotations={"☃": "snow\u2028man\n"})
fixed("a_thousand_labels", labels={f"label-{number}": "x" * 40 for number in range(1000)})
fixed("no_log_directory", log_directory="", no_log_directory=True)
fixed("port_mappings", port_mappings=[{"protocol": 0, "container_port": 80, "host_port": 0},
                                      {"protocol": 1, "container_port": 53, "host_ip": "127.0.0.1"}])

# Namespaces

namespaces("pid_node", pid=NODE)
namespaces("pid_container", pid=CONTAINER)
namespaces("ipc_node", ipc=NODE)
CASES["everything_the_hosts"] = lambda node: {
    "host_network": True, "linux": {"security_context": {"namespace_options": {"pid": NODE, "ipc": NODE}}}}
namespaces("pid_target", pid=TARGET, target_id="0" * 64)
namespaces("ipc_container", ipc=CONTAINER)
namespaces("user_node", userns_options={"mode": NODE})
namespaces("user_node_with_mappings", userns_options={
    "mode": NODE, "uids": MAPPING})
namespaces("user_pod", userns_options={"mode": POD, "uids": MAPPING, "gids": MAPPING})
CASES["user_pod_with_host_network"] = lambda node: {"host_network": True, **CASES["user_pod"](node)}
namespaces("user_pod_with_two_mappings", userns_options={"mode": POD, "uids": 2 * MAPPING, "gids": 2 * MAPPING})
namespaces("user_pod_with_an_empty_mapping", userns_options={
    "mode": POD, "uids": [{"host_id": 100000, "length": 0}], "gids": [{"host_id": 100000, "length": 0}]})
namespaces("user_pod_without_mappings", userns_options={"mode": POD})
namespaces("user_container", userns_options={"mode": CONTAINER})

# Sysctls

linux("sysctl_net", sysctls={"net.core.somaxconn": "1234", "net.ipv4.tcp_syncookies": "0"})
linux("sysctl_ipc", sysctls={"kernel.shmmax": "1048576", "kernel.msgmax": "4096", "fs.mqueue.msg_max": "20"})
linux("sysctl_instead_of_defaults", sysctls={"net.ipv4.ip_unprivileged_port_start": "1024",
                                             "net.ipv4.ping_group_range": "1 0"})
linux("sysctl_with_slashes", sysctls={"net/core/somaxconn": "1234"})
linux("sysctl_of_the_machine", sysctls={"vm.swappiness": "10"})
linux("sysctl_unknown", sysctls={"net.core.no_such_thing": "1"})
linux("sysctl_with_a_bad_value", sysctls={"net.core.somaxconn": "many"})
linux("sysctl_out_of_its_tree", sysctls={"net.core.../../../vm/swappiness": "10"})
linux("sysctl_kernel_hostname", sysctls={"kernel.hostname": "other"})
fixed("sysctl_net_with_host_network", host_network=True, linux={"sysctls": {"net.core.somaxconn": "1234"}})
linux("sysctl_ipc_with_host_ipc", sysctls={"kernel.shmmax": "1048576"},
      security_context={"namespace_options": {"ipc": NODE}})

# Users

security("run_as_user", run_as_user={"value": 1234})
security("run_as_user_and_group", run_as_user={"value": 1234}, run_as_group={"value": 5678})
security("run_as_group_alone", run_as_group={"value": 5678})
security("run_as_negative_user", run_as_user={"value": -1})
security("run_as_root", run_as_user={"value": 0})
security("supplemental_groups", supplemental_groups=[9, 7, 7, 8])
security("supplemental_groups_and_user", supplemental_groups=[9, 7], run_as_user={"value": 1234})
security("privileged", privileged=True)
fixed("privileged_with_host_network", host_network=True, linux={"security_context": {"privileged": True}})
security("readonly_rootfs", readonly_rootfs=True)

# Profiles

security("seccomp_default", seccomp={"profile_type": 0})
security("seccomp_unconfined", seccomp={"profile_type": 1})
security("seccomp_with_a_reference_too_many", seccomp={"profile_type": 1, "localhost_ref": "x"})
security("seccomp_missing_file", seccomp={"profile_type": 2, "localhost_ref": "/nonexistent/profile.json"})
security("seccomp_legacy_default", seccomp_profile_path="runtime/default")
security("seccomp_legacy_unconfined", seccomp_profile_path="unconfined")
security("seccomp_legacy_nonsense", seccomp_profile_path="nonsense")
security("seccomp_and_privileged", privileged=True, seccomp={"profile_type": 0})
security("apparmor_unconfined", apparmor={"profile_type": 1})
security("selinux_level", selinux_options={"level": "s0:c1,c2"})
security("selinux_bad_level", selinux_options={"level": "nonsense"})


@case
def seccomp_localhost(node):
    path = node.path("seccomp.json")
    with open(path, "w") as out:
        out.write('{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": '
                  '[{"names": ["swapon"], "action": "SCMP_ACT_ERRNO"}]}')
    return {"linux": {"security_context": {"seccomp": {"profile_type": 2, "localhost_ref": path}}}}


# Cgroups and resources

@case
def cgroup_parent_deep(node):
    return {"linux": {"cgroup_parent": f"{node.cgroup}/pod-deep/a/b/c"}}


@case
def cgroup_parent_untidy(node):
    return {"linux": {"cgroup_parent": f"{node.cgroup}//pod-untidy/./a/"}}


linux("cgroup_parent_none", cgroup_parent="", no_cgroup_parent=True)
linux("resources", resources={"cpu_period": 100000, "cpu_quota": 50000, "cpu_shares": 512,
                              "memory_limit_in_bytes": 64 << 20},
      overhead={"cpu_shares": 2, "memory_limit_in_bytes": 1 << 20})

# What becomes of a pod whose pause dies
fixed("pause_is_killed", pause_is_killed=True)
fixed("pause_is_killed_in_pid_namespaces_apart", pause_is_killed=True,
      linux={"security_context": {"namespace_options": {"pid": CONTAINER, "network": POD}}})

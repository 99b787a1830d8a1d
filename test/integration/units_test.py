#!/usr/bin/env python3
"""units_test.py BUILD: installs the build into a directory, and checks what is there, above all the units.

Whether systemd understands the units is asked of systemd-analyze, which needs no systemd that runs."""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

# What systemd.exec(5) says to give the service a mount namespace, or a root of its own; by pattern, since each
# version brings more. User, network and IPC namespaces are none of ours either.
NAMESPACES = re.compile(
    r"Private\w+|Protect\w+|ProcSubset|\w+Paths|Root\w+|Mount\w+|Extension\w+|TemporaryFileSystem|DynamicUser"
    r"|LogNamespace|\w+NamespacePath|(Load|Set|Import)Credential\w*|RuntimeDirectory\w*|BindLogSockets")


def directives(unit):
    return [tuple(line.split("=", 1)) for line in unit.read_text().splitlines() if re.match(r"\w+=", line)]


class Units(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.root = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.root)
        cls.install()
        cls.service = cls.root / "usr/lib/systemd/system/podsandboxd.service"
        cls.socket = cls.root / "usr/lib/systemd/system/podsandboxd.socket"

    @classmethod
    def install(cls):
        subprocess.run(["cmake", "--install", BUILD], check=True, stdout=subprocess.DEVNULL,
                       env={"DESTDIR": str(cls.root), "PATH": "/usr/bin:/bin"})

    def test_programs_are_where_the_configuration_says(self):
        for program in ("bin/podsandboxd", "bin/podsandboxctl", "libexec/podsandboxd/podsandbox-keeper",
                        "libexec/podsandboxd/podsandbox-pause"):
            self.assertEqual((self.root / "usr" / program).stat().st_mode & 0o777, 0o755, program)

    def test_a_configuration_that_was_edited_is_kept(self):
        config = self.root / "etc/podsandboxd/podsandboxd.toml"
        subprocess.run([self.root / "usr/bin/podsandboxd", "config", "check", config], check=True,
                       stdout=subprocess.DEVNULL)
        config.write_text("# mine\n")
        self.install()
        self.assertEqual(config.read_text(), "# mine\n")

    def test_no_mount_namespace(self):
        forbidden = [name for name, _ in directives(self.service) if NAMESPACES.fullmatch(name)]
        self.assertEqual(forbidden, [])

    def test_what_restarts_depend_on(self):
        service, socket = dict(directives(self.service)), dict(directives(self.socket))
        for name, value in {"Type": "notify", "KillMode": "process", "Restart": "always", "OOMPolicy": "continue",
                            "StartLimitIntervalSec": "0", "Before": "containerd.service"}.items():
            self.assertEqual(service.get(name), value, name)
        self.assertEqual(socket["TriggerLimitIntervalSec"], "0")
        self.assertNotIn("FlushPending", socket)  # it would turn away those that wait
        dumped = subprocess.run([self.root / "usr/bin/podsandboxd", "--config", "/dev/null", "config", "dump"],
                                check=True, stdout=subprocess.PIPE, text=True).stdout
        self.assertIn(f'socket = "{socket["ListenStream"]}"', dumped.replace("'", '"'))

    def test_what_the_service_keeps_can_be_passed(self):
        most = int(dict(directives(self.service))["FileDescriptorStoreMax"])
        self.assertGreater(most, 500)  # pods on one node, where somebody has tried
        # systemd puts them in order when the process has its limits already: without LimitNOFILE=, 1024 at first.
        self.assertNotIn("LimitNOFILE", dict(directives(self.service)))
        self.assertLess(3 + 1 + most, 1024)
        names = "podsandboxd.socket" + (":shim-" + "0" * 24) * most
        subprocess.run(["/bin/true"], check=True, env={"LISTEN_FDNAMES": names})

    @unittest.skipUnless(shutil.which("systemd-analyze"), "there is no systemd-analyze")
    def test_systemd_understands_them(self):
        units = self.root / "units"
        units.mkdir()
        for unit in (self.service, self.socket):
            text = unit.read_text().replace("ExecStart=/usr", f"ExecStart={self.root}/usr")
            (units / unit.name).write_text(text)
        verified = subprocess.run(["systemd-analyze", "verify", "--man=no", *map(str, units.iterdir())],
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        ours = [line for line in verified.stdout.splitlines() if "podsandboxd" in line]
        self.assertEqual((verified.returncode, ours), (0, []), verified.stdout)


if __name__ == "__main__":
    BUILD = sys.argv.pop(1)
    unittest.main()

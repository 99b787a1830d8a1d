#!/usr/bin/python3
"""Our proto/ against the published .proto files: what we declare is there, the same in every way that counts.

We may declare less than is published. Types are compared by full name, whatever file they are in.
"""
import glob
import os
import unittest

from google.protobuf import descriptor_pb2

from harness import contracts, places

# Our own, and one that no package publishes.
NOT_THEIRS = {"podsandbox.v1", "podsandbox.journal.v1", "grpc.health.v1"}

# The rest of what is declared must be published; a new file of ours is found to be missing here.
PUBLISHED = [*contracts.CRI, *contracts.CONTAINERD, *contracts.SHIM,
             *contracts.CGROUPS]

# Published by releases that are newer than Debian's packages. Once the packages have them, they are compared too.
NEWER_CGROUPS = "containerd/cgroups 3.1"
NEWER = {
    "containerd.services.sandbox.v1.ControllerStartResponse.spec": "containerd 2.3",
    "io.containerd.cgroups.v2.Metrics.network": NEWER_CGROUPS,
    "io.containerd.cgroups.v2.CPUStat.nr_bursts": NEWER_CGROUPS,
    "io.containerd.cgroups.v2.CPUStat.burst_usec": NEWER_CGROUPS,
    "io.containerd.cgroups.v2.MemoryStat.workingset_refault_anon": NEWER_CGROUPS,
    "io.containerd.cgroups.v2.MemoryStat.workingset_refault_file": NEWER_CGROUPS,
    "io.containerd.cgroups.v2.MemoryStat.workingset_activate_anon": NEWER_CGROUPS,
    "io.containerd.cgroups.v2.MemoryStat.workingset_activate_file": NEWER_CGROUPS,
    "io.containerd.cgroups.v2.MemoryEvents.oom_group_kill": NEWER_CGROUPS,
    "io.containerd.cgroups.v2.HugeTlbStat.failcnt": NEWER_CGROUPS,
    "io.containerd.cgroups.v2.NetworkStat": NEWER_CGROUPS,
}

FIELD = descriptor_pb2.FieldDescriptorProto


class Declarations:
    """All that some files declare, by full name."""

    def __init__(self, file_set):
        self.messages, self.enums, self.services = {}, {}, {}
        for file in file_set.file:
            if not file.package.startswith("google.protobuf"):
                self.add(file.package, file.message_type, file.enum_type)
                for service in file.service:
                    self.services[f"{file.package}.{service.name}"] = service

    def add(self, scope, messages, enums):
        for enum in enums:
            self.enums[f"{scope}.{enum.name}"] = enum
        for message in messages:
            name = f"{scope}.{message.name}"
            self.messages[name] = message
            self.add(name, message.nested_type, message.enum_type)


def field_facts(message, field):
    """What of a field counts on the wire, in JSON and in generated code."""
    oneof = ""
    if field.HasField("oneof_index") and not field.proto3_optional:
        oneof = message.oneof_decl[field.oneof_index].name
    return {"number": field.number, "type": FIELD.Type.Name(field.type), "label": FIELD.Label.Name(field.label),
            "type_name": field.type_name, "optional": field.proto3_optional, "oneof": oneof,
            "json_name": field.json_name, "packed": field.options.packed if field.options.HasField("packed") else None}


def different_facts(where, ours, theirs):
    return [f"{where}: {key} is {value!r}, published as {theirs[key]!r}"
            for key, value in ours.items() if value != theirs[key]]


def different_message(name, ours, theirs):
    by_name = {field.name: field for field in theirs.field}
    found = []
    if ours.options.map_entry != theirs.options.map_entry:
        found.append(f"{name}: a map entry only in one of both")
    for field in ours.field:
        where = f"{name}.{field.name}"
        if field.name in by_name:
            found += different_facts(where, field_facts(ours, field), field_facts(theirs, by_name[field.name]))
        else:
            found.append(f"{where} is not published")
    numbers = {field.number: field.name for field in theirs.field}
    for reserved in ours.reserved_range:
        found += [f"{name}: {number} is reserved, published as {numbers[number]}"
                  for number in range(reserved.start, reserved.end) if number in numbers]
    return found


def different_enum(name, ours, theirs):
    published = {value.name: value.number for value in theirs.value}
    return [f"{name}.{value.name} is {value.number}, published as {published.get(value.name)}"
            for value in ours.value if published.get(value.name) != value.number]


def different_service(name, ours, theirs):
    by_name = {method.name: method for method in theirs.method}
    found = []
    for method in ours.method:
        where = f"{name}.{method.name}"
        if method.name not in by_name:
            found.append(f"{where} is not published")
            continue
        facts = [{"request": m.input_type, "response": m.output_type, "client streams": m.client_streaming,
                  "server streams": m.server_streaming} for m in (method, by_name[method.name])]
        found += different_facts(where, *facts)
    return found


def differences(ours, theirs):
    found = []
    for kind, compare in (("messages", different_message), ("enums", different_enum),
                          ("services", different_service)):
        published = getattr(theirs, kind)
        for name, declared in getattr(ours, kind).items():
            found += compare(name, declared, published[name]) if name in published else [f"{name} is not published"]
    return found


def our_files():
    names = [os.path.relpath(path, places.REPOSITORY) for path in glob.glob(places.REPOSITORY + "/proto/*.proto")]
    compiled = contracts.compile_protos(places.REPOSITORY, sorted(names))
    return descriptor_pb2.FileDescriptorSet(file=[f for f in compiled.file if f.package not in NOT_THEIRS])


class ProtoContract(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.ours = our_files()
        root = places.published_protos()
        theirs = contracts.compile_protos(root, PUBLISHED)
        theirs.MergeFrom(contracts.compile_protos(os.path.join(root, contracts.TTRPC), ["request.proto"]))
        cls.theirs = Declarations(theirs)

    def test_ours_is_as_published(self):
        ours = Declarations(self.ours)
        for expected in ("containerd.services.sandbox.v1.Controller", "runtime.v1.PodSandboxConfig"):
            self.assertIn(expected, {**ours.services, **ours.messages})
        newer = {f"{name} is not published" for name in NEWER}
        self.assertEqual([found for found in differences(ours, self.theirs) if found not in newer], [])

    def changed(self, change):
        """The differences that are found when ours is changed so."""
        copy = descriptor_pb2.FileDescriptorSet.FromString(self.ours.SerializeToString())
        # Of several files of one package, that with messages and enums enough to change.
        change({f.package: f for f in sorted(copy.file, key=lambda f: len(f.enum_type))})
        return "\n".join(differences(Declarations(copy), self.theirs))

    def test_a_wrong_declaration_is_found(self):
        sandbox, cri = "containerd.services.sandbox.v1", "runtime.v1"

        def message(files, package, name):
            return next(m for m in files[package].message_type if m.name == name)

        def set_field(which, **facts):
            def change(files):
                field = next(f for f in message(files, sandbox, "ControllerCreateRequest").field if f.name == which)
                for key, value in facts.items():
                    setattr(field, key, value)
            return change

        request = f"{sandbox}.ControllerCreateRequest"
        cases = [
            (set_field("netns_path", number=7), f"{request}.netns_path: number is 7, published as 4"),
            (set_field("netns_path", type=FIELD.TYPE_BYTES), f"{request}.netns_path: type is"),
            (set_field("netns_path", label=FIELD.LABEL_REPEATED), f"{request}.netns_path: label is"),
            (set_field("netns_path", name="netns"), f"{request}.netns is not published"),
            (set_field("rootfs", type_name=".containerd.types.Platform"), f"{request}.rootfs: type_name is"),
            (lambda files: message(files, sandbox, "ControllerCreateRequest").nested_type[0].options.ClearField(
                "map_entry"), "a map entry only in one of both"),
            (lambda files: setattr(message(files, sandbox, "ControllerWaitRequest"), "name", "Waited"),
             f"{sandbox}.Waited is not published"),
            (lambda files: setattr(files[sandbox].service[0].method[0], "name", "Make"),
             f"{sandbox}.Controller.Make is not published"),
            (lambda files: setattr(files[sandbox].service[0].method[0], "server_streaming", True),
             f"{sandbox}.Controller.Create: server streams is True"),
            (lambda files: setattr(files[cri].enum_type[0].value[1], "number", 9), "is 9, published as 1"),
        ]
        for change, expected in cases:
            with self.subTest(expected):
                self.assertIn(expected, self.changed(change))


if __name__ == "__main__":
    unittest.main()

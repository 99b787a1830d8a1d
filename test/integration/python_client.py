#!/usr/bin/python3
"""Walks a sandbox's whole life with a client that has none of our generated code.

All it knows of the API comes from server reflection, as for any stranger's client. Prints one line for each
check and the count; the exit status is 0 when all passed.

Usage: python_client.py SOCKET
"""
import json
import os
import sys
import threading
import uuid

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

REFLECTION = "grpc.reflection.v1alpha"
CONTROLLER = "containerd.services.sandbox.v1.Controller"
SANDBOXES = "podsandbox.v1.Sandboxes"
HEALTH = "grpc.health.v1.Health"
POD_CONFIG = "runtime.v1.PodSandboxConfig"

STRING, BYTES, MESSAGE = (descriptor_pb2.FieldDescriptorProto.Type.Value("TYPE_" + name)
                          for name in ("STRING", "BYTES", "MESSAGE"))

INFO_KEYS = {"pid", "processStatus", "netNamespaceClosed", "image", "snapshotKey", "snapshotter", "runtimeType",
             "runtimeOptions", "config", "runtimeSpec", "cniResult", "sandboxMetadata"}


def reflection_file():
    """The reflection protocol's messages, as far as they are used; Debian has no package with them."""
    file = descriptor_pb2.FileDescriptorProto(name="reflection.proto", package=REFLECTION, syntax="proto3")

    def message(name, *fields, oneof=None):
        added = file.message_type.add(name=name)
        if oneof:
            added.oneof_decl.add(name=oneof)
        for field, number, kind, options in fields:
            entry = added.field.add(name=field, number=number, label=3 if "repeated" in options else 1)
            if isinstance(kind, str):
                entry.type, entry.type_name = MESSAGE, f".{REFLECTION}.{kind}"
            else:
                entry.type = kind
            if "oneof" in options:
                entry.oneof_index = 0

    message("ServerReflectionRequest", ("file_by_filename", 3, STRING, ["oneof"]),
            ("file_containing_symbol", 4, STRING, ["oneof"]), ("list_services", 7, STRING, ["oneof"]),
            oneof="message_request")
    message("FileDescriptorResponse", ("file_descriptor_proto", 1, BYTES, ["repeated"]))
    message("ServiceResponse", ("name", 1, STRING, []))
    message("ListServiceResponse", ("service", 1, "ServiceResponse", ["repeated"]))
    message("ErrorResponse", ("error_message", 2, STRING, []))
    message("ServerReflectionResponse", ("file_descriptor_response", 4, "FileDescriptorResponse", ["oneof"]),
            ("list_services_response", 6, "ListServiceResponse", ["oneof"]),
            ("error_response", 7, "ErrorResponse", ["oneof"]), oneof="message_response")
    return file


class Reflection:
    """What the server tells of itself: its services, and the types that they speak."""

    def __init__(self, channel):
        self.pool = descriptor_pool.DescriptorPool()
        self.pool.Add(reflection_file())
        self.loaded = set()
        self.request_type = self.message(f"{REFLECTION}.ServerReflectionRequest")
        response_type = self.message(f"{REFLECTION}.ServerReflectionResponse")
        self.call = channel.stream_stream(
            f"/{REFLECTION}.ServerReflection/ServerReflectionInfo",
            request_serializer=self.request_type.SerializeToString, response_deserializer=response_type.FromString)

    def ask(self, **question):
        response = next(iter(self.call(iter([self.request_type(**question)]), timeout=10)))
        if response.HasField("error_response"):
            raise LookupError(f"{question}: {response.error_response.error_message}")
        return response

    def services(self):
        return {service.name for service in self.ask(list_services="*").list_services_response.service}

    def load(self, **question):
        """Adds the file that is asked for to the pool, behind those that it imports."""
        for data in self.ask(**question).file_descriptor_response.file_descriptor_proto:
            file = descriptor_pb2.FileDescriptorProto.FromString(data)
            if file.name in self.loaded:
                continue
            self.loaded.add(file.name)
            for dependency in file.dependency:
                if dependency not in self.loaded:
                    self.load(file_by_filename=dependency)
            self.pool.Add(file)

    def message(self, name):
        return message_factory.MessageFactory(self.pool).GetPrototype(self.pool.FindMessageTypeByName(name))


class Service:
    """Calls a service's unary methods by name: service.Method(field=value, ...)."""

    def __init__(self, channel, reflection, name):
        reflection.load(file_containing_symbol=name)
        for method in reflection.pool.FindServiceByName(name).methods:
            request_type = reflection.message(method.input_type.full_name)
            response_type = reflection.message(method.output_type.full_name)
            rpc = channel.unary_unary(f"/{name}/{method.name}", request_serializer=request_type.SerializeToString,
                                      response_deserializer=response_type.FromString)
            setattr(self, method.name, self.caller(rpc, request_type))

    @staticmethod
    def caller(rpc, request_type):
        def call(timeout=60, **fields):
            return rpc(request_type(**fields), timeout=timeout)
        return call


class Checks:
    """Counts and prints what holds and what does not."""

    def __init__(self):
        self.passed = self.failed = 0

    def that(self, what, holds, seen=""):
        self.passed, self.failed = (self.passed + 1, self.failed) if holds else (self.passed, self.failed + 1)
        print(f"ok: {what}" if holds else f"FAILED: {what} (got {seen!r})", flush=True)

    def equal(self, what, seen, expected):
        self.that(what, seen == expected, seen)

    def refused(self, what, code, call, **fields):
        try:
            answer = call(**fields)
        except grpc.RpcError as error:
            self.that(f"{what}: {code.name}", error.code() == code, f"{error.code().name}: {error.details()}")
        else:
            self.that(f"{what}: {code.name}", False, answer)


class Walk:
    """One sandbox from Create to Shutdown."""

    def __init__(self, channel, checks):
        self.checks = checks
        self.reflection = Reflection(channel)
        self.known = self.reflection.services()
        self.controller = Service(channel, self.reflection, CONTROLLER)
        self.sandboxes = Service(channel, self.reflection, SANDBOXES)
        self.health = Service(channel, self.reflection, HEALTH)
        self.id = "python-" + uuid.uuid4().hex[:12]

    def create_fields(self, sandbox_id, hostname="python", prefix=""):
        """The fields of a Create request; the pod config is packed by its type's name alone."""
        config = self.pod_config(hostname)
        return {"sandbox_id": sandbox_id,
                "options": {"type_url": prefix + POD_CONFIG, "value": config.SerializeToString()},
                "annotations": {"note": "a"},
                "sandbox": {"sandbox_id": sandbox_id, "runtime": {"name": "io.containerd.runc.v2"},
                            "labels": {"app": "python"}}}

    def pod_config(self, hostname):
        return self.reflection.message(POD_CONFIG)(
            metadata={"name": "python", "namespace": "test", "uid": self.id}, hostname=hostname,
            labels={"app": "python"}, annotations={"note": "a"})

    def run(self):
        self.look_around()
        self.create()
        self.start()
        self.query()
        self.stop()
        self.shut_down()
        self.hostile_ids()

    def look_around(self):
        for name in (CONTROLLER, SANDBOXES, HEALTH):
            self.checks.that(f"reflection lists {name}", name in self.known, self.known)
        self.checks.equal("the daemon is SERVING", self.health.Check().status, 1)
        self.checks.refused("Check of an unknown service", grpc.StatusCode.NOT_FOUND, self.health.Check,
                            service="no.such.Service")
        self.load_pod_config()

    def load_pod_config(self):
        self.reflection.load(file_containing_symbol=POD_CONFIG)
        fields = set(self.reflection.message(POD_CONFIG).DESCRIPTOR.fields_by_name)
        self.checks.that("reflection knows the pod config", {"metadata", "linux"} <= fields, fields)

    def create(self):
        checks, controller = self.checks, self.controller
        request = self.create_fields(self.id)
        checks.equal("Create answers the id", controller.Create(**request).sandbox_id, self.id)
        checks.equal("an identical Create is OK", controller.Create(**request).sandbox_id, self.id)
        prefixed = self.create_fields(self.id, prefix="type.googleapis.com/")
        checks.equal("a type URL with a host prefix is the same", controller.Create(**prefixed).sandbox_id, self.id)
        checks.refused("a different Create", grpc.StatusCode.ALREADY_EXISTS, controller.Create,
                       **self.create_fields(self.id, hostname="other"))
        checks.refused("options of another type", grpc.StatusCode.INVALID_ARGUMENT, controller.Create,
                       **{**self.create_fields(self.id + "-x"), "options": {"type_url": "some.Other"}})
        checks.refused("options that are no message", grpc.StatusCode.INVALID_ARGUMENT, controller.Create,
                       **{**self.create_fields(self.id + "-x"),
                          "options": {"type_url": POD_CONFIG, "value": b"\xff\xff\xff"}})
        checks.refused("what was refused does not exist", grpc.StatusCode.NOT_FOUND, controller.Status,
                       sandbox_id=self.id + "-x")
        checks.equal("before Start it is UNKNOWN", controller.Status(sandbox_id=self.id).state, "SANDBOX_UNKNOWN")

    def start(self):
        first = self.controller.Start(sandbox_id=self.id)
        self.pid = first.pid
        self.checks.that("Start answers a living pid", os.path.exists(f"/proc/{first.pid}"), first)
        self.checks.that("Start answers created_at", first.created_at.seconds > 0, first)
        second = self.controller.Start(sandbox_id=self.id)
        self.checks.that("a second Start answers the same",
                         second.SerializeToString(deterministic=True) == first.SerializeToString(deterministic=True),
                         second)

    def query(self):
        checks, controller = self.checks, self.controller
        status = controller.Status(sandbox_id=self.id)
        checks.equal("Status is READY with the pid", (status.state, status.pid), ("SANDBOX_READY", self.pid))
        checks.equal("Status that is not verbose has no info", len(status.info), 0)
        info = json.loads(controller.Status(sandbox_id=self.id, verbose=True).info["info"])
        checks.equal("verbose Status has every key", INFO_KEYS - set(info), set())
        checks.equal("verbose Status has the pid and process state", (info["pid"], info["processStatus"]),
                     (self.pid, "running"))
        checks.equal("verbose Status has the pod config", info["config"].get("hostname"), "python")
        platform = controller.Platform(sandbox_id=self.id).platform
        checks.equal("Platform is Go's", (platform.os, platform.architecture in ("amd64", "arm64")), ("linux", True))
        row = self.sandboxes.Get(id=self.id)
        checks.equal("Get names the pod", (row.pod.namespace, row.pod.name, row.pid), ("test", "python", self.pid))
        checks.that("List has it", self.id in [s.id for s in self.sandboxes.List().sandboxes])

    def stop(self):
        checks, controller = self.checks, self.controller
        answers = []
        waiter = threading.Thread(target=lambda: answers.append(controller.Wait(sandbox_id=self.id)))
        waiter.start()
        controller.Stop(sandbox_id=self.id)
        waiter.join(timeout=10)
        checks.equal("Wait answers 137", [answer.exit_status for answer in answers], [137])
        checks.that("Wait answers when", all(answer.exited_at.seconds > 0 for answer in answers), answers)
        checks.equal("Wait after the exit answers the same", [controller.Wait(sandbox_id=self.id)], answers)
        checks.that("a second Stop is OK", controller.Stop(sandbox_id=self.id) is not None)
        status = controller.Status(sandbox_id=self.id)
        checks.equal("Status is NOTREADY without pid", (status.state, status.pid), ("SANDBOX_NOTREADY", 0))
        checks.equal("Status and Wait tell the same time", [status.exited_at], [a.exited_at for a in answers])
        checks.that("the process is gone", not os.path.exists(f"/proc/{self.pid}"), self.pid)

    def shut_down(self):
        checks, controller = self.checks, self.controller
        checks.that("Shutdown is OK", controller.Shutdown(sandbox_id=self.id) is not None)
        checks.that("a second Shutdown is OK", controller.Shutdown(sandbox_id=self.id) is not None)
        for method in ("Status", "Wait", "Stop", "Start"):
            checks.refused(f"{method} after Shutdown", grpc.StatusCode.NOT_FOUND, getattr(controller, method),
                           sandbox_id=self.id)
        checks.refused("Get after Shutdown", grpc.StatusCode.NOT_FOUND, self.sandboxes.Get, id=self.id)

    def hostile_ids(self):
        for bad in ("", "../etc", "a/b", "..", "-a", "a-", "a..b", "a b", "a\x00b", "a\nb", "é", "a" * 77):
            self.checks.refused(f"Create of {bad[:12]!r}", grpc.StatusCode.INVALID_ARGUMENT, self.controller.Create,
                                **self.create_fields(bad))


def main():
    if len(sys.argv) != 2:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    checks = Checks()
    with grpc.insecure_channel("unix:" + os.path.abspath(sys.argv[1])) as channel:
        try:
            Walk(channel, checks).run()
        except Exception as error:  # the walk cannot go on, which is a failure like any other
            checks.that(f"the walk goes on after {type(error).__name__}", False, str(error))
    print(f"{checks.passed} passed, {checks.failed} failed")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())

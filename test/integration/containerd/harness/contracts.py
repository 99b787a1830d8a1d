"""The published contracts: .proto files compiled when they are needed, and clients made of their descriptors."""
import os
import re
import subprocess
import tempfile

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from . import places

CRI = ["k8s.io/cri-api/pkg/apis/runtime/v1/api.proto"]
API = "github.com/containerd/containerd/api/"
CONTAINERD = [API + name for name in (
    "services/containers/v1/containers.proto", "services/tasks/v1/tasks.proto", "services/leases/v1/leases.proto",
    "services/snapshots/v1/snapshots.proto", "services/sandbox/v1/sandbox.proto", "services/events/v1/events.proto",
    "services/images/v1/images.proto", "services/version/v1/version.proto", "services/content/v1/content.proto",
    "services/diff/v1/diff.proto", "services/introspection/v1/introspection.proto",
    "services/transfer/v1/transfer.proto", "events/task.proto", "events/sandbox.proto",
    "types/runc/options/oci.proto", "types/runtimeoptions/v1/api.proto", "types/transfer/imagestore.proto",
    "types/transfer/registry.proto")]
SHIM = [API + "runtime/task/v3/shim.proto"]
TTRPC = "github.com/containerd/ttrpc"  # its files import one another from here
CGROUPS = ["github.com/containerd/cgroups/v3/cgroup1/stats/metrics.proto",
           "github.com/containerd/cgroups/v3/cgroup2/stats/metrics.proto"]


# An option that Debian 12's protoc does not know yet, and that says nothing about the wire.
UNKNOWN_OPTION = re.compile(r"\s*\[\s*debug_redact\s*=\s*true\s*\]")

# Imported by containerd's, and in none of the packages.
IMPORTED = {"google/rpc/status.proto": """
syntax = "proto3";
package google.rpc;
import "google/protobuf/any.proto";
message Status { int32 code = 1; string message = 2; repeated google.protobuf.Any details = 3; }
"""}


def write_file(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)


def compile_protos(root, names):
    """The descriptors of these files under root, and of all that they import."""
    with tempfile.TemporaryDirectory() as work:
        for name, text in IMPORTED.items():
            write_file(os.path.join(work, name), text)
        for name in names:
            with open(os.path.join(root, name)) as file:
                text = file.read()
            write_file(os.path.join(work, name), UNKNOWN_OPTION.sub("", text))
        out = os.path.join(work, "out.pb")
        subprocess.run(["protoc", f"-I{work}", f"-I{root}", "--include_imports", f"--descriptor_set_out={out}", *names],
                       check=True)
        with open(out, "rb") as file:
            return descriptor_pb2.FileDescriptorSet.FromString(file.read())


def pool_of(file_set):
    pool = descriptor_pool.DescriptorPool()
    for file in file_set.file:  # protoc puts what is imported first
        pool.Add(file)
    return pool


class Contracts:
    """Message types and services of some .proto files, by full name."""

    def __init__(self, names=(*CRI, *CONTAINERD)):
        self.pool = pool_of(compile_protos(places.published_protos(), names))
        self.factory = message_factory.MessageFactory(self.pool)

    def message(self, name):
        return self.factory.GetPrototype(self.pool.FindMessageTypeByName(name))

    def enum(self, name):
        """Value names to numbers."""
        return {value.name: value.number for value in self.pool.FindEnumTypeByName(name).values}

    def service(self, channel, name, metadata=()):
        return Service(self, channel, name, metadata)


class Service:
    """Calls methods by name: service.Method(field=value, …), within `deadline` seconds."""

    def __init__(self, contracts, channel, name, metadata):
        for method in contracts.pool.FindServiceByName(name).methods:
            request_type = contracts.factory.GetPrototype(method.input_type)
            response_type = contracts.factory.GetPrototype(method.output_type)
            streams = descriptor_pb2.MethodDescriptorProto()
            method.CopyToProto(streams)
            make = channel.unary_stream if streams.server_streaming else channel.unary_unary
            rpc = make(f"/{name}/{method.name}", request_serializer=request_type.SerializeToString,
                       response_deserializer=response_type.FromString)
            setattr(self, method.name, self._caller(rpc, request_type, metadata))

    @staticmethod
    def _caller(rpc, request_type, metadata):
        def call(request=None, deadline=60, **fields):
            return rpc(request if request is not None else request_type(**fields), timeout=deadline,
                       metadata=metadata)
        return call


def channel_to(socket, *options):
    return grpc.insecure_channel("unix:" + socket, options=[
        ("grpc.max_receive_message_length", 16 << 20),
        # Otherwise channels to the same socket share one connection, and its wait for the next attempt.
        ("grpc.use_local_subchannel_pool", 1), *options])

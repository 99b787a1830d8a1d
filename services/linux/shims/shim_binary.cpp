#include "services/linux/shims/shim_binary.hpp"

#include <sys/socket.h>

#include <filesystem>

#include "services/host/program.hpp"
#include "services/host/system_error.hpp"
#include "services/host/unix_socket.hpp"

namespace podsandbox::linux_runtime {

namespace {

constexpr const char* served_type = "io.containerd.runc.v2";
constexpr const char* served_name = "containerd-shim-runc-v2";

// Who listens there, or listened: the socket may be inherited. An error's text if that cannot be told.
Result<pid_t> peer_of(const std::string& socket_path) {
  const auto fd = host::connect_to(socket_path, SOCK_STREAM | SOCK_NONBLOCK);
  ucred peer{};
  socklen_t size = sizeof peer;
  if (!fd || getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
    return failure(ErrorKind::failed_precondition, host::because("connecting to it"));
  }
  return peer.pid;
}

Result<std::string> directory_of_containerd(const std::string& address) {
  const auto pid = peer_of(address);
  if (!pid) return tl::unexpected<Error>(pid.error());
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/" + std::to_string(*pid) + "/exe", error);
  if (error) return failure(ErrorKind::failed_precondition, error.message());
  return program.parent_path().string();
}

}  // namespace

Result<std::string> shim_name(const std::string& runtime_type) {
  if (runtime_type == served_type) return served_name;
  const auto slash = runtime_type.rfind('/');
  const bool is_path = runtime_type.starts_with('/');
  if (is_path && runtime_type.substr(slash + 1) == served_name) return runtime_type;
  return failure(ErrorKind::unimplemented, "sandbox.runtime.name: pods of runtime type \"" + runtime_type +
                                               "\" are not served: it must be " + served_type +
                                               " or the absolute path of a " + served_name);
}

Result<std::string> find_shim(const std::string& runtime_type, const std::string& path,
                              const std::string& containerd_address) {
  auto name = shim_name(runtime_type);
  if (!name) return name;
  const std::string missing =
      "sandbox.runtime.name: the shim of runtime type \"" + runtime_type + "\", " + *name + ", ";
  if (name->starts_with('/')) {
    if (host::is_program(*name)) return *name;
    return failure(ErrorKind::failed_precondition, missing + "is no executable file");
  }
  if (auto program = host::find_program(*name, path)) return *program;
  const auto beside = directory_of_containerd(containerd_address);
  if (beside) {
    if (auto program = *beside + "/" + *name; host::is_program(program)) return program;
  }
  const std::string where = missing + "is neither in PATH (" + path + ") nor beside containerd's program ";
  if (beside) return failure(ErrorKind::failed_precondition, where + "(" + *beside + ")");
  return failure(ErrorKind::unavailable, where + "(whose place is not known: " + containerd_address + ": " +
                                             beside.error().message + ")");
}

}  // namespace podsandbox::linux_runtime

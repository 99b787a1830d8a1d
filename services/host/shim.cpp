#include "services/host/shim.hpp"

#include <openssl/sha.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <optional>
#include <thread>

#include "proto/shim_task.pb.h"
#include "proto/ttrpc.pb.h"
#include "services/host/poll_time.hpp"
#include "services/host/process_facts.hpp"
#include "services/host/system_error.hpp"
#include "services/host/ttrpc.hpp"
#include "services/host/unique_fd.hpp"
#include "services/host/unix_socket.hpp"

namespace podsandbox::host {

namespace {

using Clock = std::chrono::steady_clock;

std::string hex(const unsigned char* bytes, std::size_t size) {
  constexpr const char* digits = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < size; ++i) {
    text += digits[bytes[i] >> 4];
    text += digits[bytes[i] & 15];
  }
  return text;
}

// Reads on until the other end has closed; false when it has not by then.
bool closes(int fd, Clock::time_point until) {
  std::array<char, 4096> ignored{};
  for (;;) {
    const int left = poll_time(until);
    pollfd waited{fd, POLLIN, 0};
    if (left == 0 || (poll(&waited, 1, left) <= 0 && errno != EINTR)) return false;
    const ssize_t got = recv(fd, ignored.data(), ignored.size(), MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) return true;
  }
}

std::string shutdown_request() {
  const ::containerd::task::v3::ShutdownRequest request;
  return ttrpc_request("containerd.task.v3.Task", "Shutdown", request.SerializeAsString());
}

constexpr std::size_t longest_answer = 4 << 20;  // ttrpc's own limit

// Sends a request and reads the answer. Nothing: it did not come.
class ShimCalls {
 public:
  ShimCalls(int fd, Clock::time_point until) : fd_(fd), until_(until) {}

  std::optional<::ttrpc::Response> call(const char* method, const std::string& payload) {
    const std::string request = ttrpc_request("containerd.task.v3.Task", method, payload, stream_);
    stream_ += 2;
    if (send(fd_, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) {
      return std::nullopt;
    }
    const auto header = read_all(ttrpc_header_size);
    if (!header || ttrpc_length(*header) > longest_answer) return std::nullopt;
    const auto body = read_all(ttrpc_length(*header));
    ::ttrpc::Response response;
    if (!body || !response.ParseFromString(*body)) return std::nullopt;
    return response;
  }

 private:
  std::optional<std::string> read_all(std::size_t size) const {
    std::string text(size, '\0');
    for (std::size_t have = 0; have < size;) {
      const int left = poll_time(until_);
      pollfd waited{fd_, POLLIN, 0};
      if (left == 0 || (poll(&waited, 1, left) <= 0 && errno != EINTR)) return std::nullopt;
      const ssize_t got = recv(fd_, text.data() + have, size - have, MSG_DONTWAIT);
      if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) return std::nullopt;
      if (got > 0) have += static_cast<std::size_t>(got);
    }
    return text;
  }

  int fd_;
  Clock::time_point until_;
  std::uint32_t stream_ = 1;
};

std::string kill_request(const std::string& id) {
  ::containerd::task::v3::KillRequest request;
  request.set_id(id);
  request.set_signal(SIGKILL);
  request.set_all(true);
  return request.SerializeAsString();
}

std::string delete_request(const std::string& id) {
  ::containerd::task::v3::DeleteRequest request;
  request.set_id(id);
  return request.SerializeAsString();
}

// A shim removes a container when it has seen it end, which it does soon after the kill. What it says
// otherwise; empty: it is removed. UNAVAILABLE: it does not answer.
Result<std::string> remove_container(ShimCalls& shim, const std::string& id, Clock::time_point until) {
  constexpr int not_found = 5;
  const auto silent = failure(ErrorKind::unavailable, "it does not answer");
  if (!shim.call("Kill", kill_request(id))) return silent;
  for (;;) {
    const auto deleted = shim.call("Delete", delete_request(id));
    if (!deleted) return silent;
    const auto& status = deleted->status();
    if (status.code() == 0 || status.code() == not_found) return "";
    if (Clock::now() > until)
      return "it does not remove its container: status " + std::to_string(status.code());
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

// Not by its socket: that was made by a process that has ended.
std::optional<int> pid_of(ShimCalls& shim, const std::string& id) {
  ::containerd::task::v3::ConnectRequest request;
  request.set_id(id);
  const auto answer = shim.call("Connect", request.SerializeAsString());
  ::containerd::task::v3::ConnectResponse response;
  if (!answer || answer->status().code() != 0 || !response.ParseFromString(answer->payload())) return {};
  return static_cast<int>(response.shim_pid());
}

// As long as it answers it is the process of that pid.
bool kill_shim(ShimCalls& shim, const std::string& id, Clock::time_point until) {
  const auto pid = pid_of(shim, id);
  if (!pid || *pid <= 1) return false;
  const UniqueFd process(static_cast<int>(syscall(SYS_pidfd_open, *pid, 0)));
  if (!process || pid_of(shim, id) != pid) return false;
  return send_signal(process.get(), SIGKILL) == 0 && ends_by(process.get(), until);
}

std::string socket_of(const std::string& name) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(name.data()), name.size(), digest.data());
  return "/run/containerd/s/" + hex(digest.data(), digest.size());
}

Result<Done> end_server(const std::string& socket, const std::string& what,
                        std::chrono::milliseconds deadline) {
  const UniqueFd fd = connect_to(socket, SOCK_STREAM);
  if (!fd) {
    if (errno == ENOENT || errno == ECONNREFUSED) return Done{};
    return failure(ErrorKind::unavailable, because(what + " at " + socket));
  }
  const std::string request = shutdown_request();
  if (send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) {
    if (errno == EPIPE || errno == ECONNRESET) return Done{};  // it went by itself
    return failure(ErrorKind::unavailable, because(what + ": telling it"));
  }
  if (closes(fd.get(), Clock::now() + deadline)) return Done{};
  return failure(ErrorKind::unavailable, what + ": it does not end; it still has a container");
}

}  // namespace

ShimSockets shim_sockets(const std::string& containerd_address, const std::string& id) {
  const std::string name = containerd_address + "/k8s.io/" + id;
  return {socket_of(name), socket_of(name + "/debug")};
}

bool shim_listens(const ShimSockets& sockets) {
  return static_cast<bool>(connect_to(sockets.task, SOCK_STREAM));
}

Result<Done> end_shim(const ShimSockets& sockets, std::chrono::milliseconds deadline) {
  auto ended = end_server(sockets.task, "ending its shim", deadline);
  if (!ended) return ended;
  for (const std::string& socket : {sockets.task, sockets.debug}) unlink(socket.c_str());  // it leaves them
  return Done{};
}

Result<UniqueFd> send_shutdown(const std::string& socket) {
  UniqueFd fd = connect_to(socket, SOCK_STREAM | SOCK_NONBLOCK);
  const std::string request = shutdown_request();
  if (!fd ||
      send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) {
    return failure(ErrorKind::unavailable, because("asking the shim at " + socket + " to end"));
  }
  return fd;
}

Result<Done> end_lost_shim(const ShimSockets& sockets, const std::string& id,
                           std::chrono::milliseconds deadline) {
  const auto until = Clock::now() + deadline;
  {
    const UniqueFd fd = connect_to(sockets.task, SOCK_STREAM);
    if (!fd && (errno == ENOENT || errno == ECONNREFUSED)) return Done{};
    const std::string what = "ending its shim, which containerd has lost";
    if (!fd) return failure(ErrorKind::unavailable, because(what));
    ShimCalls shim(fd.get(), until);
    const auto refused = remove_container(shim, id, Clock::now() + deadline / 2);
    if (!refused) return failure(refused.error().kind, what + ": " + refused.error().message);
    if (!refused->empty() && !kill_shim(shim, id, until)) {
      return failure(ErrorKind::unavailable, what + ": " + *refused);
    }
  }
  return end_shim(sockets, std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()));
}

}  // namespace podsandbox::host

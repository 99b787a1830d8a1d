#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <chrono>
#include <cstring>
#include <optional>
#include <string>

#include "services/host/unique_fd.hpp"

namespace podsandbox::test {

/// One connection to a pod's shim (test_shim.cpp), whose request is sent at once.
class ShimClient {
 public:
  ShimClient(const std::string& path, const std::string& request)
      : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    connected_ = connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    if (connected_) send(fd_.get(), request.data(), request.size(), MSG_NOSIGNAL);
  }

  bool connected() const { return connected_; }

  /// What comes until the other end closes; nothing when it does not in time.
  std::optional<std::string> answer(std::chrono::milliseconds limit = std::chrono::seconds(20)) {
    const auto end = std::chrono::steady_clock::now() + limit;
    std::string all;
    for (;;) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
      pollfd waited{fd_.get(), POLLIN, 0};
      if (left.count() <= 0 || poll(&waited, 1, static_cast<int>(left.count())) <= 0) return std::nullopt;
      char text[256];
      const auto got = recv(fd_.get(), text, sizeof text, 0);
      if (got <= 0) return all;
      all.append(text, static_cast<std::size_t>(got));
    }
  }

 private:
  host::UniqueFd fd_;
  bool connected_ = false;
};

}  // namespace podsandbox::test

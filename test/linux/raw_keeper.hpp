#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "services/host/unique_fd.hpp"
#include "services/linux/keeper_client.hpp"
#include "services/linux/pause_protocol.hpp"

namespace podsandbox::test {

/// A keeper spoken to byte by byte, without the daemon's client.
class RawKeeper {
 public:
  /// Starts one that listens in `settings.state_dir`, which must exist.
  explicit RawKeeper(const linux_runtime::Settings& settings);

  /// A new connection; fails the test when there is none.
  host::UniqueFd connect() const;
  int connection() const { return connection_.get(); }
  void disconnect() { connection_.reset(); }
  void reconnect() { connection_ = connect(); }

  /// Sends the bytes; false when the keeper has closed the connection.
  static bool send(int connection, const void* data, std::size_t size, const std::vector<int>& fds = {});
  /// Waits for one answer; empty when the keeper closes the connection instead.
  static std::optional<linux_runtime::KeeperAnswer> receive(int connection);

  static linux_runtime::KeeperRequest request(std::uint32_t op, const std::string& id);
  std::optional<linux_runtime::KeeperAnswer> ask(const linux_runtime::KeeperRequest& request,
                                                 const std::vector<int>& fds = {}) const;
  std::optional<linux_runtime::KeeperAnswer> look(const std::string& id) const;
  std::optional<linux_runtime::KeeperAnswer> reap(const std::string& id, int pid) const;

  /// The pause program, opened.
  int program() const { return program_.get(); }

  /// Spawns a child whose host name is `order`, and waits until it is set up.
  std::optional<linux_runtime::KeeperAnswer> spawn(const std::string& id,
                                                   const std::string& order = {}) const {
    return spawn_with(id, order, -1, -1);
  }
  /// In that user namespace and that cgroup; -1: in the keeper's.
  std::optional<linux_runtime::KeeperAnswer> spawn_with(const std::string& id, const std::string& order,
                                                        int user, int cgroup) const;

 private:
  const linux_runtime::Settings settings_;
  host::UniqueFd connection_;
  host::UniqueFd program_;
};

}  // namespace podsandbox::test

#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "messages/error.hpp"
#include "messages/log.hpp"
#include "services/host/loop.hpp"

namespace podsandbox::linux_runtime {

/// What a line of a shim's log is about, by its field `level`; one without it is of a shim that breaks. Pure.
log::Level level_of_shim_line(std::string_view line);

/// Reads what shims say, each into a FIFO of its own, and brings it to our log. A shim whose FIFO is full
/// stops, so it is read on a thread of its own. Used from one thread.
class ShimLogs {
 public:
  ShimLogs() = default;
  ~ShimLogs();
  ShimLogs(const ShimLogs&) = delete;
  ShimLogs& operator=(const ShimLogs&) = delete;

  /// Makes the FIFO where there is none, and reads it from now on.
  Result<Done> read(const std::string& id, const std::string& fifo);
  /// What is in it is still read.
  void forget(const std::string& id);

 private:
  class Fifo;

  std::map<std::string, std::shared_ptr<Fifo>> fifos_;
  std::unique_ptr<host::Loop> loop_;  // since the first; after what it uses
};

}  // namespace podsandbox::linux_runtime

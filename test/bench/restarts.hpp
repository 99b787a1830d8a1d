#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "test/bench/quantiles.hpp"
#include "test/integration/daemon_process.hpp"

namespace podsandbox::bench {

/// What a daemon writes, line by line as it comes.
class LogReader {
 public:
  LogReader();
  ~LogReader();
  LogReader(const LogReader&) = delete;
  LogReader& operator=(const LogReader&) = delete;

  int write_end() const { return ends_[1]; }

  /// When the next line with this text came; lines before it are gone. Throws when none comes.
  Clock::time_point next_line_with(const std::string& text);

 private:
  int ends_[2] = {-1, -1};
  std::string rest_;
};

/// From the moment when a process is started on.
struct Recovery {
  Nanoseconds first_status;  ///< until a client that connects as soon as it can has an answer to Status
  Nanoseconds ready;         ///< until the daemon says that it serves
  Nanoseconds listed;        ///< until List has all sandboxes, none of them UNKNOWN
  Nanoseconds all_statuses;  ///< until Status of each is answered, asked all at once
};

/// Starts the daemon and measures. `ids`: the sandboxes that it must know.
Recovery recover(test::DaemonProcess& daemon, LogReader& log, const std::vector<std::string>& ids);

/// Ends the daemon with the signal and starts it again at once. How long a client that asks again and again
/// had no answer.
Nanoseconds outage(test::DaemonProcess& daemon, int signal, const std::string& id);

/// Puts this many sandboxes, that have run and exited, into the journal of a daemon that does not run. All
/// are copies of the one that it holds. Returns the ids.
std::vector<std::string> fill_journal(const test::DaemonProcess& daemon, std::size_t count);

}  // namespace podsandbox::bench

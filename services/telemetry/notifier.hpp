#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "services/host/unique_fd.hpp"

namespace podsandbox::telemetry {

/// Tells the service manager that started us what is said here, in this order, on a thread of its own: one
/// that does not read, as a pid 1 that is out of order, blocks that thread and nobody else. Where there is
/// none it does nothing. From any thread.
class Notifier {
 public:
  /// Once `inherited_descriptors` has been called, and while signals are blocked.
  Notifier();
  /// What is not told yet never is: `settle` first.
  ~Notifier();
  Notifier(const Notifier&) = delete;
  Notifier& operator=(const Notifier&) = delete;

  /// A change of state as sd_notify(3) has it: "READY=1"; several are lines. With a descriptor, where it is
  /// about one.
  void tell(std::string state, host::UniqueFd fd = {});

  /// What we do, in words: what `systemctl status` shows, and who is woken at night reads first.
  void tell_status(std::string status);

  /// Waits, not for long, until all is told. Before the process ends, and if it is not told (false) then not
  /// in order: by `std::_Exit`.
  bool settle();

 private:
  struct Queue;
  std::shared_ptr<Queue> queue_;  // null: there is nobody to tell
};

}  // namespace podsandbox::telemetry

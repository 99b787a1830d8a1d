#pragma once

#include <systemd/sd-bus.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <tl/expected.hpp>

#include "messages/error.hpp"

namespace podsandbox::linux_runtime {

/// Frees what sd-bus made.
struct BusFree {
  void operator()(sd_bus* bus) const { sd_bus_close_unref(bus); }
  void operator()(sd_bus_message* message) const { sd_bus_message_unref(message); }
};

using BusMessage = std::unique_ptr<sd_bus_message, BusFree>;

/// Errors of systemd's that mean something to us.
constexpr const char* no_such_unit = "org.freedesktop.systemd1.NoSuchUnit";
constexpr const char* unit_exists = "org.freedesktop.systemd1.UnitExists";

/// Why a call came to nothing, by the name of a D-Bus error; local causes have one, too.
struct BusError {
  std::string name;
  std::string text;
};

/// With a text that begins with `what`.
Error describe(const BusError& error, const std::string& what);

/// A connection to systemd's manager for one piece of work, used on the thread that opened it. Every function
/// blocks until `deadline` at most.
class SystemdConnection {
 public:
  using Deadline = std::chrono::steady_clock::time_point;

  /// `address` is that of a bus in D-Bus's form; empty: the system bus. FAILED_PRECONDITION when there is no
  /// bus, or no systemd on it.
  static Result<std::unique_ptr<SystemdConnection>> open(const std::string& address, Deadline deadline);

  /// Calls `member` of the manager with the arguments `values` of D-Bus types `types`, as
  /// sd_bus_message_append takes them.
  template <class... Values>
  tl::expected<BusMessage, BusError> call(const char* member, const char* types, Values... values) {
    return call_at(manager_path, "org.freedesktop.systemd1.Manager", member, types, values...);
  }

  /// As `call`, for a method that answers with a job, whose result it waits for ("done" when it went well).
  template <class... Values>
  tl::expected<std::string, BusError> run_job(const char* member, const char* types, Values... values) {
    const auto reply = call(member, types, values...);
    if (!reply) return tl::unexpected(reply.error());
    return await_job(reply->get());
  }

  /// What the unit is doing: "active", "failed" and so on; "inactive", too, when systemd does not know it.
  tl::expected<std::string, BusError> state_of(const std::string& unit);

  SystemdConnection(const SystemdConnection&) = delete;
  SystemdConnection& operator=(const SystemdConnection&) = delete;
  ~SystemdConnection() = default;

 private:
  static constexpr const char* manager_path = "/org/freedesktop/systemd1";
  static constexpr const char* manager_name = "org.freedesktop.systemd1";

  explicit SystemdConnection(Deadline deadline) : deadline_(deadline) {}

  template <class... Values>
  tl::expected<BusMessage, BusError> call_at(const char* path, const char* interface, const char* member,
                                             const char* types, Values... values) {
    BusMessage message = make_call(manager_name, path, interface, member);
    if (!message) return tl::unexpected(no_memory());
    const int error = sd_bus_message_append(message.get(), types, values...);
    if (error < 0) return tl::unexpected(local_error(error));
    return send(message.get());
  }

  static BusError local_error(int error);
  static BusError no_memory() { return local_error(-ENOMEM); }

  int connect(const std::string& address);
  int await_ready();
  tl::expected<Done, BusError> find_manager();
  tl::expected<Done, BusError> listen();
  tl::expected<std::string, BusError> await_job(sd_bus_message* reply);
  BusMessage make_call(const char* destination, const char* path, const char* interface, const char* member);
  tl::expected<BusMessage, BusError> send(sd_bus_message* message);
  int step();
  std::uint64_t remaining_us() const;

  static int job_removed(sd_bus_message* message, void* self, sd_bus_error*);
  static int owner_changed(sd_bus_message* message, void* self, sd_bus_error*);

  const Deadline deadline_;
  std::unique_ptr<sd_bus, BusFree> bus_;
  std::string owner_;                        // the connection of the systemd that we talk to
  bool lost_ = false;                        // it has gone
  std::map<std::string, std::string> jobs_;  // those that have ended, with their results
};

}  // namespace podsandbox::linux_runtime

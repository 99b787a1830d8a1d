#include "services/linux/systemd_connection.hpp"

#include <algorithm>
#include <cerrno>
#include <initializer_list>

#include "services/host/system_error.hpp"

namespace podsandbox::linux_runtime {

namespace {

constexpr const char* dbus_name = "org.freedesktop.DBus";

/// An sd_bus_error for one call.
class CallError {
 public:
  CallError() = default;
  CallError(const CallError&) = delete;
  CallError& operator=(const CallError&) = delete;
  ~CallError() { sd_bus_error_free(&error_); }

  sd_bus_error* get() { return &error_; }
  BusError take() const {
    const std::string name = error_.name == nullptr ? "unknown" : error_.name;
    return {name, error_.message == nullptr ? name : error_.message};
  }

 private:
  sd_bus_error error_{};
};

bool is_one_of(const std::string& name, std::initializer_list<const char*> names) {
  return std::any_of(names.begin(), names.end(), [&](const char* one) { return name == one; });
}

ErrorKind kind_of(const std::string& name) {
  if (is_one_of(name, {SD_BUS_ERROR_NO_REPLY, SD_BUS_ERROR_TIMEOUT, SD_BUS_ERROR_DISCONNECTED,
                       SD_BUS_ERROR_SERVICE_UNKNOWN, SD_BUS_ERROR_NAME_HAS_NO_OWNER})) {
    return ErrorKind::unavailable;  // there was a systemd when we connected
  }
  if (is_one_of(name, {SD_BUS_ERROR_ACCESS_DENIED, SD_BUS_ERROR_AUTH_FAILED,
                       SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED})) {
    return ErrorKind::permission_denied;
  }
  if (is_one_of(name, {SD_BUS_ERROR_NO_MEMORY, SD_BUS_ERROR_LIMITS_EXCEEDED})) {
    return ErrorKind::resource_exhausted;
  }
  if (name == unit_exists) return ErrorKind::already_exists;
  return ErrorKind::internal;
}

// Anybody on a bus may send us a signal.
bool is_from(sd_bus_message* signal, const std::string& expected) {
  const char* sender = sd_bus_message_get_sender(signal);
  return sender != nullptr && sender == expected;
}

// Of what stands in the way before there is a systemd to talk to.
Error describe_absence(const BusError& error, const std::string& address) {
  const std::string bus = address.empty() ? "the system bus" : "the bus at " + address;
  Error described = describe(error, "reaching systemd over " + bus);
  const bool telling = described.kind == ErrorKind::permission_denied ||
                       described.kind == ErrorKind::resource_exhausted ||
                       is_one_of(error.name, {SD_BUS_ERROR_NO_REPLY, SD_BUS_ERROR_TIMEOUT});
  if (!telling) {
    described.kind = ErrorKind::failed_precondition;
    described.message += " (a cgroup parent that is a .slice needs systemd)";
  }
  return described;
}

}  // namespace

Error describe(const BusError& error, const std::string& what) {
  return {kind_of(error.name), what + ": " + error.text};
}

Result<std::unique_ptr<SystemdConnection>> SystemdConnection::open(const std::string& address,
                                                                   Deadline deadline) {
  std::unique_ptr<SystemdConnection> self(new SystemdConnection(deadline));
  if (const int error = self->connect(address); error < 0) {
    return tl::unexpected(describe_absence(local_error(error), address));
  }
  auto found = self->listen().and_then([&](Done) { return self->find_manager(); });
  if (!found) return tl::unexpected(describe_absence(found.error(), address));
  return self;
}

// Negative errnos, as sd-bus has them.
int SystemdConnection::connect(const std::string& address) {
  sd_bus* bus = nullptr;
  int error = 0;
  if (address.empty()) {
    error = sd_bus_open_system(&bus);
    bus_.reset(bus);
    return error < 0 ? error : await_ready();
  }
  error = sd_bus_new(&bus);
  bus_.reset(bus);
  if (error >= 0) error = sd_bus_set_address(bus, address.c_str());
  if (error >= 0) error = sd_bus_set_bus_client(bus, 1);
  if (error >= 0) error = sd_bus_start(bus);
  return error < 0 ? error : await_ready();
}

// sd-bus would wait for a bus that accepts us and then says nothing longer than we may.
int SystemdConnection::await_ready() {
  for (;;) {
    const int ready = sd_bus_is_ready(bus_.get());
    if (ready != 0) return ready;
    if (const int error = step(); error < 0) return error;
  }
}

// Before anything is asked for: so that no answer is missed.
tl::expected<Done, BusError> SystemdConnection::listen() {
  sd_bus_set_method_call_timeout(bus_.get(), std::max<std::uint64_t>(remaining_us(), 1));
  int error = sd_bus_match_signal(bus_.get(), nullptr, manager_name, manager_path,
                                  "org.freedesktop.systemd1.Manager", "JobRemoved", job_removed, this);
  if (error >= 0) {
    const std::string rule = std::string("type='signal',sender='") + dbus_name + "',interface='" + dbus_name +
                             "',member='NameOwnerChanged',arg0='" + manager_name + "'";
    error = sd_bus_add_match(bus_.get(), nullptr, rule.c_str(), owner_changed, this);
  }
  if (error < 0) return tl::unexpected(local_error(error));
  return Done{};
}

tl::expected<Done, BusError> SystemdConnection::find_manager() {
  const BusMessage call = make_call(dbus_name, "/org/freedesktop/DBus", dbus_name, "GetNameOwner");
  if (!call) return tl::unexpected(no_memory());
  if (const int error = sd_bus_message_append(call.get(), "s", manager_name); error < 0) {
    return tl::unexpected(local_error(error));
  }
  const auto reply = send(call.get());
  if (!reply) return tl::unexpected(reply.error());
  const char* owner = nullptr;
  if (const int error = sd_bus_message_read(reply->get(), "s", &owner); error < 0) {
    return tl::unexpected(local_error(error));
  }
  owner_ = owner;
  return Done{};
}

BusMessage SystemdConnection::make_call(const char* destination, const char* path, const char* interface,
                                        const char* member) {
  sd_bus_message* message = nullptr;
  if (sd_bus_message_new_method_call(bus_.get(), &message, destination, path, interface, member) < 0) {
    return {};
  }
  // Where systemd does not run, the bus would try to start it.
  sd_bus_message_set_auto_start(message, 0);
  return BusMessage(message);
}

tl::expected<BusMessage, BusError> SystemdConnection::send(sd_bus_message* message) {
  const auto remaining = remaining_us();
  if (remaining == 0) return tl::unexpected(local_error(-ETIMEDOUT));
  CallError error;
  sd_bus_message* reply = nullptr;
  if (sd_bus_call(bus_.get(), message, remaining, error.get(), &reply) < 0) {
    return tl::unexpected(error.take());
  }
  return BusMessage(reply);
}

tl::expected<std::string, BusError> SystemdConnection::await_job(sd_bus_message* reply) {
  const char* job = nullptr;
  if (const int error = sd_bus_message_read(reply, "o", &job); error < 0) {
    return tl::unexpected(local_error(error));
  }
  for (;;) {
    if (const auto ended = jobs_.find(job); ended != jobs_.end()) return ended->second;
    if (lost_) return tl::unexpected(BusError{SD_BUS_ERROR_DISCONNECTED, "systemd has left the bus"});
    if (const int error = step(); error < 0) return tl::unexpected(local_error(error));
  }
}

tl::expected<std::string, BusError> SystemdConnection::state_of(const std::string& unit) {
  const auto found = call("GetUnit", "s", unit.c_str());
  if (!found) {
    if (found.error().name == no_such_unit) return "inactive";
    return tl::unexpected(found.error());
  }
  const char* path = nullptr;
  int error = sd_bus_message_read(found->get(), "o", &path);
  if (error < 0) return tl::unexpected(local_error(error));
  const auto property = call_at(path, "org.freedesktop.DBus.Properties", "Get", "ss",
                                "org.freedesktop.systemd1.Unit", "ActiveState");
  if (!property) {
    // It went away in between.
    if (is_one_of(property.error().name, {no_such_unit, SD_BUS_ERROR_UNKNOWN_OBJECT})) return "inactive";
    return tl::unexpected(property.error());
  }
  const char* state = nullptr;
  error = sd_bus_message_read(property->get(), "v", "s", &state);
  if (error < 0) return tl::unexpected(local_error(error));
  return state;
}

// Handles what has come, or waits for more.
int SystemdConnection::step() {
  const int handled = sd_bus_process(bus_.get(), nullptr);
  if (handled != 0) return handled;
  const auto remaining = remaining_us();
  if (remaining == 0) return -ETIMEDOUT;
  const int waited = sd_bus_wait(bus_.get(), remaining);
  return waited == -EINTR ? 0 : waited;
}

std::uint64_t SystemdConnection::remaining_us() const {
  const auto remaining =
      std::chrono::ceil<std::chrono::microseconds>(deadline_ - std::chrono::steady_clock::now());
  return remaining.count() > 0 ? static_cast<std::uint64_t>(remaining.count()) : 0;
}

int SystemdConnection::job_removed(sd_bus_message* message, void* self, sd_bus_error*) {
  auto& connection = *static_cast<SystemdConnection*>(self);
  const char* job = nullptr;
  const char* result = nullptr;
  if (!is_from(message, connection.owner_)) return 0;
  if (sd_bus_message_read(message, "uoss", nullptr, &job, nullptr, &result) >= 0) {
    connection.jobs_[job] = result;
  }
  return 0;
}

int SystemdConnection::owner_changed(sd_bus_message* message, void* self, sd_bus_error*) {
  auto& connection = *static_cast<SystemdConnection*>(self);
  const char* former = nullptr;
  if (!is_from(message, dbus_name)) return 0;
  if (sd_bus_message_read(message, "sss", nullptr, &former, nullptr) >= 0 && connection.owner_ == former) {
    connection.lost_ = true;
  }
  return 0;
}

BusError SystemdConnection::local_error(int error) {
  CallError named;
  sd_bus_error_set_errno(named.get(), error);
  BusError result = named.take();
  result.text = std::generic_category().message(-error);
  return result;
}

}  // namespace podsandbox::linux_runtime

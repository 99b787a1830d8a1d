#include "test/linux/fake_systemd.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <utility>

namespace podsandbox::test {

namespace {

constexpr const char* manager_path = "/org/freedesktop/systemd1";
constexpr const char* manager_interface = "org.freedesktop.systemd1.Manager";
constexpr const char* units_path = "/org/freedesktop/systemd1/unit";
constexpr const char* no_such_unit = "org.freedesktop.systemd1.NoSuchUnit";

void require(int result, const char* what) {
  if (result < 0) throw std::runtime_error(what);
}

std::string read_string(sd_bus_message* message) {
  const char* text = nullptr;
  require(sd_bus_message_read(message, "s", &text), "no string");
  return text;
}

// "t 2", "au 4 5"
std::string read_variant(sd_bus_message* message) {
  const char* contents = nullptr;
  require(sd_bus_message_peek_type(message, nullptr, &contents), "no variant");
  const std::string type = contents;
  require(sd_bus_message_enter_container(message, 'v', contents), "no variant");
  std::string text = type;
  if (type == "s") {
    text += " " + read_string(message);
  } else if (type == "b") {
    int value = 0;
    require(sd_bus_message_read(message, "b", &value), "no boolean");
    text += value != 0 ? " true" : " false";
  } else if (type == "t") {
    std::uint64_t value = 0;
    require(sd_bus_message_read(message, "t", &value), "no number");
    text += " " + std::to_string(value);
  } else if (type == "au") {
    const void* values = nullptr;
    std::size_t size = 0;
    require(sd_bus_message_read_array(message, 'u', &values, &size), "no numbers");
    const auto* numbers = static_cast<const std::uint32_t*>(values);
    for (std::size_t i = 0; i < size / sizeof *numbers; ++i) text += " " + std::to_string(numbers[i]);
  } else {
    throw std::runtime_error("a property of type " + type);
  }
  require(sd_bus_message_exit_container(message), "variant");
  return text;
}

std::map<std::string, std::string> read_properties(sd_bus_message* message) {
  std::map<std::string, std::string> properties;
  require(sd_bus_message_enter_container(message, 'a', "(sv)"), "no properties");
  while (sd_bus_message_enter_container(message, 'r', "sv") > 0) {
    const std::string name = read_string(message);
    if (!properties.emplace(name, read_variant(message)).second) throw std::runtime_error(name + " twice");
    require(sd_bus_message_exit_container(message), "property");
  }
  require(sd_bus_message_exit_container(message), "properties");
  return properties;
}

FakeSystemd::Call read_call(sd_bus_message* message) {
  FakeSystemd::Call call;
  call.member = sd_bus_message_get_member(message);
  const std::string signature = sd_bus_message_get_signature(message, 1);
  const bool starts = call.member == "StartTransientUnit";
  const bool has_mode = starts || call.member == "StopUnit";
  if (signature != (starts ? "ssa(sv)a(sa(sv))" : has_mode ? "ss" : "s")) {
    throw std::runtime_error(call.member + " with " + signature);
  }
  call.unit = read_string(message);
  if (has_mode) call.mode = read_string(message);
  if (!starts) return call;
  call.properties = read_properties(message);
  require(sd_bus_message_enter_container(message, 'a', "(sa(sv))"), "no further units");
  if (sd_bus_message_at_end(message, 0) == 0) throw std::runtime_error("a further unit");
  return call;
}

}  // namespace

FakeSystemd::FakeSystemd(const std::string& address) : stop_(eventfd(0, EFD_CLOEXEC)) {
  sd_bus* bus = nullptr;
  require(sd_bus_new(&bus), "sd_bus_new");
  bus_.reset(bus);
  require(sd_bus_set_address(bus, address.c_str()), "sd_bus_set_address");
  require(sd_bus_set_bus_client(bus, 1), "sd_bus_set_bus_client");
  require(sd_bus_start(bus), "sd_bus_start");
  require(sd_bus_add_fallback(bus, nullptr, manager_path, handle, this), "sd_bus_add_fallback");
  require(sd_bus_request_name(bus, "org.freedesktop.systemd1", 0), "sd_bus_request_name");
  thread_ = std::thread([this] { serve(); });
}

FakeSystemd::~FakeSystemd() {
  const std::uint64_t one = 1;
  if (write(stop_.get(), &one, sizeof one) < 0) std::abort();
  thread_.join();
}

void FakeSystemd::behave(Conduct conduct) {
  const std::lock_guard lock(mutex_);
  conduct_ = std::move(conduct);
}

void FakeSystemd::have(const std::string& unit, const std::string& state) {
  const std::lock_guard lock(mutex_);
  units_[unit] = state;
}

std::vector<FakeSystemd::Call> FakeSystemd::calls() const {
  const std::lock_guard lock(mutex_);
  return calls_;
}

std::string FakeSystemd::members() const {
  std::string all;
  for (const Call& call : calls()) all += (all.empty() ? "" : " ") + call.member;
  return all;
}

std::map<std::string, std::string> FakeSystemd::units() const {
  const std::lock_guard lock(mutex_);
  return units_;
}

// Until it is to stop, or has no bus any more.
void FakeSystemd::serve() {
  while (bus_) {
    const int handled = sd_bus_process(bus_.get(), nullptr);
    if (handled < 0) return;
    if (handled > 0) continue;
    std::array<pollfd, 2> awaited{
        pollfd{stop_.get(), POLLIN, 0},
        pollfd{sd_bus_get_fd(bus_.get()), static_cast<short>(sd_bus_get_events(bus_.get())), 0}};
    if (poll(awaited.data(), awaited.size(), -1) < 0 && errno != EINTR) return;
    if (awaited[0].revents != 0) return;
  }
}

int FakeSystemd::handle(sd_bus_message* message, void* self, sd_bus_error* error) {
  try {
    return static_cast<FakeSystemd*>(self)->answer(message, error);
  } catch (const std::exception& e) {
    return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS, e.what());
  }
}

int FakeSystemd::answer(sd_bus_message* message, sd_bus_error* error) {
  if (sd_bus_message_is_method_call(message, "org.freedesktop.DBus.Properties", "Get") > 0) {
    return answer_property(message);
  }
  if (std::string(manager_interface) != sd_bus_message_get_interface(message)) return 0;
  const Call call = read_call(message);
  {
    const std::lock_guard lock(mutex_);
    calls_.push_back(call);
  }
  if (call.member == "GetUnit") return get_unit(message, call.unit, error);
  if (call.member == "ResetFailedUnit") return reset_failed(message, call.unit, error);
  return run_job(message, call, error);
}

int FakeSystemd::run_job(sd_bus_message* message, const Call& call, sd_bus_error* error) {
  std::unique_lock lock(mutex_);
  const Conduct conduct = conduct_;
  const bool starts = call.member == "StartTransientUnit";
  if (conduct.silent) return 1;
  if (!conduct.refuse.empty()) return sd_bus_error_set(error, conduct.refuse.c_str(), "No.");
  if (units_.contains(call.unit) == starts) {
    return sd_bus_error_setf(error, starts ? "org.freedesktop.systemd1.UnitExists" : no_such_unit,
                             "Unit %s is there, or not.", call.unit.c_str());
  }
  const Job job{sd_bus_message_get_sender(message),
                manager_path + std::string("/job/") + std::to_string(++jobs_), call};
  lock.unlock();
  if (conduct.early) tell_end(job, conduct.result);
  const int answered = sd_bus_reply_method_return(message, "o", job.path.c_str());
  sd_bus_flush(bus_.get());
  if (conduct.meanwhile) conduct.meanwhile(job);
  if (conduct.leave) {
    bus_.reset();
    return answered;
  }
  if (conduct.result.empty()) return answered;
  take_effect(call, conduct);
  if (!conduct.early) tell_end(job, conduct.result);
  return answered;
}

void FakeSystemd::take_effect(const Call& call, const Conduct& conduct) {
  if (conduct.result != "done") return;
  const std::lock_guard lock(mutex_);
  if (call.member == "StartTransientUnit") {
    units_[call.unit] = "active";
  } else if (conduct.fails_when_stopped) {
    units_[call.unit] = "failed";
  } else {
    units_.erase(call.unit);
  }
}

void FakeSystemd::tell_end(const Job& job, const std::string& result) {
  sd_bus_emit_signal(bus_.get(), manager_path, manager_interface, "JobRemoved", "uoss", 1U, job.path.c_str(),
                     job.call.unit.c_str(), result.c_str());
}

int FakeSystemd::get_unit(sd_bus_message* message, const std::string& unit, sd_bus_error* error) {
  const std::lock_guard lock(mutex_);
  if (!units_.contains(unit))
    return sd_bus_error_setf(error, no_such_unit, "Unit %s not loaded.", unit.c_str());
  char* path = nullptr;
  require(sd_bus_path_encode(units_path, unit.c_str(), &path), "sd_bus_path_encode");
  const std::unique_ptr<char, decltype(&std::free)> owned(path, std::free);
  return sd_bus_reply_method_return(message, "o", path);
}

// Of a unit: its ActiveState.
int FakeSystemd::answer_property(sd_bus_message* message) {
  const std::string interface = read_string(message);
  const std::string property = read_string(message);
  if (interface != "org.freedesktop.systemd1.Unit" || property != "ActiveState") {
    throw std::runtime_error(interface + "." + property);
  }
  char* name = nullptr;
  require(sd_bus_path_decode(sd_bus_message_get_path(message), units_path, &name), "sd_bus_path_decode");
  const std::unique_ptr<char, decltype(&std::free)> owned(name, std::free);
  const std::lock_guard lock(mutex_);
  const auto unit = name == nullptr ? units_.end() : units_.find(name);
  const std::string state = unit == units_.end() ? "inactive" : unit->second;
  return sd_bus_reply_method_return(message, "v", "s", state.c_str());
}

int FakeSystemd::reset_failed(sd_bus_message* message, const std::string& unit, sd_bus_error* error) {
  const std::lock_guard lock(mutex_);
  const auto known = units_.find(unit);
  if (known == units_.end())
    return sd_bus_error_setf(error, no_such_unit, "Unit %s not loaded.", unit.c_str());
  if (known->second == "failed") units_.erase(known);
  return sd_bus_reply_method_return(message, "");
}

}  // namespace podsandbox::test

#pragma once

#include <systemd/sd-bus.h>

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "services/host/unique_fd.hpp"

namespace podsandbox::test {

/// What stands in for systemd's manager on a bus: it knows scopes, and does nothing but to say so. What it
/// answers is what systemd 252 answers.
class FakeSystemd {
 public:
  /// A call, with its arguments; those of StartTransientUnit with their D-Bus types ("t 2").
  struct Call {
    std::string member;
    std::string unit;
    std::string mode;
    std::map<std::string, std::string> properties;
  };

  /// A job that has been promised to `client` and has not ended.
  struct Job {
    std::string client;
    std::string path;
    Call call;
  };

  /// How it does what StartTransientUnit and StopUnit ask for.
  struct Conduct {
    bool silent = false;                          ///< no answer
    std::string refuse{};                         ///< the name of the D-Bus error that is the answer
    std::string result = "done";                  ///< of the job; empty: it never ends
    bool early = false;                           ///< the job ends before the call is answered
    bool leave = false;                           ///< it leaves the bus before the job ends
    bool fails_when_stopped = false;              ///< the unit is a failed one then
    std::function<void(const Job&)> meanwhile{};  ///< what happens between the answer and the job's end
  };

  explicit FakeSystemd(const std::string& address);
  ~FakeSystemd();
  FakeSystemd(const FakeSystemd&) = delete;
  FakeSystemd& operator=(const FakeSystemd&) = delete;

  void behave(Conduct conduct);
  /// There is such a unit, in this state ("active", "failed", …).
  void have(const std::string& unit, const std::string& state);

  std::vector<Call> calls() const;
  /// The members called, in their order: "StopUnit GetUnit".
  std::string members() const;
  /// All, with their states.
  std::map<std::string, std::string> units() const;

 private:
  struct Unref {
    void operator()(sd_bus* bus) const { sd_bus_flush_close_unref(bus); }
  };

  static int handle(sd_bus_message* message, void* self, sd_bus_error* error);
  int answer(sd_bus_message* message, sd_bus_error* error);
  int answer_property(sd_bus_message* message);
  int run_job(sd_bus_message* message, const Call& call, sd_bus_error* error);
  int get_unit(sd_bus_message* message, const std::string& unit, sd_bus_error* error);
  int reset_failed(sd_bus_message* message, const std::string& unit, sd_bus_error* error);
  void take_effect(const Call& call, const Conduct& conduct);
  void tell_end(const Job& job, const std::string& result);
  void serve();

  mutable std::mutex mutex_;
  Conduct conduct_;
  std::vector<Call> calls_;
  std::map<std::string, std::string> units_;
  int jobs_ = 0;

  std::unique_ptr<sd_bus, Unref> bus_;  // used by the thread alone, once it runs
  host::UniqueFd stop_;
  std::thread thread_;
};

}  // namespace podsandbox::test

#pragma once

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/exit_reason.hpp>
#include <caf/send.hpp>
#include <chrono>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "messages/log.hpp"
#include "services/containerd/registrar.hpp"
#include "test/containerd/fake_containerd.hpp"
#include "test/containerd/fake_gateway.hpp"
#include "test/containerd/views.hpp"
#include "test/linux/eventually.hpp"

namespace podsandbox::test {

using Ids = std::set<std::string>;

inline constexpr auto owner = "/state";
inline constexpr auto long_time = std::chrono::hours(1);

/// By default nothing is compared or repeated within the life of a test but what events ask for.
inline containerd_client::RegistrarSettings settings_with(
    std::chrono::nanoseconds compare_every = long_time,
    std::chrono::nanoseconds first_retry = std::chrono::milliseconds(20)) {
  containerd_client::RegistrarSettings settings;
  settings.owner = owner;
  settings.plan.compare_every = compare_every;
  settings.plan.first_retry = first_retry;
  settings.plan.create_after = settings.plan.remove_after = {};
  settings.plan.away_retry = std::chrono::milliseconds(50);
  return settings;
}

/// What was logged, by all threads.
class LogLines {
 public:
  LogLines() {
    log::set_sink([this](log::Level, std::string_view, std::string_view sandbox, std::string_view text) {
      const std::lock_guard lock(mutex_);
      lines_.push_back(std::string(sandbox) + ": " + std::string(text));
    });
  }
  ~LogLines() { log::set_sink({}); }
  LogLines(const LogLines&) = delete;
  LogLines& operator=(const LogLines&) = delete;

  std::size_t count(const std::string& part) const {
    const std::lock_guard lock(mutex_);
    std::size_t found = 0;
    for (const auto& line : lines_) found += line.find(part) != std::string::npos ? 1 : 0;
    return found;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

/// A registrar between our sandboxes and containerd.
class Node {
 public:
  explicit Node(containerd_client::RegistrarSettings settings = settings_with(),
                std::chrono::nanoseconds call_timeout = std::chrono::seconds(20))
      : settings_(std::move(settings)), call_timeout_(call_timeout) {
    gateway->spawn(system);
  }

  ~Node() {
    end();
    connection_.reset();
    system.registry().erase(names::gateway);
    BOOST_TEST(containerd.violations().empty());
    BOOST_TEST(desk.open() == 0U);
  }
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  void begin() {
    if (!connection_)
      connection_ = std::make_shared<containerd_client::Connection>(containerd.socket(), call_timeout_);
    registrar_ = containerd_client::spawn_registrar(system, desk, connection_, settings_);
    ended_ = std::make_shared<std::atomic<bool>>(false);
    registrar_->get()->attach_functor([ended = ended_](const caf::error&) { *ended = true; });
  }

  /// Kills the registrar, as a chaos test would, and waits for its end.
  void end() {
    if (!registrar_) return;
    caf::anon_send<caf::message_priority::high>(caf::actor_cast<caf::actor>(registrar_),
                                                caf::exit_msg{nullptr, caf::exit_reason::kill});
    registrar_.reset();
    BOOST_TEST(eventually([&] { return ended_->load() && gateway->waiting() == 0; }));
  }

  /// The registrar has compared and waits for events.
  void settle() {
    BOOST_REQUIRE(eventually([&] { return gateway->lists() > 0 && gateway->waiting() == 1; }));
  }

  void run(const std::string& id) { gateway->start(running_sandbox(id)); }
  bool has(const Ids& ids) {
    return eventually([&] { return containerd.ids() == ids; });
  }

  LogLines log;
  FakeContainerd containerd;
  std::shared_ptr<FakeGateway> gateway = std::make_shared<FakeGateway>();

 private:
  struct Config : caf::actor_system_config {
    Config() {
      set("scheduler.policy", caf::atom("sharing"));
      set("scheduler.max-threads", std::size_t{2});
    }
  };
  Config config_;

 public:
  caf::actor_system system{config_};
  CallDesk desk{system};

 private:
  containerd_client::RegistrarSettings settings_;
  std::chrono::nanoseconds call_timeout_;
  std::shared_ptr<containerd_client::Connection> connection_;
  caf::strong_actor_ptr registrar_;
  std::shared_ptr<std::atomic<bool>> ended_;
};

}  // namespace podsandbox::test

#pragma once

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/exit_reason.hpp>
#include <caf/send.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "messages/call_desk.hpp"
#include "messages/log.hpp"
#include "services/containerd/connection.hpp"
#include "test/containerd/fake_containerd.hpp"
#include "test/containerd/fake_gateway.hpp"
#include "test/linux/eventually.hpp"

namespace podsandbox::test {

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

/// An actor of ours between our sandboxes and containerd.
class CompanionNode {
 public:
  using Spawn = std::function<caf::strong_actor_ptr(caf::actor_system&, CallDesk&,
                                                    std::shared_ptr<containerd_client::Connection>)>;

  CompanionNode(Spawn spawn, std::chrono::nanoseconds call_timeout)
      : spawn_(std::move(spawn)), call_timeout_(call_timeout) {
    gateway->spawn(system);
  }

  ~CompanionNode() {
    end();
    connection_.reset();
    system.registry().erase(names::gateway);
    BOOST_TEST(containerd.violations().empty());
    BOOST_TEST(desk.open() == 0U);
  }
  CompanionNode(const CompanionNode&) = delete;
  CompanionNode& operator=(const CompanionNode&) = delete;

  void begin() {
    if (!connection_)
      connection_ = std::make_shared<containerd_client::Connection>(containerd.socket(), call_timeout_);
    actor_ = spawn_(system, desk, connection_);
    ended_ = std::make_shared<std::atomic<bool>>(false);
    actor_->get()->attach_functor([ended = ended_](const caf::error&) { *ended = true; });
  }

  /// Kills the actor, as a chaos test would, and waits for its end.
  void end() {
    if (!actor_) return;
    caf::anon_send<caf::message_priority::high>(caf::actor_cast<caf::actor>(actor_),
                                                caf::exit_msg{nullptr, caf::exit_reason::kill});
    actor_.reset();
    BOOST_TEST(eventually([&] { return ended_->load() && gateway->waiting() == 0; }));
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
  Spawn spawn_;
  std::chrono::nanoseconds call_timeout_;
  std::shared_ptr<containerd_client::Connection> connection_;
  caf::strong_actor_ptr actor_;
  std::shared_ptr<std::atomic<bool>> ended_;
};

}  // namespace podsandbox::test

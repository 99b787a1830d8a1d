#pragma once

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <utility>

#include "services/journal/journal_actor.hpp"
#include "test/journal/stores.hpp"

namespace podsandbox::test {

/// A journal with its actor.
class JournalWorld {
 public:
  JournalWorld() {
    config_.set("scheduler.policy", caf::atom("sharing"));
    config_.set("scheduler.max-threads", std::size_t{2});
    system_ = std::make_unique<caf::actor_system>(config_);
    store_ = open_store(home_.path()).store;
    spawn();
  }
  JournalWorld(const JournalWorld&) = delete;
  JournalWorld& operator=(const JournalWorld&) = delete;
  ~JournalWorld() { end(); }

  /// Sends a write on its way. What is returned waits for its answer.
  std::function<Result<Done>()> begin(journal::Write write) {
    auto asker = std::make_shared<caf::scoped_actor>(*system_);
    auto handle = (*asker)->request(actor_, patience, std::move(write));
    return [this, asker, handle = std::make_shared<decltype(handle)>(handle)] {
      auto result = Result<Done>(failure(ErrorKind::internal, "no answer"));
      handle->receive(
          [&](Result<Done>& answer) { result = std::move(answer); },
          [&](const caf::error& error) { result = failure(ErrorKind::internal, system_->render(error)); });
      return result;
    };
  }
  Result<Done> write(journal::Write write) { return begin(std::move(write))(); }

  const JournalPort& actor() const { return actor_; }
  void spawn() { actor_ = journal::spawn_journal(*system_, store_); }

  /// Waits for the end of the actor, which must have been told to end.
  void wait_for_end() {
    caf::scoped_actor waiter(*system_);
    waiter->wait_for(actor_);
  }

  /// What a new process finds in the files that there are now.
  journal::Contents contents() const {
    const TemporaryDirectory copy(place_in_memory());
    for (const auto& entry : std::filesystem::directory_iterator(home_.path())) {
      std::filesystem::copy(entry.path(), copy.path());
    }
    return contents_of(copy.path());
  }

  void end() {
    if (!actor_) return;
    caf::anon_send_exit(actor_, caf::exit_reason::user_shutdown);
    wait_for_end();
    actor_ = nullptr;
  }

 private:
  static constexpr auto patience = std::chrono::seconds(30);

  TemporaryDirectory home_;
  caf::actor_system_config config_;
  std::unique_ptr<caf::actor_system> system_;
  std::shared_ptr<journal::Store> store_;
  JournalPort actor_;
};

}  // namespace podsandbox::test

#include "services/journal/journal_actor.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <span>
#include <utility>
#include <vector>

#include "messages/log.hpp"

namespace podsandbox::journal {

/// To itself: all writes that were waiting have been taken.
struct CommitGroup {};

}  // namespace podsandbox::journal

PODSANDBOX_MESSAGE(podsandbox::journal::CommitGroup)

namespace podsandbox::journal {

namespace {

/// More share no wait: the first of them must not wait long for the last.
constexpr std::size_t largest_group = 256;

using Port = JournalPort::extend<caf::reacts_to<CommitGroup>>;
using Promise = caf::typed_response_promise<Result<Done>>;

class Journal {
 public:
  using Self = Port::stateful_pointer<Journal>;

  explicit Journal(Self self) : self_(self) {}
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;
  ~Journal() { answer_all(failure(ErrorKind::unavailable, "the journal's actor died: write it again")); }

  Port::behavior_type start(std::shared_ptr<Store> store) {
    store_ = std::move(store);
    self_->set_error_handler([this](const caf::error& error) {
      log::error("journal", {}, "unexpected error message: " + self_->system().render(error));
    });
    return {
        [this](Write& write) { return take(std::move(write)); },
        [this](const CommitGroup&) { commit_group(); },
    };
  }

  const char* name = "journal";

 private:
  // The first write of a group sends a message that queues up behind all that wait already: when it comes,
  // they have been taken.
  Promise take(Write write) {
    if (writes_.empty()) self_->send(self_, CommitGroup{});
    writes_.push_back(std::move(write));
    promises_.push_back(self_->make_response_promise<Result<Done>>());
    auto promise = promises_.back();
    if (writes_.size() == largest_group) commit_group();
    return promise;
  }

  void commit_group() {
    if (writes_.empty()) return;
    const auto done = store_->commit(writes_);
    // Only what a write itself is to blame for can be otherwise without the others.
    if (!done && done.error().kind == ErrorKind::invalid_argument && writes_.size() > 1) return commit_each();
    answer_all(done);
  }

  void commit_each() {
    for (std::size_t i = 0; i < writes_.size(); ++i) {
      promises_[i].deliver(store_->commit(std::span(writes_).subspan(i, 1)));
    }
    forget();
  }

  void answer_all(const Result<Done>& done) {
    for (auto& promise : promises_) promise.deliver(done);
    forget();
  }

  void forget() {
    writes_.clear();
    promises_.clear();
  }

  Self self_;
  std::shared_ptr<Store> store_;
  std::vector<Write> writes_;
  std::vector<Promise> promises_;  // of each write
};

}  // namespace

JournalPort spawn_journal(caf::actor_system& system, std::shared_ptr<Store> store) {
  return system.spawn<caf::detached>(
      [](Journal::Self self, std::shared_ptr<Store> s) { return self->state.start(std::move(s)); },
      std::move(store));
}

}  // namespace podsandbox::journal

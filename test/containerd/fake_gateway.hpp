#pragma once

#include <caf/actor_system.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "messages/ports.hpp"

namespace podsandbox::test {

/// Stands for all our actors: answers what a client asks about sandboxes, from what the test says there is.
/// Thread-safe.
class FakeGateway : public std::enable_shared_from_this<FakeGateway> {
 public:
  /// Registers an actor that answers from this.
  void spawn(caf::actor_system& system);

  void start(const SandboxView& sandbox) { change(sandbox.spec->id, &sandbox, EventKind::started); }
  void remove(const std::string& id) { change(id, nullptr, EventKind::removed); }

  /// What `happens` does is seen by nobody, its events are no longer kept when somebody asks for them.
  void lose_events(const std::function<void()>& happens);

  /// The ids that there are, and how often they were asked to be shut down.
  std::set<std::string> ids() const;
  std::size_t shutdowns(const std::string& id) const;
  /// Shutdowns fail with this error, until there is none.
  void fail_shutdowns(std::optional<Error> error);

  /// How often sandboxes were listed, and how many calls wait for an event.
  std::size_t lists() const;
  std::size_t waiting() const;

 private:
  void change(const std::string& id, const SandboxView* sandbox, EventKind kind);
  void read(const Call<ReadEvents>& call);
  void get(const Call<GetSandbox>& call);
  void list(const Call<ListSandboxes>& call);
  void shut_down(const Call<ShutdownSandbox>& call);
  void gone(CallId id);
  void answer_waiting();
  std::vector<SandboxListing> rows();

  mutable std::mutex mutex_;
  std::map<std::string, SandboxView> sandboxes_;
  bool unseen_ = false;
  std::uint64_t first_ = 1;
  std::deque<EventPtr> events_;
  std::vector<Call<ReadEvents>> waiting_;
  std::size_t lists_ = 0;
  std::map<std::string, std::size_t> shutdowns_;
  std::optional<Error> shutdown_error_;
};

}  // namespace podsandbox::test

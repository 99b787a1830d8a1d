#include "services/containerd/sweeper.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "messages/log.hpp"
#include "services/containerd/records.hpp"
#include "services/containerd/run_here.hpp"

namespace podsandbox::containerd_client {

namespace {

constexpr const char* component = "containerd";

class Sweeper {
 public:
  using Self = RunsTasks::stateful_pointer<Sweeper>;

  explicit Sweeper(Self self) : self_(self) {}

  RunsTasks::behavior_type start(CallDesk& desk, std::shared_ptr<Connection> containerd,
                                 const SweeperSettings& settings) {
    desk_ = &desk;
    containerd_ = std::move(containerd);
    look_every_ = settings.look_every;
    orphans_.emplace(settings.orphans);
    self_->set_error_handler([this](const caf::error& error) {
      log::error(component, {}, "unexpected error message: " + self_->system().render(error));
    });
    list_ours();
    return {[](const RunHere& here) { here.task(); }};
  }

  const char* name = "sweeper";

 private:
  template <class T>
  std::function<void(Result<T>)> here(std::function<void(Result<T>)> handle) {
    return run_at<T>(caf::weak_actor_ptr(self_->ctrl()), std::move(handle));
  }

  /// Ours first: of each of them containerd has had a record before, and so has it now, if it still has one.
  void list_ours() {
    desk_->submit(ListSandboxes{},
                  here<std::vector<SandboxListing>>([this](const Result<std::vector<SandboxListing>>& rows) {
                    if (!rows) return look_again();
                    std::vector<SandboxView> ours;
                    for (const auto& row : *rows) {
                      if (!row.view.spec->sandboxer.empty()) ours.push_back(row.view);
                    }
                    list_theirs(std::move(ours));
                  }));
  }

  void list_theirs(std::vector<SandboxView> ours) {
    list_sandboxes(*containerd_,
                   here<std::set<std::string>>(
                       [this, ours = std::move(ours)](const Result<std::set<std::string>>& records) {
                         if (records) {
                           compare(ours, *records);
                         } else {
                           orphans_->away();
                           tell(records.error());
                         }
                         look_again();
                       }));
  }

  void compare(const std::vector<SandboxView>& ours, const std::set<std::string>& records) {
    told_error_.clear();
    const auto found = orphans_->looked(ours, records, self_->clock().now());
    for (const auto& note : found.notes) log::write(note.level, component, note.sandbox, note.text);
    for (const auto& sandbox : found.overdue) remove(sandbox.spec);
  }

  /// That containerd is away the registrar tells.
  void tell(const Error& error) {
    if (error.kind == ErrorKind::unavailable || error.message == told_error_) return;
    told_error_ = error.message;
    log::warn(
        component, {},
        "its sandboxes cannot be listed, so ours that it has forgotten are not found: " + error.message);
  }

  /// Only this one: since it was listed another may have got its id. What fails the supervisor tries again.
  void remove(const SpecPtr& spec) {
    desk_->submit(GetSandbox{spec->id},
                  here<SandboxListing>([this, spec](const Result<SandboxListing>& found) {
                    if (!found || found->view.spec != spec) return;
                    desk_->submit(ShutdownSandbox{spec->id}, [](const Result<Done>&) {});
                  }));
  }

  void look_again() {
    self_->delayed_send(self_, look_every_, RunHere{[this] { list_ours(); }});
  }

  Self self_;
  CallDesk* desk_ = nullptr;
  std::shared_ptr<Connection> containerd_;
  std::chrono::nanoseconds look_every_{0};
  std::optional<Orphans> orphans_;
  std::string told_error_;
};

}  // namespace

caf::strong_actor_ptr spawn_sweeper(caf::actor_system& system, CallDesk& desk,
                                    std::shared_ptr<Connection> containerd, const SweeperSettings& settings) {
  return caf::actor_cast<caf::strong_actor_ptr>(
      system.spawn([&desk](Sweeper::Self self, std::shared_ptr<Connection> c,
                           const SweeperSettings& s) { return self->state.start(desk, std::move(c), s); },
                   std::move(containerd), settings));
}

}  // namespace podsandbox::containerd_client

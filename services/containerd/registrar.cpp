#include "services/containerd/registrar.hpp"

#include <algorithm>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <functional>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "messages/log.hpp"
#include "services/containerd/cri_settings.hpp"
#include "services/containerd/records.hpp"
#include "services/containerd/run_here.hpp"

namespace podsandbox::containerd_client {

/// Something is due; the number tells the timer that counts from those that were set before.
struct Tick {
  std::uint64_t number = 0;
};

}  // namespace podsandbox::containerd_client

PODSANDBOX_MESSAGE(podsandbox::containerd_client::Tick)

namespace podsandbox::containerd_client {

namespace {

constexpr const char* component = "containerd";

/// Before events are asked for again, after that failed.
constexpr auto event_retry = std::chrono::seconds(1);

using RegistrarPort = RunsTasks::extend<caf::reacts_to<Tick>>;

class Registrar {
 public:
  using Self = RegistrarPort::stateful_pointer<Registrar>;

  explicit Registrar(Self self) : self_(self) {}
  Registrar(const Registrar&) = delete;
  Registrar& operator=(const Registrar&) = delete;
  ~Registrar() {
    if (desk_ != nullptr) desk_->caller_gone(reading_);  // nobody else ends a call that waits for events
  }

  RegistrarPort::behavior_type start(CallDesk& desk, std::shared_ptr<Connection> containerd,
                                     RegistrarSettings settings) {
    desk_ = &desk;
    containerd_ = std::move(containerd);
    settings_ = std::move(settings);
    plan_.emplace(settings_.plan);
    self_->set_error_handler([this](const caf::error& error) {
      log::error(component, {}, "unexpected error message: " + self_->system().render(error));
    });
    read_events(0);
    go_on();
    return {
        [this](const RunHere& here) {
          here.task();
          go_on();
        },
        [this](const Tick& tick) {
          if (tick.number != ticks_) return;
          timer_.reset();
          go_on();
        },
    };
  }

  const char* name = "registrar";

 private:
  using Clock = MarkerPlan::Clock;

  template <class T>
  std::function<void(Result<T>)> here(std::function<void(Result<T>)> handle) {
    return run_at<T>(caf::weak_actor_ptr(self_->ctrl()), std::move(handle));
  }

  Clock::time_point now() const { return self_->clock().now(); }

  // -- what happens to sandboxes ------------------------------------------------

  void read_events(std::uint64_t from) {
    reading_ = desk_->submit(
        ReadEvents{from},
        here<EventBatch>([this, from](const Result<EventBatch>& batch) { events_read(from, batch); }));
  }

  void events_read(std::uint64_t from, const Result<EventBatch>& batch) {
    if (batch) {
      if (from == 0) plan_->compare_soon();  // of what was before there are no events
      for (const auto& event : batch->events) heard(*event);
      return read_events(batch->next);
    }
    if (batch.error().kind == ErrorKind::out_of_range) return read_events(0);
    self_->delayed_send(self_, event_retry, RunHere{[this] { read_events(0); }});
  }

  void heard(const Event& event) {
    if (event.kind == EventKind::started) plan_->sandbox_started(event.sandbox_id, now());
    if (event.kind == EventKind::removed) plan_->sandbox_removed(event.sandbox_id, now());
  }

  // -- what is to be done -------------------------------------------------------

  void go_on() {
    for (const auto& step : plan_->next(now())) take(step);
    seen_.reset();
    if (!plan_->connected()) told_.clear();
    for (const auto& note : plan_->take_notes()) log::write(note.level, component, note.sandbox, note.text);
    const auto due = plan_->due();
    if (!due || (timer_ && *timer_ <= *due)) return;
    timer_ = due;
    self_->delayed_send(self_, std::max(*due - now(), Clock::duration(0)), Tick{++ticks_});
  }

  void take(const Step& step) {
    switch (step.kind) {
      case StepKind::compare:
        return compare();
      case StepKind::check_settings:
        return check_settings();
      case StepKind::look:
        return look(step.id);
      case StepKind::create:
        return create(step.id);
      case StepKind::inspect:
        return inspect(step.id);
      case StepKind::remove:
        return remove(step.id);
    }
  }

  void look(const std::string& id) {
    desk_->submit(GetSandbox{id}, here<SandboxListing>([this, id](const Result<SandboxListing>& found) {
                    if (found) {
                      seen_ = found->view;
                      plan_->looked(id, needs_marker(*seen_), now());
                    } else if (found.error().kind == ErrorKind::not_found) {
                      plan_->looked(id, false, now());
                    } else {
                      plan_->looked(id, tl::unexpected<Error>(found.error()), now());
                    }
                  }));
  }

  /// Follows upon a look, in the same turn.
  void create(const std::string& id) {
    create_container(*containerd_, make_marker(*seen_, settings_.owner),
                     here<Done>([this, id](const Result<Done>& done) { plan_->created(id, done, now()); }));
  }

  void inspect(const std::string& id) {
    get_container(*containerd_, id, here<Container>([this, id](const Result<Container>& container) {
      plan_->inspected(id, container.map(is_marker), now());
    }));
  }

  void remove(const std::string& id) {
    remove_container(*containerd_, id, here<Done>([this, id](const Result<Done>& done) {
      plan_->record_removed(id, done, now());
    }));
  }

  // -- the full comparison --------------------------------------------------------

  void compare() {
    list_markers(*containerd_,
                 here<std::vector<Container>>([this](const Result<std::vector<Container>>& markers) {
                   if (!markers) return plan_->compared(tl::unexpected<Error>(markers.error()), now());
                   Comparison found;
                   for (const auto& marker : *markers) {
                     auto& ids = owner_of(marker) == settings_.owner ? found.markers : found.other_markers;
                     ids.insert(marker.id());
                   }
                   list_sandboxes(std::move(found));
                 }));
  }

  /// After the markers, so that the sandbox of a marker that was just made is there.
  void list_sandboxes(Comparison found) {
    desk_->submit(
        ListSandboxes{},
        here<std::vector<SandboxListing>>(
            [this, found = std::move(found)](const Result<std::vector<SandboxListing>>& rows) mutable {
              if (!rows) return plan_->comparison_put_off(now());
              for (const auto& row : *rows) {
                if (needs_marker(row.view)) found.wanted.insert(row.view.spec->id);
              }
              plan_->compared(std::move(found), now());
            }));
  }

  void check_settings() {
    cri_config(*containerd_, here<std::string>([this](const Result<std::string>& config) {
      if (config) {
        auto lines = compare_cri_settings(*config, settings_.cri);
        if (lines != told_) {
          for (const auto& line : lines) log::warn(component, {}, line);
        }
        told_ = std::move(lines);
        return plan_->settings_checked(Done{}, now());
      }
      const bool without_cri = config.error().kind == ErrorKind::unimplemented;
      plan_->settings_checked(without_cri ? Result<Done>(Done{}) : tl::unexpected<Error>(config.error()),
                              now());
    }));
  }

  Self self_;
  CallDesk* desk_ = nullptr;
  std::shared_ptr<Connection> containerd_;
  RegistrarSettings settings_;
  std::optional<MarkerPlan> plan_;
  CallId reading_ = 0;
  std::optional<SandboxView> seen_;  // in this turn
  std::vector<std::string> told_;    // of CRI's settings, since containerd came
  std::optional<Clock::time_point> timer_;
  std::uint64_t ticks_ = 0;
};

}  // namespace

caf::strong_actor_ptr spawn_registrar(caf::actor_system& system, CallDesk& desk,
                                      std::shared_ptr<Connection> containerd, RegistrarSettings settings) {
  return caf::actor_cast<caf::strong_actor_ptr>(system.spawn(
      [&desk](Registrar::Self self, std::shared_ptr<Connection> c, RegistrarSettings s) {
        return self->state.start(desk, std::move(c), std::move(s));
      },
      std::move(containerd), std::move(settings)));
}

}  // namespace podsandbox::containerd_client

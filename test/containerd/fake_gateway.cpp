#include "test/containerd/fake_gateway.hpp"

#include <algorithm>
#include <caf/actor_cast.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <utility>

namespace podsandbox::test {

namespace {

template <class Request>
auto refuse() {
  return
      [](const Call<Request>& call) { call.reply.fail(ErrorKind::unimplemented, "nobody asks this here"); };
}

}  // namespace

void FakeGateway::spawn(caf::actor_system& system) {
  const auto actor =
      system.spawn([fake = shared_from_this()](GatewayPort::pointer) -> GatewayPort::behavior_type {
        return {
            refuse<CreateSandbox>(),
            refuse<StartSandbox>(),
            refuse<StopSandbox>(),
            refuse<WaitSandbox>(),
            refuse<SandboxStatus>(),
            [fake](const Call<ShutdownSandbox>& call) { fake->shut_down(call); },
            refuse<SandboxMetrics>(),
            refuse<UpdateSandbox>(),
            [fake](const Call<ListSandboxes>& call) { fake->list(call); },
            [fake](const Call<GetSandbox>& call) { fake->get(call); },
            [fake](const CallerGone& gone) { fake->gone(gone.call); },
            [fake](const Call<ReadEvents>& call) { fake->read(call); },
            [](const Ping&) { return Pong{}; },
        };
      });
  system.registry().put(names::gateway, caf::actor_cast<caf::strong_actor_ptr>(actor));
}

void FakeGateway::change(const std::string& id, const SandboxView* sandbox, EventKind kind) {
  Event event;
  event.kind = kind;
  event.sandbox_id = id;
  {
    const std::lock_guard lock(mutex_);
    if (sandbox != nullptr) {
      sandboxes_[id] = *sandbox;
    } else {
      sandboxes_.erase(id);
    }
    events_.push_back(std::make_shared<Event>(std::move(event)));
    if (unseen_) return;
  }
  answer_waiting();
}

void FakeGateway::lose_events(const std::function<void()>& happens) {
  {
    const std::lock_guard lock(mutex_);
    unseen_ = true;
  }
  happens();
  {
    const std::lock_guard lock(mutex_);
    unseen_ = false;
    first_ += events_.size();
    events_.clear();
  }
  answer_waiting();
}

void FakeGateway::answer_waiting() {
  std::vector<Call<ReadEvents>> calls;
  {
    const std::lock_guard lock(mutex_);
    calls.swap(waiting_);
  }
  for (const auto& call : calls) read(call);
}

void FakeGateway::read(const Call<ReadEvents>& call) {
  std::unique_lock lock(mutex_);
  const auto from = call.request.from;
  const auto next = first_ + events_.size();
  Result<EventBatch> result = EventBatch{{}, next};
  if (from != 0 && from < first_) {
    result = failure(ErrorKind::out_of_range, "no longer kept");
  } else if (from == next) {
    waiting_.push_back(call);
    return;
  } else if (from != 0) {
    result->events.assign(events_.begin() + static_cast<std::ptrdiff_t>(from - first_), events_.end());
  }
  lock.unlock();
  call.reply(std::move(result));
}

void FakeGateway::get(const Call<GetSandbox>& call) {
  std::unique_lock lock(mutex_);
  const auto it = sandboxes_.find(call.request.sandbox_id);
  Result<SandboxListing> result = failure(ErrorKind::not_found, "no such sandbox");
  if (it != sandboxes_.end()) result = SandboxListing{it->second, 1, {}, {}};
  lock.unlock();
  call.reply(std::move(result));
}

void FakeGateway::list(const Call<ListSandboxes>& call) {
  call.reply(rows());
}

void FakeGateway::shut_down(const Call<ShutdownSandbox>& call) {
  std::unique_lock lock(mutex_);
  ++shutdowns_[call.request.sandbox_id];
  const auto error = shutdown_error_;
  lock.unlock();
  if (error) return call.reply(tl::unexpected<Error>(*error));
  remove(call.request.sandbox_id);
  call.reply(Done{});
}

std::vector<SandboxListing> FakeGateway::rows() {
  const std::lock_guard lock(mutex_);
  ++lists_;
  std::vector<SandboxListing> all;
  for (const auto& [id, view] : sandboxes_) all.push_back(SandboxListing{view, 1, {}, {}});
  return all;
}

void FakeGateway::gone(CallId id) {
  const std::lock_guard lock(mutex_);
  std::erase_if(waiting_, [&](const auto& call) {
    if (call.id == id) call.reply.fail(ErrorKind::cancelled, "the client went away");
    return call.id == id;
  });
}

std::set<std::string> FakeGateway::ids() const {
  const std::lock_guard lock(mutex_);
  std::set<std::string> all;
  for (const auto& [id, view] : sandboxes_) all.insert(id);
  return all;
}

std::size_t FakeGateway::shutdowns(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto it = shutdowns_.find(id);
  return it == shutdowns_.end() ? 0 : it->second;
}

void FakeGateway::fail_shutdowns(std::optional<Error> error) {
  const std::lock_guard lock(mutex_);
  shutdown_error_ = std::move(error);
}

std::size_t FakeGateway::lists() const {
  const std::lock_guard lock(mutex_);
  return lists_;
}

std::size_t FakeGateway::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_.size();
}

}  // namespace podsandbox::test

#include "test/conformance/port_user.hpp"

#include <caf/exit_reason.hpp>
#include <caf/send.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "test/linux/eventually.hpp"

namespace podsandbox::test {

PortUser::PortUser(std::function<RuntimePort(caf::actor_system&)> make) : make_(std::move(make)) {
  config_.set("scheduler.policy", caf::atom("sharing"));
  config_.set("scheduler.max-threads", std::size_t{2});
  system_ = std::make_unique<caf::actor_system>(config_);
  port_ = make_(*system_);
  subscribe();
}

PortUser::~PortUser() {
  caf::anon_send_exit(port_, caf::exit_reason::kill);
  caf::anon_send_exit(subscriber_, caf::exit_reason::kill);
  port_ = nullptr;
  subscriber_ = nullptr;
}

void PortUser::subscribe() {
  if (subscriber_) caf::anon_send_exit(subscriber_, caf::exit_reason::kill);
  exits_ = std::make_shared<Exits>();
  const auto behave = [exits = exits_]() -> runtime::ExitSubscriber::behavior_type {
    return {[exits](const runtime::Exited& exited) {
      const std::lock_guard lock(exits->mutex);
      if (exited.process.exit) exits->seen[exited.process.id] = *exited.process.exit;
    }};
  };
  subscriber_ = system_->spawn(behave);
  caf::anon_send(port_, runtime::Subscribe{subscriber_});
}

std::optional<Exit> PortUser::exit_of(const std::string& id) {
  std::optional<Exit> exit;
  eventually([&] {
    const std::lock_guard lock(exits_->mutex);
    const auto it = exits_->seen.find(id);
    if (it != exits_->seen.end()) exit = it->second;
    return exit.has_value();
  });
  return exit;
}

void PortUser::replace_actor() {
  caf::scoped_actor waiter(*system_);
  caf::anon_send_exit(port_, caf::exit_reason::kill);
  waiter->wait_for(port_);
  port_ = make_(*system_);
}

tl::unexpected<Error> PortUser::no_answer(const caf::error& error) const {
  return failure(ErrorKind::internal, "no answer: " + system_->render(error));
}

}  // namespace podsandbox::test

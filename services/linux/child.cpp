#include "services/linux/child.hpp"

#include <cerrno>
#include <utility>

#include "services/host/process_facts.hpp"

namespace podsandbox::linux_runtime {

Exit exit_of(const KeeperReply& reply) {
  return {host::exit_status(reply.wait_status),
          Time(std::chrono::duration_cast<Time::duration>(std::chrono::nanoseconds(reply.exited_ns)))};
}

Child::Child(const Context& context, Identity identity, host::UniqueFd pidfd)
    : context_(context), identity_(std::move(identity)), pidfd_(std::move(pidfd)) {}

Child::~Child() {
  if (watch_) context_.loop.unwatch(*watch_);
}

std::shared_ptr<Child> Child::make(const Context& context, Identity identity, host::UniqueFd pidfd) {
  std::shared_ptr<Child> child(new Child(context, std::move(identity), std::move(pidfd)));
  child->watch();
  return child;
}

std::shared_ptr<Child> Child::make(const Context& context, KeeperAnswer&& answer) {
  const KeeperReply& reply = answer.reply;
  const auto stat = host::read_stat(reply.pid);  // it cannot be another's: the keeper has not reaped it
  auto child = make(context, {reply.id, reply.pid, stat ? stat->start_time : 0, reply.created_ns},
                    std::move(answer.pidfd));
  if (reply.state == keeper_dead) child->ended(exit_of(reply));
  return child;
}

// The watch keeps nothing alive: it goes with the child.
void Child::watch() {
  if (!pidfd_) return;
  watch_ = context_.loop.watch(pidfd_.get(), [this] {
    context_.loop.unwatch(*std::exchange(watch_, std::nullopt));
    ask_how_it_ended();
  });
}

void Child::ask_how_it_ended() {
  context_.keeper.look(identity_.id, [self = shared_from_this()](Result<KeeperAnswer>&& answer) {
    if (answer && answer->reply.state == keeper_dead && answer->reply.pid == self->identity_.pid) {
      return self->ended(exit_of(answer->reply));
    }
    // Its keeper has died, and somebody else is its parent now.
    const auto status =
        host::wait_status_of_other(self->pidfd_.get(), self->identity_.pid, self->identity_.start_time);
    self->ended({status ? host::exit_status(*status) : unknown_exit_code, std::chrono::system_clock::now()});
  });
}

runtime::Process Child::describe() const {
  return {identity_.id, static_cast<std::uint32_t>(identity_.pid), identity_.start_time, exit_};
}

void Child::set_started() {
  if (std::exchange(started_, true)) return;
  if (exit_) context_.exited(describe());
}

int Child::kill(int signal) const {
  return exit_ ? ESRCH : host::send_signal(pidfd_.get(), signal);
}

void Child::when_ended(std::function<void()> task) {
  if (exit_) return task();
  at_end_.push_back(std::move(task));
}

void Child::ended(const Exit& exit) {
  if (exit_) return;
  exit_ = exit;
  if (started_) context_.exited(describe());
  for (const auto& task : std::exchange(at_end_, {})) task();
}

}  // namespace podsandbox::linux_runtime

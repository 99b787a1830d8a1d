#include "services/linux/shims/pod_shim.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "messages/failpoint.hpp"
#include "messages/log.hpp"
#include "services/host/aside.hpp"
#include "services/host/process_facts.hpp"
#include "services/host/system_error.hpp"
#include "services/linux/shims/pod_containers.hpp"
#include "services/linux/shims/shim_process.hpp"
#include "services/linux/shims/shim_socket.hpp"

namespace podsandbox::linux_runtime {

namespace {

using Clock = std::chrono::steady_clock;

constexpr auto first_lost_pause = std::chrono::seconds(1);
constexpr auto longest_lost_pause = std::chrono::minutes(1);
constexpr auto list_pause = std::chrono::milliseconds(500);

void log_info(const std::string& id, const std::string& message) {
  log::info("shims", id, message);
}

void log_warn(const std::string& id, const std::string& message) {
  log::warn("shims", id, message);
}

host::UniqueFd copy_of(const host::UniqueFd& fd) {
  return host::UniqueFd(fd ? fcntl(fd.get(), F_DUPFD_CLOEXEC, 0) : -1);
}

}  // namespace

PodShim::PodShim(const Context& context, ShimLogs& logs, std::string id)
    : context_(context),
      logs_(logs),
      id_(std::move(id)),
      place_(shim_place(context.settings.state_dir, id_)),
      containers_(containers_of(context.records, id_)),
      plan_(context.settings.shims) {}

PodShim::~PodShim() {
  if (listener_watch_) context_.loop.unwatch(*listener_watch_);
  if (process_watch_) context_.loop.unwatch(*process_watch_);
  for (auto* timer : {&timer_, &lost_timer_, &end_timer_}) cancel(*timer);
}

Result<Done> PodShim::open() {
  failpoint("shim's bundle is made");
  if (mkdir(place_.bundle.c_str(), 0700) != 0 && errno != EEXIST) {
    return failure(ErrorKind::unavailable, host::because("making " + place_.bundle));
  }
  if (auto listens = listen(); !listens) return listens;
  perform(plan_.begin());
  return Done{};
}

void PodShim::take_up(FormerShims& former) {
  take_kept();
  if (!former.had(id_)) return perform(plan_.begin());
  auto running = former.find(id_, context_.host.boot_id);
  if (!running) {
    log_warn(id_, "its shim has ended while nobody looked after it");
    remove_shim_record(place_);
    return perform(plan_.begin_with_ended());
  }
  log_info(id_, "its shim, process " + std::to_string(running->pid) + ", is taken up again");
  if (const auto read = logs_.read(id_, place_.log); !read) log_warn(id_, read.error().message);
  watch_process(std::move(*running));
  perform(plan_.begin_with_running());
}

void PodShim::perform(const ShimPlan::Actions& actions) {
  for (const auto& action : actions) {
    if (!perform(action)) return perform(plan_.listen_failed());
  }
}

// False: there is no socket.
bool PodShim::perform(const ShimAction& action) {
  switch (action.step) {
    case ShimStep::listen:
      if (const auto listens = listen(); !listens) {
        log::error("shims", id_, listens.error().message + "; it is tried again");
        return false;
      }
      return true;
    case ShimStep::watch:
      return watch_socket();
    case ShimStep::unwatch:
      unwatch_socket();
      return true;
    case ShimStep::start:
      start();
      return true;
    case ShimStep::refuse:
      refuse();
      return true;
    case ShimStep::list_lost:
      list_lost();
      return true;
    case ShimStep::set_timer:
      set_timer(action.delay);
      return true;
    case ShimStep::cancel_timer:
      cancel(timer_);
      return true;
    case ShimStep::end:
      end_now();
      return true;
    case ShimStep::forget:
      break;  // by whoever asked for the end
  }
  return true;
}

// What waits in it is served.
void PodShim::take_kept() {
  auto kept = context_.descriptors.take(place_.kept);
  if (!kept) return;
  if (const auto listens = check_listens_at(kept, place_.socket); !listens) {
    log_warn(id_, "what was kept of its socket is of no use: " + listens.error().message);
    return context_.descriptors.forget(place_.kept);
  }
  listener_ = std::move(kept);
}

Result<Done> PodShim::listen() {
  if (listener_) return Done{};
  auto listener = listen_for_shim(place_.socket);
  if (!listener) return tl::unexpected<Error>(listener.error());
  listener_ = std::move(*listener);
  context_.descriptors.keep(place_.kept, listener_);
  return Done{};
}

// It only looks: whom the connection is meant for accepts it.
bool PodShim::watch_socket() {
  listener_watch_ = context_.loop.watch(listener_.get(), [this] { perform(plan_.connection()); });
  if (listener_watch_) return true;
  log::error("shims", id_, host::because("watching its socket"));
  listener_.reset();
  return false;
}

void PodShim::unwatch_socket() {
  if (listener_watch_) context_.loop.unwatch(*std::exchange(listener_watch_, std::nullopt));
}

void PodShim::start() {
  if (auto read = logs_.read(id_, place_.log); !read) {
    return started(tl::unexpected<Error>(std::move(read.error())));
  }
  auto order = std::make_shared<ShimOrder>();
  order->id = id_;
  order->containerd_address = context_.settings.containerd_address;
  order->boot_id = context_.host.boot_id;
  order->place = place_;
  order->listener = copy_of(listener_);
  host::run_aside(
      context_.loop,
      [order, records = context_.records]() -> Result<ShimProcess> {
        const auto wishes = shim_wishes(records, order->id);
        order->runtime_type = wishes.runtime_type;
        order->cgroup = wishes.cgroup;
        return start_shim(*order);
      },
      [self = shared_from_this()](Result<ShimProcess>&& shim) { self->started(std::move(shim)); });
}

void PodShim::started(Result<ShimProcess>&& shim) {
  if (!shim) {
    log::error("shims", id_, "starting its shim: " + shim.error().message);
    return perform(plan_.start_failed());
  }
  log_info(id_, "its shim is started: process " + std::to_string(shim->pid));
  watch_process(std::move(*shim));
  perform(plan_.started(Clock::now()));
}

void PodShim::watch_process(ShimProcess shim) {
  process_ = std::move(shim);
  process_watch_ = context_.loop.watch(process_->pidfd.get(), [this] { process_ended(); });
  if (!process_watch_) log::error("shims", id_, host::because("watching its shim"));
}

void PodShim::process_ended() {
  if (process_watch_) context_.loop.unwatch(*std::exchange(process_watch_, std::nullopt));
  const auto process = std::exchange(process_, std::nullopt);
  const bool failed = reap_shim(*process);
  remove_shim_record(place_);
  const std::string what = "its shim, process " + std::to_string(process->pid) + ", has ended";
  if (failed) {
    log_warn(id_, what + " otherwise than by being told to");
  } else {
    log_info(id_, what);
  }
  perform(plan_.ended(Clock::now(), failed, has_waiting(listener_)));
}

void PodShim::refuse() {
  const auto count = refuse_waiting(listener_);
  if (count > 0) log_warn(id_, "no shim serves: " + std::to_string(count) + " connections to it are closed");
}

void PodShim::list_lost() {
  host::run_aside(
      context_.loop, [list = containers_.list] { return list(); },
      [self = shared_from_this(), number = ++listings_](Result<std::vector<std::string>>&& lost) {
        if (number == self->listings_) self->lost_listed(lost);
      });
}

void PodShim::lost_listed(const Result<std::vector<std::string>>& lost) {
  if (!lost) {
    // The plan says how long: later there are containers of another shim.
    log_warn(id_, "which containers its shim has left is not known: " + lost.error().message);
    cancel(lost_timer_);
    lost_timer_ = context_.loop.after(list_pause, [this, number = listings_] {
      lost_timer_.reset();
      if (number == listings_) list_lost();
    });
    return;
  }
  if (!lost->empty()) {
    for (const auto& container : *lost) {
      log_warn(id_, "its shim has ended and left container " + container + ": that is removed");
      lost_.insert(container);
    }
    remove_lost();
  }
  perform(plan_.lost_listed());
}

void PodShim::remove_lost() {
  if (lost_.empty() || std::exchange(removes_lost_, true)) return;
  cancel(lost_timer_);
  const std::vector<std::string> all(lost_.begin(), lost_.end());
  host::run_aside(
      context_.loop,
      [remove = containers_.remove, all, deadline = context_.settings.deadline] {
        return remove(all, deadline);
      },
      [self = shared_from_this(), all](Result<Done>&& removed) {
        self->removes_lost_ = false;
        if (removed) {
          for (const auto& container : all) self->lost_.erase(container);
        }
        self->lost_removed(removed);
      });
}

void PodShim::lost_removed(const Result<Done>& removed) {
  if (removed) {
    log_info(id_, "the containers that its shim has left are removed");
    lost_pause_ = {};
    return remove_lost();  // more may have come
  }
  lost_pause_ = std::clamp<ShimTimes::Duration>(lost_pause_ * 2, first_lost_pause, longest_lost_pause);
  log_warn(id_, "removing the containers that its shim has left: " + removed.error().message +
                    "; it is tried again");
  lost_timer_ = context_.loop.after(lost_pause_, [this] {
    lost_timer_.reset();
    remove_lost();
  });
}

void PodShim::set_timer(ShimTimes::Duration delay) {
  cancel(timer_);
  timer_ = context_.loop.after(delay, [this] {
    timer_.reset();
    ++listings_;  // the answer that did not come in time
    perform(plan_.timer(has_waiting(listener_)));
  });
}

void PodShim::cancel(std::optional<host::Loop::TimerId>& timer) {
  if (timer) context_.loop.cancel(*std::exchange(timer, std::nullopt));
}

void PodShim::end(std::function<void(Result<Done>)> done) {
  if (plan_.over()) return done(forget());  // something could not be removed
  end_answer_ = std::move(done);
  end_timer_ = context_.loop.after(context_.settings.deadline / 2, [this] {
    end_timer_.reset();
    plan_.end_given_up();
    std::exchange(end_answer_,
                  nullptr)(failure(ErrorKind::unavailable, "its shim's start is not over, it hangs"));
  });
  perform(plan_.end_asked());
}

void PodShim::end_now() {
  cancel(end_timer_);
  ++listings_;
  if (!process_ && !FormerShims(context_.settings.state_dir).had(id_)) return ended(Done{});
  auto pidfd = std::make_shared<host::UniqueFd>(process_ ? copy_of(process_->pidfd) : host::UniqueFd());
  host::run_aside(
      context_.loop,
      [place = place_, pidfd, containers = containers_, deadline = context_.settings.deadline / 2] {
        return end_shim_of_pod(place, *pidfd, containers, deadline);
      },
      [self = shared_from_this()](Result<Done>&& result) { self->ended(result); });
}

void PodShim::ended(const Result<Done>& result) {
  const auto answer = std::exchange(end_answer_, nullptr);
  if (!result) {
    perform(plan_.end_failed());
    return answer(result);
  }
  if (process_) process_ended();  // seen elsewhere first
  perform(plan_.end_done());
  answer(forget());
}

// The bundle last: by it the next life knows that there is something.
Result<Done> PodShim::forget() {
  cancel(timer_);
  cancel(lost_timer_);
  lost_.clear();
  listener_.reset();
  context_.descriptors.forget(place_.kept);
  logs_.forget(id_);
  failpoint("shim's socket goes");
  if (unlink(place_.socket.c_str()) != 0 && errno != ENOENT) {
    return failure(ErrorKind::unavailable, host::because("removing " + place_.socket));
  }
  unlink(draft_of(place_.socket).c_str());
  failpoint("shim's bundle goes");
  std::error_code error;
  std::filesystem::remove_all(place_.bundle, error);
  if (error) return failure(ErrorKind::unavailable, "removing " + place_.bundle + ": " + error.message());
  failpoint("shim's bundle is gone");
  return Done{};
}

}  // namespace podsandbox::linux_runtime

#include "services/linux/sweep.hpp"

#include <fcntl.h>

#include <algorithm>
#include <sstream>

#include "messages/log.hpp"
#include "services/host/aside.hpp"
#include "services/host/marked_cgroups.hpp"
#include "services/host/pod_files.hpp"
#include "services/linux/sandbox_cgroup.hpp"
#include "services/linux/shims/shim_record.hpp"
#include "services/linux/shims/shims.hpp"

namespace podsandbox::linux_runtime {

namespace {

using std::chrono::nanoseconds;
using Clock = std::chrono::steady_clock;

// Looking may take this part of a core's time, or of a quick second look's.
constexpr int idle_share = 200;
constexpr int idle_share_in_doubt = 10;
constexpr nanoseconds second_look = std::chrono::seconds(1);

void add_directories(FoundTraces& found, const Settings& settings) {
  for (const std::string& base : {settings.cri.root_dir, settings.cri.state_dir}) {
    const std::string sandboxes = base + "/sandboxes";
    const host::UniqueFd directory(open(sandboxes.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory) continue;
    for (const auto& id : host::marked_pod_directories(directory.get(), settings.owner())) {
      found.emplace(Trace{id, TraceKind::directory, sandboxes + "/" + id}, false);
    }
  }
}

void add_shims(FoundTraces& found, const Settings& settings) {
  for (const auto& id : FormerShims(settings.state_dir).ids()) {
    found.emplace(Trace{id, TraceKind::shim, shim_place(settings.state_dir, id).bundle}, false);
  }
}

std::string describe(const Trace& trace) {
  switch (trace.kind) {
    case TraceKind::cgroup:
      return "cgroup " + trace.place;
    case TraceKind::directory:
      return "directory " + trace.place;
    case TraceKind::shim:
      break;
  }
  return "the shim of " + trace.place;
}

std::string seconds(nanoseconds time) {
  std::ostringstream text;
  text << std::chrono::duration<double>(time).count() << " s";
  return text.str();
}

Result<Done> remove_trace(const CgroupMakers& makers, const Settings& settings, const Trace& trace) {
  if (trace.kind == TraceKind::cgroup) {
    // Never asked of systemd: it would end whatever runs in a scope of that name.
    if (!is_scope(trace.place, trace.id))
      return host::remove_cgroup(makers.mounts, trace.place, makers.owner);
    return failure(ErrorKind::unavailable, "systemd removes a scope when its processes have ended");
  }
  return host::remove_pod_files(settings.cri, settings.owner(), trace.id, host::PodFiles::marked);
}

}  // namespace

Sweep::Sweep(const Context& context, Sandboxes& sandboxes)
    : context_(context), sandboxes_(sandboxes), plan_(context.settings.sweep) {}

void Sweep::begin() {
  look();
}

Result<Sweep::Look> Sweep::look_around(const CgroupMakers& makers, const Settings& settings,
                                       const Known& known) {
  const auto began = Clock::now();
  const auto cgroups = host::find_marked_cgroups(makers.mounts, makers.owner);
  Look look;
  look.complete = cgroups.complete;
  Known above;  // those go with the last one in them
  for (const auto& path : cgroups.paths) above.add_cgroup(path.substr(0, path.rfind('/')));
  for (const auto& path : cgroups.paths) {
    if (above.cgroups.contains(path)) continue;
    const Trace trace{named_after(path), TraceKind::cgroup, path};
    look.found.emplace(trace, !known.knows(trace) && host::has_processes(makers.mounts, path));
  }
  add_directories(look.found, settings);
  add_shims(look.found, settings);
  look.took = Clock::now() - began;
  return look;
}

void Sweep::look() {
  host::run_aside(
      context_.loop,
      [makers = context_.cgroups, settings = context_.settings, known = known()] {
        return look_around(makers, settings, known);
      },
      [this](Result<Look>&& look) {
        if (look) looked(*look);
        const auto took = look ? look->took : nanoseconds(0);
        const auto& settings = context_.settings.sweep;
        const auto pause = plan_.has_doubts() ? std::max(std::min(second_look, settings.look_every),
                                                         took * idle_share_in_doubt)
                                              : std::max(settings.look_every, took * idle_share);
        context_.loop.after(pause, [this] { this->look(); });
      });
}

void Sweep::looked(const Look& look) {
  if (!look.complete && !std::exchange(told_incomplete_, true)) {
    log::warn("linux", "", "there are so many cgroups that not all are looked at for what we left behind");
  }
  std::erase_if(failures_, [&](const auto& entry) { return !look.found.contains(entry.first); });
  const auto findings = plan_.looked(look.found, known(), Clock::now());
  for (const auto& trace : findings.news) tell(trace, look.found.at(trace));
  for (const auto& trace : findings.overdue) remove(trace);
}

void Sweep::tell(const Trace& trace, bool in_use) const {
  const auto& settings = context_.settings.sweep;
  std::string text = describe(trace) + " was made by us, and belongs to no sandbox that is known. ";
  if (settings.dry_run) {
    text += "It stays, as orphans.dry_run says";
  } else if (in_use) {
    text += "It has processes: it is removed when they have ended";
  } else {
    text += "It is removed if that is still so in " + seconds(settings.remove_after) +
            "; orphans.dry_run = true keeps it";
  }
  log::warn("linux", trace.id, text);
}

// In the turn of the sandbox that may be called so: one of that name may be started just now.
void Sweep::remove(const Trace& trace) {
  if (!under_way_.insert(trace).second) return;
  const auto sandbox = sandboxes_.get(trace.id);
  const auto run = [this, trace](const std::function<void()>& done) {
    if (known().knows(trace)) {
      under_way_.erase(trace);
      return done();
    }
    const auto then = [this, trace, done](const Result<Done>& result) {
      removed(trace, result);
      done();
    };
    if (trace.kind == TraceKind::shim) return context_.shims.end(trace.id, then);
    host::run_aside(
        context_.loop,
        [makers = context_.cgroups, settings = context_.settings, trace] {
          return remove_trace(makers, settings, trace);
        },
        then);
  };
  sandboxes_.add_turn(sandbox, {run, nullptr});
}

void Sweep::removed(const Trace& trace, const Result<Done>& result) {
  under_way_.erase(trace);
  if (result) {
    failures_.erase(trace);
    log::warn("linux", trace.id, "removed: " + describe(trace) + ", which belonged to no sandbox");
    return;
  }
  auto& told = failures_[trace];
  if (std::exchange(told, result.error().message) == result.error().message) return;
  log::warn("linux", trace.id,
            describe(trace) + ", which belongs to no sandbox, stays for now: " + result.error().message);
}

Known Sweep::known() const {
  Known known;
  for (const auto& sandbox : sandboxes_.all()) {
    if (!sandbox->empty()) known.ids.insert(sandbox->id);
    if (!sandbox->cgroup.empty()) known.add_cgroup(sandbox->cgroup);
  }
  return known;
}

}  // namespace podsandbox::linux_runtime

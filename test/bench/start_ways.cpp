#include "test/bench/start_ways.hpp"

#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <array>
#include <future>
#include <stdexcept>
#include <string>
#include <utility>

#include "services/host/unique_fd.hpp"
#include "services/linux/linux_runtime.hpp"
#include "test/bench/at_once.hpp"
#include "test/bench/bare_protocol.hpp"
#include "test/integration/daemon_process.hpp"
#include "test/linux/specs.hpp"

extern char** environ;

namespace podsandbox::bench {

namespace {

namespace controller = test::controller;
using host::UniqueFd;
using linux_runtime::LinuxRuntime;

const std::string programs = PODSANDBOX_BIN;

void check(bool ok, const std::string& what) {
  if (!ok) throw std::runtime_error(what);
}

class BareStart final : public StartWay {
 public:
  BareStart() {
    std::array<int, 2> ends{};
    check(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) == 0, "socketpair");
    requests_.reset(ends[0]);
    const UniqueFd programs_end(ends[1]);
    const std::string program = programs + "/podsandbox-bench-bare";
    const std::string pause = programs + "/podsandbox-pause";
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, programs_end.get(), 0);
    std::array<const char*, 3> arguments{program.c_str(), pause.c_str(), nullptr};
    const int error =
        posix_spawn(&pid_, program.c_str(), &actions, nullptr, const_cast<char**>(arguments.data()), environ);
    posix_spawn_file_actions_destroy(&actions);
    check(error == 0, "cannot run " + program);
  }

  ~BareStart() override {
    requests_.reset();
    waitpid(pid_, nullptr, 0);
  }

  std::vector<Nanoseconds> start(unsigned count) override {
    check(count > 0 && count <= bare_most_at_once, "too many at once");
    const auto reply = ask(count);
    return {reply.took_ns, reply.took_ns + count};
  }

  void end_all() override { ask(0); }

 private:
  BareReply ask(unsigned count) {
    const BareRequest request{count};
    BareReply reply{};
    check(send(requests_.get(), &request, sizeof request, MSG_NOSIGNAL) == sizeof request &&
              recv(requests_.get(), &reply, sizeof reply, 0) == sizeof reply,
          "podsandbox-bench-bare ended");
    check(reply.error == 0, "podsandbox-bench-bare: errno " + std::to_string(reply.error));
    return reply;
  }

  UniqueFd requests_;
  pid_t pid_ = -1;
};

class RuntimeStart final : public StartWay {
 public:
  RuntimeStart() {
    linux_runtime::Settings settings;
    settings.state_dir = directory_.path() / "state";
    settings.data_dir = directory_.path() / "data";
    settings.keeper_program = programs + "/podsandbox-keeper";
    settings.pause_program = programs + "/podsandbox-pause";
    settings.cri.root_dir = directory_.path() / "cri-root";
    settings.cri.state_dir = directory_.path() / "cri-state";
    auto opened = LinuxRuntime::open(settings);
    check(opened.has_value(), "the linux runtime does not open");
    runtime_ = std::move(*opened);
  }

  ~RuntimeStart() override {
    try {
      end_all();
    } catch (const std::exception&) {
      // What cannot be ended now cannot be ended later either.
    }
  }

  std::vector<Nanoseconds> start(unsigned count) override {
    std::vector<SpecPtr> specs;
    for (unsigned i = 0; i < count; ++i) {
      specs.push_back(test::with_hostname("runtime-" + std::to_string(++last_id_), "pod"));
      ids_.push_back(specs.back()->id);
    }
    std::vector<std::promise<Nanoseconds>> done(count);
    for (unsigned i = 0; i < count; ++i) {
      runtime_->start(specs[i], [&promise = done[i], began = Clock::now()](Result<Started> started) {
        const auto took = Clock::now() - began;
        promise.set_value(started ? took : failed);
      });
    }
    return results(done);
  }

  void end_all() override {
    std::vector<std::promise<Nanoseconds>> done(ids_.size());
    for (std::size_t i = 0; i < ids_.size(); ++i) {
      runtime_->cleanup(ids_[i], runtime::Extent::everything, [&promise = done[i]](Result<Done> cleaned) {
        promise.set_value(cleaned ? Nanoseconds() : failed);
      });
    }
    ids_.clear();
    results(done);
  }

 private:
  static constexpr auto failed = Nanoseconds::max();

  // All, before it says that one failed: the promises must outlive the callbacks.
  static std::vector<Nanoseconds> results(std::vector<std::promise<Nanoseconds>>& done) {
    std::vector<Nanoseconds> all;
    for (auto& promise : done) all.push_back(promise.get_future().get());
    for (const auto result : all) check(result != failed, "the linux runtime failed");
    return all;
  }

  test::TemporaryDirectory directory_;
  std::shared_ptr<LinuxRuntime> runtime_;
  std::vector<std::string> ids_;
  unsigned last_id_ = 0;
};

class DaemonStart final : public StartWay {
 public:
  explicit DaemonStart(unsigned most_at_once) {
    for (unsigned i = 0; i < most_at_once; ++i) stubs_.push_back(daemon_.controller());
    for (const auto& stub : stubs_) test::state(*stub, "none");  // connects
  }

  std::vector<Nanoseconds> start(unsigned count) override {
    const std::size_t first = ids_.size();
    for (unsigned i = 0; i < count; ++i) {
      ids_.push_back("daemon-" + std::to_string(++last_id_));
      check(test::create(*stubs_[0], ids_.back()).ok(), "Create failed");
    }
    std::vector<Nanoseconds> took(count);
    const auto one = [&](unsigned i) {
      const auto began = Clock::now();
      test::start(*stubs_[i], ids_[first + i]);
      took[i] = Clock::now() - began;
    };
    if (count == 1) {
      one(0);
    } else {
      at_once(count, one);
    }
    return took;
  }

  void end_all() override {
    share_out(ids_.size(), 4, [&](std::size_t i) {
      check(test::shutdown(*stubs_[i % stubs_.size()], ids_[i]).ok(), "Shutdown failed");
    });
    ids_.clear();
  }

 private:
  test::DaemonProcess daemon_;
  std::vector<std::unique_ptr<controller::Controller::Stub>> stubs_;
  std::vector<std::string> ids_;
  unsigned last_id_ = 0;
};

}  // namespace

std::unique_ptr<StartWay> bare_start() {
  return std::make_unique<BareStart>();
}

std::unique_ptr<StartWay> runtime_start() {
  return std::make_unique<RuntimeStart>();
}

std::unique_ptr<StartWay> daemon_start(unsigned most_at_once) {
  return std::make_unique<DaemonStart>(most_at_once);
}

}  // namespace podsandbox::bench

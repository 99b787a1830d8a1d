#include "test/linux/shim_pods.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <fstream>
#include <future>

#include "messages/log.hpp"
#include "proto/runc_options.pb.h"
#include "test/linux/eventually.hpp"
#include "test/linux/specs.hpp"

namespace podsandbox::test {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using linux_runtime::LinuxRuntime;

namespace {

constexpr const char* pod = "pod";

template <class T, class Ask>
Result<T> answer_of(Ask ask) {
  auto promise = std::make_shared<std::promise<Result<T>>>();
  ask([promise](Result<T> result) { promise->set_value(std::move(result)); });
  auto future = promise->get_future();
  if (future.wait_for(30s) == std::future_status::ready) return future.get();
  return failure(ErrorKind::internal, "no answer");
}

}  // namespace

ShimLog::ShimLog() {
  log::set_sink(
      [this](log::Level, std::string_view component, std::string_view sandbox, std::string_view message) {
        if (std::getenv("PODSANDBOX_TEST_LOG") != nullptr) {
          BOOST_TEST_MESSAGE(component << " " << sandbox << " " << message);
        }
        const std::lock_guard lock(mutex_);
        lines_.push_back(std::string(component) + " " + std::string(sandbox) + " " + std::string(message));
      });
}

ShimLog::~ShimLog() {
  log::set_sink({});
}

unsigned ShimLog::count(const std::string& text) {
  const std::lock_guard lock(mutex_);
  return static_cast<unsigned>(
      std::ranges::count_if(lines_, [&](const auto& line) { return line.find(text) != std::string::npos; }));
}

ShimPods::ShimPods() {
  fs::create_directory(home.path() / "shims");
  fs::copy_file(PODSANDBOX_TEST_SHIM, program());
  settings = home.settings();
  settings.containerd_address = home.path() / "c.sock";
  settings.shims.short_life = 300ms;
  settings.shims.first_pause = 100ms;
  settings.shims.longest_pause = 400ms;
  settings.shims.pace = 20ms;
  settings.shims.patience = 3s;
  open();
}

ShimPods::~ShimPods() {
  close();
  for (const int shim : living()) kill_hard(shim);
}

SandboxSpec ShimPods::spec() const {
  auto of_containerd = spec_of(pod);
  of_containerd.sandboxer = "podsandboxd";
  of_containerd.runtime_name = program();
  ::containerd::runc::v1::Options options;
  options.set_root(home.path() / "runc");
  options.set_binary_name(home.path() / "runc-program");
  of_containerd.runtime_options = {"containerd.runc.v1.Options", options.SerializeAsString()};
  return of_containerd;
}

Result<Started> ShimPods::start(const SandboxSpec& wanted) {
  return answer_of<Started>([&](auto answer) { runtime->start(share(wanted), answer); });
}

void ShimPods::start() {
  const auto started = start(spec());
  BOOST_REQUIRE_MESSAGE(started, started.error().message);
}

Result<Done> ShimPods::cleanup() {
  return answer_of<Done>([&](auto answer) { runtime->cleanup(pod, runtime::Extent::everything, answer); });
}

void ShimPods::remove() {
  const auto removed = cleanup();
  BOOST_TEST(removed.has_value(), removed.error().message);
  BOOST_TEST(living().empty());
  BOOST_TEST(remains() == "");
  BOOST_TEST(home.leftovers() == "");
}

int ShimPods::ask(const std::string& request) const {
  auto client = connect(request);
  return std::atoi(client.answer().value_or("0").c_str());
}

int ShimPods::ask_until_answered() const {
  int pid = 0;
  BOOST_TEST(eventually([&] { return (pid = ask()) != 0; }));
  return pid;
}

std::vector<int> ShimPods::starts() const {
  std::vector<int> pids;
  for (const auto& entry : fs::directory_iterator(home.path() / "shims")) {
    if (const int pid = std::atoi(entry.path().filename().c_str()); pid > 0) pids.push_back(pid);
  }
  return pids;
}

std::vector<int> ShimPods::living() const {
  auto pids = starts();
  std::erase_if(pids, [](int pid) { return !fs::exists("/proc/" + std::to_string(pid)); });
  return pids;
}

std::string ShimPods::remains() const {
  std::string all;
  for (const auto& directory : {linux_runtime::shim_sockets_dir(settings.state_dir),
                                linux_runtime::shim_bundles_dir(settings.state_dir)}) {
    for (const auto& entry : fs::directory_iterator(directory)) all += " " + entry.path().string();
  }
  return all;
}

void ShimPods::leave_container(bool can_be_removed) const {
  fs::create_directories(container());
  std::ofstream(container() / "state.json")
      << R"({"annotations": {"io.kubernetes.cri.sandbox-id": ")" << pod << R"("}})";
  std::ofstream(home.path() / "runc-program")
      << "#!/bin/sh\ncase \"$*\" in *delete*) " << (can_be_removed ? "rm -r \"$2/left\"" : "exit 1")
      << " ;; *) exit 1 ;; esac\n";
  fs::permissions(home.path() / "runc-program", fs::perms::owner_all);
}

void ShimPods::open() {
  runtime = LinuxRuntime::open(settings).value();
}

void ShimPods::mode(const std::string& how) const {
  std::ofstream(home.path() / "shims/mode") << how;
}

linux_runtime::ShimPlace ShimPods::place() const {
  return linux_runtime::shim_place(settings.state_dir, pod);
}

}  // namespace podsandbox::test

#include "services/telemetry/notifier.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <thread>
#include <vector>

#include "messages/log.hpp"
#include "services/telemetry/kept_descriptors.hpp"

namespace podsandbox::test {

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using telemetry::KeptDescriptors;
using telemetry::Notifier;

/// Stands in for the service manager: what is said to it waits until it is read.
struct Manager {
  Manager() {
    std::string pattern = fs::temp_directory_path() / "podsandbox-XXXXXX";
    BOOST_REQUIRE(mkdtemp(pattern.data()) != nullptr);
    directory = pattern;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = directory / "notify";
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    BOOST_REQUIRE(bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    setenv("NOTIFY_SOCKET", path.c_str(), 1);
  }
  ~Manager() {
    unsetenv("NOTIFY_SOCKET");
    fs::remove_all(directory);
  }

  std::string read() const {
    pollfd waited{socket.get(), POLLIN, 0};
    if (poll(&waited, 1, 20'000) != 1) return "nothing";
    std::array<char, 4096> text{};
    const auto size = recv(socket.get(), text.data(), text.size(), 0);
    return {text.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
  }

  fs::path directory;
  host::UniqueFd socket{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(notifier, Manager)

BOOST_AUTO_TEST_CASE(each_speaker_is_heard_in_order) {
  Notifier told;
  constexpr int speakers = 4;
  constexpr int sentences = 200;
  std::vector<std::thread> threads;
  threads.reserve(speakers);
  for (int speaker = 0; speaker < speakers; ++speaker) {
    threads.emplace_back([&told, speaker] {
      for (int i = 0; i < sentences; ++i) told.tell("X_" + std::to_string(speaker) + "=" + std::to_string(i));
    });
  }
  std::array<int, speakers> next{};
  for (int i = 0; i < speakers * sentences; ++i) {
    const auto said = read();
    BOOST_REQUIRE(said.starts_with("X_"));
    const auto speaker = static_cast<std::size_t>(said.at(2) - '0');
    BOOST_REQUIRE(said.substr(4) == std::to_string(next.at(speaker)++));
  }
  for (auto& thread : threads) thread.join();
}

BOOST_AUTO_TEST_CASE(a_status_is_one_line) {
  Notifier told;
  told.tell_status("failed: a\nREADY=1");
  BOOST_TEST(read() == "STATUS=failed: a READY=1");
}

BOOST_AUTO_TEST_CASE(all_is_told_when_it_has_settled) {
  Notifier told;
  told.tell("STOPPING=1");
  told.settle();
  pollfd waited{socket.get(), POLLIN, 0};
  BOOST_TEST(poll(&waited, 1, 0) == 1);
}

BOOST_AUTO_TEST_CASE(nobody_waits_for_one_that_does_not_read) {
  // The thread that hangs may outlive this, and have something to say.
  static std::atomic<int> complaints = 0;
  log::set_sink([](auto, auto, auto, std::string_view message) {
    if (message.find("does not read") != std::string_view::npos) ++complaints;
  });
  const auto began = Clock::now();
  {
    Notifier told;
    constexpr int too_many = 20'000;
    for (int i = 0; i < too_many; ++i) told.tell("X_=" + std::to_string(i));
    told.settle();
  }
  BOOST_TEST((Clock::now() - began < std::chrono::seconds(10)));
  BOOST_TEST(complaints == 1);
  BOOST_TEST(read() == "X_=0");
  // Once what hangs is read, the thread that tells it ends.
  pollfd more{socket.get(), POLLIN, 0};
  while (poll(&more, 1, 200) == 1) read();
}

BOOST_AUTO_TEST_CASE(a_descriptor_is_replaced_and_forgotten_by_its_name) {
  KeptDescriptors store(std::make_shared<Notifier>(), {});
  store.forget("a");  // which it has never had
  store.keep("a", socket);
  store.keep("a", socket);
  store.forget("a");
  store.forget("a");
  store.keep("b", socket);
  const std::vector<std::string> expected{"FDSTORE=1\nFDNAME=a\nFDPOLL=0", "FDSTOREREMOVE=1\nFDNAME=a",
                                          "FDSTORE=1\nFDNAME=a\nFDPOLL=0", "FDSTOREREMOVE=1\nFDNAME=a",
                                          "FDSTORE=1\nFDNAME=b\nFDPOLL=0"};
  for (const auto& one : expected) BOOST_TEST(read() == one);
}

BOOST_AUTO_TEST_CASE(a_descriptor_of_before_is_taken_once_and_stays_kept) {
  std::map<std::string, host::UniqueFd> kept;
  for (const auto* name : {"mine", "nobodys"}) {
    kept.emplace(name, host::UniqueFd(fcntl(socket.get(), F_DUPFD_CLOEXEC, 0)));
  }
  const int nobodys = kept.at("nobodys").get();
  KeptDescriptors store(std::make_shared<Notifier>(), std::move(kept));
  BOOST_TEST(static_cast<bool>(store.take("mine")));
  BOOST_TEST(!store.take("mine"));
  BOOST_TEST(!store.take("another"));
  store.forget_others();
  BOOST_TEST(fcntl(nobodys, F_GETFD) == -1);
  store.forget("mine");
  BOOST_TEST(read() == "FDSTOREREMOVE=1\nFDNAME=nobodys");
  BOOST_TEST(read() == "FDSTOREREMOVE=1\nFDNAME=mine");
}

BOOST_AUTO_TEST_CASE(without_a_service_manager_nothing_is_told) {
  unsetenv("NOTIFY_SOCKET");
  Notifier told;
  told.tell("READY=1");
  told.settle();
  pollfd waited{socket.get(), POLLIN, 0};
  BOOST_TEST(poll(&waited, 1, 0) == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test

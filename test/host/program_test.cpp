#include "services/host/program.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string>

#include "services/host/process_facts.hpp"
#include "services/host/unique_fd.hpp"

// Its deadline, its output and its signals: containerd_runtime/nri_test.cpp.
namespace podsandbox::host {

namespace {

using namespace std::chrono_literals;

constexpr ProgramLimits limits{20s, 10'000};

Program shell(const std::string& command) {
  return {"sh", {"-c", command}, {"PATH=/usr/bin:/bin"}, {}, {}};
}

std::string output_of(const Program& program, const std::string& input = "") {
  const auto output = run_program(program, input, limits);
  BOOST_REQUIRE_MESSAGE(output.has_value(), (output ? "" : output.error().message));
  BOOST_TEST(output->exit_status == 0U);
  return output->text;
}

/// A file that holds this text.
UniqueFd file_of(const std::string& text) {
  std::array<int, 2> ends{};
  BOOST_REQUIRE(pipe(ends.data()) == 0);  // inherited by whoever does not close it
  const UniqueFd in(ends[1]);
  BOOST_REQUIRE(write(in.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  return UniqueFd(ends[0]);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(programs)

BOOST_AUTO_TEST_CASE(it_inherits_the_descriptors_that_are_named) {
  const auto a = file_of("a");
  const auto b = file_of("b");
  const auto other = file_of("other");
  auto program = shell("cat <&" + std::to_string(b.get()) + "; cat <&" + std::to_string(a.get()));
  program.descriptors = {{a.get(), b.get()}, {b.get(), a.get()}};  // each with the other's number
  BOOST_TEST(output_of(program) == "ab");
  BOOST_TEST(fcntl(a.get(), F_GETFD) == 0);  // ours are as they were
}

BOOST_AUTO_TEST_CASE(it_inherits_no_others) {
  const auto low = file_of("low");
  const auto named = file_of("named");
  const auto high = file_of("high");
  auto program = shell("ls /proc/$$/fd");
  BOOST_TEST(output_of(program) == "0\n1\n2\n");
  program.descriptors = {{named.get(), 8}};
  BOOST_TEST(output_of(program) == "0\n1\n2\n8\n");
}

BOOST_AUTO_TEST_CASE(it_starts_where_and_with_what_is_said) {
  auto program = shell("pwd; echo $ONE; env | grep -c =");
  program.directory = "/proc";
  program.environment.emplace_back("ONE=1");
  BOOST_TEST(output_of(program) == "/proc\n1\n3\n");  // and PWD
  BOOST_TEST(output_of(shell("cat"), "given") == "given");
}

BOOST_AUTO_TEST_CASE(our_environment_with_another_value) {
  setenv("PODSANDBOX_ONE", "old", 1);
  setenv("PODSANDBOX_ONE_MORE", "kept", 1);
  auto program = shell("echo $PODSANDBOX_ONE $PODSANDBOX_ONE_MORE");
  program.environment = environment_with({{"PODSANDBOX_ONE", "new"}});
  BOOST_TEST(output_of(program) == "new kept\n");
}

BOOST_AUTO_TEST_CASE(its_messages_are_read_beside_its_output) {
  const auto output = run_program(shell("echo out; echo bad >&2; exit 3"), "", limits, Messages::read);
  BOOST_REQUIRE(output.has_value());
  BOOST_TEST(output->text == "out\n");
  BOOST_TEST(output->messages == "bad\n");
  BOOST_TEST(output->exit_status == 3U);
  const auto loud = run_program(shell("yes >&2"), "", limits, Messages::read);
  BOOST_REQUIRE(!loud.has_value());
  BOOST_TEST(loud.error().message == "it wrote more than 10000 bytes and was killed");
}

BOOST_AUTO_TEST_CASE(one_that_writes_all_the_time_has_its_deadline) {
  const auto output = run_program(shell("while :; do echo; sleep 0.01; done"), "", {300ms});
  BOOST_REQUIRE(!output.has_value());
  BOOST_TEST((output.error().kind == ErrorKind::deadline_exceeded));
}

BOOST_AUTO_TEST_CASE(what_cannot_be_started_is_an_error) {
  auto program = shell("true");
  program.directory = "/nonexistent";
  BOOST_TEST(spawn(program).error().message == "starting sh: No such file or directory");
  BOOST_TEST((spawn(program).error().kind == ErrorKind::failed_precondition));
  program = shell("true");
  program.descriptors = {{1000, 3}};
  BOOST_TEST(spawn(program).error().message == "starting sh: Bad file descriptor");
  BOOST_TEST(waitpid(-1, nullptr, WNOHANG) == -1);  // no zombie
}

/// Not even by a shell, which would do nothing and say that all went well.
BOOST_AUTO_TEST_CASE(an_empty_file_is_not_run) {
  std::string path = "/tmp/podsandbox-empty-XXXXXX";
  {
    const UniqueFd file(mkstemp(path.data()));
    BOOST_REQUIRE((file && fchmod(file.get(), 0755) == 0));
  }
  const auto pid = spawn({path, {}, {}, {}, {}});
  unlink(path.c_str());
  BOOST_REQUIRE(!pid);
  BOOST_TEST((pid.error().kind == ErrorKind::failed_precondition));
}

BOOST_AUTO_TEST_CASE(it_may_open_as_many_files_as_we_at_first) {
  rlimit first{};
  BOOST_REQUIRE(getrlimit(RLIMIT_NOFILE, &first) == 0);
  first.rlim_cur = 100;
  BOOST_REQUIRE(setrlimit(RLIMIT_NOFILE, &first) == 0);
  raise_file_limit();
  rlimit ours{};
  BOOST_REQUIRE(getrlimit(RLIMIT_NOFILE, &ours) == 0);
  BOOST_TEST(ours.rlim_cur == first.rlim_max);
  BOOST_TEST(output_of(shell("ulimit -Sn; ulimit -Hn")) == "100\n" + std::to_string(first.rlim_max) + "\n");
}

BOOST_AUTO_TEST_CASE(it_ignores_no_signal_and_blocks_none) {
  const auto before = signal(SIGPIPE, SIG_IGN);
  sigset_t all;
  sigset_t unblocked;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &unblocked);
  const auto output = output_of(shell("exec grep -E 'Sig(Blk|Ign)' /proc/self/status"));
  pthread_sigmask(SIG_SETMASK, &unblocked, nullptr);
  signal(SIGPIPE, before);
  BOOST_TEST(output == "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

BOOST_AUTO_TEST_CASE(it_leads_a_process_group) {
  const auto pid = spawn(shell("exec sleep 1000"));
  BOOST_REQUIRE(pid.has_value());
  BOOST_TEST(getpgid(*pid) == *pid);
  kill(-*pid, SIGKILL);
  BOOST_TEST(waitpid(*pid, nullptr, 0) == *pid);
}

BOOST_AUTO_TEST_CASE(where_programs_are_found) {
  BOOST_TEST(find_program("sh", "/nonexistent::/bin").value_or("") == "/bin/sh");
  BOOST_TEST(!find_program("sh", "/nonexistent").has_value());
  BOOST_TEST(!find_program("sh", "../../../../../../../../../../bin").has_value());
  BOOST_TEST(!find_program("passwd", "/etc").has_value());
  BOOST_TEST(!find_program("bin", "/").has_value());
}

BOOST_AUTO_TEST_CASE(an_end_is_waited_for_in_time) {
  const auto pid = spawn(shell("exec sleep 60"));
  BOOST_REQUIRE(pid.has_value());
  const UniqueFd process(static_cast<int>(syscall(SYS_pidfd_open, *pid, 0)));
  const auto now = [] { return std::chrono::steady_clock::now(); };
  BOOST_TEST(!ends_by(process.get(), now() + 20ms));
  kill(*pid, SIGKILL);
  BOOST_TEST(ends_by(process.get(), now() + 20s));
  BOOST_TEST(ends_by(process.get(), now() - 1s));  // it is looked at once, however late that is
  waitpid(*pid, nullptr, 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::host

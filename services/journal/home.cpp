#include "services/journal/home.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <system_error>
#include <utility>

#include "services/host/patient_lock.hpp"
#include "services/host/system_error.hpp"

namespace podsandbox::journal {

namespace fs = std::filesystem;
using host::because;

namespace {

constexpr auto decided_infix = ".new-";  // followed by the stamp of the old journal's name

tl::unexpected<Error> cannot(const std::string& what, int error = errno) {
  const bool full = error == ENOSPC || error == EDQUOT;
  return failure(full ? ErrorKind::resource_exhausted : ErrorKind::unavailable, because(what, error));
}

Result<Done> move_file(const std::string& from, const std::string& to) {
  if (rename(from.c_str(), to.c_str()) == 0 || errno == ENOENT) return Done{};
  return cannot("renaming " + from + " to " + to);
}

std::string stamp_of(Time now) {
  const auto seconds = std::chrono::system_clock::to_time_t(now);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &utc)};
}

Result<Done> make_directory(const std::string& directory) {
  std::error_code error;
  if (const auto parent = fs::path(directory).parent_path(); !parent.empty()) {
    fs::create_directories(parent, error);
  }
  if (!error && (mkdir(directory.c_str(), 0700) == 0 || errno == EEXIST)) return Done{};
  return cannot("making the directory", error ? error.value() : errno);
}

/// Nobody else may read pods' configurations, or put files of theirs here.
Result<Done> make_private(int fd) {
  struct stat status {};
  if (fstat(fd, &status) != 0) return cannot("reading the directory's mode");
  if (status.st_uid != geteuid()) {
    return failure(ErrorKind::failed_precondition, "the directory belongs to another user");
  }
  if ((status.st_mode & 0777) == 0700 || fchmod(fd, 0700) == 0) return Done{};
  return cannot("giving the directory mode 0700");
}

}  // namespace

Result<Home> Home::open(const std::string& directory) {
  const auto place = "journal " + directory + ": ";
  auto made = make_directory(directory);
  if (!made) return failure(made.error().kind, place + made.error().message);
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return failure(ErrorKind::unavailable, place + because("opening the directory"));
  Home home(directory, fd);
  if (!host::lock_patiently(fd)) {
    return failure(ErrorKind::failed_precondition, place + "another process uses it");
  }
  auto secured = make_private(fd);
  if (!secured) return failure(secured.error().kind, place + secured.error().message);
  return home;
}

Home::Home(Home&& other) noexcept
    : directory_(std::move(other.directory_)), fd_(std::exchange(other.fd_, -1)) {}

Home::~Home() {
  if (fd_ >= 0) close(fd_);
}

bool Home::exists() const {
  std::error_code error;
  return fs::file_size(path(), error) > 0 && !error;
}

Result<Done> Home::sync() const {
  if (fsync(fd_) == 0) return Done{};
  return cannot("writing the directory to the disk");
}

Result<std::string> Home::finish() const {
  std::error_code error;
  std::string decided;
  const std::string prefix = fs::path(path() + decided_infix).filename();
  for (const auto& entry : fs::directory_iterator(directory_, error)) {
    if (entry.path().filename().string().starts_with(prefix)) decided = entry.path();
  }
  if (error) return cannot("reading the directory", error.value());
  for (const char* part : {"", "-wal", "-journal"}) fs::remove(building() + part, error);
  if (decided.empty()) return std::string();
  return replace(decided, decided.substr((path() + decided_infix).size()));
}

Result<std::string> Home::put_aside(Time now) const {
  auto stamp = stamp_of(now);
  while (fs::exists(path() + ".damaged-" + stamp)) stamp += "+";
  const auto decided = path() + decided_infix + stamp;
  return move_file(building(), decided).and_then([&](Done) { return replace(decided, stamp); });
}

// The old log first: it must never be found beside the new journal.
Result<std::string> Home::replace(const std::string& decided, const std::string& stamp) const {
  auto aside = path() + ".damaged-" + stamp;
  return sync()
      .and_then([&](Done) { return move_file(path() + "-wal", aside + "-wal"); })
      .and_then([&](Done) { return move_file(path() + "-shm", aside + "-shm"); })
      .and_then([&](Done) { return move_file(path() + "-journal", aside + "-journal"); })
      .and_then([&](Done) { return sync(); })
      .and_then([&](Done) { return move_file(path(), aside); })
      .and_then([&](Done) { return move_file(decided, path()); })
      .and_then([&](Done) { return sync(); })
      .map([&](Done) { return std::move(aside); });
}

}  // namespace podsandbox::journal

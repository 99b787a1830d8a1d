#include "services/host/small_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "services/host/system_error.hpp"

namespace podsandbox::host {

namespace {

tl::unexpected<Error> failed(const std::string& what) {
  return failure(errno == ENOENT ? ErrorKind::not_found : ErrorKind::failed_precondition, because(what));
}

}  // namespace

Result<std::string> read_small_file(const std::string& path, std::size_t limit) {
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!file) return failed("opening it");
  return read_small_file(file, limit);
}

Result<std::string> read_small_file(const UniqueFd& file, std::size_t limit) {
  struct stat facts {};
  if (fstat(file.get(), &facts) != 0) return failed("reading it");
  if (!S_ISREG(facts.st_mode) || static_cast<std::size_t>(facts.st_size) > limit) {
    return failure(ErrorKind::failed_precondition,
                   "it is no regular file of at most " + std::to_string(limit) + " bytes");
  }
  std::string text(static_cast<std::size_t>(facts.st_size) + 1, '\0');  // more: it grows meanwhile
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = read(file.get(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed("reading it");
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size == text.size()) return failure(ErrorKind::failed_precondition, "it grows while it is read");
  text.resize(size);
  return text;
}

}  // namespace podsandbox::host

#include "services/linux/seccomp_profile.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "services/host/system_error.hpp"
#include "services/host/unique_fd.hpp"

namespace podsandbox::linux_runtime {

namespace {

constexpr off_t longest = 1 << 20;

}  // namespace

Result<Done> check_seccomp_profile(const std::string& id, const std::string& file) {
  const std::string what = "config.linux.security_context.seccomp: the profile " + file + " of sandbox " + id;
  const host::UniqueFd fd(open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  struct stat facts {};
  if (!fd || fstat(fd.get(), &facts) != 0) return failure(ErrorKind::invalid_argument, host::because(what));
  if (!S_ISREG(facts.st_mode) || facts.st_size > longest) {
    return failure(ErrorKind::invalid_argument, what + ": it is no regular file of at most 1 MiB");
  }
  std::string text(static_cast<std::size_t>(facts.st_size), '\0');
  const ssize_t got = read(fd.get(), text.data(), text.size());
  if (got < 0) return failure(ErrorKind::invalid_argument, host::because(what));
  text.resize(static_cast<std::size_t>(got));
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) return failure(ErrorKind::invalid_argument, what + ": it is no JSON object");
  return Done{};
}

}  // namespace podsandbox::linux_runtime

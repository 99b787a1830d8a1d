#include "services/linux/seccomp_profile.hpp"

#include <nlohmann/json.hpp>

#include "services/host/small_file.hpp"

namespace podsandbox::linux_runtime {

namespace {

constexpr std::size_t longest = 1 << 20;

}  // namespace

Result<Done> check_seccomp_profile(const std::string& file) {
  const std::string what = "config.linux.security_context.seccomp: the profile " + file;
  const auto text = host::read_small_file(file, longest);
  if (!text) return failure(ErrorKind::invalid_argument, what + ": " + text.error().message);
  const auto json = nlohmann::json::parse(*text, nullptr, false);
  if (!json.is_object()) return failure(ErrorKind::invalid_argument, what + ": it is no JSON object");
  return Done{};
}

}  // namespace podsandbox::linux_runtime

#include "services/host/runc_state.hpp"

#include <system_error>

#include "services/host/runc_options.hpp"

namespace podsandbox::host {

std::filesystem::path runc_state(const Payload& runtime_options, const std::string& id) {
  const auto options = runc_options(runtime_options);
  const auto root = options ? runc_root(*options) : std::filesystem::path();
  return root.is_absolute() ? root / "k8s.io" / id : std::filesystem::path();
}

Result<Done> remove_runc_state(const std::filesystem::path& directory) {
  std::error_code error;
  std::filesystem::remove_all(directory, error);
  if (!error) return Done{};
  return failure(ErrorKind::unavailable,
                 "removing runc's state " + directory.string() + ": " + error.message());
}

}  // namespace podsandbox::host

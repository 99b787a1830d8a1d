#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace podsandbox::containerd_runtime {

/// What an image is for, or what a host is, in Go's names.
struct Platform {
  std::string os;
  std::string architecture;
  std::string variant;  ///< of arm and arm64; may be empty

  bool operator==(const Platform&) const = default;
};

/// "linux/arm64/v8"
std::string to_string(const Platform& platform);

/// The images that a host can run, best first: on amd64 also those for 386, on arm those for older variants.
class PlatformPreference {
 public:
  explicit PlatformPreference(const Platform& host);

  /// 0 is the best; nothing: the host cannot run it.
  std::optional<std::size_t> rank(const Platform& image) const;

  const Platform& host() const { return best_first_.front(); }

 private:
  std::vector<Platform> best_first_;
};

}  // namespace podsandbox::containerd_runtime

#include "services/containerd/runtime/image_platform.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

namespace podsandbox::containerd_runtime {

namespace {

constexpr std::array<std::string_view, 4> arm_variants = {"v8", "v7", "v6", "v5"};

std::string lower(std::string text) {
  const auto to_lower = [](unsigned char one) { return static_cast<char>(std::tolower(one)); };
  std::transform(text.begin(), text.end(), text.begin(), to_lower);
  return text;
}

/// One name for what has several. An arm64 without variant is a v8, an arm without one a v7.
Platform normal(const Platform& any) {
  Platform platform{lower(any.os), lower(any.architecture), lower(any.variant)};
  auto& [os, architecture, variant] = platform;
  if (architecture == "x86_64" || architecture == "x86-64") architecture = "amd64";
  if (architecture == "amd64" && variant == "v1") variant.clear();
  if (architecture == "i386") platform = {os, "386", ""};
  if (architecture == "aarch64") architecture = "arm64";
  if (architecture == "armhf") platform = {os, "arm", "v7"};
  if (architecture == "armel") platform = {os, "arm", "v6"};
  if (architecture == "arm64" && variant.empty()) variant = "v8";
  if (architecture == "arm" && variant.empty()) variant = "v7";
  const bool is_arm = architecture == "arm" || architecture == "arm64";
  if (is_arm && std::isdigit(static_cast<unsigned char>(variant.front())) != 0) variant.insert(0, "v");
  return platform;
}

}  // namespace

std::string to_string(const Platform& platform) {
  auto text = platform.os + "/" + platform.architecture;
  if (!platform.variant.empty()) text += "/" + platform.variant;
  return text;
}

PlatformPreference::PlatformPreference(const Platform& host) : best_first_{normal(host)} {
  const Platform own = best_first_.front();
  if (own.architecture == "amd64") best_first_.push_back({own.os, "386", ""});
  const auto add_arm = [&](auto from) {
    for (; from != arm_variants.end(); ++from) best_first_.push_back({own.os, "arm", std::string(*from)});
  };
  if (own.architecture == "arm64") add_arm(arm_variants.begin());
  if (own.architecture == "arm") {
    const auto it = std::find(arm_variants.begin(), arm_variants.end(), own.variant);
    if (it != arm_variants.end()) add_arm(std::next(it));
  }
}

std::optional<std::size_t> PlatformPreference::rank(const Platform& image) const {
  const auto it = std::find(best_first_.begin(), best_first_.end(), normal(image));
  if (it == best_first_.end()) return std::nullopt;
  return static_cast<std::size_t>(it - best_first_.begin());
}

}  // namespace podsandbox::containerd_runtime

#include "services/host/platform.hpp"

#include <sys/utsname.h>

#include <array>
#include <utility>

namespace podsandbox::host {

Platform platform_of(std::string_view machine) {
  struct Name {
    std::string_view machine, architecture, variant;
  };
  static constexpr std::array names = {
      Name{"x86_64", "amd64", ""},        Name{"aarch64", "arm64", "v8"}, Name{"armv7l", "arm", "v7"},
      Name{"armv6l", "arm", "v6"},        Name{"i686", "386", ""},        Name{"i386", "386", ""},
      Name{"riscv64", "riscv64", ""},     Name{"s390x", "s390x", ""},     Name{"ppc64le", "ppc64le", ""},
      Name{"loongarch64", "loong64", ""}, Name{"mips64", "mips64le", ""},
  };
  for (const auto& name : names) {
    if (name.machine == machine) {
      return {"linux", std::string(name.architecture), std::string(name.variant)};
    }
  }
  return {"linux", std::string(machine), ""};
}

const Platform& host_platform() {
  static const Platform platform = [] {
    utsname name{};
    uname(&name);
    return platform_of(name.machine);
  }();
  return platform;
}

}  // namespace podsandbox::host

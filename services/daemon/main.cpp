#include <cstdio>
#include <string>

#include "services/daemon/daemon.hpp"
#include "services/daemon/options.hpp"
#include "services/daemon/recovery_report.hpp"

namespace {

int fail(const podsandbox::Error& error) {
  std::fprintf(stderr, "podsandboxd: %s\n", error.message.c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  const auto options = podsandbox::parse_options(argc, argv);
  if (!options) return options.error().status;
  const auto config = podsandbox::effective_config(*options);
  if (!config) return fail(config.error());
  switch (options->command) {
    case podsandbox::Command::config_check:
      std::puts("the configuration is valid");
      return 0;
    case podsandbox::Command::config_dump:
      std::fputs(podsandbox::dump(*config).c_str(), stdout);
      return 0;
    case podsandbox::Command::recovery_report: {
      const auto rows = podsandbox::plan_recovery_of(*config);
      if (!rows) return fail(rows.error());
      std::fputs(podsandbox::to_text(*rows).c_str(), stdout);
      return 0;
    }
    case podsandbox::Command::run:
      break;
  }
  const auto ended = podsandbox::run_daemon(*config);
  return ended ? 0 : fail(ended.error());
}

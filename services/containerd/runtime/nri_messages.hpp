#pragma once

#include <map>
#include <string>
#include <vector>

#include "services/containerd/runtime/nri.hpp"

/// What the old NRI says in JSON. Errors do not say of which file or plugin they are.
namespace podsandbox::containerd_runtime {

/// What a plugin answers.
struct NriResult {
  std::string plugin;
  std::string version;
  std::string error;  // empty: it succeeded
  std::map<std::string, std::string> metadata;
};

std::string name_of(NriState state);

/// What a plugin wrote, as errors show it: its beginning, in quotes, printable.
std::string quoted(const std::string& text);

Result<NriPlugins> parse_nri_config(const std::string& text);

/// What `plugin` is told. `results` are those of the plugins before it.
Result<std::string> nri_request(const std::string& version, const NriPlugin& plugin, NriState state,
                                const NriSandbox& sandbox, const std::vector<NriResult>& results);

Result<NriResult> parse_nri_result(const std::string& text);

}  // namespace podsandbox::containerd_runtime

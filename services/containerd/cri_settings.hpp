#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "messages/handler_settings.hpp"

namespace podsandbox::containerd_client {

/// What is configured one way in containerd's CRI and another way here, where it must be the same: for each a
/// line that says both, and what to change. `config` is what CRI says of itself (JSON, from its verbose
/// Status). Handlers whose sandboxes containerd runs itself do not matter, and without any other nothing
/// does; what is for pause containers matters for handlers of the containerd runtime.
std::vector<std::string> compare_cri_settings(std::string_view config, const CriSettings& ours);

}  // namespace podsandbox::containerd_client

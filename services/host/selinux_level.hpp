#pragma once

#include <string_view>

namespace podsandbox::host {

/// "s0", "s0-s1", "s0:c1,c2.c5"
bool is_selinux_level(std::string_view text);

}  // namespace podsandbox::host

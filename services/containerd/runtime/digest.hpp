#pragma once

#include <string>
#include <string_view>

namespace podsandbox::containerd_runtime {

/// "sha256:" and 64 lower-case hexadecimal digits: the only digests that we compute, and so believe.
bool is_sha256_digest(std::string_view text);

/// The digest of these bytes.
std::string sha256_digest(std::string_view bytes);

}  // namespace podsandbox::containerd_runtime

#pragma once

#include <string>
#include <vector>

namespace podsandbox::containerd_runtime {

/// For each of an image's layers, lowest first, the name of the snapshot that it and all below it make.
/// `diff_ids` are the digests of the unpacked layers.
std::vector<std::string> chain_ids(const std::vector<std::string>& diff_ids);

}  // namespace podsandbox::containerd_runtime

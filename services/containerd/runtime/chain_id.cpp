#include "services/containerd/runtime/chain_id.hpp"

#include "services/containerd/runtime/digest.hpp"

namespace podsandbox::containerd_runtime {

std::vector<std::string> chain_ids(const std::vector<std::string>& diff_ids) {
  std::vector<std::string> chain;
  chain.reserve(diff_ids.size());
  for (const auto& diff_id : diff_ids) {
    chain.push_back(chain.empty() ? diff_id : sha256_digest(chain.back() + " " + diff_id));
  }
  return chain;
}

}  // namespace podsandbox::containerd_runtime

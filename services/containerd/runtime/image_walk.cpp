#include "services/containerd/runtime/image_walk.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "services/containerd/runtime/chain_id.hpp"
#include "services/containerd/runtime/digest.hpp"

namespace podsandbox::containerd_runtime {

namespace {

/// An index may list indexes; real ones hardly do.
constexpr unsigned most_indexes = 4;

/// Text of strangers, fit for a message.
std::string printable(std::string_view text) {
  constexpr std::size_t longest = 100;
  std::string result(text.substr(0, longest));
  std::replace_if(
      result.begin(), result.end(), [](char one) { return one < ' ' || one > '~'; }, '?');
  return text.size() > longest ? result + "..." : result;
}

std::string listed(const std::vector<Descriptor>& entries) {
  constexpr std::size_t most = 8;
  std::string text;
  for (std::size_t n = 0; n < std::min(entries.size(), most); ++n) {
    const auto& platform = entries[n].platform;
    text += (n == 0 ? "" : ", ") + printable(platform ? to_string(*platform) : entries[n].media_type);
  }
  if (entries.size() > most) text += ", ...";
  return text.empty() ? "nothing" : text;
}

bool has_blob_type(const Descriptor& blob) {
  return is_index_type(blob.media_type) || is_manifest_type(blob.media_type);
}

bool is_this_blob(const Descriptor& blob, std::string_view bytes) {
  return static_cast<std::int64_t>(bytes.size()) == blob.size && sha256_digest(bytes) == blob.digest;
}

}  // namespace

Result<ImageWalk> ImageWalk::begin(std::string name, Descriptor target, const Platform& host) {
  ImageWalk walk(std::move(name), host);
  target.platform.reset();  // whose image it is was decided by who called it so
  if (auto entered = walk.enter(std::move(target)); !entered) return tl::unexpected(entered.error());
  return walk;
}

Result<Done> ImageWalk::take(std::string_view blob) {
  const auto wanted = std::exchange(wanted_, std::nullopt).value();
  if (!is_this_blob(wanted, blob)) {
    return damaged(called(wanted) + " is not what its digest says (" + std::to_string(blob.size()) + " of " +
                   std::to_string(wanted.size) + " bytes were read)");
  }
  const std::string text(blob);
  if (manifest_) return take_config(text);
  return is_index_type(wanted.media_type) ? take_index(text) : take_manifest(text);
}

/// Goes on with this blob: it is wanted next, or is known already.
Result<Done> ImageWalk::enter(Descriptor blob) {
  if (auto fine = check_descriptor(blob); !fine) return fine;
  const auto inlined = std::exchange(blob.data, std::nullopt);
  wanted_ = std::move(blob);
  if (inlined && is_this_blob(*wanted_, *inlined)) return take(*inlined);
  return Done{};
}

Result<Done> ImageWalk::check_descriptor(const Descriptor& blob) const {
  const bool is_known = manifest_ ? is_config_type(blob.media_type) : has_blob_type(blob);
  if (!is_known) {
    return failure(ErrorKind::not_found, "image " + name_ + " is none that a container can be made of: " +
                                             (manifest_ ? "its configuration" : "what it refers to") +
                                             " is of the type '" + printable(blob.media_type) +
                                             "'; configure another one");
  }
  if (!is_sha256_digest(blob.digest)) {
    return damaged("'" + printable(blob.digest) + "' is no sha256 digest");
  }
  if (blob.size < 0 || blob.size > largest_blob) {
    return damaged(called(blob) + " has " + std::to_string(blob.size) + " bytes, and not at most " +
                   std::to_string(largest_blob));
  }
  return Done{};
}

Result<Done> ImageWalk::take_index(const std::string& text) {
  if (++indexes_ > most_indexes) return damaged("it has indexes in indexes in indexes");
  auto entries = read_index(text);
  if (!entries) return damaged("its index cannot be read: " + entries.error());
  // The first of those that are best. One without a platform is only tried when there is no other.
  constexpr auto useless = std::numeric_limits<std::size_t>::max();
  const auto rank = [&](const Descriptor& entry) {
    if (!entry.platform) return useless - 1;
    return preference_.rank(*entry.platform).value_or(useless);
  };
  const auto best = std::min_element(entries->begin(), entries->end(),
                                     [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
  if (best == entries->end() || rank(*best) == useless) return nothing_for_host(listed(*entries));
  check_platform_ = !best->platform.has_value();
  return enter(std::move(*best));
}

Result<Done> ImageWalk::take_manifest(const std::string& text) {
  auto manifest = read_manifest(text);
  if (!manifest) return damaged("its manifest cannot be read: " + manifest.error());
  manifest_ = std::move(*manifest);
  content_.config_digest = manifest_->config.digest;
  return enter(manifest_->config);
}

Result<Done> ImageWalk::take_config(const std::string& text) {
  auto blob = read_config_blob(text);
  if (!blob) return damaged("its configuration cannot be read: " + blob.error());
  if (check_platform_ && !preference_.rank(blob->platform)) {
    return nothing_for_host(printable(to_string(blob->platform)));
  }
  auto& layers = manifest_->layers;
  if (layers.size() != blob->diff_ids.size()) {
    return damaged("its manifest has " + std::to_string(layers.size()) + " layers, its configuration " +
                   std::to_string(blob->diff_ids.size()));
  }
  content_.config = std::move(blob->config);
  content_.labels = std::move(blob->labels);
  auto chain = chain_ids(blob->diff_ids);
  for (std::size_t n = 0; n < layers.size(); ++n) {
    content_.layers.push_back({std::move(layers[n]), std::move(blob->diff_ids[n]), std::move(chain[n])});
  }
  return Done{};
}

Result<Done> ImageWalk::nothing_for_host(const std::string& found) const {
  return failure(ErrorKind::not_found, "image " + name_ + " has nothing for this host, which is " +
                                           to_string(preference_.host()) + ", only for " + found +
                                           "; configure another one");
}

std::string ImageWalk::called(const Descriptor& blob) const {
  const auto* const sort = manifest_                        ? "its configuration "
                           : is_index_type(blob.media_type) ? "its index "
                                                            : "its manifest ";
  return sort + blob.digest;
}

tl::unexpected<Error> ImageWalk::damaged(const std::string& what) const {
  return failure(ErrorKind::failed_precondition,
                 "image " + name_ + " cannot be used: " + what + "; pull it anew, or configure another one");
}

}  // namespace podsandbox::containerd_runtime

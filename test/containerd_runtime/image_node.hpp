#pragma once

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "messages/log.hpp"
#include "services/containerd/connection.hpp"
#include "services/containerd/runtime/images.hpp"
#include "services/host/flow.hpp"
#include "test/containerd_runtime/fake_image_services.hpp"
#include "test/containerd_runtime/image_blobs.hpp"

namespace podsandbox::test {

/// What a flow has come to, or will.
template <class T>
class Promised {
 public:
  explicit Promised(std::future<T> future) : future_(std::move(future)) {}
  T get() {
    BOOST_TEST_REQUIRE((future_.wait_for(std::chrono::seconds(30)) == std::future_status::ready),
                       "it never ends");
    return future_.get();
  }
  bool is_there() const { return future_.wait_for(std::chrono::seconds(0)) == std::future_status::ready; }

 private:
  std::future<T> future_;
};

/// A containerd that is none, a loop, and the images under test. The flows of one pod can be dropped.
struct ImageNode {
  static constexpr auto patience = std::chrono::seconds(600);

  explicit ImageNode(FakeImageServices::Pulls pulls = FakeImageServices::Pulls::by_cri) : fake(pulls) {
    log::set_sink([this](log::Level, std::string_view, std::string_view, std::string_view message) {
      const std::lock_guard lock(log_mutex);
      logged.emplace_back(message);
    });
    run([this] {
      images = std::make_unique<containerd_runtime::Images>(
          loop, connection, containerd_runtime::Platform{"linux", "amd64", ""}, patience);
    });
  }
  ~ImageNode() {
    run([this] {
      pod.drop_all();
      pods.drop_all();
      images.reset();
    });
    log::set_sink(nullptr);
    BOOST_TEST(fake.violations().empty());
    for (const auto& violation : fake.violations()) BOOST_TEST_MESSAGE(violation);
  }

  void run(const std::function<void()>& task) const {
    std::promise<void> done;
    loop.post([&] {
      task();
      done.set_value();
    });
    done.get_future().get();
  }

  template <class T>
  Promised<T> start(host::Flows& flows, std::function<host::Flow<T>()> make) {
    auto promise = std::make_shared<std::promise<T>>();
    run([&] {
      host::deliver<T>(flows, make(), [promise](T value) { promise->set_value(std::move(value)); });
    });
    return Promised<T>(promise->get_future());
  }

  using Got = Result<containerd_runtime::Image>;
  Promised<Got> get(const std::string& reference) { return get(reference, pods); }
  Promised<Got> get(const std::string& reference, host::Flows& flows) {
    return start<Got>(flows, [&] { return images->get(reference); });
  }
  Promised<Result<Done>> unpack(const containerd_runtime::Image& image,
                                const std::string& snapshotter = "overlayfs") {
    return start<Result<Done>>(pods, [&] { return images->unpack(image, snapshotter); });
  }

  /// An image of this name whose configuration says `who`, with layers of these names, each of one byte.
  ::containerd::types::Descriptor make(const std::string& who,
                                       const std::vector<std::string>& layers = {"a", "b"}) {
    BlobStore store;
    Json diff_ids = Json::array();
    Json blobs = Json::array();
    for (const auto& layer : layers) {
      const auto digest = containerd_runtime::sha256_digest("packed " + layer);
      const auto diff_id = containerd_runtime::sha256_digest(layer);
      diff_ids.push_back(diff_id);
      blobs.push_back({{"mediaType", oci_layer}, {"digest", digest}, {"size", 1}});
      fake.put_layer(digest, diff_id);
    }
    const auto config = store.add(oci_config, Json{{"os", "linux"},
                                                   {"architecture", "amd64"},
                                                   {"config", {{"Entrypoint", {"/" + who}}}},
                                                   {"rootfs", {{"diff_ids", diff_ids}}}});
    const auto manifest = store.add(oci_manifest, Json{{"config", config}, {"layers", blobs}});
    const auto index = store.add(
        oci_index, Json{{"manifests", Json::array({with_platform(manifest, platform_of("amd64"))})}});
    for (const auto& [digest, bytes] : store.blobs) fake.put_blob(digest, bytes);
    ::containerd::types::Descriptor target;
    target.set_media_type(oci_index);
    target.set_digest(index["digest"].get<std::string>());
    target.set_size(index["size"]);
    return target;
  }

  std::size_t told(const std::string& part) {
    const std::lock_guard lock(log_mutex);
    return static_cast<std::size_t>(std::count_if(logged.begin(), logged.end(), [&](const auto& line) {
      return line.find(part) != std::string::npos;
    }));
  }

  FakeImageServices fake;
  host::Loop loop;
  containerd_client::Connection connection{fake.socket(), std::chrono::seconds(20)};
  std::unique_ptr<containerd_runtime::Images> images;
  host::Flows pods, pod;
  std::mutex log_mutex;
  std::vector<std::string> logged;
};

template <class T>
void check_failure(const Result<T>& result, ErrorKind kind, const std::vector<std::string>& parts) {
  BOOST_TEST_REQUIRE(!result.has_value());
  const auto& error = result.error();
  BOOST_TEST(int(error.kind) == int(kind), error.message);
  for (const auto& part : parts) {
    BOOST_TEST(error.message.find(part) != std::string::npos,
               "'" << part << "' is not in: " << error.message);
  }
}

}  // namespace podsandbox::test

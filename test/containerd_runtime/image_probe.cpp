#include <future>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "messages/log.hpp"
#include "services/containerd/connection.hpp"
#include "services/containerd/runtime/images.hpp"
#include "services/host/flow.hpp"

/// image_probe SOCKET ARCHITECTURE: asks a real containerd for images, as the runtime does.
///
/// Each line of the input is a question, {"image": NAME} or {"image": NAME, "unpack": SNAPSHOTTER}, each line
/// of the output its answer: what is known of the image, or {"error": TEXT}. The log goes to stderr.
namespace {

using namespace podsandbox;
using containerd_runtime::Image;
using containerd_runtime::Images;
using Json = nlohmann::json;

host::Flow<Result<Image>> ask(Images& images, std::string name, std::string snapshotter) {
  auto looking = images.get(name);
  auto image = co_await looking;
  if (!image || snapshotter.empty()) co_return image;
  auto unpacking = images.unpack(*image, snapshotter);
  const auto unpacked = co_await unpacking;
  if (!unpacked) co_return tl::unexpected(unpacked.error());
  co_return image;
}

Json to_json(const Result<Image>& image) {
  if (!image) return {{"error", image.error().message}};
  const auto& content = *image->content;
  Json layers = Json::array();
  for (const auto& layer : content.layers)
    layers.push_back({{"blob", layer.blob.digest}, {"chain", layer.chain_id}});
  return {{"name", image->name},
          {"entrypoint", content.config.entrypoint},
          {"user", content.config.user},
          {"labels", content.labels},
          {"layers", layers},
          {"chain", content.chain_id()},
          {"config", content.config_digest}};
}

/// Runs `task` on the loop, and waits until it has been.
template <class Task>
void run(host::Loop& loop, Task task) {
  std::promise<void> done;
  loop.post([&] {
    task();
    done.set_value();
  });
  done.get_future().get();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  log::set_sink([](log::Level, std::string_view, std::string_view, std::string_view message) {
    std::cerr << message << std::endl;
  });
  host::Loop loop;
  containerd_client::Connection containerd(argv[1], std::chrono::seconds(10));
  std::unique_ptr<Images> images;
  host::Flows flows;
  run(loop, [&] {
    images = std::make_unique<Images>(loop, containerd, containerd_runtime::Platform{"linux", argv[2], ""},
                                      std::chrono::minutes(1));
  });
  for (std::string line; std::getline(std::cin, line);) {
    const auto question = Json::parse(line);
    std::promise<Json> answer;
    run(loop, [&] {
      host::deliver<Result<Image>>(flows, ask(*images, question["image"], question.value("unpack", "")),
                                   [&](const Result<Image>& image) { answer.set_value(to_json(image)); });
    });
    std::cout << answer.get_future().get() << std::endl;
  }
  run(loop, [&] {
    flows.drop_all();
    images.reset();
  });
  return 0;
}

#include "services/linux/keeper_inventory.hpp"

#include <memory>
#include <utility>

namespace podsandbox::linux_runtime {

namespace {

struct Reading {
  KeeperClient& keeper;
  std::vector<KeeperAnswer> entries;
  std::function<void(Result<std::vector<KeeperAnswer>>&&)> done;
};

void read_from(const std::shared_ptr<Reading>& reading, unsigned slot) {
  reading->keeper.next(slot, [reading](Result<KeeperAnswer>&& answer) {
    if (!answer) return reading->done(tl::unexpected(answer.error()));
    if (answer->reply.state == keeper_none) return reading->done(std::move(reading->entries));
    const unsigned following = answer->reply.slot + 1;
    reading->entries.push_back(std::move(*answer));
    read_from(reading, following);
  });
}

}  // namespace

void read_inventory(KeeperClient& keeper, std::function<void(Result<std::vector<KeeperAnswer>>&&)> done) {
  read_from(std::make_shared<Reading>(Reading{keeper, {}, std::move(done)}), 0);
}

}  // namespace podsandbox::linux_runtime

#include "services/linux/sandboxes.hpp"

#include <utility>

#include "services/linux/start_job.hpp"

namespace podsandbox::linux_runtime {

Sandboxes::~Sandboxes() {
  for (const auto& [id, sandbox] : sandboxes_) {  // they and those who work on them hold one another
    sandbox->busy.reset();
    sandbox->turns.clear();
    sandbox->child.reset();
  }
}

SandboxPtr Sandboxes::get(const std::string& id) {
  SandboxPtr& sandbox = sandboxes_[id];
  if (!sandbox) {
    sandbox = std::make_shared<Sandbox>();
    sandbox->id = id;
  }
  return sandbox;
}

SandboxPtr Sandboxes::find(const std::string& id) const {
  const auto it = sandboxes_.find(id);
  return it == sandboxes_.end() ? nullptr : it->second;
}

std::vector<SandboxPtr> Sandboxes::all() const {
  std::vector<SandboxPtr> all;
  for (const auto& [id, sandbox] : sandboxes_) all.push_back(sandbox);
  return all;
}

void Sandboxes::add_turn(const SandboxPtr& sandbox, Turn turn) {
  sandbox->turns.push_back(std::move(turn));
  advance(sandbox);
}

void Sandboxes::add_next_turn(const SandboxPtr& sandbox, Turn turn) {
  sandbox->turns.push_front(std::move(turn));
  advance(sandbox);
}

void Sandboxes::cancel_starts(const Sandbox& sandbox) {
  for (const Turn& turn : sandbox.turns) {
    if (turn.start) turn.start->cancel();
  }
  if (const auto busy = sandbox.busy) busy->cancel();
}

void Sandboxes::advance(const SandboxPtr& sandbox) {
  if (sandbox->taken) return;
  if (sandbox->turns.empty()) {
    if (sandbox->empty()) sandboxes_.erase(std::string(sandbox->id));
    return;
  }
  const Turn turn = std::move(sandbox->turns.front());
  sandbox->turns.pop_front();
  sandbox->taken = true;
  sandbox->busy = turn.start;
  turn.run([this, sandbox] {
    // Not from within: whoever has had its turn is not to find the next one's traces.
    loop_.post([this, sandbox] {
      sandbox->taken = false;
      sandbox->busy.reset();
      advance(sandbox);
    });
  });
}

}  // namespace podsandbox::linux_runtime

#include "test/crash/row.hpp"

#include <fstream>
#include <map>
#include <mutex>
#include <utility>

#include "services/journal/store.hpp"

namespace podsandbox::test {

namespace {

// Its programs are copied.
std::unique_ptr<Site> make_site_alone() {
  const std::lock_guard lock(spawning());
  return make_site();
}

}  // namespace

Row::Row(const Story& story, std::vector<std::optional<Pass>> kills)
    : story_(story),
      kills_(std::move(kills)),
      site_(make_site_alone()),
      daemon_(site_->path(), site_->daemon_options()),
      client_(story, *site_) {}

void Row::run() {
  try {
    for (const auto& kill : kills_) run_doomed(kill);
    run_shipped();
    end_daemon();
    check_what_is_left();
  } catch (const std::exception& e) {
    faults_.emplace_back(e.what());
  }
  faults_.insert(faults_.end(), client_.faults().begin(), client_.faults().end());
}

void Row::run_doomed(const std::optional<Pass>& kill) {
  std::filesystem::remove(site_->path() / "passes");
  const bool first = std::exchange(first_, false);
  passes_before_ = 0;
  std::vector<std::string> environment{"PODSANDBOX_FAILPOINT_LOG=" + (site_->path() / "passes").string()};
  if (kill) environment.push_back("PODSANDBOX_FAILPOINT=" + kill->text());
  try {
    if (daemon_.start("podsandboxd-failpoints", environment)) {
      client_.connect(daemon_);
      client_.go_on(story_.killed_before, [&](std::size_t step) {
        if (first && step == story_.killed_from) passes_before_ = pass_names().size();
      });
    }
    // What it does after the last answer may be where it is to die.
    constexpr auto moment = std::chrono::milliseconds(100);
    if (kill && !eventually([this] { return daemon_.ended(); }, moment)) as_planned_ = false;
  } catch (const DaemonDied& died) {
    const bool killed = eventually([this] { return daemon_.ended(); }) && daemon_.was_killed();
    if (!kill || !killed) faults_.push_back("a daemon ended, or did not answer, unasked: " + died.why);
  }
  end_daemon();
  if (!story_.dies_while_away) return;
  site_->kill_processes();
  client_.process_was_killed();
}

void Row::run_shipped() {
  try {
    if (!daemon_.start("podsandboxd", {})) throw DaemonDied{"it does not start"};
    client_.connect(daemon_);
    client_.go_on(story_.steps.size(), [this](std::size_t step) {
      if (!client_.start_was_undone() || story_.steps[step] != Step::shutdown) return;
      const bool undone = eventually([this] { return site_->leftovers().empty(); });
      if (!undone) faults_.push_back("of a Start that was undone there is" + site_->leftovers());
    });
    if (!client_.start_was_undone() && !site_->leftovers().empty()) {
      faults_.push_back("after Shutdown there is" + site_->leftovers());
    }
    client_.see_the_end();
  } catch (const DaemonDied& died) {
    faults_.push_back("the last daemon ended, or did not answer: " + died.why);
  }
}

void Row::end_daemon() {
  daemon_.kill();
  client_.end_connection();
}

void Row::check_what_is_left() {
  const auto left = [this] { return site_->leftovers() + site_->other_leftovers(); };
  if (!eventually([&] { return left().empty(); }, std::chrono::seconds(5)))
    faults_.push_back("left:" + left());
  const auto journal = journal::Store::open(site_->path() / "data", {1000, std::chrono::hours(1)});
  if (!journal) return faults_.push_back(journal.error().message);
  if (!journal->contents.sandboxes.empty()) faults_.emplace_back("left: a sandbox in the journal");
  if (journal->contents.events.size() != client_.events_seen())
    faults_.emplace_back("the journal has other events");
  faults_.insert(faults_.end(), journal->notices.begin(), journal->notices.end());
}

std::vector<std::string> Row::pass_names() const {
  std::vector<std::string> names;
  std::ifstream file(site_->path() / "passes");
  for (std::string name; std::getline(file, name);) names.push_back(name);
  return names;
}

std::vector<Pass> Row::passes() const {
  std::vector<Pass> passes;
  std::map<std::string, unsigned> count;
  for (const auto& name : pass_names()) passes.push_back({name, ++count[name]});
  passes.erase(passes.begin(), passes.begin() + static_cast<std::ptrdiff_t>(passes_before_));
  return passes;
}

}  // namespace podsandbox::test

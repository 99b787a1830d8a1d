#include "services/linux/shims/shim_log.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <system_error>

#include "services/host/system_error.hpp"

namespace podsandbox::linux_runtime {

namespace {

constexpr std::size_t longest_line = 16 << 10;
constexpr unsigned buffers_in_a_turn = 16;  // then it is others' turn

}  // namespace

log::Level level_of_shim_line(std::string_view line) {
  const auto has = [line](std::string_view level) {
    return line.find(std::string("level=") + std::string(level)) != std::string_view::npos;
  };
  if (has("error") || has("fatal") || has("panic")) return log::Level::error;
  if (has("info")) return log::Level::info;
  if (has("debug") || has("trace")) return log::Level::debug;
  return log::Level::warn;
}

// Lives on the loop of its own.
class ShimLogs::Fifo : public std::enable_shared_from_this<Fifo> {
 public:
  Fifo(host::Loop& loop, std::string id, host::UniqueFd fd)
      : loop_(loop), id_(std::move(id)), fd_(std::move(fd)) {}

  void watch() {
    watch_ = loop_.watch(fd_.get(), [this] { drain(buffers_in_a_turn); });
    if (!watch_) log::error("shims", id_, host::because("reading its shim's log"));
  }
  void finish() {
    if (watch_) loop_.unwatch(*watch_);
    drain(buffers_in_a_turn);
    if (!line_.empty()) tell();
  }

 private:
  void drain(unsigned buffers) {
    std::array<char, 4096> buffer{};
    for (; buffers > 0; --buffers) {
      const auto got = ::read(fd_.get(), buffer.data(), buffer.size());
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return;
      for (const char c : std::string_view(buffer.data(), static_cast<std::size_t>(got))) {
        if (c != '\n') line_ += c;
        if (c == '\n' || line_.size() >= longest_line) tell();
      }
    }
  }
  void tell() {
    log::write(level_of_shim_line(line_), "shim", id_, line_);
    line_.clear();
  }

  host::Loop& loop_;
  const std::string id_;
  const host::UniqueFd fd_;
  std::optional<host::Loop::WatchId> watch_;
  std::string line_;  // as far as it has come
};

ShimLogs::~ShimLogs() {
  if (loop_) loop_->stop();
}

Result<Done> ShimLogs::read(const std::string& id, const std::string& fifo) {
  if (fifos_.contains(id)) return Done{};
  if (mkfifo(fifo.c_str(), 0600) != 0 && errno != EEXIST) {
    return failure(ErrorKind::unavailable, host::because("making " + fifo));
  }
  // For writing, too: so it has no end when a shim has ended.
  host::UniqueFd fd(open(fifo.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return failure(ErrorKind::unavailable, host::because("opening " + fifo));
  try {
    if (!loop_) loop_ = std::make_unique<host::Loop>();
  } catch (const std::system_error& e) {
    return failure(ErrorKind::resource_exhausted, std::string("reading shims' logs: ") + e.what());
  }
  const auto added = std::make_shared<Fifo>(*loop_, id, std::move(fd));
  fifos_.emplace(id, added);
  loop_->post([added] { added->watch(); });
  return Done{};
}

void ShimLogs::forget(const std::string& id) {
  const auto node = fifos_.extract(id);
  if (node) loop_->post([fifo = node.mapped()] { fifo->finish(); });
}

}  // namespace podsandbox::linux_runtime

#pragma once

#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "messages/message_types.hpp"
#include "messages/sandbox_record.hpp"

/// The runtime port: what makes sandboxes run. Every runtime is an actor of type `RuntimePort`, and there may
/// be several, each with its own sandboxes; the conformance suite (test/conformance) speaks it too.
///
/// Contract:
/// - Nothing blocks: each request is answered when it is done, other sandboxes' requests go on meanwhile.
/// - Requests for one id take effect in the order in which they arrive. One exception: a `Cleanup` makes a
///   `Start` of the same id that has not finished give up (it then answers ABORTED).
/// - Every request may be repeated, also after the actor that sent it or the runtime's actor died.
namespace podsandbox::runtime {

/// Make everything that the sandbox needs and run its first process. Answers when it runs. On failure
/// nothing is left, or the answer's message says what is, and `Cleanup` removes it.
/// Of an id that was started already, and is not cleaned up: the same answer again. Errors: UNIMPLEMENTED for
/// what the runtime cannot honour, INVALID_ARGUMENT for what makes no sense; each names the field.
struct Start {
  SpecPtr spec;
};

/// Send a signal to the first process. NOT_FOUND when no such process runs.
struct Kill {
  std::string id;
  int signal = 0;
};

/// What `Cleanup` takes away.
enum class Extent : std::uint8_t {
  task,        ///< the dead first process and what belongs to it alone
  everything,  ///< all that Start made; a process that still runs is killed first
};

/// Remove what `Start` made, whether or not it succeeded. The exit is forgotten: only ask when it is known
/// elsewhere. Of an id of which nothing exists: Done.
struct Cleanup {
  std::string id;
  Extent extent = Extent::task;
};

/// One sandbox as the runtime sees it now.
struct Process {
  std::string id;
  std::uint32_t pid = 0;
  std::uint64_t start_time = 0;
  std::optional<Exit> exit;  // absent: it runs

  bool operator==(const Process&) const = default;
};

/// NOT_FOUND when the runtime has none of that id.
struct Inspect {
  std::string id;
};

/// All that is ours.
struct Holdings {
  std::vector<Process> processes;    // running, or dead and not cleaned up
  std::vector<std::string> remains;  // ids of which there is no process (any more), and something else
  std::vector<std::string> ended{};  // ids whose process has ended, in a way that is still being found out
};

struct ListAll {};

/// What the Start of this sandbox was asked, for somebody who has forgotten it. NOT_FOUND when nothing of a
/// started one is held under this id.
struct Recall {
  std::string id;
};

/// Resource figures of the sandbox's cgroup, as containerd's cgroup v1 or v2 metrics message.
/// FAILED_PRECONDITION when it has no cgroup.
struct ReadMetrics {
  std::string id;
};

/// An exit that the runtime saw (`process.exit` is there). Repeated, as the answer to `Subscribe`, until it
/// is cleaned up.
struct Exited {
  Process process;
};

using ExitSubscriber = caf::typed_actor<caf::reacts_to<Exited>>;

/// Send every exit to `to` from now on, first those that are not cleaned up. The last subscriber wins.
struct Subscribe {
  ExitSubscriber to;
};

}  // namespace podsandbox::runtime

namespace podsandbox {

using RuntimePort = caf::typed_actor<
    caf::replies_to<runtime::Start>::with<Result<Started>>,
    caf::replies_to<runtime::Kill>::with<Result<Done>>, caf::replies_to<runtime::Cleanup>::with<Result<Done>>,
    caf::replies_to<runtime::Inspect>::with<Result<runtime::Process>>,
    caf::replies_to<runtime::ListAll>::with<Result<runtime::Holdings>>,
    caf::replies_to<runtime::Recall>::with<Result<SpecPtr>>,
    caf::replies_to<runtime::ReadMetrics>::with<Result<Payload>>, caf::reacts_to<runtime::Subscribe>>;

}  // namespace podsandbox

PODSANDBOX_MESSAGE(podsandbox::runtime::Start)
PODSANDBOX_MESSAGE(podsandbox::runtime::Kill)
PODSANDBOX_MESSAGE(podsandbox::runtime::Cleanup)
PODSANDBOX_MESSAGE(podsandbox::runtime::Inspect)
PODSANDBOX_MESSAGE(podsandbox::runtime::ListAll)
PODSANDBOX_MESSAGE(podsandbox::runtime::Recall)
PODSANDBOX_MESSAGE(podsandbox::runtime::ReadMetrics)
PODSANDBOX_MESSAGE(podsandbox::runtime::Exited)
PODSANDBOX_MESSAGE(podsandbox::runtime::Subscribe)

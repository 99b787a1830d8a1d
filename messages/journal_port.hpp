#pragma once

#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>

#include "messages/journal.hpp"
#include "messages/message_types.hpp"

/// The port to the journal: where state goes that must survive this process.
///
/// Contract:
/// - A `Write` is answered Done when it is on the disk: no power cut undoes it. One that need not survive a
///   power cut, when it is with the kernel: no death of this process undoes it. After a power cut there are
///   all writes up to some moment, which is not before the last one that was to survive it.
/// - Writes take effect in the order in which they arrive, each as a whole or not at all. One that failed
///   has changed nothing; but while its answer is outstanding, or when its actor died, nobody knows.
/// - Errors: RESOURCE_EXHAUSTED, the disk is full. UNAVAILABLE, it cannot be written, or the actor died. Both
///   pass without anybody's help here: write it again later. INVALID_ARGUMENT, the write makes no sense.
/// - ABORTED: the journal was lost or damaged and begun anew, so what was written before may be missing.
///   Write everything again, in one `Write`. Told once, in answer to the first write after it happened,
///   which has changed nothing.
namespace podsandbox {

using JournalPort = caf::typed_actor<caf::replies_to<journal::Write>::with<Result<Done>>>;

}  // namespace podsandbox

PODSANDBOX_MESSAGE(podsandbox::journal::Write)

#pragma once

namespace podsandbox::bench {

/// How much is measured: enough for figures to be quoted, or just enough to see that it works.
enum class Effort { full, quick };

// Each starts what it needs, prints its part of the report and removes what it started. Throws
// std::runtime_error when something that it needs does not work: wrong figures are worse than none.

void api_bench(Effort effort);
void exit_bench(Effort effort);
void start_bench(Effort effort);
void memory_bench(Effort effort);
void recovery_bench(Effort effort);
void journal_bench(Effort effort);

}  // namespace podsandbox::bench

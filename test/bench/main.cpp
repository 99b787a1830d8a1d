// podsandbox-bench NAME [quick]: runs one benchmark. A process each, so that none finds what another left in
// memory.

#include <cstdio>
#include <exception>
#include <map>
#include <string>

#include "test/bench/benchmarks.hpp"

int main(int argc, char** argv) {
  using namespace podsandbox::bench;
  const std::map<std::string, void (*)(Effort)> benchmarks = {
      {"api", api_bench},       {"exit", exit_bench},         {"start", start_bench},
      {"memory", memory_bench}, {"recovery", recovery_bench}, {"journal", journal_bench}};
  const auto chosen = benchmarks.find(argc > 1 ? argv[1] : "");
  const bool quick = argc == 3 && std::string(argv[2]) == "quick";
  if (chosen == benchmarks.end() || (argc > 2 && !quick)) {
    std::fprintf(stderr, "usage: %s api|exit|start|memory|recovery|journal [quick]\n", argv[0]);
    return 2;
  }
  try {
    chosen->second(quick ? Effort::quick : Effort::full);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s: %s\n", chosen->first.c_str(), e.what());
    return 1;
  }
  return 0;
}

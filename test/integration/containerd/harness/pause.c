/* The pause program of the built-in controller's pods: waits, reaps, and ends when told to. Or, by its hostname: "exit-N"
 * exits with N, "crash-N" dies of a fault that raises signal N (SIGBUS or SIGSEGV). */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void end(int signal_number) {
  (void)signal_number;
  _exit(0);
}

static void reap(int signal_number) {
  (void)signal_number;
  while (waitpid(-1, 0, WNOHANG) > 0) {
  }
}

/* The N of "<order>-N", or -1. */
static int ordered(const char *order) {
  char name[65] = "";
  const size_t length = strlen(order);
  gethostname(name, sizeof name - 1);
  return strncmp(name, order, length) == 0 && name[length] == '-' ? atoi(name + length + 1) : -1;
}

/* A pid 1 cannot be killed from within its namespace, but by a fault of its own it can. */
static void crash(int signal_number) {
  const struct rlimit no_core = {0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  const int empty_file = memfd_create("empty", 0);
  volatile char *beyond_its_end = mmap(0, 1, PROT_WRITE, MAP_SHARED, empty_file, 0);
  volatile char *volatile nowhere = signal_number == SIGBUS ? beyond_its_end : 0;
  *nowhere = 1;
}

int main(void) {
  signal(SIGTERM, end);
  signal(SIGINT, end);
  signal(SIGCHLD, reap);
  if (ordered("exit") >= 0) _exit(ordered("exit"));
  if (ordered("crash") >= 0) crash(ordered("crash"));
  for (;;) pause();
}

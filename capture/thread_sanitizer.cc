// What ThreadSanitizer is told to overlook; built into programs under it only. moodycamel's queue
// recycles its blocks behind stand-alone fences, which ThreadSanitizer does not model (GCC says so:
// -Wtsan). What passes through the queue is handed over by its semaphore, which it does.
// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming): ThreadSanitizer's name.
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() {
  return "race:moodycamel::ConcurrentQueue\n";
}
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)

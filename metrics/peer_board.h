// What the page for people shows, as JSON: which peers lose packets now, and how the capture fares.
// It counts and judges nothing itself.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "analyzer/snapshot.h"
#include "metrics/exposition.h"
#include "metrics/peer_history.h"

namespace lossgazer {

struct PeerBoardConfig {
  std::string host;  // whose packets these are
  BuildInfo build;
  // The latest totals, quickly. Called by one thread at a time.
  std::function<Snapshot()> snapshot;
  std::function<std::optional<std::string>()> not_ready;  // nothing, or why not
  // What people call a peer, empty if nothing; unset: nobody has a name. Must be quick.
  std::function<std::string(const PeerKey&)> name = nullptr;
  PeerHistoryConfig history = {};
  std::function<std::chrono::steady_clock::time_point()> now = std::chrono::steady_clock::now;
  std::function<CaptureTime()> wall_clock = nullptr;  // unset: the system's
};

// Thread-safe: one thread calls observe() several times a second, any thread asks for json().
class PeerBoard {
 public:
  explicit PeerBoard(PeerBoardConfig config);

  // Takes a snapshot into the history when its time has come.
  void observe();

  // The `top` worst peers (all, if not said) by what they lost in the last minute, with their
  // history, and the capture's health; the schema is in metrics/README.md. True at once: unlike
  // /metrics, it shows no counter at 0 that is not. Throws what the snapshot throws.
  [[nodiscard]] std::string json(std::optional<size_t> top) const;

 private:
  PeerBoardConfig config_;
  std::chrono::steady_clock::time_point started_;
  // Held while a snapshot is taken, too: one older than the history's would seem to count down.
  mutable std::mutex mutex_;
  PeerHistory history_;
};

}  // namespace lossgazer

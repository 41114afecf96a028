// Segments that came again or late, in the order they came. A retransmission waits here until its
// fate is known: only then is it counted as loss, since counters never go down.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "analyzer/loss_counters.h"
#include "analyzer/pool.h"
#include "analyzer/scene.h"
#include "analyzer/segment.h"
#include "analyzer/segment_log.h"
#include "analyzer/seq_num.h"
#include "analyzer/units.h"

namespace lossgazer {

struct Repeat {
  enum class Fate : uint8_t {
    kPending,     // a retransmission that was not acknowledged yet
    kUnanswered,  // so for long that it was counted as such: nothing was heard since the first copy
    kAcknowledged,  // a DSACK may still say that it was needless
    kNeeded,        // a loss, unless we find to have missed packets ourselves
    kLost,          // counted: the first copy was lost
    kSpurious,      // counted: the first copy had arrived
    kLate,          // not a retransmission: the original, out of order
    kUnsure,        // counted as nothing: we may have missed what would tell
    kCopied,        // nor this: a copy that the network made, and the receiver may report
  };
  StreamOffset begin;
  StreamOffset end;
  CopyEvidence copy;
  CaptureTime first_copy{};        // when the first copy, or what followed it, was captured
  CaptureTime since{};             // what was captured from here on says what was lost
  CaptureTime due{};               // when its fate is to be looked at
  std::array<uint16_t, 2> lost{};  // packets that are lost if it was needed, by Side
  uint16_t packets = 1;            // wire packets
  bool deferred = false;           // not counted yet: it may be new, and its gap our own miss
  bool acked_in_time = false;      // and not sooner than one that answers it
  bool numbered = false;           // the census counts what was lost before the capture point
  bool first_was_seen = true;      // none of its bytes is known to have been missing
  bool at_left_edge = false;       // it began at the first byte not acknowledged
  Fate fate = Fate::kPending;
  uint32_t duplicated_bytes = 0;  // the receiver said that it had them already
  uint32_t next = kNone;
};

// Bounded: when there is no room the oldest is settled at once, as a loss if it still waits.
// Not thread-safe.
class RepeatList {
 public:
  static constexpr uint32_t kMax = 1024;

  [[nodiscard]] bool empty() const { return repeats_.empty(); }

  void add(const Scene& scene, const Repeat& repeat);
  // The newest copy here that holds `offset`, or null. Valid until the list changes.
  [[nodiscard]] const Repeat* find(const Pool<Repeat>& pool, StreamOffset offset) const;

  // The copy that began at `begin` and bore this timestamp, or null. Valid until the list changes.
  [[nodiscard]] const Repeat* find_copy(const Pool<Repeat>& pool, StreamOffset begin,
                                        uint32_t tsval) const;

  struct Acknowledgment {
    const Segment& segment;
    StreamOffset before;                // acknowledged until now
    StreamOffset acked;                 // and from now on
    bool echoes = false;                // the receiver is known to echo timestamps
    std::optional<Duration> least_rtt;  // of this leg, if known
  };
  // Eifel (RFC 3522), or else ACK timing, may show a retransmission spurious, or needed.
  void acknowledge(const Scene& scene, const Acknowledgment& acknowledgment);
  // The receiver has [begin, end), beyond what it acknowledges since `now`. Sooner than a
  // round trip after a repeat of it, that is the first copy.
  void hold(const Scene& scene, StreamOffset begin, StreamOffset end, CaptureTime now,
            std::optional<Duration> least_rtt);
  // The receiver said that it received [begin, end) twice (RFC 2883). A super-packet is spurious by
  // wire packets, and as a whole once all of them are.
  // `now` is when it said so, `least_rtt` its leg's.
  // `copied`: the network is known to copy this direction's packets. Returns whether anything sent
  // twice explains the duplicate; else the network made it.
  bool mark_duplicated(const Scene& scene, StreamOffset begin, StreamOffset end, CaptureTime now,
                       Duration least_rtt, bool copied);
  // The receiver said again at `now`, in the same words, that it acknowledges all up to `acked`:
  // what it had already, of all that was sent lately, but no later than `sent_until`, or null.
  // Valid until the list changes.
  [[nodiscard]] Repeat* answered(const Scene& scene, StreamOffset acked, CaptureTime now,
                                 CaptureTime sent_until) const;
  // One packet of this repeat was answered so.
  static void mark_answered(const Scene& scene, Repeat& repeat);
  // The original of the retransmission that was captured as `copy` came after it.
  void mark_overtaking(const Scene& scene, const CopyEvidence& copy, Evidence evidence);

  // Counts what is decided by now, and forgets what is too old to matter. The outcome is the same
  // however often it is called, if only before each packet of the flow.
  void settle(const Scene& scene, CaptureTime now);
  // Nothing more will be heard: decides everything.
  void finish(const Scene& scene);

 private:
  void make_room(const Scene& scene);
  static void make_spurious(const Scene& scene, Repeat& repeat, Evidence evidence);
  static void mark_one(const Scene& scene, Repeat& repeat, uint64_t bytes, Evidence evidence);
  static void report_spurious(const Scene& scene, Repeat& repeat, Evidence evidence);

  PooledList<Repeat> repeats_;
  CaptureTime next_due_ = CaptureTime::max();
  bool forgot_ = false;  // some that waited, for want of room: they may be reported still
};

}  // namespace lossgazer

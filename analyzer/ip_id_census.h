// One direction's identification numbers: how a packet's stands to those before it, and what became
// of those that were left out. Where the counter is the direction's alone, one that never comes is
// a packet lost before the capture point. The numbers still to come are an IdGapList, which the
// track keeps in the pools; this knows no sequence numbers, and no time but that of a gap.
#pragma once

#include <algorithm>
#include <cstdint>

#include "analyzer/id_gap_list.h"
#include "analyzer/ip_id_mode.h"
#include "analyzer/pool.h"

namespace lossgazer {

// Not thread-safe.
class IpIdCensus {
 public:
  // What else is known of a packet and its sender.
  struct Context {
    bool takes_bytes = false;    // payload, SYN or FIN
    bool is_new = false;         // bytes beyond the highest seen
    bool acks_more = false;      // it acknowledges more than any before
    bool after_sibling = false;  // see SharedCounters
    int hole_packets = 0;        // that fit into the gap before its bytes
    int owed_acks = 0;           // packets received and not acknowledged, in what was seen
    int repeats = 0;             // that may have been sent meanwhile
  };
  // The gaps of this direction, if it is troubled.
  struct Gaps {
    IdGapList* list = nullptr;  // null: there are none
    Pool<IdGap>& pool;
  };

  // How a packet's number stands to those before it.
  struct Numbering {
    IdStep step;
    IpIdMode::Skip skip;
    int unexplained = 0;  // numbers left out that neither holes nor owed ACKs explain
  };
  // Changes nothing. A step that is plain needs no context.
  [[nodiscard]] IdStep step_to(uint16_t ip_id) const { return mode_.step_to(ip_id); }
  [[nodiscard]] Numbering number(const IdStep& step, const Context& context,
                                 const Gaps& gaps) const;
  // Whether the packet is one that was captured before, going by its number alone.
  [[nodiscard]] bool was_seen(const Numbering& numbering) const;

  // Takes a packet that is judged and no duplicate, and stands for `packets` on the wire. Returns
  // the numbers that it shows to be missing, to be put into the gaps; a `count` of 0: none.
  struct Missing {
    uint32_t first = 0;
    uint16_t count = 0;
    uint16_t lost = 0;  // so many at most are this direction's: see IdGap
  };
  struct Taken {
    Missing missing;
    bool begins = false;  // the census holds from here on, and since its base
  };
  Taken take(uint16_t ip_id, uint16_t packets, const Numbering& numbering, const Gaps& gaps);
  // The same, short, for a plain step. Returns false, and changes nothing, if that needs more: as
  // long as little is known of the counter.
  bool take_plain(uint16_t ip_id, uint16_t packets) {
    const bool after_super_packet = mode_.newest_packets() > 1;
    if (!mode_.add_plain(ip_id, packets)) return false;
    if (after_super_packet) size_proven_ = 1;
    return true;
  }
  // Whether it can do that.
  [[nodiscard]] bool is_steady_next(uint16_t ip_id) const { return mode_.is_steady_next(ip_id); }
  // So many missing numbers are not waited for any longer. Matters only before the census holds.
  void forget_missing(uint32_t count) {
    if (holds()) return;
    forgotten_ = static_cast<uint8_t>(std::min<uint32_t>(forgotten_ + count, UINT8_MAX));
  }
  // How many packets came under the census with one of `packets` on the wire, its gap included.
  [[nodiscard]] uint32_t covered_by(const Taken& taken, uint16_t packets,
                                    const Numbering& numbering, const Gaps& gaps) const;

  [[nodiscard]] const IpIdMode& mode() const { return mode_; }
  [[nodiscard]] bool holds() const { return mode_.census_holds(); }

  // New data with this numbering may be a lost tail that is sent again: nothing else explains the
  // numbers that are missing.
  [[nodiscard]] bool may_be_tail(const Numbering& numbering) const;
  // A tail was lost, and new data that leaves out `hole_packets` still belongs to it. What has one
  // of the missing numbers was not lost, but is late.
  [[nodiscard]] bool in_tail(const Numbering& numbering, int hole_packets) const {
    return tail_left_ > hole_packets && numbering.step.kind != IdStep::Kind::kPast;
  }
  // A tail was lost, and what is missing of it is yet to come.
  [[nodiscard]] bool expects_tail() const { return tail_left_ > 0; }
  // New data came under the next number, where no tail is expected.
  void note_new_data() {
    if (repeating_ != 0) repeating_ = 0;
  }
  // New data of `packets` came behind that hole, as part of a tail or not. Returns how many packets
  // were left of that tail with it, as far as is waited for.
  int settle_tail(const Numbering& numbering, bool is_tail, int packets, int hole_packets);
  // A repeat has this numbering. The numbers missing between new data and the first repeat are a
  // tail's, but for as many as `repeats`, which may have been lost likewise.
  void expect_tail(const Numbering& numbering, int repeats);

 private:
  void set_tail(int packets);

  IpIdMode mode_;
  uint8_t tail_left_ : 6 = 0;    // of a lost tail that is being sent again, packets still to come
  uint8_t repeating_ : 1 = 0;    // the newest data with a number was sent again
  uint8_t size_proven_ : 1 = 0;  // super-packets took as many numbers as their size says
  uint8_t forgotten_ = 0;        // missing numbers since the base; or more, if it cannot be greater
};

}  // namespace lossgazer

#include "analyzer/verdict.h"

namespace lossgazer {

std::string_view name_of(VerdictKind kind) {
  switch (kind) {
    case VerdictKind::kInOrder:
      return "in_order";
    case VerdictKind::kRetransmission:
      return "retransmission";
    case VerdictKind::kSpuriousRetransmission:
      return "spurious_retransmission";
    case VerdictKind::kReordered:
      return "reordered";
    case VerdictKind::kDuplicate:
      return "duplicate";
    case VerdictKind::kKeepAlive:
      return "keep_alive";
    case VerdictKind::kWindowProbe:
      return "window_probe";
  }
  return "";
}

std::string_view name_of(Evidence evidence) {
  switch (evidence) {
    case Evidence::kUndecided:
      return "undecided";
    case Evidence::kIpId:
      return "ip_id";
    case Evidence::kTsval:
      return "tsval";
    case Evidence::kAckField:
      return "ack";
    case Evidence::kIdenticalCopy:
      return "identical";
    case Evidence::kAcknowledged:
      return "acknowledged";
    case Evidence::kSacked:
      return "sacked";
    case Evidence::kSeenBefore:
      return "seen_before";
    case Evidence::kProximity:
      return "proximity";
    case Evidence::kDuplicateAcks:
      return "duplicate_acks";
    case Evidence::kSackAbove:
      return "sack_above";
    case Evidence::kTimeOut:
      return "time_out";
    case Evidence::kLowConfidence:
      return "low_confidence";
    case Evidence::kSkippedIpId:
      return "skipped_ip_id";
    case Evidence::kDsack:
      return "dsack";
    case Evidence::kEifel:
      return "eifel";
    case Evidence::kAckTiming:
      return "ack_timing";
    case Evidence::kAnnounced:
      return "announced";
    case Evidence::kWindow:
      return "window";
  }
  return "";
}

}  // namespace lossgazer

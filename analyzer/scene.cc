#include "analyzer/scene.h"

#include "analyzer/flow.h"
#include "analyzer/flow_clock.h"

namespace lossgazer {

Scene::Scene(const FlowScene& around, const Flow& flow, Sender sender)
    : pools(around.pools),
      counters(around.counters[flow.counters_index(sender)]),
      around_(around),
      flow_(flow),
      sender_(sender) {}

Scene Scene::unheard() const {
  Scene scene = *this;
  scene.unheard_ = true;
  return scene;
}

void Scene::report(VerdictKind kind, Evidence evidence, StreamOffset begin,
                   const CopyEvidence& copy, std::optional<Side> side,
                   std::optional<VerdictKind> revises) const {
  if (!around_.sink) return;
  around_.sink({.kind = kind,
                .evidence = evidence,
                .side = side,
                .revises = revises,
                .key = flow_.key(),
                .sender = sender_,
                .direction = flow_.direction_of(sender_),
                .source = static_cast<uint16_t>(copy.source),
                .frame = copy.frame,
                .time = around_.clock.stamp_of(copy.time, copy.clock()),
                .seq = SeqNum(begin),
                .payload_length = copy.payload_length});
}

uint32_t Scene::owner() const { return Flow::owner_of(around_.flow_number, sender_); }

const CaptureGaps& Scene::gaps() const { return around_.gaps.of(flow_.source(sender_)); }

CaptureTime Scene::clock_set() const { return around_.clock.stepped(); }

Duration Scene::path_rtt() const {
  return flow_.track(sender_).rtt().smoothed() + flow_.track(other(sender_)).rtt().smoothed();
}

Duration Scene::least_path_rtt() const {
  const RttLeg& ahead = flow_.track(sender_).rtt();
  const RttLeg& back = flow_.track(other(sender_)).rtt();
  return ahead.known() && back.known() ? ahead.least() + back.least() : Duration::zero();
}

Duration Scene::least_sender_rtt() const {
  const RttLeg& back = flow_.track(other(sender_)).rtt();
  return back.exact() ? back.least() : Duration::zero();
}

std::optional<CaptureTime> Scene::heard() const {
  return unheard_ ? std::nullopt : flow_.track(other(sender_)).last_packet();
}

bool Scene::heard_syn() const { return flow_.track(other(sender_)).last_was_syn(); }

bool Scene::heard_repeated_syn() const { return flow_.track(other(sender_)).syn_was_repeated(); }

uint32_t Scene::owed_acks() const { return flow_.track(other(sender_)).unacknowledged_packets(); }

std::optional<SeqNum> Scene::last_ack() const { return flow_.track(other(sender_)).last_ack(); }

bool Scene::without_sacks() const { return flow_.without_sacks(); }

bool Scene::connected() const { return flow_.connected(); }

bool Scene::census_holds() const { return flow_.track(sender_).census_holds(); }

}  // namespace lossgazer

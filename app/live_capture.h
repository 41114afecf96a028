// What `live` and `top` set up alike to sniff.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "analyzer/network_set.h"
#include "analyzer/peer_policy.h"
#include "app/options.h"
#include "app/privileges.h"
#include "capture/pipeline.h"

namespace lossgazer {

// Which ends are us; nothing: the interfaces' own addresses.
[[nodiscard]] std::optional<NetworkSet> local_ends(const Options& options);

// Whom the peers are, with their further labels.
[[nodiscard]] PeerPolicy live_peers(const Options& options);

// Captures are opened by `opener`, which must outlive the pipeline; threads enter their sandbox.
[[nodiscard]] PipelineConfig pipeline_config(const Options& options, CaptureOpener& opener);

// Of how many peers a history is kept: room for all and `other`, but for no more than some 35 MB.
[[nodiscard]] size_t history_peers(size_t peers_max);

// Empty if the system does not tell.
[[nodiscard]] std::string host_name();

}  // namespace lossgazer

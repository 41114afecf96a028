// TCP options, as far as they were captured. Never takes a cut option for an absent one.
#pragma once

#include "analyzer/byte_reader.h"
#include "analyzer/segment.h"

namespace lossgazer {

// Reads the options in `options` (their length is what the data offset says, RFC 9293, section 3.1)
// into `segment`, whose tcp_flags must be set: timestamps and the first three SACK blocks, and on
// SYNs the MSS and window scale. Fields are taken as far as they were captured, TSecr only with ACK
// (RFC 7323, section 3.2), a window scale above 14 as 14 (section 2.3). An option whose length
// contradicts itself or the header ends the reading. Sets kOptionsComplete only if everything was
// captured and read to the end; options of unknown kind or unexpected length are passed over.
void read_tcp_options(ByteReader options, Segment& segment) noexcept;

}  // namespace lossgazer

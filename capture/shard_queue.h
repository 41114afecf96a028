// The queue that carries segments from the capture threads to one worker.
#pragma once

#include "analyzer/segment.h"
#include "capture/bounded_queue.h"

namespace lossgazer {

using ShardQueue = BoundedQueue<Segment, 65'536>;

}  // namespace lossgazer

#include "app/build_info.h"

namespace lossgazer {

BuildInfo build_info() {
  return {
      .version = LOSSGAZER_VERSION, .revision = LOSSGAZER_REVISION, .compiler = LOSSGAZER_COMPILER};
}

}  // namespace lossgazer

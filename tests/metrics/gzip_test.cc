#include "metrics/gzip.h"

#include <gtest/gtest.h>
#include <zlib.h>

namespace lossgazer {
namespace {

TEST(Gzip, IsTakenByThoseWhoAskForIt) {
  for (const char* header : {"gzip", "GZIP", "deflate, gzip", "gzip;q=0.5", "gzip ; q=1.0, *;q=0",
                             "*", "x-gzip", "br;q=1.0, gzip;q=0.001", "identity;q=0, *"}) {
    EXPECT_TRUE(accepts_gzip(header)) << header;
  }
  for (const char* header : {"", "identity", "gzip;q=0", "gzip;q=0.000", "gzip; Q=0", "deflate, br",
                             "*;q=0", "gzip;q=0, *", "gzipped", "br;gzip", ",;,"}) {
    EXPECT_FALSE(accepts_gzip(header)) << header;
  }
}

std::string gunzip(const std::string& packed, size_t size) {
  std::string text(size + 1, '\0');
  z_stream stream{};
  EXPECT_EQ(inflateInit2(&stream, 15 + 16), Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(text.data());
  stream.avail_out = static_cast<uInt>(text.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  text.resize(stream.total_out);
  inflateEnd(&stream);
  return text;
}

TEST(Gzip, ComesBackWhole) {
  std::string metrics;
  for (int i = 0; i < 20'000; ++i)
    metrics += "lossgazer_packets_total{peer=\"192.0.2.1\"} " + std::to_string(i * 7919) + "\n";
  for (const std::string& text : {std::string(), std::string("a 1\n"), metrics}) {
    const auto packed = gzip(text);
    ASSERT_TRUE(packed);
    EXPECT_EQ(gunzip(*packed, text.size()), text);
  }
  EXPECT_LT(gzip(metrics)->size(), metrics.size() / 5);
}

}  // namespace
}  // namespace lossgazer

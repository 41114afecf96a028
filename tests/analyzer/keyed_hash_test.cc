#include "analyzer/keyed_hash.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <set>

namespace lossgazer {
namespace {

// The reference's key, bytes 00 to 0f, and its messages 00 01 02 … in words of 8 bytes.
constexpr HashKey kReferenceKey{0x0706050403020100, 0x0f0e0d0c0b0a0908};
constexpr uint64_t kMessage[] = {0x0706050403020100, 0x0f0e0d0c0b0a0908, 0x1716151413121110,
                                 0x1f1e1d1c1b1a1918};
constexpr HashKey kSecret{1, 2};

uint64_t hash_of_words(HashKey key, unsigned count) {
  KeyedHash hash(key);
  for (unsigned i = 0; i < count; ++i) hash.add(kMessage[i]);
  return hash.finish();
}

TEST(KeyedHash, AgreesWithTheReferenceOfSipHash13) {
  EXPECT_EQ(hash_of_words(kReferenceKey, 0), 0xabac0158050fc4dc);
  EXPECT_EQ(hash_of_words(kReferenceKey, 1), 0x369095118d299a8e);
  EXPECT_EQ(hash_of_words(kReferenceKey, 2), 0xcc4fdd1a7d908b66);
  EXPECT_EQ(hash_of_words(kReferenceKey, 3), 0xf464aeb267349c8c);
  EXPECT_EQ(hash_of_words(kReferenceKey, 4), 0x81157b6c16a7b60d);
}

TEST(KeyedHash, AgreesWithTheHashOfPythonUnderSeedZero) {
  // PYTHONHASHSEED=0 python3.11 -c 'print(hash(bytes(range(16))) % 2**64)'
  EXPECT_EQ(hash_of_words({}, 2), 0x8972188433a5c5b7);
  EXPECT_EQ(hash_of_words({}, 3), 0x31185a47af932f3a);
}

FlowKey flow(uint16_t port, uint32_t encapsulation = 0) {
  return FlowKey::between({IpAddress::v4(0xc0000201), port}, {IpAddress::v4(0xc6336407), 443},
                          encapsulation);
}

TEST(KeyedHash, DependsOnTheKey) {
  EXPECT_NE(hash_of({1, 2}, flow(40000)), hash_of({1, 3}, flow(40000)));
  EXPECT_NE(hash_of({1, 2}, flow(40000)), hash_of({2, 2}, flow(40000)));
}

TEST(KeyedHash, IsTheSameForBothDirections) {
  const Endpoint a{IpAddress::v4(0xc0000201), 40000};
  const Endpoint b{IpAddress::v4(0xc6336407), 443};
  EXPECT_EQ(hash_of(kSecret, FlowKey::between(a, b, 0)),
            hash_of(kSecret, FlowKey::between(b, a, 0)));
}

TEST(KeyedHash, EveryPartOfTheFlowCounts) {
  const Endpoint v6{*IpAddress::parse("2001:db8::1"), 40000};
  const Endpoint v6_other_network{*IpAddress::parse("2001:db8:1::1"), 40000};
  const Endpoint server{*IpAddress::parse("2001:db8::7"), 443};
  const std::set<uint64_t> hashes = {
      hash_of(kSecret, flow(40000)),
      hash_of(kSecret, flow(40001)),
      hash_of(kSecret, flow(40000, 1)),
      hash_of(kSecret, FlowKey::between(v6, server, 0)),
      hash_of(kSecret, FlowKey::between(v6_other_network, server, 0)),
  };
  EXPECT_EQ(hashes.size(), 5U);
}

}  // namespace
}  // namespace lossgazer

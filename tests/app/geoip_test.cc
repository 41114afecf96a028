#include "app/geoip.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

#include "tests/app/mmdb_writer.h"

namespace lossgazer {
namespace {

using test::MmdbValue;
using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

IpPrefix network(std::string_view text) { return *IpPrefix::parse(text); }
PeerKey address(std::string_view text) { return {.address = *IpAddress::parse(text)}; }
PeerKey prefix(std::string_view text, uint8_t length) {
  return {
      .kind = PeerKey::Kind::kPrefix, .address = *IpAddress::parse(text), .prefix_length = length};
}

test::MmdbEntry system_of(std::string_view where, uint32_t number,
                          const std::string& organisation) {
  return {
      network(where),
      {{"autonomous_system_number", {number}}, {"autonomous_system_organization", {organisation}}}};
}

test::MmdbEntry country_of(std::string_view where, const std::string& country) {
  return {network(where), {{"country", {MmdbValue::Map{{"iso_code", {country}}}}}}};
}

class GeoIpTest : public testing::Test {
 protected:
  GeoIpTest()
      : folder_(std::filesystem::temp_directory_path() /
                ("lossgazer-geoip-" + std::to_string(getpid()))) {
    std::filesystem::create_directories(folder_);
  }
  ~GeoIpTest() override { std::filesystem::remove_all(folder_); }

  // Puts the file in place as a user should: whole, under its name.
  std::string write(const std::string& name, const std::string& bytes) {
    const std::string path = folder_ / name;
    std::ofstream(path + ".new", std::ios::binary) << bytes;
    std::filesystem::rename(path + ".new", path);
    return path;
  }
  PeerInfo of(const PeerKey& key) {
    PeerInfo info;
    geoip_.describe(key, info);
    return info;
  }

  std::filesystem::path folder_;
  GeoIp geoip_;
};

TEST_F(GeoIpTest, SaysWhatBothDatabasesHold) {
  geoip_.open(
      {.asn_db = write("asn", test::mmdb("GeoLite2-ASN", 6,
                                         {system_of("198.51.100.0/24", 64500, "Example, Inc."),
                                          system_of("2001:db8::/32", 64501, "Other")})),
       .country_db = write(
           "country", test::mmdb("GeoLite2-Country", 6, {country_of("198.51.0.0/16", "NL")}))});
  EXPECT_EQ(of(address("198.51.100.7")),
            (PeerInfo{.asn = "64500", .organisation = "Example, Inc.", .country = "NL"}));
  EXPECT_EQ(of(address("198.51.7.7")), PeerInfo{.country = "NL"});
  EXPECT_EQ(of(address("2001:db8::1")), (PeerInfo{.asn = "64501", .organisation = "Other"}));
  EXPECT_EQ(of(address("203.0.113.1")), PeerInfo{});
  EXPECT_EQ(of({.kind = PeerKey::Kind::kOther}), PeerInfo{});
}

TEST_F(GeoIpTest, ANetworkIsDescribedIfOneEntryHoldsAllOfIt) {
  for (const int ip_version : {4, 6}) {
    geoip_.open({.asn_db = write("asn", test::mmdb("GeoLite2-ASN", ip_version,
                                                   {system_of("198.51.100.0/24", 64500, "A")}))});
    EXPECT_EQ(of(prefix("198.51.100.0", 24)).asn, "64500") << ip_version;
    EXPECT_EQ(of(prefix("198.51.100.128", 25)).asn, "64500") << ip_version;
    EXPECT_EQ(of(prefix("198.51.100.0", 23)).asn, "") << ip_version;
    EXPECT_EQ(of(address("2001:db8::1")).asn, "") << ip_version;
  }
}

TEST_F(GeoIpTest, OpeningAgainReadsTheNewFileAndAFailureKeepsTheOldOne) {
  GeoIpFiles files{.asn_db = write("asn", test::mmdb("GeoLite2-ASN", 6,
                                                     {system_of("198.51.100.0/24", 1, "A")}))};
  geoip_.open(files);
  write("asn", test::mmdb("GeoLite2-ASN", 6, {system_of("198.51.100.0/24", 2, "B")}));
  EXPECT_EQ(of(address("198.51.100.7")).asn, "1") << "until it is told to";
  geoip_.open(files);
  EXPECT_EQ(of(address("198.51.100.7")).asn, "2");
  write("asn", "not a database");
  EXPECT_THROW(geoip_.open(files), std::runtime_error);
  EXPECT_EQ(of(address("198.51.100.7")).asn, "2");
  geoip_.open({});
  EXPECT_EQ(of(address("198.51.100.7")), PeerInfo{});
}

TEST_F(GeoIpTest, ErrorsNameTheFileAndTheOption) {
  EXPECT_THAT([&] { geoip_.open({.asn_db = folder_ / "nowhere"}); },
              ThrowsMessage<std::runtime_error>(
                  AllOf(HasSubstr("open GeoIP database "), HasSubstr("nowhere: No such file"))));
  EXPECT_THAT([&] { geoip_.open({.country_db = write("x", "text")}); },
              ThrowsMessage<std::runtime_error>(HasSubstr("give --geoip.country-db a database")));
  const std::string cities = write("city", test::mmdb("GeoLite2-City", 6, {}));
  EXPECT_THAT([&] { geoip_.open({.asn_db = cities}); },
              ThrowsMessage<std::runtime_error>(HasSubstr("it is of type GeoLite2-City")));
  EXPECT_NO_THROW(geoip_.open({.country_db = cities}));
}

}  // namespace
}  // namespace lossgazer

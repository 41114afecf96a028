#include "app/geoip.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <maxminddb.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <span>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "app/socket_address.h"
#include "metrics/text_file.h"

namespace lossgazer {
namespace {

constexpr uint8_t kMappedBits = 96;  // before the IPv4 address in its mapped form
// Parts of the type that a database says it has. A city's entry holds its country.
constexpr std::array<std::string_view, 2> kAsnKinds = {"ASN", "ISP"};
constexpr std::array<std::string_view, 3> kCountryKinds = {"Country", "City", "Enterprise"};

}  // namespace

// One open file.
class GeoIp::Database {
 public:
  // Of a type with one of `kinds` in it; `option` is what the user gave the path to.
  Database(const std::string& path, std::span<const std::string_view> kinds,
           std::string_view option) {
    const auto failed = [&](std::string_view why) {
      return std::runtime_error(fmt::format("open GeoIP database {}: {}; give {} a database of {}",
                                            path, why, option, fmt::join(kinds, " or ")));
    };
    const int status = MMDB_open(path.c_str(), MMDB_MODE_MMAP, &database_);
    if (status == MMDB_IO_ERROR || status == MMDB_FILE_OPEN_ERROR) {
      throw std::runtime_error(
          fmt::format("open GeoIP database {}: {}", path, why_unreadable(errno)));
    }
    if (status != MMDB_SUCCESS) throw failed(MMDB_strerror(status));
    const std::string type = database_.metadata.database_type;
    if (std::ranges::none_of(kinds, [&](auto kind) { return type.find(kind) != type.npos; })) {
      MMDB_close(&database_);
      throw failed(fmt::format("it is of type {}", type));
    }
  }
  ~Database() { MMDB_close(&database_); }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // The entry that holds the address, and at least `bits` of its leading ones (of 128).
  [[nodiscard]] std::optional<MMDB_entry_s> find(const IpAddress& address, uint8_t bits) const {
    const bool only_v4 = database_.metadata.ip_version == 4;
    if (only_v4 && !address.is_v4()) return std::nullopt;
    int status = MMDB_SUCCESS;
    const MMDB_lookup_result_s result =
        MMDB_lookup_sockaddr(&database_, SocketAddress(address).get(), &status);
    if (status != MMDB_SUCCESS || !result.found_entry) return std::nullopt;
    // Where IPv6 is held too, an IPv4 address stands at ::a.b.c.d, and its bits count from there.
    if (result.netmask + (only_v4 ? kMappedBits : 0) > bits) return std::nullopt;
    return result.entry;
  }

 private:
  MMDB_s database_{};
};

namespace {

template <typename... Key>
std::string text_at(MMDB_entry_s entry, Key... path) {
  MMDB_entry_data_s data{};
  if (MMDB_get_value(&entry, &data, path..., nullptr) != MMDB_SUCCESS || !data.has_data ||
      data.type != MMDB_DATA_TYPE_UTF8_STRING) {
    return {};
  }
  return {data.utf8_string, data.data_size};
}

template <typename... Key>
std::string number_at(MMDB_entry_s entry, Key... path) {
  MMDB_entry_data_s data{};
  if (MMDB_get_value(&entry, &data, path..., nullptr) != MMDB_SUCCESS || !data.has_data ||
      data.type != MMDB_DATA_TYPE_UINT32) {
    return {};
  }
  return std::to_string(data.uint32);
}

}  // namespace

GeoIp::GeoIp() = default;
GeoIp::~GeoIp() = default;

void GeoIp::open(const GeoIpFiles& files) {
  std::unique_ptr<const Database> asn;
  std::unique_ptr<const Database> country;
  if (!files.asn_db.empty()) {
    asn = std::make_unique<const Database>(files.asn_db, kAsnKinds, "--geoip.asn-db");
  }
  if (!files.country_db.empty()) {
    country =
        std::make_unique<const Database>(files.country_db, kCountryKinds, "--geoip.country-db");
  }
  const std::lock_guard lock(mutex_);
  asn_ = std::move(asn);
  country_ = std::move(country);
}

void GeoIp::describe(const PeerKey& peer, PeerInfo& info) const {
  const bool address = peer.kind == PeerKey::Kind::kAddress;
  if (!address && peer.kind != PeerKey::Kind::kPrefix) return;
  const uint8_t bits = address ? 128 : peer.prefix().mapped_length();
  const std::lock_guard lock(mutex_);
  if (asn_) {
    if (const auto entry = asn_->find(peer.address, bits)) {
      info.asn = number_at(*entry, "autonomous_system_number");
      info.organisation = text_at(*entry, "autonomous_system_organization");
    }
  }
  if (country_) {
    if (const auto entry = country_->find(peer.address, bits)) {
      info.country = text_at(*entry, "country", "iso_code");
      if (info.country.empty()) info.country = text_at(*entry, "registered_country", "iso_code");
    }
  }
}

}  // namespace lossgazer

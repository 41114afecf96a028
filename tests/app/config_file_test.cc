#include "app/config_file.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "tests/app/config_text.h"

namespace lossgazer {
namespace {

using test::ConfigText;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

// What is wrong with it, with FILE for its name; "good" if nothing is.
std::string faults_of(std::string_view text) {
  const ConfigText file(text);
  try {
    (void)read_config_file(file.path());
  } catch (const UsageError& error) {
    std::string faults = error.what();
    for (size_t at = 0; (at = faults.find(file.path())) != std::string::npos;) {
      faults.replace(at, file.path().size(), "FILE");
    }
    return faults;
  }
  return "good";
}

std::vector<std::string> words_of(std::string_view text) {
  const ConfigText file(text);
  const std::vector<FileSetting> settings = read_config_file(file.path());
  EXPECT_THAT(settings, SizeIs(1));
  return settings.empty() ? std::vector<std::string>{} : settings.front().words;
}

TEST(ConfigFile, KeysAreNestedAtDotsOrWrittenWhole) {
  for (const char* text : {"capture: {snaplen: 96}", "capture.snaplen: 96",
                           "capture:\n  snaplen: '96'\n", "# why\ncapture:\n  snaplen: 96\n"}) {
    EXPECT_THAT(words_of(text), ElementsAre("96")) << text;
  }
}

TEST(ConfigFile, ListsAreListsAndOneStandsForItself) {
  EXPECT_THAT(words_of("local: [192.0.2.1, '2001:db8::/32']"),
              ElementsAre("192.0.2.1", "2001:db8::/32"));
  EXPECT_THAT(words_of("local: 192.0.2.1"), ElementsAre("192.0.2.1"));
  EXPECT_THAT(words_of("capture.interface: ['/eth[1,2]/']"), ElementsAre("/eth[1,2]/"));
}

TEST(ConfigFile, NothingInItIsGood) {
  for (const char* text : {"", "# nothing\n", "---\n", "peers:\n", "local: []", "{}"}) {
    const ConfigText file(text);
    EXPECT_THAT(read_config_file(file.path()), IsEmpty()) << text;
  }
}

TEST(ConfigFile, FaultsNameTheLineTheKeyTheValueAndWhatWouldDo) {
  EXPECT_EQ(faults_of("peers:\n  max: many\n"),
            "FILE:2: peers.max many: not a whole number from 1 to 10000000");
  EXPECT_EQ(faults_of("local: [192.0.2.1, example]"),
            "FILE:1: local 192.0.2.1,example: not an address or network such as 192.0.2.0/24");
  EXPECT_EQ(faults_of("capture.promiscuous: yes"),
            "FILE:1: capture.promiscuous yes: give true or false");
  EXPECT_THAT(faults_of("capture.filter: tcp porth 443"),
              StartsWith("FILE:1: capture.filter tcp porth 443: "));
  EXPECT_THAT(faults_of("capture.interface: '/[/'"), StartsWith("FILE:1: capture.interface /[/: "));
}

TEST(ConfigFile, UnknownKeysAreFaultsAndTheNearestIsNamed) {
  EXPECT_EQ(faults_of("peers: {mx: 5}"), "FILE:1: peers.mx: no such option; is it peers.max?");
  EXPECT_EQ(faults_of("\nsnaplen: 64"), "FILE:2: snaplen: no such option; is it capture.snaplen?");
  EXPECT_EQ(faults_of("pier: {max: 5}"),
            "FILE:1: pier: no such option; 'lossgazer --help' lists them");
  EXPECT_EQ(faults_of("wholly_else: 1"),
            "FILE:1: wholly_else: no such option; 'lossgazer --help' lists them");
}

TEST(ConfigFile, ValuesOfTheWrongShapeAreFaults) {
  EXPECT_EQ(faults_of("peers.max: [1, 2]"), "FILE:1: peers.max: a list; expected N");
  EXPECT_EQ(faults_of("peers.max: {a: 2}"), "FILE:1: peers.max: a mapping; expected N");
  EXPECT_EQ(faults_of("peers.max:"), "FILE:1: peers.max: no value; expected N");
  EXPECT_EQ(faults_of("local: {a: 2}"),
            "FILE:1: local: a mapping; expected CIDR or a list of them");
  EXPECT_EQ(faults_of("local: [[a]]"), "FILE:1: local: a list; expected CIDR or a list of them");
  EXPECT_EQ(faults_of("peers.group: {a: [b]}"),
            "FILE:1: peers.group: a mapping; expected a list of CIDR=NAME, or a mapping");
  EXPECT_EQ(faults_of("capture.promiscuous:"),
            "FILE:1: capture.promiscuous: no value; expected true or false");
  EXPECT_THAT(faults_of("peers: 5"), StartsWith("FILE:1: peers: no option itself"));
  EXPECT_EQ(faults_of("[1]: 5"), "FILE:1: a key that is no word");
}

TEST(ConfigFile, AnOptionGivenTwiceIsAFault) {
  EXPECT_EQ(faults_of("peers: {max: 5}\npeers.max: 6"),
            "FILE:2: peers.max: given already at FILE:1");
  EXPECT_EQ(faults_of("peers:\n  max: 5\n  max: 5\n"),
            "FILE:3: peers.max: given already at FILE:2");
}

TEST(ConfigFile, AllFaultsAreToldNotJustTheFirst) {
  EXPECT_EQ(faults_of("peers: {max: 0, tll: 5m}\nlog: {level: loud}\n"),
            "FILE:1: peers.max 0: not a whole number from 1 to 10000000\n"
            "FILE:1: peers.tll: no such option; is it peers.ttl?\n"
            "FILE:2: log.level loud: not one of debug, info, warning, error");
}

TEST(ConfigFile, NamesNoOther) {
  EXPECT_EQ(faults_of("config: {file: other.yaml}"), "FILE:1: config.file: a file names no other");
}

TEST(ConfigFile, WhatIsNoYamlOrNoMappingIsRefused) {
  EXPECT_THAT(faults_of("a: [1\n"), StartsWith("FILE:2: not YAML: "));
  EXPECT_THAT(faults_of("\tpeers: 5\n"), HasSubstr("not YAML: "));
  EXPECT_THAT(faults_of("just words"), StartsWith("FILE:1: no mapping"));
  EXPECT_THAT(faults_of("peers.max: 5\n---\npeers.max: 6\n"), HasSubstr("a second document"));
  EXPECT_THAT(faults_of("---\npeers.max: 5\n---\n, a"), HasSubstr("FILE:3: a second document"));
}

TEST(ConfigFile, WhatCannotBeReadIsNamedWithTheReason) {
  const auto fault_of = [](const std::string& path) -> std::string {
    try {
      (void)read_config_file(path);
    } catch (const UsageError& error) {
      return error.what();
    }
    return "good";
  };
  EXPECT_EQ(fault_of("/nonesuch/a.yaml"),
            "read the configuration /nonesuch/a.yaml: No such file or directory");
  EXPECT_EQ(fault_of("/proc"), "read the configuration /proc: Is a directory");
  EXPECT_THAT(fault_of("/dev/zero"), EndsWith("longer than 1 MiB, and so no configuration"));
}

TEST(ConfigFile, CheckTellsWhatDiffersFromTheDefaults) {
  const ConfigText file(
      "peers: {max: 500, ttl: 900s, exclude: [10.0.0.0/8, 192.0.2.1]}\nlog.level: info\n");
  EXPECT_EQ(check_config_file(file.path()),
            file.path() +
                ": good\n"
                "  peers.max = 500 (default: 1000)\n"
                "  peers.exclude = 10.0.0.0/8,192.0.2.1 (default: loopback)\n");
}

TEST(ConfigFile, CheckReadsTheFilesThatAreNamed) {
  const ConfigText web("basic_auth_users: {alice: secret}\n");
  for (const std::string& text :
       {"web.config.file: " + web.path(), std::string("geoip: {asn-db: /nonesuch/asn.mmdb}"),
        std::string("geoip: {country-db: /dev/null}")}) {
    const ConfigText file(text);
    EXPECT_THROW((void)check_config_file(file.path()), UsageError) << text;
  }
}

}  // namespace
}  // namespace lossgazer

#include "metrics/basic_auth.h"

#include <gtest/gtest.h>

namespace lossgazer {
namespace {

using Users = std::map<std::string, std::string>;

std::string read_back(std::string_view header) {
  const auto login = Login::parse(header);
  return login ? login->user + "|" + login->password : "nothing";
}

TEST(Login, ReadsTheBasicScheme) {
  EXPECT_EQ(read_back("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), "Aladdin|open sesame");  // RFC 7617
  EXPECT_EQ(read_back("bAsIc QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), "Aladdin|open sesame");
  EXPECT_EQ(read_back("Basic YTpiOmM="), "a|b:c");
  EXPECT_EQ(read_back("Basic Og=="), "|");
}

TEST(Login, RefusesWhatIsNone) {
  for (const std::string& header : {std::string(), std::string("Basic"), std::string("Basic "),
                                    std::string("Bearer QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
                                    std::string("BasicQWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
                                    std::string("Basic QWxhZGRpbg=="),          // no colon
                                    std::string("Basic YWxpY2U6c2UAY3JldA=="),  // a NUL
                                    std::string("Basic ****"), "Basic " + std::string(4000, 'Q')}) {
    EXPECT_EQ(read_back(header), "nothing") << header;
  }
}

// "secret", from each kind of tool: libxcrypt, and htpasswd, whose $2y$ is the same.
constexpr const char* kHash = "$2b$04$A2TTaEhvjH7Utn0Jfl6DteTAiJpYiXmgQX4eK64GRKAw2r4oE6Pea";

TEST(BasicAuth, RemembersOnlyWhatWasRight) {
  BasicAuth auth(Users{{"alice", kHash}});
  EXPECT_TRUE(auth.needed());
  const Login right{"alice", "secret"};
  EXPECT_FALSE(auth.remembers(right));
  EXPECT_FALSE(auth.check({"alice", "Secret"}));
  EXPECT_FALSE(auth.check({"alice", ""}));
  EXPECT_FALSE(auth.check({"bob", "secret"}));
  EXPECT_FALSE(auth.check({"", "secret"}));
  EXPECT_FALSE(auth.remembers({"bob", "secret"}));
  EXPECT_TRUE(auth.check(right));
  EXPECT_TRUE(auth.remembers(right));
  EXPECT_FALSE(auth.remembers({"alice", "secret2"}));
  EXPECT_FALSE(auth.check({"alice", "wrong"}));
  EXPECT_TRUE(auth.remembers(right));
}

TEST(BasicAuth, TakesEveryPrefixOfTheTools) {
  const std::string rest = std::string(kHash).substr(3);
  for (const char* prefix : {"$2a", "$2b", "$2y"}) {
    BasicAuth auth(Users{{"alice", prefix + rest}});
    EXPECT_TRUE(auth.check({"alice", "secret"})) << prefix;
  }
}

TEST(BasicAuth, WithoutUsersNobodyIsAsked) {
  EXPECT_FALSE(BasicAuth(Users()).needed());
  EXPECT_TRUE(BasicAuth(Users()).check({"x", "y"}));
}

}  // namespace
}  // namespace lossgazer

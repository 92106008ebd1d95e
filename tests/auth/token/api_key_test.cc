#include "auth/token/api_key.h"

#include <gtest/gtest.h>

#include <set>

#include "auth/token/base32.h"
#include "tests/support/status_matchers.h"

namespace hadal::auth {
namespace {

// RFC 4648 §10, in lower case and without padding.
TEST(Base32, MatchesRfc4648) {
  EXPECT_EQ(Base32Encode(""), "");
  EXPECT_EQ(Base32Encode("f"), "my");
  EXPECT_EQ(Base32Encode("fo"), "mzxq");
  EXPECT_EQ(Base32Encode("foo"), "mzxw6");
  EXPECT_EQ(Base32Encode("foob"), "mzxw6yq");
  EXPECT_EQ(Base32Encode("fooba"), "mzxw6ytb");
  EXPECT_EQ(Base32Encode("foobar"), "mzxw6ytboi");
  EXPECT_TRUE(IsBase32("az27"));
  EXPECT_FALSE(IsBase32("a1"));
  EXPECT_FALSE(IsBase32("A"));
}

TEST(ApiKey, NewKeysAreWellFormedAndDiffer) {
  std::set<std::string> ids;
  for (int i = 0; i < 100; ++i) {
    ASSERT_OK_AND_ASSIGN(const ApiKey key, NewApiKey());
    ASSERT_OK_AND_ASSIGN(const std::string id, ApiKeyId(key.text.Reveal()));
    EXPECT_EQ(id, key.id);
    EXPECT_TRUE(key.text.Reveal().starts_with("hadal_" + id + "_"));
    ids.insert(id);
  }
  EXPECT_EQ(ids.size(), 100u);
}

TEST(ApiKey, EveryMistypedCharacterIsRefusedWithoutQuotingTheKey) {
  ASSERT_OK_AND_ASSIGN(const ApiKey key, NewApiKey());
  const std::string good(key.text.Reveal());
  for (size_t i = 0; i < good.size(); ++i) {
    for (const char c : {'a', '7', 'A', '_', ' ', '\0'}) {
      std::string bad = good;
      if (bad[i] == c) continue;
      bad[i] = c;
      const auto id = ApiKeyId(bad);
      EXPECT_FALSE(id.ok()) << i;
      EXPECT_THAT(StatusMessage(id.status()), ::testing::Not(::testing::HasSubstr(bad.substr(23))));
    }
    EXPECT_FALSE(ApiKeyId(good.substr(0, i)).ok());
  }
  EXPECT_FALSE(ApiKeyId(good + "a").ok());
  EXPECT_FALSE(ApiKeyId("").ok());
}

TEST(ApiKey, TheDigestDependsOnKeyAndServerSecret) {
  const Secret a("server secret a"), b("server secret b");
  EXPECT_EQ(ApiKeyDigest(a, "k1"), ApiKeyDigest(a, "k1"));
  EXPECT_NE(ApiKeyDigest(a, "k1"), ApiKeyDigest(a, "k2"));
  EXPECT_NE(ApiKeyDigest(a, "k1"), ApiKeyDigest(b, "k1"));
}

}  // namespace
}  // namespace hadal::auth

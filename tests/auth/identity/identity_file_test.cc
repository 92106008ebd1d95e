#include "auth/identity/identity_file.h"

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace hadal::auth {
namespace {

IdentityState Sample() {
  IdentityState state;
  state.revision = 7;
  store::v1::UserRecord user;
  user.set_id("alice");
  user.set_clearance(v1::CLASSIFICATION_SECRET);
  state.users["alice"] = user;
  store::v1::KeyRecord key;
  key.set_id("k");
  key.set_user_id("alice");
  key.set_digest("0123");
  state.keys["k"] = key;
  store::v1::RoleRecord role;
  role.set_id("r");
  role.add_permissions("audit.*");
  state.roles["r"] = role;
  return state;
}

TEST(IdentityFile, RoundTrips) {
  const Secret key("key");
  const std::string bytes = EncodeIdentities(Sample(), key);
  ASSERT_OK_AND_ASSIGN(const IdentityState state, DecodeIdentities(bytes, key));
  EXPECT_EQ(state.revision, 7u);
  EXPECT_EQ(EncodeIdentities(state, key), bytes);
  EXPECT_EQ(state.users.at("alice").clearance(), v1::CLASSIFICATION_SECRET);
  EXPECT_EQ(state.keys.at("k").digest(), "0123");
  EXPECT_EQ(state.roles.at("r").permissions(0), "audit.*");
}

TEST(IdentityFile, RefusesEveryFlippedBitTruncationAndAnotherKey) {
  const Secret key("key");
  const std::string good = EncodeIdentities(Sample(), key);
  for (size_t i = 0; i < good.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ (1 << bit));
      EXPECT_EQ(DecodeIdentities(bad, key).status().code(), StatusCode::kDataLoss) << i;
    }
    EXPECT_FALSE(DecodeIdentities(good.substr(0, i), key).ok());
  }
  EXPECT_FALSE(DecodeIdentities(good + '\0', key).ok());
  EXPECT_STATUS(DecodeIdentities(good, Secret("other")), kDataLoss, "seal");
}

}  // namespace
}  // namespace hadal::auth

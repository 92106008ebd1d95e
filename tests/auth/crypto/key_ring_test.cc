#include "auth/crypto/key_ring.h"

#include "auth/crypto/digest.h"
#include "tests/support/status_matchers.h"

namespace hadal::auth {
namespace {

std::shared_ptr<const MasterKey> Master(const std::string& seed) {
  auto key = NewMemoryMasterKey(Secret(Sha256(seed)), seed);
  EXPECT_OK(key);
  return *std::move(key);
}

class KeyRingTest : public ::testing::TestWithParam<AeadAlgorithm> {};

TEST_P(KeyRingTest, OpensWhatItWrappedInItsContextOnly) {
  const KeyRing ring({Master("a")});
  ASSERT_OK_AND_ASSIGN(const DataKey key, NewDataKey(GetParam()));
  ASSERT_OK_AND_ASSIGN(const std::string wrapped, ring.Wrap(key, "base 7"));
  EXPECT_EQ(wrapped.find(key.key.Reveal()), std::string::npos);
  ASSERT_OK_AND_ASSIGN(const DataKey again, ring.Unwrap(wrapped, "base 7"));
  EXPECT_EQ(again.key.Reveal(), key.key.Reveal());
  EXPECT_EQ(again.algorithm, GetParam());
  EXPECT_STATUS(ring.Unwrap(wrapped, "base 8"), kDataLoss, "does not open");
}

TEST_P(KeyRingTest, NoBitOfAWrappedKeyCanChange) {
  const KeyRing ring({Master("a")});
  ASSERT_OK_AND_ASSIGN(const DataKey key, NewDataKey(GetParam()));
  ASSERT_OK_AND_ASSIGN(const std::string wrapped, ring.Wrap(key, "base 7"));
  for (size_t i = 0; i < wrapped.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string changed = wrapped;
      changed[i] = static_cast<char>(changed[i] ^ (1 << bit));
      EXPECT_FALSE(ring.Unwrap(changed, "base 7").ok()) << i << " " << bit;
    }
    EXPECT_FALSE(ring.Unwrap(wrapped.substr(0, i), "base 7").ok()) << i;
  }
}

TEST_P(KeyRingTest, BothMasterKeysReadDuringARotationAndOnlyTheNewOneWraps) {
  const KeyRing before({Master("old")});
  const KeyRing between({Master("new"), Master("old")});
  const KeyRing after({Master("new")});
  ASSERT_OK_AND_ASSIGN(const DataKey key, NewDataKey(GetParam()));
  ASSERT_OK_AND_ASSIGN(const std::string old_wrapped, before.Wrap(key, "c"));
  EXPECT_FALSE(between.WrappedByFirst(old_wrapped));
  ASSERT_OK_AND_ASSIGN(const DataKey opened, between.Unwrap(old_wrapped, "c"));
  ASSERT_OK_AND_ASSIGN(const std::string new_wrapped, between.Wrap(opened, "c"));
  EXPECT_TRUE(between.WrappedByFirst(new_wrapped));
  ASSERT_OK_AND_ASSIGN(const DataKey last, after.Unwrap(new_wrapped, "c"));
  EXPECT_EQ(last.key.Reveal(), key.key.Reveal());

  EXPECT_STATUS(after.Unwrap(old_wrapped, "c"), kFailedPrecondition, Master("old")->id());
  EXPECT_STATUS(after.Unwrap(old_wrapped, "c"), kFailedPrecondition,
                "found: " + Master("new")->id());
  EXPECT_STATUS(before.Unwrap(new_wrapped, "c"), kFailedPrecondition, Master("new")->id());
}

INSTANTIATE_TEST_SUITE_P(Both, KeyRingTest,
                         ::testing::Values(AeadAlgorithm::kAes256Gcm, AeadAlgorithm::kSm4Gcm),
                         [](const auto& tested) {
                           return tested.param == AeadAlgorithm::kAes256Gcm ? "Aes256Gcm"
                                                                            : "Sm4Gcm";
                         });

TEST(KeyRing, SaysThatThereIsNoMasterKey) {
  const KeyRing ring({});
  ASSERT_OK_AND_ASSIGN(const DataKey key, NewDataKey(AeadAlgorithm::kAes256Gcm));
  EXPECT_STATUS(ring.Wrap(key, "c"), kFailedPrecondition, "no master key");
  ASSERT_OK_AND_ASSIGN(const std::string wrapped, KeyRing({Master("a")}).Wrap(key, "c"));
  EXPECT_STATUS(ring.Unwrap(wrapped, "c"), kFailedPrecondition, "none was found");
}

TEST(MasterKeyTest, RefusesWhatIsNoKey) {
  EXPECT_STATUS(NewMemoryMasterKey(Secret("short"), "file:/x"), kInvalidArgument, "file:/x");
  EXPECT_STATUS(NewMemoryMasterKey(Secret(std::string(32, '\0')), "s"), kInvalidArgument,
                "openssl rand");
}

}  // namespace
}  // namespace hadal::auth

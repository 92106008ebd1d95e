#include "auth/crypto/sealed_value.h"

#include <set>

#include "tests/support/status_matchers.h"

namespace hadal::auth {
namespace {

class SealedValueTest : public ::testing::TestWithParam<AeadAlgorithm> {
 protected:
  std::unique_ptr<SealingKey> Key(char fill, uint64_t sealed_before = 0) {
    auto key = SealingKey::Create(GetParam(), Secret(std::string(AeadKeyBytes(GetParam()), fill)),
                                  sealed_before);
    EXPECT_OK(key);
    return *std::move(key);
  }
};

TEST_P(SealedValueTest, OpensWhatItSealedAndNothingElse) {
  const auto key = Key('k');
  const std::string text = "第三条 检修期间不得合闸";
  std::string sealed;
  ASSERT_OK(key->Seal("place", text, sealed));
  EXPECT_EQ(sealed.size(), text.size() + kSealedOverheadBytes);
  EXPECT_EQ(sealed.find(text.substr(0, 9)), std::string::npos);
  std::string opened = "before ";
  ASSERT_OK(key->Open("place", sealed, opened));
  EXPECT_EQ(opened, "before " + text);

  opened.clear();
  EXPECT_STATUS(key->Open("another", sealed, opened), kDataLoss, "tag");
  EXPECT_STATUS(Key('j')->Open("place", sealed, opened), kDataLoss, "encrypted by data key");
  EXPECT_EQ(opened, "");
}

TEST_P(SealedValueTest, NoBitOfItCanChange) {
  const auto key = Key('k');
  std::string sealed;
  ASSERT_OK(key->Seal("place", "text", sealed));
  std::string opened;
  for (size_t i = 0; i < sealed.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string changed = sealed;
      changed[i] = static_cast<char>(changed[i] ^ (1 << bit));
      EXPECT_FALSE(key->Open("place", changed, opened).ok()) << i << " " << bit;
    }
    EXPECT_FALSE(key->Open("place", sealed.substr(0, i), opened).ok()) << i;
  }
  EXPECT_FALSE(key->Open("place", sealed + '\0', opened).ok());
  EXPECT_EQ(opened, "");
}

TEST_P(SealedValueTest, ANonceStandsForOneValueOnly) {
  const auto key = Key('k');
  std::set<std::string> nonces;
  for (int i = 0; i < 5000; ++i) {
    std::string sealed;
    ASSERT_OK(key->Seal("place", "the same text", sealed));
    nonces.insert(sealed.substr(5, kAeadNonceBytes));
  }
  EXPECT_EQ(nonces.size(), 5000u);
  EXPECT_EQ(key->sealed_values(), 5000u);
}

TEST_P(SealedValueTest, StopsWhereNoncesBecomeTooMany) {
  const auto key = Key('k', kMaxSealedValues - 1);
  std::string sealed;
  ASSERT_OK(key->Seal("place", "the last one", sealed));
  std::string more = "kept";
  EXPECT_STATUS(key->Seal("place", "one too many", more), kResourceExhausted, "2^32");
  EXPECT_EQ(more, "kept");
  std::string opened;
  EXPECT_OK(key->Open("place", sealed, opened));
}

INSTANTIATE_TEST_SUITE_P(Both, SealedValueTest,
                         ::testing::Values(AeadAlgorithm::kAes256Gcm, AeadAlgorithm::kSm4Gcm),
                         [](const auto& tested) {
                           return tested.param == AeadAlgorithm::kAes256Gcm ? "Aes256Gcm"
                                                                            : "Sm4Gcm";
                         });

}  // namespace
}  // namespace hadal::auth

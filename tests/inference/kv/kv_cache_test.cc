#include "inference/kv/kv_cache.h"

#include <cstring>

#include "inference/kv_dtype.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference {
namespace {

// Every block of every layer is memory of its own, as large as its rows of the type.
TEST(KvCache, BlocksHoldTheirRowsAndNoMore) {
  for (const KvDtype dtype : {KvDtype::kF32, KvDtype::kF16, KvDtype::kBF16, KvDtype::kI8}) {
    const KvLayout layout = {3, KvRow::OfHeads(dtype, 2, 6), KvRow::OfLatent(dtype, 5, 4)};
    ASSERT_OK_AND_ASSIGN(const auto cache, KvCache::Create(layout, 4, 7));
    const auto key_bytes = static_cast<size_t>(7 * layout.k.bytes());
    const auto value_bytes = static_cast<size_t>(7 * layout.v.bytes());
    EXPECT_EQ(layout.BytesPerToken() * 7 * 4,
              static_cast<int64_t>(3 * 4 * (key_bytes + value_bytes)));
    for (int32_t layer = 0; layer < 3; ++layer) {
      for (int32_t block = 0; block < 4; ++block) {
        std::memset(cache->KeyBlock(layer, block), 1 + 4 * layer + block, key_bytes);
        std::memset(cache->ValueBlock(layer, block), 101 + 4 * layer + block, value_bytes);
      }
    }
    for (int32_t layer = 0; layer < 3; ++layer) {
      for (int32_t block = 0; block < 4; ++block) {
        const auto* key = static_cast<const uint8_t*>(cache->KeyBlock(layer, block));
        const auto* value = static_cast<const uint8_t*>(cache->ValueBlock(layer, block));
        EXPECT_EQ(key[0], 1 + 4 * layer + block) << KvDtypeName(dtype);
        EXPECT_EQ(key[key_bytes - 1], 1 + 4 * layer + block) << KvDtypeName(dtype);
        EXPECT_EQ(value[0], 101 + 4 * layer + block) << KvDtypeName(dtype);
        EXPECT_EQ(value[value_bytes - 1], 101 + 4 * layer + block) << KvDtypeName(dtype);
      }
    }
  }
}

TEST(KvCache, RefusesWhatHoldsNothing) {
  EXPECT_STATUS(KvCache::Create({1, {KvDtype::kI8, 0}, {}}, 1, 1), kInvalidArgument,
                "0 + 0 values");
  EXPECT_STATUS(KvCache::Create({1, {KvDtype::kI8, 8, 8, 8}, {}}, 0, 16), kInvalidArgument,
                "0 blocks of 16");
}

}  // namespace
}  // namespace hadal::inference

#include "base/hex.h"

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace hadal {
namespace {

TEST(HexTest, RoundTripsEveryByteAndRefusesOthers) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes.push_back(static_cast<char>(i));
  ASSERT_OK_AND_ASSIGN(const std::string back, HexDecode(HexEncode(bytes)));
  EXPECT_EQ(back, bytes);
  EXPECT_STATUS(HexDecode("abc"), kInvalidArgument, "odd length");
  EXPECT_STATUS(HexDecode("zz"), kInvalidArgument, "offset 0");
}

}  // namespace
}  // namespace hadal

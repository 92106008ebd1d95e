#include "retrieval/store/checksum.h"

#include <string>

#include "tests/support/status_matchers.h"

namespace hadal::retrieval {
namespace {

TEST(ChecksumTest, PublishedVectors) {
  // RFC 3720 appendix B.4 and the usual check value.
  EXPECT_EQ(Crc32c("123456789"), 0xE3069283u);
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8A9136AAu);
  EXPECT_EQ(Crc32c(std::string(32, '\xFF')), 0x62A8AB43u);
  EXPECT_EQ(Crc32c(""), 0u);
}

TEST(ChecksumTest, FastAndPortableAgreeAndContinue) {
  std::string text;
  for (int i = 0; i < 300; ++i) {
    text.push_back(static_cast<char>(i * 37));
    EXPECT_EQ(Crc32c(text), Crc32cPortable(text)) << i;
    const std::string_view view(text);
    EXPECT_EQ(Crc32c(view.substr(text.size() / 3), Crc32c(view.substr(0, text.size() / 3))),
              Crc32c(text));
  }
}

}  // namespace
}  // namespace hadal::retrieval

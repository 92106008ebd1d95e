#include "inference/tool/token_file.h"

#include "tests/support/status_matchers.h"

namespace hadal::inference::tool {
namespace {

using ::testing::ElementsAre;

TEST(TokenFile, BlanksAndCommas) {
  ASSERT_OK_AND_ASSIGN(const auto prompts, ParseTokenLines("1 2,3\r\n\n , 4\t5", 6));
  EXPECT_THAT(prompts, ElementsAre(ElementsAre(1, 2, 3), ElementsAre(4, 5)));
  EXPECT_THAT(ParseTokenLines("", 6).value(), ElementsAre());
}

TEST(TokenFile, NamesTheLine) {
  for (const char* bad : {"1\n6", "1\n-1", "1\n2x", "1\n99999999999", "1\n0.5"}) {
    EXPECT_STATUS(ParseTokenLines(bad, 6), kInvalidArgument, "line 2");
  }
}

}  // namespace
}  // namespace hadal::inference::tool

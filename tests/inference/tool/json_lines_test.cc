#include "inference/tool/json_lines.h"

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference::tool {
namespace {

TEST(JsonLines, RowsAndErrors) {
  ASSERT_OK_AND_ASSIGN(const auto dir, TempDir::Create());
  const std::string path = dir->path() + "/rows.jsonl";
  std::ofstream(path) << "{\"text\": \"a\"}\n\n{\"ids\": [1, 2], \"text\": 3}";
  ASSERT_OK_AND_ASSIGN(const auto rows, ReadJsonLines(path));
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(StringField(rows[0], 1, "text").value(), "a");
  EXPECT_EQ(IdsField(rows[1], 2, "ids").value(), (std::vector<int32_t>{1, 2}));
  EXPECT_STATUS(StringField(rows[1], 2, "text"), kInvalidArgument, "row 2");
  EXPECT_STATUS(IdsField(rows[0], 1, "ids"), kInvalidArgument, "row 1");
  EXPECT_STATUS(IdsField({{"ids", {1.5}}}, 7, "ids"), kInvalidArgument, "row 7");
  EXPECT_STATUS(IdsField({{"ids", {int64_t{1} << 40}}}, 7, "ids"), kInvalidArgument, "row 7");
  std::ofstream(path) << "{}\n{oops\n";
  EXPECT_STATUS(ReadJsonLines(path), kInvalidArgument, "line 2");
  EXPECT_STATUS(ReadJsonLines(dir->path() + "/absent"), kNotFound, "absent");
}

}  // namespace
}  // namespace hadal::inference::tool

#include "ops/cli/document_state.h"

#include "ops/cli/field_match.h"
#include "tests/support/status_matchers.h"

namespace hadal::cli {
namespace {

TEST(DocumentStateTest, EveryStateHasANameAndBack) {
  for (int state = v1::DOCUMENT_STATE_RECEIVED; state <= v1::DocumentState_MAX; ++state) {
    const auto given = static_cast<v1::DocumentState>(state);
    const std::string name = StateName(given);
    // The proto's own name for it.
    std::string proto = v1::DocumentState_Name(given).substr(sizeof("DOCUMENT_STATE_") - 1);
    for (char& c : proto) c = static_cast<char>(c - 'A' + 'a');
    EXPECT_EQ(name, proto);
    ASSERT_OK_AND_ASSIGN(const v1::DocumentState parsed, ParseState(name));
    EXPECT_EQ(parsed, given);
  }
  EXPECT_EQ(StateName(v1::DOCUMENT_STATE_UNSPECIFIED), "unknown");
  EXPECT_STATUS(ParseState("gone"), kInvalidArgument, "received, parsed");
}

TEST(FieldMatchTest, NameAndValue) {
  ASSERT_OK_AND_ASSIGN(const v1::FieldMatch field, ParseFieldMatch("issuer=a=b"));
  EXPECT_EQ(field.name(), "issuer");
  EXPECT_EQ(field.value(), "a=b");
  for (const char* text : {"", "issuer", "=a", "issuer="}) {
    EXPECT_STATUS(ParseFieldMatch(text), kInvalidArgument, "NAME=VALUE");
  }
}

}  // namespace
}  // namespace hadal::cli

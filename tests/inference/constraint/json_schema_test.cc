#include "tests/inference/constraint/corpus.h"
#include "tests/inference/constraint/matching.h"
#include "tests/inference/constraint/schema_validator.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference {
namespace {

using testing::CompileForBytes;
using testing::Matches;
using testing::SchemaCase;
using testing::SchemaSpec;

TEST(JsonSchemaTest, LetsThroughWhatItShould) {
  ASSERT_GE(testing::SchemaCases().size(), 30u);
  for (const SchemaCase& test : testing::SchemaCases()) {
    SCOPED_TRACE(test.schema);
    ASSERT_OK_AND_ASSIGN(const auto constraint, CompileForBytes(SchemaSpec(test.schema)));
    const auto schema = nlohmann::json::parse(test.schema);
    for (const std::string& text : test.valid) {
      EXPECT_EQ(testing::WhyInvalid(schema, nlohmann::json::parse(text), schema), "") << text;
      EXPECT_TRUE(Matches(constraint, text)) << text;
    }
    for (const std::string& text : test.invalid) EXPECT_FALSE(Matches(constraint, text)) << text;
  }
}

TEST(JsonSchemaTest, AnyJsonObject) {
  ASSERT_OK_AND_ASSIGN(const auto constraint,
                       CompileForBytes({ConstraintSpec::Kind::kJsonObject, "", {}}));
  EXPECT_TRUE(Matches(constraint, R"({"a": [1, {"b": "c"}]})"));
  EXPECT_FALSE(Matches(constraint, R"([1])"));
}

TEST(JsonSchemaTest, UnboundedWhiteSpaceIsRefused) {
  ASSERT_OK_AND_ASSIGN(const auto constraint, CompileForBytes(SchemaSpec("{}")));
  EXPECT_TRUE(Matches(constraint, "[1,\n" + std::string(32, ' ') + "2]"));
  EXPECT_FALSE(Matches(constraint, "[1,\n" + std::string(33, ' ') + "2]"));
  EXPECT_FALSE(Matches(constraint, "[1,\n\n2]"));
  EXPECT_FALSE(Matches(constraint, "[1,  2]"));
  EXPECT_FALSE(Matches(constraint, " 1"));
  EXPECT_FALSE(Matches(constraint, "{} "));
}

TEST(JsonSchemaTest, NestingEndsBeforeTheLimit) {
  ASSERT_OK_AND_ASSIGN(const auto constraint, CompileForBytes(SchemaSpec(R"({"type":"array"})")));
  const auto nested = [](size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_TRUE(Matches(constraint, nested(60)));
  EXPECT_FALSE(Matches(constraint, nested(300)));
  // As long as it may go down, it can come back up.
  ConstraintState state(constraint);
  size_t depth = 0;
  const int32_t open = testing::SmallTokenizer::kFirstByte + '[';
  const int32_t close = testing::SmallTokenizer::kFirstByte + ']';
  while (state.Accept(open)) ++depth;
  EXPECT_GT(depth, 60u);
  for (; depth > 0; --depth) ASSERT_TRUE(state.Accept(close)) << depth;
  EXPECT_TRUE(state.IsFinished());
}

TEST(JsonSchemaTest, WhatItCannotHonourIsNamed) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"({"type":"object","properties":{"a":{"type":"string","contentEncoding":"base64"}}})",
       "#/properties/a: the keyword \"contentEncoding\" is not supported"},
      {R"({"not":{"type":"string"}})", "#: the keyword \"not\""},
      {R"({"if":{},"then":{}})", "the keyword \"if\""},
      {R"({"type":"array","uniqueItems":true})", "the keyword \"uniqueItems\""},
      {R"({"type":"object","patternProperties":{}})", "the keyword \"patternProperties\""},
      {R"({"type":"integer","multipleOf":3})", "the keyword \"multipleOf\""},
      {R"({"type":"object","minProperties":1})", "the keyword \"minProperties\""},
      {R"({"items":[{"type":"string"}]})", "#/items: a schema is an object, true or false"},
      {R"({"items":{"anyOf":[{"type":"x"}]}})", "#/items/anyOf/0/type: expected a JSON type"},
      {R"({"properties":[]})", "#/properties: expected an object"},
      {R"({"required":"a"})", "#/required: expected a list of strings"},
      {R"({"enum":[]})", "#/enum: expected a list with something in it"},
      {R"({"minLength":-1})", "#/minLength: expected a whole number"},
      {R"({"minLength":1.5})", "#/minLength: expected a whole number"},
      {R"({"minimum":"1"})", "#/minimum: expected a number"},
      {R"j({"properties":{"a":{"pattern":"a(?=b)"}}})j",
       "#/properties/a/pattern: regular expression, byte 2: look-around"},
      {R"({"type":"string","format":"iri"})", "#/format: the format \"iri\" is not supported"},
      {R"({"type":"integer","format":"int32"})", "#/format: the format \"int32\" of a number"},
      {R"({"$ref":"#/$defs/none"})", "#/$ref: there is no \"#/$defs/none\""},
      {R"({"$ref":"https://example.com/x"})", "#/$ref: only references within the schema"},
      {R"({"$ref":"#"})", "#: refers to itself"},
      {R"({"anyOf":[{"type":"null"},{"$ref":"#"}]})", "refers to itself"},
      {R"({"$defs":{"a":{"allOf":[{"$ref":"#/$defs/b"}]},"b":{"$ref":"#/$defs/a"}},
           "items":{"$ref":"#/$defs/a"}})",
       "refers to itself"},
      {R"({"oneOf":[{"type":"integer"},{"type":"number"}]})",
       "#/oneOf: alternatives 0 and 1 may hold for the same value"},
      {R"({"oneOf":[{"properties":{"k":{"const":1}},"required":["k"]},{"type":"string"}]})",
       "may hold for the same value"},
      {R"({"oneOf":[{"const":{"a":1,"b":2}},{"const":{"b":2,"a":1}}]})", "may hold"},
      {R"({"type":"string","enum":["a"],"pattern":"a"})", "#: enum or const together with other"},
      {R"({"type":"number","minimum":1e300})", "too large"},
      {"[", "not valid JSON"},
      {"7", "#: a schema is an object, true or false"},
      {R"({"a":)" + std::string(100, '[') + std::string(100, ']') + "}", "nests deeper than 64"},
      {"{\"title\":\"" + std::string(70'000, 'x') + "\"}", "bytes; at most 65536"},
  };
  for (const auto& [schema, message] : cases) {
    SCOPED_TRACE(schema);
    EXPECT_STATUS(CompileForBytes(SchemaSpec(schema)), kInvalidArgument, message);
  }
}

TEST(JsonSchemaTest, ContradictionsAreFound) {
  const std::vector<std::string> cases = {
      "false",
      R"({"allOf":[{"type":"string"},{"type":"integer"}]})",
      R"({"type":"object","properties":{"a":false},"required":["a"]})",
      R"({"type":"object","required":["a"],"additionalProperties":false})",
      R"({"type":"integer","minimum":3,"maximum":2})",
      R"({"type":"integer","exclusiveMinimum":3,"exclusiveMaximum":4})",
      R"({"type":"string","minLength":3,"maxLength":2})",
      R"({"type":"string","pattern":"^a+$","minLength":2,"maxLength":1})",
      R"({"type":"array","minItems":1,"items":false})",
      R"({"type":"integer","enum":["a"]})",
      R"({"allOf":[{"enum":[1,2]},{"enum":[3]}]})",
      R"({"type":"object","properties":{"n":{"$ref":"#"}},"required":["n"]})",
      R"({"type":"array","items":{"$ref":"#"},"minItems":1})",
  };
  for (const std::string& schema : cases) {
    SCOPED_TRACE(schema);
    EXPECT_STATUS(CompileForBytes(SchemaSpec(schema)), kInvalidArgument, "no text can satisfy");
  }
}

TEST(JsonSchemaTest, DisjointAlternativesMayBeOneOf) {
  for (const char* schema : {
           R"({"oneOf":[{"type":"string"},{"type":"null"}]})",
           R"({"oneOf":[{"enum":["a","b"]},{"const":"c"},{"type":"integer"}]})",
           R"({"type":"integer","oneOf":[{"maximum":3},{"exclusiveMinimum":3}]})",
           R"({"type":"object","oneOf":[{"properties":{"a":{"type":"string"}},"required":["a"],
               "additionalProperties":false},{"properties":{"b":{"type":"string"}},
               "required":["b"],"additionalProperties":false}]})",
           R"({"$defs":{"x":{"type":"object","properties":{"k":{"const":"x"}},"required":["k"]},
               "y":{"type":"object","properties":{"k":{"const":"y"}},"required":["k"]}},
               "oneOf":[{"$ref":"#/$defs/x"},{"$ref":"#/$defs/y"}],
               "discriminator":{"propertyName":"k"}})",
       }) {
    EXPECT_OK(CompileForBytes(SchemaSpec(schema))) << schema;
  }
}

std::string Repeat(int count, const std::function<std::string(int)>& part) {
  std::string text;
  for (int i = 0; i < count; ++i) text += (i == 0 ? "" : ",") + part(i);
  return text;
}

TEST(JsonSchemaTest, HostileSchemasAreRefusedQuickly) {
  const absl::Time begin = absl::Now();
  const std::string two = R"({"anyOf":[{"properties":{"a":{}}},{"properties":{"b":{}}}]})";
  const std::vector<std::string> hostile = {
      // 2^40 combinations of alternatives.
      R"({"type":"object","allOf":[)" + Repeat(40, [&](int) { return two; }) + "]}",
      R"({"type":"string","minLength":1000000000})",
      R"({"type":"array","maxItems":4000000000})",
      R"({"type":"array","minItems":18446744073709551615})",
      R"({"type":"string","maxLength":60000,"pattern":"^([a-z]{1,20} ){1,20}$"})",
      R"({"properties":{)" + Repeat(1000, [](int i) { return fmt::format("\"p{}\":{{}}", i); }) +
          "}}",
      R"({"anyOf":[)" + Repeat(300, [](int i) { return fmt::format(R"({{"const":{}}})", i); }) +
          "]}",
      R"({"allOf":[)" +
          Repeat(200, [](int i) { return fmt::format(R"({{"pattern":"(a|b){{{}}}"}})", 9 + i); }) +
          "]}",
      R"({"properties":{)" +
          Repeat(
              200,
              [](int i) { return fmt::format(R"("p{}":{{"pattern":"(a|b)*a(a|b){{11}}"}})", i); }) +
          "}}",
      // A chain of references, and one through places of the value.
      R"({"$defs":{)" +
          Repeat(500,
                 [](int i) { return fmt::format(R"("d{}":{{"$ref":"#/$defs/d{}"}})", i, i + 1); }) +
          R"(,"d500":{}},"$ref":"#/$defs/d0"})",
      // Lists that loop with 7, 8, 9 and 11 places: their product is 5544 places.
      R"({"allOf":[{"$ref":"#/$defs/a0"},{"$ref":"#/$defs/b0"},{"$ref":"#/$defs/c0"},
          {"$ref":"#/$defs/d0"}],"$defs":{)" +
          [] {
            std::string defs;
            for (const auto& [name, count] :
                 {std::pair('a', 7), std::pair('b', 8), std::pair('c', 9), std::pair('d', 11)}) {
              for (int i = 0; i < count; ++i) {
                defs += fmt::format(R"({}"{}{}":{{"items":{{"$ref":"#/$defs/{}{}"}}}})",
                                    defs.empty() ? "" : ",", name, i, name, (i + 1) % count);
              }
            }
            return defs;
          }() +
          "}}",
  };
  for (size_t i = 0; i + 1 < hostile.size(); ++i) {
    SCOPED_TRACE(hostile[i]);
    EXPECT_STATUS(CompileForBytes(SchemaSpec(hostile[i])), kInvalidArgument, "");
  }
  EXPECT_OK(CompileForBytes(SchemaSpec(hostile.back())));
  EXPECT_LT(absl::Now() - begin, absl::Seconds(30));
}

TEST(JsonSchemaTest, LargeHonestSchemasAreTaken) {
  EXPECT_OK(CompileForBytes(SchemaSpec(R"({"type":"string","maxLength":10000})")));
  EXPECT_OK(CompileForBytes(SchemaSpec(R"({"type":"array","maxItems":2000})")));
  EXPECT_OK(CompileForBytes(SchemaSpec(
      R"({"enum":[)" + Repeat(2000, [](int i) { return fmt::format("\"word{}\"", i); }) + "]}")));
  EXPECT_OK(CompileForBytes(SchemaSpec(
      R"({"type":"object","properties":{)" +
      Repeat(200, [](int i) { return fmt::format(R"("p{}":{{"type":"integer"}})", i); }) + "}}")));
  EXPECT_OK(CompileForBytes(SchemaSpec(
      R"({"$defs":{)" +
      Repeat(300,
             [](int i) {
               return fmt::format(R"("d{}":{{"type":"array","items":{{"$ref":"#/$defs/d{}"}}}})", i,
                                  i + 1);
             }) +
      R"(,"d300":{}},"$ref":"#/$defs/d0"})")));
}

}  // namespace
}  // namespace hadal::inference

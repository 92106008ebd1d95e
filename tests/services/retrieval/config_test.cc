#include "services/retrieval/config.h"

#include "tests/support/status_matchers.h"

namespace hadal::retrieval_service {
namespace {

TEST(RetrievalConfigTest, WhatIsPrintedReadsBack) {
  RetrievalConfig config;
  config.parser_program = "/opt/a \"b\"\\c";
  config.embed_batch = 7;
  RetrievalConfig read;
  ASSERT_OK(ApplyToml(FormatConfig(config), read));
  EXPECT_EQ(read.parser_program, config.parser_program);
  EXPECT_EQ(read.embed_batch, 7);
  EXPECT_EQ(FormatConfig(read), FormatConfig(config));
}

TEST(RetrievalConfigTest, SaysWhatIsWrong) {
  RetrievalConfig config;
  EXPECT_STATUS(ApplyToml("[retrieval]\nno_such = 1", config), kInvalidArgument, "no_such");
  EXPECT_STATUS(ApplyToml("[retrieval]\nembed_batch = 0", config), kInvalidArgument, "1 to 1024");
  EXPECT_STATUS(ApplyToml("[retrieval]\nembed_batch = \"x\"", config), kInvalidArgument, "whole");
  EXPECT_STATUS(ApplyToml("[retrieval]\nparser = 3", config), kInvalidArgument, "string");
  EXPECT_STATUS(ApplyToml("\n[retrieval", config), kInvalidArgument, "line 2");
  EXPECT_STATUS(ApplyToml("retrieval = 3", config), kInvalidArgument, "table");
  EXPECT_OK(ApplyToml("[gateway]\nanything = true", config));
}

TEST(RetrievalConfigTest, RefusesContradictions) {
  RetrievalConfig config;
  EXPECT_STATUS(ValidateConfig(config), kInvalidArgument, "--data");
  config.data_folder = "d";
  EXPECT_STATUS(ValidateConfig(config), kInvalidArgument, "--inference");
  config.inference_address = "127.0.0.1:1";
  EXPECT_OK(ValidateConfig(config));
  config.chunk_overlap_tokens = 145;
  EXPECT_STATUS(ValidateConfig(config), kInvalidArgument, "overlap");
  config.chunk_overlap_tokens = 40;
  config.max_buffered_bytes = config.max_document_bytes - 1;
  EXPECT_STATUS(ValidateConfig(config), kInvalidArgument, "max_buffered_bytes");
}

}  // namespace
}  // namespace hadal::retrieval_service

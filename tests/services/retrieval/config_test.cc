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

  config.encryption = "sm4-gcm";
  config.master_key = "file:/etc/\"k\"";
  config.former_master_keys = {"credential:a", "file:/b"};
  ASSERT_OK(ApplyToml(FormatConfig(config), read));
  EXPECT_EQ(read.encryption, config.encryption);
  EXPECT_EQ(read.master_key, config.master_key);
  EXPECT_EQ(read.former_master_keys, config.former_master_keys);
}

TEST(RetrievalConfigTest, EncryptsByDefaultWithAKeyBesideTheData) {
  RetrievalConfig config;
  config.data_folder = "/srv/hadal/";
  const EncryptionOptions options = EncryptionOf(config);
  EXPECT_EQ(options.algorithm, auth::AeadAlgorithm::kAes256Gcm);
  EXPECT_EQ(options.master_key, "file:/srv/hadal.master-key");
  EXPECT_EQ(options.new_key_file, "/srv/hadal.master-key");
  config.master_key = "credential:hadal-master";
  config.encryption = "none";
  EXPECT_EQ(EncryptionOf(config).master_key, config.master_key);
  EXPECT_EQ(EncryptionOf(config).new_key_file, "");
  EXPECT_FALSE(EncryptionOf(config).algorithm.has_value());
}

TEST(RetrievalConfigTest, SaysWhatIsWrongWithEncryption) {
  RetrievalConfig config;
  EXPECT_STATUS(ApplyToml("[retrieval.encryption]\nkey = \"x\"", config), kInvalidArgument,
                "encryption.key");
  EXPECT_STATUS(ApplyToml("[retrieval]\nencryption = \"x\"", config), kInvalidArgument, "table");
  EXPECT_STATUS(ApplyToml("[retrieval.encryption]\nmaster_key = 1", config), kInvalidArgument,
                "string");
  EXPECT_STATUS(ApplyToml("[retrieval.encryption]\nformer_master_keys = [1]", config),
                kInvalidArgument, "list of strings");
  config.data_folder = "d";
  config.inference_address = "127.0.0.1:1";
  EXPECT_OK(ValidateConfig(config));
  config.encryption = "rot13";
  EXPECT_STATUS(ValidateConfig(config), kInvalidArgument, "sm4-gcm");
  config.encryption = "none";
  config.master_key = "/etc/key";
  EXPECT_STATUS(ValidateConfig(config), kInvalidArgument, "file:PATH");
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

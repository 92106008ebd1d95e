#include "services/model_store/manifest.h"

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "tests/support/status_matchers.h"

namespace hadal::model_store {
namespace {

const std::string kDigest(64, 'a');
const std::string kOther(64, 'b');

Manifest Sample() {
  Manifest manifest;
  manifest.id = "tiny";
  manifest.architecture = "llama";
  manifest.files = {{"1_Pooling/config.json", 7, kDigest}, {"model.safetensors", 1 << 20, kOther}};
  manifest.tokenizer_sha256 = kOther;
  manifest.imported_unix_ms = 1'795'000'000'000;
  manifest.imported_by = "李伟@site";
  return manifest;
}

TEST(Manifest, RoundTrip) {
  const std::string text = FormatManifest(Sample());
  ASSERT_OK_AND_ASSIGN(const Manifest parsed, ParseManifest(text));
  EXPECT_EQ(FormatManifest(parsed), text);
  EXPECT_EQ(parsed.imported_by, "李伟@site");
  EXPECT_EQ(parsed.total_bytes(), 7 + (1 << 20));
}

// `printf '%s  %s\n' | sha256sum` over the listing, and a single file's own digest.
TEST(Manifest, ItsDigestIsThatOfItsFiles) {
  Manifest manifest = Sample();
  const std::string several = manifest.Sha256();
  EXPECT_EQ(several.size(), 64u);
  manifest.files[1].sha256 = kDigest;
  EXPECT_NE(manifest.Sha256(), several);
  manifest.files.resize(1);
  EXPECT_EQ(manifest.Sha256(), kDigest);
}

TEST(Manifest, OpensTheGgufFileOrTheFolder) {
  Manifest manifest = Sample();
  EXPECT_EQ(manifest.PathIn("/m/tiny"), "/m/tiny");
  manifest.files = {{"a.gguf", 1, kDigest}};
  EXPECT_EQ(manifest.PathIn("/m/tiny"), "/m/tiny/a.gguf");
}

/// The sample with the value at `pointer` replaced; a null removes it.
Status ParseWith(const std::string& pointer, const nlohmann::json& value) {
  auto json = nlohmann::json::parse(FormatManifest(Sample()));
  json[nlohmann::json::json_pointer(pointer)] = value;
  if (value.is_null()) json.erase(pointer.substr(1));
  return ParseManifest(json.dump()).status();
}

TEST(Manifest, HostileOnesAreRefusedByField) {
  EXPECT_STATUS(ParseManifest("[]").status(), kInvalidArgument, "object");
  EXPECT_STATUS(ParseManifest(std::string(100'000, '[')).status(), kInvalidArgument, "object");
  EXPECT_STATUS(ParseWith("/format", 2), kInvalidArgument, "format");
  EXPECT_STATUS(ParseWith("/format", "1"), kInvalidArgument, "format");
  EXPECT_STATUS(ParseWith("/id", "../etc"), kInvalidArgument, "id");
  EXPECT_STATUS(ParseWith("/id", nullptr), kInvalidArgument, "id is missing");
  EXPECT_STATUS(ParseWith("/kind", "both"), kInvalidArgument, "kind");
  EXPECT_STATUS(ParseWith("/architecture", std::string(65, 'x')), kInvalidArgument, "architecture");
  EXPECT_STATUS(ParseWith("/tokenizer_sha256", ""), kInvalidArgument, "tokenizer_sha256");
  EXPECT_STATUS(ParseWith("/chat_template_sha256", std::string(64, 'G')), kInvalidArgument,
                "chat_template_sha256");
  EXPECT_STATUS(ParseWith("/imported_unix_ms", -1), kInvalidArgument, "imported_unix_ms");
  EXPECT_STATUS(ParseWith("/imported_unix_ms", 1e30), kInvalidArgument, "imported_unix_ms");
  EXPECT_STATUS(ParseWith("/extra", 1), kInvalidArgument, "extra is unknown");
  EXPECT_STATUS(ParseWith("/files", nlohmann::json::array()), kInvalidArgument, "files");
  EXPECT_STATUS(ParseWith("/files/0/size_bytes", UINT64_MAX), kInvalidArgument,
                "files[0].size_bytes");
  EXPECT_STATUS(ParseWith("/files/1/sha256", std::string(63, 'a')), kInvalidArgument,
                "files[1].sha256");
  EXPECT_STATUS(ParseWith("/files/1/mode", 7), kInvalidArgument, "files[1].mode is unknown");
  EXPECT_STATUS(ParseWith("/files/1/name", "1_Pooling/config.json"), kInvalidArgument,
                "files[1].name");
  const auto zero = std::string("a\0b", 3);
  for (const std::string& name : {std::string("../x"), std::string("/x"), std::string("a/../b"),
                                  std::string("a/b/c"), std::string(""), std::string(".hidden"),
                                  std::string("a/"), std::string("manifest.json"), zero}) {
    EXPECT_STATUS(ParseWith("/files/1/name", name), kInvalidArgument, "files[1].name");
  }
}

TEST(Manifest, EveryCutIsRefused) {
  const std::string text = FormatManifest(Sample());
  for (size_t size = 0; size + 2 < text.size(); ++size) {
    EXPECT_FALSE(ParseManifest(text.substr(0, size)).ok()) << size;
  }
}

TEST(Manifest, BelongsToTheFolderOfItsId) {
  ASSERT_OK_AND_ASSIGN(const auto folder, TempDir::Create());
  const std::string other = folder->path() + "/other";
  ASSERT_OK(MakeDirectories(other));
  ASSERT_OK(WriteFileAtomic(other + "/manifest.json", FormatManifest(Sample())));
  EXPECT_STATUS(ReadManifest(other).status(), kInvalidArgument, "id must be other");
}

TEST(ModelId, PlainNamesOnly) {
  for (const char* id : {"a", "DeepSeek-R1-Distill-Qwen-7B", "_x", "0.5b"}) {
    EXPECT_OK(CheckModelId(id));
  }
  for (const std::string& id :
       {std::string(), std::string("."), std::string(".."), std::string("a/b"), std::string("-rf"),
        std::string("a@kb"), std::string("模型"), std::string(101, 'a')}) {
    EXPECT_STATUS(CheckModelId(id), kInvalidArgument, "id of a model");
  }
}

}  // namespace
}  // namespace hadal::model_store

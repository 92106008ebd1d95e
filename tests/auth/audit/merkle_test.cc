#include "auth/audit/merkle.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "absl/strings/escaping.h"
#include "auth/audit/checkpoint.h"
#include "auth/audit/crc32c.h"
#include "base/file.h"
#include "base/hex.h"
#include "tests/support/paths.h"
#include "tests/support/status_matchers.h"

namespace hadal::auth {
namespace {

// RFC 9162 §2.1.1 read literally.
TreeHash ReferenceRoot(const std::vector<std::string>& leaves, size_t lo, size_t hi) {
  if (lo == hi) return EmptyRoot();
  if (hi - lo == 1) return LeafHash(leaves[lo]);
  size_t k = 1;
  while (k * 2 < hi - lo) k *= 2;
  return NodeHash(ReferenceRoot(leaves, lo, lo + k), ReferenceRoot(leaves, lo + k, hi));
}

std::vector<std::string> Strings(const std::vector<TreeHash>& hashes) {
  std::vector<std::string> strings;
  for (const TreeHash& hash : hashes) strings.emplace_back(AsBytes(hash));
  return strings;
}

TEST(Merkle, FrontierStoredHashesAndProofsAgreeWithTheReference) {
  std::vector<std::string> leaves;
  std::vector<TreeHash> stored;
  const HashReader reader = [&](uint64_t index) -> StatusOr<TreeHash> {
    if (index >= stored.size()) return OutOfRange("{}", index);
    return stored[index];
  };
  TreeFrontier frontier;
  EXPECT_EQ(frontier.Root(), EmptyRoot());
  for (uint64_t size = 1; size <= 70; ++size) {
    leaves.push_back(fmt::format("leaf {}", size));
    frontier.Append(LeafHash(leaves.back()), stored);
    const TreeHash root = ReferenceRoot(leaves, 0, leaves.size());
    EXPECT_EQ(stored.size(), StoredHashCount(size));
    EXPECT_EQ(frontier.Root(), root);
    ASSERT_OK_AND_ASSIGN(const TreeHash from_stored, RootFromStored(size, reader));
    EXPECT_EQ(from_stored, root);
    ASSERT_OK_AND_ASSIGN(const TreeFrontier loaded, TreeFrontier::Load(size, reader));
    EXPECT_EQ(loaded.Root(), root);
    for (uint64_t i = 0; i < size; ++i) {
      ASSERT_OK_AND_ASSIGN(auto path, InclusionPath(i, size, reader));
      const TreeHash leaf = LeafHash(leaves[i]);
      EXPECT_TRUE(VerifyInclusion(i, size, AsBytes(leaf), AsBytes(root), Strings(path)));
      EXPECT_FALSE(VerifyInclusion(i + 1, size, AsBytes(leaf), AsBytes(root), Strings(path)));
      const TreeHash older = ReferenceRoot(leaves, 0, i + 1);
      ASSERT_OK_AND_ASSIGN(path, ConsistencyPath(i + 1, size, reader));
      EXPECT_TRUE(VerifyConsistency(i + 1, size, AsBytes(older), AsBytes(root), Strings(path)));
      EXPECT_EQ(VerifyConsistency(i + 1, size, AsBytes(leaf), AsBytes(root), Strings(path)),
                i == 0);
    }
  }
}

std::string FromBase64(const nlohmann::json& value) {
  std::string bytes;
  if (value.is_string()) absl::Base64Unescape(value.get<std::string>(), &bytes);
  return bytes;
}

std::vector<std::string> Path(const nlohmann::json& value) {
  std::vector<std::string> path;
  if (value.is_array()) {
    for (const auto& item : value) path.push_back(FromBase64(item));
  }
  return path;
}

std::string Vectors(const char* folder) {
  return SharedPath(fmt::format("vectors/{}/testdata", folder));
}

// transparency-dev/merkle testdata: each case says whether it must be refused.
TEST(Merkle, AgreesWithThePublicVectors) {
  const std::string root = Vectors("rfc6962-merkle");
  if (!std::filesystem::exists(root)) GTEST_SKIP() << "no vectors in " << root;
  int cases = 0;
  for (const char* kind : {"inclusion", "consistency"}) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root + "/" + kind)) {
      if (entry.path().extension() != ".json") continue;
      std::ifstream file(entry.path());
      const auto vector = nlohmann::json::parse(file);
      bool accepted = false;
      if (std::string_view(kind) == "inclusion") {
        accepted =
            VerifyInclusion(vector["leafIdx"], vector["treeSize"], FromBase64(vector["leafHash"]),
                            FromBase64(vector["root"]), Path(vector["proof"]));
      } else {
        accepted = VerifyConsistency(vector["size1"], vector["size2"], FromBase64(vector["root1"]),
                                     FromBase64(vector["root2"]), Path(vector["proof"]));
      }
      EXPECT_EQ(accepted, !vector["wantErr"].get<bool>()) << entry.path();
      ++cases;
    }
  }
  EXPECT_EQ(cases, 196);
}

// A real log: its checkpoints 1..15 must be consistent, recomputed from its level-0 hashes.
TEST(Checkpoint, ReadsARealLogsSignedNotes) {
  const std::string root = Vectors("tlog-tiles-log") + "/log";
  if (!std::filesystem::exists(root)) GTEST_SKIP() << "no vectors in " << root;
  const auto body_of = [&](int size) {
    return ReadFile(fmt::format("{}/checkpoint.{}", root, size)).value_or("");
  };
  ASSERT_OK_AND_ASSIGN(const std::string tile, ReadFile(root + "/tile/0/000.p/15"));
  ASSERT_EQ(tile.size(), 15 * kSha256Bytes);
  TreeFrontier frontier;
  std::vector<TreeHash> stored;
  for (int size = 1; size <= 15; ++size) {
    TreeHash leaf;
    std::copy_n(tile.data() + (size - 1) * kSha256Bytes, kSha256Bytes, leaf.begin());
    frontier.Append(leaf, stored);
    const std::string text = body_of(size);
    const std::string origin = text.substr(0, text.find('\n'));
    const std::string body = CheckpointBody(origin, static_cast<uint64_t>(size), frontier.Root());
    EXPECT_TRUE(text.starts_with(body + "\n")) << size << "\n" << text << "\n" << body;
  }
}

TEST(Checkpoint, RoundTripsAndRefusesEveryOtherText) {
  ASSERT_OK_AND_ASSIGN(const auto signer, Ed25519PrivateKey::Generate());
  const CheckpointKey key{"example.org/log", signer.public_key()};
  ASSERT_OK_AND_ASSIGN(const SignedHead head, SignHead(key, signer, 42, LeafHash("x")));
  const std::string text = CheckpointText(key, head);
  ASSERT_OK_AND_ASSIGN(const SignedHead parsed, ParseCheckpoint(key, text));
  EXPECT_EQ(parsed.size, 42u);
  EXPECT_EQ(parsed.root, head.root);
  for (size_t i = 0; i < text.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bad = text;
      bad[i] = static_cast<char>(bad[i] ^ (1 << bit));
      EXPECT_FALSE(ParseCheckpoint(key, bad).ok()) << i;
    }
    EXPECT_FALSE(ParseCheckpoint(key, text.substr(0, i)).ok());
  }
  EXPECT_FALSE(ParseCheckpoint(key, text + "\n").ok());
  EXPECT_STATUS(ParseCheckpoint({"other.org/log", signer.public_key()}, text), kDataLoss,
                "another log");
  ASSERT_OK_AND_ASSIGN(const CheckpointKey same, CheckpointKey::FromText(key.ToText()));
  EXPECT_EQ(same.name, key.name);
  EXPECT_EQ(same.public_key, key.public_key);
}

TEST(Crc32c, MatchesPublishedValuesAndThePortableReference) {
  // RFC 3720 appendix B.4.
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(Crc32c(std::string(32, '\xff')), 0x62a8ab43u);
  EXPECT_EQ(Crc32c("123456789"), 0xe3069283u);
  std::string text;
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(Crc32c(text), Crc32cPortable(text));
    EXPECT_EQ(Crc32c(std::string_view(text).substr(i / 2),
                     Crc32c(std::string_view(text).substr(0, i / 2))),
              Crc32c(text));
    text.push_back(static_cast<char>(i * 37));
  }
}

}  // namespace
}  // namespace hadal::auth

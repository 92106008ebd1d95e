#include "auth/crypto/aead.h"

#include <nlohmann/json.hpp>
#include <thread>

#include "base/file.h"
#include "base/hex.h"
#include "tests/support/paths.h"
#include "tests/support/status_matchers.h"

namespace hadal::auth {
namespace {

constexpr AeadAlgorithm kAes = AeadAlgorithm::kAes256Gcm;
constexpr AeadAlgorithm kSm4 = AeadAlgorithm::kSm4Gcm;

std::string Unhex(std::string_view hex) { return *HexDecode(hex); }

struct Vector {
  std::string key, nonce, associated, plaintext, sealed;
};

void ExpectVector(AeadAlgorithm algorithm, const Vector& v) {
  ASSERT_OK_AND_ASSIGN(const auto aead, Aead::Create(algorithm, Secret(v.key)));
  for (int round = 0; round < 2; ++round) {  // the second one reuses the first one's context
    std::string sealed = "before";
    ASSERT_OK(aead->Seal(v.nonce, v.associated, v.plaintext, sealed));
    EXPECT_EQ(HexEncode(sealed), HexEncode("before" + v.sealed));
    std::string opened = "x";
    ASSERT_OK(aead->Open(v.nonce, v.associated, v.sealed, opened));
    EXPECT_EQ(opened, "x" + v.plaintext);
  }
}

// "The Galois/Counter Mode of Operation" (McGrew and Viega), test cases 13, 14 and 16.
TEST(Aead, Aes256GcmMatchesThePublishedCases) {
  const std::string zeros(32, '\0');
  ExpectVector(kAes,
               {zeros, zeros.substr(0, 12), "", "", Unhex("530f8afbc74536b9a963b4f1c4cb738b")});
  ExpectVector(kAes, {zeros, zeros.substr(0, 12), "", zeros.substr(0, 16),
                      Unhex("cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919")});
  ExpectVector(
      kAes, {Unhex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"),
             Unhex("cafebabefacedbaddecaf888"), Unhex("feedfacedeadbeeffeedfacedeadbeefabaddad2"),
             Unhex("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
                   "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"),
             Unhex("522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
                   "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
                   "76fc6ece0f4e1768cddf8853bb2d551b")});
}

// RFC 8998 appendix A.1.
TEST(Aead, Sm4GcmMatchesRfc8998) {
  ExpectVector(kSm4, {Unhex("0123456789abcdeffedcba9876543210"), Unhex("00001234567800000000abcd"),
                      Unhex("feedfacedeadbeeffeedfacedeadbeefabaddad2"),
                      Unhex("aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccdddddddddddddddd"
                            "eeeeeeeeeeeeeeeeffffffffffffffffeeeeeeeeeeeeeeeeaaaaaaaaaaaaaaaa"),
                      Unhex("17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735"
                            "d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d"
                            "83de3541e4c2b58177e065a9bf7b62ec")});
}

// Every case whose sizes are ours: the valid ones both ways, the others must not open.
void RunWycheproof(AeadAlgorithm algorithm, const std::string& file) {
  const StatusOr<std::string> text =
      ReadFile(SharedPath("vectors/wycheproof/testvectors_v1/" + file));
  if (absl::IsNotFound(text.status())) GTEST_SKIP() << "no public vectors beside the checkout";
  ASSERT_OK(text);
  const nlohmann::json tests = nlohmann::json::parse(*text);
  int valid = 0;
  int invalid = 0;
  for (const auto& group : tests["testGroups"]) {
    if (group["ivSize"] != 8 * kAeadNonceBytes || group["tagSize"] != 8 * kAeadTagBytes ||
        group["keySize"] != 8 * AeadKeyBytes(algorithm)) {
      continue;
    }
    for (const auto& test : group["tests"]) {
      const auto bytes = [&test](const char* name) { return Unhex(test[name].get<std::string>()); };
      SCOPED_TRACE(test["tcId"].get<int>());
      if (test["result"] == "valid") {
        ++valid;
        ExpectVector(algorithm, {bytes("key"), bytes("iv"), bytes("aad"), bytes("msg"),
                                 bytes("ct") + bytes("tag")});
        continue;
      }
      ++invalid;
      ASSERT_OK_AND_ASSIGN(const auto aead, Aead::Create(algorithm, Secret(bytes("key"))));
      std::string opened;
      EXPECT_STATUS(aead->Open(bytes("iv"), bytes("aad"), bytes("ct") + bytes("tag"), opened),
                    kDataLoss, "tag");
      EXPECT_EQ(opened, "");
    }
  }
  EXPECT_GT(valid, 20);
  EXPECT_GT(invalid, 20);
}

TEST(Aead, AgreesWithWycheproofOnAes256Gcm) { RunWycheproof(kAes, "aes_gcm_test.json"); }
TEST(Aead, AgreesWithWycheproofOnSm4Gcm) { RunWycheproof(kSm4, "sm4_gcm_test.json"); }

TEST(Aead, RefusesWhatIsNoKeyAndNoValue) {
  EXPECT_STATUS(Aead::Create(kAes, Secret("short")), kInvalidArgument, "5 bytes, expected 32");
  EXPECT_STATUS(Aead::Create(kSm4, Secret(std::string(32, 'k'))), kInvalidArgument, "expected 16");
  EXPECT_STATUS(AeadFromNumber(3), kInvalidArgument, "SM4-GCM");
  ASSERT_OK_AND_ASSIGN(const auto aead, Aead::Create(kSm4, Secret(std::string(16, 'k'))));
  std::string out = "kept";
  EXPECT_STATUS(aead->Open(std::string(12, 'n'), "", std::string(15, 't'), out), kDataLoss, "15");
  EXPECT_EQ(out, "kept");
}

TEST(Aead, ServesManyThreads) {
  for (const AeadAlgorithm algorithm : {kAes, kSm4}) {
    ASSERT_OK_AND_ASSIGN(
        const auto aead,
        Aead::Create(algorithm, Secret(std::string(AeadKeyBytes(algorithm), 'k'))));
    std::vector<std::thread> threads;
    for (char name = 'a'; name < 'e'; ++name) {
      threads.emplace_back([&aead, name] {
        for (int i = 0; i < 300; ++i) {
          const std::string nonce = std::string(8, name) + fmt::format("{:04}", i);
          const std::string text(static_cast<size_t>(i), name);
          std::string sealed;
          std::string opened;
          EXPECT_OK(aead->Seal(nonce, "place", text, sealed));
          EXPECT_OK(aead->Open(nonce, "place", sealed, opened));
          EXPECT_EQ(opened, text);
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
}

}  // namespace
}  // namespace hadal::auth

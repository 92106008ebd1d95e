#include "auth/crypto/digest.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstring>
#include <fstream>
#include <string>
#include <type_traits>

#include "base/hex.h"
#include "tests/support/status_matchers.h"

namespace hadal::auth {
namespace {

// FIPS 180-4 examples (NIST CSRC "SHA256.pdf") and RFC 4231 test cases 1, 2 and 6.
TEST(Sha256, MatchesPublishedValues) {
  EXPECT_EQ(HexEncode(Sha256("")),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(HexEncode(Sha256("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(HexEncode(Sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST(Sha256, HasherAgreesWithOneShotForEverySplit) {
  std::string text;
  for (int i = 0; i < 200; ++i) text.push_back(static_cast<char>(i * 7));
  Sha256Hasher hasher;
  for (size_t split = 0; split <= text.size(); ++split) {
    hasher.Update(std::string_view(text).substr(0, split));
    hasher.Update(std::string_view(text).substr(split));
    EXPECT_EQ(hasher.Finish(), Sha256(text));
    EXPECT_EQ(AsBytes(Sha256Of(text.substr(0, split), text.substr(split))), Sha256(text));
  }
}

TEST(HmacSha256, MatchesRfc4231) {
  EXPECT_EQ(HexEncode(HmacSha256(std::string(20, '\x0b'), "Hi There")),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(HexEncode(HmacSha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(HexEncode(HmacSha256(std::string(131, '\xaa'),
                                 "Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

// Wycheproof hmac_sm3_test.json, tests 1 and 2.
TEST(HmacSm3, MatchesPublishedValues) {
  EXPECT_EQ(HexEncode(HmacSm3(
                *HexDecode("1e225cafb90339bba1b24076d4206c3e79c355805d851682bc818baa4f5a7779"),
                *HexDecode(""))),
            "f9938b1b2515117f25dcd636c9a6a0e7f00bccaf5347e0e0df435cfca736cfc1");
  EXPECT_EQ(HexEncode(HmacSm3(
                *HexDecode("8159fd15133cd964c9a6964c94f0ea269a806fd9f43f0da58b6cd1b33d189b2a"),
                *HexDecode("77"))),
            "51aaf64843b6d2fc7a244ab9cda9b7b57164ce6a865f9808c01931b46195411d");
}

TEST(ConstantTimeEquals, ComparesContentAndLength) {
  EXPECT_TRUE(ConstantTimeEquals("", ""));
  EXPECT_TRUE(ConstantTimeEquals("abc", "abc"));
  EXPECT_FALSE(ConstantTimeEquals("abc", "abd"));
  EXPECT_FALSE(ConstantTimeEquals("abc", "ab"));
  EXPECT_FALSE(ConstantTimeEquals("", "a"));
}

TEST(Random, GivesFreshBytesOfTheAskedLength) {
  ASSERT_OK_AND_ASSIGN(const std::string a, RandomBytes(32));
  ASSERT_OK_AND_ASSIGN(const std::string b, RandomBytes(32));
  EXPECT_EQ(a.size(), 32u);
  EXPECT_NE(a, b);
  ASSERT_OK_AND_ASSIGN(const Secret c, RandomSecret(32));
  EXPECT_EQ(c.size(), 32u);
  EXPECT_NE(std::string(c.Reveal()), std::string(32, '\0'));
}

template <typename T>
concept Printable = requires(std::ostream& out, const T& value) { out << value; };

TEST(Secret, CannotBePrintedFormattedOrCopied) {
  static_assert(!Printable<Secret>);
  static_assert(!fmt::is_formattable<Secret>::value);
  static_assert(!std::is_copy_constructible_v<Secret>);
  static_assert(!std::is_copy_assignable_v<Secret>);
  static_assert(!std::is_convertible_v<Secret, std::string_view>);
  static_assert(!std::equality_comparable<Secret>);
}

TEST(Secret, IsWipedOnAssignmentAndEmptyAfterMove) {
  Secret first("0123456789");
  Secret second(std::move(first));
  EXPECT_EQ(second.Reveal(), "0123456789");
  EXPECT_TRUE(first.empty());  // NOLINT(bugprone-use-after-move): the moved-from state is the test
  EXPECT_EQ(second.Clone().Reveal(), "0123456789");
  char buffer[4] = {'a', 'b', 'c', 'd'};
  WipeMemory(buffer, sizeof buffer);
  EXPECT_EQ(std::memcmp(buffer, "\0\0\0\0", 4), 0);
}

TEST(Secret, LiesInLockedMemoryWhereThatIsAllowed) {
  struct rlimit limit {};
  ASSERT_EQ(::getrlimit(RLIMIT_MEMLOCK, &limit), 0);
  if (limit.rlim_cur < (size_t{1} << 20)) GTEST_SKIP() << "less than 1 MiB may be locked";
  const Secret secret("0123456789");
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line) && !line.starts_with("VmLck:")) {
  }
  ASSERT_TRUE(line.starts_with("VmLck:"));
  EXPECT_GE(std::stol(line.substr(6)), 512) << line;  // KiB
}

}  // namespace
}  // namespace hadal::auth

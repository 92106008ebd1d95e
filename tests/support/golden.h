#pragma once

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "inference/weights/checkpoint.h"
#include "inference/weights/safetensors.h"
#include "tests/support/paths.h"
#include "tests/support/status_matchers.h"

/// The reference sets of shared/golden/models: small random checkpoints, and what they must give.
namespace hadal::inference {

/// The values of tensor `name` of `file`, of its own type T; none when there is no such tensor.
template <typename T>
std::vector<T> Values(const SafetensorsFile& file, const std::string& name) {
  const SafetensorsEntry* entry = file.Find(name);
  if (entry == nullptr) return {};
  std::vector<T> values(entry->data.size() / sizeof(T));
  std::memcpy(values.data(), entry->data.data(), values.size() * sizeof(T));
  return values;
}

/// A test of one set. Param: const char*, the set's name, or what SetUp() finds it in.
template <typename Param>
class GoldenSetTest : public ::testing::TestWithParam<Param> {
 protected:
  /// In SetUp(). Skips the test where there is no reference data.
  void Open(const std::string& set) {
    const std::string folder = SharedPath("golden/models/" + set);
    if (!std::filesystem::exists(folder)) GTEST_SKIP() << "no reference data at " << folder;
    ASSERT_OK_AND_ASSIGN(checkpoint_, Checkpoint::Open(folder));
    ASSERT_OK_AND_ASSIGN(golden_, SafetensorsFile::Open(folder + "/golden.safetensors"));
  }

  std::unique_ptr<Checkpoint> checkpoint_;
  std::unique_ptr<SafetensorsFile> golden_;
};

class GoldenTest : public GoldenSetTest<const char*> {
 protected:
  void SetUp() override { Open(GetParam()); }
};

/// The name of a set as a part of a test's name.
inline std::string TestNameOf(std::string set) {
  std::replace(set.begin(), set.end(), '-', '_');
  return set;
}
inline std::string GoldenTestName(const ::testing::TestParamInfo<const char*>& test) {
  return TestNameOf(test.param);
}

/// Ids below 500, which every set knows.
inline std::vector<int32_t> SomeTokens(size_t count, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<int32_t> tokens(count);
  for (int32_t& token : tokens) token = static_cast<int32_t>(random() % 500);
  return tokens;
}

}  // namespace hadal::inference

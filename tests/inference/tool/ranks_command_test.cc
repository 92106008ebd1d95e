// hadal-model logits on several ranks, as threads and under mpirun, against the reference data.
#include <sys/wait.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/file.h"
#include "base/subprocess.h"
#include "inference/tool/ranks.h"
#include "inference/weights/safetensors.h"
#include "tests/inference/tokenizer/golden_files.h"
#include "tests/support/golden.h"
#include "tests/support/paths.h"
#include "tests/support/status_matchers.h"
#include "tests/support/two_machines.h"

namespace hadal::inference {
namespace {

using Arguments = std::vector<std::string>;

class RanksCommand : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_OK_AND_ASSIGN(dir_, TempDir::Create()); }

  static Arguments MpiRun(int ranks) {
    return {HADAL_MPIRUN, "--allow-run-as-root", "--oversubscribe", "-np", std::to_string(ranks)};
  }

  std::optional<int> Run(const Arguments& launcher, const Arguments& arguments) {
    SubprocessOptions options;
    options.argv = {"sh", "-c", "out=$0; exec \"$@\" >\"$out\" 2>&1", dir_->path() + "/log"};
    options.argv.insert(options.argv.end(), launcher.begin(), launcher.end());
    options.argv.push_back(BinaryPath("hadal-model"));
    options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
    auto process = Subprocess::Start(options);
    EXPECT_OK(process);
    const auto status = process->Wait(absl::Now() + absl::Minutes(2));
    log_ = ReadFile(dir_->path() + "/log").value_or("");
    return status && WIFEXITED(*status) ? std::optional<int>(WEXITSTATUS(*status)) : std::nullopt;
  }

  // Every prompt of a reference file, with greedy continuations and router choices.
  void CheckModel(const std::string& model, const Arguments& launcher, Arguments layout) {
    const std::string folder = testing::SharedGolden("models/" + model);
    ASSERT_OK_AND_ASSIGN(const auto golden, SafetensorsFile::Open(folder + "/golden.safetensors"));
    std::ofstream prompts(dir_->path() + "/p.txt");
    for (int i = 0; i < 5; ++i) {
      const auto ids = Values<int32_t>(*golden, "prompt." + std::to_string(i) + ".ids");
      prompts << fmt::format("{}\n", fmt::join(ids, " "));
    }
    prompts.close();
    const std::string out = dir_->path() + "/o.safetensors";
    Arguments arguments = {"logits",
                           folder,
                           "--tokens-file",
                           dir_->path() + "/p.txt",
                           "--out",
                           out,
                           "--dtype",
                           "f32",
                           "--all",
                           "--greedy",
                           "32",
                           "--threads",
                           "1"};
    if (golden->Find("router.1.idx") != nullptr) arguments.push_back("--trace");
    arguments.insert(arguments.end(), layout.begin(), layout.end());
    std::filesystem::remove(out);
    ASSERT_EQ(Run(launcher, arguments), 0) << log_;
    ASSERT_OK_AND_ASSIGN(const auto found, SafetensorsFile::Open(out));
    Compare(*golden, *found);
  }

  static void Compare(const SafetensorsFile& golden, const SafetensorsFile& found) {
    for (int i = 0; i < 5; ++i) {
      const std::string prefix = "prompt." + std::to_string(i) + ".";
      EXPECT_EQ(Values<int32_t>(found, prefix + "greedy"),
                Values<int32_t>(golden, prefix + "greedy"))
          << i;
      auto expected = Values<float>(golden, prefix + "logits");
      if (expected.empty()) expected = Values<float>(golden, prefix + "logits_tail");
      const auto logits = Values<float>(found, prefix + "logits");
      ASSERT_GE(logits.size(), expected.size());
      float worst = 0;
      for (size_t at = 0; at < expected.size(); ++at) {
        worst =
            std::max(worst, std::abs(expected[at] - logits[logits.size() - expected.size() + at]));
      }
      EXPECT_LE(worst, 1e-3f) << i;
    }
    for (const SafetensorsEntry& entry : golden.entries()) {
      if (!entry.name.starts_with("router.") || !entry.name.ends_with(".idx")) continue;
      EXPECT_EQ(Values<int32_t>(found, entry.name), Values<int32_t>(golden, entry.name));
    }
  }

  std::unique_ptr<TempDir> dir_;
  std::string log_;
};

constexpr const char* kModels[] = {"deepseek_v2_group-tiny",
                                   "deepseek_v2_lite-tiny",
                                   "deepseek_v3-tiny",
                                   "deepseek_v3-tiny-fp8",
                                   "llama-tiny",
                                   "qwen2-tiny-tied",
                                   "qwen2-tiny-untied",
                                   "qwen2_moe-tiny"};

TEST_F(RanksCommand, ThreadsGiveTheReference) {
  if (!testing::Exists(testing::SharedGolden("models"))) GTEST_SKIP() << "no reference data";
  for (const char* model : kModels) {
    SCOPED_TRACE(model);
    CheckModel(model, {}, {"--ranks", "4", "--tp", "2", "--ep", "2"});
    CheckModel(model, {}, {"--ranks", "2"});
  }
}

TEST_F(RanksCommand, MpiRanksGiveTheReference) {
  if (!testing::Exists(testing::SharedGolden("models"))) GTEST_SKIP() << "no reference data";
  if (std::string(HADAL_MPIRUN).empty()) GTEST_SKIP() << "no mpirun was found by CMake";
  for (const char* model : kModels) {
    SCOPED_TRACE(model);
    CheckModel(model, MpiRun(1), {});
    CheckModel(model, MpiRun(2), {"--ranks", "2", "--tp", "2", "--ep", "1"});
    CheckModel(model, MpiRun(2), {"--ranks", "2", "--tp", "1", "--ep", "2"});
    CheckModel(model, MpiRun(4), {"--tensor-parallel", "4"});
    CheckModel(model, MpiRun(4), {"--expert-parallel", "4"});
    CheckModel(model, MpiRun(4), {"--tp", "2", "--ep", "4"});
  }
}

TEST_F(RanksCommand, MachinesOverTcpGiveTheReference) {
  if (!testing::Exists(testing::SharedGolden("models"))) GTEST_SKIP() << "no reference data";
  if (std::string(HADAL_MPIRUN).empty()) GTEST_SKIP() << "no mpirun was found by CMake";
  const TwoMachines machines;
  if (!machines.up()) GTEST_SKIP() << "network namespaces need root and ip";
  for (const char* model : {"deepseek_v3-tiny-fp8", "llama-tiny"}) {
    SCOPED_TRACE(model);
    const Arguments launcher = machines.MpiRun(HADAL_MPIRUN, dir_->path() + "/agent");
    CheckModel(model, launcher, {"--tp", "4"});
    CheckModel(model, launcher, {"--ep", "4"});
    CheckModel(model, launcher, {"--tp", "2", "--ep", "4"});
  }
}

// The same bits, whatever carries them.
TEST_F(RanksCommand, ThreadsAndMpiAreEqual) {
  const std::string folder = testing::SharedGolden("models/deepseek_v3-tiny-fp8");
  if (!testing::Exists(folder)) GTEST_SKIP() << "no reference data";
  if (std::string(HADAL_MPIRUN).empty()) GTEST_SKIP() << "no mpirun was found by CMake";
  std::ofstream(dir_->path() + "/p.txt") << "5 6 7 8 9 10 11\n3 4\n";
  const auto run = [&](const Arguments& launcher) {
    const std::string out = dir_->path() + "/o.safetensors";
    EXPECT_EQ(Run(launcher, {"logits", folder, "--tokens-file", dir_->path() + "/p.txt", "--out",
                             out, "--all", "--ranks", "4", "--tp", "2", "--ep", "4"}),
              0)
        << log_;
    return ReadFile(out).value_or("");
  };
  const std::string threads = run({});
  EXPECT_FALSE(threads.empty());
  EXPECT_TRUE(run(MpiRun(4)) == threads);
}

TEST_F(RanksCommand, WrongLayoutsAndRanksThatFailAreErrors) {
  const std::string folder = testing::SharedGolden("models/deepseek_v3-tiny");
  if (!testing::Exists(folder)) GTEST_SKIP() << "no reference data";
  std::ofstream(dir_->path() + "/p.txt") << "5 6 7\n";
  const auto run = [&](const Arguments& launcher, const Arguments& more) {
    Arguments arguments = {"logits",        folder,
                           "--tokens-file", dir_->path() + "/p.txt",
                           "--out",         dir_->path() + "/o.safetensors"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Run(launcher, arguments);
  };
  EXPECT_EQ(run({}, {"--ranks", "3"}), 1);
  EXPECT_THAT(log_, ::testing::HasSubstr("attention heads"));
  EXPECT_EQ(run({}, {"--ranks", "4", "--ep", "3"}), 1);
  EXPECT_THAT(log_, ::testing::HasSubstr("divide"));
  EXPECT_EQ(run({}, {"--ranks", "0"}), 2);
  if (std::string(HADAL_MPIRUN).empty()) return;
  EXPECT_EQ(run(MpiRun(2), {"--ranks", "4"}), 1);
  EXPECT_THAT(log_, ::testing::HasSubstr("mpirun started 2"));
}

TEST(RankOptions, WhatIsNotGiven) {
  const auto layout = [](int32_t ranks, int32_t tp, int32_t ep) {
    tool::RankOptions options;
    options.tensor_parallel = tp;
    options.expert_parallel = ep;
    const ParallelLayout found = tool::LayoutOf(options, ranks);
    return std::vector<int32_t>{found.ranks, found.tensor_parallel, found.expert_parallel};
  };
  EXPECT_EQ(layout(0, 0, 0), (std::vector<int32_t>{1, 1, 1}));
  EXPECT_EQ(layout(4, 0, 0), (std::vector<int32_t>{4, 4, 1}));
  EXPECT_EQ(layout(4, 0, 4), (std::vector<int32_t>{4, 1, 4}));
  EXPECT_EQ(layout(0, 2, 4), (std::vector<int32_t>{4, 2, 4}));
  EXPECT_EQ(layout(8, 2, 4), (std::vector<int32_t>{8, 2, 4}));
}

}  // namespace
}  // namespace hadal::inference

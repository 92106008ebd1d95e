// hadal-model as a program: exit codes, and what its outputs hold.
#include <sys/wait.h>

#include <cstring>
#include <fstream>

#include "base/file.h"
#include "inference/weights/safetensors.h"
#include "tests/inference/tokenizer/golden_files.h"
#include "tests/support/paths.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference {
namespace {

using nlohmann::json;
using testing::Exists;

struct Output {
  int exit_code = -1;
  std::string out;
  std::string error;
};

class CommandTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_OK_AND_ASSIGN(dir_, TempDir::Create()); }

  Output Run(std::vector<std::string> arguments) {
    SubprocessOptions options;
    const std::string out = dir_->path() + "/out";
    const std::string error = dir_->path() + "/error";
    options.argv = {
        "sh",
        "-c",
        "program=$0; out=$1; error=$2; shift 2; exec \"$program\" \"$@\" >\"$out\" 2>\"$error\"",
        BinaryPath("hadal-model"),
        out,
        error};
    options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
    auto process = Subprocess::Start(options);
    EXPECT_OK(process);
    const std::optional<int> status = process->Wait(absl::Now() + absl::Minutes(4));
    EXPECT_TRUE(status.has_value());
    Output result;
    if (status && WIFEXITED(*status)) result.exit_code = WEXITSTATUS(*status);
    result.out = ReadFile(out).value_or("");
    result.error = ReadFile(error).value_or("");
    return result;
  }

  std::unique_ptr<TempDir> dir_;
};

TEST_F(CommandTest, ExitCodes) {
  EXPECT_EQ(Run({"--help"}).exit_code, 0);
  EXPECT_EQ(Run({}).exit_code, 2);
  EXPECT_EQ(Run({"inspect"}).exit_code, 2);
  EXPECT_EQ(Run({"logits", "m", "--tokens-file", "t", "--out", "o", "--dtype", "f8"}).exit_code, 2);
  const Output absent = Run({"inspect", "/no/such/model"});
  EXPECT_EQ(absent.exit_code, 1);
  EXPECT_THAT(absent.error, ::testing::HasSubstr("/no/such/model"));
}

TEST_F(CommandTest, PlansOfAModelThatIsNotThere) {
  const std::string v3 = SourcePath("tests/golden/configs/deepseek_v3.json");
  const auto weights = [&](std::vector<std::string> more) {
    std::vector<std::string> arguments = {"plan", v3, "--memory", "80", "--ep", "16", "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Output planned = Run(arguments);
    EXPECT_EQ(planned.exit_code, 0) << planned.error;
    return json::parse(planned.out).at("weight_bytes").get<int64_t>();
  };
  EXPECT_GT(weights({}), weights({"--no-draft"}));
  EXPECT_GT(weights({"--redundant-experts", "1"}), weights({}));
  const Output alone = Run({"plan", v3, "--memory", "800", "--redundant-experts", "1"});
  EXPECT_EQ(alone.exit_code, 1);
  EXPECT_THAT(alone.error, ::testing::HasSubstr("--ep above 1"));

  std::vector<std::string> hybrid = {"hybrid", v3, "--device-memory", "80", "--host-memory", "768",
                                     "--device-bandwidth", "2800", "--host-bandwidth", "600",
                                     "--link-bandwidth", "50", "--json", "--experts", "Q4_K"};
  const Output placed = Run(hybrid);
  ASSERT_EQ(placed.exit_code, 0) << placed.error;
  const json plan = json::parse(placed.out);
  EXPECT_EQ(plan.at("device_expert_layers").get<int>() + plan.at("host_expert_layers").get<int>(),
            58);
  hybrid.back() = "Q4";
  const Output unknown = Run(hybrid);
  EXPECT_EQ(unknown.exit_code, 1);
  EXPECT_THAT(unknown.error, ::testing::HasSubstr("Q4_0, Q4_1"));
}

TEST_F(CommandTest, InspectAndTokenizeTheDefaultModel) {
  const std::string model = ModelPath("smollm2-135m-instruct-q4_1.gguf");
  if (!Exists(model)) GTEST_SKIP() << model << " is absent";
  const Output inspected = Run({"inspect", model, "--json"});
  ASSERT_EQ(inspected.exit_code, 0) << inspected.error;
  const json found = json::parse(inspected.out);
  EXPECT_EQ(found.at("architecture"), "llama");
  EXPECT_EQ(found.at("chat_template"), "smollm2");
  EXPECT_EQ(found.at("vocabulary"), 49152);

  const std::string rows = dir_->path() + "/rows.jsonl";
  std::ofstream(rows) << json{{"text", "Hello<|im_end|>"}} << "\n" << json{{"ids", {2}}} << "\n";
  const Output tokenized = Run({"tokenize", model, "--jsonl", rows});
  ASSERT_EQ(tokenized.exit_code, 0) << tokenized.error;
  EXPECT_EQ(tokenized.out, "{\"ids\":[19556,2]}\n{\"text\":\"<|im_end|>\"}\n");
  const Output plain = Run({"tokenize", model, "--jsonl", rows, "--plain"});
  EXPECT_EQ(plain.out.find(",2]"), std::string::npos);

  std::ofstream(rows)
      << R"({"messages":[{"role":"user","content":"Hi"}],"add_generation_prompt":true})";
  const Output rendered = Run({"render", model, "--jsonl", rows});
  ASSERT_EQ(rendered.exit_code, 0) << rendered.error;
  EXPECT_THAT(json::parse(rendered.out).at("prompt").get<std::string>(),
              ::testing::EndsWith("<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"));
}

TEST_F(CommandTest, LogitsEqualTheReference) {
  const std::string folder = testing::SharedGolden("models/qwen2-tiny-untied");
  if (!Exists(folder)) GTEST_SKIP() << folder << " is absent";
  ASSERT_OK_AND_ASSIGN(const auto golden, SafetensorsFile::Open(folder + "/golden.safetensors"));
  const SafetensorsEntry* ids = golden->Find("prompt.1.ids");
  const SafetensorsEntry* logits = golden->Find("prompt.1.logits");
  const SafetensorsEntry* greedy = golden->Find("prompt.1.greedy");
  ASSERT_TRUE(ids != nullptr && logits != nullptr && greedy != nullptr);
  std::ofstream prompts(dir_->path() + "/p.txt");
  for (size_t i = 0; i < ids->data.size(); i += 4) {
    int32_t id = 0;
    std::memcpy(&id, ids->data.data() + i, 4);
    prompts << id << ",";
  }
  prompts.close();
  const std::string out = dir_->path() + "/o.safetensors";
  const Output run = Run({"logits", folder, "--tokens-file", dir_->path() + "/p.txt", "--out", out,
                          "--all", "--greedy", "32", "--dtype", "f32"});
  ASSERT_EQ(run.exit_code, 0) << run.error;
  ASSERT_OK_AND_ASSIGN(const auto found, SafetensorsFile::Open(out));
  const SafetensorsEntry* found_logits = found->Find("prompt.0.logits");
  ASSERT_NE(found_logits, nullptr);
  ASSERT_EQ(found_logits->shape, logits->shape);
  for (size_t i = 0; i < logits->data.size(); i += 4) {
    float expected = 0;
    float value = 0;
    std::memcpy(&expected, logits->data.data() + i, 4);
    std::memcpy(&value, found_logits->data.data() + i, 4);
    ASSERT_NEAR(value, expected, 1e-3) << i / 4;
  }
  const SafetensorsEntry* found_greedy = found->Find("prompt.0.greedy");
  ASSERT_NE(found_greedy, nullptr);
  EXPECT_EQ(std::string(found_greedy->data.begin(), found_greedy->data.end()),
            std::string(greedy->data.begin(), greedy->data.end()));
}

TEST_F(CommandTest, LogitsTraceTheThirdPrompt) {
  const std::string models = testing::SharedGolden("models/");
  const std::string folder = models + "deepseek_v3-tiny-fp8";
  if (!Exists(folder)) GTEST_SKIP() << folder << " is absent";
  ASSERT_OK_AND_ASSIGN(const auto golden, SafetensorsFile::Open(folder + "/golden.safetensors"));
  const SafetensorsEntry* ids = golden->Find("prompt.2.ids");
  ASSERT_NE(ids, nullptr);
  std::ofstream prompts(dir_->path() + "/p.txt");
  prompts << "5 6 7\n8\n";
  for (size_t i = 0; i < ids->data.size(); i += 4) {
    int32_t id = 0;
    std::memcpy(&id, ids->data.data() + i, 4);
    prompts << id << " ";
  }
  prompts << "\n9\n";
  prompts.close();
  const std::string out = dir_->path() + "/o.safetensors";
  const std::vector<std::string> arguments = {
      "--tokens-file", dir_->path() + "/p.txt", "--out", out, "--trace", "--dtype", "f32"};
  const auto run = [&](const std::string& model) {
    std::vector<std::string> all = {"logits", model};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return Run(all);
  };
  const Output traced = run(folder);
  ASSERT_EQ(traced.exit_code, 0) << traced.error;
  ASSERT_OK_AND_ASSIGN(const auto found, SafetensorsFile::Open(out));
  EXPECT_EQ(found->Find("prompt.2.logits")->shape, (std::vector<int64_t>{1, 384}));
  for (const SafetensorsEntry& entry : golden->entries()) {
    if (!entry.name.starts_with("trace.") && !entry.name.starts_with("router.")) continue;
    const SafetensorsEntry* same = found->Find(entry.name);
    ASSERT_NE(same, nullptr) << entry.name;
    EXPECT_EQ(same->shape, entry.shape) << entry.name;
    if (!entry.name.ends_with(".idx")) continue;
    EXPECT_TRUE(std::equal(entry.data.begin(), entry.data.end(), same->data.begin())) << entry.name;
  }
}

TEST_F(CommandTest, LogitsOfThePredictionLayer) {
  const std::string models = SharedPath("golden/models/");
  if (!Exists(models)) GTEST_SKIP() << models << " is absent";
  std::ofstream(dir_->path() + "/p.txt") << "0 5 6 7\n";
  const std::string out = dir_->path() + "/o.safetensors";
  const auto run = [&](const std::string& model) {
    return Run({"logits", models + model, "--tokens-file", dir_->path() + "/p.txt", "--out", out,
                "--mtp", "--all"});
  };
  const Output drafted = run("deepseek_v3-tiny");
  ASSERT_EQ(drafted.exit_code, 0) << drafted.error;
  ASSERT_OK_AND_ASSIGN(const auto found, SafetensorsFile::Open(out));
  EXPECT_EQ(found->Find("mtp.0.logits")->shape, (std::vector<int64_t>{4, 512}));
  EXPECT_EQ(found->Find("mtp.0.draft")->shape, (std::vector<int64_t>{4}));
  EXPECT_EQ(found->Find("mtp.0.next_token")->shape, (std::vector<int64_t>{1}));
  const Output refused = run("qwen2-tiny-tied");
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_NE(refused.error.find("multi-token prediction"), std::string::npos) << refused.error;
}

TEST_F(CommandTest, BenchSaysWhatShareOfTheMachineItReaches) {
  const std::string folder = SharedPath("golden/models/qwen2-tiny-untied");
  if (!Exists(folder)) GTEST_SKIP() << folder << " is absent";
  const Output run = Run({"bench", folder, "--threads", "1", "--prompt", "8", "--prompt", "16",
                          "--gen", "4", "--streams", "2", "--repeats", "1", "--json"});
  ASSERT_EQ(run.exit_code, 0) << run.error;
  const json found = json::parse(run.out);
  const json& machine = found.at("machine");
  ASSERT_EQ(found.at("prompts").size(), 2);
  ASSERT_EQ(found.at("streams").size(), 1);
  const json& prompt = found.at("prompts")[1];
  EXPECT_EQ(prompt.at("tokens"), 16);
  for (const auto& [isa, share] : prompt.at("share_of_int8").items()) {
    const double reached = 2e-9 * prompt.at("multiply_adds_per_token").get<double>() *
                           prompt.at("tokens_per_second").get<double>();
    EXPECT_NEAR(share.get<double>() * machine.at("int8_gop_per_second").at(isa).get<double>(),
                reached, 1e-6 * reached)
        << isa;
  }
  const json& together = found.at("streams")[0];
  EXPECT_EQ(together.at("streams"), 2);
  // Two streams read the weights once for both.
  EXPECT_LT(together.at("bytes_per_token").get<double>(),
            found.at("generation").at("bytes_per_token").get<double>());
  EXPECT_EQ(Run({"bench", folder, "--prompt", "0"}).exit_code, 2);
}

TEST_F(CommandTest, BenchOfStreamsOfTheSameTextReadsFewerExperts) {
  const std::string folder = SharedPath("golden/models/deepseek_v3-tiny");
  if (!Exists(folder)) GTEST_SKIP() << folder << " is absent";
  const auto read = [&](const std::vector<std::string>& more) {
    std::vector<std::string> command = {"bench", folder, "--threads", "1", "--prompt", "8", "--gen",
                                        "4", "--streams", "4", "--repeats", "1", "--json"};
    command.insert(command.end(), more.begin(), more.end());
    const Output run = Run(command);
    EXPECT_EQ(run.exit_code, 0) << run.error;
    return json::parse(run.out).at("streams")[0].at("bytes_per_token").get<double>();
  };
  EXPECT_LT(read({"--same-text"}), read({}));
}

TEST_F(CommandTest, EmbedKeepsTheOrderOfRows) {
  const std::string model = ModelPath("all-minilm-l6-v2");
  if (!Exists(model)) GTEST_SKIP() << model << " is absent";
  const std::string rows = dir_->path() + "/rows.jsonl";
  std::ofstream(rows) << R"({"text":"one","kind":"query"})"
                      << "\n"
                      << R"({"text":"two"})"
                      << "\n"
                      << R"({"text":"one","kind":"none"})"
                      << "\n";
  const std::string out = dir_->path() + "/e.safetensors";
  const Output run = Run({"embed", model, "--jsonl", rows, "--out", out});
  ASSERT_EQ(run.exit_code, 0) << run.error;
  ASSERT_OK_AND_ASSIGN(const auto file, SafetensorsFile::Open(out));
  const SafetensorsEntry* found = file->Find("embeddings");
  ASSERT_NE(found, nullptr);
  ASSERT_EQ(found->shape, (std::vector<int64_t>{3, 384}));
  const size_t row = 384 * 4;
  EXPECT_EQ(std::memcmp(found->data.data(), found->data.data() + 2 * row, row), 0);
  EXPECT_NE(std::memcmp(found->data.data(), found->data.data() + row, row), 0);
}

}  // namespace
}  // namespace hadal::inference

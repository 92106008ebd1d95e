// hadal-inference under mpirun: two ranks share the default model; one that is stopped or killed
// ends the group with an error that names it, and the group started again answers again.
#include <signal.h>
#include <sys/stat.h>

#include <cstdio>
#include <fstream>

#include "auth/mtls/pki.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/subprocess.h"
#include "hadal/internal/v1/inference.grpc.pb.h"
#include "services/inference/config.h"
#include "services/rpc/channel.h"
#include "services/rpc/run_file.h"
#include "services/rpc/tls.h"
#include "tests/support/paths.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference_service {
namespace {

constexpr int kTimeoutSeconds = 3;

class RanksE2eTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (std::string(HADAL_MPIRUN).empty()) GTEST_SKIP() << "no mpirun was found by CMake";
    const std::string model = SourcePath("models/" + InferenceConfig().chat_model);
    struct stat info = {};
    if (::stat(model.c_str(), &info) != 0) GTEST_SKIP() << model << " is absent";
    ASSERT_OK_AND_ASSIGN(data_, TempDir::Create());
    ASSERT_OK(auth::EnsureAppliancePki(data_->path() + "/pki", {}, SystemClock()));
    std::ofstream(data_->path() + "/inference.toml")
        << "[inference]\nembedding_model = \"\"\nkv_cache_mib = 64\nthreads = 1\nrank_timeout_s = "
        << kTimeoutSeconds << "\n";
  }

  void StartRanks() {
    (void)::unlink((data_->path() + "/run/inference.json").c_str());
    SubprocessOptions options;
    options.argv = {HADAL_MPIRUN,
                    "--allow-run-as-root",
                    "--oversubscribe",
                    "-np",
                    "2",
                    BinaryPath("hadal-inference"),
                    "--ranks",
                    "2",
                    "--data",
                    data_->path(),
                    "--models",
                    SourcePath("models"),
                    "--config",
                    data_->path() + "/inference.toml"};
    auto process = Subprocess::Start(options);
    ASSERT_OK(process);
    mpirun_.emplace(*std::move(process));
  }

  // Waits until the service is there and answers; its tokens.
  grpc::Status Ask(std::string* content, absl::Duration patience = absl::Seconds(60)) {
    const absl::Time deadline = absl::Now() + patience;
    while (true) {
      const auto run = rpc::ReadRunFile(data_->path(), "inference");
      if (run.ok()) {
        leader_ = run->pid;
        auto channel = rpc::MakeInternalChannel(run->endpoints.at("grpc"), "inference",
                                                rpc::ServiceTlsFiles(data_->path(), "gateway"));
        EXPECT_OK(channel);
        const grpc::Status status = Generate(*channel, content);
        const bool loading = status.error_code() == grpc::StatusCode::UNAVAILABLE &&
                             status.error_message().find("rank") == std::string::npos;
        if (!loading || absl::Now() > deadline) return status;
      }
      if (absl::Now() > deadline) return grpc::Status(grpc::StatusCode::UNKNOWN, "never there");
      absl::SleepFor(absl::Milliseconds(100));
    }
  }

  static grpc::Status Generate(const std::shared_ptr<grpc::Channel>& channel,
                               std::string* content) {
    const auto stub = internal::v1::Inference::NewStub(channel);
    internal::v1::GenerateRequest request;
    auto* message = request.add_messages();
    message->set_role("user");
    message->set_content("What is the capital of France?");
    request.mutable_sampling()->set_max_tokens(16);
    grpc::ClientContext context;
    const auto reader = stub->Generate(&context, request);
    internal::v1::GenerateEvent event;
    while (reader->Read(&event)) *content += event.delta().content();
    return reader->Finish();
  }

  // The child of mpirun that does not lead.
  pid_t Follower() const {
    const std::string pid = std::to_string(mpirun_->pid());
    std::ifstream children("/proc/" + pid + "/task/" + pid + "/children");
    pid_t child = 0;
    while (children >> child) {
      if (child != leader_) return child;
    }
    return 0;
  }

  std::unique_ptr<TempDir> data_;
  std::optional<Subprocess> mpirun_;
  pid_t leader_ = 0;
};

TEST_F(RanksE2eTest, AnswersAndEndsWithTheRankThatStopsOrDies) {
  for (const int signal_number : {SIGSTOP, SIGKILL}) {
    StartRanks();
    std::string content;
    const grpc::Status answered = Ask(&content);
    ASSERT_TRUE(answered.ok()) << answered.error_message();
    EXPECT_THAT(content, ::testing::HasSubstr("Paris"));
    const pid_t follower = Follower();
    ASSERT_GT(follower, 0);
    ASSERT_EQ(::kill(follower, signal_number), 0);
    const absl::Time start = absl::Now();
    if (signal_number == SIGSTOP) {  // a killed rank: mpirun itself ends all of them at once
      content.clear();
      const grpc::Status refused = Ask(&content, absl::Seconds(20));
      EXPECT_THAT(refused.error_message(), ::testing::HasSubstr("rank 1 is dead or stuck"));
      EXPECT_LT(absl::Now() - start, absl::Seconds(2 * kTimeoutSeconds));
      std::printf("a request was refused after %.1f s\n",
                  absl::ToDoubleSeconds(absl::Now() - start));
    }
    const auto ended = mpirun_->Wait(absl::Now() + absl::Seconds(20));
    ASSERT_TRUE(ended.has_value()) << "mpirun hangs";
    EXPECT_NE(*ended, 0);
    std::printf("signal %d: all ranks ended after %.1f s\n", signal_number,
                absl::ToDoubleSeconds(absl::Now() - start));
  }
  StartRanks();  // what systemd does with a unit that failed
  std::string content;
  EXPECT_TRUE(Ask(&content).ok());
  EXPECT_THAT(content, ::testing::HasSubstr("Paris"));
  mpirun_->Signal(SIGTERM);
  EXPECT_TRUE(mpirun_->Wait(absl::Now() + absl::Seconds(20)).has_value());
}

TEST_F(RanksE2eTest, SaysHowRanksAreStarted) {
  SubprocessOptions options;
  options.argv = {"sh", "-c", "\"$0\" --ranks 4 --data d --models m 2>\"$1\"",
                  BinaryPath("hadal-inference"), data_->path() + "/log"};
  ASSERT_OK_AND_ASSIGN(auto process, Subprocess::Start(options));
  EXPECT_NE(process.Wait(absl::Now() + absl::Seconds(20)), 0);
  EXPECT_THAT(ReadFile(data_->path() + "/log").value_or(""),
              ::testing::HasSubstr("mpirun -np 4 hadal-inference"));
}

}  // namespace
}  // namespace hadal::inference_service

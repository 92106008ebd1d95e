// hadal-inference under mpirun: two ranks share the default model; one that is stopped or killed
// ends the group with an error that names it, and the group started again answers again.
#include <signal.h>
#include <sys/stat.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <future>

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
        channel_ = *channel;
        const grpc::Status status = Generate(channel_, content);
        const bool loading = status.error_code() == grpc::StatusCode::UNAVAILABLE &&
                             status.error_message().find("rank") == std::string::npos;
        if (!loading || absl::Now() > deadline) return status;
      }
      if (absl::Now() > deadline) return grpc::Status(grpc::StatusCode::UNKNOWN, "never there");
      absl::SleepFor(absl::Milliseconds(100));
    }
  }

  static grpc::Status Generate(const std::shared_ptr<grpc::Channel>& channel, std::string* content,
                               const std::string& question = "What is the capital of France?",
                               int max_tokens = 16) {
    const auto stub = internal::v1::Inference::NewStub(channel);
    internal::v1::GenerateRequest request;
    auto* message = request.add_messages();
    message->set_role("user");
    message->set_content(question);
    request.mutable_sampling()->set_max_tokens(max_tokens);
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
  std::shared_ptr<grpc::Channel> channel_;  ///< of the last Ask()
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
    auto running = std::async(std::launch::async, [this] {
      std::string text;
      return Generate(channel_, &text, "Count from 1 to 1000, one number a line.", 1000);
    });
    EXPECT_EQ(running.wait_for(std::chrono::seconds(1)), std::future_status::timeout);
    ASSERT_EQ(::kill(follower, signal_number), 0);
    const absl::Time start = absl::Now();
    EXPECT_THAT(running.get().error_message(), ::testing::HasSubstr("rank 1 is dead"));
    const absl::Duration told = absl::Now() - start;
    // A process that ended is seen; the silence of one that stopped has to last.
    EXPECT_LT(told,
              absl::Seconds(signal_number == SIGKILL ? kTimeoutSeconds : 2 * kTimeoutSeconds));
    std::printf("signal %d: a running answer ended after %.1f s\n", signal_number,
                absl::ToDoubleSeconds(told));
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

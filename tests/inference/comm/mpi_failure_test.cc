// Ranks that die, stop or leave under mpirun: the others are told who, in time.
#include <sys/wait.h>

#include <cstdlib>
#include <fstream>
#include <map>

#include "base/file.h"
#include "base/subprocess.h"
#include "tests/support/paths.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference {
namespace {

/// Before the timeout of 2 s: a process that ended is seen, silence has to last.
constexpr double kSoon = 1.5;

struct Told {
  double seconds = 0;
  std::string message;
};

class MpiFailure : public ::testing::Test {
 protected:
  /// What ranks 0 to 3 were told when rank 3 failed. mpirun itself must end too (and with
  /// --enable-recovery its exit status says nothing).
  static std::map<int, Told> Run(const std::string& how, std::vector<std::string> mpirun_options) {
    auto dir = TempDir::Create();
    EXPECT_OK(dir);
    SubprocessOptions options;
    options.argv = {HADAL_MPIRUN, "--allow-run-as-root", "--oversubscribe", "-np", "4"};
    options.argv.insert(options.argv.end(), mpirun_options.begin(), mpirun_options.end());
    options.argv.insert(options.argv.end(),
                        {BinaryPath("inference_comm_mpi_test"), "3", how, (*dir)->path()});
    auto process = Subprocess::Start(options);
    EXPECT_OK(process);
    const auto status = process->Wait(absl::Now() + absl::Seconds(60));
    EXPECT_TRUE(status.has_value()) << "mpirun hangs";
    EXPECT_TRUE(!mpirun_options.empty() ||
                !(status && WIFEXITED(*status) && WEXITSTATUS(*status) == 0));
    std::map<int, Told> told;
    for (int rank = 0; rank < 4; ++rank) {
      std::ifstream file((*dir)->path() + "/" + std::to_string(rank));
      Told one;
      if (!(file >> one.seconds)) continue;
      std::getline(file, one.message);
      std::printf("rank %d after %.2f s:%s\n", rank, one.seconds, one.message.c_str());
      told[rank] = one;
    }
    return told;
  }

  static void ExpectAllTold(const std::map<int, Told>& told, double within) {
    for (int rank = 0; rank < 3; ++rank) {
      ASSERT_TRUE(told.contains(rank)) << rank;
      EXPECT_THAT(told.at(rank).message, ::testing::HasSubstr("rank 3 is dead")) << rank;
      EXPECT_LT(told.at(rank).seconds, within);
    }
  }
};

TEST_F(MpiFailure, AStoppedRankIsNamedByAll) { ExpectAllTold(Run("stop", {}), 4); }

TEST_F(MpiFailure, TheSameOverTcp) {
  ExpectAllTold(Run("stop", {"--mca", "btl", "tcp,self"}), 4);
  ExpectAllTold(Run("kill", {"--mca", "btl", "tcp,self", "--enable-recovery"}), kSoon);
}

TEST_F(MpiFailure, ARankThatLeavesIsNamedAtOnce) { ExpectAllTold(Run("leave", {}), 1.5); }

// As mpirun does it, a killed rank ends all; told to go on, the others find out themselves.
TEST_F(MpiFailure, AKilledRankEndsTheJobOrIsNamed) {
  Run("kill", {});
  ExpectAllTold(Run("kill", {"--enable-recovery"}), kSoon);
}

}  // namespace
}  // namespace hadal::inference

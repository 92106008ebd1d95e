// Run by mpirun, every process being a rank; see CMakeLists.txt. With a folder as argument it shows
// how ranks fail instead: RANK, HOW and FOLDER, where each rank writes what it was told.
#include "inference/comm/mpi_ranks.h"

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <fstream>

#include "tests/inference/comm/collectives.h"

namespace hadal::inference {
namespace {

MpiRanks* ranks = nullptr;

TEST(MpiRanks, CollectivesAreThoseOfPlainComputation) { CheckCollectives(ranks->world()); }

TEST(MpiRanks, StartsOnce) {
  EXPECT_STATUS(MpiRanks::Start(absl::Seconds(1)), kFailedPrecondition, "already");
}

// Rank `victim` fails as `how` says while the others are in two groups' collectives.
int Fail(int32_t victim, const std::string& how, const std::string& folder) {
  auto started = MpiRanks::Start(absl::Seconds(2));
  if (!started.ok()) return 1;
  Communicator& world = (*started)->world();
  auto pair = world.Split(world.rank() / 2);
  if (!pair.ok()) return 1;
  std::vector<float> data(200000, 1.0f);
  Status status = world.AllReduceSum(absl::MakeSpan(data));
  if (status.ok() && world.rank() == victim) {
    if (how == "leave") return 1;
    std::raise(how == "stop" ? SIGSTOP : SIGKILL);
  }
  const absl::Time start = absl::Now();
  if (world.rank() / 2 == victim / 2) status = (*pair)->AllReduceSum(absl::MakeSpan(data));
  if (status.ok()) status = world.AllReduceSum(absl::MakeSpan(data));
  const std::string path = folder + "/" + std::to_string(world.rank());
  std::ofstream(path + ".part") << absl::ToDoubleSeconds(absl::Now() - start) << " "
                                << StatusMessage(status);
  std::rename((path + ".part").c_str(), path.c_str());
  absl::SleepFor(absl::Seconds(1));  // mpirun ends everybody when the first one is gone
  _exit(1);
}

}  // namespace
}  // namespace hadal::inference

int main(int argc, char** argv) {
  using hadal::inference::MpiRanks;
  if (argc == 4) return hadal::inference::Fail(std::atoi(argv[1]), argv[2], argv[3]);
  ::testing::InitGoogleTest(&argc, argv);
  auto started = MpiRanks::Start(absl::Seconds(60));
  if (!started.ok()) {
    std::fprintf(stderr, "%s\n", hadal::StatusMessage(started.status()).c_str());
    return 1;
  }
  hadal::inference::ranks = started->get();
  std::printf("rank %d of %d\n", (*started)->world().rank(), (*started)->world().size());
  const int failed = RUN_ALL_TESTS();
  return failed != 0 || !(*started)->Finish().ok() ? 1 : 0;
}

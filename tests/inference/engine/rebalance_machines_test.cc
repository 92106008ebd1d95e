// Experts that move between ranks on two machines, as far as TCP knows: network namespaces.
#include "base/file.h"
#include "base/subprocess.h"
#include "tests/support/paths.h"
#include "tests/support/status_matchers.h"
#include "tests/support/two_machines.h"

namespace hadal::inference {
namespace {

TEST(RebalanceOverMachines, MovesManyTimesAndNoTokenChanges) {
  const TwoMachines machines;
  if (!machines.up()) GTEST_SKIP() << "network namespaces need root and ip";
  ASSERT_OK_AND_ASSIGN(const auto dir, TempDir::Create());
  SubprocessOptions options;
  options.argv = machines.MpiRun(HADAL_MPIRUN, dir->path() + "/agent");
  options.argv.push_back(BinaryPath("inference_engine_mpi_test"));
  ASSERT_OK_AND_ASSIGN(auto process, Subprocess::Start(options));
  EXPECT_EQ(process.Wait(absl::Now() + absl::Minutes(4)), 0);
}

}  // namespace
}  // namespace hadal::inference

// hadal-model: looks at models and runs them, offline. Exit codes: 0 done, 1 failed, 2 wrong usage.
#include <cstdio>
#include <cstdlib>

#include "inference/tool/commands.h"

int main(int argc, char** argv) {
  using namespace hadal::inference::tool;  // NOLINT: these functions, used here only
  CLI::App app("Looks at models and runs them, offline.", "hadal-model");
  app.require_subcommand(1);
  RunCommand run;
  AddInspect(app, &run);
  AddTokenize(app, &run);
  AddRender(app, &run);
  // PMIx, which mpirun of OpenMPI and srun speak, tells each process its rank.
  AddLogits(app, std::getenv("PMIX_RANK") != nullptr, &run);
  AddPlan(app, &run);
  AddHybrid(app, &run);
  AddEmbed(app, &run);
  AddBench(app, &run);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  const hadal::Status status = run();
  if (!status.ok()) {
    std::fprintf(stderr, "hadal-model: %s\n", hadal::StatusMessage(status).c_str());
    return 1;
  }
  return 0;
}

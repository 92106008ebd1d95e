#pragma once

#include <CLI/CLI.hpp>
#include <functional>

#include "base/status.h"

/// The subcommands of hadal-model, one file each. Add*() declares the options; when the command
/// line names the subcommand, *run becomes what it does.
namespace hadal::inference::tool {

using RunCommand = std::function<Status()>;

void AddInspect(CLI::App& app, RunCommand* run);
void AddTokenize(CLI::App& app, RunCommand* run);
void AddRender(CLI::App& app, RunCommand* run);
/// `by_mpi`: mpirun or srun started this process as one rank of several.
void AddLogits(CLI::App& app, bool by_mpi, RunCommand* run);
void AddPlan(CLI::App& app, RunCommand* run);
void AddHybrid(CLI::App& app, RunCommand* run);
void AddEmbed(CLI::App& app, RunCommand* run);
void AddBench(CLI::App& app, RunCommand* run);

}  // namespace hadal::inference::tool

#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/subprocess.h"

namespace hadal {

/// Two network namespaces joined by a cable: two machines, as far as TCP knows.
class TwoMachines {
 public:
  TwoMachines() : prefix_("hadal" + std::to_string(::getpid()) + "-") {
    const std::string one = prefix_ + "10.77.0.1", two = prefix_ + "10.77.0.2";
    up_ = Shell("ip netns add " + one + " && ip netns add " + two + " && ip -n " + one +
                " link add hadal0 type veth peer name hadal0 netns " + two +
                " && for n in 1 2; do ip -n " + prefix_ +
                "10.77.0.$n addr add 10.77.0.$n/24 dev hadal0 && ip -n " + prefix_ +
                "10.77.0.$n link set hadal0 up && ip -n " + prefix_ +
                "10.77.0.$n link set lo up || exit 1; done");
  }
  ~TwoMachines() {
    for (const char* n : {"10.77.0.1", "10.77.0.2"}) Shell("ip netns del " + prefix_ + n);
  }
  bool up() const { return up_; }
  /// mpirun on the first machine, two ranks on each; `agent` becomes what ssh is elsewhere.
  std::vector<std::string> MpiRun(const std::string& mpirun, const std::string& agent) const {
    std::ofstream(agent) << "#!/bin/sh\nhost=$1; shift\nexec ip netns exec " << prefix_
                         << "$host sh -c \"$*\"\n";
    std::filesystem::permissions(agent, std::filesystem::perms::owner_all);
    return {"ip",
            "netns",
            "exec",
            prefix_ + "10.77.0.1",
            mpirun,
            "--allow-run-as-root",
            "--host",
            "10.77.0.1:2,10.77.0.2:2",
            "-np",
            "4",
            "--mca",
            "plm_rsh_agent",
            agent,
            "--mca",
            "btl",
            "tcp,self",
            "--mca",
            "btl_tcp_if_include",
            "10.77.0.0/24",
            "--mca",
            "oob_tcp_if_include",
            "10.77.0.0/24",
            "--mca",
            "hwloc_base_binding_policy",
            "none"};
  }

 private:
  static bool Shell(const std::string& command) {
    SubprocessOptions options;
    options.argv = {"sh", "-c", "(" + command + ") 2>/dev/null"};
    auto process = Subprocess::Start(options);
    return process.ok() && process->Wait() == 0;
  }
  const std::string prefix_;
  bool up_ = false;
};

}  // namespace hadal

// load_bench MODEL [THREADS [REPEATS]]: how long loading a chat model takes, phase by phase (of the
// fastest repeat: all but the first find the file in the page cache), and the memory it needed.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

#include "absl/time/clock.h"
#include "bench/measure.h"
#include "inference/constraint.h"
#include "inference/kernels/thread_pool.h"
#include "inference/model/decoder.h"
#include "inference/tokenizer.h"
#include "inference/weights/checkpoint.h"

namespace hadal::inference {
namespace {

/// Seconds.
struct Phases {
  double open = 0;     ///< headers and metadata; maps the files
  double weights = 0;  ///< reading and packing them
  double tokenizer = 0;
  double constraints = 0;  ///< the vocabulary as constraints see it
  double total() const { return open + weights + tokenizer + constraints; }
};

/// Bytes; `stored` is what the files hold of weights.
struct Memory {
  int64_t stored = 0;
  int64_t peak = 0;       ///< physical, pages of the mapped files included (VmHWM)
  int64_t anonymous = 0;  ///< of it, when all is loaded, what no file holds (RssAnon)
};

struct Load {
  Phases phases;
  Memory memory;
};

int64_t StoredBytes(const Checkpoint& checkpoint) {
  size_t bytes = 0;
  for (const std::string& name : checkpoint.names()) {
    const Weight& weight = *checkpoint.Find(name);
    bytes += weight.data.size() + weight.scales.size() * sizeof(float);
  }
  return static_cast<int64_t>(bytes);
}

/// Seconds since the last call.
class Watch {
 public:
  double Lap() { return absl::ToDoubleSeconds(absl::Now() - std::exchange(start_, absl::Now())); }

 private:
  absl::Time start_ = absl::Now();
};

StatusOr<Load> LoadOnce(const std::string& path, std::shared_ptr<ThreadPool> pool) {
  Load load;
  Watch watch;
  ASSIGN_OR_RETURN(const auto checkpoint, Checkpoint::Open(path));
  load.phases.open = watch.Lap();
  ASSIGN_OR_RETURN(const auto decoder, LoadDecoder(*checkpoint, DecoderOptions(), std::move(pool)));
  load.phases.weights = watch.Lap();
  load.memory = {StoredBytes(*checkpoint), bench::StatusBytes("VmHWM"),
                 bench::StatusBytes("RssAnon")};
  watch.Lap();
  ASSIGN_OR_RETURN(const auto tokenizer, LoadTokenizer(path));
  load.phases.tokenizer = watch.Lap();
  const auto constraints = ConstraintCompiler::Create(*tokenizer);
  load.phases.constraints = watch.Lap();
  return load;
}

Status Run(const std::string& path, int32_t threads, int32_t repeats) {
  const auto pool = std::make_shared<ThreadPool>(threads);
  Memory memory;
  Phases best;
  for (int32_t r = 0; r < repeats; ++r) {
    ASSIGN_OR_RETURN(const Load load, LoadOnce(path, pool));
    if (r == 0) memory = load.memory;
    if (r == 0 || load.phases.total() < best.total()) best = load.phases;
  }
  const auto stored = static_cast<double>(memory.stored);
  fmt::print(
      "{{\"threads\": {}, \"seconds\": {:.3f}, \"open\": {:.3f}, \"weights\": {:.3f}, "
      "\"tokenizer\": {:.3f}, \"constraints\": {:.3f}, \"stored_bytes\": {}, "
      "\"peak_of_stored\": {:.3f}, \"anonymous_of_stored\": {:.3f}}}\n",
      pool->num_threads(), best.total(), best.open, best.weights, best.tokenizer, best.constraints,
      memory.stored, static_cast<double>(memory.peak) / stored,
      static_cast<double>(memory.anonymous) / stored);
  return OkStatus();
}

}  // namespace
}  // namespace hadal::inference

int main(int argc, char** argv) {
  const auto number = [&](int at, int otherwise) {
    return argc > at ? std::atoi(argv[at]) : otherwise;
  };
  const int repeats = number(3, 5);
  if (argc < 2 || argc > 4 || number(2, 0) < 0 || repeats < 1) {
    std::fprintf(stderr, "usage: load_bench MODEL [THREADS (0: all cores) [REPEATS]]\n");
    return 2;
  }
  const hadal::Status status = hadal::inference::Run(argv[1], number(2, 0), repeats);
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
  return 1;
}

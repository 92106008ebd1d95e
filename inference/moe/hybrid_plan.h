#pragma once

#include <cstdint>
#include <optional>

#include "base/status.h"
#include "inference/tensor/element_type.h"
#include "inference/weights/checkpoint.h"

namespace hadal::inference {

/// A device beside a host. Bandwidths are what is reached, in bytes a second.
struct HybridMachine {
  int64_t device_bytes = 0;
  int64_t host_bytes = 0;
  double device_bandwidth = 0;
  double host_bandwidth = 0;  ///< of all nodes together
  double link_bandwidth = 0;  ///< between them, one direction
};

struct HybridOptions {
  HybridMachine machine;
  int64_t kv_bytes_per_token = 0;
  int64_t buffer_bytes = 0;  ///< activations of one step on the device
  int64_t kv_tokens = 1;     ///< that must fit; what is left over takes experts, then more KV
  bool draft = false;        ///< the multi-token prediction layer is loaded, and read in a step
  std::optional<ElementType> expert_type;  ///< of routed experts; else as the folder has them
  int32_t streams = 1;                     ///< sequences that decode together
  int32_t context_tokens = 4096;           ///< of each of them, whose KV a step reads
};

/// Bytes of one decode step, of all streams together.
struct HybridTraffic {
  double device = 0;  ///< read from the device's memory: weights and KV
  double host = 0;    ///< read from the host's: the experts that were chosen
  double link = 0;    ///< hidden states to the host and results back, in float32
};

struct HybridPlan {
  int64_t device_weight_bytes = 0;   ///< device_expert_layers included
  int64_t host_weight_bytes = 0;     ///< routed experts, and the table of embeddings
  int32_t device_expert_layers = 0;  ///< layers whose experts found room on the device
  int32_t host_expert_layers = 0;
  int64_t kv_tokens = 0;  ///< that fit on the device
  HybridTraffic traffic;
  double step_seconds = 0;  ///< the traffic at the machine's bandwidths, one after the other
};

/// Where the parts of a mixture of experts go when a device computes attention, shared experts and
/// the output, and the host the routed experts: a token reads all of the former and few of the
/// latter. Whole layers of experts move to the device, the first first, while `kv_tokens` still
/// fit. The experts of a step are those that `streams` tokens choose independently and evenly, the
/// most they can be on average; the step is bound by memory and its parts wait for each other.
/// Weights are counted as in `config`'s folder. RESOURCE_EXHAUSTED with the numbers when the device
/// or the host does not hold its part; INVALID_ARGUMENT for a model without routed experts, a
/// type whose blocks do not divide the experts' rows, or options that are not positive.
StatusOr<HybridPlan> PlanHybrid(const ModelConfig& config, const HybridOptions& options);

}  // namespace hadal::inference

#pragma once

#include <cstdint>

#include "base/status.h"
#include "inference/model/decoder.h"

namespace hadal::inference {

struct DecoderBenchOptions {
  int32_t prompt_tokens = 512;     ///< length of the prompt, run in one forward pass
  int32_t generated_tokens = 64;   ///< one by one after a short prompt
  int32_t streams = 8;             ///< sequences decoded together
  int32_t stream_tokens = 32;      ///< tokens of each of them
  int32_t repeats = 3;             ///< the median is reported
};

/// Tokens per second, medians of `repeats` runs.
struct DecoderBench {
  double prompt = 0;
  double generation = 0;
  double parallel = 0;  ///< of all streams together
};

/// Times `decoder` alone: no tokenizer, no sampling but greedy, no scheduling. Tokens are
/// pseudo-random and the same in every run. RESOURCE_EXHAUSTED when its cache does not fit;
/// INVALID_ARGUMENT for options that are not positive.
StatusOr<DecoderBench> BenchDecoder(Decoder& decoder, const DecoderBenchOptions& options);

}  // namespace hadal::inference

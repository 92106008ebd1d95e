#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "inference/model/decoder.h"

namespace hadal::inference {

struct DecoderBenchOptions {
  std::vector<int32_t> prompts = {512};  ///< lengths, each run in one forward pass
  /// As EngineOptions::expanded_prefill; the decoder is loaded for it.
  int32_t expanded_prefill = 0;
  int32_t generated_tokens = 64;         ///< one by one after a short prompt
  std::vector<int32_t> streams = {8};    ///< how many sequences are decoded together
  int32_t stream_tokens = 32;            ///< tokens of each of them
  bool same_text = false;                ///< of all streams: of a router's experts they need fewer
  int32_t repeats = 3;                   ///< the median is reported
};

/// Tokens per second, medians of `repeats` runs.
struct DecoderBench {
  std::vector<double> prompts;  ///< one for each of DecoderBenchOptions::prompts
  double generation = 0;
  std::vector<double> streams;  ///< of all sequences together, one for each of ...::streams
};

/// Positions in the cache, on average, that a token of a run of `tokens` attends to.
double MeanContext(int32_t tokens);

/// Times `decoder` alone: no tokenizer, no sampling but greedy, no scheduling. Tokens are
/// pseudo-random and the same in every run. RESOURCE_EXHAUSTED when its cache does not fit;
/// INVALID_ARGUMENT for options that are not positive; INTERNAL for logits that are no numbers.
StatusOr<DecoderBench> BenchDecoder(Decoder& decoder, const DecoderBenchOptions& options);

}  // namespace hadal::inference

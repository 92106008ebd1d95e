#include "inference/engine.h"

#include <algorithm>
#include <thread>
#include <utility>
#include <vector>

#include "base/check.h"
#include "inference/engine/drafter.h"
#include "inference/engine/engine_core.h"
#include "inference/engine/mailbox.h"
#include "inference/engine/stream_channel.h"

namespace hadal::inference {
namespace {

constexpr int32_t kMaxBlockSize = 1024;

Status ValidateOptions(const EngineOptions& options) {
  const auto check = [](const char* name, int64_t value, int64_t low, int64_t high) {
    if (value >= low && value <= high) return OkStatus();
    return InvalidArgument("{} is {}; it must be {} to {}", name, value, low, high);
  };
  RETURN_IF_ERROR(check("kv_blocks", options.kv_blocks, 0, int64_t{1} << 24));
  RETURN_IF_ERROR(check("kv_cache_bytes", options.kv_cache_bytes, 0, int64_t{1} << 44));
  RETURN_IF_ERROR(check("block_size", options.block_size, 1, kMaxBlockSize));
  RETURN_IF_ERROR(check("max_running", options.max_running, 1, 4096));
  RETURN_IF_ERROR(check("max_waiting", options.max_waiting, 1, 1 << 20));
  RETURN_IF_ERROR(
      check("max_batch_tokens", options.max_batch_tokens, options.max_running, 1 << 20));
  RETURN_IF_ERROR(check("speculation_rows", options.speculation_rows, 0, 1 << 20));
  RETURN_IF_ERROR(check("aging_steps", options.aging_steps, 1, 1 << 30));
  RETURN_IF_ERROR(check("expanded_prefill", options.expanded_prefill, 0, 1 << 20));
  if (options.expanded_prefill % options.block_size != 0) {
    return InvalidArgument("expanded_prefill is {}; it must be whole blocks of block_size {}",
                           options.expanded_prefill, options.block_size);
  }
  return check("stream_capacity", options.stream_capacity, 1, 1 << 20);
}

StatusOr<int32_t> NumBlocks(const EngineOptions& options, int64_t bytes_per_token) {
  if (options.kv_blocks > 0) return options.kv_blocks;
  const int64_t block_bytes = bytes_per_token * options.block_size;
  const int64_t blocks = std::min(options.kv_cache_bytes / block_bytes, int64_t{1} << 24);
  if (blocks == 0) {
    return InvalidArgument("kv_cache_bytes is {}, less than one KV block of {} bytes; raise it",
                           options.kv_cache_bytes, block_bytes);
  }
  return static_cast<int32_t>(blocks);
}

/// The engine with its thread: checks requests on the caller's thread, hands them over, and keeps a
/// copy of the figures.
class ThreadedEngine final : public Engine {
 public:
  ThreadedEngine(const EngineOptions& options, const ModelConfig& config,
                 std::unique_ptr<EngineCore> core)
      : options_(options),
        context_length_(config.context_length),
        vocabulary_(config.vocabulary),
        cache_tokens_(int64_t{core->stats().total_blocks} * options.block_size),
        mailbox_(options.max_waiting),
        stats_(core->stats()),
        core_(std::move(core)),
        thread_([this] { Run(); }) {}

  ~ThreadedEngine() override {
    std::vector<std::unique_ptr<Sequence>> untaken = mailbox_.Close();
    thread_.join();
    // The engine thread has ended: its state is ours.
    for (auto& sequence : untaken) core_->Add(std::move(sequence));
    core_->FailAll(Unavailable("the engine is shutting down; try again later"));
  }

  StatusOr<std::unique_ptr<GenerationStream>> Submit(GenerateRequest request) override {
    RETURN_IF_ERROR(Check(request));
    auto channel = std::make_shared<StreamChannel>(options_.stream_capacity, request.n);
    RETURN_IF_ERROR(mailbox_.Post(std::make_unique<Sequence>(request, channel)));
    return MakeGenerationStream(std::move(channel));
  }

  EngineStats Stats() const override {
    absl::MutexLock lock(&mu_);
    EngineStats stats = stats_;
    stats.waiting += mailbox_.num_posted();
    return stats;
  }

 private:
  Status Check(const GenerateRequest& request) const {
    RETURN_IF_ERROR(ValidateSamplingParams(request.sampling));
    if (request.prompt_tokens.empty()) {
      return InvalidArgument("the prompt is empty; expected at least one token");
    }
    if (request.priority < -kMaxPriority || request.priority > kMaxPriority) {
      return InvalidArgument("priority is {}; it must be {} to {}", request.priority, -kMaxPriority,
                             kMaxPriority);
    }
    if (const int32_t most = std::min(kMaxChoices, options_.max_running);
        request.n < 1 || request.n > most) {
      return InvalidArgument("n is {}; it must be 1 to {} (max_running, at most {})", request.n,
                             most, kMaxChoices);
    }
    const int64_t wanted =
        static_cast<int64_t>(request.prompt_tokens.size()) + request.sampling.max_tokens;
    if (wanted > context_length_) {
      return InvalidArgument(
          "{} prompt tokens and max_tokens {} exceed the model's context of {} tokens; shorten one",
          request.prompt_tokens.size(), request.sampling.max_tokens, context_length_);
    }
    for (size_t i = 0; i < request.prompt_tokens.size(); ++i) {
      const int32_t token = request.prompt_tokens[i];
      if (token < 0 || token >= vocabulary_) {
        return InvalidArgument("prompt token {} is {}; the vocabulary has {} tokens", i, token,
                               vocabulary_);
      }
    }
    for (const LogitBias& entry : request.sampling.logit_bias) {
      if (entry.token >= vocabulary_) {
        return InvalidArgument("logit_bias names token {}; the vocabulary has {} tokens",
                               entry.token, vocabulary_);
      }
    }
    // The last generated token never enters the cache.
    if (wanted - 1 > cache_tokens_) {
      return ResourceExhausted(
          "{} prompt tokens and max_tokens {} can never fit the KV cache of {} tokens; shorten "
          "one, "
          "or raise kv_cache_bytes",
          request.prompt_tokens.size(), request.sampling.max_tokens, cache_tokens_);
    }
    return OkStatus();
  }

  void Run() {
    std::vector<std::unique_ptr<Sequence>> posted;
    bool busy = false;
    while (mailbox_.Take(/*wait=*/!busy, posted)) {
      for (auto& sequence : posted) core_->Add(std::move(sequence));
      busy = core_->Step();
      mailbox_.SetBacklog(core_->backlog());
      absl::MutexLock lock(&mu_);
      stats_ = core_->stats();
    }
  }

  const EngineOptions options_;
  const int32_t context_length_;
  const int32_t vocabulary_;
  const int64_t cache_tokens_;
  Mailbox mailbox_;
  mutable absl::Mutex mu_;
  EngineStats stats_ ABSL_GUARDED_BY(mu_);
  const std::unique_ptr<EngineCore> core_;  ///< the engine thread's alone while it runs
  std::thread thread_;
};

}  // namespace

StatusOr<std::unique_ptr<Engine>> Engine::Create(const EngineOptions& options,
                                                 std::shared_ptr<Decoder> decoder,
                                                 std::shared_ptr<const Tokenizer> tokenizer,
                                                 std::shared_ptr<const Clock> clock,
                                                 std::shared_ptr<Decoder> draft) {
  CHECK(decoder != nullptr && tokenizer != nullptr);
  RETURN_IF_ERROR(ValidateOptions(options));
  if (options.speculation_rows == 0) draft = nullptr;
  const int64_t draft_bytes = draft != nullptr ? draft->kv_layout().BytesPerToken() : 0;
  ASSIGN_OR_RETURN(const int32_t num_blocks,
                   NumBlocks(options, decoder->kv_layout().BytesPerToken() + draft_bytes));
  ASSIGN_OR_RETURN(std::shared_ptr<KvCache> cache,
                   KvCache::Create(decoder->kv_layout(), num_blocks, options.block_size));
  std::unique_ptr<Drafter> drafter;
  if (draft != nullptr) {
    ASSIGN_OR_RETURN(auto draft_cache,
                     KvCache::Create(draft->kv_layout(), num_blocks, options.block_size));
    drafter = MakeModelDrafter(std::move(draft), std::move(draft_cache));
  } else if (options.speculation_rows > 0 && decoder->can_draft()) {
    drafter = MakePredictionLayerDrafter(decoder, cache);
  }
  if (clock == nullptr) clock = std::make_shared<SystemClock>();
  const ModelConfig config = decoder->config();
  auto core =
      std::make_unique<EngineCore>(options, std::move(decoder), std::move(cache),
                                   std::move(drafter), std::move(tokenizer), std::move(clock));
  return std::unique_ptr<Engine>(new ThreadedEngine(options, config, std::move(core)));
}

}  // namespace hadal::inference

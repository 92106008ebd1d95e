// hadal-model logits MODEL: the decoder alone, for comparison with reference results.
#include <algorithm>
#include <cstring>
#include <memory>
#include <numeric>

#include "base/file.h"
#include "inference/kernels/thread_pool.h"
#include "inference/kv/kv_cache.h"
#include "inference/model/decoder.h"
#include "inference/tool/commands.h"
#include "inference/tool/ranks.h"
#include "inference/tool/token_file.h"
#include "inference/weights/checkpoint.h"
#include "inference/weights/safetensors.h"

namespace hadal::inference::tool {
namespace {

constexpr int32_t kBlockSize = 32;

struct Options {
  std::string model;
  std::string tokens_file;
  std::string out;
  std::string dtype = "native";
  bool all = false;
  bool trace = false;
  bool mtp = false;
  int32_t greedy = 0;
  int32_t threads = 0;
  RankOptions ranks;
};

template <typename T>
SafetensorsTensor MakeTensor(std::string name, SafetensorsType type, std::vector<int64_t> shape,
                             const std::vector<T>& values) {
  return {std::move(name), type, std::move(shape),
          std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T))};
}

StatusOr<ComputeMode> ModeOf(const Options& options, const Checkpoint& checkpoint) {
  if (options.dtype == "f32") return ComputeMode::kFloat32;
  if (options.dtype == "bf16") {
    const Weight* weight = checkpoint.Find("blk.0.attn_output.weight");
    if (weight == nullptr ||
        (weight->type != GgmlType::kBF16 && weight->type != GgmlType::kF8E4M3)) {
      return InvalidArgument(
          "--dtype bf16 needs weights stored as BF16 or FP8; use native or f32 for {}",
          options.model);
    }
  }
  return ComputeMode::kNative;
}

// Collects what one forward pass shows, under the names of the reference files.
class TraceTensors final : public DecoderTrace {
 public:
  void OnHidden(const std::string& name, ConstMatrixView x) override {
    if (out_ != nullptr) Add("trace." + name, x);
  }
  void OnRouting(int32_t layer, ConstMatrixView logits, absl::Span<const int32_t> experts,
                 absl::Span<const float> weights) override {
    if (out_ == nullptr) return;
    const std::string prefix = fmt::format("router.{}.", layer);
    const int64_t top_k = static_cast<int64_t>(experts.size()) / logits.rows;
    Add(prefix + "logits", logits);
    out_->push_back(MakeTensor(prefix + "idx", SafetensorsType::kI32, {logits.rows, top_k},
                               std::vector<int32_t>(experts.begin(), experts.end())));
    out_->push_back(MakeTensor(prefix + "weight", SafetensorsType::kF32, {logits.rows, top_k},
                               std::vector<float>(weights.begin(), weights.end())));
  }
  /// Where the tensors go; null: nothing is kept.
  void SetOutput(std::vector<SafetensorsTensor>* out) { out_ = out; }

 private:
  void Add(std::string name, ConstMatrixView x) {
    std::vector<float> values;
    for (int64_t r = 0; r < x.rows; ++r) values.insert(values.end(), x.row(r), x.row(r) + x.cols);
    out_->push_back(
        MakeTensor(std::move(name), SafetensorsType::kF32, {x.rows, x.cols}, values));
  }
  std::vector<SafetensorsTensor>* out_ = nullptr;
};

// The reference files trace their third prompt; a shorter file's last one stands for it.
size_t TracedPrompt(size_t prompts) { return std::min<size_t>(2, prompts - 1); }

// One sequence in a cache of its own.
class Sequence {
 public:
  static StatusOr<Sequence> Create(Decoder& decoder, size_t length) {
    Sequence sequence(decoder);
    const auto blocks = static_cast<int32_t>((length + kBlockSize - 1) / kBlockSize);
    ASSIGN_OR_RETURN(sequence.cache_, KvCache::Create(decoder.kv_layout(), blocks, kBlockSize));
    sequence.table_.resize(static_cast<size_t>(blocks));
    std::iota(sequence.table_.begin(), sequence.table_.end(), 0);
    return sequence;
  }

  /// Of the prediction layer: logits of every row, row i guessing what follows `tokens`[i], which
  /// followed position i. The last Run() was of as many tokens from the start.
  StatusOr<std::vector<float>> Draft(const std::vector<int32_t>& tokens) {
    std::vector<float> logits(tokens.size() * static_cast<size_t>(decoder_.config().vocabulary));
    const SequenceSlice slice{tokens, 0, table_, static_cast<int32_t>(tokens.size())};
    RETURN_IF_ERROR(
        decoder_.Draft(absl::MakeConstSpan(&slice, 1), *cache_, absl::MakeSpan(logits)));
    return logits;
  }

  /// Logits of the last `wanted` of `tokens`.
  StatusOr<std::vector<float>> Run(const std::vector<int32_t>& tokens, size_t wanted) {
    std::vector<float> logits(wanted * static_cast<size_t>(decoder_.config().vocabulary));
    const SequenceSlice slice{tokens, position_, table_, static_cast<int32_t>(wanted)};
    RETURN_IF_ERROR(
        decoder_.Forward(absl::MakeConstSpan(&slice, 1), *cache_, absl::MakeSpan(logits)));
    position_ += static_cast<int32_t>(tokens.size());
    return logits;
  }

 private:
  explicit Sequence(Decoder& decoder) : decoder_(decoder) {}
  Decoder& decoder_;
  std::unique_ptr<KvCache> cache_;
  std::vector<int32_t> table_;
  int32_t position_ = 0;
};

int32_t ArgMaxOfLastRow(const std::vector<float>& logits, size_t vocabulary) {
  const auto row = logits.end() - static_cast<ptrdiff_t>(vocabulary);
  return static_cast<int32_t>(std::max_element(row, logits.end()) - row);
}

// What follows each row.
std::vector<int32_t> ArgMaxOfRows(const std::vector<float>& logits, size_t vocabulary) {
  std::vector<int32_t> best;
  for (auto row = logits.begin(); row != logits.end(); row += static_cast<ptrdiff_t>(vocabulary)) {
    const auto end = row + static_cast<ptrdiff_t>(vocabulary);
    best.push_back(static_cast<int32_t>(std::max_element(row, end) - row));
  }
  return best;
}

// mtp.N.*: the drafts of the prediction layer, whose last row knows the model's own next token.
Status DraftPrompt(Sequence& sequence, const Options& options, const std::vector<int32_t>& ids,
                   int32_t next, size_t number, size_t vocabulary,
                   std::vector<SafetensorsTensor>* out) {
  std::vector<int32_t> following(ids.begin() + 1, ids.end());
  following.push_back(next);
  ASSIGN_OR_RETURN(std::vector<float> logits, sequence.Draft(following));
  const std::string prefix = fmt::format("mtp.{}.", number);
  const std::vector<int32_t> drafts = ArgMaxOfRows(logits, vocabulary);
  const auto length = static_cast<int64_t>(ids.size());
  if (!options.all) logits.erase(logits.begin(), logits.end() - static_cast<ptrdiff_t>(vocabulary));
  out->push_back(MakeTensor(prefix + "logits", SafetensorsType::kF32,
                            {options.all ? length : 1, static_cast<int64_t>(vocabulary)}, logits));
  out->push_back(MakeTensor(prefix + "draft", SafetensorsType::kI32, {length}, drafts));
  out->push_back(
      MakeTensor(prefix + "next_token", SafetensorsType::kI32, {1}, std::vector<int32_t>{next}));
  return OkStatus();
}

Status RunPrompt(Decoder& decoder, const Options& options, const std::vector<int32_t>& ids,
                 size_t number, TraceTensors* trace, std::vector<SafetensorsTensor>* out) {
  const auto vocabulary = static_cast<size_t>(decoder.config().vocabulary);
  const auto length = static_cast<int64_t>(ids.size());
  const int64_t total = length + options.greedy;
  if (total > decoder.config().context_length) {
    return InvalidArgument("prompt {} and its continuation have {} tokens, the context {}", number,
                           total, decoder.config().context_length);
  }
  ASSIGN_OR_RETURN(Sequence sequence, Sequence::Create(decoder, static_cast<size_t>(total)));
  if (trace != nullptr) trace->SetOutput(out);
  // Hidden states that are traced are those of wanted rows.
  const bool every = options.all || trace != nullptr;
  ASSIGN_OR_RETURN(std::vector<float> logits, sequence.Run(ids, every ? ids.size() : 1));
  if (trace != nullptr) trace->SetOutput(nullptr);
  if (options.mtp) {
    RETURN_IF_ERROR(DraftPrompt(sequence, options, ids, ArgMaxOfLastRow(logits, vocabulary),
                                number, vocabulary, out));
  }
  if (!options.all) logits.erase(logits.begin(), logits.end() - static_cast<ptrdiff_t>(vocabulary));
  const std::string prefix = fmt::format("prompt.{}.", number);
  out->push_back(MakeTensor(prefix + "ids", SafetensorsType::kI32, {length}, ids));
  out->push_back(MakeTensor(prefix + "logits", SafetensorsType::kF32,
                            {options.all ? length : 1, static_cast<int64_t>(vocabulary)}, logits));
  if (options.greedy == 0) return OkStatus();
  std::vector<int32_t> continuation;
  while (continuation.size() < static_cast<size_t>(options.greedy)) {
    continuation.push_back(ArgMaxOfLastRow(logits, vocabulary));
    ASSIGN_OR_RETURN(logits, sequence.Run({continuation.back()}, 1));
  }
  out->push_back(
      MakeTensor(prefix + "greedy", SafetensorsType::kI32, {options.greedy}, continuation));
  return OkStatus();
}

// What each rank does. All compute every prompt, whatever their group; rank 0 writes.
Status RunRank(const Options& options, Communicator* ranks, const ParallelLayout& layout) {
  ASSIGN_OR_RETURN(const auto checkpoint, Checkpoint::Open(options.model));
  ASSIGN_OR_RETURN(const std::string text, ReadFile(options.tokens_file));
  ASSIGN_OR_RETURN(const auto prompts, ParseTokenLines(text, checkpoint->config().vocabulary));
  DecoderOptions decoder_options;
  ASSIGN_OR_RETURN(decoder_options.mode, ModeOf(options, *checkpoint));
  TraceTensors trace;
  if (options.trace) decoder_options.trace = &trace;
  decoder_options.draft = options.mtp;
  decoder_options.ranks = ranks;
  decoder_options.layout = layout;
  const auto pool = std::make_shared<ThreadPool>(ThreadsOfRank(options.threads, layout));
  ASSIGN_OR_RETURN(const auto decoder, LoadDecoder(*checkpoint, decoder_options, pool));
  std::vector<SafetensorsTensor> tensors;
  for (size_t i = 0; i < prompts.size(); ++i) {
    const bool traced = options.trace && i == TracedPrompt(prompts.size());
    RETURN_IF_ERROR(
        RunPrompt(*decoder, options, prompts[i], i, traced ? &trace : nullptr, &tensors));
  }
  if (ranks != nullptr && ranks->rank() != 0) return OkStatus();
  return WriteSafetensors(options.out, tensors);
}

Status Run(const Options& options) {
  return RunRanks(options.ranks, [&options](Communicator* ranks, const ParallelLayout& layout) {
    return RunRank(options, ranks, layout);
  });
}

}  // namespace

void AddLogits(CLI::App& app, bool by_mpi, RunCommand* run) {
  auto options = std::make_shared<Options>();
  options->ranks.by_mpi = by_mpi;
  CLI::App* command = app.add_subcommand("logits", "Runs prompts and writes their logits");
  command->add_option("MODEL", options->model, "GGUF file or Hugging Face folder")->required();
  command->add_option("--tokens-file", options->tokens_file,
                      "one prompt a line, token ids separated by blanks or commas")->required();
  command->add_option("--out", options->out, "safetensors file to write")->required();
  command->add_flag("--all", options->all, "logits of every position, not only the last");
  command->add_flag("--trace", options->trace,
                    "hidden states and router choices of prompt 2 (or the last one before it)");
  command->add_flag("--mtp", options->mtp,
                    "logits of the multi-token prediction layer as well");
  command->add_option("--greedy", options->greedy, "continue by so many tokens")
      ->check(CLI::Range(0, 1 << 20));
  command->add_option("--dtype", options->dtype, "arithmetic")
      ->check(CLI::IsMember({"f32", "bf16", "native"}))->capture_default_str();
  command->add_option("--threads", options->threads, "of a rank; 0: its share of the cores")
      ->check(CLI::Range(0, 1024));
  AddRankOptions(command, &options->ranks);
  command->footer(
      "example: hadal-model logits model.gguf --tokens-file prompts.txt --out o.safetensors");
  command->callback([options, run] { *run = [options] { return Run(*options); }; });
}

}  // namespace hadal::inference::tool

// hadal-model embed MODEL: unit vectors of texts.
#include <memory>
#include <nlohmann/json.hpp>

#include "inference/embedder.h"
#include "inference/kernels/thread_pool.h"
#include "inference/tool/commands.h"
#include "inference/tool/json_lines.h"
#include "inference/weights/safetensors.h"

namespace hadal::inference::tool {
namespace {

struct Options {
  std::string model;
  std::string rows;
  std::string out;
  std::string dtype = "native";
  int32_t threads = 0;
};

StatusOr<EmbedKind> KindOf(const nlohmann::json& row, size_t number) {
  auto it = row.find("kind");
  if (it == row.end() || it->is_null()) return EmbedKind::kRaw;
  if (*it == "query") return EmbedKind::kQuery;
  if (*it == "passage") return EmbedKind::kPassage;
  if (*it == "none" || *it == "") return EmbedKind::kRaw;
  return InvalidArgument("row {}: \"kind\" is {}, expected query, passage or none", number,
                         it->dump());
}

Status Run(const Options& options) {
  ASSIGN_OR_RETURN(const auto rows, ReadJsonLines(options.rows));
  EmbedderOptions embedder_options;
  embedder_options.float32 = options.dtype == "f32";
  ASSIGN_OR_RETURN(const auto embedder,
                   Embedder::Load(options.model, std::make_shared<ThreadPool>(options.threads),
                                  embedder_options));
  struct Group {
    std::vector<std::string> texts;
    std::vector<size_t> rows;
  };
  Group groups[3];  // by kind
  for (size_t i = 0; i < rows.size(); ++i) {
    ASSIGN_OR_RETURN(const EmbedKind kind, KindOf(rows[i], i + 1));
    ASSIGN_OR_RETURN(std::string text, StringField(rows[i], i + 1, "text"));
    Group& group = groups[static_cast<size_t>(kind)];
    group.texts.push_back(std::move(text));
    group.rows.push_back(i);
  }
  const auto row_bytes = static_cast<size_t>(embedder->dim()) * sizeof(float);
  std::string bytes(rows.size() * row_bytes, '\0');
  for (EmbedKind kind : {EmbedKind::kRaw, EmbedKind::kQuery, EmbedKind::kPassage}) {
    const Group& group = groups[static_cast<size_t>(kind)];
    ASSIGN_OR_RETURN(const Embeddings found, embedder->Embed(group.texts, kind));
    for (size_t i = 0; i < group.rows.size(); ++i) {
      std::memcpy(bytes.data() + group.rows[i] * row_bytes,
                  found.values.data() + i * static_cast<size_t>(embedder->dim()), row_bytes);
    }
  }
  return WriteSafetensors(options.out, {{"embeddings",
                                         SafetensorsType::kF32,
                                         {static_cast<int64_t>(rows.size()), embedder->dim()},
                                         std::move(bytes)}});
}

}  // namespace

void AddEmbed(CLI::App& app, RunCommand* run) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("embed", "Writes the embeddings of texts");
  command->add_option("MODEL", options->model, "GGUF file or Hugging Face folder")->required();
  command->add_option("--jsonl", options->rows,
                      "rows with \"text\" and \"kind\" (query, passage or none)")->required();
  command->add_option("--out", options->out, "safetensors file to write")->required();
  command->add_option("--dtype", options->dtype, "arithmetic")
      ->check(CLI::IsMember({"f32", "native"}))->capture_default_str();
  command->add_option("--threads", options->threads, "0: all cores")->check(CLI::Range(0, 1024));
  command->footer(
      "example: hadal-model embed models/multilingual-e5-small-q4_0.gguf --jsonl t.jsonl "
      "--out e.safetensors");
  command->callback([options, run] { *run = [options] { return Run(*options); }; });
}

}  // namespace hadal::inference::tool

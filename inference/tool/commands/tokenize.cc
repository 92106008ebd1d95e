// hadal-model tokenize TOKENIZER: rows with text get their ids, rows with ids their text.
#include <memory>
#include <nlohmann/json.hpp>

#include "inference/tokenizer.h"
#include "inference/tool/commands.h"
#include "inference/tool/json_lines.h"

namespace hadal::inference::tool {
namespace {

struct Options {
  std::string tokenizer;
  std::string rows;
  bool special = false;
  bool plain = false;
};

Status Run(const Options& options) {
  ASSIGN_OR_RETURN(const auto tokenizer, LoadTokenizer(options.tokenizer));
  ASSIGN_OR_RETURN(const auto rows, ReadJsonLines(options.rows));
  EncodeOptions encode;
  encode.add_special = options.special;
  encode.parse_special = !options.plain;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].contains("text")) {
      ASSIGN_OR_RETURN(const std::string text, StringField(rows[i], i + 1, "text"));
      PrintJsonLine({{"ids", tokenizer->Encode(text, encode)}});
    } else {
      ASSIGN_OR_RETURN(const std::vector<int32_t> ids, IdsField(rows[i], i + 1, "ids"));
      PrintJsonLine({{"text", tokenizer->Decode(ids, /*skip_special=*/false)}});
    }
  }
  return OkStatus();
}

}  // namespace

void AddTokenize(CLI::App& app, RunCommand* run) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("tokenize", "Turns text into token ids, and ids into text");
  command->add_option("TOKENIZER", options->tokenizer,
                      "tokenizer.json, a checkpoint folder or a GGUF file")->required();
  command->add_option("--jsonl", options->rows,
                      "rows with \"text\" or \"ids\" (default: standard input)");
  command->add_flag("--special", options->special, "add BOS, CLS, ... as the model does");
  command->add_flag("--plain", options->plain,
                    "treat special tokens written in the text as text, as the services do");
  command->footer("example: echo '{\"text\": \"hello\"}' | hadal-model tokenize model.gguf");
  command->callback([options, run] { *run = [options] { return Run(*options); }; });
}

}  // namespace hadal::inference::tool

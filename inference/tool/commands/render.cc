// hadal-model render MODEL: the prompt a conversation becomes, as text and as ids.
#include <memory>
#include <nlohmann/json.hpp>

#include "inference/chat.h"
#include "inference/tokenizer.h"
#include "inference/tool/commands.h"
#include "inference/tool/json_lines.h"
#include "inference/weights/checkpoint.h"

namespace hadal::inference::tool {
namespace {

struct Options {
  std::string model;
  std::string rows;
};

StatusOr<std::vector<ChatMessage>> Messages(const nlohmann::json& row, size_t number) {
  auto it = row.find("messages");
  if (it == row.end() || !it->is_array()) {
    return InvalidArgument("row {}: \"messages\" is missing or no list", number);
  }
  std::vector<ChatMessage> messages;
  for (const nlohmann::json& message : *it) {
    ChatMessage out;
    ASSIGN_OR_RETURN(out.role, StringField(message, number, "role"));
    ASSIGN_OR_RETURN(out.content, StringField(message, number, "content"));
    messages.push_back(std::move(out));
  }
  return messages;
}

Status Run(const Options& options) {
  ASSIGN_OR_RETURN(const std::string jinja, ReadChatTemplate(options.model));
  ASSIGN_OR_RETURN(const ChatTemplate chat_template, IdentifyChatTemplate(jinja));
  ASSIGN_OR_RETURN(const auto tokenizer, LoadTokenizer(options.model));
  ASSIGN_OR_RETURN(const auto rows, ReadJsonLines(options.rows));
  for (size_t i = 0; i < rows.size(); ++i) {
    ASSIGN_OR_RETURN(const auto messages, Messages(rows[i], i + 1));
    const bool generate = rows[i].contains("add_generation_prompt") &&
                          rows[i].at("add_generation_prompt") == true;
    ASSIGN_OR_RETURN(const std::string prompt, RenderChat(chat_template, messages, generate));
    ASSIGN_OR_RETURN(const auto ids, EncodeChat(chat_template, messages, generate, *tokenizer));
    PrintJsonLine({{"prompt", prompt}, {"ids", ids}});
  }
  return OkStatus();
}

}  // namespace

void AddRender(CLI::App& app, RunCommand* run) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("render", "Shows the prompt a conversation becomes");
  command->add_option("MODEL", options->model, "GGUF file or Hugging Face folder")->required();
  command->add_option(
      "--jsonl", options->rows,
      "rows with \"messages\" and \"add_generation_prompt\" (default: standard input)");
  command->footer("example: hadal-model render model.gguf --jsonl chats.jsonl");
  command->callback([options, run] { *run = [options] { return Run(*options); }; });
}

}  // namespace hadal::inference::tool

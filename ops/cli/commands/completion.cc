#include <CLI/CLI.hpp>
#include <cstdio>

#include "ops/cli/invocation.h"

namespace hadal::cli {
namespace {

// "sub commands and options" of one command, for the word list of a shell.
std::string Words(const CLI::App& app) {
  std::string words;
  for (const CLI::App* sub : app.get_subcommands(nullptr)) words += sub->get_name() + " ";
  for (const CLI::Option* option : app.get_options(nullptr)) {
    for (const std::string& name : option->get_lnames()) words += "--" + name + " ";
  }
  return words;
}

void PrintCases(const CLI::App& app, const std::string& path) {
  std::printf("    \"%s\") words=\"%s\" ;;\n", path.c_str(), Words(app).c_str());
  for (const CLI::App* sub : app.get_subcommands(nullptr)) {
    PrintCases(*sub, path + " " + sub->get_name());
  }
}

Status PrintScript(const CLI::App& root, const std::string& shell) {
  if (shell == "zsh") std::printf("autoload -U +X bashcompinit && bashcompinit\n");
  std::printf(R"(_hadal() {
  local path="hadal" word words
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in -*) ;; *) case "$path $word" in
)");
  std::string known;
  for (const CLI::App* command : root.get_subcommands(nullptr)) {
    known += (known.empty() ? "\"hadal " : "|\"hadal ") + command->get_name() + "\"";
    for (const CLI::App* sub : command->get_subcommands(nullptr)) {
      known += "|\"hadal " + command->get_name() + " " + sub->get_name() + "\"";
    }
  }
  std::printf("      %s) path=\"$path $word\" ;;\n    esac ;; esac\n  done\n  case \"$path\" in\n",
              known.c_str());
  PrintCases(root, "hadal");
  std::printf(R"(  esac
  COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}"))
  [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -F _hadal hadal
)");
  return OkStatus();
}

}  // namespace

void AddCompletion(CLI::App& app, Invocation& invocation) {
  auto shell = std::make_shared<std::string>("bash");
  CLI::App* completion = app.add_subcommand("completion", "Print a completion script");
  completion->add_option("SHELL", *shell, "bash or zsh")->check(CLI::IsMember({"bash", "zsh"}));
  completion->footer("Example:\n  source <(hadal completion bash)");
  completion->callback([&app, &invocation, shell] {
    invocation.run = [&app, shell] { return PrintScript(app, *shell); };
  });
}

}  // namespace hadal::cli

#include "ops/eval/labelled_set.h"

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/file.h"

namespace hadal::eval {
namespace {

using nlohmann::json;

constexpr size_t kMaxFileBytes = size_t{256} << 20;

// nullopt-like: false when the member is there and is no list of strings.
bool ReadStrings(const json& object, const char* name, std::vector<std::string>& out) {
  const auto it = object.find(name);
  if (it == object.end()) return true;
  if (!it->is_array()) return false;
  for (const json& item : *it) {
    if (!item.is_string()) return false;
    out.push_back(item.get<std::string>());
  }
  return true;
}

bool ReadText(const json& object, const char* name, std::string& out) {
  const auto it = object.find(name);
  if (it == object.end()) return true;
  if (!it->is_string()) return false;
  out = it->get<std::string>();
  return true;
}

bool ReadKeywords(const json& object, const char* name, Keywords& out) {
  const auto it = object.find(name);
  if (it == object.end()) return true;
  if (!it->is_array()) return false;
  for (const json& group : *it) {
    if (!group.is_array()) return false;
    std::vector<std::string>& spellings = out.emplace_back();
    for (const json& spelling : group) {
      if (!spelling.is_string()) return false;
      spellings.push_back(spelling.get<std::string>());
    }
  }
  return true;
}

bool ReadSupport(const json& object, std::vector<Support>& out) {
  const auto it = object.find("support");
  if (it == object.end()) return true;
  if (!it->is_array()) return false;
  for (const json& item : *it) {
    Support& support = out.emplace_back();
    if (!item.is_object() || !ReadText(item, "document", support.document) ||
        !ReadText(item, "text", support.text) || !ReadStrings(item, "cells", support.cells) ||
        (support.text.empty() && support.cells.empty())) {
      return false;
    }
  }
  return true;
}

/// What is wrong with the line, or nothing.
using TakeLine = std::function<const char*(const json&)>;

Status ForEachLine(const std::string& path, const TakeLine& take) {
  ASSIGN_OR_RETURN(const std::string content, ReadFile(path, kMaxFileBytes));
  size_t number = 0;
  for (size_t begin = 0; begin < content.size();) {
    const size_t end = std::min(content.find('\n', begin), content.size());
    const std::string_view line = std::string_view(content).substr(begin, end - begin);
    begin = end + 1;
    ++number;
    if (line.find_first_not_of(" \t\r") == line.npos) continue;
    const json object = json::parse(line, nullptr, /*allow_exceptions=*/false);
    const char* problem = object.is_object() ? take(object) : "expected one JSON object a line";
    if (problem != nullptr) return InvalidArgument("{}, line {}: {}", path, number, problem);
  }
  return OkStatus();
}

const char* TakeQuestion(const json& object, LabelledSet& set) {
  Question question;
  if (!ReadText(object, "id", question.id) || question.id.empty()) return "no \"id\" (a string)";
  if (!ReadText(object, "question", question.text) || question.text.empty()) {
    return "no \"question\" (a string)";
  }
  if (!ReadText(object, "kind", question.kind)) return "\"kind\" is no string";
  if (question.kind.empty()) question.kind = "question";
  if (!ReadText(object, "principal", question.principal)) return "\"principal\" is no string";
  if (!ReadStrings(object, "documents", question.documents)) return "\"documents\": no strings";
  if (!ReadSupport(object, question.support)) {
    return "\"support\": expected objects with \"document\" and \"text\" or \"cells\"";
  }
  if (!ReadKeywords(object, "answer_keywords", question.answer_keywords) ||
      !ReadKeywords(object, "forbidden_keywords", question.forbidden_keywords)) {
    return "keywords: expected lists of lists of strings";
  }
  if (question.answerable() && question.documents.empty() && question.support.empty()) {
    return "an answerable question names \"documents\" or \"support\"";
  }
  set.questions.push_back(std::move(question));
  return nullptr;
}

const char* TakeDocument(const json& object, LabelledSet& set) {
  std::string id, file;
  if (!ReadText(object, "id", id) || !ReadText(object, "file", file) || file.empty()) {
    return "a document has \"file\" and \"id\" (strings)";
  }
  if (id.empty()) id = file;
  set.names[id] = id;
  set.names.emplace(file, id);
  set.names.emplace(std::filesystem::path(file).filename().string(), id);
  return nullptr;
}

const char* TakeAccess(const json& object, LabelledSet& set) {
  std::string principal;
  std::vector<std::string> documents;
  if (!ReadText(object, "principal", principal) || principal.empty() ||
      !ReadStrings(object, "documents", documents)) {
    return "expected \"principal\" (a string) and \"documents\" (strings)";
  }
  std::set<std::string>& ids = set.access[principal];
  for (const std::string& document : documents) ids.insert(set.IdOf(document));
  return nullptr;
}

}  // namespace

const std::string& LabelledSet::IdOf(const std::string& name) const {
  const auto it = names.find(name);
  return it == names.end() ? name : it->second;
}

StatusOr<LabelledSet> ReadLabelledSet(const std::string& questions_path) {
  LabelledSet set;
  const auto beside = [&](const char* name) {
    return (std::filesystem::path(questions_path).parent_path() / name).string();
  };
  RETURN_IF_ERROR(
      ForEachLine(questions_path, [&](const json& object) { return TakeQuestion(object, set); }));
  using Take = const char* (*)(const json&, LabelledSet&);
  for (const auto& [name, take] : {std::pair<const char*, Take>{"manifest.jsonl", TakeDocument},
                                   std::pair<const char*, Take>{"access.jsonl", TakeAccess}}) {
    if (!std::filesystem::exists(beside(name))) continue;
    RETURN_IF_ERROR(
        ForEachLine(beside(name), [&, take = take](const json& line) { return take(line, set); }));
  }
  if (set.questions.empty()) return InvalidArgument("{} holds no question", questions_path);
  return set;
}

}  // namespace hadal::eval

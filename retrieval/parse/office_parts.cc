#include "retrieval/parse/office_parts.h"

#include <algorithm>
#include <utility>

#include "retrieval/parse/office_package.h"
#include "retrieval/parse/xml_part.h"

namespace hadal::retrieval {
namespace {

/// "ppt/slides/slide1.xml" → "ppt/slides/".
std::string FolderOf(const std::string& part) { return part.substr(0, part.rfind('/') + 1); }

/// The part that `target` names when it stands in a part of `folder`; "" when it leads out of the
/// package.
std::string Resolve(const std::string& folder, std::string_view target) {
  std::string path = target.starts_with('/') ? std::string(target.substr(1)) : folder;
  if (!target.starts_with('/')) path += target;
  std::vector<std::string> steps;
  for (size_t at = 0; at <= path.size();) {
    const size_t end = std::min(path.find('/', at), path.size());
    const std::string step = path.substr(at, end - at);
    at = end + 1;
    if (step.empty() || step == ".") continue;
    if (step != "..") {
      steps.push_back(step);
    } else if (steps.empty()) {
      return {};
    } else {
      steps.pop_back();
    }
  }
  std::string resolved;
  for (const std::string& step : steps) {
    if (!resolved.empty()) resolved += '/';
    resolved += step;
  }
  return resolved;
}

}  // namespace

StatusOr<OfficeParts> OfficeParts::Read(std::string_view content,
                                        const std::vector<std::string>& wanted) {
  using Texts = std::map<std::string, std::string>;
  ASSIGN_OR_RETURN(Texts texts, ReadParts(content, wanted));
  OfficeParts parts;
  for (auto& [name, text] : texts) parts.parts_[name].text = std::move(text);
  return parts;
}

StatusOr<pugi::xml_node> OfficeParts::Root(const std::string& name) {
  const auto found = parts_.find(name);
  if (found == parts_.end()) return pugi::xml_node();
  Part& part = found->second;
  if (!part.parsed) RETURN_IF_ERROR(ParseXmlPart(name, part.text, part.tree));
  part.parsed = true;
  return part.tree.document_element();
}

StatusOr<OfficeParts::Relations> OfficeParts::RelationsOf(const std::string& name) {
  const std::string folder = FolderOf(name);
  ASSIGN_OR_RETURN(const pugi::xml_node root,
                   Root(folder + "_rels/" + name.substr(folder.size()) + ".rels"));
  Relations relations;
  for (const pugi::xml_node& relation : root.children()) {
    if (AttributeOf(relation, "TargetMode") == "External") continue;
    std::string part = Resolve(folder, AttributeOf(relation, "Target"));
    if (!part.empty()) relations[std::string(AttributeOf(relation, "Id"))] = std::move(part);
  }
  return relations;
}

StatusOr<std::string> OfficeParts::Title() {
  ASSIGN_OR_RETURN(const pugi::xml_node core, Root(kCoreProperties));
  return std::string(Child(core, "title").text().get());
}

ParseOutcome RejectPart(const Status& status) {
  if (status.code() == StatusCode::kResourceExhausted) {
    return Rejection("expansion_limit", StatusMessage(status));
  }
  if (status.code() == StatusCode::kInvalidArgument) {
    return Rejection("forbidden_dtd", StatusMessage(status));
  }
  return Rejection("damaged", StatusMessage(status));
}

}  // namespace hadal::retrieval

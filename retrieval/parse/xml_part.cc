#include "retrieval/parse/xml_part.h"

#include <cstdlib>

namespace hadal::retrieval {
namespace {

std::string_view Local(const char* qualified) {
  const std::string_view name(qualified);
  const size_t colon = name.find(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

}  // namespace

Status ParseXmlPart(std::string_view name, std::string& part, pugi::xml_document& document) {
  // parse_ws_pcdata_single keeps the text of <w:t xml:space="preserve"> </w:t>.
  const unsigned options = pugi::parse_default | pugi::parse_doctype | pugi::parse_ws_pcdata_single;
  const pugi::xml_parse_result result =
      document.load_buffer_inplace(part.data(), part.size(), options);
  for (const pugi::xml_node& node : document.children()) {
    if (node.type() == pugi::node_doctype) {
      return InvalidArgument(
          "part {} carries a document type declaration, which Office documents must not have",
          name);
    }
  }
  if (result.status == pugi::status_out_of_memory) {
    return ResourceExhausted("part {} needs more memory than the parser has; split the document",
                             name);
  }
  if (!result) {
    return DataLoss("part {} is not well-formed XML ({} at byte {})", name, result.description(),
                    result.offset);
  }
  return OkStatus();
}

std::string_view LocalName(const pugi::xml_node& node) { return Local(node.name()); }

pugi::xml_node Child(const pugi::xml_node& node, std::string_view local_name) {
  for (const pugi::xml_node& child : node.children()) {
    if (LocalName(child) == local_name) return child;
  }
  return {};
}

std::string_view AttributeOf(const pugi::xml_node& node, std::string_view local_name) {
  for (const pugi::xml_attribute& attribute : node.attributes()) {
    if (Local(attribute.name()) == local_name) return attribute.value();
  }
  return {};
}

int64_t IntAttribute(const pugi::xml_node& node, std::string_view local_name, int64_t fallback) {
  const std::string_view value = AttributeOf(node, local_name);
  return value.empty() ? fallback : std::strtoll(std::string(value).c_str(), nullptr, 10);
}

bool IsTrueAttribute(const pugi::xml_node& node, std::string_view local_name) {
  const std::string_view value = AttributeOf(node, local_name);
  return value == "1" || value == "true";
}

std::string_view RelationId(const pugi::xml_node& node) {
  for (const pugi::xml_attribute& attribute : node.attributes()) {
    const std::string_view name(attribute.name());
    if (name != "id" && Local(attribute.name()) == "id") return attribute.value();
  }
  return {};
}

std::string_view ChildValue(const pugi::xml_node& node, std::string_view child_name) {
  return AttributeOf(Child(node, child_name), "val");
}

}  // namespace hadal::retrieval

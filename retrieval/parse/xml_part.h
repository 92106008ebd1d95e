#pragma once

#include <cstdint>
#include <pugixml.hpp>
#include <string>
#include <string_view>

#include "base/status.h"

namespace hadal::retrieval {

/// Parses one XML part in place. INVALID_ARGUMENT when it has a document type declaration (OOXML
/// forbids it; entities live there), RESOURCE_EXHAUSTED when its tree does not fit into memory,
/// DATA_LOSS when it is not well-formed. `part` must outlive
/// `document` and is changed.
Status ParseXmlPart(std::string_view name, std::string& part, pugi::xml_document& document);

/// "p" of "w:p".
std::string_view LocalName(const pugi::xml_node& node);
/// The first child with this local name, null without one.
pugi::xml_node Child(const pugi::xml_node& node, std::string_view local_name);
/// The value of the attribute with this local name, "" without one.
std::string_view AttributeOf(const pugi::xml_node& node, std::string_view local_name);
/// The same as a whole number, `fallback` without one.
int64_t IntAttribute(const pugi::xml_node& node, std::string_view local_name, int64_t fallback = 0);
/// "1" or "true".
bool IsTrueAttribute(const pugi::xml_node& node, std::string_view local_name);
/// The relation a node refers to (r:id), "" without one; a plain "id" is something else.
std::string_view RelationId(const pugi::xml_node& node);
/// Shorthand for the "val" attribute of a child: the shape of most OOXML properties.
std::string_view ChildValue(const pugi::xml_node& node, std::string_view child_name);

}  // namespace hadal::retrieval

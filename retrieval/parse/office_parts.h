#pragma once

#include <functional>
#include <map>
#include <pugixml.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "retrieval/parse/document_builder.h"

namespace hadal::retrieval {

/// The XML parts of an Office package that a reader asks for, each parsed when first used. Not
/// thread-safe.
class OfficeParts {
 public:
  /// Relation id → name of the part it leads to.
  using Relations = std::map<std::string, std::string, std::less<>>;

  /// `wanted` and errors as of ReadParts().
  static StatusOr<OfficeParts> Read(std::string_view content,
                                    const std::vector<std::string>& wanted);

  /// Root element of a part; a null node where the package lacks it. Errors of ParseXmlPart().
  StatusOr<pugi::xml_node> Root(const std::string& name);

  /// Where the relations of part `name` lead. Targets outside the package (linked workbooks,
  /// pictures on the network) are not in it: nothing can open them.
  StatusOr<Relations> RelationsOf(const std::string& name);

  /// The document's own title (docProps/core.xml, when wanted), "" without one.
  StatusOr<std::string> Title();

  /// Frees a part's text and tree.
  void Drop(const std::string& name) { parts_.erase(name); }

 private:
  struct Part {
    std::string text;
    pugi::xml_document tree;
    bool parsed = false;
  };
  OfficeParts() = default;
  std::map<std::string, Part> parts_;
};

/// Name of the document's properties.
inline constexpr const char* kCoreProperties = "docProps/core.xml";

/// The rejection for a package or part that could not be read.
ParseOutcome RejectPart(const Status& status);

}  // namespace hadal::retrieval

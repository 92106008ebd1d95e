#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "retrieval/parse/formats.h"
#include "retrieval/parse/office_parts.h"
#include "retrieval/parse/sheet_writer.h"
#include "retrieval/parse/xlsx_sheet.h"
#include "retrieval/parse/xml_part.h"

namespace hadal::retrieval {
namespace {

constexpr const char* kWorkbook = "xl/workbook.xml";
constexpr const char* kStrings = "xl/sharedStrings.xml";
constexpr const char* kStyles = "xl/styles.xml";

StatusOr<Workbook> LoadWorkbook(OfficeParts& parts) {
  Workbook workbook;
  ASSIGN_OR_RETURN(const pugi::xml_node root, parts.Root(kWorkbook));
  workbook.date1904 = IsTrueAttribute(Child(root, "workbookPr"), "date1904");
  ASSIGN_OR_RETURN(const pugi::xml_node styles, parts.Root(kStyles));
  workbook.styles.Load(styles);
  ASSIGN_OR_RETURN(const pugi::xml_node strings, parts.Root(kStrings));
  for (const pugi::xml_node& item : strings.children()) {
    if (LocalName(item) == "si") workbook.strings.push_back(RichText(item));
  }
  parts.Drop(kStrings);
  return workbook;
}

/// The ranges of the tables a sheet has.
StatusOr<std::vector<CellRange>> TablesOf(OfficeParts& parts, const std::string& sheet) {
  std::vector<CellRange> tables;
  ASSIGN_OR_RETURN(const OfficeParts::Relations relations, parts.RelationsOf(sheet));
  for (const auto& [id, part] : relations) {
    if (!part.starts_with("xl/tables/")) continue;
    ASSIGN_OR_RETURN(const pugi::xml_node table, parts.Root(part));
    CellRange range;
    if (AttributeOf(table, "headerRowCount") != "0" &&
        ParseCellRange(AttributeOf(table, "ref"), range)) {
      tables.push_back(range);
    }
  }
  return tables;
}

void Report(const SheetLosses& losses, int hidden_sheets, DocumentBuilder& builder) {
  if (hidden_sheets > 0) {
    builder.Warn(fmt::format("{} hidden sheets were left out", hidden_sheets));
  }
  if (losses.hidden_cells > 0) {
    builder.Warn(
        fmt::format("{} cells were left out that are hidden by their row, column, format or colour",
                    losses.hidden_cells));
  }
  if (losses.missing_formulas > 0) {
    builder.Warn(
        fmt::format("{} formulas have no computed value; open the workbook and save it again",
                    losses.missing_formulas));
  }
}

Status WriteWorkbook(OfficeParts& parts, DocumentBuilder& builder) {
  ASSIGN_OR_RETURN(const Workbook workbook, LoadWorkbook(parts));
  ASSIGN_OR_RETURN(const OfficeParts::Relations relations, parts.RelationsOf(kWorkbook));
  ASSIGN_OR_RETURN(const pugi::xml_node root, parts.Root(kWorkbook));
  ASSIGN_OR_RETURN(std::string title, parts.Title());
  SheetLosses losses;
  int hidden_sheets = 0;
  for (const pugi::xml_node& entry : Child(root, "sheets").children()) {
    const auto part = relations.find(RelationId(entry));
    // Sheets of charts and dialogs have no cells.
    if (part == relations.end() || !part->second.starts_with("xl/worksheets/")) continue;
    const std::string_view state = AttributeOf(entry, "state");
    if (state == "hidden" || state == "veryHidden") {
      ++hidden_sheets;
      continue;
    }
    ASSIGN_OR_RETURN(std::vector<CellRange> tables, TablesOf(parts, part->second));
    ASSIGN_OR_RETURN(const pugi::xml_node sheet, parts.Root(part->second));
    const Sheet cells = ReadXlsxSheet(sheet, workbook, std::move(tables), losses);
    parts.Drop(part->second);  // the tree is some ten times the part
    if (cells.rows.empty()) continue;
    builder.AddHeading(AttributeOf(entry, "name"), 1);
    const std::string above = WriteSheet(cells, builder);
    if (title.empty()) title = above;
  }
  builder.SetTitle(title);
  Report(losses, hidden_sheets, builder);
  return OkStatus();
}

}  // namespace

ParseOutcome ParseXlsx(std::string_view content) {
  StatusOr<OfficeParts> parts = OfficeParts::Read(
      content,
      {kWorkbook, kStrings, kStyles, kCoreProperties, "xl/_rels/", "xl/worksheets/", "xl/tables/"});
  if (!parts.ok()) return RejectPart(parts.status());
  DocumentBuilder builder("xlsx");
  if (const Status status = WriteWorkbook(*parts, builder); !status.ok()) {
    return RejectPart(status);
  }
  return builder.Finish("empty", "the workbook has no visible cells with text or numbers");
}

}  // namespace hadal::retrieval

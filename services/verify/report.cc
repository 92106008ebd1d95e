#include "services/verify/report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/hex.h"
#include "base/utf8.h"

namespace hadal::verify {

std::string TextReport(const auth::AuditVerification& result) {
  std::string text = fmt::format("records    {}\nroot hash  {}\n", result.records,
                                 HexEncode(result.root_hash));
  for (const std::string& note : result.notes) text += fmt::format("note       {}\n", note);
  for (const std::string& problem : result.problems) {
    text += fmt::format("problem    {}\n", problem);
  }
  text += result.problems.empty()
              ? "result     all of it holds\n"
              : fmt::format("result     DOES NOT HOLD: {} problem(s). Keep the folder as it is and "
                            "restore the log from a backup\n",
                            result.problems.size());
  return text;
}

std::string JsonReport(const auth::AuditVerification& result) {
  const auto clean = [](const std::vector<std::string>& texts) {
    nlohmann::json list = nlohmann::json::array();
    for (const std::string& text : texts) list.push_back(SanitizeUtf8(text));
    return list;
  };
  return nlohmann::json{{"ok", result.problems.empty()},
                        {"records", result.records},
                        {"root_hash", HexEncode(result.root_hash)},
                        {"problems", clean(result.problems)},
                        {"notes", clean(result.notes)}}
             .dump() +
         "\n";
}

}  // namespace hadal::verify

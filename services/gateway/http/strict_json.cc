#include "services/gateway/http/strict_json.h"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/utf8.h"
#include "services/gateway/http/http_types.h"

namespace hadal::gateway {
namespace {

using nlohmann::json;

// Builds nothing: only looks at the structure, before the document is built.
class StructureCheck final : public nlohmann::json_sax<json> {
 public:
  const std::string& problem() const { return problem_; }

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override {
    keys_.emplace_back();
    return Enter();
  }
  bool key(string_t& name) override {
    if (keys_.back().insert(name).second) return true;
    problem_ = "the key '" + name + "' comes twice in one object";
    return false;
  }
  bool end_object() override {
    keys_.pop_back();
    --depth_;
    return true;
  }
  bool start_array(std::size_t) override { return Enter(); }
  bool end_array() override {
    --depth_;
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const json::exception&) override {
    problem_ = "not valid JSON at byte " + std::to_string(position);
    return false;
  }

 private:
  bool Enter() {
    if (++depth_ <= kMaxJsonDepth) return true;
    problem_ = "nested deeper than " + std::to_string(kMaxJsonDepth) + " levels";
    return false;
  }

  int depth_ = 0;
  std::vector<std::set<std::string>> keys_;
  std::string problem_;
};

Status Bad(const std::string& problem) {
  return WithDetail(InvalidArgument("the request body: {}", SanitizeUtf8(problem)),
                    {.code = "invalid_json"});
}

}  // namespace

StatusOr<json> ParseJsonObject(std::string_view body) {
  if (const size_t valid = ValidUtf8Prefix(body); valid != body.size()) {
    return Bad(fmt::format("invalid UTF-8 at byte {}", valid));
  }
  StructureCheck check;
  if (!json::sax_parse(body, &check)) return Bad(check.problem());
  json parsed = json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_object()) return Bad("expected a JSON object");
  return parsed;
}

}  // namespace hadal::gateway

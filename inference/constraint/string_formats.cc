#include "inference/constraint/string_formats.h"

namespace hadal::inference {
namespace {

// Month lengths and leap years of the Gregorian calendar, from the year 1.
#define HADAL_DATE                                                            \
  "((000[1-9]|00[1-9]\\d|0[1-9]\\d\\d|[1-9]\\d{3})-"                          \
  "((0[13578]|1[02])-(0[1-9]|[12]\\d|3[01])|(0[469]|11)-(0[1-9]|[12]\\d|30)|" \
  "02-(0[1-9]|1\\d|2[0-8]))|"                                                 \
  "(\\d\\d(0[48]|[2468][048]|[13579][26])|(0[48]|[2468][048]|[13579][26])00)-02-29)"
// RFC 3339; no leap seconds.
#define HADAL_TIME \
  "([01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(\\.\\d{1,6})?(Z|[+-]([01]\\d|2[0-3]):[0-5]\\d)"
#define HADAL_HOSTNAME "([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)"

struct Format {
  std::string_view name;
  std::string_view regex;
};
constexpr Format kFormats[] = {
    {"date", HADAL_DATE},
    {"time", HADAL_TIME},
    {"date-time", HADAL_DATE "T" HADAL_TIME},
    {"uuid", "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"},
    {"email", "[A-Za-z0-9_%+-]+(\\.[A-Za-z0-9_%+-]+)*@" HADAL_HOSTNAME "(\\." HADAL_HOSTNAME
              ")*\\.[A-Za-z]{2,24}"},
    {"hostname", HADAL_HOSTNAME "(\\." HADAL_HOSTNAME "){0,3}"},
    {"ipv4", "((25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)\\.){3}(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)"},
    {"uri", "[A-Za-z][A-Za-z0-9+.-]*://" HADAL_HOSTNAME "(\\." HADAL_HOSTNAME
            ")*(:\\d{1,5})?(/([A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*)?"
            "(\\?([A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*)?"
            "(#([A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*)?"},
};

#undef HADAL_DATE
#undef HADAL_TIME
#undef HADAL_HOSTNAME

}  // namespace

std::string_view RegexOfFormat(std::string_view format) {
  for (const Format& known : kFormats) {
    if (known.name == format) return known.regex;
  }
  return {};
}

}  // namespace hadal::inference

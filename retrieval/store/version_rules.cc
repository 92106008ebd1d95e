#include "retrieval/store/version_rules.h"

#include <algorithm>

namespace hadal::retrieval {
namespace {

using store::v1::DocumentRecord;

bool Expired(const DocumentRecord& version, int64_t now_ms) {
  return version.expires_unix_ms() != 0 && version.expires_unix_ms() <= now_ms;
}

std::optional<size_t> UnlessExpired(Versions versions, std::optional<size_t> found,
                                    int64_t now_ms) {
  return found && !Expired(versions[*found], now_ms) ? found : std::nullopt;
}

}  // namespace

std::optional<size_t> NewestEffective(Versions versions, int64_t now_ms) {
  for (size_t i = 0; i < versions.size(); ++i) {
    if (versions[i].effective_unix_ms() <= now_ms) return i;  // 0: no date
  }
  return std::nullopt;
}

std::optional<size_t> InForce(Versions versions, int64_t now_ms) {
  return UnlessExpired(versions, NewestEffective(versions, now_ms), now_ms);
}

std::optional<size_t> InForceAsOf(Versions versions, int64_t as_of_ms) {
  for (size_t i = 0; i < versions.size(); ++i) {
    const int64_t effective = versions[i].effective_unix_ms();
    if ((effective != 0 ? effective : versions[i].added_unix_ms()) <= as_of_ms) {
      return UnlessExpired(versions, i, as_of_ms);
    }
  }
  return std::nullopt;
}

size_t CountKept(Versions versions, int64_t now_ms, int32_t keep) {
  const std::optional<size_t> newest = NewestEffective(versions, now_ms);
  if (!newest) return versions.size();
  return std::min(versions.size(), *newest + 1 + static_cast<size_t>(std::max(keep, 0)));
}

int64_t NextChangeMs(Versions versions, int64_t now_ms) {
  int64_t next = 0;
  const auto consider = [&next, now_ms](int64_t time_ms) {
    if (time_ms > now_ms && (next == 0 || time_ms < next)) next = time_ms;
  };
  for (const DocumentRecord& version : versions) {
    consider(version.effective_unix_ms());
    consider(version.expires_unix_ms());
  }
  return next;
}

}  // namespace hadal::retrieval

#include "services/inference/memory_budget.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <sstream>

#include "base/file.h"

namespace hadal::inference_service {
namespace {

int64_t MiB(int64_t bytes) { return bytes >> 20; }

/// Files of /proc and /sys say that they are empty: read what comes.
std::string ReadAll(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  char part[4096];
  for (ssize_t size = 1; fd.valid() && size > 0 && text.size() < (1 << 20);) {
    size = ::read(fd.get(), part, sizeof(part));
    if (size > 0) text.append(part, static_cast<size_t>(size));
  }
  return text;
}

/// The number that begins `text`; INT64_MAX ("max", or no file) where none does.
int64_t LimitIn(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && value > 0 ? value : INT64_MAX;
}

int64_t MemTotal(const std::string& root) {
  std::istringstream lines(ReadAll(root + "/proc/meminfo"));
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("MemTotal:")) continue;
    const size_t digits = line.find_first_of("0123456789");
    if (digits != std::string::npos) return LimitIn(std::string_view(line).substr(digits)) * 1024;
  }
  return INT64_MAX;
}

/// The least limit on the way from this process' group to the root: each binds. Version 2 has one
/// hierarchy ("0::/path"), version 1 one for memory ("4:memory:/path").
int64_t GroupLimit(const std::string& root) {
  int64_t limit = INT64_MAX;
  std::istringstream lines(ReadAll(root + "/proc/self/cgroup"));
  for (std::string line; std::getline(lines, line);) {
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const bool unified = controllers.empty();
    if (!unified && controllers != "memory") continue;
    const std::string base = root + (unified ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory");
    const char* file = unified ? "/memory.max" : "/memory.limit_in_bytes";
    std::string path = line.substr(second + 1);
    while (true) {
      if (path.ends_with('/')) path.pop_back();
      limit = std::min(limit, LimitIn(ReadAll(base + path + file)));
      if (path.empty()) break;
      path.resize(std::min(path.rfind('/'), path.size()));
    }
  }
  return limit;
}

}  // namespace

int64_t MachineMemoryBytes(const std::string& root) {
  return std::min(MemTotal(root), GroupLimit(root));
}

std::string Describe(const inference::ModelPlan& plan) {
  const std::string cache = plan.kv_bytes == 0 ? ""
                                               : fmt::format(", KV cache {} MiB for {} tokens",
                                                             MiB(plan.kv_bytes), plan.kv_tokens);
  return fmt::format("weights {} MiB{}, buffers {} MiB: {} MiB", MiB(plan.weight_bytes), cache,
                     MiB(plan.buffer_bytes), MiB(plan.total_bytes()));
}

Status MemoryBudget::Reserve(const std::string& id, const inference::ModelPlan& plan) {
  absl::MutexLock lock(&mu_);
  int64_t used = 0;
  std::string holders;
  for (const auto& [other, bytes] : reserved_) {
    used += bytes;
    holders += fmt::format("{}{} {} MiB", holders.empty() ? "" : ", ", other, MiB(bytes));
  }
  if (plan.total_bytes() > bytes_ - used) {
    return ResourceExhausted(
        "the model {} needs {}; of {} MiB for models {} are free (loaded: {}); unload another, "
        "lower kv_cache_mib, or raise memory_budget_mib",
        id, Describe(plan), MiB(bytes_), MiB(std::max<int64_t>(0, bytes_ - used)),
        holders.empty() ? "none" : holders);
  }
  reserved_[id] = plan.total_bytes();
  return OkStatus();
}

void MemoryBudget::Release(const std::string& id) {
  absl::MutexLock lock(&mu_);
  reserved_.erase(id);
}

int64_t MemoryBudget::ReservedBy(const std::string& id) const {
  absl::MutexLock lock(&mu_);
  const auto found = reserved_.find(id);
  return found == reserved_.end() ? 0 : found->second;
}

}  // namespace hadal::inference_service

#include "inference/engine/fair_share.h"

#include <algorithm>

#include "base/check.h"

namespace hadal::inference {

void FairShare::Enter(const std::string& tenant) {
  const int64_t least = LeastActive();
  Account& account = accounts_[tenant];
  if (account.sequences++ == 0 && least != INT64_MAX) {
    account.served = std::max(account.served, least);
  }
}

void FairShare::Leave(const std::string& tenant) {
  Account& account = accounts_.at(tenant);
  CHECK(account.sequences > 0);
  if (--account.sequences > 0) return;
  // Whoever is behind all others carries no state: it would be lifted to them.
  const int64_t least = LeastActive();
  std::erase_if(accounts_, [least](const auto& entry) {
    return entry.second.sequences == 0 && entry.second.served <= least;
  });
}

void FairShare::Charge(const std::string& tenant, int64_t prompt_tokens, int64_t generated_tokens) {
  accounts_.at(tenant).served +=
      kPromptWeight * prompt_tokens + kGeneratedWeight * generated_tokens;
}

int64_t FairShare::LeastActive() const {
  int64_t least = INT64_MAX;
  for (const auto& [tenant, account] : accounts_) {
    if (account.sequences > 0) least = std::min(least, account.served);
  }
  return least;
}

}  // namespace hadal::inference

#include "retrieval/store/timetable.h"

namespace hadal::retrieval {

void Timetable::Set(const Document& document, std::optional<ChunkRange> indexed,
                    int64_t next_change_ms) {
  if (const auto it = change_ms_.find(document); it != change_ms_.end()) {
    by_time_.erase({it->second, document});
    change_ms_.erase(it);
  }
  indexed_.erase(document);
  if (indexed) indexed_[document] = *indexed;
  if (next_change_ms != 0) {
    change_ms_[document] = next_change_ms;
    by_time_.insert({next_change_ms, document});
  }
  UpdateNext();
}

void Timetable::ForgetBase(uint32_t base) {
  const auto in_base = [base](const auto& entry) { return entry.first.first == base; };
  std::erase_if(indexed_, in_base);
  std::erase_if(change_ms_, in_base);
  std::erase_if(by_time_, [base](const auto& entry) { return entry.second.first == base; });
  UpdateNext();
}

std::optional<ChunkRange> Timetable::Indexed(const Document& document) const {
  const auto it = indexed_.find(document);
  return it == indexed_.end() ? std::nullopt : std::optional<ChunkRange>(it->second);
}

std::optional<Timetable::Document> Timetable::Due(int64_t now_ms) const {
  if (by_time_.empty() || by_time_.begin()->first > now_ms) return std::nullopt;
  return by_time_.begin()->second;
}

void Timetable::UpdateNext() {
  next_change_ms_ =
      by_time_.empty() ? std::numeric_limits<int64_t>::max() : by_time_.begin()->first;
}

}  // namespace hadal::retrieval

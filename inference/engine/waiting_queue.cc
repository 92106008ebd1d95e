#include "inference/engine/waiting_queue.h"

#include <algorithm>
#include <tuple>

#include "base/check.h"

namespace hadal::inference {

void WaitingQueue::Add(std::unique_ptr<Sequence> sequence) {
  sequence->waits_since = step_;
  lines_[KeyOf(*sequence)].sequences.push_back(std::move(sequence));
}

void WaitingQueue::Return(std::unique_ptr<Sequence> sequence) {
  auto& line = lines_[KeyOf(*sequence)].sequences;
  const auto place = std::upper_bound(
      line.begin(), line.end(), sequence->arrival,
      [](int64_t arrival, const auto& waiting) { return arrival < waiting->arrival; });
  line.insert(place, std::move(sequence));
}

Sequence* WaitingQueue::Next() {
  const auto rank = [this](const Sequence& sequence) {
    return std::tuple(-sequence.urgency, !sequence.admitted,
                      shares_->served(sequence.request.tenant), sequence.arrival);
  };
  Sequence* next = nullptr;
  for (const auto& [key, line] : lines_) {
    Sequence& head = *line.sequences.front();
    head.urgency = key.second + (step_ - WaitsSince(head, line)) / aging_steps_;
    if (next == nullptr || rank(head) < rank(*next)) next = &head;
  }
  return next;
}

std::unique_ptr<Sequence> WaitingQueue::TakeNext(const Sequence& next) {
  const auto it = lines_.find(KeyOf(next));
  Line& line = it->second;
  CHECK(line.sequences.front().get() == &next);
  std::unique_ptr<Sequence> taken = std::move(line.sequences.front());
  taken->waits_since = WaitsSince(*taken, line);  // what it keeps, should it be preempted
  line.served_at = step_;
  line.sequences.pop_front();
  if (line.sequences.empty()) lines_.erase(it);
  return taken;
}

/// The step from which a head's waiting counts.
int64_t WaitingQueue::WaitsSince(const Sequence& head, const Line& line) const {
  return head.admitted ? head.waits_since : std::max(head.waits_since, line.served_at);
}

int32_t WaitingQueue::size() const {
  size_t size = 0;
  for (const auto& [key, line] : lines_) size += line.sequences.size();
  return static_cast<int32_t>(size);
}

int32_t WaitingQueue::num_new() const {
  int64_t count = 0;
  for (const auto& [key, line] : lines_) {
    count += std::count_if(line.sequences.begin(), line.sequences.end(),
                           [](const auto& sequence) { return !sequence->admitted; });
  }
  return static_cast<int32_t>(count);
}

}  // namespace hadal::inference

// Sealing, merging and purging: files are written beside the searches, and members are exchanged in
// one step at the end.

#include <algorithm>
#include <set>

#include "base/check.h"
#include "retrieval/index/base_index.h"

namespace hadal::retrieval {
namespace {

std::vector<uint32_t> SealableSlots(const Segment& segment, const SegmentState& state) {
  std::vector<uint32_t> slots;
  for (uint32_t slot = 0; slot < segment.size(); ++slot) {
    if (state.live(slot) && segment.HasVector(slot)) slots.push_back(slot);
  }
  return slots;
}

/// All chosen slots in groups of at most `most`, ascending by chunk number.
std::vector<std::vector<ChosenSlots>> Divide(absl::Span<const ChosenSlots> chosen, size_t most) {
  std::vector<uint64_t> numbers;
  for (const ChosenSlots& source : chosen) {
    for (const uint32_t slot : source.slots) numbers.push_back(source.segment->numbers()[slot]);
  }
  std::sort(numbers.begin(), numbers.end());
  std::vector<std::vector<ChosenSlots>> groups;
  for (size_t first = 0; first < numbers.size(); first += most) {
    const uint64_t last = numbers[std::min(first + most, numbers.size()) - 1];
    std::vector<ChosenSlots> group;
    for (const ChosenSlots& source : chosen) {
      const absl::Span<const uint64_t> all = source.segment->numbers();
      ChosenSlots part = {source.segment, {}};
      for (const uint32_t slot : source.slots) {
        if (all[slot] >= numbers[first] && all[slot] <= last) part.slots.push_back(slot);
      }
      if (!part.slots.empty()) group.push_back(std::move(part));
    }
    groups.push_back(std::move(group));
  }
  return groups;
}

}  // namespace

Status BaseIndex::Maintain() {
  if (folder_ == nullptr) return OkStatus();
  absl::MutexLock lock(&maintain_mu_);
  RETURN_IF_ERROR(RemoveStrays());
  FreezeOpen();
  for (const std::vector<Member*>& group : WorthRewriting()) RETURN_IF_ERROR(Rewrite(group));
  return OkStatus();
}

Status BaseIndex::Purge() {
  if (folder_ == nullptr) return OkStatus();
  absl::MutexLock lock(&maintain_mu_);
  RETURN_IF_ERROR(RemoveStrays());
  std::vector<Member*> soiled;
  {
    absl::ReaderMutexLock reader(&mu_);
    for (const std::unique_ptr<Member>& member : members_) {
      if (member->sealed != nullptr && member->state.dead_slots() > 0) {
        soiled.push_back(member.get());
      }
    }
  }
  for (Member* member : soiled) RETURN_IF_ERROR(Rewrite({member}));
  return OkStatus();
}

// Files whose removal failed once.
Status BaseIndex::RemoveStrays() {
  ASSIGN_OR_RETURN(const std::vector<SegmentFolder::File> files, folder_->List());
  std::set<std::string> used;
  {
    absl::ReaderMutexLock lock(&mu_);
    for (const std::unique_ptr<Member>& member : members_) {
      if (member->sealed != nullptr) used.insert(member->sealed->path());
    }
  }
  std::vector<std::string> strays;
  for (const SegmentFolder::File& file : files) {
    if (!used.contains(file.path)) strays.push_back(file.path);
  }
  return folder_->Remove(strays);
}

void BaseIndex::FreezeOpen() {
  absl::MutexLock lock(&mu_);
  if (open().state.live_slots() < options_.seal_chunks) return;
  members_.push_back(std::make_unique<Member>(std::make_unique<MemorySegment>(options_.dim)));
}

std::vector<std::vector<BaseIndex::Member*>> BaseIndex::WorthRewriting() const {
  std::vector<Member*> frozen;
  std::vector<std::vector<Member*>> groups;
  std::vector<Member*> small;
  absl::ReaderMutexLock lock(&mu_);
  for (const std::unique_ptr<Member>& member : members_) {
    if (member == members_.back()) break;
    const Segment& segment = member->segment();
    const SegmentState& state = member->state;
    if (member->memory != nullptr) {
      if (state.live_slots() == 0 || !SealableSlots(segment, state).empty()) {
        frozen.push_back(member.get());
      }
    } else if (state.dead_slots() > options_.max_dead_share * segment.size()) {
      groups.push_back({member.get()});
    } else if (state.live_slots() * int64_t{2} <= options_.seal_chunks) {
      small.push_back(member.get());
    }
  }
  if (!frozen.empty()) groups.push_back(std::move(frozen));
  // Two halves make one at the most: each merge leaves a segment less.
  for (size_t i = 0; i + 1 < small.size(); i += 2) groups.push_back({small[i], small[i + 1]});
  return groups;
}

StatusOr<std::vector<std::unique_ptr<SealedSegment>>> BaseIndex::WriteFiles(
    absl::Span<const ChosenSlots> chosen) {
  std::vector<std::string> names;
  {
    absl::ReaderMutexLock lock(&mu_);
    names = languages_;
  }
  std::vector<std::unique_ptr<SealedSegment>> written;
  for (const auto& group : Divide(chosen, static_cast<size_t>(options_.seal_chunks))) {
    ASSIGN_OR_RETURN(const uint64_t sequence, folder_->NextSequence());
    const SegmentIdentity identity = {options_.dim, options_.embedding_model, sequence};
    const std::string path = folder_->PathOf(sequence);
    const WriteOptions write = {names, options_.graph_chunks, options_.cipher.get()};
    RETURN_IF_ERROR(WriteSegment(path, identity, group, write));
    ASSIGN_OR_RETURN(std::unique_ptr<SealedSegment> segment,
                     SealedSegment::Open(path, identity, write.cipher));
    written.push_back(std::move(segment));
  }
  // A change without a new file is one, too.
  if (written.empty()) RETURN_IF_ERROR(folder_->NextSequence().status());
  return written;
}

Status BaseIndex::Rewrite(const std::vector<Member*>& inputs) {
  std::vector<ChosenSlots> chosen;
  {
    absl::ReaderMutexLock lock(&mu_);
    for (const Member* input : inputs) {
      chosen.push_back({&input->segment(), SealableSlots(input->segment(), input->state)});
    }
  }
  // Without the lock: rows with vectors and postings of a segment that grows no more stand still.
  ASSIGN_OR_RETURN(std::vector<std::unique_ptr<SealedSegment>> written, WriteFiles(chosen));
  std::vector<std::unique_ptr<Member>> gone;
  std::vector<std::string> files;
  {
    absl::MutexLock lock(&mu_);
    std::vector<std::unique_ptr<Member>> outputs;
    for (std::unique_ptr<SealedSegment>& segment : written) {
      TranslateLanguages(*segment);
      outputs.push_back(std::make_unique<Member>(std::move(segment)));
    }
    for (size_t i = 0; i < inputs.size(); ++i) TakeOver(*inputs[i], chosen[i].slots, outputs);
    const auto spent = [&](const std::unique_ptr<Member>& member) {
      return member->state.live_slots() == 0 &&
             std::find(inputs.begin(), inputs.end(), member.get()) != inputs.end();
    };
    const auto kept = std::stable_partition(
        members_.begin(), members_.end(),
        [&](const std::unique_ptr<Member>& member) { return !spent(member); });
    gone.assign(std::make_move_iterator(kept), std::make_move_iterator(members_.end()));
    members_.erase(kept, members_.end());
    members_.insert(members_.end() - 1, std::make_move_iterator(outputs.begin()),
                    std::make_move_iterator(outputs.end()));
  }
  for (const std::unique_ptr<Member>& member : gone) {
    if (member->sealed != nullptr) files.push_back(member->sealed->path());
  }
  gone.clear();  // unmapped before the file goes
  return folder_->Remove(files);
}

// What died or changed its label while the files were written does so here too. Runs of one label
// come to life together.
void BaseIndex::TakeOver(Member& input, absl::Span<const uint32_t> slots,
                         absl::Span<const std::unique_ptr<Member>> outputs) {
  const absl::Span<const uint64_t> numbers = input.segment().numbers();
  for (const std::unique_ptr<Member>& output : outputs) {
    const absl::Span<const uint64_t> targets = output->segment().numbers();
    uint32_t first = 0;
    uint32_t end = 0;  // the run first..end-1, all of the class of `sample`
    uint32_t sample = 0;
    const auto flush = [&] {
      if (first < end) output->state.Revive(first, end, input.state.label(sample));
      first = end;
    };
    for (const uint32_t slot : slots) {
      if (!input.state.live(slot)) continue;
      if (end >= targets.size() || targets[end] != numbers[slot]) {
        const uint32_t target = output->segment().FirstSlot(numbers[slot]);
        if (target == targets.size() || targets[target] != numbers[slot]) continue;
        flush();
        first = end = target;
      }
      if (first < end && !input.state.SameLabel(sample, slot)) flush();
      sample = slot;
      ++end;
    }
    flush();
  }
  for (const uint32_t slot : slots) input.state.Kill(slot, slot + 1);
}

}  // namespace hadal::retrieval

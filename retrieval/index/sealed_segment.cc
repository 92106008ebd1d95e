#include "retrieval/index/sealed_segment.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "base/check.h"
#include "retrieval/index/row_codes.h"

namespace hadal::retrieval {
namespace {

constexpr size_t kMaxLanguages = 256;

template <typename Value>
absl::Span<const Value> As(absl::Span<const uint8_t> bytes) {
  return {reinterpret_cast<const Value*>(bytes.data()), bytes.size() / sizeof(Value)};
}

template <typename Values>
bool Ascending(const Values& values) {
  for (size_t i = 1; i < values.size(); ++i) {
    if (values[i - 1] >= values[i]) return false;
  }
  return true;
}

}  // namespace

StatusOr<std::unique_ptr<SealedSegment>> SealedSegment::Open(const std::string& path,
                                                             const SegmentIdentity& identity,
                                                             const SectionCipher* cipher) {
  std::unique_ptr<SealedSegment> segment(new SealedSegment());
  segment->path_ = path;
  segment->sequence_ = identity.sequence;
  segment->dim_ = static_cast<size_t>(identity.dim);
  ASSIGN_OR_RETURN(segment->file_, SegmentFile::Open(path, identity, cipher));
  const SegmentParts& parts = segment->file_->parts();
  segment->numbers_ = As<uint64_t>(parts[Section::kNumbers]);
  segment->lengths_ = As<uint32_t>(parts[Section::kLengths]);
  segment->terms_ = As<TermEntry>(parts[Section::kTerms]);
  segment->blocks_ = As<PostingBlock>(parts[Section::kBlocks]);
  RETURN_IF_ERROR(segment->Check());
  RETURN_IF_ERROR(segment->CheckTerms());
  RETURN_IF_ERROR(segment->ReadLanguages());
  RETURN_IF_ERROR(segment->ReadGraphs());
  return segment;
}

Status SealedSegment::Check() const {
  const SegmentParts& parts = file_->parts();
  const size_t slots = parts.slots;
  const std::pair<Section, size_t> sizes[] = {{Section::kNumbers, slots * sizeof(uint64_t)},
                                              {Section::kLengths, slots * sizeof(uint32_t)},
                                              {Section::kLanguages, slots},
                                              {Section::kVectors, slots * dim_ * sizeof(float)},
                                              {Section::kCodes, slots * CodeStride(dim_)},
                                              {Section::kScales, slots * sizeof(float)},
                                              {Section::kErrors, slots * sizeof(float)}};
  for (const auto& [section, size] : sizes) {
    if (parts[section].size() != size) {
      return DataLoss("section {} of {} has {} bytes, expected {} for {} chunks",
                      static_cast<int>(section), path_, parts[section].size(), size, slots);
    }
  }
  if (!Ascending(numbers_)) return DataLoss("the chunks of {} are not ascending", path_);
  return OkStatus();
}

Status SealedSegment::CheckTerms() const {
  const size_t packed = file_->parts()[Section::kPostings].size();
  const auto impossible = [this](const char* what) {
    return DataLoss("{} of {} are impossible", what, path_);
  };
  if (packed < kPackedSlack) return impossible("postings");
  uint64_t next = 0;
  for (size_t t = 0; t < terms_.size(); ++t) {
    const TermEntry& term = terms_[t];
    if ((t > 0 && terms_[t - 1].id >= term.id) || term.postings == 0 || term.first_block != next) {
      return impossible("terms");
    }
    next += (uint64_t{term.postings} + kPostingBlock - 1) / kPostingBlock;
    if (next > blocks_.size()) return impossible("terms");
    for (uint64_t b = term.first_block; b < next; ++b) {
      const PostingBlock& block = blocks_[b];
      const bool last = b + 1 == next;
      const uint32_t expected = last ? (term.postings - 1) % kPostingBlock + 1 : kPostingBlock;
      const bool ascending = b == term.first_block || blocks_[b - 1].last_slot < block.last_slot;
      if (block.postings != expected || !ascending || block.last_slot >= numbers_.size() ||
          block.slot_bits > 32 || block.count_bits > 32 ||
          block.offset + uint64_t{PackedSize(block)} > packed - kPackedSlack) {
        return impossible("blocks of postings");
      }
    }
  }
  if (next != blocks_.size()) return impossible("blocks of postings");
  return OkStatus();
}

Status SealedSegment::ReadLanguages() {
  const SegmentParts& parts = file_->parts();
  std::string name;
  for (const uint8_t byte : parts[Section::kLanguageNames]) {
    if (byte != 0) {
      name.push_back(static_cast<char>(byte));
      continue;
    }
    language_names_.push_back(std::exchange(name, {}));
  }
  const absl::Span<const uint8_t> languages = parts[Section::kLanguages];
  languages_.assign(languages.begin(), languages.end());
  const bool known = std::all_of(languages.begin(), languages.end(), [this](uint8_t language) {
    return language < language_names_.size();
  });
  if (!known || language_names_.size() > kMaxLanguages || !name.empty()) {
    return DataLoss("the languages of {} are impossible", path_);
  }
  return OkStatus();
}

Status SealedSegment::ReadGraphs() {
  absl::Span<const uint8_t> bytes = file_->parts()[Section::kGraphs];
  std::array<bool, kMaxLanguages> seen{};
  while (!bytes.empty()) {
    StatusOr<Graph> graph = Graph::Take(bytes, *this);
    if (!graph.ok()) return Annotate(graph.status(), path_);
    const uint8_t language = languages_[graph->slots()[0]];
    const auto nodes = static_cast<std::ptrdiff_t>(graph->nodes());
    if (std::exchange(seen[language], true) ||
        std::count(languages_.begin(), languages_.end(), language) != nodes) {
      return DataLoss("a graph of {} is not over the chunks of one language", path_);
    }
    graphs_.push_back(*std::move(graph));
  }
  return OkStatus();
}

void SealedSegment::TranslateLanguages(absl::Span<const uint8_t> numbers) {
  CHECK(numbers.size() == language_names_.size());
  for (uint8_t& language : languages_) language = numbers[language];
}

VectorRows SealedSegment::rows() const {
  const SegmentParts& parts = file_->parts();
  return {dim_,
          As<float>(parts[Section::kVectors]).data(),
          As<int8_t>(parts[Section::kCodes]).data(),
          As<float>(parts[Section::kScales]).data(),
          As<float>(parts[Section::kErrors]).data(),
          parts.max_norm};
}

PostingList SealedSegment::ListOf(size_t term) const {
  const size_t first = terms_[term].first_block;
  const size_t end = term + 1 < terms_.size() ? terms_[term + 1].first_block : blocks_.size();
  return {blocks_.subspan(first, end - first), file_->parts()[Section::kPostings],
          terms_[term].postings};
}

PostingList SealedSegment::Postings(TermId term) const {
  const auto below = [](const TermEntry& entry, TermId wanted) { return entry.id < wanted; };
  const auto it = std::lower_bound(terms_.begin(), terms_.end(), term, below);
  if (it == terms_.end() || it->id != term) return {};
  return ListOf(static_cast<size_t>(it - terms_.begin()));
}

void SealedSegment::ForEachTerm(
    const std::function<void(TermId, const PostingList&)>& visit) const {
  for (size_t t = 0; t < terms_.size(); ++t) visit(terms_[t].id, ListOf(t));
}

}  // namespace hadal::retrieval

#include "retrieval/index/segment_writer.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include "base/check.h"
#include "retrieval/index/graph.h"
#include "retrieval/index/row_codes.h"
#include "retrieval/index/sealed_segment.h"

namespace hadal::retrieval {
namespace {

constexpr uint32_t kLeftOut = std::numeric_limits<uint32_t>::max();

template <typename Value>
absl::Span<const uint8_t> AsBytes(const std::vector<Value>& values) {
  return {reinterpret_cast<const uint8_t*>(values.data()), values.size() * sizeof(Value)};
}

absl::Span<const uint8_t> AsBytes(const std::string& bytes) {
  return {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
}

class Gatherer {
 public:
  Gatherer(const SegmentIdentity& identity, absl::Span<const ChosenSlots> chosen)
      : identity_(identity), chosen_(chosen), dim_(static_cast<size_t>(identity.dim)) {
    for (size_t s = 0; s < chosen.size(); ++s) {
      for (const uint32_t slot : chosen[s].slots) {
        origins_.push_back({chosen[s].segment->numbers()[slot], s, slot});
      }
    }
    std::sort(origins_.begin(), origins_.end(),
              [](const Origin& a, const Origin& b) { return a.number < b.number; });
  }

  Status Write(const std::string& path, const WriteOptions& options) {
    GatherRows();
    GatherPostings();
    if (options.graph_chunks > 0) BuildGraphs(options.graph_chunks);
    std::string names;
    for (const std::string& name : options.language_names) {
      names.append(name.c_str());  // without what is behind a zero byte
      names.push_back('\0');
    }
    SegmentParts parts;
    parts.slots = static_cast<uint32_t>(origins_.size());
    parts.max_norm = max_norm_;
    parts[Section::kNumbers] = AsBytes(numbers_);
    parts[Section::kLengths] = AsBytes(lengths_);
    parts[Section::kLanguages] = AsBytes(languages_);
    parts[Section::kLanguageNames] = AsBytes(names);
    parts[Section::kVectors] = AsBytes(vectors_);
    parts[Section::kCodes] = AsBytes(codes_);
    parts[Section::kScales] = AsBytes(scales_);
    parts[Section::kErrors] = AsBytes(errors_);
    parts[Section::kTerms] = AsBytes(terms_);
    parts[Section::kBlocks] = AsBytes(blocks_);
    parts[Section::kPostings] = AsBytes(packed_);
    parts[Section::kGraphs] = AsBytes(graphs_);
    return WriteSegmentFile(path, identity_, parts, options.cipher);
  }

 private:
  struct Origin {
    uint64_t number;
    size_t source;
    uint32_t slot;
  };

  void GatherRows() {
    const size_t stride = CodeStride(dim_);
    vectors_.resize(origins_.size() * dim_);
    codes_.resize(origins_.size() * stride);
    for (size_t i = 0; i < origins_.size(); ++i) {
      const auto& [number, source, slot] = origins_[i];
      const Segment& segment = *chosen_[source].segment;
      CHECK(numbers_.empty() || numbers_.back() < number);
      numbers_.push_back(number);
      lengths_.push_back(segment.lengths()[slot]);
      languages_.push_back(segment.languages()[slot]);
      const absl::Span<const float> row = {segment.rows().vectors + slot * dim_, dim_};
      std::copy(row.begin(), row.end(), vectors_.begin() + static_cast<std::ptrdiff_t>(i * dim_));
      const RowCode code = EncodeRow(row, codes_.data() + i * stride);
      scales_.push_back(code.scale);
      errors_.push_back(code.error);
      max_norm_ = std::max(max_norm_, code.norm);
    }
  }

  void GatherPostings() {
    std::vector<TermId> ids;
    std::vector<std::vector<uint32_t>> new_slots;  // [sources][slots]
    for (const ChosenSlots& source : chosen_) {
      new_slots.emplace_back(source.segment->size(), kLeftOut);
      source.segment->ForEachTerm([&ids](TermId id, const PostingList&) { ids.push_back(id); });
    }
    for (size_t i = 0; i < origins_.size(); ++i) {
      new_slots[origins_[i].source][origins_[i].slot] = static_cast<uint32_t>(i);
    }
    std::sort(ids.begin(), ids.end());
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    std::vector<Posting> postings;
    for (const TermId id : ids) {
      postings.clear();
      for (size_t s = 0; s < chosen_.size(); ++s) {
        Renumber(chosen_[s].segment->Postings(id), new_slots[s], postings);
      }
      std::sort(postings.begin(), postings.end(),
                [](const Posting& a, const Posting& b) { return a.slot < b.slot; });
      Pack(id, postings);
    }
    packed_.append(kPackedSlack, '\0');
  }

  static void Renumber(const PostingList& list, const std::vector<uint32_t>& new_slots,
                       std::vector<Posting>& out) {
    DecodedBlock block;
    for (size_t b = 0; b < list.blocks().size(); ++b) {
      list.Decode(b, block);
      for (uint32_t i = 0; i < block.size; ++i) {
        const uint32_t slot = new_slots[block.slots[i]];
        if (slot != kLeftOut) out.push_back({slot, block.counts[i]});
      }
    }
  }

  void Pack(TermId id, absl::Span<const Posting> postings) {
    if (postings.empty()) return;
    terms_.push_back(
        {id, static_cast<uint32_t>(blocks_.size()), static_cast<uint32_t>(postings.size())});
    int64_t previous = -1;
    for (size_t first = 0; first < postings.size(); first += kPostingBlock) {
      const absl::Span<const Posting> block = postings.subspan(first, kPostingBlock);
      blocks_.push_back(PackBlock(block, previous, lengths_, packed_));
      previous = block.back().slot;
    }
  }

  void BuildGraphs(uint32_t least) {
    std::array<std::vector<uint32_t>, 256> slots;
    for (uint32_t slot = 0; slot < languages_.size(); ++slot) {
      slots[languages_[slot]].push_back(slot);
    }
    const VectorRows rows = {dim_,           vectors_.data(), codes_.data(),
                             scales_.data(), errors_.data(),  max_norm_};
    for (const std::vector<uint32_t>& of_language : slots) {
      if (of_language.size() >= least) BuildGraph(rows, of_language, graphs_);
    }
  }

  const SegmentIdentity& identity_;
  const absl::Span<const ChosenSlots> chosen_;
  const size_t dim_;
  std::vector<Origin> origins_;  // by new slot
  std::vector<uint64_t> numbers_;
  std::vector<uint32_t> lengths_;
  std::vector<uint8_t> languages_;
  std::vector<float> vectors_;
  std::vector<int8_t> codes_;
  std::vector<float> scales_;
  std::vector<float> errors_;
  float max_norm_ = 0;
  std::vector<TermEntry> terms_;
  std::vector<PostingBlock> blocks_;
  std::string packed_;
  std::string graphs_;
};

}  // namespace

Status WriteSegment(const std::string& path, const SegmentIdentity& identity,
                    absl::Span<const ChosenSlots> chosen, const WriteOptions& options) {
  return Gatherer(identity, chosen).Write(path, options);
}

void CopyChunks(const Segment& from, absl::Span<const uint32_t> slots, MemorySegment& to) {
  std::vector<uint32_t> place(from.size(), kLeftOut);
  std::vector<TermCounts> terms(slots.size());
  for (size_t i = 0; i < slots.size(); ++i) place[slots[i]] = static_cast<uint32_t>(i);
  from.ForEachTerm([&](TermId id, const PostingList& list) {
    DecodedBlock block;
    for (size_t b = 0; b < list.blocks().size(); ++b) {
      list.Decode(b, block);
      for (uint32_t i = 0; i < block.size; ++i) {
        const uint32_t at = place[block.slots[i]];
        if (at != kLeftOut) terms[at].terms.emplace_back(id, block.counts[i]);
      }
    }
  });
  const VectorRows rows = from.rows();
  for (size_t i = 0; i < slots.size(); ++i) {
    const uint32_t slot = slots[i];
    terms[i].length = from.lengths()[slot];
    absl::Span<const float> vector;
    if (from.HasVector(slot)) vector = {rows.vectors + slot * rows.dim, rows.dim};
    to.Add(from.numbers()[slot], from.languages()[slot], terms[i], vector);
  }
}

}  // namespace hadal::retrieval
